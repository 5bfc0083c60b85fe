//! One node: the daemon's engine and its transmit thread's machine, and as much of a
//! kernel as decides who owns: gate records, and the records adverts are judged by.

use super::hearing::{self, Deaf};
use crate::{
    config::model::{Authentication, Config, Family, Version},
    election::timers,
    engine::{
        Engine,
        action::{Action, Advert, RouterRecord},
        input::{Heard, Input, Link, ScriptResult},
        settings::Settings,
        status::Status,
    },
    ownership::{
        command::{Command, GateId, Member, VrId},
        sender::{Effect, GateView, SendKind, Sender},
    },
    time::Instant,
};
use core::net::IpAddr;
use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};
use vrrp_common::{
    gate::Gate,
    maps::{CHECKSUM_PSEUDO, FAMILY_V6},
    wire::PRIORITY_RESIGN,
};

/// An advert on its way.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    /// Interface it leaves by.
    pub(super) ifindex: u32,
    pub(super) family: Family,
    pub(super) version: Version,
    pub(super) vrid: u8,
    pub(super) priority: u8,
    pub(super) interval_cs: u32,
    pub(super) source: IpAddr,
    /// Unicast destinations; none: the multicast group.
    pub(super) unicast: Vec<IpAddr>,
    /// The multicast group.
    pub(super) group: IpAddr,
    /// For this router alone, whatever the kind of its frames.
    pub(super) only: Option<IpAddr>,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) authentication: Option<Authentication>,
    pub(super) mac: [u8; 6],
}

impl Wire {
    fn new(advert: &Advert) -> Self {
        Self {
            ifindex: advert.ifindex,
            family: advert.family,
            version: advert.version,
            vrid: advert.vrid,
            priority: advert.priority,
            interval_cs: timers::wire_interval_cs(advert.version, advert.interval),
            source: advert.source,
            unicast: advert.unicast.clone(),
            group: advert.group,
            only: None,
            addresses: advert.addresses.clone(),
            authentication: advert.authentication.clone(),
            mac: advert.mac,
        }
    }

    fn resigning(&self) -> Self {
        Self {
            priority: PRIORITY_RESIGN,
            ..self.clone()
        }
    }

    /// It is for this record's virtual router, if it came by the right interface.
    fn is_for(&self, record: &RouterRecord) -> bool {
        let family = if record.key.family == FAMILY_V6 {
            Family::V6
        } else {
            Family::V4
        };
        let cast = if self.unicast.is_empty() {
            vrrp_common::maps::CAST_MULTICAST
        } else {
            vrrp_common::maps::CAST_UNICAST
        };
        (self.vrid, self.family, cast) == (record.key.vrid, family, record.key.cast)
            && (self.unicast.is_empty() || self.unicast.contains(&record.source))
            && self.only.is_none_or(|only| only == record.source)
    }
}

/// A frame: an advert, or an announcement that nobody has to hear here.
type Frame = Option<Rc<Wire>>;

/// What a step did to the rest of the world.
#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) wires: Vec<Rc<Wire>>,
    /// Scripts that were started.
    pub(super) scripts: Vec<String>,
}

#[derive(Debug, Default)]
struct Gates(BTreeMap<GateId, Gate>);

impl GateView for Gates {
    fn gate(&self, gate: GateId) -> Gate {
        self.0.get(&gate).copied().unwrap_or_default()
    }
}

#[derive(Debug)]
struct Daemon {
    engine: Engine,
    sender: Sender<Frame>,
    gates: Gates,
    records: BTreeMap<VrId, RouterRecord>,
}

/// A node, on or off.
#[derive(Debug)]
pub(super) struct Node {
    config: Config,
    links: Vec<Link>,
    daemon: Option<Daemon>,
    /// Scripts that fail.
    failing: BTreeSet<String>,
    /// Raised at each start: what an earlier daemon waited for means nothing.
    pub(super) incarnation: u64,
}

impl Node {
    pub(super) fn new(config: Config, links: Vec<Link>) -> Self {
        Self {
            config,
            links,
            daemon: None,
            failing: BTreeSet::new(),
            incarnation: 0,
        }
    }

    pub(super) fn start(&mut self, now: Instant, out: &mut Out) {
        self.incarnation += 1;
        let mut daemon = Daemon {
            engine: Engine::new(Settings::default(), []),
            sender: Sender::new(),
            gates: Gates::default(),
            records: BTreeMap::new(),
        };
        for link in &self.links {
            daemon.engine.handle(Input::Link(link.clone()), now);
        }
        let config = Input::Config(Box::new(self.config.clone()));
        daemon.engine.handle(config, now);
        daemon.settle(now, out);
        self.daemon = Some(daemon);
    }

