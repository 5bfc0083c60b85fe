//! The transmit thread: the real machine, and a shell of one step an effect.

use super::{Daemon, Frame, Next, Node, Out, Refused, Stage};
use crate::{kernel::Kernel, mutation::Mutation};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use vrrp_common::{gate::Gate, wire::PRIORITY_RESIGN};
use vrrp_user::{
    config::model::{Config, Instance},
    engine::input::Input,
    ownership::{
        command::{Command, Epoch, GateId, Report, VrId},
        lease,
        sender::{Effect, GateView, SendKind, Ticket},
    },
    time::Instant,
};

const ENOBUFS: i32 = 105;

/// Where the transmit thread stands.
#[derive(Debug)]
pub(super) enum SendStep {
    /// It has nothing in hand.
    Next,
    /// What the machine asks for, until there is no more.
    Drain,
    /// Sends were gathered: read the clock for them.
    ReadClock,
    /// The clock was read: one frame after another is handed to the kernel.
    Frames { at: Instant },
    /// All have left, or not: the machine is told.
    Results,
    /// What followed the sends.
    Effect(Effect<Frame>),
    /// A new epoch: the old lease has ended.
    Raise { gate: GateId, epoch: Epoch },
    /// A lease may be written: the record is in its epoch.
    Store {
        gate: GateId,
        epoch: Epoch,
        lease_end: Instant,
        last_sent: Instant,
    },
}

/// Sends that follow one another, as the shell gathers them.
#[derive(Debug, Default)]
pub(super) struct Sending {
    tickets: Vec<(Ticket, Vec<Frame>)>,
    /// Frames that were handed over.
    done: usize,
    outcomes: Vec<(Instant, Result<(), i32>)>,
    then: Option<Effect<Frame>>,
    /// When the last advert of each gate left.
    last_sent: BTreeMap<GateId, Instant>,
    /// Claims of which an advert was sent.
    burst: BTreeSet<(Epoch, VrId)>,
    /// The command in hand changes an advert.
    updating: bool,
}

/// The gates as the machine reads them before it sends.
struct Permitted<'a> {
    kernel: &'a Kernel,
    /// Whatever is permitted now is permitted for ever.
    lasting: bool,
    now: Instant,
}

impl GateView for Permitted<'_> {
    fn gate(&self, gate: GateId) -> Gate {
        let mut gate = self.kernel.gate(gate);
        if self.lasting && gate.permit_end_ns > self.now.as_ns() {
            gate.permit_end_ns = u64::MAX;
        }
        gate
    }
}

impl Daemon {
    pub(super) fn sender_stage(&self) -> Option<Stage> {
        Some(match &self.send_step {
            SendStep::Next => match self.commands.front() {
                Some(Command::Claim { .. }) => Stage::TakeClaim,
                Some(_) => Stage::TakeCommand,
                None if self.sender.poll_timeout().is_some() => Stage::Timeout,
                None => return None,
            },
            SendStep::Drain => return None,
            SendStep::ReadClock => Stage::ReadClock,
            SendStep::Frames { .. } if self.sending.done == 0 => Stage::SendFirst,
            SendStep::Frames { .. } => Stage::SendNext,
            SendStep::Results => Stage::Results,
            SendStep::Effect(Effect::BeginEpoch { .. }) => Stage::EndLease,
            SendStep::Effect(Effect::WriteLease { .. }) => Stage::CheckLease,
            SendStep::Effect(_) => Stage::Report,
            SendStep::Raise { .. } => Stage::RaiseEpoch,
            SendStep::Store { .. } => Stage::StoreLease,
        })
    }
}

