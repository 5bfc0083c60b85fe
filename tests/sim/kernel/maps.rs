//! The maps, as the programs see them.

use core::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use vrrp_common::{
    counter::Cause,
    event::Event,
    gate::Gate,
    maps::{
        Limits, Peer, PeerKey, Source, Station, StationKey, Talker, TalkerKey,
        VR_CHECK_UNICAST_SOURCE, VR_LISTED_SOURCES, Vip, VipKey, VirtualRouter, VrKey,
    },
    unproven::Unproven,
};
use vrrp_ebpf::{
    diagnostic::Diagnostic,
    tables::{Stamp, TURN, Tables},
    testing::octets,
};
use vrrp_user::{config::model::Version, engine::action::RouterRecord};

/// Of the kernel at 250 Hz.
const TICK_NS: u64 = 4_000_000;

#[derive(Debug)]
pub(super) struct Maps {
    pub(super) now_ns: Cell<u64>,
    pub(super) gates: RefCell<BTreeMap<u32, Gate>>,
    pub(super) routers: RefCell<BTreeMap<VrKey, VirtualRouter>>,
    pub(super) peers: RefCell<BTreeMap<PeerKey, Peer>>,
    pub(super) vips: RefCell<BTreeMap<VipKey, Vip>>,
    pub(super) ring: RefCell<VecDeque<Event>>,
    /// News that had no room, or was held back so that nobody knows of it.
    pub(super) lost: Cell<u64>,
    pub(super) revocations: Cell<u64>,
    /// No lease is to be seen in a gate.
    pub(super) leases_unseen: Cell<bool>,
    unicast: RefCell<BTreeSet<PeerKey>>,
    limits: RefCell<Limits>,
    ring_room: usize,
    never_revokes: bool,
}

impl Maps {
    pub(super) fn new(ring_room: usize, never_revokes: bool) -> Self {
        Self {
            now_ns: Cell::default(),
            gates: RefCell::default(),
            routers: RefCell::default(),
            peers: RefCell::default(),
            vips: RefCell::default(),
            ring: RefCell::default(),
            lost: Cell::default(),
            revocations: Cell::default(),
            leases_unseen: Cell::default(),
            unicast: RefCell::default(),
            limits: RefCell::default(),
            ring_room,
            never_revokes,
        }
    }

    pub(super) fn set_router(&self, old: Option<VrKey>, record: Option<&RouterRecord>) {
        let mut routers = self.routers.borrow_mut();
        let mut unicast = self.unicast.borrow_mut();
        if let Some(old) = old {
            routers.remove(&old);
            unicast.retain(|peer| peer.vr != old);
        }
        if let Some(record) = record {
            routers.insert(record.key, router(record));
            let listed = record.unicast_peers.iter();
            let listed = listed.filter(|_| !record.ignores_adverts);
            unicast.extend(listed.map(|peer| PeerKey {
                vr: record.key,
                source: octets(peer.address),
            }));
        }
    }
}

fn router(record: &RouterRecord) -> VirtualRouter {
    let sum = record.addresses.iter().map(|address| {
        let [a, b, c, d, ..] = octets(*address);
        u32::from_be_bytes([a, b, c, d])
    });
    VirtualRouter {
        own_address: octets(record.source),
        group: octets(record.group),
        gate: record.gate.0,
        flags: if record.check_unicast_source || record.ignores_adverts {
            VR_CHECK_UNICAST_SOURCE
        } else {
            0
        } | if record.ignores_adverts {
            VR_LISTED_SOURCES
        } else {
            0
        },
        interval_cs: record.interval_cs,
        address_sum: sum.fold(0, u32::wrapping_add),
        address_count: u8::try_from(record.addresses.len()).unwrap_or(u8::MAX),
        priority: record.priority,
        version: match record.version {
            Version::V2 => 2,
            Version::V3 => 3,
        },
        min_ttl: record.ttl.0,
        max_ttl: record.ttl.1,
        ..VirtualRouter::default()
    }
}

impl Tables for Maps {
    type Router = Box<VirtualRouter>;

    fn now_ns(&self) -> u64 {
        self.now_ns.get()
    }

    fn router(&self, key: &VrKey) -> Option<Self::Router> {
        self.routers.borrow().get(key).copied().map(Box::new)
    }

    fn tick(&self) -> u64 {
        self.now_ns.get() / TICK_NS
    }

    fn source(&self, key: &PeerKey) -> Option<Source> {
        self.unicast.borrow().contains(key).then(|| Source {
            min_ttl: 1,
            max_ttl: u8::MAX,
            ..Source::default()
        })
    }

    fn vip(&self, key: &VipKey) -> Option<Vip> {
        self.vips.borrow().get(key).copied()
    }

    fn hints_at(&self, _: u8) -> bool {
        false
    }

    fn station(&self, _: &StationKey) -> Option<Station> {
        None
    }

    fn watches(&self, _: u8, _: u8) -> bool {
        // Nobody balances here.
        false
    }

    fn gate(&self, index: u32) -> Option<Gate> {
        let mut gate = self.gates.borrow().get(&index).copied()?;
        if self.leases_unseen.get() {
            gate.lease_end_ns = 0;
        }
        Some(gate)
    }

    fn revoke(&self, index: u32, epoch: u64, at_ns: u64, by_priority: u8) {
        if self.never_revokes {
            return;
        }
        if let Some(gate) = self.gates.borrow_mut().get_mut(&index)
            && gate.revoked_epoch < epoch
        {
            gate.revoked_epoch = epoch;
            gate.revoked_at_ns = at_ns;
            gate.revoked_by_priority = by_priority;
            self.revocations.set(self.revocations.get() + 1);
        }
    }

    fn stamp(&self, key: &PeerKey, heard: &Peer, compare: impl FnOnce(&Peer) -> u32) -> Stamp {
        let mut peers = self.peers.borrow_mut();
        let Some(peer) = peers.get_mut(key) else {
            peers.insert(*key, *heard);
            return Stamp::New;
        };
        let changes = compare(peer);
        let turn_ns = if changes & TURN == 0 {
            peer.turn_ns
        } else {
            heard.turn_ns
        };
        *peer = Peer { turn_ns, ..*heard };
        Stamp::Known(changes)
    }

    fn count(&self, cause: Cause) {
        if cause == Cause::EventDeferred {
            self.lost.set(self.lost.get() + 1);
        }
    }

    fn tell(&self, event: impl FnOnce() -> Event) -> bool {
        let mut ring = self.ring.borrow_mut();
        let room = ring.len() < self.ring_room;
        if room {
            ring.push_back(event());
        } else {
            self.lost.set(self.lost.get() + 1);
        }
        room
    }

    fn explains(&self) -> bool {
        false
    }

    fn explain(&self, _: &Diagnostic<'_>) {}

    fn limits<R>(&self, judge: impl FnOnce(&mut Limits) -> R) -> Option<R> {
        Some(judge(&mut self.limits.borrow_mut()))
    }

    // No node of a schedule sends adverts with a hash.
    fn afford(&self, _: &PeerKey, _: &[u8; 6], _: u64) -> bool {
        false
    }

    fn draft(&self, _: impl FnOnce(&mut Unproven)) {}

    fn submit(&self, _: usize) -> bool {
        false
    }

    fn talked(&self, _: &TalkerKey, _: &Talker) {}
}
