//! The balancer's maps as plain collections, and a clock that stands still.

use super::scene::Scene;
use crate::balance::{
    Frame,
    ledger::{Entered, Held, Ledger},
    seen::Flow,
};
use core::cell::{Cell, RefCell};
use std::{collections::HashMap, rc::Rc};
use vrrp_common::{
    balance::{
        Cause, Connection, FlowKey, Fragment, FragmentKey, Hop, Load, PAGE_SLOTS, Rules, Server,
        Service, ServiceKey, Sticky, StickyKey, ring_page, ring_slots,
    },
    gate::Gate,
    maps::{Vip, VipKey},
};

/// Maps and clock of a test.
#[derive(Debug, Default)]
pub struct Shop {
    now_ns: Cell<u64>,
    random: Cell<u32>,
    keys: HashMap<ServiceKey, u32>,
    services: HashMap<u32, Service>,
    servers: RefCell<HashMap<u32, Server>>,
    hops: HashMap<u32, Hop>,
    slots: HashMap<(u32, u32), u16>,
    rules: Rules,
    gates: HashMap<u32, Gate>,
    vips: HashMap<VipKey, Vip>,
    loads: RefCell<HashMap<u32, Load>>,
    turns: RefCell<HashMap<u32, u64>>,
    connections: RefCell<HashMap<FlowKey, Rc<Cell<Connection>>>>,
    /// Most connections it has room for.
    pub room: Cell<usize>,
    clients: RefCell<HashMap<StickyKey, Sticky>>,
    fragments: RefCell<HashMap<FragmentKey, Fragment>>,
    served: RefCell<HashMap<u32, (u64, u64, u64)>>,
    counts: RefCell<Vec<Cause>>,
    not_accepted: Cell<u32>,
}

/// Its clock at first: later than anything a scene says was.
const NOW_NS: u64 = 1_000_000_000_000;

impl Shop {
    /// As a scene has it.
    #[must_use]
    pub fn of(scene: &Scene) -> Self {
        let shop = Self {
            now_ns: Cell::new(NOW_NS),
            keys: scene.keys.iter().copied().collect(),
            services: scene.services.iter().copied().collect(),
            servers: RefCell::new(scene.servers.iter().copied().collect()),
            hops: scene.hops.iter().copied().collect(),
            rules: scene.rules,
            gates: scene.gates.iter().copied().collect(),
            vips: scene.vips.iter().copied().collect(),
            loads: RefCell::new(scene.loads.iter().copied().collect()),
            room: Cell::new(usize::MAX),
            slots: scene
                .rings
                .iter()
                .flat_map(|(page, slots)| {
                    (0..).zip(slots).map(|(at, server)| ((*page, at), *server))
                })
                .collect(),
            ..Self::default()
        };
        for (key, connection, age_s) in &scene.connections {
            let connection = Connection {
                last_ns: NOW_NS - age_s * 1_000_000_000,
                ..*connection
            };
            let held = Rc::new(Cell::new(connection));
            shop.connections.borrow_mut().insert(*key, held);
        }
        shop
    }

    /// Moves the clock on.
    pub fn pass_s(&self, seconds: u64) {
        self.now_ns.set(self.now_ns.get() + seconds * 1_000_000_000);
    }

    /// What was counted since the last call, in order.
    #[must_use]
    pub fn take_counts(&self) -> Vec<Cause> {
        self.counts.take()
    }

    /// How often an address that accepts nothing was tried.
    #[must_use]
    pub fn not_accepted(&self) -> u32 {
        self.not_accepted.get()
    }

    /// A server's load.
    #[must_use]
    pub fn load_of(&self, server: u32) -> Load {
        self.loads
            .borrow()
            .get(&server)
            .copied()
            .unwrap_or_default()
    }

    /// What a server was sent: connections, packets, octets.
    #[must_use]
    pub fn served(&self, server: u32) -> (u64, u64, u64) {
        self.served
            .borrow()
            .get(&server)
            .copied()
            .unwrap_or_default()
    }

    /// A connection's record.
    #[must_use]
    pub fn connection_of(&self, key: &FlowKey) -> Option<Connection> {
        self.connections.borrow().get(key).map(|held| held.get())
    }

    /// Changes a server.
    pub fn change_server(&self, id: u32, change: impl FnOnce(&mut Server)) {
        change(self.servers.borrow_mut().entry(id).or_default());
    }
}

impl Held for Rc<Cell<Connection>> {
    fn read(&self) -> Connection {
        self.get()
    }

    fn touch(&self, now_ns: u64) {
        self.set(Connection {
            last_ns: now_ns,
            ..self.get()
        });
    }

    fn turn(&self, old: &Connection, state: u8, flags: u8) -> bool {
        let now = self.get();
        if (now.state, now.flags) != (old.state, old.flags) {
            return false;
        }
        self.set(Connection {
            state,
            flags,
            ..now
        });
        true
    }