impl Node {
    /// One step of the transmit thread.
    pub(crate) fn send_step(&mut self, now: Instant, out: &mut Out) -> Next {
        let Some(daemon) = &mut self.daemon else {
            return Next::Asleep;
        };
        match core::mem::replace(&mut daemon.send_step, SendStep::Drain) {
            SendStep::Next => {
                if let Some(command) = daemon.commands.pop_front() {
                    daemon.sending.updating = matches!(command, Command::Update { .. });
                    daemon.sender.handle(command, now);
                } else {
                    daemon.sending.updating = false;
                    match daemon.sender.poll_timeout() {
                        Some(at) if at <= now => {
                            let lasting = self.mutation == Mutation::PermitForGranted;
                            let gates = Permitted {
                                kernel: &self.kernel,
                                lasting,
                                now,
                            };
                            daemon.sender.handle_timeout(now, &gates);
                        }
                        later => {
                            daemon.send_step = SendStep::Next;
                            daemon.finished |= daemon.leaving;
                            return later.map_or(Next::Asleep, Next::At);
                        }
                    }
                }
            }
            SendStep::Drain => match daemon.sender.poll_effect() {
                Some(Effect::Send { ticket, frames }) => {
                    daemon.sending.tickets.push((ticket, frames));
                }
                effect if !daemon.sending.tickets.is_empty() => {
                    daemon.sending.then = effect;
                    daemon.send_step = SendStep::ReadClock;
                }
                Some(effect) => daemon.send_step = SendStep::Effect(effect),
                None => daemon.send_step = SendStep::Next,
            },
            SendStep::ReadClock => daemon.send_step = SendStep::Frames { at: now },
            SendStep::Frames { at } => self.hand_over(at, now, out),
            SendStep::Results => self.results(now),
            SendStep::Effect(effect) => self.carry_out(effect, now, out),
            SendStep::Raise { gate, epoch } => {
                self.claimed_at.insert(gate, now);
                self.kernel
                    .write_gate(gate, |record| record.epoch = epoch.0);
            }
            SendStep::Store {
                gate,
                epoch,
                lease_end,
                last_sent,
            } => self.store(gate, epoch, lease_end, last_sent),
        }
        Next::Soon
    }

    /// The next frame of a send goes through tc, and onto the wire.
    fn hand_over(&mut self, at: Instant, now: Instant, out: &mut Out) {
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let sending = &mut daemon.sending;
        let mut frames = sending
            .tickets
            .iter()
            .flat_map(|(ticket, frames)| frames.iter().map(move |frame| (*ticket, *frame)));
        let Some((ticket, frame)) = frames.nth(sending.done) else {
            daemon.send_step = SendStep::Results;
            return;
        };
        sending.done += 1;
        let result = match frame {
            Frame::Announce(address) => {
                if self.kernel.announces(address, now) {
                    out.seen.push("an announcement");
                    Ok(())
                } else {
                    out.seen.push("an announcement that tc drops");
                    Err(ENOBUFS)
                }
            }
            Frame::Advert(wire) if self.refused.is_some_and(|it| it.refuses(&wire)) => {
                out.seen.push("a send that fails");
                Err(ENOBUFS)
            }
            Frame::Advert(wire) => {
                let again = wire.priority != PRIORITY_RESIGN
                    && ticket
                        .vr
                        .is_some_and(|vr| !sending.burst.insert((ticket.epoch, vr)));
                let muted = self.mutation == Mutation::OneIsABurst
                    && again
                    && !self.kernel.open_in(ticket.gate, now);
                if muted {
                    Ok(())
                } else if self.kernel.lets_out(&wire, now) {
                    out.wire.push(wire);
                    Ok(())
                } else {
                    out.seen.push("an advert that tc drops");
                    if self.drops_silently {
                        Ok(())
                    } else {
                        Err(ENOBUFS)
                    }
                }
            }
        };
        // The kernel stops at one that fails; for the next the clock is read again.
        daemon.sending.outcomes.push((at, result));
        let at = if result.is_err() { now } else { at };
        daemon.send_step = SendStep::Frames { at };
    }

