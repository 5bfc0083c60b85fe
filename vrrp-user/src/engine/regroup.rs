//! Which group goes on with which gate over a reload.
//!
//! Who is Active stays Active. Members that join keep the gate they have, or get one
//! ([`super::parts`]). Where a gate's members go different ways, most of them keep it, and
//! the others claim anew in one of their own: for the hold their gate is shut, because
//! until then nobody watches over a claim of theirs.

use super::{
    Engine,
    action::{Action, Level},
    inherit::Inherited,
    reload::Wanted,
    team::{Sync, Team},
};
use crate::{
    election::{
        group::Group,
        router::Router,
        transition::{Event, State},
    },
    ownership::command::{GateId, VrId},
    time::Instant,
};
use core::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// A gate's members that go on in one group.
#[derive(Clone, Debug)]
struct Share {
    gate: GateId,
    members: Vec<VrId>,
    state: State,
}

impl Engine {
    /// Every member belongs to the group it is configured for.
    pub(super) fn regroup(&mut self, wanted: Vec<Wanted>, now: Instant) {
        let shares: Vec<Vec<Share>> = wanted.iter().map(|team| self.shares_in(team)).collect();
        let leaders: Vec<Option<Share>> = shares.iter().map(|of| self.leading(of)).collect();
        self.go_separate_ways(&shares, &leaders, now);
        let kept = self.put_newcomers(&wanted, now);
        for (team, leader) in wanted.into_iter().zip(leaders) {
            let leader = leader.and_then(|leader| leader.members.first().copied());
            self.bring_together(team, leader, now);
        }
        self.settle_inheritance(kept);
    }

    /// What the group is made of, as it is.
    fn shares_in(&self, team: &Wanted) -> Vec<Share> {
        let mut shares: Vec<Share> = Vec::new();
        for &vr in &team.members {
            let gate = self.instances.get(&vr).map(|it| it.gate);
            let Some(of) = gate.and_then(|gate| self.teams.get(&gate)) else {
                continue;
            };
            match shares.iter_mut().find(|share| share.gate == of.gate) {
                Some(share) => share.members.push(vr),
                None => shares.push(Share {
                    gate: of.gate,
                    members: vec![vr],
                    state: of.group.state(),
                }),
            }
        }
        shares
    }

    /// Whose state the group's is: of those that take part the greatest share's, so that
    /// all nodes that are given the same groups come to the same end.
    fn leading(&self, shares: &[Share]) -> Option<Share> {
        let leads = |gate: &GateId| self.teams.get(gate).is_some_and(|team| team.sync.is_some());
        let weight = |(place, share): &(usize, &Share)| {
            let started = share.state != State::Initialize;
            (
                started,
                share.members.len(),
                leads(&share.gate),
                Reverse(*place),
            )
        };
        let found = shares.iter().enumerate().max_by_key(weight);
        found.map(|(_, share)| share.clone())
    }

    fn go_separate_ways(&mut self, shares: &[Vec<Share>], leaders: &[Option<Share>], now: Instant) {
        let mut keeper: BTreeMap<GateId, (usize, usize)> = BTreeMap::new();
        for (group, share) in shares
            .iter()
            .enumerate()
            .flat_map(|(n, of)| of.iter().map(move |it| (n, it)))
        {
            let most = keeper
                .entry(share.gate)
                .or_insert((group, share.members.len()));
            if share.members.len() > most.1 {
                *most = (group, share.members.len());
            }
        }
        for (group, (of, leader)) in shares.iter().zip(leaders).enumerate() {
            let claims = leader
                .as_ref()
                .is_some_and(|leader| leader.state.is_claimed());
            for share in of {
                if keeper
                    .get(&share.gate)
                    .is_some_and(|keeper| keeper.0 != group)
                {
                    self.part(share.gate, &share.members, !claims, now);
                }
            }
        }
    }

    /// Members leave a gate for one of their own. Those of a claim claim anew, or resign.
    pub(super) fn part(
        &mut self,
        gate: GateId,
        leaving: &[VrId],
        resign: bool,
        now: Instant,
    ) -> GateId {
        let own = self.free_gate();
        let Some(team) = self.teams.get_mut(&gate) else {
            return own;
        };
        let claimed = team.group.state().is_claimed();
        let group = team.group.part(leaving, now);
        team.members.retain(|vr| !leaving.contains(vr));
        let mut parted = Team::new(own, None, leaving.to_vec(), group);
        parted.told = team.told;
        self.teams.insert(own, parted);
        for vr in leaving {
            if let Some(instance) = self.instances.get_mut(vr) {
                instance.gate = own;
                instance.advert = instance.advert.take().filter(|_| claimed && !resign);
                instance.updating = false;
            }
        }
        // From here on the old gate is not asked about them, and their own is shut.
        self.emit_vips();
        if claimed {
            let vrs = leaving.to_vec();
            self.actions.push_back(Action::Part { gate, vrs, resign });
        }
        // An advert of the old claim would not leave by a record of the new gate.
        self.tell_members(own);
        if !claimed {
            return own;
        }
        if resign {
            for &vr in leaving {
                self.log_of(vr, Level::Info, "sent 0 priority");
            }
            self.desired.addresses_stale = true;
            self.emit_desired();
        } else {
            let why = "its group has changed, claiming again";
            self.apply(own, Event::LapseLately, now, why);
        }
        own
    }

