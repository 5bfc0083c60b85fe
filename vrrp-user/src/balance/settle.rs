//! From what the maps hold to what they must hold.
//!
//! Each service has a record for each gate its addresses are behind, mostly one. Who
//! stays keeps id and generation; what is the same is not written.
//!
//! The order: servers that are new or changed, with their hops; rings, and the services
//! that name them; keys; then what nobody names any more: services, servers. So no
//! program sees a ring with a server in it whose record is not written, or is gone.

mod inherit;

pub use inherit::Inheritance;

use super::{
    Action, Path,
    hops::Hops,
    ids::{Ids, Pages, pages},
    pool::{Member, Pool},
    record,
    ring::{self, Place},
};
use crate::{
    config::model::balance::{Balance, Method, SchedulerKind},
    time::Instant,
};
use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};
use vrrp_common::balance::{
    MAX_KEYS, MAX_RING_PAGES, MAX_SERVERS, MAX_SERVICES, METHOD_NAT, Rules, Server, Service,
    ServiceKey, Watched, ring as ring_word,
};

mod targets;

use targets::{Target, match_records, targets, tell_changed};

/// What is wanted.
pub(super) struct Settling<'a> {
    pub(super) balance: &'a Balance,
    pub(super) seed: u32,
    pub(super) pools: &'a [Pool],
    pub(super) gates: &'a BTreeMap<IpAddr, u32>,
    pub(super) now: Instant,
}

/// What the maps hold.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) records: Vec<Record>,
    pub(super) servers: BTreeMap<u32, Server>,
    /// When something that had no room is to be tried again.
    pub(super) retry: Option<Instant>,
    keys: BTreeMap<ServiceKey, u32>,
    rules: Option<Rules>,
    watched: Watched,
    resolving: BTreeSet<IpAddr>,
    service_ids: Ids,
    server_ids: Ids,
    pages: Pages,
    hops: Hops,
    /// Services that were complained of.
    short: BTreeSet<String>,
}

/// A service, behind one gate.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: u32,
    pub(super) name: String,
    /// In file order.
    pub(super) servers: Vec<(Identity, u32)>,
    written: Service,
    keys: BTreeSet<ServiceKey>,
    ring: Run,
    members: Run,
    /// What the ring was made from, in IPVS's order.
    made_from: (SchedulerKind, Vec<Place>),
}

/// A server that has the same stays the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) address: IpAddr,
    pub(super) port: u16,
    pub(super) method: Method,
}

impl From<&Member> for Identity {
    fn from(member: &Member) -> Self {
        Self {
            address: member.address,
            port: member.port,
            method: member.method,
        }
    }
}

/// Slots that lie in pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Run {
    page: u32,
    slots: Vec<u16>,
}

impl Run {
    fn word(&self) -> u64 {
        ring_word(
            self.page,
            u32::try_from(self.slots.len()).unwrap_or(u32::MAX),
        )
    }
}

/// Actions, by what has to come before what.
#[derive(Default)]
struct Plan {
    servers_in: Vec<Action>,
    services_in: Vec<Action>,
    services_out: Vec<Action>,
    servers_out: Vec<Action>,
    log: Vec<Action>,
    /// Something had no room.
    short: bool,
}

