//! What a predecessor of this process left behind (V13): owning goes on where its
//! lease still runs, and everything else of it is shut.
//!
//! What it owned is in the pinned maps: the gate says until when, the routers'
//! records say whose it is and how it was advertised. While nobody runs, the
//! programs go by that; a winning advert shuts the gate as ever. So a group that
//! is the same as before, and was not beaten, has never ceased to own.

pub mod maps;

use super::{
    Engine,
    action::{Action, Level},
    team::Team,
};
use crate::{
    config::model::{ChecksumPolicy, Version},
    election::{
        timers,
        transition::{Event, State},
    },
    ownership::{
        command::{Epoch, GateId, VrId},
        lease::MAX_LEASE_ADVERTS,
    },
    time::Instant,
};
use core::{cmp::Reverse, net::IpAddr};
use std::collections::{BTreeMap, BTreeSet};
use vrrp_common::maps::{CHECKSUM_GROUP, CHECKSUM_PLAIN, CHECKSUM_PSEUDO, VrKey};

/// A group whose claim nobody has beaten or given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inherited {
    /// Its gate.
    pub gate: GateId,
    /// Its claim.
    pub epoch: Epoch,
    /// Until when the gate is open.
    pub lease_end: Instant,
    /// When the last advert left whose every member sent one.
    pub last_sent: Instant,
    /// When anybody was last heard on one of its virtual routers.
    pub last_heard: Option<Instant>,
    /// Its virtual routers, by key.
    pub members: Vec<InheritedRouter>,
}

/// A virtual router as it was advertised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InheritedRouter {
    /// Its key.
    pub key: VrKey,
    /// Source of its adverts.
    pub source: IpAddr,
    /// Multicast group of its adverts.
    pub group: IpAddr,
    /// Effective priority.
    pub priority: u8,
    /// 2 or 3.
    pub version: u8,
    /// Interval on the wire, in centiseconds.
    pub interval_cs: u32,
    /// `CHECKSUM_*`.
    pub sent_form: u8,
}

impl Engine {
    /// What the pinned maps say, once, before the first
    /// [`Input::Config`](super::input::Input::Config), which settles it.
    pub fn inherit(&mut self, inherited: Vec<Inherited>) {
        let epochs = inherited.iter().map(|it| it.epoch);
        self.last_epoch = epochs.fold(self.last_epoch, Epoch::max);
        self.inherited = inherited;
        self.has_heirloom = true;
    }

    /// What instances inherit together: the gates of exactly these, the greatest first.
    /// Groups are known by their virtual routers, not by name or number.
    pub(super) fn heirlooms(&self, members: &[VrId]) -> Vec<(Inherited, Vec<VrId>)> {
        let keyed = |&vr: &VrId| Some((self.instances.get(&vr)?.key_at(&self.links)?, vr));
        let keys: BTreeMap<VrKey, VrId> = members.iter().filter_map(keyed).collect();
        let mut found = Vec::new();
        for inherited in self.inherited.iter().filter(|it| !it.members.is_empty()) {
            let theirs = inherited
                .members
                .iter()
                .map(|it| keys.get(&it.key).copied());
            if let Some(theirs) = theirs.collect::<Option<BTreeSet<VrId>>>() {
                let in_order = members.iter().filter(|vr| theirs.contains(vr));
                found.push((inherited.clone(), in_order.copied().collect::<Vec<_>>()));
            }
        }
        let count: usize = found.iter().map(|(_, theirs)| theirs.len()).sum();
        if count != members.len() {
            return Vec::new();
        }
        found.sort_by_key(|(_, theirs)| Reverse(theirs.len()));
        found
    }

    /// Shuts what nobody goes on with; `resumed` are those who do.
    pub(super) fn settle_inheritance(&mut self, kept: Vec<GateId>) {
        self.inherited.clear();
        if core::mem::take(&mut self.has_heirloom) {
            // Ahead of everything: nothing new is told to a gate that is still open.
            self.actions.push_front(Action::CloseOthers { kept });
        }
    }

    /// Goes on with what the team inherited, if it can. `true`: its gate stays as it is.
    pub(super) fn resume(&mut self, gate: GateId, inherited: &Inherited, now: Instant) -> bool {
        let members = self.members(gate);
        let same = |&vr: &VrId| self.is_as_advertised(vr, inherited);
        if !members.iter().all(same) {
            return false;
        }
        let owns = now < inherited.lease_end;
        if !owns && !self.lapsed_lately(gate, inherited, now) {
            return false;
        }
        for &vr in &members {
            self.take_on(vr, inherited, now);
        }
        if owns {
            self.resume_owning(gate, inherited, now);
        } else {
            let why = "the lease lapsed during a restart, claiming again";
            self.apply(gate, Event::LapseLately, now, why);
        }
        owns
    }

