//! The maps as plain collections, and a clock that stands still.

use crate::{
    diagnostic::Diagnostic,
    tables::{Stamp, TURN, Tables},
};
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
};
use vrrp_common::{
    balance::{Watched, has_octet},
    counter::Cause,
    event::Event,
    gate::Gate,
    maps::{
        EVENT_SPACING_NS, Limits, Peer, PeerKey, Proven, Source, Station, StationKey, Talker,
        TalkerKey, Vip, VipKey, VirtualRouter, VrKey, take_turn,
    },
    unproven::{PACKET_ROOM, Unproven},
};

/// A tick of its clock.
const TICK_NS: u64 = 1_000_000;

/// Maps and clock of a test.
#[derive(Debug)]
pub struct World {
    now_ns: Cell<u64>,
    routers: RefCell<HashMap<VrKey, VirtualRouter>>,
    sources: RefCell<HashMap<PeerKey, Source>>,
    talkers: RefCell<HashMap<TalkerKey, Talker>>,
    vips: RefCell<HashMap<VipKey, Vip>>,
    stations: RefCell<HashMap<StationKey, Station>>,
    gates: RefCell<HashMap<u32, Gate>>,
    watched: Cell<Watched>,
    peers: RefCell<HashMap<PeerKey, Peer>>,
    /// Most peers it has room for.
    pub peer_room: Cell<usize>,
    /// Most events it has room for.
    pub event_room: Cell<usize>,
    counts: RefCell<Vec<Cause>>,
    events: RefCell<Vec<Event>>,
    proven: RefCell<HashMap<PeerKey, Proven>>,
    draft: RefCell<Unproven>,
    unproven: RefCell<Vec<Unproven>>,
    /// Most adverts with a hash it has room for.
    pub unproven_room: Cell<usize>,
    diagnostics: RefCell<Vec<String>>,
    limits: RefCell<Limits>,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// Empty, at one second past boot, with room for everything.
    #[must_use]
    pub fn new() -> Self {
        Self {
            now_ns: Cell::new(1_000_000_000),
            routers: RefCell::default(),
            sources: RefCell::default(),
            talkers: RefCell::default(),
            vips: RefCell::default(),
            stations: RefCell::default(),
            gates: RefCell::default(),
            watched: Cell::default(),
            peers: RefCell::default(),
            peer_room: Cell::new(usize::MAX),
            event_room: Cell::new(usize::MAX),
            counts: RefCell::default(),
            events: RefCell::default(),
            proven: RefCell::default(),
            draft: RefCell::new(Unproven {
                heard: Peer::default(),
                key: PeerKey::default(),
                len: 0,
                message_at: 0,
                packet: [0; PACKET_ROOM],
            }),
            unproven: RefCell::default(),
            unproven_room: Cell::new(usize::MAX),
            diagnostics: RefCell::default(),
            limits: RefCell::default(),
        }
    }

    /// Moves the clock on.
    pub fn pass_time(&self, ns: u64) {
        self.now_ns.set(self.now_ns.get() + ns);
    }

    /// Configures a virtual router.
    pub fn set_router(&self, key: VrKey, router: VirtualRouter) {
        self.routers.borrow_mut().insert(key, router);
    }

    /// Lists a source.
    pub fn set_source(&self, key: PeerKey, source: Source) {
        self.sources.borrow_mut().insert(key, source);
    }

    /// Configures a virtual address.
    pub fn set_vip(&self, key: VipKey, vip: Vip) {
        self.vips.borrow_mut().insert(key, vip);
    }

    /// Takes frames to a virtual MAC.
    pub fn set_station(&self, key: StationKey, station: Station) {
        self.stations.borrow_mut().insert(key, station);
    }

    /// Says which packets the balancer sees.
    pub fn set_watched(&self, watched: Watched) {
        self.watched.set(watched);
    }

    /// Writes a gate.
    pub fn set_gate(&self, index: u32, gate: Gate) {
        self.gates.borrow_mut().insert(index, gate);
    }

    /// Writes a peer's record.
    pub fn set_peer(&self, key: PeerKey, peer: Peer) {
        self.peers.borrow_mut().insert(key, peer);
    }

    /// As the daemon does when it has verified an advert.
    pub fn set_proven(&self, key: PeerKey, proven: Proven) {
        self.proven.borrow_mut().insert(key, proven);
    }

    /// What was handed up since the last call, in order.
    #[must_use]
    pub fn take_unproven(&self) -> Vec<Unproven> {
        self.unproven.take()
    }

    /// A gate as it is.
    #[must_use]
    pub fn gate_at(&self, index: u32) -> Gate {
        self.gates.borrow().get(&index).copied().unwrap_or_default()
    }

    /// A peer's record.
    #[must_use]
    pub fn peer(&self, key: &PeerKey) -> Option<Peer> {
        self.peers.borrow().get(key).copied()
    }

    /// Who sent what was refused.
    #[must_use]
    pub fn talkers(&self) -> Vec<(TalkerKey, Talker)> {
        let mut all: Vec<_> = self
            .talkers
            .borrow()
            .iter()
            .map(|(key, talker)| (*key, *talker))
            .collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }

