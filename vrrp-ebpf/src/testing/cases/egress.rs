//! What may leave, and what may not.

use super::{Case, GATE_V2, GATE_V3, GATE_V6, advert};
use crate::testing::{
    frames::{Advert, Arp, BROADCAST, CLIENT_MAC, Discovery, Ip, OUR_MAC, ethernet, mac_option},
    ip,
};
use vrrp_common::{
    counter::Cause::{
        DropEgressAdvert, DropEgressAnnouncement, DropEgressNotAccepted, DropEgressVip,
        EgressAdvert, ObserveEgressAnnouncement, ObserveEgressVip,
    },
    gate::{LEASE_OBSERVE, LEASE_OFF},
};

fn packet(from: &str, to: &str) -> Vec<u8> {
    let (ethertype, packet) = Ip {
        from: ip(from),
        to: ip(to),
        ttl: 64,
        protocol: 17,
        options: &[],
        payload: &[0; 8],
    }
    .build();
    ethernet(CLIENT_MAC, OUR_MAC, &[], ethertype, &packet)
}

fn ours() -> Advert {
    Advert {
        from: ip("10.9.0.1"),
        priority: 100,
        ..advert::v3()
    }
}

pub(super) fn cases() -> Vec<Case> {
    [adverts(), announcements(), packets()]
        .into_iter()
        .flatten()
        .collect()
}

fn adverts() -> Vec<Case> {
    let v6 = Advert {
        from: ip("fe80::1"),
        priority: 100,
        ..advert::v6()
    };
    let ah = Advert {
        from: ip("10.9.0.1"),
        ..advert::ah()
    };
    vec![
        Case::leaving("our advert while we own", ours().build())
            .in_scene(|scene| scene.open(GATE_V3))
            .counts(&[EgressAdvert]),
        Case::leaving("our advert while we claim", ours().build())
            .in_scene(|scene| scene.claim(GATE_V3))
            .counts(&[EgressAdvert]),
        Case::leaving("our advert without a claim", ours().build()).drops(DropEgressAdvert),
        Case::leaving("our advert in AH while we own", ah.build())
            .in_scene(|scene| scene.open(GATE_V2))
            .counts(&[EgressAdvert]),
        Case::leaving("our advert in AH without a claim", ah.build()).drops(DropEgressAdvert),
        Case::leaving("AH of another protocol", {
            let header = [vec![6], ah.ah[1..].to_vec()].concat();
            Advert {
                ah: header,
                ..ah.clone()
            }
            .build()
        }),
        Case::leaving("our advert, permission over", ours().build())
            .in_scene(|scene| {
                scene.open(GATE_V3);
                scene.gate(GATE_V3).permit_end_ns = 1;
            })
            .drops(DropEgressAdvert),
        Case::leaving(
            "our advert, held up until the lease was over",
            ours().build(),
        )
        .in_scene(|scene| {
            scene.open(GATE_V3);
            scene.gate(GATE_V3).lease_end_ns = 1;
        })
        .drops(DropEgressAdvert),
        Case::leaving("our advert, beaten", ours().build())
            .in_scene(|scene| {
                scene.open(GATE_V3);
                scene.gate(GATE_V3).revoked_epoch = 7;
            })
            .drops(DropEgressAdvert),
        Case::leaving("our advert, given up", ours().build())
            .in_scene(|scene| {
                scene.open(GATE_V3);
                scene.gate(GATE_V3).closed_epoch = 7;
            })
            .drops(DropEgressAdvert),
        Case::leaving("our advert without a claim, lease off", ours().build())
            .in_scene(|scene| scene.gate(GATE_V3).mode = LEASE_OFF)
            .drops(DropEgressAdvert),
        Case::leaving(
            "we resign",
            Advert {
                priority: 0,
                ..ours()
            }
            .build(),
        )
        .counts(&[EgressAdvert]),
        Case::leaving("our IPv6 advert without a claim", v6.build()).drops(DropEgressAdvert),
        Case::leaving("our IPv6 advert while we own", v6.build())
            .in_scene(|scene| scene.open(GATE_V6))
            .counts(&[EgressAdvert]),
        Case::leaving(
            "our advert of an unknown VRID",
            Advert { vrid: 99, ..ours() }.build(),
        ),
        Case::leaving("a neighbour's advert passing through", advert::v3().build()),
        Case::leaving(
            "an owner's advert has the address as its source",
            Advert {
                from: ip("10.9.0.52"),
                priority: 255,
                ..ours()
            }
            .build(),
        )
        .in_scene(|scene| {
            scene.claim(GATE_V3);
            scene.router(GATE_V3).own_address = crate::testing::octets(ip("10.9.0.52"));
        })
        .counts(&[EgressAdvert]),
    ]
}

