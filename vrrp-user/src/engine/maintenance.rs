//! A node that is to be left alone: all it owns is handed over, then it takes no part
//! until told.

use super::{
    Engine,
    action::Action,
    answer::{Done, HandedOver},
    handover::Asker,
    input::Ticket,
};
use crate::{election::transition::State, ownership::command::GateId, time::Instant};

/// Whether, and on the way there.
#[derive(Clone, Debug, Default)]
pub(super) struct Maintenance {
    pub(super) on: bool,
    entering: Option<Entering>,
}

#[derive(Clone, Debug)]
struct Entering {
    ticket: Ticket,
    force: bool,
    handed_over: Vec<HandedOver>,
    /// Name of a group, and why nobody has taken it over.
    kept: Vec<(String, String)>,
    tried: Vec<GateId>,
}

impl Maintenance {
    /// For `status`.
    pub(super) const fn word(&self) -> &'static str {
        match (self.on, &self.entering) {
            (true, _) => "on",
            (false, Some(_)) => "handing over",
            (false, None) => "off",
        }
    }
}

impl Engine {
    /// `xvrrpd maintenance`. Without a ticket: as it was when the last daemon ended.
    pub(super) fn maintain(&mut self, ticket: Option<Ticket>, on: bool, force: bool, now: Instant) {
        let Some(ticket) = ticket else {
            self.set_maintenance(on, now);
            return;
        };
        if self.stopping.is_some() {
            self.answer(ticket, Err("xvrrpd is stopping".into()));
        } else if !on {
            if let Some(entering) = self.maintenance.entering.take() {
                let called_off = "`maintenance off` came meanwhile".to_owned();
                self.answer(entering.ticket, Err(called_off));
            }
            self.set_maintenance(false, now);
            self.actions.push_back(Action::RememberMaintenance(false));
            self.answer(ticket, Ok(Done::default()));
        } else if self.maintenance.on {
            self.answer(ticket, Ok(Done::default()));
        } else if self.maintenance.entering.is_some() {
            let why = "`maintenance on` is under way already";
            self.answer(ticket, Err(why.into()));
        } else {
            self.maintenance.entering = Some(Entering {
                ticket,
                force,
                handed_over: Vec::new(),
                kept: Vec::new(),
                tried: Vec::new(),
            });
        }
    }

    /// One group's handover has ended; error: its name, and why it is still here.
    pub(super) fn maintenance_part(
        &mut self,
        gate: GateId,
        ended: Result<HandedOver, (String, String)>,
    ) {
        if let Some(entering) = &mut self.maintenance.entering {
            entering.tried.push(gate);
            match ended {
                Ok(done) => entering.handed_over.push(done),
                Err(kept) => entering.kept.push(kept),
            }
        }
    }

    /// Hands over what is still owned; then there is maintenance, or the reason why not.
    pub(super) fn advance_maintenance(&mut self, now: Instant) {
        let Some(entering) = &self.maintenance.entering else {
            return;
        };
        let force = entering.force;
        let under_way = |team: &super::team::Team| {
            team.handover.is_some() || team.group.state() == State::Claiming
        };
        if self.teams.values().any(under_way) {
            return;
        }
        let owned = self.teams.values().filter(|team| {
            team.group.state() == State::Active && !entering.tried.contains(&team.gate)
        });
        let owned: Vec<GateId> = owned.map(|team| team.gate).collect();
        if !owned.is_empty() && self.stopping.is_none() {
            for gate in owned {
                self.begin_handover(gate, Asker::Maintenance, force, now);
            }
            return;
        }
        let Some(entering) = self.maintenance.entering.take() else {
            return;
        };
        if self.stopping.is_some() {
            self.answer(entering.ticket, Err("xvrrpd is stopping".into()));
            return;
        }
        if entering.kept.is_empty() || force {
            self.set_maintenance(true, now);
            self.actions.push_back(Action::RememberMaintenance(true));
            let handed_over = entering.handed_over;
            self.answer(entering.ticket, Ok(Done { handed_over }));
            return;
        }
        let kept = entering.kept.iter();
        let kept = kept.map(|(name, why)| format!("{name}: {why}"));
        let mut why = vec![
            "not in maintenance, something would be left without an owner".to_owned(),
            kept.collect::<Vec<_>>().join(". "),
        ];
        if !entering.handed_over.is_empty() {
            let gone = entering.handed_over.iter().map(|it| it.name.as_str());
            let gone: Vec<&str> = gone.collect();
            why.push(format!(
                "Handed over already and held back: {} (`xvrrpd handover --release NAME` takes it back)",
                gone.join(", ")
            ));
        }
        self.answer(entering.ticket, Err(why.join(". ")));
    }

    fn set_maintenance(&mut self, on: bool, now: Instant) {
        if core::mem::replace(&mut self.maintenance.on, on) == on {
            return;
        }
        let (level, line) = if on {
            (
                super::action::Level::Warning,
                "Maintenance: this node owns nothing until `xvrrpd maintenance off`",
            )
        } else {
            (super::action::Level::Info, "Maintenance is over")
        };
        self.log(level, line.into());
        if on {
            // It ends every hold: afterwards the configuration alone decides.
            let gates: Vec<GateId> = self.teams.keys().copied().collect();
            for gate in gates {
                self.let_go(gate, "maintenance", now);
            }
        }
        self.reassess_where(now, |_| true);
    }
}
