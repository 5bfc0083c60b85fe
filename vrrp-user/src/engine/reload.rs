//! A new configuration, by difference. Start-up is a difference from nothing.

use super::{Engine, action::Action, instance::Instance, team::Sync};
use crate::{
    config::model::{self, Config},
    election::transition::{Event, State},
    ownership::command::{GateId, VrId},
    time::Instant,
};
use std::collections::{BTreeMap, BTreeSet};

/// A team as configured.
pub(super) struct Wanted {
    pub(super) sync: Option<Sync>,
    pub(super) members: Vec<VrId>,
}

impl Engine {
    pub(super) fn reload(&mut self, config: Config, now: Instant) {
        if self.stopping.is_some() {
            return;
        }
        let first = self.start_at.is_none();
        if first {
            // Zero is the boot.
            let booted = Instant::from_ns(0) + config.global.delay_after_boot;
            self.start_at = Some(booted.max(now + config.global.startup_delay));
        }
        // Before anything is claimed or fenced by it; the records may hold another one.
        let mode = config.global.lease.mode;
        if self.lease_mode.replace(mode) != Some(mode) {
            self.actions.push_back(Action::SetLeaseMode(mode));
        }
        self.configure_trackers(&config, first, now);
        let told_before = self.told();
        let ids = self.identify(&config);
        let wanted = wanted_teams(&config, &ids);
        self.drop_instances(&ids, now);
        let before = self.announced();
        let instances = config.instances.clone();
        self.config = config;
        // Who claims in another gate does so as its peers know it, and changes afterwards.
        for instance in &instances {
            let vr = ids[&instance.name];
            if !self.instances.contains_key(&vr) {
                self.put_instance(vr, instance.clone());
            }
        }
        self.regroup(wanted, now);
        for instance in instances {
            self.put_instance(ids[&instance.name], instance);
        }
        let gates: Vec<GateId> = self.teams.keys().copied().collect();
        for gate in gates {
            self.reassess(gate, now);
        }
        self.announce_moved(&before, now);
        if self.config.global.fifo_states_on_reload {
            self.tell_unchanged(&told_before);
        }
    }

    /// Announces what is new among what is owned: addresses that were added, and those
    /// whose interface has another hardware address now.
    pub(super) fn announce_moved(
        &mut self,
        before: &BTreeMap<VrId, Vec<super::action::Announcement>>,
        now: Instant,
    ) {
        // An address is there before it is announced.
        self.desired.all_stale();
        self.emit_desired();
        let gates: Vec<GateId> = self.teams.keys().copied().collect();
        for gate in gates {
            self.announce_added(gate, before, now);
        }
    }

    /// Kept instances keep their number; identity is not the name.
    fn identify(&self, config: &Config) -> BTreeMap<String, VrId> {
        let kept: BTreeMap<_, VrId> = self
            .instances
            .values()
            .map(|instance| (Instance::identity(&instance.config), instance.vr))
            .collect();
        let mut ids = BTreeMap::new();
        let mut taken: BTreeSet<VrId> = self.instances.keys().copied().collect();
        for instance in &config.instances {
            let id = kept
                .get(&Instance::identity(instance))
                .copied()
                .unwrap_or_else(|| {
                    lowest_free(|id| taken.contains(&VrId(id))).map_or(VrId(u32::MAX), VrId)
                });
            taken.insert(id);
            ids.insert(instance.name.clone(), id);
        }
        ids
    }

    /// Instances that go resign, where they own.
    fn drop_instances(&mut self, ids: &BTreeMap<String, VrId>, now: Instant) {
        let kept: BTreeSet<VrId> = ids.values().copied().collect();
        let gone = |vr: &VrId| !kept.contains(vr);
        let gates: Vec<GateId> = self.teams.keys().copied().collect();
        for gate in gates {
            let members = self.members(gate);
            let leaving: Vec<VrId> = members.iter().copied().filter(gone).collect();
            let told = self.teams.get(&gate).and_then(|team| team.told);
            if leaving.is_empty() {
                continue;
            }
            if leaving.len() == members.len() {
                self.apply(gate, Event::Stop, now, "no longer configured");
                self.teams.remove(&gate);
            } else {
                let parted = self.part(gate, &leaving, true, now);
                self.teams.remove(&parted);
            }
            self.tell_deleted(&leaving.into_iter().collect(), told);
        }
        let gone: Vec<VrId> = self.instances.keys().copied().filter(gone).collect();
        for vr in gone {
            self.remove_record(vr);
            self.instances.remove(&vr);
        }
    }

    fn put_instance(&mut self, vr: VrId, config: model::Instance) {
        match self.instances.get_mut(&vr) {
            Some(kept) => kept.config = config,
            None => {
                self.instances
                    .insert(vr, Instance::new(vr, GateId(u32::MAX), config));
            }
        }
    }

    /// A gate whose last `Ceased` is still awaited is not free.
    pub(super) fn free_gate(&self) -> GateId {
        let taken =
            |gate: &GateId| self.teams.contains_key(gate) || self.ceasing.contains_key(gate);
        lowest_free(|id| taken(&GateId(id))).map_or(GateId(u32::MAX), GateId)
    }

    /// What each owning instance has announced so far.
    pub(super) fn announced(&self) -> BTreeMap<VrId, Vec<super::action::Announcement>> {
        let announcements = |it: &Instance| it.announcements(&self.links).collect();
        self.instances
            .values()
            .map(|it| (it.vr, announcements(it)))
            .collect()
    }

    /// Addresses added to an instance that owns are announced like those it has.
    fn announce_added(
        &mut self,
        gate: GateId,
        before: &BTreeMap<VrId, Vec<super::action::Announcement>>,
        now: Instant,
    ) {
        let shares = self.shares(gate);
        let Some(team) = self.teams.get_mut(&gate) else {
            return;
        };
        if team.group.state() != State::Active {
            return;
        }
        team.announcer.reconfigure(&shares, now);
        let mut added = Vec::new();
        for share in shares {
            let Some(known) = before.get(&share.vr) else {
                continue;
            };
            let new = share
                .announcements
                .iter()
                .filter(|one| !known.contains(one));
            let new: Vec<_> = new.cloned().collect();
            for _ in 0..share.garp.repeat {
                added.extend(new.iter().cloned());
            }
        }
        self.announce(gate, added);
    }
}

fn wanted_teams(config: &Config, ids: &BTreeMap<String, VrId>) -> Vec<Wanted> {
    let mut grouped = BTreeSet::new();
    let mut wanted = Vec::new();
    for group in &config.groups {
        let members: Vec<VrId> = group
            .members
            .iter()
            .filter_map(|name| ids.get(name))
            .copied()
            .collect();
        grouped.extend(members.iter().copied());
        if !members.is_empty() {
            let sync = Sync {
                name: group.name.clone(),
                notify: group.notify.clone(),
            };
            wanted.push(Wanted {
                sync: Some(sync),
                members,
            });
        }
    }
    let alone = config
        .instances
        .iter()
        .filter_map(|instance| ids.get(&instance.name));
    let alone = alone.filter(|vr| !grouped.contains(vr)).copied();
    wanted.extend(alone.map(|vr| Wanted {
        sync: None,
        members: vec![vr],
    }));
    wanted
}

fn lowest_free(taken: impl Fn(u32) -> bool) -> Option<u32> {
    (0..u32::MAX).find(|&id| !taken(id))
}
