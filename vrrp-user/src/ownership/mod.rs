//! Leases and claims: when the transmit thread may open a gate, and until when.

pub mod command;
mod keeping;
pub mod lease;
mod owned;
pub mod sender;
pub mod standing;
