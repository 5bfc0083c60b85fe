//! Addresses with a virtual MAC: frames to it, answers from it, and nothing that puts
//! them to the interface's own.

use super::{Case, GATE_VMAC, GATE_VMAC_VLAN, GATE_VMAC6, advert};
use crate::testing::{
    frames::{
        Advert, Arp, BROADCAST, CLIENT_MAC, Discovery, Ip, OUR_MAC, PEER_MAC, VIRTUAL_MAC,
        VIRTUAL_MAC6, ethernet, from_mac, mac_option,
    },
    ip,
};
use vrrp_common::{
    counter::Cause::{
        AdvertAccepted, AdvertChecksumPseudo, ArpAnswered, ArpConflict, ArpLeftToStack,
        DropArpGateShut, DropEgressAnnouncement, DropEgressMac, DropEgressVip, DropMacGateShut,
        EgressAdvert, EgressMacSet, NdAnswered, NdConflict, NdLeftToStack,
        ObserveEgressAnnouncement, ObserveEgressVip, ObserveMacGateShut, OwnMac,
    },
    event::{KIND_ADVERT, KIND_CONFLICT, NEWS_PEER},
    gate::{LEASE_OBSERVE, LEASE_OFF},
};

const VIP: [u8; 4] = [10, 9, 0, 157];
const VIP_IN_STACK: [u8; 4] = [10, 9, 0, 57];
const VLAN_VIP: [u8; 4] = [10, 5, 0, 157];
const VLAN_VIP_IN_STACK: [u8; 4] = [10, 5, 0, 57];
const CLIENT: [u8; 4] = [10, 9, 0, 9];
const VIP6: &str = "2001:db8::57";
const VIP6_IN_STACK: &str = "fe80::57";
const CLIENT6: &str = "2001:db8::9";
/// VLAN 5, as it stands in a frame.
const TAG: &[(u16, u16)] = &[(0x8100, 5)];

