//! Packets to virtual addresses, and everything that is none of our business.

use super::{Case, GATE_V2, GATE_V3, GATE_V6, advert};
use crate::testing::{
    frames::{Advert, BROADCAST, CLIENT_MAC, Discovery, Ip, OUR_MAC, ethernet, mac_option},
    ip,
};
use vrrp_common::{
    counter::Cause::{AdvertUnknownVrid, DropNotAccepted, DropVipGateShut, ObserveVipGateShut},
    gate::{LEASE_OBSERVE, LEASE_OFF},
};

/// A datagram from a client.
fn packet(from: &str, to: &str, tags: &[(u16, u16)]) -> Vec<u8> {
    let (ethertype, packet) = Ip {
        from: ip(from),
        to: ip(to),
        ttl: 64,
        protocol: 17,
        options: &[],
        payload: &[0; 8],
    }
    .build();
    ethernet(OUR_MAC, CLIENT_MAC, tags, ethertype, &packet)
}

const CLIENT: &str = "10.9.0.9";
const CLIENT6: &str = "2001:db8::9";

/// `no_accept`.
pub(super) fn not_accepted() -> Vec<Case> {
    let advertisement = Discovery {
        kind: 136,
        stations: (CLIENT_MAC, OUR_MAC),
        ips: (ip(CLIENT6), ip("2001:db8::55")),
        hop_limit: 255,
        flags: 0x60,
        target: ip(CLIENT6),
        options: mac_option(2, CLIENT_MAC),
    };
    vec![
        Case::arriving(
            "to a virtual address that accepts nothing",
            packet(CLIENT, "10.9.0.51", &[]),
        )
        .in_scene(|scene| {
            scene.open(GATE_V2);
            scene.no_accept(GATE_V2);
        })
        .drops(DropNotAccepted),
        Case::arriving(
            "to a virtual address that accepts nothing, gate shut",
            packet(CLIENT, "10.9.0.51", &[]),
        )
        .in_scene(|scene| scene.no_accept(GATE_V2))
        .drops(DropVipGateShut),
        Case::arriving(
            "to a virtual address that accepts nothing, gate shut, lease off",
            packet(CLIENT, "10.9.0.51", &[]),
        )
        .in_scene(|scene| {
            scene.no_accept(GATE_V2);
            scene.gate(GATE_V2).mode = LEASE_OFF;
        })
        .drops(DropNotAccepted),
        Case::arriving(
            "routed by way of a virtual address that accepts nothing",
            packet(CLIENT, "192.0.2.9", &[]),
        )
        .in_scene(|scene| {
            scene.open(GATE_V2);
            scene.no_accept(GATE_V2);
        }),
        Case::arriving(
            "to an IPv6 virtual address that accepts nothing",
            packet(CLIENT6, "2001:db8::55", &[]),
        )
        .in_scene(|scene| {
            scene.open(GATE_V6);
            scene.no_accept(GATE_V6);
        })
        .drops(DropNotAccepted),
        Case::arriving(
            "NA to a virtual address that accepts nothing",
            advertisement.build(),
        )
        .in_scene(|scene| {
            scene.open(GATE_V6);
            scene.no_accept(GATE_V6);
        }),
        Case::arriving(
            "echo request to a virtual address that accepts nothing",
            Discovery {
                kind: 128,
                ..advertisement
            }
            .build(),
        )
        .in_scene(|scene| {
            scene.open(GATE_V6);
            scene.no_accept(GATE_V6);
        })
        .drops(DropNotAccepted),
    ]
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::arriving(
            "to a virtual address, gate shut",
            packet(CLIENT, "10.9.0.52", &[]),
        )
        .drops(DropVipGateShut),
        Case::arriving(
            "to a virtual address, gate open",
            packet(CLIENT, "10.9.0.52", &[]),
        )
        .in_scene(|scene| scene.open(GATE_V3)),
        Case::arriving(
            "to a virtual address, gate shut and observed",
            packet(CLIENT, "10.9.0.52", &[]),
        )
        .in_scene(|scene| scene.gate(GATE_V3).mode = LEASE_OBSERVE)
        .counts(&[ObserveVipGateShut]),
        Case::arriving(
            "to a virtual address, gate shut, lease off",
            packet(CLIENT, "10.9.0.52", &[]),
        )
        .in_scene(|scene| scene.gate(GATE_V3).mode = LEASE_OFF),
        Case::arriving(
            "to a virtual address, lease over",
            packet(CLIENT, "10.9.0.52", &[]),
        )
        .in_scene(|scene| {
            scene.open(GATE_V3);
            scene.gate(GATE_V3).lease_end_ns = 1;
        })
        .drops(DropVipGateShut),
        Case::arriving(
            "to an IPv6 virtual address, gate shut",
            packet(CLIENT6, "2001:db8::55", &[]),
        )
        .drops(DropVipGateShut),
        Case::arriving(
            "to an IPv6 virtual address, gate open",
            packet(CLIENT6, "2001:db8::55", &[]),
        )
        .in_scene(|scene| scene.open(GATE_V6)),
        Case::arriving(
            "to a virtual address in its VLAN",
            packet(CLIENT, "10.5.0.52", &[(0x8100, 5)]),
        )
        .drops(DropVipGateShut),
        Case::arriving(
            "to a virtual address outside its VLAN",
            packet(CLIENT, "10.5.0.52", &[]),
        ),
        Case::arriving(
            "an advert of strangers to a virtual address, gate shut",
            Advert {
                to_mac: OUR_MAC,
                to: ip("10.9.0.52"),
                vrid: 99,
                ..advert::v3()
            }
            .build(),
        )
        .counts(&[AdvertUnknownVrid])
        .drops(DropVipGateShut),
        Case::arriving("to another address", packet(CLIENT, "10.9.0.1", &[])),
        Case::arriving("to a group", packet(CLIENT, "224.0.0.251", &[])),
        Case::arriving(
            "IPv6 to another address",
            packet(CLIENT6, "2001:db8::1", &[]),
        ),
        Case::arriving("IPv6 to a group", packet(CLIENT6, "ff02::fb", &[])),
        Case::arriving(
            "neither IP nor ARP",
            ethernet(BROADCAST, CLIENT_MAC, &[], 0x88cc, &[0; 50]),
        ),
        Case::arriving(
            "IPv6 cut short",
            packet(CLIENT6, "2001:db8::55", &[])[..53].to_vec(),
        ),
    ]
}