    fn replace(&self, new: &Connection) {
        self.set(*new);
    }
}

impl Ledger for Shop {
    type Held = Rc<Cell<Connection>>;

    fn now_ns(&self) -> u64 {
        self.now_ns.get()
    }

    fn coarse_ns(&self) -> u64 {
        self.now_ns.get()
    }

    fn random(&self) -> u32 {
        // Any that comes around (Numerical Recipes).
        let next = self
            .random
            .get()
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        self.random.set(next);
        next >> 8
    }

    fn gate(&self, index: u32) -> Option<Gate> {
        self.gates.get(&index).copied()
    }

    fn vip(&self, key: &VipKey) -> Option<Vip> {
        self.vips.get(key).copied()
    }

    fn count(&self, cause: Cause) {
        self.counts.borrow_mut().push(cause);
    }

    fn count_not_accepted(&self) {
        self.not_accepted.set(self.not_accepted.get() + 1);
    }

    fn service_at(&self, key: &ServiceKey) -> Option<u32> {
        self.keys.get(key).copied()
    }

    fn service(&self, id: u32) -> Option<Service> {
        // An array has them all.
        Some(self.services.get(&id).copied().unwrap_or_default())
    }

    fn standing(&self, id: u32) -> Option<(u32, u32)> {
        self.service(id)
            .map(|service| (service.gate, service.flags))
    }

    fn server(&self, id: u32) -> Option<Server> {
        Some(self.servers.borrow().get(&id).copied().unwrap_or_default())
    }

    fn hop(&self, id: u32) -> Option<Hop> {
        Some(self.hops.get(&id).copied().unwrap_or_default())
    }

    fn slot(&self, ring: u64, index: u32) -> u32 {
        if index >= ring_slots(ring) {
            return 0;
        }
        let slots = u32::try_from(PAGE_SLOTS).expect("few");
        let at = (ring_page(ring) + index / slots, index % slots);
        self.slots.get(&at).copied().unwrap_or_default().into()
    }

    fn rules(&self) -> u32 {
        self.rules.flags
    }

    fn seed(&self) -> u32 {
        self.rules.seed
    }

    fn timeout_ns(&self, state: u8) -> u64 {
        u64::from(self.rules.timeout_s[usize::from(state)]) * 1_000_000_000
    }

    fn load(&self, server: u32) -> Option<Load> {
        Some(self.load_of(server))
    }

    fn add_load(&self, server: u32, active: i64, inactive: i64, sticky: i64) {
        let mut loads = self.loads.borrow_mut();
        let load = loads.entry(server).or_default();
        load.active += active;
        load.inactive += inactive;
        load.sticky += sticky;
    }

    fn set_overloaded(&self, server: u32, overloaded: bool) {
        let mut loads = self.loads.borrow_mut();
        loads.entry(server).or_default().overloaded = u64::from(overloaded);
    }

    fn turn(&self, service: u32, by: u32) -> u64 {
        let mut turns = self.turns.borrow_mut();
        let turn = turns.entry(service).or_default();
        *turn += u64::from(by);
        *turn - u64::from(by)
    }

    fn connection(&self, flow: &Flow) -> Option<Self::Held> {
        self.connections.borrow().get(flow.key()).cloned()
    }

    fn enter(&self, flow: &Flow, new: &Connection) -> Entered {
        let mut connections = self.connections.borrow_mut();
        if connections.contains_key(flow.key()) {
            return Entered::Exists;
        }
        if connections.len() >= self.room.get() {
            return Entered::Full;
        }
        connections.insert(*flow.key(), Rc::new(Cell::new(*new)));
        Entered::New
    }

    fn sticky(&self, key: &StickyKey) -> Option<Sticky> {
        self.clients.borrow().get(key).copied()
    }

    fn stick(&self, key: &StickyKey, sticky: &Sticky) -> bool {
        self.clients.borrow_mut().insert(*key, *sticky);
        true
    }

    fn fragment(&self, key: &FragmentKey) -> Option<Fragment> {
        self.fragments.borrow().get(key).copied()
    }

    fn remember(&self, key: &FragmentKey, fragment: &Fragment) {
        self.fragments.borrow_mut().insert(*key, *fragment);
    }

    fn serve(&self, server: u32, connections: u32, octets: u32) {
        let mut served = self.served.borrow_mut();
        let served = served.entry(server).or_default();
        served.0 += u64::from(connections);
        served.1 += 1;
        served.2 += u64::from(octets);
    }
}

impl Frame for Vec<u8> {
    fn grow_front(&mut self, octets: i32) -> bool {
        let count = usize::try_from(octets.unsigned_abs()).expect("few");
        if octets < 0 {
            self.drain(..count);
        } else {
            // Not zero: whoever relies on it must fail its test.
            self.splice(..0, std::iter::repeat_n(0xa5, count));
        }
        true
    }
}
