//! The event loop carries out what the engine decided.

use super::{Daemon, Frame, Node, Out, PlacedKey};
use crate::{kernel::Wire, mutation::Mutation};
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use vrrp_user::{
    config::model::Version,
    election::timers,
    engine::{
        action::{Action, Advert, Announcement, PlacedAddress},
        input::Input,
    },
    ownership::command::{Command, Member},
    time::Instant,
};

impl Node {
    pub(super) fn act(
        &mut self,
        action: Action,
        now: Instant,
        rest: &mut VecDeque<Action>,
        out: &mut Out,
    ) {
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        daemon.just_ceased = matches!(action, Action::Cease { .. });
        match action {
            Action::SetRouter { vr, record } => {
                let key = record.as_ref().map(|record| record.key);
                let old = daemon.keys.remove(&vr);
                key.map(|key| daemon.keys.insert(vr, key));
                self.kernel.set_router(old, record);
            }
            Action::SetVips(vips) => self.kernel.set_vips(vips),
            Action::SetAddresses { wanted, .. } => daemon.place(&wanted),
            Action::RunScript { script, .. } => out.scripts.push(script),
            Action::Finished => daemon.finished = true,
            // Its gates always enforce.
            Action::AttachInterfaces(_)
            | Action::SetLeaseMode(_)
            | Action::StopScript { .. }
            | Action::Notify { .. }
            | Action::Answer { .. }
            | Action::RememberMaintenance(_)
            | Action::Log(..) => {}
            other => {
                let command = self.command(other, now, rest);
                if let Some(daemon) = &mut self.daemon {
                    daemon.commands.extend(command);
                    out.wake_sender = true;
                }
            }
        }
    }

    /// What the transmit thread is told of an action, once the gate record shows it.
    fn command(
        &mut self,
        action: Action,
        now: Instant,
        rest: &mut VecDeque<Action>,
    ) -> Option<Command<Frame>> {
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
            } => {
                // The permission goes with the claim.
                let record = self.kernel.gates.entry(gate).or_default();
                record.permit_end_ns = (now + self.permit).as_ns();
                Command::Claim {
                    gate,
                    epoch,
                    hold: match self.mutation {
                        Mutation::NoHold => Duration::ZERO,
                        _ => hold,
                    },
                    loss_tolerance,
                    lease_adverts: match self.mutation {
                        Mutation::AlwaysThree => 3,
                        _ => lease_adverts,
                    },
                    previous_interval,
                    members: adverts.iter().map(member).collect(),
                    announcements: announced(&announcements),
                }
            }
            Action::Confirm { gate, epoch } => Command::Confirm { gate, epoch },
            Action::UpdateAdvert { gate, advert } => {
                if self.mutation == Mutation::RecordFirst
                    && let Some(key) = self.daemon.as_ref()?.keys.get(&advert.vr)
                {
                    self.kernel.set_priority(key, advert.priority);
                }
                let member = member(&advert);
                Command::Update { gate, member }
            }
            Action::AdvertiseNow { gate, vr } => Command::AdvertiseNow { gate, vr },
            Action::Announce {
                gate,
                epoch,
                announcements,
            } => Command::Announce {
                gate,
                epoch,
                frames: announced(&announcements),
            },
            Action::Cease {
                gate,
                epoch,
                resign,
                why,
            } => {
                if self.mutation == Mutation::ResignFirst && resign {
                    rest.push_front(Action::Cease {
                        gate,
                        epoch,
                        resign: false,
                        why,
                    });
                } else {
                    let record = self.kernel.gates.entry(gate).or_default();
                    record.closed_epoch = record.closed_epoch.max(epoch.0);
                }
                Command::Cease { gate, resign }
            }
            _ => return None,
        })
    }
}

impl Daemon {
    /// The reconciler: what is wanted is there, and it says so.
    fn place(&mut self, wanted: &[PlacedAddress]) {
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
        self.inbox
            .extend(wanted.difference(&self.placed).map(report(true)));
        self.inbox
            .extend(self.placed.difference(&wanted).map(report(false)));
        self.placed = wanted;
    }
}

fn announced(announcements: &[Announcement]) -> Vec<Frame> {
    announcements.iter().map(|_| Frame::Announce).collect()
}

fn member(advert: &Advert) -> Member<Frame> {
    let wire = |priority| {
        Frame::Advert(Wire {
            vrid: advert.vrid,
            priority,
            interval_cs: timers::wire_interval_cs(advert.version, advert.interval),
            version: match advert.version {
                Version::V2 => 2,
                Version::V3 => 3,
            },
            source: advert.source,
        })
    };
    Member {
        vr: advert.vr,
        adverts: vec![wire(advert.priority)],
        resigns: vec![wire(0)],
        interval: advert.counted_interval(),
    }
}
