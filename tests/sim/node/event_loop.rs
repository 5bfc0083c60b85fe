//! The event loop, step by step as the driver does it: it reads the clock anew
//! wherever the driver does.

use super::{Daemon, Next, Node, Out, Stage, acts::LoopEffect};
use crate::{kernel, mutation::Mutation};
use vrrp_common::maps::PeerKey;
use vrrp_user::{
    engine::{
        Reason,
        input::{Heard, Input},
    },
    ownership::command::{Command, VrId},
    time::Instant,
};

/// Ring records taken in before anything else gets its turn, fewer than the
/// driver's so that more may be left.
const EVENTS_AT_ONCE: usize = 16;

/// Where the event loop stands.
#[derive(Debug)]
pub(super) enum LoopStep {
    /// It has just been started.
    Inherit,
    /// It has nothing in hand.
    Idle,
    /// A deadline has passed by `now`; what has come in goes first.
    TakeIn { now: Instant },
    /// The stamps of these are to be read; some news may be missing.
    Stamps {
        now: Instant,
        needed: Vec<VrId>,
        everybody: bool,
    },
    /// They were read.
    Decide { now: Instant, heard: Vec<Heard> },
    /// What the engine asks for, until there is no more.
    Act,
    /// Permissions are to be renewed by a clock that was read.
    Renew { now: Instant },
}

impl Daemon {
    pub(super) fn loop_stage(&self) -> Option<Stage> {
        Some(match &self.loop_step {
            LoopStep::Inherit => Stage::Inherit,
            LoopStep::Idle => return None,
            LoopStep::TakeIn { .. } => Stage::TakeIn,
            LoopStep::Stamps { needed, .. } if needed.is_empty() => return None,
            LoopStep::Stamps { .. } => Stage::ReadStamps,
            LoopStep::Decide { .. } => Stage::Decide,
            LoopStep::Renew { .. } => Stage::WritePermit,
            LoopStep::Act => match self.effects.front() {
                None => Stage::TurnEnd,
                Some(LoopEffect::Router { .. }) => Stage::WriteRouter,
                Some(LoopEffect::Vips(_)) => Stage::WriteVips,
                Some(LoopEffect::Addresses(_)) => Stage::Netlink,
                Some(LoopEffect::ReadClock(_)) => return None,
                Some(LoopEffect::Permit(..)) => Stage::WritePermit,
                Some(LoopEffect::Close(..)) => Stage::Close,
                Some(LoopEffect::Withdraw(_)) => Stage::WithdrawPermit,
                Some(LoopEffect::Queue(command)) => match command {
                    Command::Claim { .. } => Stage::QueueClaim,
                    Command::Confirm { .. } => Stage::QueueConfirm,
                    Command::Update { .. } => Stage::QueueUpdate,
                    Command::Cease { .. } => Stage::QueueCease,
                    _ => Stage::QueueOther,
                },
            },
        })
    }

    /// One thing that has come in, if anything has.
    fn take_in(&mut self, kernel: &kernel::Kernel, now: Instant) -> bool {
        if let Some(event) = kernel.next_event() {
            if let Some(vr) = self.engine.router_of(&event.vr)
                && let Some(heard) = kernel::told(vr, &event)
            {
                let key = PeerKey {
                    vr: event.vr,
                    source: event.source,
                };
                let told = self.known.entry(key).or_default();
                *told = (*told).max(heard.at);
                self.engine.handle(Input::Advert(heard), now);
            }
            return true;
        }
        let Some(input) = self.inbox.pop_front() else {
            return false;
        };
        self.engine.handle(input, now);
        true
    }
}

