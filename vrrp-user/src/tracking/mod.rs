//! What is tracked, to effective priority and FAULT.
//!
//! [`checks`] says what is to run when and turns results into up or down, for
//! [`scripts`] and for services ([`probes`]); [`files`] and [`processes`] are told of
//! changes. [`trackers`] has them all, [`effective`] adds up what an instance tracks.

pub mod checks;
pub mod effective;
pub mod files;
pub mod probes;
pub mod processes;
pub mod scripts;
pub mod trackers;
