//! What the engine knows, for `xvrrpd status` and the control socket.

mod trackers;

pub use trackers::{FileStatus, ProbeStatus, ProcessStatus, ScriptStatus, TrackedStatus};

use super::{Engine, conflict::LastSign, why::Why};
use crate::{
    config::model::Lease,
    election::transition::State,
    ownership::command::{Epoch, GateId, VrId},
    time::Instant,
    tracking::effective::Fault,
};
use core::{net::IpAddr, time::Duration};
use serde::Serialize;
use std::collections::BTreeMap;
use vrrp_common::maps::VrKey;

/// The whole state, at one moment. Instants are `CLOCK_MONOTONIC` nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// `on`, `handing over` or `off`.
    pub maintenance: &'static str,
    /// Lease and claim settings.
    pub lease: Lease,
    /// Every `vrrp_instance`.
    pub instances: Vec<InstanceStatus>,
    /// Every `vrrp_sync_group`.
    pub groups: Vec<GroupStatus>,
    /// Every script that something tracks.
    pub scripts: Vec<ScriptStatus>,
    /// Every file that something tracks.
    pub files: Vec<FileStatus>,
    /// Every process that something tracks.
    pub processes: Vec<ProcessStatus>,
    /// Every TCP and HTTP service that something tracks.
    pub probes: Vec<ProbeStatus>,
}

/// One `vrrp_instance`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstanceStatus {
    /// Its name.
    pub name: String,
    /// Its number.
    pub vr: VrId,
    /// Index of its gate record.
    pub gate: GateId,
    /// The claim in force, or the last one; 0: never claimed.
    pub epoch: Epoch,
    /// keepalived's name of its state.
    pub state: &'static str,
    /// A claim is in its hold: told as BACKUP, about to be MASTER.
    pub claiming: bool,
    /// Since when it is in its state.
    pub since: Instant,
    /// Why it came into its state.
    pub reason: String,
    /// `virtual_router_id`.
    pub vrid: u8,
    /// Its interface.
    pub interface: String,
    /// `XVRRP_ROUTERS` key as (ifindex, vlan, vrid, family, cast), once there is one.
    pub key: Option<(u32, u16, u8, u8, u8)>,
    /// Priority as configured.
    pub priority: u8,
    /// Priority with what is tracked.
    pub effective_priority: u8,
    /// Source of its adverts.
    pub source: Option<IpAddr>,
    /// Interval it advertises, in milliseconds.
    pub interval_ms: u64,
    /// The Active it follows.
    pub active: Option<ActiveStatus>,
    /// When it will claim unless it hears the Active.
    pub claim_at: Option<Instant>,
    /// Why it is in FAULT.
    pub faults: Vec<Fault>,
    /// The same in words.
    pub fault_text: Vec<String>,
    /// Its virtual addresses.
    pub addresses: Vec<IpAddr>,
    /// Claims that opened.
    pub times_active: u64,
    /// Claims that ended after they had opened.
    pub times_released: u64,
    /// Adverts with priority 0 that were news.
    pub resignations_heard: u64,
    /// Sends that failed, of its whole group.
    pub send_failures: u64,
    /// Somebody else is to take over: it advertises the lowest priority, or awaits who.
    pub handing_over: bool,
    /// Handed over: it does not preempt until released, or until whoever took over is
    /// silent.
    pub held: bool,
    /// Signs of another owner, by kind.
    pub conflicts: BTreeMap<&'static str, u64>,
    /// The last of them.
    pub last_conflict: Option<LastSign>,
    /// What it tracks, and what that does to it.
    pub tracked: Vec<TrackedStatus>,
    /// What holds it where it is.
    pub why: Why,
}

/// The Active as last heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ActiveStatus {
    /// Its address.
    pub source: IpAddr,
    /// Its priority.
    pub priority: u8,
    /// Its interval, in milliseconds.
    pub interval_ms: u64,
    /// When it was last heard as far as the engine was told; the peer map knows later.
    pub heard: Instant,
}

