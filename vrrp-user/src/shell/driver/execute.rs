//! Carries out actions: one exhaustive match, and what fails goes back in.

use super::Driver;
use crate::{
    engine::{
        action::{Action, Advert, Announcement, Level, RouterRecord, VipRecord},
        input::Input,
    },
    ownership::command::{Command, Member, VrId},
    shell::{
        clock,
        listen::Membership,
        transmit::{Frame, frames},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};
use vrrp_common::maps::{CAST_MULTICAST, FAMILY_V6, VrKey};

/// What the memberships follow from.
#[derive(Default)]
pub(super) struct Groups {
    routers: BTreeMap<VrId, VrKey>,
    solicited: BTreeSet<Membership>,
}

impl Groups {
    fn set_router(&mut self, vr: VrId, record: Option<&RouterRecord>) {
        match record.filter(|record| record.key.cast == CAST_MULTICAST) {
            Some(record) => self.routers.insert(vr, record.key),
            None => self.routers.remove(&vr),
        };
    }

    /// A backup hears solicitations for its IPv6 addresses too, or nobody could
    /// answer before the stack has the address.
    fn set_vips(&mut self, vips: &[VipRecord]) {
        self.solicited = vips
            .iter()
            .filter_map(|vip| match vip.address {
                IpAddr::V6(address) => Some(Membership::solicited_node(vip.ifindex, address)),
                IpAddr::V4(_) => None,
            })
            .collect();
    }

    fn wanted(&self) -> BTreeSet<Membership> {
        let vrrp = self.routers.values().map(|key| match key.family {
            FAMILY_V6 => Membership::vrrp_v6(key.ifindex),
            _ => Membership::vrrp_v4(key.ifindex),
        });
        vrrp.chain(self.solicited.iter().copied()).collect()
    }
}

impl Driver {
    /// Carries out everything the engine asks for.
    pub(super) fn execute(&mut self) {
        while let Some(action) = self.engine.poll_action() {
            self.carry_out(action);
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::AttachInterfaces(wanted) => {
                self.interfaces = wanted;
                self.attach();
            }
            Action::SetRouter { vr, record } => {
                if let Err(error) = self.tables.set_router(vr, record.as_ref()) {
                    self.failed("write XVRRP_ROUTERS", &format!("{error:#}"), Some(vr));
                }
                self.hearing.set_router(vr, record.as_ref());
                self.groups.set_router(vr, record.as_ref());
                self.join();
            }
            Action::SetVips(vips) => {
                if let Err(error) = self.tables.set_vips(&vips) {
                    self.failed("write XVRRP_VIPS", &format!("{error:#}"), None);
                }
                self.hearing.set_vips(&vips);
                self.groups.set_vips(&vips);
                self.join();
            }
            Action::SetAddresses { wanted, managed } => self.netlink.set(wanted, managed),
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
                if let Some(members) = self.members(&adverts) {
                    let announcements = self.announcement_frames(&announcements);
                    self.permission.grant(gate, clock::now());
                    self.transmit.send(Command::Claim {
                        gate,
                        epoch,
                        hold,
                        loss_tolerance,
                        lease_adverts,
                        previous_interval,
                        members,
                        announcements,
                    });
                }
            }
            Action::Confirm { gate, epoch } => self.transmit.send(Command::Confirm { gate, epoch }),
            Action::UpdateAdvert { gate, advert } => match frames::member(&advert) {
                Ok(member) => self.transmit.send(Command::Update { gate, member }),
                Err(error) => self.failed("build an advert", &error.to_string(), Some(advert.vr)),
            },
            Action::AdvertiseNow { gate, vr } => {
                self.transmit.send(Command::AdvertiseNow { gate, vr });
            }
            Action::Cease {
                gate,
                epoch,
                resign,
            } => {
                self.permission.close(gate, epoch);
                self.transmit.send(Command::Cease { gate, resign });
            }
            Action::Announce {
                gate,
                epoch,
                announcements,
            } => {
                let frames = self.announcement_frames(&announcements);
                self.transmit.send(Command::Announce {
                    gate,
                    epoch,
                    frames,
                });
            }
            Action::RunScript {
                script,
                command,
                user,
                timeout,
            } => {
                self.runner.run_script(script, command, user, timeout);
            }
            Action::StopScript { script } => self.runner.stop_script(&script),
            Action::Notify {
                queue,
                command,
                arguments,
                user,
            } => {
                self.runner.notify(&queue, command, arguments, user);
            }
            Action::Log(level, line) => say(level, &line),
            Action::Finished => self.finished = true,
        }
    }

    /// All the adverts of a claim as frames. One that cannot be built fails the
    /// claim: a group without all its members must not open its gate.
    fn members(&mut self, adverts: &[Advert]) -> Option<Vec<Member<Frame>>> {
        let mut members = Vec::with_capacity(adverts.len());
        for advert in adverts {
            match frames::member(advert) {
                Ok(member) => members.push(member),
                Err(error) => self.failed("build an advert", &error.to_string(), Some(advert.vr)),
            }
        }
        (members.len() == adverts.len()).then_some(members)
    }

    /// Makes the programs be where they should; also called again after a failure.
    pub(super) fn attach(&mut self) {
        let failures = self.dataplane.reconcile(&self.interfaces);
        let mut complaints = BTreeSet::new();
        for failure in failures {
            let name = self.names.get(&failure.ifindex).map_or("?", String::as_str);
            complaints.insert(format!(
                "attach to {name} (interface {}): {:#}",
                failure.ifindex, failure.error
            ));
        }
        self.attach_again = !complaints.is_empty();
        for complaint in complaints.difference(&self.attach_complaints) {
            self.engine.handle(
                Input::ActionFailed {
                    what: "load XDP".into(),
                    why: complaint.clone(),
                    vr: None,
                },
                clock::now(),
            );
        }
        let shown: Vec<String> = self
            .dataplane
            .attachments()
            .map(|attachment| {
                let (interface, mode) = (&attachment.interface, &attachment.mode);
                let egress = &attachment.egress;
                let mut line = format!("XDP on {interface} in {mode} mode, egress by {egress}");
                if attachment.adopted {
                    line += ", taken over from a predecessor";
                }
                for note in &attachment.notes {
                    line += "; ";
                    line += note;
                }
                line
            })
            .collect();
        for line in shown
            .iter()
            .filter(|line| !self.attachments_told.contains(*line))
        {
            tracing::info!("{line}");
        }
        self.attachments_told = shown;
        self.attach_complaints = complaints;
    }

    fn join(&mut self) {
        for failure in self.listener.set(&self.groups.wanted()) {
            let group = failure.membership.group;
            self.failed(&format!("join {group}"), &failure.error.to_string(), None);
        }
    }

    fn announcement_frames(&mut self, announcements: &[Announcement]) -> Vec<Frame> {
        announcements
            .iter()
            .map(|announcement| {
                let router = announcement.address.is_ipv6() && self.is_router(announcement.ifindex);
                frames::announcement(announcement, router)
            })
            .collect()
    }

    /// Read when needed: forwarding is a sysctl that changes without an event.
    fn is_router(&self, ifindex: u32) -> bool {
        self.names
            .get(&ifindex)
            .is_some_and(|name| frames::is_ipv6_router(name).unwrap_or(false))
    }

    /// Tells the engine of what could not be done.
    pub(super) fn failed(&mut self, what: &str, why: &str, vr: Option<VrId>) {
        self.engine.handle(
            Input::ActionFailed {
                what: what.into(),
                why: why.into(),
                vr,
            },
            clock::now(),
        );
    }
}

fn say(level: Level, line: &str) {
    match level {
        Level::Error => tracing::error!("{line}"),
        Level::Warning => tracing::warn!("{line}"),
        Level::Info => tracing::info!("{line}"),
        Level::Detail => tracing::debug!("{line}"),
    }
}
