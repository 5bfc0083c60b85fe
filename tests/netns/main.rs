//! Real daemons in network namespaces.
//!
//! Every scenario is written once and run for each pair of daemons: `xvrrpd`
//! against itself and against keepalived, in both roles. Needs root and
//! keepalived; what is missing fails, nothing is skipped. `--ignored` runs the
//! pairs without `xvrrpd`, which check the scenarios themselves.
#![allow(clippy::disallowed_methods, reason = "these tests live in real time")]

mod alerts;
mod conflict;
mod dbus;
mod differences;
mod dumps;
mod failover;
mod fence;
mod fifo;
mod groups;
mod handover;
mod harness;
mod hashed;
mod health;
mod health_revive;
mod hooks;
mod installed;
mod interface;
mod isolation;
mod layouts;
mod lease_mode;
mod lost_news;
mod no_accept;
mod notify;
mod owner;
mod preempted;
mod probes;
mod quiet;
mod refused;
mod reload;
mod reload_fast;
mod renewed;
mod restart;
mod restore;
mod starved;
mod tie;
mod tracking;
mod upkeep;
mod virtual_mac;
