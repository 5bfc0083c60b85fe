//! The object, loaded, with its maps at hand.

use aya::{
    Ebpf, TestRun, TestRunOptions,
    maps::{Array, HashMap, MapData, PerCpuArray, PerCpuValues, RingBuf},
    programs::{SchedClassifier, TcAttachType, Xdp},
    util::nr_cpus,
};
use aya_log::EbpfLogger;
use std::{
    env, fs,
    sync::{Arc, Mutex},
    time::Duration,
};
use vrrp_common::{
    counter::{Cause, Counters},
    event::Event,
    gate::Gate,
    maps::{
        Hints, Limits, MAX_PEERS, Peer, PeerKey, Source, Station, StationKey, Talker, TalkerKey,
        Vip, VipKey, VirtualRouter, VrKey, name,
    },
};
use vrrp_ebpf::testing::cases::{IFINDEX, Scene, Verdict};
use vrrp_user::shell::bpf::object::{self, Diagnostics, EGRESS, OBJECT, XDP, XDP_NO_FRAGS};

/// Room for an answer that is longer than its question.
const GROWTH: usize = 64;
/// `struct xdp_md`: octets, and where it says which interface.
const XDP_MD_LEN: usize = 24;
const XDP_MD_DATA_END: usize = 4;
const XDP_MD_IFINDEX: usize = 12;

/// Which of the programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Ingress,
    IngressNoFrags,
    Egress,
}

impl Entry {
    const ALL: [Self; 3] = [Self::Ingress, Self::IngressNoFrags, Self::Egress];

    const fn name(self) -> &'static str {
        match self {
            Self::Ingress => XDP,
            Self::IngressNoFrags => XDP_NO_FRAGS,
            Self::Egress => EGRESS,
        }
    }
}

/// What a program made of a frame.
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    pub(crate) frame: Vec<u8>,
    /// Mean time of one run.
    pub(crate) took: Duration,
}

/// The programs and maps of one load; nobody else's.
pub(crate) struct Kernel {
    bpf: Ebpf,
    pub(crate) routers: HashMap<MapData, VrKey, VirtualRouter>,
    pub(crate) peers: HashMap<MapData, PeerKey, Peer>,
    sources: HashMap<MapData, PeerKey, Source>,
    talkers: HashMap<MapData, TalkerKey, Talker>,
    vips: HashMap<MapData, VipKey, Vip>,
    stations: HashMap<MapData, StationKey, Station>,
    hints: Array<MapData, Hints>,
    gates: Array<MapData, Gate>,
    counters: PerCpuArray<MapData, Counters>,
    limits: PerCpuArray<MapData, Limits>,
    events: RingBuf<MapData>,
    logger: EbpfLogger<Lines>,
    lines: Lines,
}

impl Kernel {
    /// Loads every program.
    pub(crate) fn load() -> Self {
        Self::load_with(Diagnostics::Off)
    }

