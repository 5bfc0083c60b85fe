//! Packets to virtual addresses, and everything that is none of our business.

use super::{Case, GATE_V3, GATE_V6, advert};
use crate::testing::{
    frames::{Advert, BROADCAST, CLIENT_MAC, Ip, OUR_MAC, ethernet},
    ip,
};
use vrrp_common::{
    counter::Cause::{AdvertUnknownVrid, DropVipGateShut, ObserveVipGateShut},
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

pub(super) fn cases() -> Vec<Case> {
    const CLIENT: &str = "10.9.0.9";
    const CLIENT6: &str = "2001:db8::9";
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
