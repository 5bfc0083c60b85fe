//! The maps as a program sees them, and what must hold of them after every action.

use super::Action;
use crate::time::Instant;
use std::collections::{BTreeMap, BTreeSet};
use vrrp_common::balance::{
    GRACE_NS, Hop, METHOD_NAT, PAGE_SLOTS, RingPage, SERVER_LIVE, SERVER_LOCAL, SERVICE_LIVE,
    Server, Service, ServiceKey, Watched, has_octet, ring_page, ring_slots, scheduler,
};
use vrrp_common::maps::FAMILY_V4;

#[derive(Default)]
pub(super) struct Maps {
    pub(super) keys: BTreeMap<ServiceKey, u32>,
    pub(super) services: BTreeMap<u32, Service>,
    pub(super) servers: BTreeMap<u32, Server>,
    pub(super) hops: BTreeMap<u32, Hop>,
    pages: BTreeMap<u32, Vec<u16>>,
    pub(super) watched: Watched,
    pub(super) resolving: Vec<core::net::IpAddr>,
    /// When each was last named by something a program follows.
    last_named: BTreeMap<Named, Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Named {
    Service(u32),
    Server(u32),
    Hop(u32),
    Page(u32),
}

impl Maps {
    /// Carries one action out; a program may run right after it.
    pub(super) fn apply(&mut self, action: &Action, now: Instant) {
        let named = self.named();
        for &it in &named {
            self.last_named.insert(it, now);
        }
        match action {
            Action::WriteRing { page, slots } => {
                for (number, piece) in (*page..).zip(slots.chunks(PAGE_SLOTS)) {
                    self.unused(Named::Page(number), &named, now);
                    self.pages.insert(number, piece.to_vec());
                }
                for &slot in slots {
                    assert!(self.servers[&u32::from(slot)].flags & SERVER_LIVE != 0);
                }
            }
            Action::WriteHop { id, hop } => {
                assert_ne!(*id, 0);
                self.unused(Named::Hop(*id), &named, now);
                self.hops.insert(*id, *hop);
            }
            Action::WriteServer { id, server } => self.write_server(*id, *server, &named, now),
            Action::WriteService { id, service } => {
                assert_ne!(*id, 0);
                match self.services.get(id) {
                    Some(was) if was.generation == service.generation => {
                        assert_ne!(was, service, "written again for nothing");
                    }
                    _ => self.unused(Named::Service(*id), &named, now),
                }
                self.services.insert(*id, *service);
            }
            Action::SetKey {
                key,
                service: Some(id),
            } => assert_ne!(self.keys.insert(*key, *id), Some(*id), "set for nothing"),
            Action::SetKey { key, service: None } => {
                assert!(self.keys.remove(key).is_some(), "removed for nothing");
            }
            Action::WriteWatched(watched) => self.watched = *watched,
            Action::Resolve(addresses) => self.resolving.clone_from(addresses),
            Action::ClearCounters { server } => {
                self.unused(Named::Server(*server), &named, now);
            }
            Action::WriteRules(_) | Action::Log(_) => {}
        }
        self.check_sight();
    }

    fn write_server(&mut self, id: u32, server: Server, named: &BTreeSet<Named>, now: Instant) {
        assert_ne!(id, 0);
        match self.servers.get(&id) {
            Some(was) if was.generation == server.generation => {
                assert_ne!(*was, server, "written again for nothing");
                let constant = |it: &Server| {
                    (
                        it.address,
                        it.family,
                        it.port,
                        it.method,
                        it.tunnel,
                        it.tunnel_port,
                        it.service,
                    )
                };
                assert_eq!(constant(was), constant(&server));
                assert!(
                    was.tunnel_source == server.tunnel_source || was.hop == 0 || server.hop == 0
                );
            }
            _ => self.unused(Named::Server(id), named, now),
        }
        self.servers.insert(id, server);
    }

