//! Giving up on purpose.
//!
//! A backup says nothing, so nobody can know whether there is one. An Active that
//! is to hand over stays one and advertises the lowest priority: a backup that
//! preempts claims against it, and its winning advert shuts our gate in XDP. There
//! is no gap, and nobody has given anything up who is not followed. A backup that
//! does not preempt can only be made to take over by ceasing; that costs its skew,
//! and is done where it is forced.

use super::{
    Engine,
    action::{Action, Level},
    answer::{Answer, Done, HandedOver},
    input::Ticket,
    instance::Instance,
    team::Team,
};
use crate::{
    config::nearest_name,
    election::{
        timers,
        transition::{Event, State},
    },
    ownership::command::{GateId, VrId},
    time::Instant,
};
use core::{net::IpAddr, time::Duration};

/// What is advertised while a successor is looked for.
pub(super) const OFFERED_PRIORITY: u8 = 1;
/// Besides a backup's timer: for the offer to leave, and for whoever is late.
const MARGIN: Duration = Duration::from_millis(250);
/// Adverts any peer waits for unless told otherwise (RFC 9568 §6.1).
const USUAL_ADVERTS: u8 = 3;

/// A handover under way.
#[derive(Clone, Debug)]
pub(super) struct Handover {
    asker: Asker,
    force: bool,
    began: Instant,
    phase: Phase,
}

/// Who waits for its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    Operator(Ticket),
    Maintenance,
    /// Whoever asked of the group's leader; this is another part of it.
    Leader,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Still Active, with the lowest priority.
    Offering { until: Instant },
    /// About to cease with priority 0.
    Resigning,
    /// No longer Active: who is?
    Given,
}

impl Handover {
    /// The lowest priority is to be advertised.
    pub(super) const fn is_offering(&self) -> bool {
        matches!(self.phase, Phase::Offering { .. })
    }

    /// It is to cease with priority 0.
    pub(super) const fn resign(&mut self) {
        self.phase = Phase::Resigning;
    }

    pub(super) const fn is_resigning(&self) -> bool {
        matches!(self.phase, Phase::Resigning)
    }

    /// When nobody will claim any more.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Offering { until } => Some(until),
            Phase::Resigning | Phase::Given => None,
        }
    }
}

impl Engine {
    /// `xvrrpd handover`: answered at its end.
    pub(super) fn hand_over(&mut self, ticket: Ticket, name: &str, force: bool, now: Instant) {
        match self.may_hand_over(name) {
            Ok(gate) => {
                self.begin_handover(gate, Asker::Operator(ticket), force, now);
                for part in self.parts(gate).into_iter().skip(1) {
                    let state = self.teams.get(&part).map(|team| team.group.state());
                    if state == Some(State::Active) {
                        self.begin_handover(part, Asker::Leader, force, now);
                    }
                }
            }
            Err(why) => self.answer(ticket, Err(why)),
        }
    }

    fn may_hand_over(&self, name: &str) -> Result<GateId, String> {
        if self.stopping.is_some() {
            return Err("xvrrpd is stopping: everything is being handed over".into());
        }
        let gate = self.gate_named(name)?;
        let Some(team) = self.teams.get(&gate) else {
            return Err(format!("{name} does not run"));
        };
        if team.handover.is_some() {
            return Err(format!("{name} is being handed over already"));
        }
        let state = team.group.state();
        match state {
            State::Active => Ok(gate),
            State::Fault => {
                let faults = team.members.iter().filter_map(|vr| self.instances.get(vr));
                let why = faults.flat_map(|it| &it.faults).map(ToString::to_string);
                let why: Vec<String> = why.collect();
                Err(format!(
                    "{name} is in FAULT here and owns nothing: {}",
                    why.join(", ")
                ))
            }
            _ => Err(format!(
                "{name} is {} here, not MASTER: there is nothing to hand over",
                state.name()
            )),
        }
    }

    /// Starts to hand over a group that is Active.
    pub(super) fn begin_handover(&mut self, gate: GateId, asker: Asker, force: bool, now: Instant) {
        let patience = self.patience(gate);
        let name = self.team_name(gate);
        if let Some(team) = self.teams.get_mut(&gate) {
            team.handover = Some(Handover {
                asker,
                force,
                began: now,
                phase: Phase::Offering {
                    until: now + patience,
                },
            });
        }
        let line = format!(
            "({name}) Handing over: priority {OFFERED_PRIORITY} until somebody takes over, for at most {}",
            seconds(patience)
        );
        self.log(Level::Info, line);
        self.reweigh(gate, now);
        self.tell_members(gate);
    }

