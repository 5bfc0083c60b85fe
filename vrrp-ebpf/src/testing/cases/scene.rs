//! The configuration the cases run in.

use crate::testing::{
    World,
    frames::{OUR_MAC, VIRTUAL_MAC, VIRTUAL_MAC6},
    ip, octets,
};
use core::net::IpAddr;
use vrrp_common::{
    gate::Gate,
    maps::{
        CAST_MULTICAST, CAST_UNICAST, FAMILY_V4, FAMILY_V6, Peer, PeerKey, Source, Station,
        StationKey, VIP_IN_STACK, VIP_NO_ACCEPT, VIP_VIRTUAL_MAC, VR_LISTED_SOURCES, Vip, VipKey,
        VirtualRouter, VrKey,
    },
    wire::AUTH_SIMPLE,
};

/// The interface: the loopback of any network namespace, so that the kernel has it too.
pub const IFINDEX: u32 = 1;
/// Gate of VRID 52: version 3, IPv4, `10.9.0.52`, not in the stack.
pub const GATE_V3: u32 = 0;
/// Gate of VRID 51: version 2 with a password, `10.9.0.51`, in the stack.
pub const GATE_V2: u32 = 1;
/// Gate of VRID 55: IPv6, `fe80::55` in the stack, `2001:db8::55` not.
pub const GATE_V6: u32 = 2;
/// Gate of VRID 54: version 2, unicast, `10.9.0.54`.
pub(crate) const GATE_UNICAST: u32 = 3;
/// Gate of VRID 52 in VLAN 5: `10.5.0.52`.
pub const GATE_VLAN: u32 = 4;
/// Gate of VRID 57 with its virtual MAC: `10.9.0.57` in the stack, `10.9.0.157` not.
pub const GATE_VMAC: u32 = 5;
/// Gate of VRID 57 over IPv6 with its virtual MAC: `fe80::57` in the stack,
/// `2001:db8::57` not.
pub const GATE_VMAC6: u32 = 6;
/// Gate of VRID 57 in VLAN 5 with its virtual MAC: `10.5.0.57` in the stack,
/// `10.5.0.157` not.
pub const GATE_VMAC_VLAN: u32 = 7;
/// An end that no test lives to see.
const NEVER: u64 = u64::MAX;

/// What is configured, and how the gates stand.
#[derive(Clone, Debug)]
pub struct Scene {
    /// `XVRRP_ROUTERS`.
    pub routers: Vec<(VrKey, VirtualRouter)>,
    /// `XVRRP_SOURCES`.
    pub sources: Vec<(PeerKey, Source)>,
    /// `XVRRP_VIPS`.
    pub vips: Vec<(VipKey, Vip)>,
    /// `XVRRP_STATIONS`; `XVRRP_HINTS` follows from it.
    pub stations: Vec<(StationKey, Station)>,
    /// `XVRRP_GATES`, from index 0.
    pub gates: [Gate; 8],
    /// `XVRRP_PEERS`.
    pub peers: Vec<(PeerKey, Peer)>,
}

/// As [`VirtualRouter::address_sum`].
#[must_use]
pub fn address_sum(addresses: &[&str]) -> u32 {
    let words = addresses.iter().flat_map(|text| match ip(text) {
        IpAddr::V4(ip) => vec![ip.to_bits()],
        IpAddr::V6(ip) => {
            let halves: Vec<u32> = ip.segments().map(u32::from).to_vec();
            halves
                .chunks(2)
                .map(|pair| pair[0] << 16 | pair[1])
                .collect()
        }
    });
    words.fold(0, u32::wrapping_add)
}

/// Key of a multicast virtual router of a scene.
pub(super) fn vr_key(vrid: u8, family: u8, vlan: u16) -> VrKey {
    VrKey {
        ifindex: IFINDEX,
        vlan,
        vrid,
        family,
        cast: CAST_MULTICAST,
        pad: [0; 3],
    }
}

