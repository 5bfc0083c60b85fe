//! The contract between `vrrp-ebpf` and `xvrrpd`.
//!
//! Everything both sides must agree on is here and nowhere else: the maps and
//! their byte order, the numbers on the wire, the counters, and the rule that
//! says whether a gate is open.
#![no_std]

pub mod balance;
pub mod counter;
pub mod event;
pub mod gate;
pub mod maps;
pub mod unproven;
pub mod wire;
