//! The configuration the balancer's cases run in.

use crate::testing::{cases::IFINDEX, frames::OUR_MAC, ip, octets};
use vrrp_common::{
    balance::{
        Connection, FlowKey, Hop, Load, NO_GATE, Rules, SERVER_LIVE, SERVICE_LIVE, STATES, Server,
        Service, ServiceKey, Watched, ring, scheduler, state,
    },
    gate::Gate,
    maps::{FAMILY_V4, FAMILY_V6, Vip, VipKey},
    wire::{IPPROTO_TCP, IPPROTO_UDP},
};

/// IPv4 address of the services.
pub const VIP: &str = "10.9.0.80";
/// IPv6 address of the services.
pub const VIP6: &str = "2001:db8::80";
/// Gate of both.
pub const GATE: u32 = 3;
/// Service `VIP`, TCP 80: servers 1, 2, 3.
pub const WEB: u32 = 1;
/// Service `VIP6`, TCP 80: servers 4, 5.
pub const WEB6: u32 = 2;
/// Service `VIP`, UDP 53: servers 6, 7.
pub const NAMES: u32 = 3;
/// Service `VIP6`, UDP, every port: server 8.
pub const ANY6: u32 = 4;
/// The hop out of another interface.
pub const OTHER_HOP: u32 = 100;
/// The hop into VLAN 5.
pub const VLAN_HOP: u32 = 101;
/// The other interface.
pub const OTHER_IFINDEX: u32 = 7;

/// What is configured, and how things stand.
#[derive(Clone, Debug)]
pub struct Scene {
    /// `XVRRP_KEYS`.
    pub keys: Vec<(ServiceKey, u32)>,
    /// `XVRRP_SERVICES`.
    pub services: Vec<(u32, Service)>,
    /// `XVRRP_SERVERS`.
    pub servers: Vec<(u32, Server)>,
    /// `XVRRP_HOPS`.
    pub hops: Vec<(u32, Hop)>,
    /// `XVRRP_RINGS`.
    pub rings: Vec<(u32, Vec<u16>)>,
    /// `XVRRP_RULES`.
    pub rules: Rules,
    /// `XVRRP_LOAD`.
    pub loads: Vec<(u32, Load)>,
    /// `XVRRP_CONNS`, and how many seconds ago the last packet was.
    pub connections: Vec<(FlowKey, Connection, u64)>,
    /// `XVRRP_GATES`.
    pub gates: Vec<(u32, Gate)>,
    /// `XVRRP_VIPS`.
    pub vips: Vec<(VipKey, Vip)>,
    /// `XVRRP_WATCHED`.
    pub watched: Watched,
}

/// The hardware address of a server's hop.
#[must_use]
pub fn server_mac(server: u32) -> [u8; 6] {
    [2, 0, 0, 0, 1, u8::try_from(server).expect("few")]
}

/// A key.
#[must_use]
pub fn key(address: &str, protocol: u8, port: u16) -> ServiceKey {
    let address = ip(address);
    ServiceKey {
        address: octets(address),
        port,
        protocol,
        family: if address.is_ipv4() {
            FAMILY_V4
        } else {
            FAMILY_V6
        },
    }
}

fn vip(address: &str) -> (VipKey, Vip) {
    let key = key(address, 0, 0);
    (
        VipKey {
            ifindex: IFINDEX,
            family: key.family,
            pad: [0; 3],
            address: key.address,
        },
        Vip {
            gate: GATE,
            mac: OUR_MAC,
            own: OUR_MAC,
            ..Vip::default()
        },
    )
}

/// An open gate.
#[must_use]
pub fn open_gate() -> Gate {
    Gate {
        epoch: 1,
        lease_end_ns: u64::MAX,
        ..Gate::default()
    }
}

