//! What the XDP and tc programs decide.
//!
//! Every decision is a function of three things: the bytes of a frame seen
//! through [`view`], the maps seen through [`tables`], and the interface. Nothing
//! here knows which side of the kernel boundary it runs on, so the functions
//! tested on the host are the ones the programs run.
//!
//! The kernel side never elects. It observes, answers and drops; it may shut a
//! gate, never open one.
#![cfg_attr(target_arch = "bpf", no_std)]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]
#![allow(
    clippy::inline_always,
    reason = "a BPF call costs stack and what the verifier knows; where one is wanted it says so"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_lossless,
    reason = "lengths come from 8- and 16-bit fields, and a conversion that may panic does not load"
)]

pub mod address;
pub mod advert;
pub mod balance;
pub mod checksum;
pub mod diagnostic;
pub mod egress;
pub mod ingress;
pub mod lease;
pub mod link;
pub mod neighbor;
pub mod station;
pub mod tables;
pub mod view;

#[cfg(all(not(target_arch = "bpf"), any(test, feature = "testing")))]
pub mod testing;
