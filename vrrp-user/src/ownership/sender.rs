//! The transmit thread as a machine: commands and time in, effects out.
//!
//! It is the sole sender of adverts and announcements and the sole writer of
//! `epoch` and `lease_end_ns`. Its contract:
//!
//! * [`Sender::handle`] and [`Sender::handle_timeout`] queue effects; the shell
//!   drains [`Sender::poll_effect`] to `None` after each, carrying every effect
//!   out before it polls the next.
//! * For each [`Effect::Send`] the shell reads the clock, sends, and calls
//!   [`Sender::sent`] before it polls on.
//! * [`Sender::poll_timeout`] is the one deadline, absolute. Waking early is
//!   harmless; waking late shuts gates, it never opens one.

use super::{
    command::{Command, Epoch, GateId, Report, VrId},
    owned::Owned,
};
use crate::time::Instant;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use vrrp_common::gate::Gate;

/// The gate records as the transmit thread reads them.
pub trait GateView {
    /// This group's record, now.
    fn gate(&self, gate: GateId) -> Gate;
}

/// What kind of frames are to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendKind {
    /// An advert that claims or keeps.
    Advert,
    /// A priority-0 advert.
    Resign,
    /// Gratuitous ARPs and unsolicited NAs.
    Announcement,
}

/// Says what a send was for, when its result comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The group.
    pub gate: GateId,
    /// The claim.
    pub epoch: Epoch,
    /// The instance; none for announcements.
    pub vr: Option<VrId>,
    /// The kind of frames.
    pub kind: SendKind,
}

/// One thing to do, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect<F> {
    /// Write `lease_end_ns = 0`, then `epoch`: in that order, or what is left of
    /// the last lease opens the gate before the claim is held. The epoch may be the
    /// record's already: its lease ran out, and it is claimed again.
    BeginEpoch {
        /// The group.
        gate: GateId,
        /// The claim.
        epoch: Epoch,
    },
    /// Read the clock, send all frames, call [`Sender::sent`].
    Send {
        /// To be handed back.
        ticket: Ticket,
        /// In order.
        frames: Vec<F>,
    },
    /// Write `last_sent_ns`, `lease_end_ns` and nothing else; void unless `epoch` is still the record's (V6).
    WriteLease {
        /// The group.
        gate: GateId,
        /// The claim.
        epoch: Epoch,
        /// Absolute.
        lease_end: Instant,
        /// When the last advert left, of the member whose left first.
        last_sent: Instant,
    },
    /// Hand over to the event loop.
    Report(Report),
}

/// Every claim of this host. `F` is a frame.
#[derive(Clone, Debug, Default)]
pub struct Sender<F> {
    claims: BTreeMap<GateId, Owned<F>>,
    /// One entry for each claim that waits for something: (when, which).
    schedule: BTreeSet<(Instant, GateId)>,
    effects: VecDeque<Effect<F>>,
}

impl<F: Clone> Sender<F> {
    /// With nothing claimed.
    #[must_use]
    pub fn new() -> Self {
        Self {
            claims: BTreeMap::new(),
            schedule: BTreeSet::new(),
            effects: VecDeque::new(),
        }
    }

    /// One command of the event loop.
    pub fn handle(&mut self, command: Command<F>, now: Instant) {
        match command {
            Command::Claim { gate, epoch, .. } => {
                if self.claims.get(&gate).is_some_and(|old| old.epoch >= epoch) {
                    return;
                }
                self.unschedule(gate);
                self.quiesce(gate);
                self.effects.push_back(Effect::BeginEpoch { gate, epoch });
                if let Some(owned) = Owned::claim(command, now) {
                    self.claims.insert(gate, owned);
                }
                self.reschedule(gate);
            }
            Command::Resume { gate, .. } => {
                if self.claims.contains_key(&gate) {
                    return;
                }
                if let Some(owned) = Owned::resume(command, now) {
                    self.claims.insert(gate, owned);
                }
                self.reschedule(gate);
            }
            Command::Prolong { gate, epoch } => {
                self.change(gate, |owned, _| {
                    if owned.epoch == epoch {
                        owned.prolong(now);
                    }
                });
            }
            Command::Confirm { gate, epoch } => {
                self.change(gate, |owned, _| {
                    if owned.epoch == epoch {
                        owned.confirm();
                    }
                });
            }
            Command::Update { gate, member } => {
                self.change(gate, |owned, effects| owned.update(member, now, effects));
            }
            Command::AdvertiseNow { gate, vr } => {
                self.change(gate, |owned, _| owned.advertise_now(vr, now));
            }
            Command::Announce {
                gate,
                epoch,
                frames,
            } => {
                self.change(gate, |owned, _| {
                    if owned.epoch == epoch {
                        owned.announce(frames, now);
                    }
                });
            }
            Command::Cease { gate, resign } => self.cease(gate, resign),
            Command::Part { gate, vrs, resign } => {
                self.change(gate, |owned, effects| {
                    owned.part(&vrs, resign, now, effects);
                });
            }
            Command::Concede { gate, vr, frames } => {
                let ticket = Ticket {
                    gate,
                    epoch: Epoch::default(),
                    vr: Some(vr),
                    kind: SendKind::Resign,
                };
                self.effects.push_back(Effect::Send { ticket, frames });
            }
        }
    }

