//! The nodes on one virtual clock, and adverts between them that are never lost.

use super::{
    Given,
    faults::Fault,
    hearing::Deaf,
    network::Network,
    node::{Node, Out, Wire},
};
use crate::{config::model::Config, engine::status::Status, time::Instant};
use core::{cmp::Reverse, time::Duration};
use std::{
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    rc::Rc,
};

/// Everything starts here: far enough from zero to look back.
const BEGINNING: Instant = Instant::from_ns(1_000_000_000_000);
/// From one node to another.
const DELAY: Duration = Duration::from_micros(100);
/// How long a script runs.
const RUN: Duration = Duration::from_millis(1);
/// Events of one phase; more is no cluster that comes to rest.
const MOST_EVENTS: u32 = 1_000_000;

#[derive(Debug)]
enum Event {
    Wake {
        node: usize,
        serial: u64,
    },
    Arrive {
        node: usize,
        ifindex: u32,
        wire: Rc<Wire>,
    },
    Script {
        node: usize,
        incarnation: u64,
        name: String,
    },
}

/// Who owns one virtual router, and when that last changed in this phase.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Owners {
    pub(super) nodes: BTreeSet<usize>,
    pub(super) changed: Option<Instant>,
}

pub(super) struct World<'a> {
    given: &'a [Given],
    network: &'a Network,
    pub(super) now: Instant,
    nodes: Vec<Node>,
    queue: BinaryHeap<Reverse<(Instant, u64)>>,
    events: BTreeMap<u64, Event>,
    sequence: u64,
    serials: Vec<u64>,
    /// Of each virtual router.
    pub(super) owners: Vec<Owners>,
    /// Who did not heed whom, and why: hearer, sender, virtual router.
    pub(super) deaf: BTreeSet<(usize, usize, u8, Deaf)>,
    /// It did not come to rest.
    pub(super) restless: bool,
    /// Adverts that left so far.
    adverts: u64,
}

impl<'a> World<'a> {
    /// All nodes start at once.
    pub(super) fn new(given: &'a [Given], network: &'a Network) -> Self {
        let node = |(index, it): (usize, &Given)| {
            let links = network.links(index).cloned().collect();
            Node::new(with_sources(given, network, index, &it.config), links)
        };
        let mut world = Self {
            given,
            network,
            now: BEGINNING,
            nodes: given.iter().enumerate().map(node).collect(),
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            sequence: 0,
            serials: vec![0; given.len()],
            owners: vec![Owners::default(); network.routers.len()],
            deaf: BTreeSet::new(),
            restless: false,
            adverts: 0,
        };
        for node in 0..given.len() {
            world.step(node, Node::start);
        }
        world
    }

    /// A phase begins: nothing has changed in it.
    pub(super) fn begin_phase(&mut self) {
        for owners in &mut self.owners {
            owners.changed = None;
        }
    }

    /// It happens.
    pub(super) fn fail(&mut self, fault: &Fault) {
        let node = fault.node();
        match fault {
            Fault::Node(_) => {
                self.nodes[node].crash();
                self.look(node);
            }
            Fault::Link(_, name) => {
                self.step(node, |it, now, out| it.set_link(name, false, now, out));
            }
            Fault::Script(_, name) => self.nodes[node].set_script(name, true),
        }
    }

    /// It is over.
    pub(super) fn heal(&mut self, fault: &Fault) {
        let node = fault.node();
        match fault {
            Fault::Node(_) => self.step(node, Node::start),
            Fault::Link(_, name) => {
                self.step(node, |it, now, out| it.set_link(name, true, now, out));
            }
            Fault::Script(_, name) => self.nodes[node].set_script(name, false),
        }
    }

    /// Runs until nothing has changed hands for `patience`, which is asked for again
    /// whenever that is over.
    pub(super) fn come_to_rest(&mut self, patience: impl Fn(&[Option<Status>]) -> Duration) {
        let begun = self.now;
        let mut wait = Duration::ZERO;
        let mut events = 0;
        loop {
            let changed = self.owners.iter().filter_map(|it| it.changed).max();
            let still = changed.map_or(begun, |at| at.max(begun));
            let next = self.queue.peek().map(|Reverse((at, _))| *at);
            let Some(next) = next.filter(|at| *at <= still + wait) else {
                let more = patience(&self.statuses());
                if more <= wait {
                    self.now = still + wait;
                    return;
                }
                wait = more;
                continue;
            };
            events += 1;
            if events > MOST_EVENTS {
                self.restless = true;
                return;
            }
            self.now = next;
            if let Some(Reverse((_, id))) = self.queue.pop()
                && let Some(event) = self.events.remove(&id)
            {
                self.happen(event);
            }
        }
    }

