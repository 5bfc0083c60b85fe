//! Whatever is configured, edited and reloaded, in whatever order: what the maps say is
//! whole at every moment, and right at the end.

use super::{model::Maps, *};
use crate::{
    balance::{Edit, ServiceName},
    config::model::balance::{Persistence, Tunnel},
};
use proptest::prelude::*;
use std::collections::BTreeSet;
use vrrp_common::balance::{NO_GATE, SERVER_LIVE, ServiceKey};

/// A server of a configuration: last octet, weight, method.
type Wanted = (u8, u32, u8);
/// A service: name, listens, scheduler, persistence, servers.
type Listed = (u8, Vec<u8>, u8, bool, Vec<Wanted>);

#[derive(Clone, Debug)]
enum Step {
    Config(Vec<Listed>),
    Gates(Vec<(u8, u32)>),
    Route(u8, Option<(u8, bool)>),
    Drain(u8, u8),
    Weight(u8, u8, u32),
    Add(u8, u8, u32),
    Remove(u8, u8),
    Restore(u8),
    Pass(u64),
}

const KINDS: [SchedulerKind; 9] = [
    SchedulerKind::Rr,
    SchedulerKind::Wrr,
    SchedulerKind::Wlc,
    SchedulerKind::Sh,
    SchedulerKind::Dh,
    SchedulerKind::Mh,
    SchedulerKind::Nq,
    SchedulerKind::Lblcr,
    SchedulerKind::Fo,
];

fn methods(number: u8) -> Method {
    match number {
        0 => Method::Dr,
        1 => Method::Nat,
        _ => Method::Tun(Tunnel::Ipip),
    }
}

fn listed() -> impl Strategy<Value = Vec<Listed>> {
    let weight = prop_oneof![Just(0u32), Just(1), 0..6u32];
    let server = (10..16u8, weight, 0..3u8);
    let service = (
        0..4u8,
        proptest::collection::vec(1..6u8, 1..3),
        0..9u8,
        any::<bool>(),
        proptest::collection::vec(server, 1..5),
    );
    proptest::collection::vec(service, 0..4)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let gates = proptest::collection::vec((1..6u8, 0..3u32), 0..4);
    let step = prop_oneof![
        4 => listed().prop_map(Step::Config),
        2 => gates.prop_map(Step::Gates),
        4 => (10..16u8, proptest::option::of((0..3u8, any::<bool>()))).prop_map(|(a, b)| Step::Route(a, b)),
        2 => (0..4u8, 10..16u8).prop_map(|(a, b)| Step::Drain(a, b)),
        2 => (0..4u8, 10..16u8, 0..5u32).prop_map(|(a, b, c)| Step::Weight(a, b, c)),
        2 => (0..4u8, 10..18u8, 0..5u32).prop_map(|(a, b, c)| Step::Add(a, b, c)),
        2 => (0..4u8, 10..16u8).prop_map(|(a, b)| Step::Remove(a, b)),
        1 => (0..4u8).prop_map(Step::Restore),
        3 => prop_oneof![Just(1u64), 0..600u64, 900..1100u64].prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 1..40)
}

/// What the configuration would be, without what `config` refuses: names, keys and
/// servers that are there already.
fn model(listed: &[Listed]) -> Vec<VirtualServer> {
    let mut names = BTreeSet::new();
    let mut keys = BTreeSet::new();
    let mut out = Vec::new();
    for (name, listens, kind, sticky, servers) in listed {
        let listens: Vec<(u8, u16)> = listens
            .iter()
            .filter(|last| keys.insert(**last))
            .map(|&last| (last, 80))
            .collect();
        if listens.is_empty() || !names.insert(*name) {
            continue;
        }
        let mut there = BTreeSet::new();
        let servers = servers
            .iter()
            .filter(|(last, ..)| there.insert(*last))
            .map(|&(last, weight, method)| RealServer {
                method: methods(method),
                ..real(last, weight)
            })
            .collect();
        let mut it = service(&named(*name), &listens, servers);
        it.scheduler.kind = KINDS[usize::from(*kind)];
        it.persistence = sticky.then_some(Persistence {
            timeout: Duration::from_mins(6),
            prefix: 32,
        });
        out.push(it);
    }
    out
}

fn named(name: u8) -> String {
    format!("TCP group {name}")
}

/// What the maps ought to say, kept beside the director without any of its code.
#[derive(Default)]
struct Expected {
    services: Vec<VirtualServer>,
    /// Servers of each service, by name, with their weights.
    servers: BTreeMap<String, Vec<(IpAddr, Method, u32)>>,
    gates: BTreeMap<IpAddr, u32>,
}

