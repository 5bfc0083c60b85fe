//! The control socket: one JSON object a line, both ways.
//!
//! A request is `{"v":1,"cmd":"status"}`; the answer `{"v":1,"ok":...}` or
//! `{"v":1,"error":"...","supported":{...}}`. `server` answers on a thread of its
//! own, `client` asks.

mod balance_edit;
mod client;
mod server;

#[cfg(test)]
mod server_test;

pub use balance_edit::BalanceEdit;
pub use client::{ClientError, ask};
pub use server::{Asked, Reply, Request, Requests, Server, serve};

use serde::{Deserialize, Serialize};
use std::{fmt, path::PathBuf};

/// Version of this protocol. Raise it when an old client would misread an answer.
pub const VERSION: u32 = 1;

/// Longest request line, in bytes.
pub const REQUEST_MAX_BYTES: usize = 4096;

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cmd", rename_all = "snake_case")]
pub enum Command {
    /// Is the event loop alive? Answers `"pong"`.
    Ping,
    /// The whole state, as an object.
    Status,
    /// Read the configuration again; answers once it is in force or was refused.
    Reload,
    /// Resign and end; answers once that has begun.
    Stop,
    /// End, with everything in place for a successor; answers once that has begun.
    Leave,
    /// Make somebody else own an instance or sync group; answers once that is so.
    Handover {
        /// Of the instance or group.
        name: String,
        /// Resign where nobody claims.
        #[serde(default)]
        force: bool,
    },
    /// It may preempt again.
    Release {
        /// Of the instance or group.
        name: String,
    },
    /// Hand over everything and take no part, or take part again.
    Maintenance {
        /// Begin or end.
        on: bool,
        /// Resign where nobody claims.
        #[serde(default)]
        force: bool,
    },
    /// What is balanced: [`Picture`](crate::shell::balance::picture::Picture).
    Lvs,
    /// Change what is balanced until the next reload.
    LvsEdit(BalanceEdit),
}

impl Command {
    /// As they are written in a request.
    pub const NAMES: [&str; 10] = [
        "ping",
        "status",
        "reload",
        "stop",
        "leave",
        "handover",
        "release",
        "maintenance",
        "lvs",
        "lvs_edit",
    ];
}

/// Where the socket of a daemon is. `identity` is `COOKIE[-NAME]`: the cookie of its
/// network namespace, and its instance name if it has one.
#[must_use]
pub fn socket_path(identity: &impl fmt::Display) -> PathBuf {
    PathBuf::from(format!("/run/xvrrp/{identity}.sock"))
}
