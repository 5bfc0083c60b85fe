//! Rules 32 to 36: what hosts see, and what two routers may be to one another.

use crate::{
    frames::{
        ALL_NODES, ALL_NODES_MAC, CLIENT6, VIP, VMAC_VIP, VMAC_VIP_IN_STACK, VMAC_VIP6, advertises,
        announces, priority, replies, response,
    },
    trial::{Rule, Trial},
};
use vrrp_common::{
    counter::Cause::{DropEgressAnnouncement, DropVersion, EgressMacSet},
    event::{NEWS_REVOKED, NEWS_WHILE_CLAIMED},
};
use vrrp_ebpf::testing::{
    cases::{GATE_V3, GATE_VMAC, GATE_VMAC6, Scene, v2, v3},
    frames::{
        Advert, BROADCAST, CLIENT_MAC, Discovery, OUR_MAC, VIRTUAL_MAC, VIRTUAL_MAC6, from_mac,
        mac_option,
    },
    ip,
};

pub(crate) fn rules() -> Vec<Rule> {
    vec![
        the_virtual_mac_alone(),
        announced_when_in_place(),
        no_interface_identifier(),
        one_owner(),
        one_version(),
    ]
}

/// Neighbour discovery from an address to everybody, whose sender says this MAC.
fn says(kind: u8, source: &str, target: &str, mac: [u8; 6]) -> Discovery {
    Discovery {
        kind,
        stations: (mac, ALL_NODES_MAC),
        ips: (ip(source), ip(ALL_NODES)),
        hop_limit: 255,
        flags: 0,
        target: ip(target),
        options: mac_option(1, mac),
    }
}

fn the_virtual_mac_alone() -> Rule {
    let set = |what, gate, says: Vec<u8>, has_to_say| {
        Trial::leaves(what, says)
            .in_scene(|scene: &mut Scene| scene.open(gate))
            .counts(&[EgressMacSet])
            .becomes(has_to_say)
    };
    let reply = |mac| replies(mac, VMAC_VIP_IN_STACK).build(CLIENT_MAC, &[]);
    let announcement = |mac| announces(mac, VMAC_VIP_IN_STACK).build(BROADCAST, &[]);
    let na = |mac| advertises(mac, VMAC_VIP6).build();
    let ns = |mac| says(135, VMAC_VIP6, CLIENT6, mac).build();
    let packet = response("10.9.0.57", "10.9.0.9");
    Rule {
        number: 32,
        section: "RFC 9568 §7.3, §8.1.2, §8.2.2",
        says: "where a virtual MAC is used, nothing that names an address says the \
               interface's own: neither ARP nor ND, nor a source option, nor the frame",
        trials: vec![
            set(
                "the stack's ARP reply",
                GATE_VMAC,
                reply(OUR_MAC),
                reply(VIRTUAL_MAC),
            ),
            set(
                "the stack's announcement",
                GATE_VMAC,
                announcement(OUR_MAC),
                announcement(VIRTUAL_MAC),
            ),
            set(
                "the stack's advertisement",
                GATE_VMAC6,
                na(OUR_MAC),
                na(VIRTUAL_MAC6),
            ),
            set(
                "its solicitation's option",
                GATE_VMAC6,
                ns(OUR_MAC),
                ns(VIRTUAL_MAC6),
            ),
            set(
                "its packet",
                GATE_VMAC,
                packet.clone(),
                from_mac(packet, VIRTUAL_MAC),
            ),
            Trial::leaves("what says it already", reply(VIRTUAL_MAC))
                .in_scene(|scene| scene.open(GATE_VMAC)),
        ],
        elsewhere: &["tests/netns/virtual_mac.rs::beside_xvrrpd"],
    }
}

