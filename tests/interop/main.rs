//! Routers of other makes as the second router, in both roles.
//!
//! keepalived's everyday cases (version 2 with a password, version 3, IPv6) are
//! in `netns`; here is what needs more than a changed binary: checksum forms,
//! unicast, no address at all, and FRR. Needs root, keepalived and FRR; what is
//! missing fails.
#![allow(clippy::disallowed_methods, reason = "these tests live in real time")]

mod checksum;
mod frr;
mod no_address;
mod scenario;
mod unicast;
