//! `virtual_server` between real daemons and real servers: two directors, three servers
//! with nginx, and a client, each in a network namespace.
#![allow(clippy::disallowed_methods, reason = "these tests live in real time")]

mod edits;
mod owners;
mod prepared;
mod restarts;
mod spread;
mod stage;