impl Default for Scene {
    fn default() -> Self {
        let mut timeout_s = [60; STATES];
        timeout_s[usize::from(state::ESTABLISHED)] = 900;
        timeout_s[usize::from(state::FIN_WAIT)] = 120;
        timeout_s[usize::from(state::CLOSE)] = 10;
        timeout_s[usize::from(state::UDP)] = 300;
        let mut scene = Self {
            keys: vec![
                (key(VIP, IPPROTO_TCP, 80), WEB),
                (key(VIP6, IPPROTO_TCP, 80), WEB6),
                (key(VIP, IPPROTO_UDP, 53), NAMES),
                (key(VIP6, IPPROTO_UDP, 0), ANY6),
            ],
            services: Vec::new(),
            servers: Vec::new(),
            hops: vec![
                (
                    OTHER_HOP,
                    Hop {
                        to: server_mac(OTHER_HOP),
                        from: OUR_MAC,
                        ifindex: OTHER_IFINDEX,
                        ..Hop::default()
                    },
                ),
                (
                    VLAN_HOP,
                    Hop {
                        to: server_mac(VLAN_HOP),
                        from: OUR_MAC,
                        vlan: 5,
                        ifindex: IFINDEX,
                        ..Hop::default()
                    },
                ),
            ],
            rings: Vec::new(),
            rules: Rules {
                timeout_s,
                flags: 0,
                seed: 7,
            },
            loads: Vec::new(),
            connections: Vec::new(),
            gates: vec![(GATE, open_gate())],
            vips: vec![vip(VIP), vip(VIP6)],
            watched: Watched {
                destinations: [u64::MAX; 4],
                ..Watched::default()
            },
        };
        for (id, servers) in [(WEB, 1..=3), (WEB6, 4..=5), (NAMES, 6..=7), (ANY6, 8..=8)] {
            scene.serve(id, scheduler::RR, servers.map(|server| (server, 1)));
        }
        scene
    }
}

impl Scene {
    /// Has a service, of servers with weights, in a ring of one slot each.
    pub fn serve(&mut self, id: u32, scheduler: u8, servers: impl IntoIterator<Item = (u32, u32)>) {
        let servers: Vec<_> = servers.into_iter().collect();
        for (server, weight) in &servers {
            self.servers.retain(|(known, _)| known != server);
            self.servers.push((
                *server,
                Server {
                    weight: *weight,
                    hop: *server,
                    flags: SERVER_LIVE,
                    generation: 1,
                    service: id,
                    family: FAMILY_V4,
                    ..Server::default()
                },
            ));
            self.hops.retain(|(known, _)| known != server);
            self.hops.push((
                *server,
                Hop {
                    to: server_mac(*server),
                    from: OUR_MAC,
                    ifindex: IFINDEX,
                    ..Hop::default()
                },
            ));
        }
        let slots = servers
            .iter()
            .map(|(server, _)| u16::try_from(*server).expect("few"));
        self.ring(id, scheduler, slots);
    }

    /// Gives a service a ring of its own; pages are one a service, and more where needed.
    pub fn ring(&mut self, id: u32, scheduler: u8, slots: impl IntoIterator<Item = u16>) {
        let slots: Vec<_> = slots.into_iter().collect();
        let count = u32::try_from(slots.len()).expect("few");
        let page = id * 16;
        self.rings.retain(|(known, _)| known / 16 != id);
        for (offset, slots) in (0..).zip(slots.chunks(vrrp_common::balance::PAGE_SLOTS)) {
            self.rings.push((page + offset, slots.to_vec()));
        }
        let before = self.services.iter().position(|(known, _)| *known == id);
        let before = before.map(|at| self.services.remove(at).1);
        let service = Service {
            ring: ring(page, count),
            members: ring(page, count),
            scheduler: scheduler.into(),
            ..before.unwrap_or(Service {
                gate: GATE,
                flags: SERVICE_LIVE,
                generation: 1,
                ..Service::default()
            })
        };
        self.services.push((id, service));
    }

    /// A service, to change.
    pub fn service(&mut self, id: u32) -> &mut Service {
        let mut services = self.services.iter_mut();
        &mut services
            .find(|(known, _)| *known == id)
            .expect("such a service")
            .1
    }

    /// A server, to change.
    pub fn server(&mut self, id: u32) -> &mut Server {
        let mut servers = self.servers.iter_mut();
        &mut servers
            .find(|(known, _)| *known == id)
            .expect("such a server")
            .1
    }

    /// A hop, to change.
    pub fn hop(&mut self, id: u32) -> &mut Hop {
        let mut hops = self.hops.iter_mut();
        &mut hops.find(|(known, _)| *known == id).expect("such a hop").1
    }

    /// A server's load, to change.
    pub fn load(&mut self, id: u32) -> &mut Load {
        if !self.loads.iter().any(|(known, _)| *known == id) {
            self.loads.push((id, Load::default()));
        }
        let mut loads = self.loads.iter_mut();
        &mut loads.find(|(known, _)| *known == id).expect("just added").1
    }

    /// Shuts the gate.
    pub fn shut(&mut self) {
        self.gates = vec![(GATE, Gate::default())];
    }

    /// No service is behind a gate, and no address is a virtual one.
    pub fn ungated(&mut self) {
        self.vips.clear();
        self.gates.clear();
        for (_, service) in &mut self.services {
            service.gate = NO_GATE;
        }
    }
}
