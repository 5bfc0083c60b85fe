//! What a predecessor left in the maps: the first configuration is a change of that, as
//! a reload is. Services are known by their keys, servers by address, port and method,
//! so connections go on.

use super::{Identity, Record, Run, Standing};
use crate::{
    balance::ids::pages,
    config::model::balance::{Method, SchedulerKind, Tunnel},
    packet::octets::address,
};
use std::collections::{BTreeMap, BTreeSet};
use vrrp_common::balance::{
    Hop, METHOD_NAT, METHOD_TUN, SERVER_LIVE, SERVER_TUNNEL_CHECKSUM, SERVICE_LIVE, Server,
    Service, ServiceKey, TUNNEL_GRE, TUNNEL_GUE, ring_page, ring_slots,
};

/// What the maps hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inheritance {
    /// `XVRRP_KEYS`.
    pub keys: BTreeMap<ServiceKey, u32>,
    /// Records of `XVRRP_SERVICES` that were ever written.
    pub services: BTreeMap<u32, Service>,
    /// Records of `XVRRP_SERVERS` that were ever written.
    pub servers: BTreeMap<u32, Server>,
    /// Hops that live servers name.
    pub hops: BTreeMap<u32, Hop>,
    /// Slots of the rings that live services name: `ring`, then `members`.
    pub rings: BTreeMap<u32, [Vec<u16>; 2]>,
}

impl Standing {
    /// To be called before anything else.
    pub(in crate::balance) fn inherit(&mut self, left: &Inheritance) {
        let live: BTreeMap<u32, Service> = left
            .services
            .iter()
            .filter(|(id, it)| it.flags & SERVICE_LIVE != 0 && left.rings.contains_key(id))
            .map(|(&id, &it)| (id, it))
            .collect();
        let of_live = |it: &Server| it.flags & SERVER_LIVE != 0 && live.contains_key(&it.service);
        let servers = left.servers.iter().filter(|(_, it)| of_live(it));
        self.servers = servers.map(|(&id, &it)| (id, it)).collect();
        let keys = left.keys.iter().filter(|(_, id)| live.contains_key(id));
        self.keys = keys.map(|(&key, &id)| (key, id)).collect();
        for server in self.servers.values_mut() {
            match left.hops.get(&server.hop) {
                Some(hop) if server.hop != 0 => self.hops.inherit(server.hop, hop),
                _ => server.hop = 0,
            }
        }
        for (&id, &service) in &live {
            let [ring, members] = left.rings[&id].clone();
            let [ring, members] = [(service.ring, ring), (service.members, members)]
                .map(|(word, slots)| self.run_left(word, slots));
            let (of, servers) = (id, members.slots.iter().map(|&id| u32::from(id)));
            let servers = servers.filter_map(|id| {
                let server = self.servers.get(&id).filter(|it| it.service == of)?;
                Some((identity(server), id))
            });
            self.records.push(Record {
                id,
                name: String::new(),
                servers: servers.collect(),
                written: service,
                keys: self
                    .keys
                    .iter()
                    .filter(|&(_, it)| *it == id)
                    .map(|(&key, _)| key)
                    .collect(),
                ring,
                members,
                // What it was made from nobody knows: it is made again, and compared.
                made_from: (SchedulerKind::Rr, Vec::new()),
            });
        }
        let used: BTreeSet<u32> = self.servers.keys().copied().collect();
        let generations = left.servers.iter().map(|(&id, it)| (id, it.generation));
        self.server_ids.inherit(generations, &used);
        let used: BTreeSet<u32> = live.keys().copied().collect();
        let generations = left.services.iter().map(|(&id, it)| (id, it.generation));
        self.service_ids.inherit(generations, &used);
    }

    fn run_left(&mut self, word: u64, slots: Vec<u16>) -> Run {
        if slots.is_empty() || ring_slots(word) as usize != slots.len() {
            return Run::default();
        }
        let page = ring_page(word);
        self.pages.occupy(page, pages(slots.len()));
        Run { page, slots }
    }
}

fn identity(server: &Server) -> Identity {
    let checksum = server.flags & SERVER_TUNNEL_CHECKSUM != 0;
    let method = match (server.method, server.tunnel) {
        (METHOD_NAT, _) => Method::Nat,
        (METHOD_TUN, TUNNEL_GUE) => Method::Tun(Tunnel::Gue {
            port: server.tunnel_port,
            checksum,
        }),
        (METHOD_TUN, TUNNEL_GRE) => Method::Tun(Tunnel::Gre { checksum }),
        (METHOD_TUN, _) => Method::Tun(Tunnel::Ipip),
        _ => Method::Dr,
    };
    Identity {
        address: address(server.family, server.address),
        port: server.port,
        method,
    }
}