impl Expected {
    fn restore(&mut self, name: &str) {
        if let Some(it) = self.services.iter().find(|it| it.name == name) {
            let servers = it.servers.iter().map(|s| (s.address, s.method, s.weight));
            self.servers.insert(name.to_owned(), servers.collect());
        }
    }

    fn weigh(&mut self, name: &str, server: IpAddr, weight: u32) {
        let servers = self.servers.get_mut(name).into_iter().flatten();
        for it in servers.filter(|it| it.0 == server) {
            it.2 = weight;
        }
    }

    fn check(&self, maps: &Maps) {
        let mut keys = BTreeSet::new();
        for service in &self.services {
            for listen in &service.listens {
                let IpAddr::V4(address) = listen.first else {
                    unreachable!("all are IPv4 here")
                };
                let mut key = ServiceKey {
                    port: listen.first_port,
                    protocol: 6,
                    family: 4,
                    ..ServiceKey::default()
                };
                key.address[..4].copy_from_slice(&address.octets());
                keys.insert(key);
                let id = maps.keys[&key];
                let record = maps.services[&id];
                let gate = self.gates.get(&listen.first).copied().unwrap_or(NO_GATE);
                assert_eq!(record.gate, gate);
                self.check_servers(service, id, maps);
            }
        }
        assert_eq!(keys, maps.keys.keys().copied().collect());
        let live = maps.live_services().map(|(id, _)| id);
        let named: BTreeSet<u32> = maps.keys.values().copied().collect();
        assert_eq!(named, live.collect());
    }

    fn check_servers(&self, service: &VirtualServer, id: u32, maps: &Maps) {
        let record = maps.services[&id];
        let mut wanted: Vec<(u8, u32)> = Vec::new();
        for (address, _, weight) in &self.servers[&service.name] {
            let IpAddr::V4(address) = address else {
                unreachable!("all are IPv4 here")
            };
            wanted.push((address.octets()[3], *weight));
        }
        let of = |slot: u16| {
            let server = maps.servers[&u32::from(slot)];
            (server.address[3], server.weight)
        };
        let mut members: Vec<_> = maps.slots(record.members).into_iter().map(of).collect();
        members.reverse();
        assert_eq!(members, wanted, "members, in the file's order backwards");
        if service.scheduler.kind == SchedulerKind::Wrr {
            let ring: Vec<_> = maps.slots(record.ring).into_iter().map(of).collect();
            let sum: u32 = wanted.iter().map(|(_, weight)| weight).sum();
            for (last, weight) in &wanted {
                let has = ring.iter().filter(|(it, _)| it == last).count();
                assert_eq!(has * sum as usize, *weight as usize * ring.len());
            }
        }
        let live = maps
            .servers
            .values()
            .filter(|server| server.service == id && server.flags & SERVER_LIVE != 0);
        assert_eq!(live.count(), wanted.len());
    }
}

/// Ids and generations of servers, by service, address and method.
type Identities = BTreeMap<(String, IpAddr, String), Vec<(u32, u32)>>;

