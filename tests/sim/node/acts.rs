//! The event loop carries out what the engine decided, effect by effect.

use super::{Frame, Node, Out, PlacedKey, event_loop::LoopStep};
use crate::{mutation::Mutation, wire::Wire};
use core::time::Duration;
use std::collections::BTreeSet;
use vrrp_user::{
    config::model::Version,
    election::timers,
    engine::{
        action::{Action, Advert, Announcement, PlacedAddress, RouterRecord, VipRecord},
        input::Input,
    },
    ownership::command::{Command, Epoch, GateId, Member, VrId},
    time::Instant,
};

/// One thing that others can see.
#[derive(Debug)]
pub(super) enum LoopEffect {
    Router {
        vr: VrId,
        record: Option<Box<RouterRecord>>,
    },
    Vips(Vec<VipRecord>),
    Addresses(Vec<PlacedAddress>),
    /// For the permission that goes with a claim.
    ReadClock(GateId),
    Permit(GateId, Instant),
    Close(GateId, Epoch),
    Withdraw(GateId),
    Queue(Command<Frame>),
}

impl Node {
    /// One effect, or one more action taken apart into its effects.
    pub(super) fn act_once(&mut self, now: Instant, out: &mut Out) {
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        if let Some(effect) = daemon.effects.pop_front() {
            return self.affect(effect, now, out);
        }
        let Some(action) = daemon.engine.poll_action() else {
            let listens = core::mem::take(&mut daemon.listens);
            if listens && self.mutation != Mutation::DeafStart {
                daemon.engine.handle(Input::InPlace, now);
            } else {
                daemon.loop_step = LoopStep::Renew { now };
            }
            return;
        };
        match action {
            Action::SetRouter { vr, record } => {
                daemon.listens = true;
                daemon.effects.push_back(LoopEffect::Router {
                    vr,
                    record: record.map(Box::new),
                });
            }
            Action::SetVips(vips) => daemon.effects.push_back(LoopEffect::Vips(vips)),
            Action::SetAddresses { wanted, .. } => {
                daemon.effects.push_back(LoopEffect::Addresses(wanted));
            }
            Action::RunScript { script, .. } => out.scripts.push(script),
            Action::Finished => daemon.finished = true,
            Action::Left => {
                daemon.leaving = true;
                out.wake_sender = true;
            }
            Action::CloseOthers { kept } => {
                let gates = self.kernel.gates();
                let others = gates.into_iter().filter(|(gate, _)| !kept.contains(gate));
                daemon.effects.extend(others.flat_map(|(gate, record)| {
                    let close = LoopEffect::Close(gate, Epoch(record.epoch));
                    [close, LoopEffect::Withdraw(gate)]
                }));
            }
            Action::Cease {
                gate,
                epoch,
                resign,
                ..
            } => {
                let close = LoopEffect::Close(gate, epoch);
                let withdraw = LoopEffect::Withdraw(gate);
                let queue = LoopEffect::Queue(Command::Cease { gate, resign });
                daemon.effects.extend(match self.mutation {
                    Mutation::ResignFirst => [queue, close, withdraw],
                    _ => [close, withdraw, queue],
                });
            }
            // Its gates always enforce.
            Action::AttachInterfaces(_)
            | Action::SetLeaseMode(_)
            | Action::SetNetwork { .. }
            | Action::StopScript { .. }
            | Action::Probe(_)
            | Action::StopProbe { .. }
            | Action::WatchFiles { .. }
            | Action::WatchProcesses(_)
            | Action::Notify { .. }
            | Action::NotifyFifo { .. }
            | Action::Mail { .. }
            | Action::StatusChange { .. }
            | Action::Answer { .. }
            | Action::RememberMaintenance(_)
            | Action::Log(..) => {}
            other => {
                if let Action::Resume { .. } = other {
                    out.seen.push("a claim that is resumed");
                }
                if let Action::Claim { gate, .. } | Action::Resume { gate, .. } = other {
                    daemon.effects.push_back(LoopEffect::ReadClock(gate));
                }
                if let Action::UpdateAdvert { advert, .. } = &other
                    && self.mutation == Mutation::RecordFirst
                    && let Some(key) = daemon.keys.get(&advert.vr)
                {
                    self.kernel.set_priority(key, advert.priority);
                }
                let command = self.command(other);
                if let Some(daemon) = &mut self.daemon {
                    daemon.effects.extend(command.map(LoopEffect::Queue));
                }
            }
        }
    }

