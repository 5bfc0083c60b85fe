//! What the transmit thread sends, as the network and a real keepalived see it.
//!
//! No daemon: the thread runs in the test, on a router of the lab, with gates in
//! ordinary memory. Needs root, keepalived and tshark; what is missing fails.
#![allow(clippy::disallowed_methods, reason = "these tests live in real time")]

mod accepted;
mod dropped;
mod lateness;
mod listening;
mod owner;
mod packets;
mod turn;
mod unicast;
