//! The cluster on one virtual clock: events in true time, and a look at a node's
//! gates after everything that may have changed them.

mod invariant;
mod network;
mod trouble;

pub(crate) use invariant::Violation;

use crate::{
    mutation::Mutation,
    node::{Clock, Next, Node, Out, Stage},
    peer::StockPeer,
    rng::Rng,
    schedule::Schedule,
    wire::Wire,
};
use core::{net::IpAddr, time::Duration};
use invariant::Ledger;
use network::Path;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};
use trouble::Trap;
use vrrp_user::engine::input::Input;

/// A nanosecond count in true time.
pub(crate) type TrueNs = u64;

/// Thirty times what the longest schedules take.
const MOST_EVENTS: u64 = 1_000_000;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Loop {
        node: usize,
        serial: u64,
    },
    Send {
        node: usize,
        serial: u64,
    },
    Arrive {
        to: usize,
        wire: usize,
    },
    PeerTimer {
        peer: usize,
        serial: u64,
    },
    PeerArrive {
        peer: usize,
        wire: usize,
    },
    PeerStart {
        peer: usize,
    },
    /// A path is within what is assumed again.
    Look,
    Script {
        node: usize,
        incarnation: u64,
        name: String,
    },
    Fault(usize),
    Restart {
        node: usize,
    },
    LinkUp {
        node: usize,
    },
    ScriptHeals {
        node: usize,
    },
    SendsWork {
        node: usize,
    },
    Dies {
        node: usize,
        incarnation: u64,
    },
    Heal {
        from: usize,
        to: usize,
    },
}

/// What is known of one thread.
#[derive(Clone, Copy, Debug, Default)]
struct Thread {
    serial: u64,
    /// When its next step is due, while it has one.
    due: Option<TrueNs>,
    /// Between two steps of one go; nothing can bring these forward.
    busy: bool,
    stalled_until: TrueNs,
}

pub(crate) struct World {
    pub(crate) now: TrueNs,
    pub(crate) nodes: Vec<Node>,
    pub(crate) peers: Vec<StockPeer>,
    pub(crate) violations: Vec<Violation>,
    /// Every first moment at which a node's gate for an address was seen open.
    pub(crate) openings: Vec<(TrueNs, u8, IpAddr)>,
    /// Adverts with a priority that reached the wire: (when, source).
    pub(crate) adverts: Vec<(TrueNs, IpAddr, u8)>,
    pub(crate) trace: Option<Vec<String>>,
    schedule: Schedule,
    rng: Rng,
    queue: BinaryHeap<Reverse<(TrueNs, u64, Event)>>,
    sequence: u64,
    loops: Vec<Thread>,
    senders: Vec<Thread>,
    incarnations: Vec<u64>,
    peer_serials: Vec<u64>,
    paths: BTreeMap<(usize, usize), Path>,
    wires: Vec<Wire>,
    ledger: Ledger,
    traps: Vec<Trap>,
    /// Where threads were held up.
    pub(crate) stalled_at: BTreeSet<Stage>,
    /// What else happened, and how often.
    pub(crate) census: BTreeMap<&'static str, u64>,
    /// Not everybody has the same sync group: it may be owned in parts.
    regroups: bool,
    /// Told to end since they were started.
    terminated: BTreeSet<usize>,
}

