//! What is known: the part of the daemon's answer that is explained, and of the maps.
//! What another version of the daemon does not say is left out.

use core::{net::IpAddr, time::Duration};
use serde::Deserialize;

/// Interface index, VLAN, VRID, family and cast, as in the maps.
pub type Key = (u32, u16, u8, u8, u8);

/// The daemon's answer to `status`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Facts {
    pub(super) now_ns: u64,
    pub(super) engine: Engine,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Engine {
    pub(super) maintenance: String,
    pub(super) instances: Vec<Instance>,
    pub(super) groups: Vec<Group>,
    pub(super) scripts: Vec<Script>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Instance {
    pub(super) name: String,
    pub(super) state: String,
    pub(super) claiming: bool,
    pub(super) since: u64,
    pub(super) reason: String,
    pub(super) interface: String,
    pub(super) key: Option<Key>,
    pub(super) priority: u8,
    pub(super) effective_priority: u8,
    pub(super) source: Option<IpAddr>,
    pub(super) active: Option<Active>,
    pub(super) claim_at: Option<u64>,
    pub(super) fault_text: Vec<String>,
    pub(super) times_active: u64,
    pub(super) handing_over: bool,
    pub(super) held: bool,
    pub(super) tracked: Vec<Tracked>,
    pub(super) why: Why,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Active {
    pub(super) source: Option<IpAddr>,
    pub(super) priority: u8,
    pub(super) interval_ms: u64,
    pub(super) heard: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tracked {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) value: String,
    pub(super) effect: String,
    pub(super) change: i32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Why {
    pub(super) nopreempt: bool,
    pub(super) preempt_delay_ms: u64,
    pub(super) preempt_at: Option<u64>,
    pub(super) start_at: Option<u64>,
    pub(super) down_interval_ms: u64,
    pub(super) adverts: u8,
    pub(super) last_member: Option<String>,
    pub(super) handover: Option<String>,
    pub(super) offered_until: Option<u64>,
    pub(super) inherited_priority: Option<u8>,
    pub(super) what_if: Vec<WhatIf>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WhatIf {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) up: Outcome,
    pub(super) down: Outcome,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Outcome {
    pub(super) effect: String,
    pub(super) change: i32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) members: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Script {
    pub(super) name: String,
    pub(super) last: Option<String>,
}

/// What the maps have of one virtual router.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Which.
    pub key: Key,
    /// Its gate is open.
    pub open: bool,
    /// Why it is shut, in words.
    pub why: String,
    /// How long it has been.
    pub shut_for: Option<Duration>,
    /// `lease`: `enforce`, `observe` or `off`.
    pub mode: &'static str,
    /// What is left of the lease.
    pub lease_left: Duration,
    /// Whose adverts were accepted.
    pub heard: Vec<Heard>,
}

/// Somebody whose adverts were accepted.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Its address.
    pub source: IpAddr,
    /// Its priority.
    pub priority: u8,
    /// Its interval.
    pub interval: Duration,
    /// Since its last advert.
    pub age: Duration,
}

impl Facts {
    pub(super) fn group_of(&self, instance: &str) -> Option<&Group> {
        let mut groups = self.engine.groups.iter();
        groups.find(|it| it.members.iter().any(|name| name == instance))
    }

    /// Since then.
    pub(super) fn ago(&self, at_ns: u64) -> Duration {
        Duration::from_nanos(self.now_ns.saturating_sub(at_ns))
    }

    /// Until then; none if that is over.
    pub(super) fn until(&self, at_ns: u64) -> Option<Duration> {
        let left = at_ns.checked_sub(self.now_ns)?;
        (left > 0).then(|| Duration::from_nanos(left))
    }
}