    /// So little time has passed since its last advert that nobody can have claimed.
    fn lapsed_lately(&self, gate: GateId, inherited: &Inherited, now: Instant) -> bool {
        let Inherited {
            last_sent,
            last_heard,
            ..
        } = *inherited;
        let known_cs = inherited.members.iter().map(|it| it.interval_cs).min();
        let known = timers::centiseconds(known_cs.unwrap_or_default());
        last_heard.is_none_or(|at| at <= last_sent)
            && self
                .teams
                .get(&gate)
                .is_some_and(|team| team.group.lapsed_lately(last_sent, known, now))
    }

    /// One member as its peers know it, whatever its scripts will say.
    fn take_on(&mut self, vr: VrId, inherited: &Inherited, now: Instant) {
        let Some(instance) = self.instances.get_mut(&vr) else {
            return;
        };
        let key = instance.key_at(&self.links);
        let Some(was) = inherited.members.iter().find(|it| Some(it.key) == key) else {
            return;
        };
        instance.priority = was.priority;
        instance.inherited_priority = Some(was.priority);
        instance.learned_form = Some(was.sent_form);
        let params = instance.params(&self.links);
        if let Some(team) = self.teams.get_mut(&instance.gate) {
            team.group.set_params(vr, params, now);
            team.group.inherit(inherited.last_sent);
        }
    }

    fn resume_owning(&mut self, gate: GateId, inherited: &Inherited, now: Instant) {
        let members = self.members(gate);
        let lease = self.config.global.lease;
        let mut lease_adverts = lease.adverts.min(MAX_LEASE_ADVERTS);
        let mut adverts = Vec::with_capacity(members.len());
        for vr in &members {
            let Some(instance) = self.instances.get_mut(vr) else {
                continue;
            };
            lease_adverts = lease_adverts.min(instance.config.down_timer_adverts);
            instance.advert = instance.build_advert(&self.links);
            instance.peers_know();
            adverts.extend(instance.advert.clone());
        }
        if let Some(team) = self.teams.get_mut(&gate) {
            team.epoch = inherited.epoch;
        }
        self.actions.push_back(Action::Resume {
            gate,
            epoch: inherited.epoch,
            lease_end: inherited.lease_end,
            last_sent: inherited.last_sent,
            hold: lease.claim_hold,
            loss_tolerance: lease.loss_tolerance,
            lease_adverts,
            adverts,
        });
        self.desired.addresses_stale = true;
        let left_ms = inherited.lease_end.since(now).as_millis();
        for vr in members {
            let line = format!("Resuming as MASTER, {left_ms} ms before the lease ends");
            self.log_of(vr, Level::Info, &line);
        }
        self.apply(gate, Event::Resume, now, "resumed after a restart");
    }

    /// Peers count on what was advertised: with another version, interval, group or
    /// source it is another router to them.
    fn is_as_advertised(&self, vr: VrId, inherited: &Inherited) -> bool {
        let Some(instance) = self.instances.get(&vr) else {
            return false;
        };
        let version = match instance.config.version {
            Version::V2 => 2,
            Version::V3 => 3,
        };
        let checksum = match instance.config.checksum {
            ChecksumPolicy::Learn => None,
            ChecksumPolicy::Plain => Some(CHECKSUM_PLAIN),
            ChecksumPolicy::Pseudo => Some(CHECKSUM_PSEUDO),
            ChecksumPolicy::Group => Some(CHECKSUM_GROUP),
        };
        let key = instance.key_at(&self.links);
        inherited.members.iter().any(|was| {
            Some(was.key) == key
                && was.version == version
                && was.interval_cs == instance.interval_cs()
                && Some(was.source) == instance.source(&self.links)
                && was.group == instance.config.group
                && checksum.is_none_or(|form| form == was.sent_form)
        })
    }

    /// QUIT: a successor is to find everything as it is, and as much time as there can
    /// be. A claim that has not opened is left to its rivals.
    pub(super) fn leave(&mut self) {
        let owning = |team: &&Team| team.group.state() == State::Active;
        for team in self.teams.values().filter(owning) {
            let (gate, epoch) = (team.gate, team.epoch);
            self.actions.push_back(Action::Prolong { gate, epoch });
        }
        self.actions.push_back(Action::Left);
    }
}
