//! What the transmit thread, the scripts and the wire report, and what the
//! kernel and the transmit thread are told in turn.

use super::{
    Engine,
    action::{Action, Announcement, Level, RouterRecord},
    announce::Share,
    answer::{Answer, Done},
    instance::Instance,
    limit,
    team::Check,
};
use crate::{
    config::model::Authentication,
    election::transition::{Event, State},
    ownership::command::{Epoch, GateId, Report, VrId},
    time::Instant,
};
use core::time::Duration;
use std::collections::btree_map::Entry;

/// Least time between two log lines, or two reactions, to the same trouble.
pub(super) const QUIET: Duration = Duration::from_secs(1);

impl Engine {
    /// When a claim that begins its hold is confirmed. From its epoch on XDP watches over
    /// it, and what came before is known now. Adverts with a hash XDP cannot judge: we
    /// look for ourselves, once the hold is over.
    fn confirmed_at(&self, gate: GateId, now: Instant) -> Instant {
        let of = |vr: &VrId| self.instances.get(vr)?.config.authentication.as_ref();
        let verifies = |vr: &VrId| of(vr).is_some_and(Authentication::verifies);
        let members = self.teams.get(&gate).map(|team| &team.members);
        if members.is_some_and(|members| members.iter().any(verifies)) {
            now + self.config.global.lease.claim_hold
        } else {
            now
        }
    }

    pub(super) fn report(&mut self, report: &Report, now: Instant) {
        match *report {
            Report::Claimed { gate, epoch, .. } => {
                let at = self.confirmed_at(gate, now);
                if let Some(team) = self.teams.get_mut(&gate)
                    && (team.epoch, team.group.state()) == (epoch, State::Claiming)
                {
                    team.check = Check::Confirm { at };
                }
            }
            Report::Opened { gate, epoch, .. } if self.is_current(gate, epoch) => {
                self.apply(gate, Event::Open, now, "the claim was not contested");
            }
            Report::Beaten { gate, epoch } if self.is_current(gate, epoch) => {
                self.apply(gate, Event::Beaten, now, "a winning advert shut the gate");
            }
            Report::LeaseOver {
                gate,
                epoch,
                last_sent,
            } if self.is_current(gate, epoch) => {
                if let Some(team) = self.teams.get_mut(&gate) {
                    team.check = Check::Lapse { at: now, last_sent };
                }
                for vr in self.members(gate) {
                    self.log_of(vr, Level::Warning, "Lease over: no adverts left in time");
                }
            }
            Report::Renewed {
                gate,
                epoch,
                lapsed_at,
                at,
            } if self.is_current(gate, epoch) => {
                let told = self.teams.get_mut(&gate);
                let Some(untold) = told.and_then(|team| team.lapses.may_tell(QUIET, now)) else {
                    return;
                };
                let (shut_us, more) = (at.since(lapsed_at).as_micros(), limit::more(untold));
                for vr in self.members(gate) {
                    let line = format!(
                        "Lease over: no adverts left in time; claimed again after {shut_us} us{more}"
                    );
                    self.log_of(vr, Level::Warning, &line);
                }
            }
            Report::Updated { gate, epoch, vr } if self.is_current(gate, epoch) => {
                if let Some(instance) = self.instances.get_mut(&vr) {
                    instance.updating = false;
                    instance.peers_know();
                }
                self.tell(vr);
            }
            Report::Ceased { gate } => {
                if let Entry::Occupied(mut awaited) = self.ceasing.entry(gate) {
                    *awaited.get_mut() -= 1;
                    if *awaited.get() == 0 {
                        awaited.remove();
                    }
                }
            }
            Report::SendFailed { gate, vr, errno } => self.send_failed(gate, vr, errno, now),
            Report::Opened { .. }
            | Report::Beaten { .. }
            | Report::LeaseOver { .. }
            | Report::Renewed { .. }
            | Report::Updated { .. } => {}
        }
    }

    /// Reports of a claim that has been given up mean nothing.
    fn is_current(&self, gate: GateId, epoch: Epoch) -> bool {
        let current =
            |team: &super::team::Team| team.epoch == epoch && team.group.state().is_claimed();
        self.teams.get(&gate).is_some_and(current)
    }

    fn send_failed(&mut self, gate: GateId, vr: Option<VrId>, errno: i32, now: Instant) {
        let Some(team) = self.teams.get_mut(&gate) else {
            return;
        };
        team.send_failures += 1;
        if now < team.quiet_until {
            return;
        }
        team.quiet_until = now + QUIET;
        let what = if vr.is_some() {
            "advert"
        } else {
            "announcement"
        };
        let line = format!("Sending an {what} failed (errno {errno})");
        if let Some(vr) = vr.or_else(|| self.members(gate).first().copied()) {
            self.log_of(vr, Level::Error, &line);
        }
    }