    /// The longest a backup that preempts may take, of any member.
    fn patience(&self, gate: GateId) -> Duration {
        let longest = |it: &Instance| {
            timers::active_down(
                it.config.version,
                OFFERED_PRIORITY,
                timers::centiseconds(it.interval_cs()),
                it.config.down_timer_adverts.max(USUAL_ADVERTS),
            )
        };
        let members = self.members(gate);
        let members = members.iter().filter_map(|vr| self.instances.get(vr));
        members.map(longest).max().unwrap_or_default() + MARGIN
    }

    /// The offer's end: nobody has claimed.
    pub(super) fn handover_due(&mut self, gate: GateId, now: Instant) {
        let Some(team) = self.teams.get_mut(&gate) else {
            return;
        };
        let Some(handover) = &mut team.handover else {
            return;
        };
        if handover.deadline().is_none_or(|until| until > now) {
            return;
        }
        let waited = now.since(handover.began);
        match (handover.force, handover.asker) {
            (false, _) => {
                let why = format!(
                    "nobody took over within {}: no peer is there, or none may preempt (nopreempt, preempt_delay); `--force` resigns all the same",
                    seconds(waited)
                );
                self.end_handover(gate, Err(why), now);
            }
            // Its FAULT will resign.
            (true, Asker::Maintenance) => self.end_handover(gate, Ok(None), now),
            (true, Asker::Operator(_) | Asker::Leader) => {
                handover.resign();
                self.apply(gate, Event::Yield, now, "handed over by force");
            }
        }
    }

    /// The group has changed its state, and ceased if it was to.
    pub(super) fn handover_entered(
        &mut self,
        gate: GateId,
        before: State,
        now: Instant,
        why: &str,
    ) {
        let Some(team) = self.teams.get_mut(&gate) else {
            return;
        };
        let state = team.group.state();
        let Some(handover) = &mut team.handover else {
            if state == State::Active {
                self.let_go(gate, "whoever took over is silent", now);
            }
            return;
        };
        let (began, given) = (handover.began, handover.phase == Phase::Given);
        match state {
            State::Backup if before.is_claimed() => {
                handover.phase = Phase::Given;
                let active = |(_, router): (VrId, &crate::election::router::Router)| {
                    router.active().filter(|it| it.at >= began).copied()
                };
                let successor = team.group.members().find_map(active);
                self.hold_back(gate, now);
                if let Some(successor) = successor {
                    self.end_handover(gate, Ok(Some(successor.source)), now);
                }
            }
            State::Active if given => {
                self.let_go(gate, "nobody took over", now);
                let why = format!(
                    "nobody took over within {}, even though it had given up: no peer is there; it is MASTER here again",
                    seconds(now.since(began))
                );
                self.end_handover(gate, Err(why), now);
            }
            State::Fault | State::Initialize => {
                let why = format!("it went to {} meanwhile: {why}", state.name());
                self.end_handover(gate, Err(why), now);
            }
            // A lease that lapsed while it offers itself, and a claim that follows it.
            State::Backup | State::Claiming | State::Active => {}
        }
    }

    /// We follow somebody.
    pub(super) fn handover_followed(&mut self, vr: VrId, source: IpAddr, now: Instant) {
        let gate = self.instances.get(&vr).map(|it| it.gate);
        let given = |team: &&Team| {
            let phase = team.handover.as_ref().map(|it| it.phase);
            phase == Some(Phase::Given)
        };
        let team = gate.and_then(|gate| self.teams.get(&gate));
        if let Some(gate) = team.filter(given).map(|team| team.gate) {
            self.end_handover(gate, Ok(Some(source)), now);
        }
    }