fn router(own: &str, gate: u32, version: u8, addresses: &[&str]) -> VirtualRouter {
    VirtualRouter {
        own_address: octets(ip(own)),
        group: octets(ip(if ip(own).is_ipv4() {
            "224.0.0.18"
        } else {
            "ff02::12"
        })),
        gate,
        interval_cs: if version == 2 { 100 } else { 10 },
        address_sum: address_sum(addresses),
        address_count: u8::try_from(addresses.len()).expect("few addresses"),
        priority: 100,
        version,
        min_ttl: 255,
        max_ttl: 255,
        mac: OUR_MAC,
        ..VirtualRouter::default()
    }
}

fn vip(address: &str, gate: u32, flags: u32, vlan: u16) -> (VipKey, Vip) {
    let address = ip(address);
    let family = if address.is_ipv4() {
        FAMILY_V4
    } else {
        FAMILY_V6
    };
    let key = VipKey {
        ifindex: IFINDEX,
        family,
        pad: [0; 3],
        address: octets(address),
    };
    (
        key,
        Vip {
            gate,
            flags,
            mac: OUR_MAC,
            vlan,
            own: OUR_MAC,
            pad: [0; 2],
        },
    )
}

/// The same with its virtual MAC.
fn with_mac(mac: [u8; 6], (key, vip): (VipKey, Vip)) -> (VipKey, Vip) {
    let flags = vip.flags | VIP_VIRTUAL_MAC;
    (key, Vip { mac, flags, ..vip })
}

fn station(mac: [u8; 6], vlan: u16, gate: u32) -> (StationKey, Station) {
    let key = StationKey {
        ifindex: IFINDEX,
        vlan,
        mac,
    };
    let station = Station {
        gate,
        own: OUR_MAC,
        pad: [0; 2],
    };
    (key, station)
}

impl Default for Scene {
    /// A backup: every gate shut, nobody heard yet.
    fn default() -> Self {
        let with_password = VirtualRouter {
            auth_type: AUTH_SIMPLE,
            auth_data: *b"s3cret\0\0",
            ..router("10.9.0.1", GATE_V2, 2, &["10.9.0.51"])
        };
        let unicast_key = VrKey {
            cast: CAST_UNICAST,
            ..vr_key(54, FAMILY_V4, 0)
        };
        let v6 = router("fe80::1", GATE_V6, 3, &["fe80::55", "2001:db8::55"]);
        Self {
            routers: vec![
                (
                    vr_key(52, FAMILY_V4, 0),
                    router("10.9.0.1", GATE_V3, 3, &["10.9.0.52"]),
                ),
                (vr_key(51, FAMILY_V4, 0), with_password),
                (vr_key(55, FAMILY_V6, 0), v6),
                (
                    unicast_key,
                    router("10.9.0.1", GATE_UNICAST, 2, &["10.9.0.54"]),
                ),
                (
                    vr_key(52, FAMILY_V4, 5),
                    router("10.5.0.1", GATE_VLAN, 3, &["10.5.0.52"]),
                ),
                (
                    vr_key(57, FAMILY_V4, 0),
                    router("10.9.0.1", GATE_VMAC, 3, &["10.9.0.57", "10.9.0.157"]),
                ),
                (
                    vr_key(57, FAMILY_V6, 0),
                    router("fe80::1", GATE_VMAC6, 3, &["fe80::57", "2001:db8::57"]),
                ),
                (
                    vr_key(57, FAMILY_V4, 5),
                    router("10.5.0.1", GATE_VMAC_VLAN, 3, &["10.5.0.57", "10.5.0.157"]),
                ),
            ],
            sources: Vec::new(),
            vips: vec![
                vip("10.9.0.52", GATE_V3, 0, 0),
                vip("10.9.0.51", GATE_V2, VIP_IN_STACK, 0),
                vip("fe80::55", GATE_V6, VIP_IN_STACK, 0),
                vip("2001:db8::55", GATE_V6, 0, 0),
                vip("10.9.0.54", GATE_UNICAST, VIP_IN_STACK, 0),
                vip("10.5.0.52", GATE_VLAN, 0, 5),
                with_mac(VIRTUAL_MAC, vip("10.9.0.57", GATE_VMAC, VIP_IN_STACK, 0)),
                with_mac(VIRTUAL_MAC, vip("10.9.0.157", GATE_VMAC, 0, 0)),
                with_mac(VIRTUAL_MAC6, vip("fe80::57", GATE_VMAC6, VIP_IN_STACK, 0)),
                with_mac(VIRTUAL_MAC6, vip("2001:db8::57", GATE_VMAC6, 0, 0)),
                with_mac(
                    VIRTUAL_MAC,
                    vip("10.5.0.57", GATE_VMAC_VLAN, VIP_IN_STACK, 5),
                ),
                with_mac(VIRTUAL_MAC, vip("10.5.0.157", GATE_VMAC_VLAN, 0, 5)),
            ],
            stations: vec![
                station(VIRTUAL_MAC, 0, GATE_VMAC),
                station(VIRTUAL_MAC6, 0, GATE_VMAC6),
                station(VIRTUAL_MAC, 5, GATE_VMAC_VLAN),
            ],
            gates: [Gate::default(); 8],
            peers: Vec::new(),
        }
    }
}