/// One `vrrp_sync_group`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupStatus {
    /// Its name.
    pub name: String,
    /// Index of its gate record.
    pub gate: GateId,
    /// keepalived's name of its state.
    pub state: &'static str,
    /// Names of its instances.
    pub members: Vec<String>,
}

impl Engine {
    /// A snapshot.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            maintenance: self.maintenance.word(),
            lease: self.config.global.lease,
            instances: self
                .config
                .instances
                .iter()
                .filter_map(|it| self.instance(&it.name))
                .collect(),
            groups: self.groups(),
            scripts: self.scripts(),
            files: self.files(),
            processes: self.processes(),
            probes: self.probes(),
        }
    }

    /// What it runs.
    #[must_use]
    pub const fn config(&self) -> &crate::config::model::Config {
        &self.config
    }

    /// The engine's name for a router the kernel knows by key.
    #[must_use]
    pub fn router_of(&self, key: &VrKey) -> Option<VrId> {
        let has = |record: &super::action::RouterRecord| record.key == *key;
        self.instances
            .values()
            .find(|it| it.record.as_ref().is_some_and(has))
            .map(|it| it.vr)
    }

    fn instance(&self, name: &str) -> Option<InstanceStatus> {
        let it = self.instances.values().find(|it| it.config.name == name)?;
        let team = self.teams.get(&it.gate)?;
        let router = team.group.member(it.vr)?;
        let state = team.group.state();
        let others = self.members_of_parts(it.gate);
        let others = others.iter().filter(|vr| **vr != it.vr);
        let others = others
            .filter_map(|vr| self.instances.get(vr))
            .filter(|o| o.faults.iter().any(Fault::is_certain));
        let mut faults = it.faults.clone();
        let others = others.filter(|_| !self.maintenance.on);
        faults.extend(others.map(|other| Fault::GroupMember(other.config.name.clone())));
        Some(InstanceStatus {
            name: it.config.name.clone(),
            vr: it.vr,
            gate: it.gate,
            epoch: team.epoch,
            state: state.name(),
            claiming: state == State::Claiming,
            since: team.group.since(),
            reason: it.reason.clone(),
            vrid: it.config.vrid,
            interface: it.config.interface.clone(),
            key: it.record.as_ref().map(|record| {
                let VrKey {
                    ifindex,
                    vlan,
                    vrid,
                    family,
                    cast,
                    ..
                } = record.key;
                (ifindex, vlan, vrid, family, cast)
            }),
            priority: it.config.priority,
            effective_priority: it.priority,
            source: it.source(&self.links),
            interval_ms: milliseconds(it.config.advert_interval),
            active: router
                .active()
                .filter(|_| !state.is_claimed())
                .map(|active| ActiveStatus {
                    source: active.source,
                    priority: active.priority,
                    interval_ms: milliseconds(active.interval),
                    heard: active.at,
                }),
            claim_at: team.group.claim_at(self.lead()).map(|(at, _)| at),
            fault_text: faults.iter().map(ToString::to_string).collect(),
            faults,
            addresses: it.addresses().map(|address| address.address).collect(),
            times_active: team.times_active,
            times_released: team.times_released,
            resignations_heard: it.resignations_heard,
            send_failures: team.send_failures,
            handing_over: team.handover.is_some(),
            held: it.held,
            conflicts: it.signs.counts(),
            last_conflict: it.signs.last.clone(),
            tracked: self.tracked_by(it),
            why: self.why(it, team)?,
        })
    }

    fn groups(&self) -> Vec<GroupStatus> {
        let name = |vr: &VrId| self.instances.get(vr).map(|it| it.config.name.clone());
        let with_sync = self
            .teams
            .values()
            .filter_map(|team| Some((team, team.sync.as_ref()?)));
        with_sync
            .map(|(team, sync)| GroupStatus {
                name: sync.name.clone(),
                gate: team.gate,
                state: team.group.state().name(),
                members: team.line_up.iter().filter_map(name).collect(),
            })
            .collect()
    }
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
