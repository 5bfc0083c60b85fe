//! The cluster on one virtual clock: events in true time, a network that delays,
//! loses, doubles and reorders within what the ownership design assumes, and a
//! look at every gate after every event.

use crate::{
    kernel::Wire,
    mutation::Mutation,
    node::{Clock, Next, Node, Out},
    peer::StockPeer,
    rng::Rng,
    schedule::{Fault, Schedule},
};
use core::{net::IpAddr, time::Duration};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};
use vrrp_user::engine::input::Input;

/// A nanosecond count in true time.
pub(crate) type TrueNs = u64;

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

/// One direction between two stations.
#[derive(Clone, Debug, Default)]
struct Path {
    /// Reasons for being cut.
    cuts: u32,
    /// The last cut or heal.
    changed: TrueNs,
    /// Lost in a row, by VRID.
    lost: BTreeMap<u8, u32>,
}

/// Two gates for one address were open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) at: TrueNs,
    pub(crate) vip: IpAddr,
    pub(crate) nodes: (u8, u8),
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
    mutation: Mutation,
    open: BTreeMap<(usize, IpAddr), bool>,
}

impl World {
    pub(crate) fn new(schedule: Schedule, mutation: Mutation) -> Self {
        let mut rng = Rng::new(schedule.seed ^ 0x5eed);
        let mut nodes = Vec::new();
        for (index, config) in schedule.configs.iter().enumerate() {
            let id = u8::try_from(index + 1).unwrap_or(u8::MAX);
            let clock = Clock {
                offset_ns: rng.within(1_000_000_000, 1_000_000_000_000),
                ppm: i64::try_from(rng.within(0, 200)).unwrap_or(0) - 100,
            };
            let settings = schedule.settings;
            nodes.push(Node::new(
                id,
                clock,
                config.clone(),
                settings,
                schedule.permit,
                mutation,
            ));
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
            mutation,
            open: BTreeMap::new(),
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

    /// Runs until the given time, or the first violation.
    pub(crate) fn run_until(&mut self, end: TrueNs) {
        while let Some(Reverse((at, ..))) = self.queue.peek() {
            if *at > end || !self.violations.is_empty() {
                break;
            }
            if let Some(Reverse((at, _, event))) = self.queue.pop() {
                self.now = at;
                let wrote = self.step(event);
                if wrote {
                    self.look();
                }
            }
        }
        if self.violations.is_empty() {
            self.now = self.now.max(end);
        }
    }

    pub(crate) fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Addresses node `index` would answer for now.
    pub(crate) fn open_vips(&self, index: usize) -> Vec<IpAddr> {
        let node = &self.nodes[index];
        node.kernel.open_vips(node.clock.local(self.now)).collect()
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

    fn step(&mut self, event: Event) -> bool {
        match event {
            Event::Loop { node, serial } => return self.run_thread(node, serial, true),
            Event::Send { node, serial } => return self.run_thread(node, serial, false),
            Event::Arrive { to, wire } => {
                let wire = self.wires[wire];
                let node = &mut self.nodes[to];
                let now = node.clock.local(self.now);
                if node.link_up && node.kernel.receive(&wire, now, self.mutation) {
                    self.wake(to, true, 5_000);
                }
            }
            Event::PeerTimer { peer, serial } => {
                if serial == self.peer_serials[peer] && self.peers[peer].alive {
                    let wire = self.peers[peer].fire(self.now);
                    self.broadcast(self.nodes.len() + peer, wire);
                    self.arm_peer(peer);
                }
            }
            Event::PeerArrive { peer, wire } => {
                let wire = self.wires[wire];
                let answer = self.peers[peer].receive(&wire, self.now);
                if let Some(answer) = answer {
                    self.broadcast(self.nodes.len() + peer, answer);
                }
                self.arm_peer(peer);
            }
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
                    self.nodes[node].start();
                    self.wake(node, true, 1_000);
                }
            }
            Event::LinkUp { node } => {
                self.set_link(node, true);
            }
            Event::ScriptHeals { node } => self.nodes[node].script_ok = true,
            Event::Heal { from, to } => self.cut(from, to, false),
        }
        true
    }

    fn run_thread(&mut self, node: usize, serial: u64, is_loop: bool) -> bool {
        let now = self.now;
        let thread = if is_loop {
            &mut self.loops[node]
        } else {
            &mut self.senders[node]
        };
        if thread.serial != serial {
            return false;
        }
        if now < thread.stalled_until {
            let at = thread.stalled_until;
            self.arm(node, is_loop, at, true);
            return false;
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
        for wire in out.wire {
            self.broadcast(node, wire);
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
        true
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

    fn push(&mut self, at: TrueNs, event: Event) {
        self.sequence += 1;
        self.queue.push(Reverse((at, self.sequence, event)));
    }

    fn broadcast(&mut self, from: usize, wire: Wire) {
        self.note(|| {
            format!(
                "{} sends vrid {} priority {}",
                wire.source, wire.vrid, wire.priority
            )
        });
        self.adverts.push((self.now, wire.source, wire.priority));
        if self.nodes.get(from).is_some_and(|node| !node.link_up) {
            return;
        }
        self.wires.push(wire);
        let index = self.wires.len() - 1;
        for to in 0..self.nodes.len() + self.peers.len() {
            if to != from && !self.loses(from, to, wire.vrid) {
                self.deliver(to, index);
                if self.rng.chance(self.schedule.duplicate_percent) {
                    self.deliver(to, index);
                }
            }
        }
    }

    fn deliver(&mut self, to: usize, wire: usize) {
        let at = self.now + self.rng.within(20_000, self.schedule.delay_ns);
        let event = match to.checked_sub(self.nodes.len()) {
            None => Event::Arrive { to, wire },
            Some(peer) => Event::PeerArrive { peer, wire },
        };
        self.push(at, event);
    }

    /// Never more than m in a row on a path that is whole.
    fn loses(&mut self, from: usize, to: usize, vrid: u8) -> bool {
        let lossy = self.rng.chance(self.schedule.loss_percent);
        let tolerated = u32::from(self.schedule.settings.loss_tolerance);
        let path = self.paths.entry((from, to)).or_default();
        if path.cuts > 0 {
            return true;
        }
        let lost = path.lost.entry(vrid).or_default();
        *lost = if lossy && *lost < tolerated {
            *lost + 1
        } else {
            0
        };
        *lost > 0
    }

    fn fault(&mut self, index: usize) {
        let (_, fault) = self.schedule.faults[index].clone();
        self.note(|| format!("{fault:?}"));
        let now = self.now;
        match fault {
            Fault::StallLoop { node, ns } => {
                let thread = &mut self.loops[node];
                thread.stalled_until = thread.stalled_until.max(now + ns);
            }
            Fault::StallSender { node, ns } => {
                let thread = &mut self.senders[node];
                thread.stalled_until = thread.stalled_until.max(now + ns);
            }
            Fault::Kill { node, ns } => {
                self.kill(node);
                self.push(now + ns, Event::Restart { node });
            }
            Fault::Terminate { node, ns } => {
                self.nodes[node].tell(Input::Shutdown);
                self.wake(node, true, 1_000);
                self.push(now + ns, Event::Restart { node });
            }
            Fault::LinkDown { node, ns } => {
                self.set_link(node, false);
                self.push(now + ns, Event::LinkUp { node });
            }
            Fault::Cut { pairs, ns } => {
                for (from, to) in pairs {
                    self.cut(from, to, true);
                    self.push(now + ns, Event::Heal { from, to });
                }
            }
            Fault::Script { node, ns } => {
                self.nodes[node].script_ok = false;
                self.push(now + ns, Event::ScriptHeals { node });
            }
            Fault::Reload { node, config } => {
                self.nodes[node].config = config.clone();
                self.nodes[node].tell(Input::Config(Box::new(config)));
                self.wake(node, true, 1_000);
            }
            Fault::PeerRestart { peer } => {
                self.peers[peer].restart(now);
                self.arm_peer(peer);
            }
        }
    }

    fn set_link(&mut self, node: usize, up: bool) {
        if self.nodes[node].link_up == up {
            return;
        }
        self.note(|| format!("link of {} up: {up}", node + 1));
        self.nodes[node].link_up = up;
        let id = self.nodes[node].id;
        self.nodes[node].tell(Input::Link(crate::fixture::link(id, up)));
        self.wake(node, true, 50_000);
        for other in 0..self.nodes.len() + self.peers.len() {
            if other != node {
                self.cut(node, other, !up);
                self.cut(other, node, !up);
            }
        }
    }

    fn cut(&mut self, from: usize, to: usize, cut: bool) {
        let path = self.paths.entry((from, to)).or_default();
        path.cuts = if cut {
            path.cuts + 1
        } else {
            path.cuts.saturating_sub(1)
        };
        path.changed = self.now;
    }

    /// Are these two within what the design assumes of a network?
    fn assumed(&self, a: usize, b: usize) -> bool {
        let whole = |key| {
            self.paths.get(&key).is_none_or(|path: &Path| {
                path.cuts == 0
                    && (path.changed == 0 || self.now >= path.changed + self.schedule.grace_ns)
            })
        };
        whole((a, b)) && whole((b, a))
    }

    /// The invariant: at most one open gate for each address.
    fn look(&mut self) {
        let mut owners: BTreeMap<IpAddr, Vec<usize>> = BTreeMap::new();
        for index in 0..self.nodes.len() {
            for vip in self.open_vips(index) {
                owners.entry(vip).or_default().push(index);
            }
        }
        for (&(node, vip), open) in &mut self.open {
            *open &= owners.get(&vip).is_some_and(|nodes| nodes.contains(&node));
        }
        for (vip, nodes) in owners {
            for &node in &nodes {
                let open = self.open.entry((node, vip)).or_default();
                if !*open {
                    *open = true;
                    self.openings.push((self.now, self.nodes[node].id, vip));
                    if let Some(trace) = &mut self.trace {
                        trace.push(format!("{:>12} {} opens {vip}", self.now, node + 1));
                    }
                }
            }
            for (position, &a) in nodes.iter().enumerate() {
                for &b in &nodes[position + 1..] {
                    if self.assumed(a, b) {
                        let nodes = (self.nodes[a].id, self.nodes[b].id);
                        self.violations.push(Violation {
                            at: self.now,
                            vip,
                            nodes,
                        });
                    }
                }
            }
        }
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
