//! Carries out actions: one exhaustive match, and what fails goes back in.

use super::{Driver, Ending};
use crate::{
    engine::{
        action::{Action, Advert, Announcement},
        input::Input,
    },
    ownership::command::{Command, GateId, Member, VrId},
    shell::{
        clock, log,
        transmit::{Frame, frames},
    },
};

use std::net::IpAddr;

impl Driver {
    /// Carries out everything the engine asks for.
    pub(super) fn execute(&mut self) {
        let mut listens = false;
        loop {
            while let Some(action) = self.engine.poll_action() {
                listens |= matches!(
                    action,
                    Action::AttachInterfaces(_) | Action::SetRouter { .. }
                );
                self.carry_out(action);
            }
            if !core::mem::take(&mut listens) {
                return;
            }
            self.engine.handle(Input::InPlace, clock::now());
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::AttachInterfaces(wanted) => self.attach_interfaces(wanted),
            Action::SetRouter { vr, record } => self.set_router(vr, record.as_ref()),
            Action::SetVips(vips) => self.set_vips(vips),
            Action::SetLeaseMode(mode) => self.permission.set_mode(mode.code()),
            Action::SetAddresses { wanted, managed } => self.netlink.set(wanted, managed),
            Action::SetNetwork { wanted, managed } => self.set_network(wanted, managed),
            Action::Claim { .. } | Action::Resume { .. } => self.own(action),
            Action::CloseOthers { kept } => self.permission.close_others(&kept, clock::now()),
            Action::Prolong { gate, epoch } => {
                self.permission.renew(clock::now());
                self.transmit.send(Command::Prolong { gate, epoch });
            }
            Action::Confirm { gate, epoch } => self.transmit.send(Command::Confirm { gate, epoch }),
            Action::UpdateAdvert { gate, advert } => match self.member(&advert) {
                Ok(member) => self.transmit.send(Command::Update { gate, member }),
                Err(error) => self.is_mute(advert.vr, &error.to_string()),
            },
            Action::AdvertiseNow { gate, vr } => {
                self.transmit.send(Command::AdvertiseNow { gate, vr });
            }
            Action::Cease {
                gate,
                epoch,
                resign,
                why,
            } => {
                self.permission.close(gate, epoch, why, clock::now());
                self.transmit.send(Command::Cease { gate, resign });
            }
            Action::Part { gate, vrs, resign } => {
                self.transmit.send(Command::Part { gate, vrs, resign });
            }
            Action::Concede {
                gate,
                advert,
                winner,
                mac,
            } => self.concede(gate, &advert, winner, mac),
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
            Action::Probe(probe) => self.tracking.probe(probe),
            Action::StopProbe { kind, name } => self.tracking.stop_probe(kind, &name),
            Action::WatchFiles { files, first } => {
                if let Err(error) = self.tracking.watch_files(files, first) {
                    self.failed("watch tracked files", &error.to_string(), None);
                }
            }
            Action::WatchProcesses(wanted) => {
                if let Err(error) = self.tracking.watch_processes(wanted) {
                    self.failed("watch tracked processes", &error.to_string(), None);
                }
            }
            Action::Notify {
                queue,
                command,
                arguments,
                user,
            } => {
                self.runner.notify(&queue, command, arguments, user);
            }
            Action::NotifyFifo { line } => self.fifos.write(&line),
            Action::StatusChange { name, status } => self.dbus.status(&name, status),
            Action::Mail { subject, body } => self.mailer.send(subject, body),
            Action::Answer { ticket, answer } => self.answered(ticket, answer),
            Action::RememberMaintenance(on) => self.remember_maintenance(on),
            Action::Log(level, line) => log::line(level, &line),
            Action::Finished => self.finished = Some(Ending::Clean),
            Action::Left => self.finished = Some(Ending::Left),
        }
    }

    fn concede(&mut self, gate: GateId, advert: &Advert, winner: IpAddr, mac: [u8; 6]) {
        match frames::concession(advert, winner, mac) {
            Ok(mut frames) => {
                let sequence = self.sequence_of(advert);
                for frame in &mut frames {
                    frame.count_with(&sequence);
                }
                self.transmit.send(Command::Concede {
                    gate,
                    vr: advert.vr,
                    frames,
                });
            }
            Err(error) => self.is_mute(advert.vr, &error.to_string()),
        }
    }

    /// A claim, or going on with a predecessor's.
    fn own(&mut self, action: Action) {
        let (gate, command) = match action {
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
                let Some(members) = self.members(&adverts) else {
                    return;
                };
                let announcements = self.announcement_frames(&announcements);
                let claim = Command::Claim {
                    gate,
                    epoch,
                    hold,
                    loss_tolerance,
                    lease_adverts,
                    previous_interval,
                    members,
                    announcements,
                };
                (gate, claim)
            }
            Action::Resume {
                gate,
                epoch,
                lease_end,
                last_sent,
                hold,
                loss_tolerance,
                lease_adverts,
                adverts,
            } => {
                let Some(members) = self.members(&adverts) else {
                    return;
                };
                let resume = Command::Resume {
                    gate,
                    epoch,
                    lease_end,
                    last_sent,
                    hold,
                    loss_tolerance,
                    lease_adverts,
                    members,
                };
                (gate, resume)
            }
            _ => return,
        };
        // Before it: its burst is an advert too.
        self.permission.grant(gate, clock::now());
        self.transmit.send(command);
    }

    /// All the adverts of a claim as frames. One that cannot be built fails the
    /// claim, and puts its group into FAULT: without all its members it must not
    /// open its gate.
    fn members(&mut self, adverts: &[Advert]) -> Option<Vec<Member<Frame>>> {
        let mut members = Vec::with_capacity(adverts.len());
        for advert in adverts {
            match self.member(advert) {
                Ok(member) => members.push(member),
                Err(error) => self.is_mute(advert.vr, &error.to_string()),
            }
        }
        (members.len() == adverts.len()).then_some(members)
    }

    fn member(&mut self, advert: &Advert) -> Result<Member<Frame>, frames::Unsendable> {
        let mut member = frames::member(advert)?;
        let sequence = self.sequence_of(advert);
        for frame in member.adverts.iter_mut().chain(&mut member.resigns) {
            frame.count_with(&sequence);
        }
        Ok(member)
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
