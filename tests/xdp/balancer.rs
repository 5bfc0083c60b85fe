//! Both objects, loaded, sharing the maps they have in common, with every slot filled.

use aya::{
    Ebpf, TestRun, TestRunOptions,
    maps::{Array, HashMap, Map, MapData, MapError, PerCpuArray, PerCpuValues, ProgramArray},
    programs::Xdp,
    util::nr_cpus,
};
use std::{
    env, fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use vrrp_common::{
    balance::{
        Cause, Connection, Counters, FlowKey, Fragment, FragmentKey, Hop, Load, PAGE_SLOTS,
        RingPage, SHARED, Server, Service, ServiceKey, Sticky, StickyKey, Traffic, Turn, Watched,
        name,
    },
    counter,
    gate::Gate,
    maps::{self, Vip, VipKey},
};
use vrrp_ebpf::testing::{
    balance::{cases::End, scene::Scene},
    cases::IFINDEX,
};
use vrrp_user::shell::bpf::object::{
    self, BALANCE, BALANCE_NO_FRAGS, BALANCE_OBJECT, Diagnostics, OBJECT, XDP, XDP_NO_FRAGS,
};

/// Room for connections: an LRU map with little of it evicts early.
const CONNECTIONS: u32 = 1 << 16;
/// Room for an answer that is longer than its question.
const GROWTH: usize = 128;
/// As in `kernel.rs`.
const XDP_MD_LEN: usize = 24;
const XDP_MD_DATA_END: usize = 4;
const XDP_MD_IFINDEX: usize = 12;

/// Which of the programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Frags,
    NoFrags,
}

/// The programs and maps of one load; nobody else's.
pub(crate) struct Balancer {
    root: Ebpf,
    kind: Kind,
    /// Whose programs the slots refer to.
    balance: Ebpf,
    next: ProgramArray<MapData>,
    counters: PerCpuArray<MapData, Counters>,
    vrrp_counters: PerCpuArray<MapData, counter::Counters>,
}

/// A directory of its own on bpffs, for as long as it takes to load.
struct Shelf(PathBuf);

impl Shelf {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = format!("/sys/fs/bpf/xvrrp-test-{}-{number}", std::process::id());
        fs::create_dir(&path).expect("bpffs on /sys/fs/bpf");
        Self(path.into())
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        // A test that has failed already fails for its own reason.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Balancer {
    pub(crate) fn load(kind: Kind) -> Self {
        let shelf = Shelf::new();
        let mut loader = object::loader(Diagnostics::Off);
        for name in SHARED {
            loader.map_pin_path(name, shelf.0.join(name));
        }
        let object = prebuilt("XVRRP_BPF_OBJECT", OBJECT);
        let mut root = loader.load(&object).expect("the object loads");
        let mut loader = object::balance_loader(CONNECTIONS);
        for name in SHARED {
            loader.map_pin_path(name, shelf.0.join(name));
        }
        let object = prebuilt("XVRRP_BPF_BALANCE_OBJECT", BALANCE_OBJECT);
        let mut balance = loader.load(&object).expect("the object loads");
        let (entry, slots, array) = match kind {
            Kind::Frags => (XDP, BALANCE, name::NEXT),
            Kind::NoFrags => (XDP_NO_FRAGS, BALANCE_NO_FRAGS, name::NEXT_OLD),
        };
        program(&mut root, entry)
            .load()
            .expect("the verifier takes it");
        let mut next: ProgramArray<MapData> = root
            .take_map(array)
            .expect("a map of that name")
            .try_into()
            .expect("a program array");
        for (slot, name) in slots.into_iter().rev() {
            let program = program(&mut balance, name);
            program
                .load()
                .unwrap_or_else(|why| panic!("the verifier refuses {name}: {why:?}"));
            let fd = program.fd().expect("loaded");
            next.set(slot, fd, 0).expect("of the same kind");
        }
        let counters = balance.take_map(name::COUNT).expect("a map of that name");
        let vrrp_counters = root.take_map(maps::name::COUNT).expect("such a map");
        Self {
            counters: counters.try_into().expect("a per-CPU array"),
            vrrp_counters: vrrp_counters.try_into().expect("a per-CPU array"),
            root,
            kind,
            balance,
            next,
        }
    }