/// There is no room at the moment, or at all.
struct NoRoom(&'static str);

impl Standing {
    pub(super) fn new(first_generation: u32) -> Self {
        Self {
            records: Vec::new(),
            servers: BTreeMap::new(),
            retry: None,
            keys: BTreeMap::new(),
            rules: None,
            watched: Watched::default(),
            resolving: BTreeSet::new(),
            service_ids: Ids::new(MAX_SERVICES, first_generation),
            server_ids: Ids::new(MAX_SERVERS, first_generation),
            pages: Pages::new(MAX_RING_PAGES),
            hops: Hops::new(),
            short: BTreeSet::new(),
        }
    }

    /// What has to be done, in order. Routes that nobody needs any more are forgotten.
    pub(super) fn settle(
        &mut self,
        wanted: &Settling<'_>,
        routes: &mut BTreeMap<IpAddr, Path>,
    ) -> Vec<Action> {
        let now = wanted.now;
        self.wake(now);
        let mut actions = Vec::new();
        let rules = record::rules(wanted.balance, wanted.seed);
        if self.rules != Some(rules) && !(wanted.pools.is_empty() && self.rules.is_none()) {
            self.rules = Some(rules);
            actions.push(Action::WriteRules(rules));
        }

        let targets = targets(wanted);
        let (matched, gone) = match_records(core::mem::take(&mut self.records), &targets);
        let mut plan = Plan::default();
        for (target, old) in targets.iter().zip(matched) {
            let placed = self.place(target, old, routes, now, &mut plan);
            self.records.extend(placed);
        }
        let kept: BTreeSet<u32> = self
            .records
            .iter()
            .flat_map(|record| record.servers.iter().map(|&(_, id)| id))
            .collect();
        for record in &gone {
            self.remove_service(record, now, &mut plan);
        }
        self.remove_servers(&kept, now, &mut plan);

        actions.append(&mut plan.servers_in);
        actions.append(&mut plan.services_in);
        actions.extend(self.settle_keys());
        actions.append(&mut plan.services_out);
        actions.append(&mut plan.servers_out);
        actions.extend(self.settle_watched());
        actions.extend(self.settle_resolving(wanted.pools, routes));
        actions.append(&mut plan.log);
        self.retry = plan.short.then(|| self.next_wake()).flatten();
        actions
    }

    /// A server's address is reached in another way, or not at all (`None`).
    pub(super) fn reroute(
        &mut self,
        address: IpAddr,
        path: Option<&Path>,
        now: Instant,
    ) -> Vec<Action> {
        self.wake(now);
        let of = record::octets(address);
        let affected: Vec<(u32, Server)> = self
            .servers
            .iter()
            .filter(|(_, server)| server.address == of && record::is_of(server, address))
            .map(|(&id, &server)| (id, server))
            .collect();
        let mut plan = Plan::default();
        for (id, server) in affected {
            self.write_server(id, server, path, now, &mut plan);
        }
        if plan.short {
            self.retry = self.next_wake();
        }
        plan.servers_in
    }

    fn wake(&mut self, now: Instant) {
        self.service_ids.wake(now);
        self.server_ids.wake(now);
        self.pages.wake(now);
        self.hops.wake(now);
    }

    fn next_wake(&self) -> Option<Instant> {
        [
            self.service_ids.next_wake(),
            self.server_ids.next_wake(),
            self.pages.next_wake(),
            self.hops.next_wake(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The record of a service, new or as it was but for what changed. Without room it
    /// stays as it was, behind the gate it must be behind.
    fn place(
        &mut self,
        target: &Target<'_>,
        old: Option<Record>,
        routes: &BTreeMap<IpAddr, Path>,
        now: Instant,
        plan: &mut Plan,
    ) -> Option<Record> {
        let name = &target.pool.service.name;
        match self.make(target, old.as_ref(), now, plan) {
            Ok(record) => {
                self.short.remove(name);
                for (member, &(_, id)) in target.pool.live().zip(&record.servers) {
                    self.settle_server(member, id, &record, target, routes, now, plan);
                }
                if target.first
                    && let Some(old) = &old
                {
                    tell_changed(old, &record, target.pool, plan);
                }
                Some(record)
            }
            Err(NoRoom(of_what)) => {
                plan.short = true;
                if self.short.insert(name.clone()) {
                    plan.log.push(Action::Log(format!(
                        "VS {name}: no room for {of_what}: it stays as it was, and is tried again \
                         as soon as something is given back"
                    )));
                }
                let mut old = old?;
                old.name.clone_from(name);
                old.keys.clone_from(&target.keys);
                if old.written.gate != target.gate {
                    old.written.gate = target.gate;
                    plan.services_in.push(Action::WriteService {
                        id: old.id,
                        service: old.written,
                    });
                }
                Some(old)
            }
        }
    }

    /// Gives ids and pages, or nothing at all.
    fn make(
        &mut self,
        target: &Target<'_>,
        old: Option<&Record>,
        now: Instant,
        plan: &mut Plan,
    ) -> Result<Record, NoRoom> {
        let pool = target.pool;
        let known = |identity: &Identity| {
            let (_, id) = old?.servers.iter().find(|(it, _)| it == identity)?;
            Some(*id)
        };
        let identities: Vec<Identity> = pool.live().map(Identity::from).collect();
        let new = identities.iter().filter(|it| known(it).is_none()).count();
        if new > self.server_ids.available() {
            return Err(NoRoom("so many real servers"));
        }
        if old.is_none() && self.service_ids.available() == 0 {
            return Err(NoRoom("one more virtual server"));
        }
        let mut taken = Vec::new();
        let mut servers = Vec::with_capacity(identities.len());
        for identity in identities {
            let id = known(&identity).or_else(|| {
                let (id, generation) = self.server_ids.take()?;
                taken.push((id, generation));
                Some(id)
            });
            servers.extend(id.map(|id| (identity, id)));
        }
        let kind = pool.service.scheduler.kind;
        let places: Vec<Place> = pool
            .live()
            .rev()
            .zip(servers.iter().rev())
            .map(|(member, &(_, id))| member.place(u16::try_from(id).unwrap_or(0)))
            .collect();
        let Some((ring, members)) = self.runs(kind, &places, old, now, plan) else {
            for (id, _) in taken {
                self.server_ids.untake(id);
            }
            return Err(NoRoom("its ring"));
        };
        for (id, generation) in taken {
            plan.servers_in.push(Action::ClearCounters { server: id });
            let born = Server {
                generation,
                ..Server::default()
            };
            self.servers.insert(id, born);
        }
        let (id, generation) = match old {
            Some(old) => (old.id, old.written.generation),
            None => self
                .service_ids
                .take()
                .ok_or(NoRoom("one more virtual server"))?,
        };
        let written = Service {
            ring: ring.word(),
            members: members.word(),
            ..record::service(pool, target.gate, generation)
        };
        if old.is_none_or(|old| old.written != written) {
            plan.services_in.push(Action::WriteService {
                id,
                service: written,
            });
        }
        Ok(Record {
            id,
            name: pool.service.name.clone(),
            servers,
            written,
            keys: target.keys.clone(),
            ring,
            members,
            made_from: (kind, places),
        })
    }

    /// The ring and the list of a service, written if they are new.
    fn runs(
        &mut self,
        kind: SchedulerKind,
        places: &[Place],
        old: Option<&Record>,
        now: Instant,
        plan: &mut Plan,
    ) -> Option<(Run, Run)> {
        if let Some(old) = old
            && old.made_from.0 == kind
            && old.made_from.1 == places
        {
            return Some((old.ring.clone(), old.members.clone()));
        }
        let mut there: Vec<&Run> = old
            .iter()
            .flat_map(|old| [&old.ring, &old.members])
            .collect();
        let (ring, new_ring) = self.run(ring::build(kind, places), &there)?;
        there.push(&ring);
        let Some((members, new_members)) = self.run(ring::members(places), &there) else {
            if new_ring {
                self.pages.free(ring.page, pages(ring.slots.len()));
            }
            return None;
        };
        for (run, new) in [(&ring, new_ring), (&members, new_members)] {
            if new {
                plan.services_in.push(Action::WriteRing {
                    page: run.page,
                    slots: run.slots.clone(),
                });
            }
        }
        if let Some(old) = old {
            self.give_back_runs(old, &[&ring, &members], now);
        }
        Some((ring, members))
    }

    /// A run that says this: one of those there are, or another (`true`).
    fn run(&mut self, slots: Vec<u16>, there: &[&Run]) -> Option<(Run, bool)> {
        if slots.is_empty() {
            return Some((Run::default(), false));
        }
        if let Some(&same) = there.iter().find(|run| run.slots == slots) {
            return Some((same.clone(), false));
        }
        let page = self.pages.take(pages(slots.len()))?;
        Some((Run { page, slots }, true))
    }

    fn give_back_runs(&mut self, old: &Record, kept: &[&Run], now: Instant) {
        let mut gone: Vec<&Run> = vec![&old.ring];
        if old.members.page != old.ring.page || old.ring.slots.is_empty() {
            gone.push(&old.members);
        }
        for run in gone {
            let still = kept
                .iter()
                .any(|it| it.page == run.page && !it.slots.is_empty());
            if !run.slots.is_empty() && !still {
                self.pages.give_back(run.page, pages(run.slots.len()), now);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all that a server's record says")]
    fn settle_server(
        &mut self,
        member: &Member,
        id: u32,
        record: &Record,
        target: &Target<'_>,
        routes: &BTreeMap<IpAddr, Path>,
        now: Instant,
        plan: &mut Plan,
    ) {
        let Some(&was) = self.servers.get(&id) else {
            return;
        };
        let born = was.flags == 0;
        let mut server = record::server(member, record.id, was.generation);
        server.tunnel_source = was.tunnel_source;
        self.write_server(id, server, routes.get(&member.address), now, plan);
        if target.first && !born && was.weight != member.weight {
            plan.log.push(Action::Log(format!(
                "Changing weight from {} to {} for active service {} of VS {}",
                was.weight,
                member.weight,
                record::spoken(member.address, member.port, target.pool),
                target.pool.service.name,
            )));
        }
    }

    /// Writes a server's record, reached in this way, if it is not written so.
    fn write_server(
        &mut self,
        id: u32,
        mut server: Server,
        path: Option<&Path>,
        now: Instant,
        plan: &mut Plan,
    ) {
        let was = self.servers.get(&id).copied().unwrap_or_default();
        record::reached(&mut server, path);
        server.hop = match path {
            Some(path) if !path.local => self
                .hops
                .take(&path.hop, &mut plan.servers_in)
                .unwrap_or_else(|| {
                    plan.short = true;
                    0
                }),
            _ => 0,
        };
        self.hops.leave(was.hop, now);
        if was == server {
            return;
        }
        // Sixteen octets are not written at once: nobody sends from half of the one
        // address and half of the other.
        if was.tunnel_source != server.tunnel_source && was.hop != 0 && server.hop != 0 {
            plan.servers_in.push(Action::WriteServer {
                id,
                server: Server { hop: 0, ..was },
            });
        }
        plan.servers_in.push(Action::WriteServer { id, server });
        self.servers.insert(id, server);
    }

    fn remove_service(&mut self, record: &Record, now: Instant, plan: &mut Plan) {
        plan.services_out.push(Action::WriteService {
            id: record.id,
            service: Service {
                flags: 0,
                ring: 0,
                members: 0,
                ..record.written
            },
        });
        self.service_ids.give_back(record.id, now);
        self.give_back_runs(record, &[], now);
        self.short.remove(&record.name);
    }

    /// Those whom no record names any more.
    fn remove_servers(&mut self, kept: &BTreeSet<u32>, now: Instant, plan: &mut Plan) {
        let gone: Vec<(u32, Server)> = self
            .servers
            .iter()
            .filter(|(id, _)| !kept.contains(id))
            .map(|(&id, &server)| (id, server))
            .collect();
        for (id, server) in gone {
            plan.servers_out.push(Action::WriteServer {
                id,
                server: Server {
                    flags: 0,
                    weight: 0,
                    hop: 0,
                    ..server
                },
            });
            self.hops.leave(server.hop, now);
            self.server_ids.give_back(id, now);
            self.servers.remove(&id);
        }
    }

    /// Keys that are new or lead elsewhere, then those that are gone; the other way round
    /// where the map has no room for both.
    fn settle_keys(&mut self) -> Vec<Action> {
        let wanted: BTreeMap<ServiceKey, u32> = self
            .records
            .iter()
            .flat_map(|record| record.keys.iter().map(|&key| (key, record.id)))
            .collect();
        let set: Vec<Action> = wanted
            .iter()
            .filter(|&(key, id)| self.keys.get(key) != Some(id))
            .map(|(&key, &id)| Action::SetKey {
                key,
                service: Some(id),
            })
            .collect();
        let removed: Vec<Action> = self
            .keys
            .keys()
            .filter(|key| !wanted.contains_key(key))
            .map(|&key| Action::SetKey { key, service: None })
            .collect();
        let crowded = wanted.len() + removed.len() > MAX_KEYS;
        self.keys = wanted;
        let (mut first, mut then) = if crowded {
            (removed, set)
        } else {
            (set, removed)
        };
        first.append(&mut then);
        first
    }

    fn settle_watched(&mut self) -> Option<Action> {
        let mut watched = Watched::default();
        let watch = |octets: &mut [u64; 4], address: &[u8; 16], family: u8| {
            let octet = record::last_octet(address, family);
            octets[usize::from(octet >> 6)] |= 1 << (octet & 63);
        };
        for key in self.keys.keys() {
            watch(&mut watched.destinations, &key.address, key.family);
        }
        for server in self.servers.values() {
            if server.method == METHOD_NAT {
                watch(&mut watched.sources, &server.address, server.family);
            }
        }
        let changed = watched != self.watched;
        self.watched = watched;
        changed.then_some(Action::WriteWatched(watched))
    }

    fn settle_resolving(
        &mut self,
        pools: &[Pool],
        routes: &mut BTreeMap<IpAddr, Path>,
    ) -> Option<Action> {
        let wanted: BTreeSet<IpAddr> = pools
            .iter()
            .flat_map(|pool| pool.live().map(|member| member.address))
            .collect();
        routes.retain(|address, _| wanted.contains(address));
        if wanted == self.resolving {
            return None;
        }
        self.resolving = wanted;
        Some(Action::Resolve(self.resolving.iter().copied().collect()))
    }
}
