//! What `status` answers: the running state, for people and programs.
//!
//! Fields are added, never renamed or reused; readers ignore what they do not know.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The whole daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Version of the program.
    pub program: String,
    /// Process.
    pub pid: u32,
    /// Time since it started, in milliseconds.
    pub uptime_ms: u64,
    /// `COOKIE[-NAME]`.
    pub identity: String,
    /// Configuration file.
    pub config_file: String,
    /// Time since the configuration in force was read, in milliseconds.
    pub config_age_ms: u64,
    /// Why the last reload was refused, if it was.
    pub config_error: Option<String>,
    /// What outlives the daemon and what does not, if anything is to be said.
    pub fence_note: Option<String>,
    /// Log lines lost because the log did not take them in time.
    pub log_lines_lost: u64,
    /// In file order.
    pub instances: Vec<Instance>,
    /// In file order.
    pub groups: Vec<Group>,
    /// In file order.
    pub scripts: Vec<Script>,
    /// Interfaces with programs attached.
    pub interfaces: Vec<Interface>,
}

/// A `vrrp_instance`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// `INIT`, `BACKUP`, `MASTER` or `FAULT`.
    pub state: String,
    /// Why it is in this state, in words.
    pub reason: String,
    /// Time in this state, in milliseconds.
    pub since_ms: u64,
    /// Times it became MASTER.
    pub became_master: u64,
    /// Interface name.
    pub interface: String,
    /// Its index, if the interface exists.
    pub ifindex: Option<u32>,
    /// Virtual router ID.
    pub vrid: u8,
    /// 4 or 6.
    pub family: u8,
    /// 2 or 3.
    pub version: u8,
    /// As configured.
    pub priority: u8,
    /// With tracking applied.
    pub effective_priority: u8,
    /// Advertisement interval, in milliseconds.
    pub interval_ms: u64,
    /// Of whom it is Backup, if it has heard anybody.
    pub master: Option<IpAddr>,
    /// Index of its gate in the maps.
    pub gate: u32,
    /// Its virtual addresses.
    pub addresses: Vec<Address>,
}

/// A virtual address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The address.
    pub address: IpAddr,
    /// Prefix length in bits.
    pub prefix_len: u8,
    /// It is on the interface.
    pub placed: bool,
}

/// A `vrrp_sync_group`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// As of an instance.
    pub state: String,
    /// Names of its instances.
    pub members: Vec<String>,
}

/// A `vrrp_script`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Script {
    /// Its name.
    pub name: String,
    /// Up, down, or no verdict yet.
    pub up: Option<bool>,
    /// How it last ended, in words.
    pub last: String,
}

/// An interface with programs attached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its index.
    pub ifindex: u32,
    /// Up and with carrier.
    pub up: bool,
    /// `native` or `generic`.
    pub xdp_mode: String,
    /// Why not native, or what else is worth knowing.
    pub note: Option<String>,
}