    /// Carries out what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant, gates: &dyn GateView) {
        while let Some(&(at, gate)) = self.schedule.first() {
            if at > now {
                return;
            }
            self.schedule.pop_first();
            let Some(owned) = self.claims.get_mut(&gate) else {
                continue;
            };
            owned.scheduled = None;
            if owned.step(now, &gates.gate(gate), &mut self.effects) {
                self.reschedule(gate);
            } else {
                self.claims.remove(&gate);
            }
        }
    }

    /// The result of a send: `sent_at` was read before it (V7), `now` after it.
    /// `result` is an `errno`.
    ///
    /// The egress program may have dropped an advert without an error. A claim and
    /// a lease that still stand after the send stood during it, and so did the
    /// permission that was read before it; otherwise the send extends nothing.
    pub fn sent(
        &mut self,
        ticket: Ticket,
        sent_at: Instant,
        result: Result<(), i32>,
        now: Instant,
        gates: &dyn GateView,
    ) {
        if let Err(errno) = result {
            self.effects.push_back(Effect::Report(Report::SendFailed {
                gate: ticket.gate,
                vr: ticket.vr,
                errno,
            }));
        }
        if let (SendKind::Advert, Some(vr)) = (ticket.kind, ticket.vr) {
            let left = result.is_ok() && gates.gate(ticket.gate).may_advertise(now.as_ns());
            self.change(ticket.gate, |owned, effects| {
                if owned.epoch == ticket.epoch {
                    let left = left && owned.was_permitted(now);
                    owned.sent(vr, sent_at, left, now, effects);
                }
            });
        }
    }

    /// The next deadline; absolute.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.schedule.first().map(|&(at, _)| at)
    }

    /// The next effect; `None`: all is carried out.
    pub fn poll_effect(&mut self) -> Option<Effect<F>> {
        self.effects.pop_front()
    }

    /// V8: the gate is shut already; silence first, then the priority 0.
    fn cease(&mut self, gate: GateId, resign: bool) {
        self.unschedule(gate);
        self.quiesce(gate);
        if let Some(owned) = self.claims.remove(&gate)
            && resign
        {
            self.effects.extend(owned.resigns());
        }
        self.effects
            .push_back(Effect::Report(Report::Ceased { gate }));
    }

    /// Takes back what is queued to be sent for a group.
    fn quiesce(&mut self, gate: GateId) {
        self.effects.retain(|effect| match effect {
            Effect::Send { ticket, .. } => ticket.gate != gate,
            Effect::WriteLease { gate: of, .. } => *of != gate,
            Effect::BeginEpoch { .. } | Effect::Report(_) => true,
        });
    }

    fn change(
        &mut self,
        gate: GateId,
        change: impl FnOnce(&mut Owned<F>, &mut VecDeque<Effect<F>>),
    ) {
        if let Some(owned) = self.claims.get_mut(&gate) {
            change(owned, &mut self.effects);
            self.unschedule(gate);
            self.reschedule(gate);
        }
    }

    fn unschedule(&mut self, gate: GateId) {
        if let Some(owned) = self.claims.get_mut(&gate)
            && let Some(at) = owned.scheduled.take()
        {
            self.schedule.remove(&(at, gate));
        }
    }

    fn reschedule(&mut self, gate: GateId) {
        if let Some(owned) = self.claims.get_mut(&gate)
            && let Some(at) = owned.due()
        {
            owned.scheduled = Some(at);
            self.schedule.insert((at, gate));
        }
    }
}

#[cfg(test)]
mod concession;
#[cfg(test)]
mod in_hand;
#[cfg(test)]
mod parting;
#[cfg(test)]
mod tests;