    /// Nobody can be looking at it.
    fn unused(&self, it: Named, named: &BTreeSet<Named>, now: Instant) {
        assert!(!named.contains(&it), "{it:?} is in use");
        if let Some(&last) = self.last_named.get(&it) {
            assert!(
                u64::try_from(now.since(last).as_nanos()).unwrap() >= GRACE_NS,
                "{it:?} was in use {:?} ago",
                now.since(last)
            );
        }
    }

    /// Everything a program may reach now. A server that is live may be reached through a
    /// connection.
    fn named(&self) -> BTreeSet<Named> {
        let mut named = BTreeSet::new();
        for (&id, service) in &self.services {
            if service.flags & SERVICE_LIVE != 0 {
                named.insert(Named::Service(id));
                for ring in [service.ring, service.members] {
                    let count = ring_slots(ring).div_ceil(u32::try_from(PAGE_SLOTS).unwrap());
                    named.extend((0..count).map(|at| Named::Page(ring_page(ring) + at)));
                }
            }
        }
        for (&id, server) in &self.servers {
            if server.flags & SERVER_LIVE != 0 {
                named.insert(Named::Server(id));
                named.insert(Named::Hop(server.hop));
            }
        }
        named
    }

    pub(super) fn slots(&self, ring: u64) -> Vec<u16> {
        (0..ring_slots(ring) as usize)
            .map(|slot| {
                let page = ring_page(ring) + u32::try_from(slot / PAGE_SLOTS).unwrap();
                self.pages[&page][slot % PAGE_SLOTS]
            })
            .collect()
    }

    /// What must hold between any two actions.
    fn check_sight(&self) {
        for id in self.keys.values() {
            assert!(
                self.services[id].flags & SERVICE_LIVE != 0,
                "a key names a service that is none"
            );
        }
        for (&id, service) in &self.services {
            if service.flags & SERVICE_LIVE == 0 {
                continue;
            }
            for ring in [service.ring, service.members] {
                for slot in self.slots(ring) {
                    let server = &self.servers[&u32::from(slot)];
                    assert!(server.flags & SERVER_LIVE != 0, "a ring names nobody");
                    assert_eq!(server.service, id, "a ring names another's server");
                }
            }
        }
        for server in self.servers.values() {
            if server.flags & SERVER_LIVE != 0 && server.hop != 0 {
                assert!(self.hops.contains_key(&server.hop), "a hop that is none");
            }
        }
    }

    /// What must hold once all actions are carried out.
    pub(super) fn check_settled(&self) {
        for service in self.live_services().map(|(_, service)| service) {
            let kind = u8::try_from(service.scheduler).unwrap();
            let keeps_drained = !matches!(kind, scheduler::RR | scheduler::WRR | scheduler::MAGLEV);
            for slot in self.slots(service.ring) {
                let weight = self.servers[&u32::from(slot)].weight;
                assert!(weight > 0 || keeps_drained, "a ring names who is drained");
            }
        }
        for (key, id) in &self.keys {
            assert!(has_octet(
                &self.watched.destinations,
                last_octet(&key.address, key.family)
            ));
            assert!(self.services.contains_key(id));
        }
        for server in self.servers.values() {
            if server.flags & SERVER_LIVE == 0 {
                continue;
            }
            assert!(self.services[&server.service].flags & SERVICE_LIVE != 0);
            assert!(server.flags & SERVER_LOCAL == 0 || server.hop == 0);
            if server.method == METHOD_NAT {
                assert!(has_octet(
                    &self.watched.sources,
                    last_octet(&server.address, server.family)
                ));
            }
        }
    }

    pub(super) fn live_services(&self) -> impl Iterator<Item = (u32, &Service)> {
        self.services
            .iter()
            .filter(|(_, service)| service.flags & SERVICE_LIVE != 0)
            .map(|(&id, service)| (id, service))
    }
}

fn last_octet(address: &[u8; 16], family: u8) -> u8 {
    address[if family == FAMILY_V4 { 3 } else { 15 }]
}

/// So that a page of slots in the model is one of the map's.
const _: () = assert!(size_of::<RingPage>() == PAGE_SLOTS * 2);