    /// What was counted since the last call, in order.
    #[must_use]
    pub fn take_counts(&self) -> Vec<Cause> {
        self.counts.take()
    }

    /// What was told since the last call, in order.
    #[must_use]
    pub fn take_events(&self) -> Vec<Event> {
        self.events.take()
    }

    /// What was explained since the last call, in order, as `Debug` shows it.
    #[must_use]
    pub fn take_diagnostics(&self) -> Vec<String> {
        self.diagnostics.take()
    }
}

impl Tables for World {
    type Router = Box<VirtualRouter>;

    fn now_ns(&self) -> u64 {
        self.now_ns.get()
    }

    fn tick(&self) -> u64 {
        self.now_ns.get() / TICK_NS
    }

    fn router(&self, key: &VrKey) -> Option<Self::Router> {
        self.routers.borrow().get(key).copied().map(Box::new)
    }

    fn source(&self, key: &PeerKey) -> Option<Source> {
        self.sources.borrow().get(key).copied()
    }

    fn vip(&self, key: &VipKey) -> Option<Vip> {
        self.vips.borrow().get(key).copied()
    }

    fn hints_at(&self, last_octet: u8) -> bool {
        let stations = self.stations.borrow();
        stations.keys().any(|key| key.mac[5] == last_octet)
    }

    fn station(&self, key: &StationKey) -> Option<Station> {
        self.stations.borrow().get(key).copied()
    }

    fn watches(&self, source: u8, destination: u8) -> bool {
        let watched = self.watched.get();
        has_octet(&watched.destinations, destination) || has_octet(&watched.sources, source)
    }

    fn gate(&self, index: u32) -> Option<Gate> {
        self.gates.borrow().get(&index).copied()
    }

    fn revoke(&self, index: u32, epoch: u64, at_ns: u64, by_priority: u8) {
        if let Some(gate) = self.gates.borrow_mut().get_mut(&index)
            && gate.revoked_epoch < epoch
        {
            gate.revoked_epoch = epoch;
            gate.revoked_at_ns = at_ns;
            gate.revoked_by_priority = by_priority;
        }
    }

    fn stamp(&self, key: &PeerKey, heard: &Peer, compare: impl FnOnce(&Peer) -> u32) -> Stamp {
        let mut peers = self.peers.borrow_mut();
        let room = self.peer_room.get();
        if let Some(peer) = peers.get_mut(key) {
            let changes = compare(peer);
            let (first_seen_ns, adverts) = (peer.first_seen_ns, peer.adverts + 1);
            let turn_ns = if changes & TURN == 0 {
                peer.turn_ns
            } else {
                heard.turn_ns
            };
            *peer = Peer {
                first_seen_ns,
                turn_ns,
                adverts,
                ..*heard
            };
            return Stamp::Known(changes);
        }
        if peers.len() >= room {
            return Stamp::Full;
        }
        peers.insert(
            *key,
            Peer {
                adverts: 1,
                ..*heard
            },
        );
        Stamp::New
    }

    fn count(&self, cause: Cause) {
        self.counts.borrow_mut().push(cause);
    }

    fn tell(&self, event: impl FnOnce() -> Event) -> bool {
        if self.events.borrow().len() >= self.event_room.get() {
            self.count(Cause::EventLost);
            return false;
        }
        self.events.borrow_mut().push(event());
        true
    }

    fn explains(&self) -> bool {
        true
    }

    fn explain(&self, diagnostic: &Diagnostic<'_>) {
        let mut limits = self.limits.borrow_mut();
        let last_ns = &mut limits.explained_ns;
        if !diagnostic.is_limited() || take_turn(last_ns, EVENT_SPACING_NS, self.now_ns()) {
            let text = format!("{diagnostic:?}");
            self.diagnostics.borrow_mut().push(text);
        }
    }

    fn limits<R>(&self, judge: impl FnOnce(&mut Limits) -> R) -> Option<R> {
        Some(judge(&mut self.limits.borrow_mut()))
    }

    fn afford(&self, key: &PeerKey, mac: &[u8; 6], now_ns: u64) -> bool {
        if let Some(proven) = self.proven.borrow_mut().get_mut(key)
            && proven.mac == *mac
        {
            return proven.budget.spend(now_ns);
        }
        if let Some(source) = self.sources.borrow_mut().get_mut(key) {
            return source.budget.spend(now_ns);
        }
        self.limits.borrow_mut().strangers.spend(now_ns)
    }

    fn draft(&self, fill: impl FnOnce(&mut Unproven)) {
        fill(&mut self.draft.borrow_mut());
    }

    fn submit(&self, packet_len: usize) -> bool {
        let mut all = self.unproven.borrow_mut();
        if all.len() >= self.unproven_room.get() {
            return false;
        }
        let mut record = *self.draft.borrow();
        record.packet[packet_len..].fill(0xa5);
        all.push(record);
        true
    }

    fn talked(&self, key: &TalkerKey, more: &Talker) {
        let mut talkers = self.talkers.borrow_mut();
        let talker = talkers.entry(*key).or_default();
        let dropped = talker.dropped + more.dropped;
        *talker = Talker { dropped, ..*more };
    }
}