    fn affect(&mut self, effect: LoopEffect, now: Instant, out: &mut Out) {
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        match effect {
            LoopEffect::Router { vr, record } => {
                let old = daemon.keys.remove(&vr);
                let new = record.as_ref().map(|record| record.key);
                if old != new {
                    daemon.known.retain(|peer, _| Some(peer.vr) != old);
                    daemon.unread.extend(new);
                }
                new.map(|key| daemon.keys.insert(vr, key));
                self.kernel.set_router(old, record.as_deref());
            }
            LoopEffect::Vips(vips) => self.kernel.set_vips(&vips),
            LoopEffect::Addresses(wanted) => self.place(&wanted),
            LoopEffect::ReadClock(gate) => {
                daemon.effects.push_front(LoopEffect::Permit(gate, now));
            }
            LoopEffect::Permit(gate, read) => {
                daemon.held.insert(gate);
                let until = (read + self.permit).as_ns();
                self.kernel
                    .write_gate(gate, |record| record.permit_end_ns = until);
            }
            LoopEffect::Close(gate, epoch) => self.kernel.write_gate(gate, |record| {
                record.closed_epoch = record.closed_epoch.max(epoch.0);
            }),
            LoopEffect::Withdraw(gate) => {
                daemon.held.remove(&gate);
                self.kernel
                    .write_gate(gate, |record| record.permit_end_ns = 0);
            }
            LoopEffect::Queue(command) => {
                daemon.commands.push_back(command);
                out.wake_sender = true;
            }
        }
    }

    /// What the transmit thread is told of an action.
    fn command(&self, action: Action) -> Option<Command<Frame>> {
        Some(match action {
            Action::Claim {
                gate,
                epoch,
                hold,
                loss_tolerance,
                lease_adverts,
                previous_interval,
                adverts,
                announcements,
            } => Command::Claim {
                gate,
                epoch,
                hold: self.hold(hold),
                loss_tolerance,
                lease_adverts: match self.mutation {
                    Mutation::AlwaysThree => 3,
                    _ => lease_adverts,
                },
                previous_interval: match self.mutation {
                    Mutation::PreviousForgotten => Duration::ZERO,
                    _ => previous_interval,
                },
                members: adverts.iter().map(|it| self.member(it)).collect(),
                announcements: announced(&announcements),
            },
            Action::Resume {
                gate,
                epoch,
                lease_end,
                last_sent,
                hold,
                loss_tolerance,
                lease_adverts,
                adverts,
            } => Command::Resume {
                gate,
                epoch,
                lease_end,
                last_sent,
                hold: self.hold(hold),
                loss_tolerance,
                lease_adverts,
                members: adverts.iter().map(|it| self.member(it)).collect(),
            },
            Action::Prolong { gate, epoch } => Command::Prolong { gate, epoch },
            Action::Confirm { gate, epoch } => Command::Confirm { gate, epoch },
            Action::UpdateAdvert { gate, advert } => {
                let member = self.member(&advert);
                Command::Update { gate, member }
            }
            Action::AdvertiseNow { gate, vr } => Command::AdvertiseNow { gate, vr },
            Action::Part { gate, vrs, resign } => Command::Part { gate, vrs, resign },
            Action::Announce {
                gate,
                epoch,
                announcements,
            } => Command::Announce {
                gate,
                epoch,
                frames: announced(&announcements),
            },
            _ => return None,
        })
    }

    fn hold(&self, hold: Duration) -> Duration {
        match self.mutation {
            Mutation::NoHold => Duration::ZERO,
            _ => hold,
        }
    }

    fn member(&self, advert: &Advert) -> Member<Frame> {
        let wires = |priority| {
            let to = |to| {
                Frame::Advert(Wire {
                    vrid: advert.vrid,
                    priority,
                    interval_cs: timers::wire_interval_cs(advert.version, advert.interval),
                    version: match advert.version {
                        Version::V2 => 2,
                        Version::V3 => 3,
                    },
                    source: advert.source,
                    to,
                })
            };
            if advert.unicast.is_empty() {
                vec![to(None)]
            } else {
                advert.unicast.iter().map(|&peer| to(Some(peer))).collect()
            }
        };
        Member {
            vr: advert.vr,
            adverts: wires(advert.priority),
            resigns: wires(0),
            interval: match self.mutation {
                Mutation::FractionCounted => advert.interval,
                _ => advert.counted_interval(),
            },
        }
    }

    /// The reconciler: what is wanted is there, and it says so.
    fn place(&mut self, wanted: &[PlacedAddress]) {
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let wanted: BTreeSet<PlacedKey> = wanted
            .iter()
            .map(|it| (it.ifindex, it.address.address))
            .collect();
        let report = |present: bool| {
            move |&(ifindex, address): &PlacedKey| Input::AddressPlaced {
                ifindex,
                address,
                present,
            }
        };
        daemon
            .inbox
            .extend(wanted.difference(&daemon.placed).map(report(true)));
        daemon
            .inbox
            .extend(daemon.placed.difference(&wanted).map(report(false)));
        daemon.placed = wanted;
    }
}

fn announced(announcements: &[Announcement]) -> Vec<Frame> {
    announcements
        .iter()
        .map(|it| Frame::Announce(it.address))
        .collect()
}
