//! `xvrrpd` as a library.
//!
//! The rooms, pure first; imports point one way, `vrrp-common` <- pure rooms <-
//! `engine` <- `shell` <- `cli`. Pure rooms take time, packets and results as
//! arguments and give actions back as data; they build without the `shell`
//! feature, which is how the build proves that they touch nothing.

pub mod time;

pub mod balance;
pub mod config;
pub mod election;
pub mod engine;
pub mod explain;
pub mod ownership;
pub mod packet;
pub mod proof;
pub mod simulate;
pub mod tracking;

#[cfg(feature = "shell")]
pub mod cli;
#[cfg(feature = "shell")]
pub mod shell;