    pub(super) fn announce_due(&mut self, gate: GateId, now: Instant) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if !self
            .teams
            .get(&gate)
            .is_some_and(|team| due(team.announcer.next(&self.paces)))
        {
            return;
        }
        let shares = self.shares(gate);
        let Some(team) = self.teams.get_mut(&gate) else {
            return;
        };
        let announcements = team.announcer.due(&shares, &mut self.paces, now);
        self.announce(gate, announcements);
    }

    /// Only what is ours is announced.
    pub(super) fn announce_again(&mut self, name: &str) -> Answer {
        let found = self.instances.values().find(|it| it.config.name == name);
        let Some(instance) = found else {
            return Err(format!("no instance {name}"));
        };
        let state = self.teams.get(&instance.gate).map(|it| it.group.state());
        if state != Some(State::Active) {
            return Err(format!(
                "{name} is not MASTER here: its addresses are another's"
            ));
        }
        let gate = instance.gate;
        let announcements = instance.announcements(&self.links).collect();
        self.announce(gate, announcements);
        Ok(Done::default())
    }

    pub(super) fn announce(&mut self, gate: GateId, announcements: Vec<Announcement>) {
        if let Some(team) = self.teams.get(&gate)
            && !announcements.is_empty()
        {
            let epoch = team.epoch;
            self.actions.push_back(Action::Announce {
                gate,
                epoch,
                announcements,
            });
        }
    }

    pub(super) fn shares(&self, gate: GateId) -> Vec<Share> {
        let members = self
            .teams
            .get(&gate)
            .map(|team| &*team.members)
            .unwrap_or_default();
        members
            .iter()
            .filter_map(|vr| self.instances.get(vr))
            .map(|instance| Share {
                vr: instance.vr,
                lane: instance.lane(),
                garp: instance.config.garp,
                announcements: instance.announcements(&self.links).collect(),
                extra: instance.extra_announcements(&self.links),
            })
            .collect()
    }

    pub(super) fn tell_members(&mut self, gate: GateId) {
        if !self.finished {
            for vr in self.members(gate) {
                self.tell(vr);
            }
        }
    }

    /// Brings the kernel's record and the transmit thread's advert up to date.
    ///
    /// While we claim or own, the kernel must not judge by a stronger form than
    /// every peer has accepted from us: a peer that still counts on the weaker one
    /// would claim, and its winning advert would not shut our gate. So a stronger
    /// form is advertised first and recorded after `Report::Updated`; a weaker one
    /// is recorded first.
    fn tell(&mut self, vr: VrId) {
        let Some(instance) = self.instances.get_mut(&vr) else {
            return;
        };
        let claimed = self
            .teams
            .get(&instance.gate)
            .is_some_and(|team| team.group.state().is_claimed());
        let mut record = instance.build_record(&self.links);
        if claimed && let (Some(new), Some(told)) = (&mut record, &instance.record) {
            let advertised = instance
                .advert
                .as_ref()
                .map(|advert| (advert.priority, advert.source));
            let strength = (new.priority, new.source);
            let stronger = strength > (told.priority, told.source);
            if stronger && (instance.updating || advertised != Some(strength)) {
                (new.priority, new.source) = (told.priority, told.source);
            }
        }
        let gate = instance.gate;
        let update = if claimed {
            next_advert(instance, &self.links)
        } else {
            None
        };
        self.set_record(vr, record);
        if let Some(advert) = update {
            self.actions
                .push_back(Action::UpdateAdvert { gate, advert });
        }
    }

    fn set_record(&mut self, vr: VrId, record: Option<RouterRecord>) {
        let Some(instance) = self.instances.get_mut(&vr) else {
            return;
        };
        if instance.record == record {
            return;
        }
        let moved = match (&instance.record, &record) {
            (Some(old), Some(new)) => old.key != new.key,
            _ => false,
        };
        if moved || instance.record.is_none() {
            self.unlistened.insert(vr);
        }
        instance.record.clone_from(&record);
        if moved {
            self.actions
                .push_back(Action::SetRouter { vr, record: None });
        }
        self.actions.push_back(Action::SetRouter { vr, record });
    }

    /// What was asked for is listened to from now on.
    pub(super) fn in_place(&mut self, now: Instant) {
        for vr in core::mem::take(&mut self.unlistened) {
            let gate = self.instances.get(&vr).map(|instance| instance.gate);
            if let Some(team) = gate.and_then(|gate| self.teams.get_mut(&gate)) {
                team.group.listens_from(vr, now);
            }
        }
    }

    pub(super) fn remove_record(&mut self, vr: VrId) {
        self.set_record(vr, None);
    }
}

/// The changed advert, if it may be sent now: one change at a time, so that
/// `Report::Updated` says which one every peer knows.
fn next_advert(
    instance: &mut Instance,
    links: &super::instance::Links,
) -> Option<super::action::Advert> {
    let mut advert = instance.build_advert(links)?;
    let told = instance.advert.as_ref()?;
    // Never changes while Active.
    advert.checksum = told.checksum;
    if instance.updating || *told == advert {
        return None;
    }
    instance.updating = true;
    instance.advert = Some(advert.clone());
    Some(advert)
}
