//! ARP and ND for virtual addresses.

use super::{Case, GATE_V2, GATE_V3, GATE_V6, GATE_VLAN};
use crate::testing::{
    frames::{Arp, BROADCAST, CLIENT_MAC, Discovery, OUR_MAC, PEER_MAC, from_mac, mac_option},
    ip,
};
use vrrp_common::{
    counter::Cause::{
        ArpAnswered, ArpConflict, ArpLeftToStack, DropArpGateShut, DropNdGateShut, DropVipGateShut,
        NdAnswered, NdConflict, NdLeftToStack, ObserveArpGateShut, ObserveNdGateShut, OwnMac,
    },
    event::KIND_CONFLICT,
    gate::{LEASE_OBSERVE, LEASE_OFF},
};

const VIP: [u8; 4] = [10, 9, 0, 52];
const VIP_IN_STACK: [u8; 4] = [10, 9, 0, 51];
const CLIENT: [u8; 4] = [10, 9, 0, 9];

pub(super) fn cases() -> Vec<Case> {
    [
        arp_questions(),
        arp_claims(),
        solicitations(),
        advertisements(),
    ]
    .into_iter()
    .flatten()
    .collect()
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

fn answers(sender: [u8; 4], target: [u8; 4]) -> Arp {
    Arp {
        operation: 2,
        sender_mac: OUR_MAC,
        sender,
        target_mac: CLIENT_MAC,
        target,
    }
}

fn arp_questions() -> Vec<Case> {
    let question = asks(VIP).build(BROADCAST, &[]);
    let answer = answers(VIP, CLIENT).build(CLIENT_MAC, &[]);
    let vlan_vip = [10, 5, 0, 52];
    let mut token_ring = question.clone();
    token_ring[15] = 6;
    vec![
        Case::arriving("ARP, gate shut", question.clone()).drops(DropArpGateShut),
        Case::arriving("ARP, gate shut and observed", question.clone())
            .in_scene(|scene| scene.gate(GATE_V3).mode = LEASE_OBSERVE)
            .counts(&[ObserveArpGateShut]),
        Case::arriving("ARP, gate shut, lease off", question.clone())
            .in_scene(|scene| scene.gate(GATE_V3).mode = LEASE_OFF),
        Case::arriving("ARP, gate open and observed", question.clone())
            .in_scene(|scene| {
                scene.open(GATE_V3);
                scene.gate(GATE_V3).mode = LEASE_OBSERVE;
            })
            .counts(&[ArpAnswered])
            .answers(answer.clone()),
        Case::arriving(
            "ARP with our own MAC as Ethernet source",
            from_mac(question.clone(), OUR_MAC),
        )
        .counts(&[OwnMac])
        .drops(DropArpGateShut)
        .tells(KIND_CONFLICT, 0, Some(OwnMac), 0),
        Case::arriving("ARP, claimed but not open yet", question.clone())
            .in_scene(|scene| scene.claim(GATE_V3))
            .drops(DropArpGateShut),
        Case::arriving("ARP, lease over", question.clone())
            .in_scene(|scene| {
                scene.open(GATE_V3);
                scene.gate(GATE_V3).lease_end_ns = 1;
            })
            .drops(DropArpGateShut),
        Case::arriving("ARP, gate open", question.clone())
            .in_scene(|scene| scene.open(GATE_V3))
            .counts(&[ArpAnswered])
            .answers(answer.clone()),
        Case::arriving("ARP by unicast, gate open", asks(VIP).build(OUR_MAC, &[]))
            .in_scene(|scene| scene.open(GATE_V3))
            .counts(&[ArpAnswered])
            .answers(answer),
        Case::arriving(
            "ARP, gate open, in the stack",
            asks(VIP_IN_STACK).build(BROADCAST, &[]),
        )
        .in_scene(|scene| scene.open(GATE_V2))
        .counts(&[ArpLeftToStack]),
        Case::arriving(
            "ARP, gate shut, in the stack",
            asks(VIP_IN_STACK).build(BROADCAST, &[]),
        )
        .drops(DropArpGateShut),
        Case::arriving(
            "ARP in the VLAN",
            asks(vlan_vip).build(BROADCAST, &[(0x8100, 5)]),
        )
        .in_scene(|scene| scene.open(GATE_VLAN))
        .counts(&[ArpAnswered])
        .answers(answers(vlan_vip, CLIENT).build(CLIENT_MAC, &[(0x8100, 5)])),
        Case::arriving(
            "ARP in another VLAN",
            asks(vlan_vip).build(BROADCAST, &[(0x8100, 6)]),
        ),
        Case::arriving(
            "ARP in a VLAN for an untagged address",
            asks(VIP).build(BROADCAST, &[(0x8100, 5)]),
        ),
        Case::arriving(
            "ARP probe, gate open",
            Arp {
                sender: [0; 4],
                ..asks(VIP)
            }
            .build(BROADCAST, &[]),
        )
        .in_scene(|scene| scene.open(GATE_V3))
        .counts(&[ArpAnswered])
        .answers(answers(VIP, [0; 4]).build(CLIENT_MAC, &[])),
        Case::arriving(
            "ARP for another address",
            asks([10, 9, 0, 77]).build(BROADCAST, &[]),
        )
        .in_scene(|scene| scene.open(GATE_V3)),
        Case::arriving("ARP of another kind", token_ring),
        Case::arriving("ARP cut short", question[..41].to_vec()),
    ]
}

fn arp_claims() -> Vec<Case> {
    let foreign = Arp {
        operation: 1,
        sender_mac: PEER_MAC,
        sender: VIP,
        target_mac: [0; 6],
        target: VIP,
    };
    let reply = Arp {
        operation: 2,
        target: CLIENT,
        target_mac: CLIENT_MAC,
        ..foreign
    };
    let conflict = |name, frame| {
        Case::arriving(name, frame)
            .in_scene(|scene| scene.open(GATE_V3))
            .counts(&[ArpConflict])
            .tells(KIND_CONFLICT, 0, Some(ArpConflict), 7)
    };
    vec![
        conflict(
            "foreign announcement while we own",
            foreign.build(BROADCAST, &[]),
        ),
        conflict("foreign reply while we own", reply.build(CLIENT_MAC, &[])),
        conflict(
            "foreign owner asks for a client",
            Arp {
                target: CLIENT,
                ..foreign
            }
            .build(BROADCAST, &[]),
        ),
        Case::arriving("the owner announces", foreign.build(BROADCAST, &[])),
        Case::arriving("the owner replies", reply.build(CLIENT_MAC, &[])),
        Case::arriving(
            "our own announcement comes back",
            Arp {
                sender_mac: OUR_MAC,
                ..foreign
            }
            .build(BROADCAST, &[]),
        )
        .in_scene(|scene| scene.open(GATE_V3))
        .counts(&[OwnMac])
        .tells(KIND_CONFLICT, 0, Some(OwnMac), 7),
    ]
}

fn solicits(target: &str) -> Discovery {
    Discovery {
        kind: 135,
        stations: (CLIENT_MAC, [0x33, 0x33, 0xff, 0, 0, 0x55]),
        ips: (ip("2001:db8::9"), ip("ff02::1:ff00:55")),
        hop_limit: 255,
        flags: 0,
        target: ip(target),
        options: mac_option(1, CLIENT_MAC),
    }
}

/// What we answer to the client.
fn told() -> Discovery {
    Discovery {
        kind: 136,
        stations: (OUR_MAC, CLIENT_MAC),
        ips: (ip("2001:db8::55"), ip("2001:db8::9")),
        hop_limit: 255,
        flags: 0xe0,
        target: ip("2001:db8::55"),
        options: mac_option(2, OUR_MAC),
    }
}

fn solicitations() -> Vec<Case> {
    const VIP: &str = "2001:db8::55";
    let open = |name, frame| Case::arriving(name, frame).in_scene(|scene| scene.open(GATE_V6));
    let answered = |name, question: Discovery, answer: Discovery| {
        open(name, question.build())
            .counts(&[NdAnswered])
            .answers(answer.build())
    };
    let mut spoiled = solicits(VIP).build();
    spoiled[56] ^= 1;
    let to_all = Discovery {
        stations: (OUR_MAC, [0x33, 0x33, 0, 0, 0, 1]),
        ips: (ip(VIP), ip("ff02::1")),
        flags: 0xa0,
        ..told()
    };
    let probe = Discovery {
        ips: (ip("::"), ip("ff02::1:ff00:55")),
        ..solicits(VIP)
    };
    let nonce = vec![14, 1, 1, 2, 3, 4, 5, 6];
    let two_options = [mac_option(1, CLIENT_MAC), nonce.clone()].concat();
    vec![
        Case::arriving("NS, gate shut", solicits(VIP).build()).drops(DropNdGateShut),
        Case::arriving("NS, gate shut and observed", solicits(VIP).build())
            .in_scene(|scene| scene.gate(GATE_V6).mode = LEASE_OBSERVE)
            .counts(&[ObserveNdGateShut]),
        Case::arriving("NS, gate shut, lease off", solicits(VIP).build())
            .in_scene(|scene| scene.gate(GATE_V6).mode = LEASE_OFF),
        Case::arriving(
            "our own NS comes back",
            from_mac(solicits(VIP).build(), OUR_MAC),
        )
        .counts(&[OwnMac])
        .drops(DropNdGateShut)
        .tells(KIND_CONFLICT, 0, Some(OwnMac), 0),
        Case::arriving("NS, gate shut, in the stack", solicits("fe80::55").build())
            .drops(DropNdGateShut),
        open("NS, gate open, in the stack", solicits("fe80::55").build()).counts(&[NdLeftToStack]),
        answered("NS, gate open", solicits(VIP), told()),
        answered(
            "NS by unicast without options",
            Discovery {
                stations: (CLIENT_MAC, OUR_MAC),
                ips: (ip("2001:db8::9"), ip(VIP)),
                options: vec![],
                ..solicits(VIP)
            },
            told(),
        ),
        answered(
            "NS with two options",
            Discovery {
                options: two_options,
                ..solicits(VIP)
            },
            told(),
        ),
        answered(
            "NS probing for duplicates",
            Discovery {
                options: vec![],
                ..probe.clone()
            },
            to_all.clone(),
        ),
        answered(
            "NS probing with a nonce",
            Discovery {
                options: nonce,
                ..probe
            },
            to_all,
        ),
        open("NS with a wrong checksum", spoiled),
        open(
            "NS with an option too many",
            Discovery {
                options: [14, 1, 0, 0, 0, 0, 0, 0].repeat(14),
                ..solicits(VIP)
            }
            .build(),
        ),
        open(
            "NS with half an option",
            Discovery {
                options: vec![1, 1, 0, 0],
                ..solicits(VIP)
            }
            .build(),
        ),
        open(
            "NS from beyond the link",
            Discovery {
                hop_limit: 254,
                ..solicits(VIP)
            }
            .build(),
        ),
        open("NS for another address", solicits("2001:db8::77").build()),
        open(
            "router solicitation",
            Discovery {
                kind: 133,
                ..solicits(VIP)
            }
            .build(),
        ),
    ]
}

fn advertisements() -> Vec<Case> {
    let foreign = Discovery {
        stations: (PEER_MAC, [0x33, 0x33, 0, 0, 0, 1]),
        ips: (ip("2001:db8::55"), ip("ff02::1")),
        flags: 0x20,
        options: mac_option(2, PEER_MAC),
        ..told()
    };
    let open = |name, frame| Case::arriving(name, frame).in_scene(|scene| scene.open(GATE_V6));
    let conflict = |name, frame| {
        open(name, frame)
            .counts(&[NdConflict])
            .tells(KIND_CONFLICT, 0, Some(NdConflict), 7)
    };
    let of = |mac| Discovery {
        options: mac_option(2, mac),
        ..foreign.clone()
    };
    vec![
        conflict("foreign NA while we own", foreign.build()),
        conflict(
            "foreign NA without options while we own",
            Discovery {
                options: vec![],
                ..foreign.clone()
            }
            .build(),
        ),
        Case::arriving("the owner's NA", foreign.build()),
        open("an NA of our MAC by another", of(OUR_MAC).build()),
        open(
            "our own NA comes back",
            from_mac(of(OUR_MAC).build(), OUR_MAC),
        )
        .counts(&[OwnMac])
        .tells(KIND_CONFLICT, 0, Some(OwnMac), 7),
        Case::arriving(
            "NA to a virtual address, gate shut",
            Discovery {
                stations: (CLIENT_MAC, OUR_MAC),
                ips: (ip("2001:db8::9"), ip("2001:db8::55")),
                target: ip("2001:db8::9"),
                ..foreign.clone()
            }
            .build(),
        )
        .drops(DropVipGateShut),
    ]
}
