//! Leases and claims: when the transmit thread may open a gate, and until when.

pub mod command;
