//! Leases and claims: when the transmit thread may open a gate, and until when.

pub mod command;
pub mod lease;
mod owned;
pub mod sender;