impl World {
    pub(crate) fn new(schedule: Schedule, mutation: Mutation) -> Self {
        let mut rng = Rng::new(schedule.seed ^ 0x5eed);
        let mut nodes = Vec::new();
        for (index, config) in schedule.configs.iter().enumerate() {
            let id = u8::try_from(index + 1).unwrap_or(u8::MAX);
            let clock = Clock {
                offset_ns: rng.within(1_000_000_000, 1_000_000_000_000),
                ppm: schedule.ppm(&mut rng, index),
            };
            nodes.push(Node::new(id, clock, config.clone(), &schedule, mutation));
        }
        let count = nodes.len();
        let mut world = Self {
            now: 0,
            peers: schedule.peers.clone(),
            violations: Vec::new(),
            openings: Vec::new(),
            adverts: Vec::new(),
            trace: None,
            rng,
            queue: BinaryHeap::new(),
            sequence: 0,
            loops: vec![Thread::default(); count],
            senders: vec![Thread::default(); count],
            incarnations: vec![0; count],
            peer_serials: vec![0; schedule.peers.len()],
            paths: BTreeMap::new(),
            wires: Vec::new(),
            ledger: Ledger::default(),
            stalled_at: BTreeSet::new(),
            census: BTreeMap::new(),
            regroups: false,
            traps: Vec::new(),
            terminated: BTreeSet::new(),
            nodes,
            schedule,
        };
        for node in 0..count {
            let at = world.rng.within(0, world.schedule.start_spread_ns);
            world.push(at, Event::Restart { node });
        }
        for index in 0..world.schedule.faults.len() {
            let at = world.schedule.faults[index].0;
            world.push(at, Event::Fault(index));
        }
        for peer in 0..world.peers.len() {
            world.arm_peer(peer);
        }
        world
    }

    /// Runs until the given time, the first violation, or where nothing waits any more.
    pub(crate) fn run_until(&mut self, end: TrueNs) {
        while let Some(Reverse((at, ..))) = self.queue.peek() {
            if *at > end || !self.violations.is_empty() || self.is_endless() {
                break;
            }
            if let Some(Reverse((at, _, event))) = self.queue.pop() {
                self.now = at;
                self.step(event);
            }
        }
        if self.violations.is_empty() {
            self.now = self.now.max(end);
        }
    }

    /// Events breed events, and time stands still.
    pub(crate) const fn is_endless(&self) -> bool {
        self.sequence > MOST_EVENTS
    }

