//! What `xvrrpd lvs` shows: from the maps, and with what only the daemon knows. It goes
//! over the control socket as JSON.

use super::{rates::Amounts, sweep};
use crate::{
    balance::{Director, status::Reach},
    packet::octets::address,
    shell::bpf::balance::{Cursor, Records},
};
use anyhow::Result;
use core::net::{IpAddr, SocketAddr};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use vrrp_common::balance::{
    Cause, MAX_CONNECTIONS, METHOD_NAT, METHOD_TUN, NO_GATE, SERVER_LIVE, SERVER_LOCAL,
    SERVICE_FALLBACK, SERVICE_HASH_PORT, SERVICE_LIVE, SERVICE_ONE_PACKET, SERVICE_STICKY, Server,
    Service, ServiceKey, state,
};

/// Names of `scheduler::*`, by number.
const SCHEDULERS: [&str; 15] = [
    "rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "dh", "mh", "fo", "ovf", "lblc", "lblcr", "twos",
    "maglev",
];
/// Connections read in one system call.
const AT_ONCE: usize = 4096;

/// Everything that is balanced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// Connections there is room for.
    pub size: usize,
    /// Services, by address.
    pub services: Vec<ServicePicture>,
    /// What the programs counted, by name.
    pub counters: BTreeMap<String, u64>,
    /// What is wrong.
    pub trouble: Vec<String>,
}

/// A service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServicePicture {
    /// As it is named in edits; only the daemon knows.
    pub name: Option<String>,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// Addresses and ports.
    pub listens: Vec<SocketAddr>,
    /// `lb_algo`.
    pub scheduler: String,
    /// Its flags, as `ipvsadm -b` has them.
    pub scheduler_flags: Vec<String>,
    /// `persistence_timeout`, seconds.
    pub persistent_s: Option<u32>,
    /// `persistence_granularity`, as a prefix length.
    pub prefix: u32,
    /// `ops`.
    pub one_packet: bool,
    /// The gate that has to be open.
    pub gate: Option<u32>,
    /// Since it is there, with servers that are gone.
    pub total: Amounts,
    /// A second; only the daemon knows.
    pub rate: Amounts,
    /// Its servers, by address.
    pub servers: Vec<ServerPicture>,
}

/// A server of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerPicture {
    /// Where it is.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// As ipvsadm names it: `Route`, `Masq`, `Tunnel`, `Local`.
    pub forward: String,
    /// Its weight.
    pub weight: u32,
    /// `ActiveConn`.
    pub active: u64,
    /// `InActConn`.
    pub inactive: u64,
    /// Clients that stay with it.
    pub persistent: u64,
    /// It has more connections than it may.
    pub overloaded: bool,
    /// How it is not as the file has it.
    pub edited: Option<String>,
    /// Nothing can be sent to it.
    pub unresolved: bool,
    /// Since it is there.
    pub total: Amounts,
    /// A second; only the daemon knows.
    pub rate: Amounts,
    /// Its id in the maps; none if it is out.
    #[serde(skip)]
    pub(crate) id: u32,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConnectionPicture {
    /// `TCP`, `UDP` or `SCTP`; of a client that stays with a server `IP`.
    pub protocol: String,
    /// How long it lives without a packet, seconds.
    pub expires_s: u64,
    /// As ipvsadm names it.
    pub state: String,
    /// The client.
    pub source: SocketAddr,
    /// The service.
    pub destination: SocketAddr,
    /// The server.
    pub server: SocketAddr,
}

impl ServerPicture {
    /// What there is to show of a server that is out.
    #[must_use]
    pub fn out(address: IpAddr, port: u16) -> Self {
        Self {
            address,
            port,
            forward: String::new(),
            weight: 0,
            active: 0,
            inactive: 0,
            persistent: 0,
            overloaded: false,
            edited: None,
            unresolved: false,
            total: Amounts::default(),
            rate: Amounts::default(),
            id: 0,
        }
    }

    /// It is in the maps.
    #[must_use]
    pub fn is_in(&self) -> bool {
        self.edited.as_deref() != Some("removed")
    }
}