fn announced_when_in_place() -> Rule {
    let plain = || announces(OUR_MAC, VIP).build(BROADCAST, &[]);
    let virtual_mac = || announces(VIRTUAL_MAC, VMAC_VIP).build(BROADCAST, &[]);
    Rule {
        number: 33,
        section: "RFC 9568 §8.1.2, §8.2.2",
        says: "addresses are announced once they are in place, not before the claim stands",
        trials: vec![
            Trial::leaves("while we claim", plain())
                .in_scene(|scene| scene.claim(GATE_V3))
                .drops(DropEgressAnnouncement),
            Trial::leaves("once it stands", plain()).in_scene(|scene| scene.open(GATE_V3)),
            Trial::leaves("while we claim, virtual MAC", virtual_mac())
                .in_scene(|scene| scene.claim(GATE_VMAC))
                .drops(DropEgressAnnouncement),
            Trial::leaves("once it stands, virtual MAC", virtual_mac())
                .in_scene(|scene| scene.open(GATE_VMAC)),
        ],
        elsewhere: &["vrrp-user/src/engine/tests/claim.rs::burst_confirmation_opening"],
    }
}

fn no_interface_identifier() -> Rule {
    let untouched = |what, frame: Discovery| {
        Trial::leaves(what, frame.build()).in_scene(|scene| scene.open(GATE_VMAC6))
    };
    Rule {
        number: 34,
        section: "RFC 9568 §7.4",
        says: "the virtual MAC is no part of the host's own identity: no interface has it, \
               and what the host says in its own name keeps the interface's MAC",
        trials: vec![
            untouched("its own address advertised", advertises(OUR_MAC, "fe80::1")),
            untouched("it solicits", says(135, "fe80::1", CLIENT6, OUR_MAC)),
            untouched(
                "it looks for a duplicate of its own address",
                Discovery {
                    options: vec![],
                    ..says(135, "::", "fe80::1", OUR_MAC)
                },
            ),
            Trial::leaves("its packet", response("10.9.0.1", "10.9.0.9"))
                .in_scene(|scene| scene.open(GATE_VMAC)),
        ],
        elsewhere: &[],
    }
}

fn one_owner() -> Rule {
    let owner = |advert: Advert| {
        Trial::heard("another 255", &advert)
            .in_scene(|scene| {
                scene.open(GATE_V3);
                scene.router(GATE_V3).priority = 255;
            })
            .news(NEWS_WHILE_CLAIMED)
            .in_our_epoch()
            .recorded(|peer| peer.priority = 255)
    };
    Rule {
        number: 35,
        section: "RFC 9568 §8.3.2, §6.4.3",
        says: "there should be one owner on a link; of two the greater address wins, and \
               they are told of",
        trials: vec![
            owner(priority(255))
                .revokes(GATE_V3, 255)
                .news(NEWS_REVOKED),
            owner(Advert {
                from: ip("10.9.0.0"),
                ..priority(255)
            }),
        ],
        elsewhere: &[
            "vrrp-user/src/engine/tests/start.rs::an_owner_yields_to_a_rival_owner_of_a_greater_address",
            "vrrp-user/src/engine/tests/conflict.rs::two_that_go_on_are_a_split_brain",
        ],
    }
}

fn one_version() -> Rule {
    let v2_of_52 = Advert {
        vrid: 52,
        interval: [0, 1],
        addresses: vec![ip("10.9.0.52")],
        tail: vec![0; 8],
        ..v2()
    };
    Rule {
        number: 36,
        section: "RFC 9568 §8.4",
        says: "a router that sends both versions is heard in one: version 2 from an Active \
               of version 3 is ignored, and its record stands",
        trials: vec![
            Trial::heard("its version 3", &v3()),
            Trial::refused("its version 2", &v2_of_52, DropVersion),
            Trial::refused(
                "its version 2, higher, while we own",
                &Advert {
                    priority: 200,
                    ..v2_of_52.clone()
                },
                DropVersion,
            )
            .in_scene(|scene| scene.open(GATE_V3)),
        ],
        elsewhere: &[],
    }
}