    /// The same, with or without `--bpf-log`.
    pub(crate) fn load_with(diagnostics: Diagnostics) -> Self {
        // SAFETY: no arguments, no failure.
        let root = unsafe { libc::geteuid() } == 0;
        assert!(root, "needs root: loading BPF programs");
        let object = match env::var_os("XVRRP_BPF_OBJECT") {
            Some(path) => fs::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display())),
            None => OBJECT.to_vec(),
        };
        let mut bpf = object::loader(diagnostics)
            .load(&object)
            .expect("the object loads");
        for entry in Entry::ALL {
            let program = bpf
                .program_mut(entry.name())
                .expect("a program of that name");
            if entry == Entry::Egress {
                let program: &mut SchedClassifier = program.try_into().expect("a classifier");
                program.load().expect("the verifier takes it");
            } else {
                let program: &mut Xdp = program.try_into().expect("an XDP program");
                program.load().expect("the verifier takes it");
            }
        }
        let lines = Lines::default();
        let logger = EbpfLogger::init_with_logger(&mut bpf, lines.clone()).expect("a log");
        let mut map = |name| bpf.take_map(name).expect("a map of that name");
        Self {
            routers: map(name::ROUTERS).try_into().expect("a hash"),
            peers: map(name::PEERS).try_into().expect("a hash"),
            sources: map(name::SOURCES).try_into().expect("a hash"),
            talkers: map(name::TALKERS).try_into().expect("a hash"),
            vips: map(name::VIPS).try_into().expect("a hash"),
            stations: map(name::STATIONS).try_into().expect("a hash"),
            hints: map(name::HINTS).try_into().expect("an array"),
            gates: map(name::GATES).try_into().expect("an array"),
            counters: map(name::COUNT).try_into().expect("a per-CPU array"),
            limits: map(name::LIMITS).try_into().expect("a per-CPU array"),
            events: map(name::EVENTS).try_into().expect("a ring buffer"),
            logger,
            lines,
            bpf,
        }
    }

    /// Forgets everything and sets up a scene.
    pub(crate) fn enter(&mut self, scene: &Scene) {
        refill(&mut self.routers, &scene.routers);
        refill(&mut self.peers, &scene.peers);
        refill(&mut self.sources, &scene.sources);
        refill(&mut self.talkers, &[]);
        refill(&mut self.vips, &scene.vips);
        refill(&mut self.stations, &scene.stations);
        let mut hints = Hints::default();
        for (key, _) in &scene.stations {
            hints.add(key.mac);
        }
        self.hints.set(0, hints, 0).expect("an element");
        for (index, gate) in (0..).zip(&scene.gates) {
            self.gates.set(index, gate, 0).expect("an element");
        }
        self.take_counts();
        self.take_events();
        self.take_lines();
        self.allow_events();
    }

    /// Leaves no room for another peer.
    pub(crate) fn fill_peers(&mut self) {
        let old: Vec<PeerKey> = self.heard().into_iter().map(|(key, _)| key).collect();
        for key in old {
            self.peers.remove(&key).expect("still there");
        }
        for i in 0..MAX_PEERS {
            let mut source = [0xfe; 16];
            source[..8].copy_from_slice(&i.to_ne_bytes());
            let key = PeerKey {
                source,
                ..PeerKey::default()
            };
            self.peers.insert(key, Peer::default(), 0).expect("room");
        }
    }

    /// As if nothing rate-limited had been told before.
    pub(crate) fn allow_events(&mut self) {
        self.limits
            .set(0, everywhere(Limits::default()), 0)
            .expect("an element");
    }

    /// Attaches the egress program to an interface of the calling thread's namespace.
    pub(crate) fn attach(&mut self, entry: Entry, interface: &str) {
        let program = self
            .bpf
            .program_mut(entry.name())
            .expect("a program of that name");
        let program: &mut SchedClassifier = program.try_into().expect("a classifier");
        program
            .attach(interface, TcAttachType::Egress)
            .expect("TCX (6.6)");
    }

    /// Shows a frame to a program.
    pub(crate) fn run(&self, entry: Entry, frame: &[u8]) -> Outcome {
        self.run_often(entry, frame, 1)
    }

    /// Shows a frame to a program again and again.
    pub(crate) fn run_often(&self, entry: Entry, frame: &[u8], times: u32) -> Outcome {
        let mut out = vec![0; frame.len() + GROWTH];
        let mut context = [0u8; XDP_MD_LEN];
        let len = u32::try_from(frame.len()).expect("a short frame");
        context[XDP_MD_DATA_END..][..4].copy_from_slice(&len.to_ne_bytes());
        context[XDP_MD_IFINDEX..][..4].copy_from_slice(&IFINDEX.to_ne_bytes());
        let options = TestRunOptions {
            data_in: Some(frame),
            data_out: Some(&mut out),
            // A classifier runs on the loopback by itself.
            ctx_in: (entry != Entry::Egress).then_some(&context[..]),
            repeat: times,
            ..TestRunOptions::default()
        };
        let program = self
            .bpf
            .program(entry.name())
            .expect("a program of that name");
        let result = if entry == Entry::Egress {
            <&SchedClassifier>::try_from(program)
                .expect("a classifier")
                .test_run(options)
        } else {
            <&Xdp>::try_from(program)
                .expect("an XDP program")
                .test_run(options)
        };
        let result = result.unwrap_or_else(|why| panic!("test run: {why:?}"));
        out.truncate(result.data_size_out as usize);
        let verdict = match (entry, result.return_value) {
            (Entry::Egress, 2) | (Entry::Ingress | Entry::IngressNoFrags, 1) => Verdict::Drop,
            (Entry::Egress, u32::MAX) | (Entry::Ingress | Entry::IngressNoFrags, 2) => {
                Verdict::Pass
            }
            (Entry::Ingress | Entry::IngressNoFrags, 3) => Verdict::Reply,
            (entry, code) => panic!("{entry:?} returned {code}"),
        };
        Outcome {
            verdict,
            frame: out,
            took: result.duration,
        }
    }

    /// How often each cause was counted since the last call, in their order.
    pub(crate) fn take_counts(&mut self) -> Vec<(Cause, u64)> {
        let mut total = Counters::default();
        for one in self.counters.get(&0, 0).expect("an element").iter() {
            total.add(one);
        }
        self.counters
            .set(0, everywhere(Counters::default()), 0)
            .expect("an element");
        let counts = Cause::ALL.iter().map(|cause| (*cause, total.get(*cause)));
        counts.filter(|(_, count)| *count != 0).collect()
    }

    /// What was told since the last call.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(bytes) = self.events.next() {
            events.push(bytemuck::pod_read_unaligned(&bytes));
        }
        events
    }

    /// What was logged since the last call.
    pub(crate) fn take_lines(&mut self) -> Vec<String> {
        self.logger.flush();
        std::mem::take(&mut *self.lines.0.lock().expect("not poisoned"))
    }

    /// Octets of a program after the verifier, in the kernel's own instructions.
    pub(crate) fn size(&self, entry: Entry) -> u32 {
        let program = self.bpf.program(entry.name()).expect("a program");
        let info = program.info().expect("loaded");
        info.size_translated().expect("as root")
    }

    /// A gate as it is.
    pub(crate) fn gate(&self, index: u32) -> Gate {
        self.gates.get(&index, 0).expect("an element")
    }

    /// Who sent what was refused.
    pub(crate) fn talkers(&self) -> Vec<(TalkerKey, Talker)> {
        self.talkers
            .iter()
            .map(|entry| entry.expect("an entry"))
            .collect()
    }

    /// The peers heard.
    pub(crate) fn heard(&self) -> Vec<(PeerKey, Peer)> {
        self.peers
            .iter()
            .map(|entry| entry.expect("an entry"))
            .collect()
    }
}

/// Where `aya-log` puts lines.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let mut lines = self.0.lock().expect("not poisoned");
        lines.push(record.args().to_string());
    }

    fn flush(&self) {}
}

fn everywhere<T: aya::Pod>(value: T) -> PerCpuValues<T> {
    let cpus = nr_cpus().expect("a number of CPUs");
    PerCpuValues::try_from(vec![value; cpus]).expect("one for each CPU")
}

fn refill<K: aya::Pod, V: aya::Pod>(map: &mut HashMap<MapData, K, V>, entries: &[(K, V)]) {
    let old: Vec<K> = map.keys().map(|key| key.expect("a key")).collect();
    for key in old {
        map.remove(&key).expect("still there");
    }
    for (key, value) in entries {
        map.insert(key, value, 0).expect("room");
    }
}