    /// Off, without a word.
    pub(super) fn crash(&mut self) {
        self.daemon = None;
        self.incarnation += 1;
    }

    pub(super) fn set_link(&mut self, name: &str, up: bool, now: Instant, out: &mut Out) {
        for link in self.links.iter_mut().filter(|link| link.name == name) {
            link.up = up;
            if let Some(daemon) = &mut self.daemon {
                daemon.engine.handle(Input::Link(link.clone()), now);
                daemon.settle(now, out);
            }
        }
    }

    pub(super) fn set_script(&mut self, name: &str, fails: bool) {
        if fails {
            self.failing.insert(name.to_owned());
        } else {
            self.failing.remove(name);
        }
    }

    pub(super) fn is_up(&self, ifindex: u32) -> bool {
        let mut links = self.links.iter();
        links.any(|link| link.ifindex == ifindex && link.up)
    }

    /// Obeys what is due.
    pub(super) fn wake(&mut self, now: Instant, out: &mut Out) {
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        daemon.sender.handle_timeout(now, &daemon.gates);
        daemon.settle(now, out);
        let due = daemon.engine.poll_timeout();
        if due.is_some_and(|(at, _)| at <= now) {
            // What was accepted has been told at once: there are no stamps to read.
            let _ = daemon.engine.stamps_needed(now);
            daemon.engine.handle_timeout(now);
            daemon.settle(now, out);
        }
    }

    /// When it next has something to do.
    pub(super) fn due(&self) -> Option<Instant> {
        let daemon = self.daemon.as_ref()?;
        let engine = daemon.engine.poll_timeout().map(|(at, _)| at);
        let sender = daemon.sender.poll_timeout();
        [engine, sender].into_iter().flatten().min()
    }

    /// A script has run.
    pub(super) fn script_done(&mut self, script: &str, now: Instant, out: &mut Out) {
        let status = i32::from(self.failing.contains(script));
        if let Some(daemon) = &mut self.daemon {
            let done = Input::ScriptDone {
                script: script.to_owned(),
                result: ScriptResult::Exited(status),
            };
            daemon.engine.handle(done, now);
            daemon.settle(now, out);
        }
    }

    /// An advert arrives at an interface. Why it is refused, if it is.
    pub(super) fn receive(
        &mut self,
        wire: &Wire,
        ifindex: u32,
        now: Instant,
        out: &mut Out,
    ) -> Option<Deaf> {
        let daemon = self.daemon.as_mut()?;
        let mut records = daemon.records.iter();
        let (&vr, record) =
            records.find(|(_, record)| record.key.ifindex == ifindex && wire.is_for(record))?;
        if let Err(deaf) = hearing::judge(record, wire) {
            return Some(deaf);
        }
        let gate = daemon.gates.0.entry(record.gate).or_default();
        let wins = (wire.priority, wire.source) > (record.priority, record.source);
        let revoked = wire.priority != PRIORITY_RESIGN && wins && gate.is_claimed();
        if revoked {
            gate.revoked_epoch = gate.epoch;
            gate.revoked_at_ns = now.as_ns();
            gate.revoked_by_priority = wire.priority;
        }
        let heard = Heard {
            vr,
            source: wire.source,
            priority: wire.priority,
            interval_cs: wire.interval_cs,
            version: match wire.version {
                Version::V2 => 2,
                Version::V3 => 3,
            },
            checksum_form: CHECKSUM_PSEUDO,
            at: now,
            revoked,
            addresses_differ: !record.skip_check_advert_addresses
                && sorted(&record.addresses) != sorted(&wire.addresses),
            mac: wire.mac,
        };
        daemon.engine.handle(Input::Advert(heard), now);
        daemon.settle(now, out);
        None
    }

    /// The gate of this instance is open.
    pub(super) fn owns(&self, instance: &str, now: Instant) -> bool {
        let Some(daemon) = &self.daemon else {
            return false;
        };
        let open = |record: &&RouterRecord| daemon.gates.gate(record.gate).is_open(now.as_ns());
        let index = self.config.instances.iter().find(|it| it.name == instance);
        let Some(index) = index else { return false };
        let key = (index.vrid, index.family, index.unicast.is_some());
        let same = |record: &&RouterRecord| {
            let family = if record.key.family == FAMILY_V6 {
                Family::V6
            } else {
                Family::V4
            };
            let unicast = record.key.cast == vrrp_common::maps::CAST_UNICAST;
            let link = self.links.iter().find(|it| it.name == index.interface);
            (record.key.vrid, family, unicast) == key
                && link.is_some_and(|link| link.ifindex == record.key.ifindex)
        };
        daemon.records.values().filter(same).any(|it| open(&it))
    }

