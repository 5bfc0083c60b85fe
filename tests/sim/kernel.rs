//! What the XDP and tc programs do, on the real gate record.

use crate::mutation::Mutation;
use core::net::IpAddr;
use std::collections::{BTreeMap, VecDeque};
use vrrp_common::{
    gate::Gate,
    maps::{CHECKSUM_PSEUDO, VrKey},
};
use vrrp_user::{
    engine::{
        action::{RouterRecord, VipRecord},
        input::Heard,
    },
    ownership::command::{GateId, VrId},
    ownership::sender::GateView,
    time::Instant,
};

/// An advert on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wire {
    pub(crate) vrid: u8,
    pub(crate) priority: u8,
    pub(crate) interval_cs: u32,
    pub(crate) version: u8,
    pub(crate) source: IpAddr,
}

/// What the peer map holds.
#[derive(Clone, Copy, Debug)]
struct Stamp {
    at: Instant,
    wire: Wire,
}

/// Maps and programs of one node; they outlive its daemon.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kernel {
    pub(crate) gates: BTreeMap<GateId, Gate>,
    routers: BTreeMap<VrKey, RouterRecord>,
    stamps: BTreeMap<(VrKey, IpAddr), Stamp>,
    vips: Vec<VipRecord>,
    pub(crate) ring: VecDeque<(VrKey, Heard)>,
    ring_room: usize,
}

impl GateView for Kernel {
    fn gate(&self, gate: GateId) -> Gate {
        self.gates.get(&gate).copied().unwrap_or_default()
    }
}

impl Kernel {
    pub(crate) fn new(ring_room: usize) -> Self {
        Self {
            ring_room,
            ..Self::default()
        }
    }

    pub(crate) fn set_router(&mut self, old: Option<VrKey>, record: Option<RouterRecord>) {
        old.map(|key| self.routers.remove(&key));
        if let Some(record) = record {
            self.routers.insert(record.key, record);
        }
    }

    pub(crate) fn set_priority(&mut self, key: &VrKey, priority: u8) {
        if let Some(record) = self.routers.get_mut(key) {
            record.priority = priority;
        }
    }

    pub(crate) fn set_vips(&mut self, vips: Vec<VipRecord>) {
        self.vips = vips;
    }

    /// Every address that this node would answer for.
    pub(crate) fn open_vips(&self, now: Instant) -> impl Iterator<Item = IpAddr> {
        self.vips
            .iter()
            .filter(move |vip| self.gate(vip.gate).is_open(now.as_ns()))
            .map(|vip| vip.address)
    }

    /// XDP: an advert. `true`: there is news in the ring buffer.
    pub(crate) fn receive(&mut self, wire: &Wire, now: Instant, mutation: Mutation) -> bool {
        let Some((&key, record)) = self.routers.iter().find(|(key, _)| key.vrid == wire.vrid)
        else {
            return false;
        };
        if record.source == wire.source || record.version as u8 + 2 != wire.version {
            return false;
        }
        let stamp = Stamp {
            at: now,
            wire: *wire,
        };
        let before = self.stamps.insert((key, wire.source), stamp);
        let gate = self.gates.entry(record.gate).or_default();
        let claimed = gate.is_claimed();
        let wins = (wire.priority, wire.source) > (record.priority, record.source);
        let mut revoked = false;
        if claimed && wins && wire.priority != 0 && mutation != Mutation::NoRevocation {
            gate.revoked_epoch = gate.epoch;
            gate.revoked_at_ns = now.as_ns();
            gate.revoked_by_priority = wire.priority;
            revoked = true;
        }
        let same = |old: Stamp| {
            (old.wire.priority, old.wire.interval_cs) == (wire.priority, wire.interval_cs)
        };
        let news = claimed || wire.priority == 0 || !before.is_some_and(same);
        // A full ring buffer loses news; the stamps still have it.
        if news && self.ring.len() < self.ring_room {
            self.ring
                .push_back((key, heard(VrId(u32::MAX), &stamp, revoked)));
        }
        news
    }

    /// tc: may this advert leave?
    pub(crate) fn lets_out(&self, gate: GateId, wire: &Wire, now: Instant) -> bool {
        wire.priority == 0 || self.gate(gate).may_advertise(now.as_ns())
    }

    /// The stamps of one virtual router.
    pub(crate) fn stamps(&self, vr: VrId, vrid: u8) -> impl Iterator<Item = Heard> {
        self.stamps
            .iter()
            .filter(move |((key, _), _)| key.vrid == vrid)
            .map(move |(_, stamp)| heard(vr, stamp, false))
    }
}

fn heard(vr: VrId, stamp: &Stamp, revoked: bool) -> Heard {
    Heard {
        vr,
        source: stamp.wire.source,
        priority: stamp.wire.priority,
        interval_cs: stamp.wire.interval_cs,
        version: stamp.wire.version,
        checksum_form: CHECKSUM_PSEUDO,
        at: stamp.at,
        revoked,
        addresses_differ: false,
        mac: [0; 6],
    }
}