pub(super) fn cases() -> Vec<Case> {
    [
        taken_in(),
        adverts(),
        questions(),
        claims(),
        arp_out(),
        discovery_out(),
        packets_out(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The same frame to another station.
fn to_mac(mut frame: Vec<u8>, mac: [u8; 6]) -> Vec<u8> {
    frame[..6].copy_from_slice(&mac);
    frame
}

/// An untagged frame, in VLAN 5.
fn tagged(frame: &[u8]) -> Vec<u8> {
    [&frame[..12], &[0x81, 0, 0, 5], &frame[12..]].concat()
}

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
    ethernet(VIRTUAL_MAC, CLIENT_MAC, tags, ethertype, &packet)
}

fn taken_in() -> Vec<Case> {
    let routed = packet("10.9.0.9", "198.51.100.1", &[]);
    let routed6 = to_mac(packet(CLIENT6, "2001:db8:1::1", &[]), VIRTUAL_MAC6);
    let in_vlan = packet("10.5.0.9", "198.51.100.1", TAG);
    let open = |name, frame: &Vec<u8>, gate| {
        Case::arriving(name, frame.clone())
            .in_scene(|scene| scene.open(gate))
            .becomes(to_mac(frame.clone(), OUR_MAC))
    };
    let to_vip = packet("10.9.0.9", "10.9.0.57", &[]);
    vec![
        open("routed by the virtual MAC", &routed, GATE_VMAC),
        open("IPv6 routed by the virtual MAC", &routed6, GATE_VMAC6),
        open(
            "in a VLAN, routed by the virtual MAC",
            &in_vlan,
            GATE_VMAC_VLAN,
        ),
        open("to an address by its virtual MAC", &to_vip, GATE_VMAC),
        open(
            "neither IP nor ARP, to the virtual MAC",
            &ethernet(VIRTUAL_MAC, CLIENT_MAC, &[], 0x88cc, &[0; 50]),
            GATE_VMAC,
        ),
        Case::arriving("to the virtual MAC, gate shut", routed.clone()).drops(DropMacGateShut),
        Case::arriving("to the virtual MAC, IPv6, gate shut", routed6).drops(DropMacGateShut),
        Case::arriving("to the virtual MAC in a VLAN, gate shut", in_vlan.clone())
            .in_scene(|scene| scene.open(GATE_VMAC))
            .drops(DropMacGateShut),
        Case::arriving("to an address by its virtual MAC, gate shut", to_vip)
            .drops(DropMacGateShut),
        Case::arriving(
            "to the virtual MAC, claimed but not open yet",
            routed.clone(),
        )
        .in_scene(|scene| scene.claim(GATE_VMAC))
        .drops(DropMacGateShut),
        Case::arriving("to the virtual MAC, gate shut and observed", routed.clone())
            .in_scene(|scene| scene.gate(GATE_VMAC).mode = LEASE_OBSERVE)
            .counts(&[ObserveMacGateShut])
            .becomes(to_mac(routed.clone(), OUR_MAC)),
        Case::arriving("to the virtual MAC, gate shut, lease off", routed.clone())
            .in_scene(|scene| scene.gate(GATE_VMAC).mode = LEASE_OFF)
            .becomes(to_mac(routed.clone(), OUR_MAC)),
        Case::arriving(
            "to another's MAC with the same last octet",
            to_mac(routed.clone(), [2, 0, 0, 0, 1, 57]),
        ),
        Case::arriving(
            "to the virtual MAC of another VLAN",
            packet("10.9.0.9", "198.51.100.1", &[(0x8100, 6)]),
        ),
        Case::arriving(
            "to the virtual MAC of a VLAN, its tag cut short",
            in_vlan[..16].to_vec(),
        ),
    ]
}

fn from_peer() -> Advert {
    Advert {
        vrid: 57,
        addresses: vec![ip("10.9.0.57"), ip("10.9.0.157")],
        ..advert::v3()
    }
}

/// A peer's adverts come from the same virtual MAC; ours leave with it.
fn adverts() -> Vec<Case> {
    let v6 = Advert {
        vrid: 57,
        addresses: vec![ip("fe80::57"), ip("2001:db8::57")],
        ..advert::v6()
    };
    let accepted = |name, frame| {
        Case::arriving(name, frame)
            .counts(&[AdvertAccepted])
            .tells(KIND_ADVERT, NEWS_PEER, None, 0)
    };
    let ours = Advert {
        from: ip("10.9.0.1"),
        priority: 100,
        ..from_peer()
    };
    vec![
        accepted(
            "an advert from the virtual MAC",
            from_mac(from_peer().build(), VIRTUAL_MAC),
        )
        .counts(&[AdvertChecksumPseudo]),
        accepted(
            "an IPv6 advert from the virtual MAC",
            from_mac(v6.build(), VIRTUAL_MAC6),
        ),
        accepted(
            "an advert to the virtual MAC, gate shut",
            to_mac(from_peer().build(), VIRTUAL_MAC),
        )
        .counts(&[AdvertChecksumPseudo]),
        accepted(
            "an IPv6 advert to the virtual MAC, gate shut",
            to_mac(v6.build(), VIRTUAL_MAC6),
        ),
        Case::leaving(
            "our advert from the virtual MAC",
            from_mac(ours.build(), VIRTUAL_MAC),
        )
        .in_scene(|scene| scene.open(GATE_VMAC))
        .counts(&[EgressAdvert]),
        Case::leaving(
            "our advert from the interface's own MAC",
            from_mac(ours.build(), OUR_MAC),
        )
        .in_scene(|scene| scene.open(GATE_VMAC))
        .counts(&[EgressAdvert]),
    ]
}

fn asks(target: [u8; 4]) -> Arp {
    Arp {
        operation: 1,
        sender_mac: CLIENT_MAC,
        sender: CLIENT,
        target_mac: [0; 6],
        target,
    }
}

fn answers(sender: [u8; 4]) -> Arp {
    Arp {
        operation: 2,
        sender_mac: VIRTUAL_MAC,
        sender,
        target_mac: CLIENT_MAC,
        target: CLIENT,
    }
}

fn solicits(target: &str) -> Discovery {
    Discovery {
        kind: 135,
        stations: (CLIENT_MAC, [0x33, 0x33, 0xff, 0, 0, 0x57]),
        ips: (ip(CLIENT6), ip("ff02::1:ff00:57")),
        hop_limit: 255,
        flags: 0,
        target: ip(target),
        options: mac_option(1, CLIENT_MAC),
    }
}

fn told() -> Discovery {
    Discovery {
        kind: 136,
        stations: (VIRTUAL_MAC6, CLIENT_MAC),
        ips: (ip(VIP6), ip(CLIENT6)),
        hop_limit: 255,
        flags: 0xe0,
        target: ip(VIP6),
        options: mac_option(2, VIRTUAL_MAC6),
    }
}

fn questions() -> Vec<Case> {
    let by_unicast = asks(VIP_IN_STACK).build(VIRTUAL_MAC, &[]);
    let nd_by_unicast = Discovery {
        stations: (CLIENT_MAC, VIRTUAL_MAC6),
        ips: (ip(CLIENT6), ip(VIP6_IN_STACK)),
        ..solicits(VIP6_IN_STACK)
    };
    vec![
        Case::arriving(
            "ARP for an address with a virtual MAC",
            asks(VIP).build(BROADCAST, &[]),
        )
        .in_scene(|scene| scene.open(GATE_VMAC))
        .counts(&[ArpAnswered])
        .answers(answers(VIP).build(CLIENT_MAC, &[])),
        Case::arriving(
            "ARP by unicast to the virtual MAC",
            asks(VIP).build(VIRTUAL_MAC, &[]),
        )
        .in_scene(|scene| scene.open(GATE_VMAC))
        .counts(&[ArpAnswered])
        .answers(answers(VIP).build(CLIENT_MAC, &[])),
        Case::arriving(
            "ARP in a VLAN for an address with a virtual MAC",
            asks(VLAN_VIP).build(BROADCAST, TAG),
        )
        .in_scene(|scene| scene.open(GATE_VMAC_VLAN))
        .counts(&[ArpAnswered])
        .answers(answers(VLAN_VIP).build(CLIENT_MAC, TAG)),
        Case::arriving(
            "ARP by unicast to the virtual MAC, in the stack",
            by_unicast.clone(),
        )
        .in_scene(|scene| scene.open(GATE_VMAC))
        .counts(&[ArpLeftToStack])
        .becomes(to_mac(by_unicast.clone(), OUR_MAC)),
        Case::arriving("ARP by unicast to the virtual MAC, gate shut", by_unicast)
            .drops(DropMacGateShut),
        Case::arriving(
            "ARP for an address with a virtual MAC, gate shut",
            asks(VIP).build(BROADCAST, &[]),
        )
        .drops(DropArpGateShut),
        Case::arriving(
            "NS for an address with a virtual MAC",
            solicits(VIP6).build(),
        )
        .in_scene(|scene| scene.open(GATE_VMAC6))
        .counts(&[NdAnswered])
        .answers(told().build()),
        Case::arriving(
            "NS by unicast to the virtual MAC, in the stack",
            nd_by_unicast.build(),
        )
        .in_scene(|scene| scene.open(GATE_VMAC6))
        .counts(&[NdLeftToStack])
        .becomes(to_mac(nd_by_unicast.build(), OUR_MAC)),
    ]
}

/// From outside, while we own and while we do not.
fn claims() -> Vec<Case> {
    let announced = |mac| Arp {
        operation: 1,
        sender_mac: mac,
        sender: VIP,
        target_mac: [0; 6],
        target: VIP,
    };
    let na = |mac| Discovery {
        stations: (mac, [0x33, 0x33, 0, 0, 0, 1]),
        ips: (ip(VIP6), ip("ff02::1")),
        flags: 0x20,
        options: mac_option(2, mac),
        ..told()
    };
    let conflict = |name, gate, frame: Vec<u8>, cause| {
        Case::arriving(name, frame)
            .in_scene(|scene| scene.open(gate))
            .counts(&[cause])
            .tells(KIND_CONFLICT, 0, Some(cause), 7)
    };
    vec![
        Case::arriving(
            "the owner announces its virtual MAC",
            announced(VIRTUAL_MAC).build(BROADCAST, &[]),
        ),
        Case::arriving(
            "the owner's NA of its virtual MAC",
            na(VIRTUAL_MAC6).build(),
        ),
        conflict(
            "another announces the virtual MAC while we own",
            GATE_VMAC,
            announced(VIRTUAL_MAC).build(BROADCAST, &[]),
            ArpConflict,
        ),
        conflict(
            "another announces its own MAC while we own",
            GATE_VMAC,
            announced(PEER_MAC).build(BROADCAST, &[]),
            ArpConflict,
        ),
        conflict(
            "another's NA of the virtual MAC while we own",
            GATE_VMAC6,
            na(VIRTUAL_MAC6).build(),
            NdConflict,
        ),
        conflict(
            "our own MAC comes in and names an address with a virtual one",
            GATE_VMAC,
            from_mac(announced(VIRTUAL_MAC).build(BROADCAST, &[]), OUR_MAC),
            OwnMac,
        ),
    ]
}

/// Leaves with what the stack says, and with what it has to say.
fn leaves(name: &'static str, gate: u32, says: Vec<u8>, has_to_say: Vec<u8>) -> Case {
    Case::leaving(name, says)
        .in_scene(|scene| scene.open(gate))
        .counts(&[EgressMacSet])
        .becomes(has_to_say)
}

fn arp_out() -> Vec<Case> {
    let reply = |mac, sender| Arp {
        sender_mac: mac,
        ..answers(sender)
    };
    let question = |mac, sender| Arp {
        operation: 1,
        sender_mac: mac,
        sender,
        target_mac: [0; 6],
        target: CLIENT,
    };
    let stack_reply = reply(OUR_MAC, VIP_IN_STACK).build(CLIENT_MAC, &[]);
    let said = reply(VIRTUAL_MAC, VIP_IN_STACK).build(CLIENT_MAC, &[]);
    vec![
        leaves(
            "the stack's ARP reply",
            GATE_VMAC,
            stack_reply.clone(),
            said.clone(),
        ),
        leaves(
            "the stack's ARP reply in a VLAN",
            GATE_VMAC_VLAN,
            reply(OUR_MAC, VLAN_VIP_IN_STACK).build(CLIENT_MAC, TAG),
            reply(VIRTUAL_MAC, VLAN_VIP_IN_STACK).build(CLIENT_MAC, TAG),
        ),
        leaves(
            "the stack asks in the name of an address",
            GATE_VMAC,
            question(OUR_MAC, VIP_IN_STACK).build(BROADCAST, &[]),
            question(VIRTUAL_MAC, VIP_IN_STACK).build(BROADCAST, &[]),
        ),
        leaves(
            "an ARP reply that says one MAC and comes from another",
            GATE_VMAC,
            from_mac(said.clone(), OUR_MAC),
            said.clone(),
        ),
        leaves(
            "an ARP reply that comes from one MAC and says another",
            GATE_VMAC,
            from_mac(stack_reply.clone(), VIRTUAL_MAC),
            said.clone(),
        ),
        Case::leaving("an ARP reply that says the virtual MAC", said.clone())
            .in_scene(|scene| scene.open(GATE_VMAC)),
        Case::leaving("the stack's ARP reply, gate shut", stack_reply.clone())
            .drops(DropEgressAnnouncement),
        Case::leaving("the stack's ARP reply, gate shut and observed", stack_reply)
            .in_scene(|scene| scene.gate(GATE_VMAC).mode = LEASE_OBSERVE)
            .counts(&[ObserveEgressAnnouncement, EgressMacSet])
            .becomes(said),
        Case::leaving(
            "ARP of the interface's own address beside a virtual MAC",
            question(OUR_MAC, [10, 9, 0, 1]).build(BROADCAST, &[]),
        )
        .in_scene(|scene| scene.open(GATE_VMAC)),
    ]
}

fn discovery_out() -> Vec<Case> {
    let na = |mac| Discovery {
        stations: (mac, CLIENT_MAC),
        options: mac_option(2, mac),
        ..told()
    };
    let bare = |mac| Discovery {
        options: vec![],
        ..na(mac)
    };
    let ns = |mac| Discovery {
        kind: 135,
        stations: (mac, [0x33, 0x33, 0xff, 0, 0, 9]),
        ips: (ip(VIP6), ip("ff02::1:ff00:9")),
        flags: 0,
        target: ip(CLIENT6),
        options: mac_option(1, mac),
        ..told()
    };
    // The nonce (RFC 3971) comes first.
    let late = |mac| Discovery {
        options: [vec![14, 1, 1, 2, 3, 4, 5, 6], mac_option(1, mac)].concat(),
        ..ns(mac)
    };
    let probe = |mac| Discovery {
        ips: (ip("::"), ip("ff02::1:ff00:57")),
        target: ip(VIP6),
        options: vec![],
        ..ns(mac)
    };
    // What the builder takes for flags and target are the fields of a router
    // advertisement, and an option that ends where the target does.
    let router = |mac: [u8; 6], options: &[u8]| Discovery {
        kind: 134,
        ips: (ip(VIP6_IN_STACK), ip("ff02::1")),
        flags: 64,
        target: ip("::e01:0:0:0"),
        options: [options, &mac_option(1, mac)].concat(),
        ..ns(mac)
    };
    let many = [14, 1, 0, 0, 0, 0, 0, 0].repeat(40);
    let rewritten = |name, build: &dyn Fn([u8; 6]) -> Discovery| {
        let frames = (build(OUR_MAC).build(), build(VIRTUAL_MAC6).build());
        leaves(name, GATE_VMAC6, frames.0, frames.1)
    };
    let open = |name, frame: Discovery| {
        Case::leaving(name, frame.build()).in_scene(|scene| scene.open(GATE_VMAC6))
    };
    vec![
        rewritten("the stack's NA", &na),
        rewritten("the stack's NA without its MAC", &bare),
        rewritten("the stack's NS from a virtual address", &ns),
        rewritten("an NS with its MAC behind another option", &late),
        rewritten("the stack probes for duplicates", &probe),
        leaves(
            "an NA that says the interface's own MAC",
            GATE_VMAC6,
            from_mac(na(OUR_MAC).build(), VIRTUAL_MAC6),
            na(VIRTUAL_MAC6).build(),
        ),
        open("an NA that says the virtual MAC", na(VIRTUAL_MAC6)),
        Case::leaving("the stack's NA, gate shut", na(OUR_MAC).build())
            .drops(DropEgressAnnouncement),
        Case::leaving("the stack's NS, gate shut", ns(OUR_MAC).build()).drops(DropEgressVip),
        Case::leaving("the stack's probe, gate shut", probe(OUR_MAC).build())
            .drops(DropEgressAnnouncement),
        Case::leaving("the stack's NA, gate shut, lease off", na(OUR_MAC).build())
            .in_scene(|scene| scene.gate(GATE_VMAC6).mode = LEASE_OFF)
            .counts(&[EgressMacSet])
            .becomes(na(VIRTUAL_MAC6).build()),
        open(
            "a probe for an address without a virtual MAC",
            Discovery {
                target: ip("2001:db8::55"),
                ..probe(OUR_MAC)
            },
        ),
        leaves(
            "an NA of another address from a virtual one",
            GATE_VMAC6,
            Discovery {
                target: ip("2001:db8::77"),
                ..na(OUR_MAC)
            }
            .build(),
            from_mac(
                Discovery {
                    target: ip("2001:db8::77"),
                    ..na(OUR_MAC)
                }
                .build(),
                VIRTUAL_MAC6,
            ),
        ),
        rewritten("a router advertises from a virtual address", &|mac| {
            router(mac, &[])
        }),
        rewritten("its MAC is the sixth option", &|mac| {
            router(mac, &many[..32])
        }),
        open(
            "a router advertisement with more options than are looked at",
            router(OUR_MAC, &many),
        )
        .drops(DropEgressMac),
        leaves(
            "an option without a length ends the search",
            GATE_VMAC6,
            router(OUR_MAC, &[14, 0, 0, 0, 0, 0, 0, 0]).build(),
            from_mac(
                router(OUR_MAC, &[14, 0, 0, 0, 0, 0, 0, 0]).build(),
                VIRTUAL_MAC6,
            ),
        ),
    ]
}

fn packets_out() -> Vec<Case> {
    let sent = |from, to, tags: &[(u16, u16)], mac| {
        from_mac(to_mac(packet(from, to, tags), CLIENT_MAC), mac)
    };
    let v4 = |mac| sent("10.9.0.57", "10.9.0.9", &[], mac);
    let v6 = |mac| sent(VIP6, CLIENT6, &[], mac);
    let in_vlan = |mac| sent("10.5.0.57", "10.5.0.9", TAG, mac);
    vec![
        leaves(
            "a packet from a virtual address leaves with its MAC",
            GATE_VMAC,
            v4(OUR_MAC),
            v4(VIRTUAL_MAC),
        ),
        leaves(
            "an IPv6 packet from a virtual address leaves with its MAC",
            GATE_VMAC6,
            v6(OUR_MAC),
            v6(VIRTUAL_MAC6),
        ),
        leaves(
            "a packet from a virtual address in a VLAN leaves with its MAC",
            GATE_VMAC_VLAN,
            in_vlan(OUR_MAC),
            in_vlan(VIRTUAL_MAC),
        ),
        Case::leaving("a packet that has the virtual MAC", v4(VIRTUAL_MAC))
            .in_scene(|scene| scene.open(GATE_VMAC)),
        Case::leaving(
            "a packet that needs the virtual MAC, gate shut",
            v4(OUR_MAC),
        )
        .drops(DropEgressVip),
        Case::leaving(
            "a packet that needs the virtual MAC, gate shut and observed",
            v6(OUR_MAC),
        )
        .in_scene(|scene| scene.gate(GATE_VMAC6).mode = LEASE_OBSERVE)
        .counts(&[ObserveEgressVip, EgressMacSet])
        .becomes(v6(VIRTUAL_MAC6)),
        Case::leaving(
            "a packet of the host's own leaves with its own MAC",
            sent("10.9.0.1", "10.9.0.9", &[], OUR_MAC),
        )
        .in_scene(|scene| scene.open(GATE_VMAC)),
        Case::leaving(
            "the virtual address of a VLAN, outside it",
            tagged(&sent("10.9.0.57", "10.9.0.9", &[], OUR_MAC)),
        ),
    ]
}
