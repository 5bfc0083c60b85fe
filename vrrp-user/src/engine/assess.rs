//! Tracked things, links and settings: effective priority, into FAULT and out of it.

use super::{
    Engine,
    action::Level,
    handover::{Handover, OFFERED_PRIORITY},
};
use crate::{
    election::transition::{Event, State},
    ownership::{
        command::{GateId, VrId},
        standing::Closing,
    },
    time::Instant,
    tracking::effective::Fault,
};

impl Engine {
    /// Tracked things, links or settings of a group changed.
    pub(super) fn reassess(&mut self, gate: GateId, now: Instant) {
        let parts = self.parts(gate);
        for &part in &parts {
            self.reassess_members(part, now);
        }
        for part in parts {
            self.reassess_faults(part, now);
        }
    }

    fn reassess_members(&mut self, gate: GateId, now: Instant) {
        let members = self.members(gate);
        let mut beaten = false;
        for &vr in &members {
            beaten |= self.reassess_member(vr, now);
        }
        if beaten {
            let why = ("weaker now than the Active", Closing::Weaker);
            self.entered(gate, State::Claiming, now, why);
        }
    }

    /// Into FAULT and out of it; one of the group's is everybody's.
    fn reassess_faults(&mut self, gate: GateId, now: Instant) {
        let members = self.members_of_parts(gate);
        let faults: Vec<(VrId, Fault)> = members
            .iter()
            .filter_map(|vr| self.instances.get(vr))
            .flat_map(|it| it.faults.iter().map(|fault| (it.vr, fault.clone())))
            .collect();
        // No result is no failure: it holds out of BACKUP who has not begun, and
        // throws nobody out who has.
        let certain = faults.iter().find(|(_, fault)| fault.is_certain());
        let Some(team) = self.teams.get(&gate) else {
            return;
        };
        let state = team.group.state();
        let start = self.start_at.map_or(now, |at| at.max(now));
        match (state, certain.or(faults.first())) {
            (State::Initialize, None) => self.apply(gate, Event::Start, start, "start-up"),
            (State::Fault, None) => self.apply(gate, Event::Clear, start, "the fault is over"),
            (State::Fault, Some(_)) | (_, None) => {}
            (_, Some(_)) if certain.is_none() => {}
            (_, Some((vr, fault))) => {
                let why = fault.to_string();
                self.log_of(*vr, Level::Warning, &why);
                self.apply(gate, Event::Fault, now, &why);
            }
        }
        self.tell_members(gate);
    }

    /// `true`: it has become so weak that its group's claim has ended.
    pub(super) fn reassess_member(&mut self, vr: VrId, now: Instant) -> bool {
        let Some(instance) = self.instances.get_mut(&vr) else {
            return false;
        };
        let (mut priority, mut faults) =
            instance.assess(&self.links, &self.placed, &self.unwatched, &self.trackers);
        if !instance.awaits(&self.trackers) {
            instance.inherited_priority = None;
        }
        if self.maintenance.on {
            faults.insert(0, Fault::Maintenance);
        }
        let offering = self.teams.get(&instance.gate);
        let offering = offering.and_then(|team| team.handover.as_ref());
        if offering.is_some_and(Handover::is_offering) {
            priority = OFFERED_PRIORITY;
        }
        let before = core::mem::replace(&mut instance.priority, priority);
        instance.faults = faults;
        let params = instance.params(&self.links);
        let gate = instance.gate;
        let team = self.teams.get_mut(&gate);
        let beaten = team.is_some_and(|team| team.group.set_params(vr, params, now));
        if before != priority {
            let line = format!("Changing effective priority from {before} to {priority}");
            self.log_of(vr, Level::Info, &line);
            self.tell_priority(vr);
        }
        beaten
    }

    /// `notify_priority_changes`.
    fn tell_priority(&mut self, vr: VrId) {
        let Some(it) = self.instances.get(&vr) else {
            return;
        };
        if it.config.notify.priority_changes {
            let team = self.teams.get(&it.gate);
            let master = team.is_some_and(|team| team.group.state() == State::Active);
            let word = if master {
                "MASTER_PRIORITY"
            } else {
                "BACKUP_PRIORITY"
            };
            self.tell_line(vr, word);
        }
    }

    pub(super) fn reassess_mentioning(&mut self, interface: &str, now: Instant) {
        self.reassess_where(now, |instance| instance.mentions(interface));
    }

    pub(super) fn reassess_where(
        &mut self,
        now: Instant,
        concerned: impl Fn(&super::instance::Instance) -> bool,
    ) {
        if self.stopping.is_some() {
            return;
        }
        let mut gates: Vec<GateId> = self
            .instances
            .values()
            .filter(|it| concerned(it))
            .map(|it| it.gate)
            .collect();
        gates.sort_unstable();
        gates.dedup();
        for gate in gates {
            self.reassess(gate, now);
        }
    }
}
