//! Signs that another owns what we own, or believes it does: told to the log, to
//! `notify_conflict` and to `status`, and answered where an answer helps.

use super::{
    Engine,
    action::{Action, Level},
    announce::Share,
    input::{ConflictKind, Heard},
    limit::{Limit, more},
    notify::queue,
    reports::QUIET,
};
use crate::{
    config::model::Version,
    election::{router::Router, timers, transition::State},
    ownership::command::{GateId, VrId},
    time::Instant,
};
use core::{net::IpAddr, time::Duration};
use serde::Serialize;
use std::collections::BTreeMap;

/// What lasts is told again after this long.
const PERSISTS: Duration = Duration::from_secs(10);
/// Sources whose losing adverts are followed; further ones push the oldest out.
const MAX_SOURCES: usize = 32;
/// Adverts a peer waits for unless told otherwise (RFC 9568 §6.1).
const USUAL_ADVERTS: u8 = 3;
/// Down intervals a loser may go on: one in which it may not have heard of us yet,
/// and one for the answer to be lost and be repeated.
const ONEWAY_DOWNS: u32 = 2;
/// Down intervals of silence after which we take part again (`oneway_fault`).
const ONEWAY_OVER_DOWNS: u32 = 3;

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// ARP of somebody else names an address of ours as its own.
    ArpClaim,
    /// A neighbour advertisement does.
    NdClaim,
    /// A frame with our hardware address came in.
    OwnMac,
    /// An advert with our source address came in.
    OwnSource,
    /// Two routers advertise as Active to us, a Backup, for longer than an election takes.
    TwoActive,
    /// A router that loses against us goes on advertising.
    Oneway,
}

impl Sign {
    const ALL: [Self; 6] = [
        Self::ArpClaim,
        Self::NdClaim,
        Self::OwnMac,
        Self::OwnSource,
        Self::TwoActive,
        Self::Oneway,
    ];

    /// For scripts, and in `status --json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ArpClaim => "arp_claim",
            Self::NdClaim => "nd_claim",
            Self::OwnMac => "own_mac",
            Self::OwnSource => "own_source",
            Self::TwoActive => "two_active",
            Self::Oneway => "oneway",
        }
    }

    /// Least time between two tellings.
    const fn spacing(self) -> Duration {
        match self {
            Self::ArpClaim | Self::NdClaim | Self::OwnMac | Self::OwnSource => QUIET,
            Self::TwoActive | Self::Oneway => PERSISTS,
        }
    }
}

impl From<ConflictKind> for Sign {
    fn from(kind: ConflictKind) -> Self {
        match kind {
            ConflictKind::ArpClaim => Self::ArpClaim,
            ConflictKind::NdClaim => Self::NdClaim,
            ConflictKind::OwnMac => Self::OwnMac,
            ConflictKind::OwnSource => Self::OwnSource,
        }
    }
}

/// The last sign of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastSign {
    /// What was seen.
    pub kind: Sign,
    /// Hardware address that did it, as `02:00:00:00:00:01`; empty where none is known.
    pub mac: String,
    /// The address that did it, or that is claimed.
    pub address: IpAddr,
    /// Where.
    pub interface: String,
    /// When.
    pub at: Instant,
}

/// What an instance has seen of that.
#[derive(Clone, Debug, Default)]
pub(super) struct Signs {
    counts: BTreeMap<Sign, u64>,
    pub(super) last: Option<LastSign>,
    limits: BTreeMap<Sign, Limit>,
    /// No `notify_conflict` before then.
    notify_from: Instant,
    /// Two sources have advertised as Active since.
    two_since: Option<Instant>,
    losing: BTreeMap<IpAddr, Losing>,
    /// It yields to a router that does not heed it (`oneway_fault`).
    pub(super) yields_to: Option<Deaf>,
}

/// Losing adverts of one source.
#[derive(Clone, Copy, Debug)]
struct Losing {
    since: Instant,
    last: Instant,
}

/// A router that does not heed us.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deaf {
    pub(super) source: IpAddr,
    last: Instant,
    down: Duration,
}

/// One sign, before it is told.
struct Seen {
    sign: Sign,
    mac: [u8; 6],
    address: IpAddr,
    interface: String,
    /// For the log.
    words: String,
}

impl Signs {
    /// Every kind with how often it was seen.
    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        let count = |sign: &Sign| self.counts.get(sign).copied().unwrap_or_default();
        Sign::ALL
            .iter()
            .map(|sign| (sign.name(), count(sign)))
            .collect()
    }

    /// Two sources take turns at being followed: that is told as a conflict.
    pub(super) const fn two_active(&self) -> bool {
        self.two_since.is_some()
    }

    /// A losing advert. `true`: its sender has gone on for too long since we were
    /// there to answer: what came while we were stalled had no answer.
    fn loses(&mut self, heard: &Heard, down: Duration, now: Instant) -> bool {
        if self.losing.len() >= MAX_SOURCES && !self.losing.contains_key(&heard.source) {
            let oldest = self.losing.iter().min_by_key(|(_, it)| it.last);
            let oldest = oldest.map(|(&source, _)| source);
            oldest.map(|source| self.losing.remove(&source));
        }
        let new = Losing {
            since: now,
            last: heard.at,
        };
        let losing = self.losing.entry(heard.source).or_insert(new);
        if losing.last + down < heard.at {
            // It had given up in between.
            losing.since = now;
        }
        losing.last = losing.last.max(heard.at);
        losing.since + down * ONEWAY_DOWNS < heard.at
    }
}