    /// What its engine knows; none while it is off.
    pub(super) fn status(&self) -> Option<Status> {
        Some(self.daemon.as_ref()?.engine.status())
    }
}

impl Daemon {
    /// Carries out what engine and sender ask for, until neither asks for more.
    fn settle(&mut self, now: Instant, out: &mut Out) {
        let mut listens = false;
        loop {
            if let Some(action) = self.engine.poll_action() {
                listens |= matches!(action, Action::SetRouter { .. });
                self.carry_out(action, now, out);
            } else if core::mem::take(&mut listens) {
                self.engine.handle(Input::InPlace, now);
            } else if let Some(effect) = self.sender.poll_effect() {
                self.effect(effect, now, out);
            } else {
                return;
            }
        }
    }

    fn carry_out(&mut self, action: Action, now: Instant, out: &mut Out) {
        let command = match action {
            Action::SetRouter { vr, record } => {
                match record {
                    Some(record) => self.records.insert(vr, record),
                    None => self.records.remove(&vr),
                };
                return;
            }
            Action::RunScript { script, .. } => {
                out.scripts.push(script);
                return;
            }
            Action::Claim {
                gate,
                epoch,
                hold,
                loss_tolerance,
                lease_adverts,
                previous_interval,
                adverts,
                ..
            } => {
                // Its event loop never hangs.
                self.gates.0.entry(gate).or_default().permit_end_ns = u64::MAX;
                Command::Claim {
                    gate,
                    epoch,
                    hold,
                    loss_tolerance,
                    lease_adverts,
                    previous_interval,
                    members: adverts.iter().map(member).collect(),
                    announcements: Vec::new(),
                }
            }
            Action::Confirm { gate, epoch } => Command::Confirm { gate, epoch },
            Action::UpdateAdvert { gate, advert } => Command::Update {
                gate,
                member: member(&advert),
            },
            Action::AdvertiseNow { gate, vr } => Command::AdvertiseNow { gate, vr },
            Action::Cease {
                gate,
                epoch,
                resign,
                why,
            } => {
                let record = self.gates.0.entry(gate).or_default();
                record.closed_epoch = record.closed_epoch.max(epoch.0);
                record.closed_why = why.code();
                record.permit_end_ns = now.as_ns();
                Command::Cease { gate, resign }
            }
            Action::Part { gate, vrs, resign } => Command::Part { gate, vrs, resign },
            Action::Concede {
                gate,
                advert,
                winner,
                ..
            } => {
                let wire = Wire {
                    only: Some(winner),
                    ..Wire::new(&advert).resigning()
                };
                Command::Concede {
                    gate,
                    vr: advert.vr,
                    frames: vec![Some(Rc::new(wire))],
                }
            }
            // What is left concerns the host: addresses, scripts of notifications, logs.
            _ => return,
        };
        self.sender.handle(command, now);
    }

    fn effect(&mut self, effect: Effect<Frame>, now: Instant, out: &mut Out) {
        match effect {
            Effect::BeginEpoch { gate, epoch } => {
                let record = self.gates.0.entry(gate).or_default();
                record.lease_end_ns = 0;
                record.epoch = epoch.0;
            }
            Effect::Send { ticket, frames } => {
                let gate = self.gates.gate(ticket.gate);
                let leaves = ticket.kind != SendKind::Advert || gate.may_advertise(now.as_ns());
                if leaves {
                    out.wires.extend(frames.into_iter().flatten());
                }
                self.sender.sent(ticket, now, Ok(()), now, &self.gates);
            }
            Effect::WriteLease {
                gate,
                epoch,
                lease_end,
                last_sent,
            } => {
                let record = self.gates.0.entry(gate).or_default();
                if record.epoch == epoch.0 && record.is_claimed() {
                    record.last_sent_ns = last_sent.as_ns();
                    record.lease_end_ns = lease_end.as_ns();
                }
            }
            Effect::Report(report) => self.engine.handle(Input::Sender(report), now),
        }
    }
}

fn member(advert: &Advert) -> Member<Frame> {
    let wire = Wire::new(advert);
    let resign = Rc::new(wire.resigning());
    Member {
        vr: advert.vr,
        adverts: vec![Some(Rc::new(wire))],
        resigns: vec![Some(resign)],
        interval: advert.counted_interval(),
    }
}

fn sorted(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let mut addresses = addresses.to_vec();
    addresses.sort_unstable();
    addresses
}