/// Of the servers that are live.
fn identities(director: &Director) -> Identities {
    let generations: BTreeMap<u32, u32> = director
        .servers()
        .map(|(id, server)| (id, server.generation))
        .collect();
    director
        .services()
        .flat_map(|service| {
            let name = service.service.name.clone();
            let generations = &generations;
            service
                .servers
                .into_iter()
                .map(move |it| {
                    let ids = it.ids.iter().map(|id| (*id, generations[id])).collect();
                    ((name.clone(), it.address, format!("{:?}", it.method)), ids)
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

struct World {
    director: Director,
    maps: Maps,
    now: Instant,
    expected: Expected,
}

impl World {
    fn obey(&mut self) -> usize {
        let actions = drain(&mut self.director);
        for action in &actions {
            self.maps.apply(action, self.now);
        }
        actions.len()
    }

    fn config(&self) -> Input {
        Input::Config {
            balance: Box::new(Balance {
                services: self.expected.services.clone(),
                ..Balance::default()
            }),
            gates: self.expected.gates.clone(),
        }
    }

    fn step(&mut self, step: &Step) {
        let server = |last: u8| (address(last), 0);
        let name = |name: u8| ServiceName(named(name));
        let input = match *step {
            Step::Config(ref listed) => {
                let before = identities(&self.director);
                let gates = self.gates_of();
                self.expected.services = model(listed);
                self.expected.servers.clear();
                for it in self.expected.services.clone() {
                    self.expected.restore(&it.name);
                }
                self.director.handle(self.config(), self.now);
                self.obey();
                self.check_who_stays(&before, &gates);
                return;
            }
            Step::Gates(ref gates) => {
                self.expected.gates = gates.iter().map(|&(a, g)| (address(a), g)).collect();
                Input::Gates(self.expected.gates.clone())
            }
            Step::Route(last, to) => Input::Route {
                address: address(last),
                path: to.map(|(mac, local)| Path { local, ..path(mac) }),
            },
            Step::Pass(ms) => {
                self.now = self.now + Duration::from_millis(ms);
                self.director.handle_timeout(self.now);
                return;
            }
            Step::Drain(service, last) => {
                self.expected.weigh(&named(service), address(last), 0);
                Input::Edit(Edit::Drain {
                    service: name(service),
                    server: server(last),
                })
            }
            Step::Weight(service, last, weight) => {
                self.expected.weigh(&named(service), address(last), weight);
                Input::Edit(Edit::Weight {
                    service: name(service),
                    server: server(last),
                    weight,
                })
            }
            Step::Restore(service) => {
                self.expected.restore(&named(service));
                Input::Edit(Edit::Restore {
                    service: name(service),
                })
            }
            Step::Remove(service, last) => {
                if let Some(servers) = self.expected.servers.get_mut(&named(service)) {
                    servers.retain(|it| it.0 != address(last));
                }
                Input::Edit(Edit::Remove {
                    service: name(service),
                    server: server(last),
                })
            }
            Step::Add(service, last, weight) => {
                self.add(&named(service), address(last), weight);
                Input::Edit(Edit::Add {
                    service: name(service),
                    server: server(last),
                    weight,
                    method: None,
                })
            }
        };
        self.director.handle(input, self.now);
        self.obey();
    }

    /// One that the file has stands where it stood; another stands last.
    fn add(&mut self, name: &str, server: IpAddr, weight: u32) {
        let Some(servers) = self.expected.servers.get_mut(name) else {
            return;
        };
        if servers.iter().any(|it| it.0 == server) {
            return;
        }
        let of = self.expected.services.iter().find(|it| it.name == name);
        let file: Vec<IpAddr> = of
            .into_iter()
            .flat_map(|it| it.servers.iter().map(|s| s.address))
            .collect();
        let at = file.iter().position(|it| *it == server).map(|place| {
            let before = |it: &(IpAddr, Method, u32)| {
                file.iter()
                    .position(|other| *other == it.0)
                    .is_some_and(|other| other < place)
            };
            servers.iter().filter(|it| before(it)).count()
        });
        servers.insert(at.unwrap_or(servers.len()), (server, Method::Dr, weight));
    }

    fn gates_of(&self) -> BTreeMap<String, BTreeSet<u32>> {
        let gate = |ip| self.expected.gates.get(&ip).copied().unwrap_or(NO_GATE);
        self.expected
            .services
            .iter()
            .map(|it| {
                let gates = it.listens.iter().map(|listen| gate(listen.first));
                (it.name.clone(), gates.collect())
            })
            .collect()
    }

    /// Behind the same gates, with the same address and method: the same id and
    /// generation.
    fn check_who_stays(&self, before: &Identities, gates: &BTreeMap<String, BTreeSet<u32>>) {
        let now = self.gates_of();
        for (who, ids) in identities(&self.director) {
            if let Some(was) = before.get(&who)
                && !was.is_empty()
                && gates.get(&who.0) == now.get(&who.0)
            {
                assert_eq!(&ids, was, "{who:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn the_maps_are_whole_at_every_moment(steps in steps()) {
        let mut world = World {
            director: Director::new(1, 1),
            maps: Maps::default(),
            now: T0,
            expected: Expected::default(),
        };
        for step in &steps {
            world.step(step);
            world.maps.check_settled();
            world.expected.check(&world.maps);
            prop_assert_eq!(world.director.poll_timeout(), None, "there is room for so few");
        }
        // The same configuration twice: edits are undone, then nothing is left to do.
        for it in world.expected.services.clone() {
            world.expected.restore(&it.name);
        }
        world.director.handle(world.config(), world.now);
        world.obey();
        world.expected.check(&world.maps);
        world.director.handle(world.config(), world.now);
        prop_assert_eq!(drain(&mut world.director), vec![]);
        // And nothing at all leaves nothing behind.
        world.expected.services.clear();
        world.director.handle(world.config(), world.now);
        world.obey();
        world.maps.check_settled();
        prop_assert!(world.maps.keys.is_empty());
        prop_assert_eq!(world.maps.live_services().count(), 0);
        prop_assert!(world.maps.servers.values().all(|it| it.flags & SERVER_LIVE == 0));
    }
}