/// What a router of this priority waits for ours, or whoever's, with its interval.
fn down_of(version: Version, heard: &Heard) -> Duration {
    let interval = timers::centiseconds(heard.interval_cs.max(1));
    timers::active_down(version, heard.priority, interval, USUAL_ADVERTS)
}

impl Engine {
    /// A frame names an address, or carries one, that should be ours alone.
    pub(super) fn conflict(
        &mut self,
        gate: GateId,
        (ifindex, address): (u32, IpAddr),
        mac: [u8; 6],
        kind: ConflictKind,
        now: Instant,
    ) {
        let shares = self.shares(gate);
        let owns = |share: &&Share| share.announcements.iter().any(|one| one.address == address);
        let share = shares.iter().find(owns);
        let vr = share.map(|share| share.vr).or_else(|| {
            let members = self.members(gate);
            let of = |vr: &&VrId| {
                let it = self.instances.get(vr);
                it.is_some_and(|it| it.source(&self.links) == Some(address))
            };
            members.iter().find(of).or(members.first()).copied()
        });
        let claims = matches!(kind, ConflictKind::ArpClaim | ConflictKind::NdClaim);
        let Some(vr) = vr.filter(|_| !claims || share.is_some()) else {
            return;
        };
        let interface = match self.links.indexed(ifindex) {
            Some(link) => link.name.clone(),
            None => self.interface_of(vr, address),
        };
        let from = shown(mac);
        let words = match kind {
            ConflictKind::ArpClaim | ConflictKind::NdClaim => {
                if !self.is_active(gate) {
                    return;
                }
                format!(
                    "Address {address} is also claimed by {from} on {interface}; announcing it again. Look for a host that has it configured, or a router that owns it too"
                )
            }
            ConflictKind::OwnMac => format!(
                "A frame from our own hardware address {from} came in on {interface} (it names {address}): look for a loop in the network, or a clone of this machine"
            ),
            ConflictKind::OwnSource => format!(
                "An advert from our own address {address} came in on {interface}, sent by {from}: look for a loop in the network, or a host that has our address"
            ),
        };
        let seen = Seen {
            sign: kind.into(),
            mac,
            address,
            interface,
            words,
        };
        self.saw(vr, seen, now);
        if claims && let Some(share) = share {
            self.claim_back(gate, share, now);
        }
    }

    fn claim_back(&mut self, gate: GateId, share: &Share, now: Instant) {
        if let Some(team) = self.teams.get_mut(&gate)
            && now >= team.conflict_until
        {
            team.conflict_until = now + QUIET;
            let announcements = team.announcer.again(share, &mut self.paces, now);
            self.announce(gate, announcements);
        }
    }

    /// A losing advert while Active: does its sender never give up?
    pub(super) fn losing_goes_on(&mut self, heard: &Heard, gate: GateId, now: Instant) {
        let Some(instance) = self.instances.get_mut(&heard.vr) else {
            return;
        };
        let down = down_of(instance.config.version, heard);
        if !instance.signs.loses(heard, down, now) {
            return;
        }
        let (ours, interface) = (instance.priority, instance.config.interface.clone());
        let fault = instance.config.oneway_fault;
        let (source, theirs, from) = (heard.source, heard.priority, shown(heard.mac));
        let words = format!(
            "{source} ({from} on {interface}) goes on as MASTER with priority {theirs} although ours is {ours}: it does not hear our adverts, or refuses them. Check its advert_int and password, its log, and whether our adverts arrive there (IGMP snooping, firewall, a link that works one way)"
        );
        if fault {
            instance.signs.yields_to = Some(Deaf {
                source,
                last: heard.at,
                down,
            });
        }
        let seen = Seen {
            sign: Sign::Oneway,
            mac: heard.mac,
            address: source,
            interface,
            words,
        };
        self.saw(heard.vr, seen, now);
        if fault {
            self.reassess(gate, now);
        }
    }

    /// Whoever it yields to is still there.
    pub(super) fn heard_while_yielding(&mut self, heard: &Heard) {
        if let Some(instance) = self.instances.get_mut(&heard.vr)
            && let Some(deaf) = &mut instance.signs.yields_to
            && deaf.source == heard.source
        {
            deaf.last = deaf.last.max(heard.at);
        }
    }

    /// Virtual routers that are waiting for a source to fall silent, of which nothing
    /// but its stamp tells.
    pub fn to_survey(&self) -> impl Iterator<Item = VrId> {
        let yielding = self.instances.values();
        yielding
            .filter(|it| it.signs.yields_to.is_some())
            .map(|it| it.vr)
    }