    /// Forgets everything and sets up a scene.
    pub(crate) fn enter(&mut self, scene: &Scene) {
        self.fill_slots();
        refill::<ServiceKey, u32>(&mut self.balance, name::KEYS, &scene.keys);
        refill::<StickyKey, Sticky>(&mut self.balance, name::STICKY, &[]);
        refill::<FragmentKey, Fragment>(&mut self.balance, name::FRAGMENTS, &[]);
        refill::<VipKey, Vip>(&mut self.root, maps::name::VIPS, &scene.vips);
        // What no scene has is not there: the ids are few.
        for id in 0..128 {
            set(&mut self.balance, name::SERVICES, id, Service::default());
            set(&mut self.balance, name::SERVERS, id, Server::default());
            set(&mut self.balance, name::HOPS, id, Hop::default());
            set(&mut self.balance, name::LOAD, id, Load::default());
            set(&mut self.balance, name::TURNS, id, Turn::default());
        }
        for (id, service) in &scene.services {
            set(&mut self.balance, name::SERVICES, *id, *service);
        }
        for (id, server) in &scene.servers {
            set(&mut self.balance, name::SERVERS, *id, *server);
        }
        for (id, hop) in &scene.hops {
            set(&mut self.balance, name::HOPS, *id, *hop);
        }
        for (id, load) in &scene.loads {
            set(&mut self.balance, name::LOAD, *id, *load);
        }
        for (page, slots) in &scene.rings {
            let mut ring = RingPage {
                slots: [0; PAGE_SLOTS],
            };
            ring.slots[..slots.len()].copy_from_slice(slots);
            set(&mut self.balance, name::RINGS, *page, ring);
        }
        set(&mut self.balance, name::RULES, 0, scene.rules);
        for id in 0..8 {
            set(&mut self.root, maps::name::GATES, id, Gate::default());
        }
        for (id, gate) in &scene.gates {
            set(&mut self.root, maps::name::GATES, *id, *gate);
        }
        set::<Watched>(&mut self.root, name::WATCHED, 0, scene.watched);
        let now_ns = now_ns();
        let connections: Vec<(FlowKey, Connection)> = scene
            .connections
            .iter()
            .map(|(key, connection, age_s)| {
                let last_ns = now_ns - age_s * 1_000_000_000;
                (
                    *key,
                    Connection {
                        last_ns,
                        ..*connection
                    },
                )
            })
            .collect();
        refill(&mut self.balance, name::CONNECTIONS, &connections);
        self.take_counts();
        self.take_not_accepted();
    }