    pub(crate) fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    pub(crate) fn kill(&mut self, node: usize) {
        self.note(|| format!("kill {}", node + 1));
        self.nodes[node].daemon = None;
        self.incarnations[node] += 1;
        for thread in [&mut self.loops[node], &mut self.senders[node]] {
            *thread = Thread {
                serial: thread.serial + 1,
                ..Thread::default()
            };
        }
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::Loop { node, serial } => self.run_thread(node, serial, true),
            Event::Send { node, serial } => self.run_thread(node, serial, false),
            Event::Arrive { to, wire } => {
                let wire = self.wires[wire];
                let node = &self.nodes[to];
                let now = node.clock.local(self.now);
                let before = node.kernel.revocations();
                if node.link_up {
                    let told = node.kernel.receive(&wire, now);
                    if node.kernel.revocations() > before {
                        self.count("a claim beaten in the kernel");
                        self.look(to);
                    }
                    if told {
                        self.wake(to, true, 5_000);
                    }
                }
            }
            Event::PeerTimer { peer, serial } => {
                if serial == self.peer_serials[peer] && self.peers[peer].alive {
                    let claims = !self.peers[peer].active;
                    let wire = self.peers[peer].fire(self.now);
                    if claims {
                        self.count("a stock peer that claims");
                        self.stock_claimed(peer);
                    }
                    self.send(self.nodes.len() + peer, wire);
                    self.arm_peer(peer);
                }
            }
            Event::PeerArrive { peer, wire } => {
                let wire = self.wires[wire];
                let answer = self.peers[peer].receive(&wire, self.now);
                if let Some(answer) = answer {
                    self.send(self.nodes.len() + peer, answer);
                }
                self.arm_peer(peer);
            }
            Event::PeerStart { peer } => {
                self.peers[peer].restart(self.now);
                self.arm_peer(peer);
            }
            Event::Look => self.look_at_all(),
            Event::Script {
                node,
                incarnation,
                name,
            } => {
                if incarnation == self.incarnations[node] {
                    let result = self.nodes[node].script_result();
                    self.nodes[node].tell(Input::ScriptDone {
                        script: name,
                        result,
                    });
                    self.wake(node, true, 20_000);
                }
            }
            Event::Fault(index) => self.fault(index),
            Event::Restart { node } => {
                if self.nodes[node].daemon.is_none() {
                    self.note(|| format!("start {}", node + 1));
                    self.terminated.remove(&node);
                    self.nodes[node].start();
                    self.wake(node, true, 1_000);
                } else if self.terminated.contains(&node) {
                    // It takes its time to end.
                    self.push(self.now + 1_000_000, Event::Restart { node });
                }
            }
            Event::LinkUp { node } => {
                self.set_link(node, true);
            }
            Event::ScriptHeals { node } => self.nodes[node].script_ok = true,
            Event::SendsWork { node } => self.nodes[node].refused = None,
            Event::Dies { node, incarnation } => {
                if incarnation == self.incarnations[node] {
                    self.kill(node);
                }
            }
            Event::Heal { from, to } => self.cut(from, to, false),
        }
    }

    fn run_thread(&mut self, node: usize, serial: u64, is_loop: bool) {
        let now = self.now;
        let thread = if is_loop {
            &mut self.loops[node]
        } else {
            &mut self.senders[node]
        };
        if thread.serial != serial {
            return;
        }
        // Before the step: a thread may have slept where it stands.
        self.spring(node, is_loop);
        let thread = self.thread_mut(node, is_loop);
        if now < thread.stalled_until {
            let at = thread.stalled_until;
            self.arm(node, is_loop, at, true);
            return;
        }
        thread.due = None;
        let mut out = Out::default();
        let local = self.nodes[node].clock.local(now);
        let next = if is_loop {
            self.nodes[node].loop_step(local, &mut out)
        } else {
            self.nodes[node].send_step(local, &mut out)
        };
        match next {
            Next::Soon => {
                let at = now + Node::gap(&mut self.rng);
                self.arm(node, is_loop, at, true);
            }
            Next::At(at) => {
                // Timers fire a little late.
                let late = self.rng.within(1_000, 40_000);
                let at = self.nodes[node].clock.true_ns(at).max(now) + late;
                self.arm(node, is_loop, at, false);
            }
            Next::Asleep => self.thread_mut(node, is_loop).busy = false,
        }
        for what in out.seen {
            self.count(what);
        }
        for wire in out.wire {
            self.send(node, wire);
        }
        for name in out.scripts {
            let incarnation = self.incarnations[node];
            self.push(
                now + 3_000_000,
                Event::Script {
                    node,
                    incarnation,
                    name,
                },
            );
        }
        if out.wake_loop {
            self.wake(node, true, 5_000);
        }
        if out.wake_sender {
            self.wake(node, false, 5_000);
        }
        if self.nodes[node]
            .daemon
            .as_ref()
            .is_some_and(|daemon| daemon.finished)
        {
            self.kill(node);
        }
        self.look(node);
    }

    fn thread_mut(&mut self, node: usize, is_loop: bool) -> &mut Thread {
        if is_loop {
            &mut self.loops[node]
        } else {
            &mut self.senders[node]
        }
    }

    /// Something came in: a sleeping thread runs soon; a busy one will see it.
    fn wake(&mut self, node: usize, is_loop: bool, latency_ns: u64) {
        let at = self.now + latency_ns + self.rng.within(0, 30_000);
        let thread = self.thread_mut(node, is_loop);
        if !thread.busy && thread.due.is_none_or(|due| due > at) {
            self.arm(node, is_loop, at, false);
        }
    }

    fn arm(&mut self, node: usize, is_loop: bool, at: TrueNs, busy: bool) {
        let thread = self.thread_mut(node, is_loop);
        thread.serial += 1;
        thread.due = Some(at);
        thread.busy = busy;
        let serial = thread.serial;
        self.push(
            at,
            if is_loop {
                Event::Loop { node, serial }
            } else {
                Event::Send { node, serial }
            },
        );
    }

    fn arm_peer(&mut self, peer: usize) {
        self.peer_serials[peer] += 1;
        let serial = self.peer_serials[peer];
        if let Some(at) = self.peers[peer].due() {
            self.push(at.max(self.now), Event::PeerTimer { peer, serial });
        }
    }

    /// For the census.
    fn count(&mut self, what: &'static str) {
        *self.census.entry(what).or_default() += 1;
    }

    fn push(&mut self, at: TrueNs, event: Event) {
        self.sequence += 1;
        self.queue.push(Reverse((at, self.sequence, event)));
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>12} {}", self.now, what()));
        }
    }
}

/// Nanoseconds of a span.
pub(crate) fn ns(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