impl Picture {
    /// What the maps say; names, rates and edits are not in them. The ids of services
    /// are beside it, in the same order.
    pub(crate) fn from_maps(records: &Records) -> Result<(Self, Vec<u32>)> {
        let mut listens: BTreeMap<u32, BTreeSet<ServiceKey>> = BTreeMap::new();
        for (key, id) in records.keys()? {
            listens.entry(id).or_default().insert(key);
        }
        let mut found = Vec::new();
        for (id, keys) in listens {
            let service = records.service(id);
            if service.flags & SERVICE_LIVE != 0 {
                found.push((id, service_picture(records, &service, &keys)?));
            }
        }
        // As ipvsadm sorts them.
        found.sort_by_key(|(_, it): &(u32, ServicePicture)| {
            let is_v6 = it.listens.first().is_some_and(SocketAddr::is_ipv6);
            let rank = ["TCP", "UDP", "SCTP"]
                .iter()
                .position(|name| *name == it.protocol);
            (is_v6, rank, it.listens.clone())
        });
        let counters = records.counters()?;
        let (ids, services) = found.into_iter().unzip();
        let picture = Self {
            size: MAX_CONNECTIONS,
            services,
            counters: Cause::ALL
                .iter()
                .map(|&cause| (cause.name().to_owned(), counters.get(cause)))
                .collect(),
            trouble: Vec::new(),
        };
        Ok((picture, ids))
    }

    /// What the director knows besides.
    pub(super) fn annotate(&mut self, ids: &[u32], director: &Director) {
        for status in director.services() {
            for (picture, id) in self.services.iter_mut().zip(ids) {
                if status.ids.contains(id) {
                    annotate(picture, &status.service.name, &status.servers);
                }
            }
        }
    }
}

fn annotate(
    picture: &mut ServicePicture,
    name: &str,
    servers: &[crate::balance::status::ServerStatus],
) {
    picture.name = Some(name.to_owned());
    for status in servers {
        let word = status.mark.map(|mark| mark.word().to_owned());
        let there = picture
            .servers
            .iter_mut()
            .find(|it| status.ids.contains(&it.id));
        if let Some(server) = there {
            server.edited = word;
            server.unresolved = status.reach == Reach::Unresolved;
        } else if status.ids.is_empty() && word.is_some() {
            picture.servers.push(ServerPicture {
                edited: word,
                ..ServerPicture::out(status.address, status.port)
            });
        }
    }
}

fn service_picture(
    records: &Records,
    service: &Service,
    keys: &BTreeSet<ServiceKey>,
) -> Result<ServicePicture> {
    let flag = |bit| service.flags & bit != 0;
    let scheduler = SCHEDULERS.get(service.scheduler as usize).copied();
    let scheduler = scheduler.unwrap_or("?").to_owned();
    let scheduler_flags = [(SERVICE_FALLBACK, "fallback"), (SERVICE_HASH_PORT, "port")]
        .into_iter()
        .filter(|(bit, _)| flag(*bit))
        .map(|(_, what)| format!("{scheduler}-{what}"))
        .collect();
    let key = keys.first().copied().unwrap_or_default();
    let mut servers = Vec::new();
    for id in records.ring(service.members) {
        let server = records.server(id.into());
        if server.flags & SERVER_LIVE != 0 {
            servers.push(server_picture(records, id.into(), &server, key.port)?);
        }
    }
    servers.sort_by_key(|it: &ServerPicture| (it.address, it.port));
    let total = servers
        .iter()
        .fold(Amounts::default(), |sum, it| sum.plus(it.total));
    Ok(ServicePicture {
        name: None,
        protocol: protocol(key.protocol).to_owned(),
        listens: keys
            .iter()
            .map(|it| SocketAddr::new(address(it.family, it.address), it.port))
            .collect(),
        scheduler,
        scheduler_flags,
        persistent_s: flag(SERVICE_STICKY).then_some(service.sticky_s),
        prefix: service.sticky_bits,
        one_packet: flag(SERVICE_ONE_PACKET),
        gate: (service.gate != NO_GATE).then_some(service.gate),
        total,
        rate: Amounts::default(),
        servers,
    })
}