    fn slots(&self) -> [(u32, &'static str); 4] {
        match self.kind {
            Kind::Frags => BALANCE,
            Kind::NoFrags => BALANCE_NO_FRAGS,
        }
    }

    fn fill_slots(&mut self) {
        for (slot, name) in self.slots().into_iter().rev() {
            let fd = program(&mut self.balance, name).fd().expect("loaded");
            self.next.set(slot, fd, 0).expect("of the same kind");
        }
    }

    /// Empties the slots.
    pub(crate) fn leave(&mut self) {
        for (slot, _) in self.slots() {
            self.next.clear_index(&slot).expect("filled");
        }
    }

    /// Shows a frame to the VRRP program.
    pub(crate) fn run(&mut self, frame: &[u8]) -> (End, Vec<u8>) {
        let (end, frame, _) = self.run_often(frame, 1);
        (end, frame)
    }

    /// The same again and again: what became of it at last, and the mean time.
    pub(crate) fn run_often(&mut self, frame: &[u8], times: u32) -> (End, Vec<u8>, Duration) {
        let mut out = vec![0; frame.len() + GROWTH];
        let mut context = [0u8; XDP_MD_LEN];
        let len = u32::try_from(frame.len()).expect("a short frame");
        context[XDP_MD_DATA_END..][..4].copy_from_slice(&len.to_ne_bytes());
        context[XDP_MD_IFINDEX..][..4].copy_from_slice(&IFINDEX.to_ne_bytes());
        let entry = match self.kind {
            Kind::Frags => XDP,
            Kind::NoFrags => XDP_NO_FRAGS,
        };
        let result = program(&mut self.root, entry)
            .test_run(TestRunOptions {
                data_in: Some(frame),
                data_out: Some(&mut out),
                ctx_in: Some(&context),
                repeat: times,
                ..TestRunOptions::default()
            })
            .unwrap_or_else(|why| panic!("test run: {why:?}"));
        out.truncate(result.data_size_out as usize);
        let end = match result.return_value {
            1 => End::Drop,
            2 => End::Pass,
            3 => End::Send,
            4 => End::Redirect,
            code => panic!("the program returned {code}"),
        };
        (end, out, result.duration)
    }

    /// How often each cause was counted since the last call, in their order.
    pub(crate) fn take_counts(&mut self) -> Vec<(Cause, u64)> {
        let mut total = Counters::default();
        for one in self.counters.get(&0, 0).expect("an element").iter() {
            total.add(one);
        }
        let none = everywhere(Counters::default());
        self.counters.set(0, none, 0).expect("an element");
        let counts = Cause::ALL.iter().map(|cause| (*cause, total.get(*cause)));
        counts.filter(|(_, count)| *count != 0).collect()
    }

    /// How often an address that accepts nothing was tried since the last call.
    pub(crate) fn take_not_accepted(&mut self) -> u64 {
        let all = self.vrrp_counters.get(&0, 0).expect("an element");
        let total = all.iter().map(|one| one.drop_not_accepted).sum();
        let none = everywhere(counter::Counters::default());
        self.vrrp_counters.set(0, none, 0).expect("an element");
        total
    }

    /// A server's load.
    pub(crate) fn load_of(&mut self, server: u32) -> Load {
        let map: Array<_, Load> = map(&mut self.balance, name::LOAD).try_into().expect("it");
        map.get(&server, 0).expect("an element")
    }

    /// What a server was sent, on all CPUs, since the objects were loaded.
    pub(crate) fn traffic(&mut self, server: u32) -> Traffic {
        let map = map(&mut self.balance, name::TRAFFIC);
        let map: PerCpuArray<_, Traffic> = map.try_into().expect("a per-CPU array");
        let all = map.get(&server, 0).expect("an element");
        all.iter().fold(Traffic::default(), |sum, one| Traffic {
            connections: sum.connections + one.connections,
            packets_in: sum.packets_in + one.packets_in,
            bytes_in: sum.bytes_in + one.bytes_in,
            ..sum
        })
    }

    /// A connection's record.
    pub(crate) fn connection(&mut self, key: &FlowKey) -> Option<Connection> {
        let map = map(&mut self.balance, name::CONNECTIONS);
        let map: HashMap<_, FlowKey, Connection> = map.try_into().expect("a hash");
        match map.get(key, 0) {
            Ok(connection) => Some(connection),
            Err(MapError::KeyNotFound) => None,
            Err(why) => panic!("{why}"),
        }
    }
}

/// The object named by a variable, or our own.
fn prebuilt(variable: &str, own: &[u8]) -> Vec<u8> {
    match env::var_os(variable) {
        Some(path) => fs::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display())),
        None => own.to_vec(),
    }
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> &'a mut Xdp {
    let program = ebpf.program_mut(name).expect("a program of that name");
    program.try_into().expect("an XDP program")
}

fn map<'a>(ebpf: &'a mut Ebpf, name: &str) -> &'a mut Map {
    ebpf.map_mut(name).expect("a map of that name")
}

fn set<V: aya::Pod>(ebpf: &mut Ebpf, name: &str, id: u32, value: V) {
    let mut array: Array<_, V> = map(ebpf, name).try_into().expect("an array");
    array.set(id, value, 0).expect("an element");
}

fn refill<K: aya::Pod, V: aya::Pod>(ebpf: &mut Ebpf, name: &str, entries: &[(K, V)]) {
    let mut map: HashMap<_, K, V> = map(ebpf, name).try_into().expect("a hash");
    let old: Vec<K> = map.keys().map(|key| key.expect("a key")).collect();
    for key in old {
        map.remove(&key).expect("still there");
    }
    for (key, value) in entries {
        map.insert(key, value, 0).expect("room");
    }
}

fn everywhere<T: aya::Pod>(value: T) -> PerCpuValues<T> {
    let cpus = nr_cpus().expect("a number of CPUs");
    PerCpuValues::try_from(vec![value; cpus]).expect("one for each CPU")
}

fn now_ns() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).expect("a clock");
    let seconds = u64::try_from(now.tv_sec()).expect("after boot");
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec()).expect("not negative")
}
