//! A sync group with more than one gate.
//!
//! A reload takes nothing away from who owns: an instance that joins a group whose
//! members are Active, or one that was Active by itself, keeps a gate and an election of
//! its own for as long as any of them claims. The parts share their faults, and what ends
//! the claim of one ends the others'. Then the group is one again, with one gate.

use super::{Engine, action::Level, notify::Told, team::Team};
use crate::{
    election::transition::{Event, State},
    ownership::{
        command::{GateId, VrId},
        standing::Closing,
    },
    time::Instant,
};
use core::iter::once;

impl Engine {
    /// The gates of its sync group, the leader's first.
    pub(super) fn parts(&self, gate: GateId) -> Vec<GateId> {
        let leader = self.teams.get(&gate).and_then(|team| team.leader);
        let leader = leader.unwrap_or(gate);
        let others = self.teams.values();
        let others = others.filter(|team| team.leader == Some(leader));
        once(leader).chain(others.map(|team| team.gate)).collect()
    }

    /// Instances of all its parts.
    pub(super) fn members_of_parts(&self, gate: GateId) -> Vec<VrId> {
        let parts = self.parts(gate).into_iter();
        parts.flat_map(|part| self.members(part)).collect()
    }

    fn is_part_claimed(&self, gate: GateId) -> bool {
        let team = self.teams.get(&gate);
        team.is_some_and(|team| team.group.state().is_claimed())
    }

    /// One part has given its claim up; none of them owns without the others.
    pub(super) fn part_ended(
        &mut self,
        gate: GateId,
        now: Instant,
        (why, closing): (&str, Closing),
    ) {
        let Some(ended) = self.teams.get(&gate) else {
            return;
        };
        let event = match ended.group.state() {
            State::Backup => Event::Yield,
            State::Fault => Event::Fault,
            _ => return,
        };
        let resigns = ended
            .handover
            .as_ref()
            .is_some_and(super::handover::Handover::is_resigning);
        for part in self.parts(gate) {
            let Some(team) = self.teams.get_mut(&part) else {
                continue;
            };
            let before = team.group.state();
            if part == gate || !before.is_claimed() {
                continue;
            }
            if let Some(handover) = team.handover.as_mut().filter(|_| resigns) {
                handover.resign();
            }
            if team.group.handle(event, now) {
                self.entered(part, before, now, (why, closing));
            }
        }
    }

    /// One gate for all of the group, once no part claims. `true`: it was more.
    pub(super) fn unite(&mut self, gate: GateId, now: Instant) -> bool {
        let parts = self.parts(gate);
        let Some((&leader, others)) = parts.split_first() else {
            return false;
        };
        if others.is_empty() || parts.iter().any(|&part| self.is_part_claimed(part)) {
            return false;
        }
        let mut joined: Vec<(VrId, Option<Told>)> = Vec::new();
        for part in others {
            if let Some(part) = self.teams.remove(part) {
                joined.extend(part.members.iter().map(|&vr| (vr, part.told)));
                self.join(leader, part, now);
            }
        }
        self.desired.vips_stale = true;
        self.tell_members(leader);
        let told = self.teams.get(&leader).and_then(|team| team.told);
        for (vr, before) in joined {
            if let Some(told) = told.filter(|told| before != Some(*told)) {
                let init = if before.is_none() && told == Told::Backup {
                    " (init)"
                } else {
                    ""
                };
                let line = format!("Entering {} STATE{init}", told.word());
                self.log_of(vr, Level::Info, &line);
                self.tell_instance(vr, told);
            }
        }
        true
    }

    fn join(&mut self, leader: GateId, part: Team, now: Instant) {
        for vr in &part.members {
            if let Some(instance) = self.instances.get_mut(vr) {
                instance.gate = leader;
            }
        }
        if let Some(team) = self.teams.get_mut(&leader) {
            team.members.extend(part.members);
            let order = |vr: &VrId| team.line_up.iter().position(|it| it == vr);
            team.members.sort_by_key(order);
            team.group.join(part.group, now);
        }
    }
}