fn server_picture(
    records: &Records,
    id: u32,
    server: &Server,
    service_port: u16,
) -> Result<ServerPicture> {
    let load = records.load(id);
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    let forward = match server.method {
        _ if server.flags & SERVER_LOCAL != 0 => "Local",
        METHOD_NAT => "Masq",
        METHOD_TUN => "Tunnel",
        _ => "Route",
    };
    Ok(ServerPicture {
        address: address(server.family, server.address),
        port: if server.port == 0 {
            service_port
        } else {
            server.port
        },
        forward: forward.to_owned(),
        weight: server.weight,
        active: count(load.active),
        inactive: count(load.inactive),
        persistent: count(load.sticky),
        overloaded: load.overloaded != 0,
        edited: None,
        unresolved: server.hop == 0 && server.flags & SERVER_LOCAL == 0,
        total: records.traffic(id)?.into(),
        rate: Amounts::default(),
        id,
    })
}

/// Every connection, and every client that stays with a server.
pub(crate) fn connections(records: &Records, now_ns: u64) -> Result<Vec<ConnectionPicture>> {
    let rules = records.rules();
    let mut all = Vec::new();
    let mut cursor = Cursor::new(AT_ONCE);
    while !cursor.is_at_end() {
        for (key, connection) in records.connections(&mut cursor)? {
            let expires_s = sweep::left_s(&connection, &rules.timeout_s, now_ns);
            let server = records.server(connection.server.into());
            let port = if server.method == METHOD_NAT {
                server.port
            } else {
                key.destination_port
            };
            // Over, and not swept yet.
            if expires_s > 0 {
                all.push(ConnectionPicture {
                    protocol: protocol(key.protocol).to_owned(),
                    expires_s,
                    state: state_name(connection.state).to_owned(),
                    source: SocketAddr::new(address(key.family, key.source), key.source_port),
                    destination: SocketAddr::new(
                        address(key.family, key.destination),
                        key.destination_port,
                    ),
                    server: SocketAddr::new(address(server.family, server.address), port),
                });
            }
        }
    }
    let listens: BTreeMap<u32, ServiceKey> = records
        .keys()?
        .into_iter()
        .map(|(key, id)| (id, key))
        .collect();
    let mut cursor = Cursor::new(AT_ONCE);
    while !cursor.is_at_end() {
        for (key, sticky) in records.sticky(&mut cursor)? {
            let Some(listen) = listens.get(&key.service) else {
                continue;
            };
            let service = records.service(key.service);
            let idle_s = now_ns.saturating_sub(sticky.last_ns) / 1_000_000_000;
            let expires_s = u64::from(service.sticky_s).saturating_sub(idle_s);
            if expires_s == 0 || service.generation != key.generation {
                continue;
            }
            let server = records.server(sticky.server);
            let port = if server.method == METHOD_NAT {
                server.port
            } else {
                listen.port
            };
            all.push(ConnectionPicture {
                protocol: protocol(listen.protocol).to_owned(),
                expires_s,
                state: "NONE".to_owned(),
                // As IPVS shows a template.
                source: SocketAddr::new(address(listen.family, key.client), 0),
                destination: SocketAddr::new(address(listen.family, listen.address), listen.port),
                server: SocketAddr::new(address(server.family, server.address), port),
            });
        }
    }
    all.sort();
    Ok(all)
}

const fn protocol(number: u8) -> &'static str {
    match number {
        6 => "TCP",
        17 => "UDP",
        132 => "SCTP",
        _ => "IP",
    }
}

const fn state_name(number: u8) -> &'static str {
    match number {
        state::ESTABLISHED => "ESTABLISHED",
        state::SYN_SENT => "SYN_SENT",
        state::SYN_RECV => "SYN_RECV",
        state::FIN_WAIT => "FIN_WAIT",
        state::TIME_WAIT => "TIME_WAIT",
        state::CLOSE => "CLOSE",
        state::CLOSE_WAIT => "CLOSE_WAIT",
        state::LAST_ACK => "LAST_ACK",
        state::LISTEN => "LISTEN",
        state::SYNACK => "SYNACK",
        state::UDP => "UDP",
        state::SCTP => "SCTP",
        _ => "NONE",
    }
}