    /// Every source of this virtual router has been looked at.
    pub(super) fn surveyed(&mut self, vr: VrId, now: Instant) {
        let Some(instance) = self.instances.get_mut(&vr) else {
            return;
        };
        let gate = instance.gate;
        let over = |deaf: &Deaf| deaf.last + deaf.down * ONEWAY_OVER_DOWNS < now;
        if instance.signs.yields_to.as_ref().is_some_and(over) {
            instance.signs.yields_to = None;
            instance.signs.losing.clear();
            self.reassess(gate, now);
            return;
        }
        let Some(team) = self.teams.get(&gate) else {
            return;
        };
        let router = team.group.member(vr);
        let waits = team.group.state() == State::Backup;
        let Some(router) = router.filter(|it| waits && it.advertising(now).count() > 1) else {
            instance.signs.two_since = None;
            return;
        };
        let since = *instance.signs.two_since.get_or_insert(now);
        // The one that was beaten counts for as long as it might go on unheard.
        let intervals = router.advertising(now).map(|it| it.interval_cs);
        let election = timers::active_down(
            instance.config.version,
            instance.priority,
            timers::centiseconds(intervals.max().unwrap_or_default()),
            instance.config.down_timer_adverts,
        );
        if now.since(since) <= election {
            return;
        }
        let interface = instance.config.interface.clone();
        let Some((other, words)) = two_active(router, instance.config.vrid, &interface, now) else {
            return;
        };
        let seen = Seen {
            sign: Sign::TwoActive,
            mac: other.mac,
            address: other.source,
            interface,
            words,
        };
        self.saw(vr, seen, now);
    }

    /// Counts it; tells of it, unless it did so just now.
    fn saw(&mut self, vr: VrId, seen: Seen, now: Instant) {
        let instance = self.instances.get_mut(&vr);
        let Some(instance) = instance.filter(|_| self.stopping.is_none()) else {
            return;
        };
        let Seen {
            sign,
            mac,
            address,
            interface,
            words,
        } = seen;
        let signs = &mut instance.signs;
        *signs.counts.entry(sign).or_default() += 1;
        let mac = shown(mac);
        signs.last = Some(LastSign {
            kind: sign,
            mac: mac.clone(),
            address,
            interface: interface.clone(),
            at: now,
        });
        let limit = signs.limits.entry(sign).or_default();
        let Some(untold) = limit.may_tell(sign.spacing(), now) else {
            return;
        };
        let notify = &instance.config.notify;
        let command = notify.conflict.clone().filter(|_| now >= signs.notify_from);
        if let Some(command) = command {
            signs.notify_from = now + QUIET;
            let name = instance.config.name.clone();
            let user = notify.user.as_ref();
            let user = user.or(self.config.global.script_user.as_ref()).cloned();
            let mac = if mac.is_empty() { "-".into() } else { mac };
            self.actions.push_back(Action::Notify {
                queue: queue("INSTANCE", &name),
                command,
                arguments: vec![
                    "INSTANCE".into(),
                    name,
                    "CONFLICT".into(),
                    sign.name().into(),
                    mac,
                    address.to_string(),
                    interface,
                ],
                user,
            });
        }
        let line = format!("{words}{}", more(untold));
        self.log_of(vr, Level::Warning, &line);
    }

    fn is_active(&self, gate: GateId) -> bool {
        let active = |team: &super::team::Team| team.group.state() == State::Active;
        self.teams.get(&gate).is_some_and(active)
    }

    /// Where the address is, or the instance.
    fn interface_of(&self, vr: VrId, address: IpAddr) -> String {
        let Some(it) = self.instances.get(&vr) else {
            return String::new();
        };
        let placed = it.addresses().find(|placed| placed.address == address);
        let dev = placed.and_then(|placed| placed.dev.as_ref());
        dev.unwrap_or(&it.config.interface).clone()
    }
}

/// The one that would lose, and what to say of both.
fn two_active(router: &Router, vrid: u8, interface: &str, now: Instant) -> Option<(Heard, String)> {
    let mut both: Vec<Heard> = router.advertising(now).copied().collect();
    both.sort_by_key(|heard| (heard.priority, heard.source));
    let each = both.iter().rev().map(|heard| {
        let mac = shown(heard.mac);
        format!("{} ({mac}, priority {})", heard.source, heard.priority)
    });
    let words = format!(
        "Split brain: {} all advertise VRID {vrid} as MASTER on {interface}. They do not hear one another: check the path between them (switch, IGMP snooping, firewall), their advert_int and passwords",
        each.collect::<Vec<_>>().join(" and ")
    );
    Some((*both.first()?, words))
}

/// Empty where there is none.
fn shown(mac: [u8; 6]) -> String {
    if mac == [0; 6] {
        return String::new();
    }
    mac.map(|octet| format!("{octet:02x}")).join(":")
}
