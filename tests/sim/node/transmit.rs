//! The transmit thread: the real machine, and a shell of one step an effect.

use super::{Frame, Next, Node, Out, SendStep};
use crate::mutation::Mutation;
use core::time::Duration;
use vrrp_user::{
    config::model::{Config, Instance},
    engine::input::Input,
    ownership::{
        command::{Epoch, GateId},
        lease,
        sender::{Effect, SendKind},
    },
    time::Instant,
};

const ENOBUFS: i32 = 105;

impl Node {
    /// One step of the transmit thread.
    pub(crate) fn send_step(&mut self, now: Instant, out: &mut Out) -> Next {
        let Some(daemon) = &mut self.daemon else {
            return Next::Asleep;
        };
        match core::mem::replace(&mut daemon.send_step, SendStep::Drain) {
            SendStep::Next => {
                if let Some(command) = daemon.commands.pop_front() {
                    daemon.sender.handle(command, now);
                } else {
                    match daemon.sender.poll_timeout() {
                        Some(at) if at <= now => daemon.sender.handle_timeout(now, &self.kernel),
                        later => {
                            daemon.send_step = SendStep::Next;
                            return later.map_or(Next::Asleep, Next::At);
                        }
                    }
                }
            }
            SendStep::Drain => match daemon.sender.poll_effect() {
                None => daemon.send_step = SendStep::Next,
                Some(effect) => self.carry_out(effect, now, out),
            },
            SendStep::Lease {
                gate,
                epoch,
                lease_end,
            } => self.write_lease(gate, epoch, lease_end),
            SendStep::Wire {
                ticket,
                frames,
                sent_at,
            } if self.sends_fail => {
                drop(frames);
                let result = match self.mutation {
                    Mutation::FailureExtends => Ok(()),
                    _ => Err(ENOBUFS),
                };
                daemon.send_step = SendStep::Sent {
                    ticket,
                    sent_at,
                    result,
                };
            }
            SendStep::Wire {
                ticket,
                frames,
                sent_at,
            } => {
                for frame in frames {
                    if let Frame::Advert(wire) = frame
                        && self.kernel.lets_out(ticket.gate, &wire, now)
                    {
                        out.wire.push(wire);
                    }
                }
                daemon.send_step = SendStep::Sent {
                    ticket,
                    sent_at,
                    result: Ok(()),
                };
            }
            SendStep::Sent {
                ticket,
                sent_at,
                result,
            } => {
                let sent_at = if self.mutation == Mutation::LateStamp {
                    now
                } else {
                    sent_at
                };
                if ticket.kind == SendKind::Advert {
                    daemon.last_sent.insert(ticket.gate, sent_at);
                }
                daemon
                    .sender
                    .sent(ticket, sent_at, result, now, &self.kernel);
            }
        }
        Next::Soon
    }

    fn carry_out(&mut self, effect: Effect<Frame>, now: Instant, out: &mut Out) {
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        match effect {
            Effect::BeginEpoch { gate, epoch } => {
                let record = self.kernel.gates.entry(gate).or_default();
                record.lease_end_ns = 0;
                record.epoch = epoch.0;
            }
            Effect::WriteLease {
                gate,
                epoch,
                lease_end,
                ..
            } => {
                daemon.send_step = SendStep::Lease {
                    gate,
                    epoch,
                    lease_end,
                };
            }
            Effect::Report(report) => {
                daemon.inbox.push_back(Input::Sender(report));
                out.wake_loop = true;
            }
            Effect::Send { ticket, frames } => {
                daemon.send_step = SendStep::Wire {
                    ticket,
                    frames,
                    sent_at: now,
                };
            }
        }
    }

    /// Only the lease, and only in its epoch (V6).
    fn write_lease(&mut self, gate: GateId, epoch: Epoch, lease_end: Instant) {
        let Some(daemon) = &self.daemon else {
            return;
        };
        let record = self.kernel.gates.entry(gate).or_default();
        if self.mutation == Mutation::LeaseReopens {
            record.epoch = record.epoch.max(record.revoked_epoch + 1);
        } else if record.epoch != epoch.0 {
            return;
        }
        record.lease_end_ns = match self.mutation {
            Mutation::LossIgnored => {
                let last = daemon.last_sent.get(&gate).copied().unwrap_or_default();
                last + longest_lease(&self.config)
            }
            _ => lease_end,
        }
        .as_ns();
    }
}

fn longest_lease(config: &Config) -> Duration {
    let span = |it: &Instance| {
        let adverts = it.down_timer_adverts.min(lease::MAX_LEASE_ADVERTS);
        lease::counted_interval(it.version, it.advert_interval) * u32::from(adverts)
    };
    config.instances.iter().map(span).min().unwrap_or_default()
}