impl Node {
    /// One step of the event loop.
    pub(crate) fn loop_step(&mut self, now: Instant, out: &mut Out) -> Next {
        let Some(daemon) = &mut self.daemon else {
            return Next::Asleep;
        };
        if daemon.leaving {
            return Next::Asleep;
        }
        match core::mem::replace(&mut daemon.loop_step, LoopStep::Act) {
            LoopStep::Inherit => {
                let engine = self.inherit();
                if let Some(daemon) = &mut self.daemon {
                    daemon.engine = engine;
                    daemon.events_lost = self.kernel.events_lost();
                    daemon.loop_step = LoopStep::Idle;
                }
            }
            LoopStep::Idle => return self.idle(now),
            LoopStep::TakeIn { now: began } => {
                for _ in 0..EVENTS_AT_ONCE {
                    if !daemon.take_in(&self.kernel, now) {
                        break;
                    }
                }
                let confirms = matches!(
                    daemon.engine.poll_timeout(),
                    Some((_, Reason::ConfirmClaim(_)))
                );
                let mut needed = daemon.engine.stamps_needed(began);
                match self.mutation {
                    Mutation::ConfirmedUnseen if confirms => needed.clear(),
                    Mutation::TimerObeyed if !confirms => needed.clear(),
                    _ => {}
                }
                // Of a peer nobody has told of, only the whole map knows.
                let lost = self.kernel.events_lost();
                let everybody = self.kernel.has_events() || lost != daemon.events_lost;
                if !needed.is_empty() {
                    daemon.events_lost = lost;
                }
                daemon.loop_step = LoopStep::Stamps {
                    now: began,
                    needed,
                    everybody,
                };
            }
            LoopStep::Stamps {
                now,
                needed,
                everybody,
            } => {
                let mut heard = Vec::new();
                for (&vr, key) in &daemon.keys {
                    // What was lost may have been for any of them.
                    if needed.is_empty() || !everybody && !needed.contains(&vr) {
                        continue;
                    }
                    let new = daemon.unread.remove(key);
                    let everybody = everybody || new && self.mutation != Mutation::OnlyTheTold;
                    for (peer, stamp) in self.kernel.stamps(vr, key) {
                        let told = if everybody {
                            daemon.known.entry(peer).or_default()
                        } else {
                            let Some(told) = daemon.known.get_mut(&peer) else {
                                continue;
                            };
                            told
                        };
                        if stamp.at > *told {
                            *told = stamp.at;
                            heard.push(stamp);
                        }
                    }
                }
                daemon.loop_step = LoopStep::Decide { now, heard };
            }
            LoopStep::Decide { now: began, heard } => {
                for heard in heard {
                    daemon.engine.handle(Input::Advert(heard), now);
                }
                daemon.engine.handle_timeout(began);
            }
            LoopStep::Act => self.act_once(now, out),
            LoopStep::Renew { now: read } => {
                daemon.permit_at = read + self.permit / 2;
                for &gate in &daemon.held {
                    let until = (read + self.permit).as_ns();
                    self.kernel
                        .write_gate(gate, |record| record.permit_end_ns = until);
                }
                daemon.loop_step = LoopStep::Idle;
            }
        }
        Next::Soon
    }

    fn idle(&mut self, now: Instant) -> Next {
        let Some(daemon) = &mut self.daemon else {
            return Next::Asleep;
        };
        let deadline = daemon.engine.poll_timeout().map(|(at, _)| at);
        if deadline.is_some_and(|at| at <= now) {
            daemon.loop_step = LoopStep::TakeIn { now };
            return Next::Soon;
        }
        let mut took = false;
        for _ in 0..EVENTS_AT_ONCE {
            if !daemon.take_in(&self.kernel, now) {
                break;
            }
            took = true;
        }
        if took {
            return Next::Soon;
        }
        if !daemon.held.is_empty() && now >= daemon.permit_at {
            daemon.loop_step = LoopStep::Renew { now };
            return Next::Soon;
        }
        daemon.loop_step = LoopStep::Idle;
        let renewal = (!daemon.held.is_empty()).then_some(daemon.permit_at);
        let next = [deadline, renewal].into_iter().flatten().min();
        next.map_or(Next::Asleep, Next::At)
    }
}