impl Scene {
    /// The virtual router behind a gate.
    pub fn router(&mut self, gate: u32) -> &mut VirtualRouter {
        let found = self
            .routers
            .iter_mut()
            .find(|(_, router)| router.gate == gate);
        &mut found.expect("a virtual router of the scene").1
    }

    /// The virtual router behind a gate listens to another group.
    pub(super) fn hears(&mut self, gate: u32, group: &str) {
        self.router(gate).group = octets(ip(group));
    }

    /// The virtual addresses behind a gate accept nothing but ARP and ND.
    pub(super) fn no_accept(&mut self, gate: u32) {
        let of_gate = self.vips.iter_mut().filter(|(_, vip)| vip.gate == gate);
        of_gate.for_each(|(_, vip)| vip.flags |= VIP_NO_ACCEPT);
    }

    /// The record of a gate.
    pub fn gate(&mut self, gate: u32) -> &mut Gate {
        &mut self.gates[gate as usize]
    }

    /// We own: epoch 7, lease and permission without end.
    pub fn open(&mut self, gate: u32) {
        *self.gate(gate) = Gate {
            epoch: 7,
            lease_end_ns: NEVER,
            permit_end_ns: NEVER,
            ..Gate::default()
        };
    }

    /// We claim: epoch 7, permission, no lease yet.
    pub fn claim(&mut self, gate: u32) {
        *self.gate(gate) = Gate {
            epoch: 7,
            permit_end_ns: NEVER,
            ..Gate::default()
        };
    }

    /// Configures a unicast peer of the unicast virtual router.
    pub(super) fn unicast_peer(&mut self, source: &str, min_ttl: u8, max_ttl: u8) {
        let vr = self.routers[3].0;
        self.list(vr, source, (min_ttl, max_ttl));
    }

    /// Lists a source for a multicast virtual router, which then heeds no others.
    pub(crate) fn only_from(&mut self, gate: u32, source: &str) {
        let found = self
            .routers
            .iter_mut()
            .find(|(_, router)| router.gate == gate);
        let (key, router) = found.expect("a virtual router of the scene");
        router.flags |= VR_LISTED_SOURCES;
        let key = *key;
        self.list(key, source, (255, 255));
    }

    fn list(&mut self, vr: VrKey, source: &str, (min_ttl, max_ttl): (u8, u8)) {
        let source = octets(ip(source));
        let listed = Source {
            min_ttl,
            max_ttl,
            ..Source::default()
        };
        self.sources.push((PeerKey { vr, source }, listed));
    }

    /// The scene on the host.
    #[must_use]
    pub fn world(&self) -> World {
        let world = World::new();
        for (key, router) in &self.routers {
            world.set_router(*key, *router);
        }
        for (key, source) in &self.sources {
            world.set_source(*key, *source);
        }
        for (key, vip) in &self.vips {
            world.set_vip(*key, *vip);
        }
        for (key, station) in &self.stations {
            world.set_station(*key, *station);
        }
        for (index, gate) in (0..).zip(self.gates) {
            world.set_gate(index, gate);
        }
        for (key, peer) in &self.peers {
            world.set_peer(*key, *peer);
        }
        world
    }
}