    /// Runs until somebody has just advertised, which nobody may: what fails then is
    /// noticed last.
    pub(super) fn until_an_advert(&mut self, limit: Duration) {
        let end = self.now + limit;
        let before = self.adverts;
        while self.adverts == before {
            let due = self.queue.peek().filter(|Reverse((at, _))| *at <= end);
            let Some(&Reverse((at, id))) = due else {
                return;
            };
            self.queue.pop();
            self.now = at;
            if let Some(event) = self.events.remove(&id) {
                self.happen(event);
            }
        }
    }

    pub(super) fn statuses(&self) -> Vec<Option<Status>> {
        self.nodes.iter().map(Node::status).collect()
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wake { node, serial } => {
                if self.serials[node] == serial {
                    self.step(node, Node::wake);
                }
            }
            Event::Arrive {
                node,
                ifindex,
                wire,
            } => {
                let mut deaf = None;
                if self.nodes[node].is_up(ifindex) {
                    self.step(node, |it, now, out| {
                        deaf = it.receive(&wire, ifindex, now, out);
                    });
                }
                if let Some(why) = deaf {
                    // The last two octets of its hardware address number the sender.
                    let [.., high, low] = wire.mac;
                    let sender = usize::from(u16::from_be_bytes([high, low])).saturating_sub(1);
                    self.deaf.insert((node, sender, wire.vrid, why));
                }
            }
            Event::Script {
                node,
                incarnation,
                name,
            } => {
                if self.nodes[node].incarnation == incarnation {
                    self.step(node, |it, now, out| it.script_done(&name, now, out));
                }
            }
        }
    }

    fn step(&mut self, node: usize, act: impl FnOnce(&mut Node, Instant, &mut Out)) {
        let mut out = Out::default();
        act(&mut self.nodes[node], self.now, &mut out);
        for wire in out.wires {
            self.send(node, &wire);
        }
        let incarnation = self.nodes[node].incarnation;
        for name in out.scripts {
            let script = Event::Script {
                node,
                incarnation,
                name,
            };
            self.push(self.now + RUN, script);
        }
        self.look(node);
        self.serials[node] += 1;
        if let Some(at) = self.nodes[node].due() {
            let serial = self.serials[node];
            self.push(at.max(self.now), Event::Wake { node, serial });
        }
    }

    /// To every other interface of its segment, or wherever its peers are.
    fn send(&mut self, from: usize, wire: &Rc<Wire>) {
        let segment = self.network.segment(from, wire.ifindex);
        if !self.nodes[from].is_up(wire.ifindex) {
            return;
        }
        self.adverts += 1;
        let mut arrivals = Vec::new();
        for node in 0..self.nodes.len() {
            for link in self.network.links(node) {
                let own = (node, link.ifindex) == (from, wire.ifindex);
                let reached =
                    !wire.unicast.is_empty() || self.network.segment(node, link.ifindex) == segment;
                if !own && reached {
                    arrivals.push((node, link.ifindex));
                }
            }
        }
        for (node, ifindex) in arrivals {
            let wire = Rc::clone(wire);
            let arrive = Event::Arrive {
                node,
                ifindex,
                wire,
            };
            self.push(self.now + DELAY, arrive);
        }
    }

    /// Who owns now what this node has a part in?
    fn look(&mut self, node: usize) {
        for (router, owners) in self.network.routers.iter().zip(&mut self.owners) {
            let mut parts = router.parts.iter().filter(|(of, _)| *of == node).peekable();
            if parts.peek().is_none() {
                continue;
            }
            let instances = &self.given[node].config.instances;
            let owns =
                parts.any(|(_, index)| self.nodes[node].owns(&instances[*index].name, self.now));
            let changed = if owns {
                owners.nodes.insert(node)
            } else {
                owners.nodes.remove(&node)
            };
            if changed {
                owners.changed = Some(self.now);
            }
        }
    }

    fn push(&mut self, at: Instant, event: Event) {
        self.sequence += 1;
        self.events.insert(self.sequence, event);
        self.queue.push(Reverse((at, self.sequence)));
    }
}

/// With the addresses its peers know it by.
fn with_sources(given: &[Given], network: &Network, node: usize, config: &Config) -> Config {
    let mut config = config.clone();
    for (index, instance) in config.instances.iter_mut().enumerate() {
        instance.source = network.source(given, node, index);
    }
    config
}