    fn end_handover(&mut self, gate: GateId, ended: Result<Option<IpAddr>, String>, now: Instant) {
        let name = self.team_name(gate);
        let team = self.teams.get_mut(&gate);
        let Some(handover) = team.and_then(|team| team.handover.take()) else {
            return;
        };
        let after = now.since(handover.began);
        self.reweigh(gate, now);
        let ended = ended.map(|to| HandedOver {
            name: name.clone(),
            to,
            after_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
        });
        match &ended {
            Ok(HandedOver { to: Some(to), .. }) => {
                let line = format!(
                    "({name}) Handed over to {to} after {}, held back until released",
                    seconds(after)
                );
                self.log(Level::Info, line);
                for vr in self.members(gate) {
                    if let Some(instance) = self.instances.get_mut(&vr) {
                        instance.reason = format!("handed over to {to}");
                    }
                }
            }
            Ok(HandedOver { to: None, .. }) => {}
            Err(why) => self.log(Level::Warning, format!("({name}) Not handed over: {why}")),
        }
        match handover.asker {
            Asker::Operator(ticket) => {
                let answer = ended.map(|done| Done {
                    handed_over: vec![done],
                });
                self.answer(ticket, answer.map_err(|why| format!("{name}: {why}")));
            }
            Asker::Maintenance => self.maintenance_part(gate, ended.map_err(|why| (name, why))),
            Asker::Leader => {}
        }
        self.tell_members(gate);
    }

    /// `xvrrpd handover --release`.
    pub(super) fn release(&mut self, ticket: Ticket, name: &str, now: Instant) {
        let released = self.gate_named(name).and_then(|gate| {
            if self.is_held(gate) {
                Ok(gate)
            } else {
                Err(format!("{name} is not held back: nothing to release"))
            }
        });
        let answer = released.map(|gate| {
            self.let_go(gate, "released", now);
            self.tell_members(gate);
            Done::default()
        });
        self.answer(ticket, answer);
    }

    fn is_held(&self, gate: GateId) -> bool {
        let held = |vr: &VrId| self.instances.get(vr).is_some_and(|it| it.held);
        self.members(gate).iter().any(held)
    }

    /// It leaves whoever is Active in peace, whatever its priority.
    fn hold_back(&mut self, gate: GateId, now: Instant) {
        self.set_held(gate, true);
        self.reweigh(gate, now);
    }

    /// It preempts again, if it is configured to.
    pub(super) fn let_go(&mut self, gate: GateId, why: &str, now: Instant) {
        if self.is_held(gate) {
            self.set_held(gate, false);
            self.reweigh(gate, now);
            let name = self.team_name(gate);
            self.log(Level::Info, format!("({name}) No longer held back: {why}"));
        }
    }

    fn set_held(&mut self, gate: GateId, held: bool) {
        for vr in self.members(gate) {
            if let Some(instance) = self.instances.get_mut(&vr) {
                instance.held = held;
            }
        }
    }

    /// Effective priorities and preemption anew; whether it may take part is another
    /// question.
    pub(super) fn reweigh(&mut self, gate: GateId, now: Instant) {
        for vr in self.members(gate) {
            self.reassess_member(vr, now);
        }
    }

    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.actions.push_back(Action::Answer { ticket, answer });
    }

    /// The group of an instance, or a sync group, by name.
    fn gate_named(&self, name: &str) -> Result<GateId, String> {
        if let Some(it) = self.instances.values().find(|it| it.config.name == name) {
            return Ok(self.parts(it.gate).first().copied().unwrap_or(it.gate));
        }
        let synced = |team: &&Team| team.sync.as_ref().is_some_and(|sync| sync.name == name);
        if let Some(team) = self.teams.values().find(synced) {
            return Ok(team.gate);
        }
        let instances = self.instances.values().map(|it| it.config.name.as_str());
        let syncs = self.teams.values().filter_map(|team| team.sync.as_ref());
        let names: Vec<&str> = instances.chain(syncs.map(|sync| &*sync.name)).collect();
        let help = match nearest_name(names.iter().copied(), name) {
            Some(near) => format!("did you mean {near}?"),
            None if names.is_empty() => "none is configured".into(),
            None => format!("there are {}", names.join(", ")),
        };
        Err(format!("there is no instance or group {name} here: {help}"))
    }

    /// The sync group's name, or the only member's.
    pub(super) fn team_name(&self, gate: GateId) -> String {
        let Some(team) = self.teams.get(&gate) else {
            return String::new();
        };
        let first = team.members.first().and_then(|vr| self.instances.get(vr));
        let sync = team.sync.as_ref().map(|sync| sync.name.clone());
        sync.or_else(|| first.map(|it| it.config.name.clone()))
            .unwrap_or_default()
    }
}

fn seconds(span: Duration) -> String {
    format!("{:.2} s", span.as_secs_f64())
}