fn announcements() -> Vec<Case> {
    let announce = |sender: [u8; 4]| Arp {
        operation: 1,
        sender_mac: OUR_MAC,
        sender,
        target_mac: [0; 6],
        target: sender,
    };
    let vip = [10, 9, 0, 52];
    let reply = Arp {
        operation: 2,
        target: [10, 9, 0, 9],
        target_mac: CLIENT_MAC,
        ..announce(vip)
    };
    let na = Discovery {
        kind: 136,
        stations: (OUR_MAC, [0x33, 0x33, 0, 0, 0, 1]),
        ips: (ip("fe80::1"), ip("ff02::1")),
        hop_limit: 255,
        flags: 0xa0,
        target: ip("2001:db8::55"),
        options: mac_option(2, OUR_MAC),
    };
    let from_vip = Discovery {
        kind: 135,
        ips: (ip("2001:db8::55"), ip("ff02::1:ff00:9")),
        target: ip("2001:db8::9"),
        ..na.clone()
    };
    vec![
        Case::leaving(
            "announcement, gate shut",
            announce(vip).build(BROADCAST, &[]),
        )
        .drops(DropEgressAnnouncement),
        Case::leaving(
            "announcement, gate shut and observed",
            announce(vip).build(BROADCAST, &[]),
        )
        .in_scene(|scene| scene.gate(GATE_V3).mode = LEASE_OBSERVE)
        .counts(&[ObserveEgressAnnouncement]),
        Case::leaving(
            "announcement, gate shut, lease off",
            announce(vip).build(BROADCAST, &[]),
        )
        .in_scene(|scene| scene.gate(GATE_V3).mode = LEASE_OFF),
        Case::leaving(
            "announcement, gate open",
            announce(vip).build(BROADCAST, &[]),
        )
        .in_scene(|scene| scene.open(GATE_V3)),
        Case::leaving("ARP reply, gate shut", reply.build(CLIENT_MAC, &[]))
            .drops(DropEgressAnnouncement),
        Case::leaving(
            "announcement in the VLAN, gate shut",
            announce([10, 5, 0, 52]).build(BROADCAST, &[(0x8100, 5)]),
        )
        .drops(DropEgressAnnouncement),
        Case::leaving(
            "announcement of another address",
            announce([10, 9, 0, 1]).build(BROADCAST, &[]),
        ),
        Case::leaving(
            "too short to judge",
            announce(vip).build(BROADCAST, &[])[..41].to_vec(),
        ),
        Case::leaving("NA, gate shut", na.build()).drops(DropEgressAnnouncement),
        Case::leaving(
            "NA from a virtual address, gate shut and observed",
            Discovery {
                ips: (ip("2001:db8::55"), ip("ff02::1")),
                ..na.clone()
            }
            .build(),
        )
        .in_scene(|scene| scene.gate(GATE_V6).mode = LEASE_OBSERVE)
        .counts(&[ObserveEgressAnnouncement]),
        Case::leaving("NA, gate open", na.build()).in_scene(|scene| scene.open(GATE_V6)),
        Case::leaving(
            "NA of another address",
            Discovery {
                target: ip("fe80::1"),
                ..na.clone()
            }
            .build(),
        ),
        Case::leaving("NS from a virtual address, gate shut", from_vip.build())
            .drops(DropEgressVip),
        Case::leaving("NS from a virtual address, gate open", from_vip.build())
            .in_scene(|scene| scene.open(GATE_V6)),
        Case::leaving(
            "NS from a virtual address that accepts nothing",
            from_vip.build(),
        )
        .in_scene(|scene| {
            scene.open(GATE_V6);
            scene.no_accept(GATE_V6);
        }),
        Case::leaving(
            "announcement of a virtual address that accepts nothing",
            announce(vip).build(BROADCAST, &[]),
        )
        .in_scene(|scene| {
            scene.open(GATE_V3);
            scene.no_accept(GATE_V3);
        }),
    ]
}

fn packets() -> Vec<Case> {
    const CLIENT: &str = "10.9.0.9";
    vec![
        Case::leaving(
            "from a virtual address, gate shut",
            packet("10.9.0.51", CLIENT),
        )
        .drops(DropEgressVip),
        Case::leaving(
            "from a virtual address, gate shut and observed",
            packet("10.9.0.51", CLIENT),
        )
        .in_scene(|scene| scene.gate(GATE_V2).mode = LEASE_OBSERVE)
        .counts(&[ObserveEgressVip]),
        Case::leaving(
            "from a virtual address, gate shut, lease off",
            packet("10.9.0.51", CLIENT),
        )
        .in_scene(|scene| scene.gate(GATE_V2).mode = LEASE_OFF),
        Case::leaving(
            "from a virtual address, gate open",
            packet("10.9.0.51", CLIENT),
        )
        .in_scene(|scene| scene.open(GATE_V2)),
        Case::leaving(
            "from an IPv6 virtual address, gate shut",
            packet("2001:db8::55", "2001:db8::9"),
        )
        .drops(DropEgressVip),
        Case::leaving(
            "from a virtual address that accepts nothing",
            packet("10.9.0.51", CLIENT),
        )
        .in_scene(|scene| {
            scene.open(GATE_V2);
            scene.no_accept(GATE_V2);
        })
        .drops(DropEgressNotAccepted),
        Case::leaving(
            "from an IPv6 virtual address that accepts nothing",
            packet("2001:db8::55", "2001:db8::9"),
        )
        .in_scene(|scene| {
            scene.open(GATE_V6);
            scene.no_accept(GATE_V6);
        })
        .drops(DropEgressNotAccepted),
        Case::leaving("from another address", packet("10.9.0.1", CLIENT)),
        Case::leaving(
            "neither IP nor ARP leaves",
            ethernet(BROADCAST, OUR_MAC, &[], 0x88cc, &[0; 50]),
        ),
    ]
}
