//! Real daemons in network namespaces: what the tests share.
//!
//! A [`net::Lab`] is a bridge with routers and a client, each in its own
//! namespace. [`daemon::Running`] is `xvrrpd`, keepalived or FRR on one of the
//! routers; a test is written once and says which two it puts there
//! ([`trial::Trial`]). What really happened is read off the wire by a
//! [`capture::Tap`] on every bridge port, never from a daemon's own word.
//!
//! Everything made here is gone afterwards, also after a panic; what a killed
//! test process left is removed by the next one.
#![allow(clippy::disallowed_methods, reason = "these tests live in real time")]

pub mod bus;
pub mod capture;
pub mod conf;
pub mod daemon;
pub mod emitter;
pub mod evidence;
pub mod frame;
pub mod interrupt;
pub mod log;
pub mod namespace;
pub mod net;
pub mod observe;
pub mod place;
pub mod probe;
pub mod process;
pub mod question;
pub mod referee;
pub mod server;
pub mod service;
pub mod smtp;
pub mod speaker;
pub mod starve;
pub mod trial;
pub mod wait;