    fn results(&mut self, now: Instant) {
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let sending = &mut daemon.sending;
        let outcomes = core::mem::take(&mut sending.outcomes);
        let mut left = outcomes.as_slice();
        for (ticket, frames) in core::mem::take(&mut sending.tickets) {
            let (own, rest) = left.split_at(frames.len().min(left.len()));
            left = rest;
            let sent_at = own.first().map_or(now, |(at, _)| *at);
            let sent_at = match self.mutation {
                Mutation::LateStamp => now,
                _ => sent_at,
            };
            let failed = own.iter().find(|(_, result)| result.is_err());
            let one_left = own.iter().any(|(_, result)| result.is_ok());
            let result = match self.mutation {
                Mutation::FailureExtends => Ok(()),
                Mutation::AnyPeer if one_left => Ok(()),
                _ => failed.map_or(Ok(()), |(_, result)| *result),
            };
            if ticket.kind == SendKind::Advert {
                sending.last_sent.insert(ticket.gate, sent_at);
            }
            daemon
                .sender
                .sent(ticket, sent_at, result, now, &self.kernel);
        }
        sending.done = 0;
        daemon.send_step = match sending.then.take() {
            Some(effect) => SendStep::Effect(effect),
            None => SendStep::Drain,
        };
    }

    fn carry_out(&mut self, effect: Effect<Frame>, now: Instant, out: &mut Out) {
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        match effect {
            Effect::BeginEpoch { gate, epoch } => {
                self.kernel
                    .write_gate(gate, |record| record.lease_end_ns = 0);
                daemon.send_step = SendStep::Raise { gate, epoch };
            }
            Effect::WriteLease {
                gate,
                epoch,
                lease_end,
                last_sent,
            } => {
                let late = self.mutation == Mutation::ShortenedLate && daemon.sending.updating;
                if late || !self.may_store(gate, epoch) {
                    return;
                }
                if let Some(daemon) = &mut self.daemon {
                    daemon.send_step = SendStep::Store {
                        gate,
                        epoch,
                        lease_end,
                        last_sent,
                    };
                }
            }
            Effect::Report(mut report) => {
                out.seen.push(match &mut report {
                    Report::Claimed { .. } => "a burst",
                    Report::Opened { .. } => "a gate opened",
                    Report::Beaten { .. } => "a claim found beaten",
                    Report::LeaseOver { last_sent, .. } => {
                        if self.mutation == Mutation::AlwaysAgain {
                            *last_sent = now;
                        }
                        "a lease that ended unasked"
                    }
                    Report::Renewed { .. } => "a lease that was renewed by its own claim",
                    Report::Updated { .. } => "another form known to all",
                    Report::Ceased { .. } => "a claim given up",
                    Report::SendFailed { .. } => "a failed send reported",
                });
                daemon.inbox.push_back(Input::Sender(report));
                out.wake_loop = true;
            }
            Effect::Send { .. } => {}
        }
    }

    /// V6: only in its epoch.
    fn may_store(&self, gate: GateId, epoch: Epoch) -> bool {
        let record = self.kernel.gate(gate);
        self.mutation == Mutation::LeaseReopens || record.epoch == epoch.0 && record.is_claimed()
    }

    fn store(&mut self, gate: GateId, epoch: Epoch, lease_end: Instant, known_sent: Instant) {
        let Some(daemon) = &self.daemon else {
            return;
        };
        let last_sent = daemon.sending.last_sent.get(&gate).copied();
        let longest = longest_lease(&self.config);
        let lease_end = match self.mutation {
            Mutation::LossIgnored => last_sent.unwrap_or_default() + longest,
            Mutation::NoDrift => lease_end + longest * lease::DRIFT_PPM / 1_000_000,
            _ => lease_end,
        };
        let reopens = self.mutation == Mutation::LeaseReopens;
        self.kernel.write_gate(gate, |record| {
            if reopens && record.closed_epoch < epoch.0 {
                record.epoch = record.epoch.max(record.revoked_epoch + 1);
            }
            record.last_sent_ns = known_sent.as_ns();
            record.lease_end_ns = lease_end.as_ns();
        });
    }
}

impl Refused {
    fn refuses(self, wire: &crate::wire::Wire) -> bool {
        match self {
            Self::Everything => true,
            Self::To(peer) => wire.to == Some(peer),
            Self::Vrid(vrid) => wire.vrid == vrid,
        }
    }
}

fn longest_lease(config: &Config) -> Duration {
    let span = |it: &Instance| {
        let adverts = it.down_timer_adverts.min(lease::MAX_LEASE_ADVERTS);
        lease::counted_interval(it.version, it.advert_interval) * u32::from(adverts)
    };
    config.instances.iter().map(span).min().unwrap_or_default()
}