    /// Gates for instances that have none; those that go on as a predecessor left them.
    fn put_newcomers(&mut self, wanted: &[Wanted], now: Instant) -> Vec<GateId> {
        let mut kept = Vec::new();
        let mut others = Vec::new();
        // Gates that go on keep their numbers, so they come first.
        for team in wanted {
            let is_new = |vr: &&VrId| {
                let gate = self.instances.get(vr).map(|it| it.gate);
                gate.is_none_or(|gate| !self.teams.contains_key(&gate))
            };
            let newcomers: Vec<VrId> = team.members.iter().filter(is_new).copied().collect();
            let heirlooms = self.heirlooms(&newcomers);
            if heirlooms.is_empty() {
                others.push(newcomers);
            } else {
                kept.extend(self.go_on(team, heirlooms, now));
            }
        }
        for newcomers in others.into_iter().filter(|it| !it.is_empty()) {
            let gate = self.free_gate();
            self.put_team(gate, None, newcomers, now);
        }
        kept
    }

    /// A group goes on whole, or not at all.
    fn go_on(
        &mut self,
        team: &Wanted,
        parts: Vec<(Inherited, Vec<VrId>)>,
        now: Instant,
    ) -> Vec<GateId> {
        let gates: Vec<GateId> = parts.iter().map(|(it, _)| it.gate).collect();
        let mut resumed = Vec::new();
        for (inherited, members) in parts {
            let gate = inherited.gate;
            let sync = team.sync.clone().filter(|_| gates.first() == Some(&gate));
            self.put_team(gate, sync, members, now);
            if self.resume(gate, &inherited, now) {
                resumed.push(gate);
            }
        }
        if resumed.len() < gates.len() {
            for gate in core::mem::take(&mut resumed) {
                self.apply(gate, Event::Stop, now, "its group cannot go on");
            }
        }
        resumed
    }

    fn put_team(&mut self, gate: GateId, sync: Option<Sync>, members: Vec<VrId>, now: Instant) {
        let mut routers = BTreeMap::new();
        for &vr in &members {
            if let Some(instance) = self.instances.get_mut(&vr) {
                instance.gate = gate;
                routers.insert(vr, Router::new(instance.params(&self.links), now));
            }
        }
        let team = Team::new(gate, sync, members, Group::new(routers, now));
        self.teams.insert(gate, team);
    }

    /// The parts of a group as they are by now. `leader`: one of those that lead it.
    fn bring_together(&mut self, team: Wanted, leader: Option<VrId>, now: Instant) {
        let gate_of = |vr: &VrId| self.instances.get(vr).map(|it| it.gate);
        let gates: BTreeSet<GateId> = team.members.iter().filter_map(gate_of).collect();
        let led = |gate: &&GateId| self.teams.get(gate).is_some_and(|team| team.sync.is_some());
        let leader = leader.as_ref().and_then(gate_of);
        let leader = leader.or_else(|| gates.iter().find(led).or(gates.first()).copied());
        let Some(leader) = leader else {
            return;
        };
        let mut sync = team.sync;
        let led_before = self.teams.get(&leader).is_some_and(|it| it.sync.is_some());
        let is_new = sync.is_some() && !led_before;
        for gate in &gates {
            if let Some(part) = self.teams.get_mut(gate) {
                let leads = *gate == leader;
                part.sync = sync.take_if(|_| leads);
                part.leader = Some(leader).filter(|_| !leads);
                part.members
                    .sort_by_key(|vr| team.members.iter().position(|it| it == vr));
                part.line_up.clone_from(&team.members);
            }
        }
        let claims = |gate: &GateId| {
            let part = self.teams.get(gate);
            part.is_some_and(|part| part.group.state().is_claimed())
        };
        if !claims(&leader) {
            let claiming: Vec<GateId> = gates.iter().copied().filter(claims).collect();
            for gate in claiming {
                self.apply(gate, Event::Stop, now, "its group is not MASTER here");
            }
        }
        self.unite(leader, now);
        let told = self.teams.get(&leader).and_then(|team| team.told);
        if let Some(told) = told.filter(|_| is_new) {
            self.tell_group(leader, told);
        }
    }
}
