//! Scripts and interfaces to effective priority and FAULT.
//!
//! [`scripts`] turns results into up or down and says what is to run when;
//! [`effective`] adds up what an instance tracks.

pub mod effective;
pub mod scripts;
