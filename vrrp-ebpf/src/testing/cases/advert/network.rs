//! What IP and Ethernet say of an advert.

use super::{accepted, cut, refused, unicast, v3, v6};
use crate::testing::{
    cases::{Case, GATE_V3, GATE_V6},
    frames::{Advert, BROADCAST, L3, OUR_MAC, from_mac, with_ipv4_header},
    ip,
};
use vrrp_common::{counter::Cause, event::KIND_CONFLICT, maps::VR_CHECK_UNICAST_SOURCE};

pub(super) fn ip_layer() -> Vec<Case> {
    use Cause::{DropFragment, DropIpChecksum, DropIpHeader, DropTruncated};
    let header = |change: fn(&mut [u8])| with_ipv4_header(v3().build(), change);
    let raw = |at: usize, value: u8| {
        let mut frame = v3().build();
        frame[L3 + at] = value;
        frame
    };
    vec![
        refused("IP version 5", raw(0, 0x55), DropIpHeader),
        refused("IP header of 16 octets", raw(0, 0x44), DropIpHeader),
        refused(
            "IP total length too short",
            header(|ip| ip[3] = 27),
            DropIpHeader,
        ),
        refused(
            "IP total length beyond the frame",
            header(|ip| ip[3] = 33),
            DropTruncated,
        ),
        refused(
            "IP total length absurd",
            header(|ip| ip[2..4].fill(0xff)),
            DropTruncated,
        ),
        refused(
            "frame ends in the VRRP header",
            cut(v3().build(), 5),
            DropTruncated,
        ),
        refused(
            "frame ends in the addresses",
            cut(v3().build(), 1),
            DropTruncated,
        ),
        refused(
            "IP checksum",
            raw(11, v3().build()[L3 + 11] ^ 1),
            DropIpChecksum,
        ),
        refused(
            "IP checksum over options",
            {
                let mut frame = Advert {
                    options: vec![1; 8],
                    ..v3()
                }
                .build();
                frame[L3 + 27] = 0;
                frame
            },
            DropIpChecksum,
        ),
        refused("first fragment", header(|ip| ip[6] = 0x20), DropFragment),
        Case::arriving("later fragment", header(|ip| ip[7] = 3)),
        Case::arriving("frame ends in the IP header", cut(v3().build(), 13)),
        Case::arriving("nothing but Ethernet", v3().build()[..14].to_vec()),
        Case::arriving("broken header, unicast", {
            let mut frame = unicast().build();
            frame[L3] = 0x44;
            frame
        }),
        refused(
            "IPv6 version 4",
            {
                let mut frame = v6().build();
                frame[L3] = 0x40;
                frame
            },
            DropIpHeader,
        ),
        refused(
            "IPv6 payload length too short",
            {
                let mut frame = v6().build();
                frame[L3 + 5] = 7;
                frame
            },
            DropIpHeader,
        ),
        refused(
            "IPv6 frame ends in the addresses",
            cut(v6().build(), 1),
            DropTruncated,
        ),
        refused(
            "IPv6 frame ends in the VRRP header",
            cut(v6().build(), 33),
            DropTruncated,
        ),
    ]
}

pub(super) fn origin() -> Vec<Case> {
    use Cause::{
        AdvertChecksumPseudo, DropDestination, DropNotAPeer, DropNotAllowed, DropOwnSource,
        DropSource, DropTtl,
    };
    let ours = |name, frame| {
        Case::arriving(name, frame).drops(DropOwnSource).tells(
            KIND_CONFLICT,
            0,
            Some(DropOwnSource),
            0,
        )
    };
    let from = |text| {
        Advert {
            from: ip(text),
            ..v3()
        }
        .build()
    };
    let from6 = |text| {
        Advert {
            from: ip(text),
            ..v6()
        }
        .build()
    };
    let other_group = [1, 0, 0x5e, 0, 0, 5];
    let other_group_mac = [1, 0, 0x5e, 1, 2, 3];
    vec![
        refused("from 0.0.0.0", from("0.0.0.0"), DropSource),
        refused("from loopback", from("127.0.0.1"), DropSource),
        refused("from a group", from("224.0.0.18"), DropSource),
        refused("from broadcast", from("255.255.255.255"), DropSource),
        refused("IPv6 from ::", from6("::"), DropSource),
        refused("IPv6 from a group", from6("ff02::12"), DropSource),
        ours("from our own address", from("10.9.0.1")),
        ours("IPv6 from our own address", from6("fe80::1")),
        ours(
            "unicast from our own address",
            Advert {
                from: ip("10.9.0.1"),
                ..unicast()
            }
            .build(),
        ),
        ours(
            "our own advert comes back",
            from_mac(from("10.9.0.1"), OUR_MAC),
        ),
        refused("from a source not listed", v3().build(), DropNotAllowed)
            .in_scene(|scene| scene.only_from(GATE_V3, "10.9.0.3")),
        accepted(
            "from a listed source",
            v3().build(),
            &[AdvertChecksumPseudo],
            0,
        )
        .in_scene(|scene| scene.only_from(GATE_V3, "10.9.0.2")),
        refused(
            "TTL 254 from a listed source",
            Advert { ttl: 254, ..v3() }.build(),
            DropTtl,
        )
        .in_scene(|scene| scene.only_from(GATE_V3, "10.9.0.2")),
        refused(
            "IPv6 from a source not listed",
            v6().build(),
            DropNotAllowed,
        )
        .in_scene(|scene| scene.only_from(GATE_V6, "fe80::3")),
        refused(
            "to another group",
            Advert {
                to: ip("224.0.0.5"),
                ..v3()
            }
            .build(),
            DropDestination,
        ),
        refused(
            "to the broadcast address",
            Advert {
                to: ip("255.255.255.255"),
                ..v3()
            }
            .build(),
            DropDestination,
        ),
        refused(
            "to another group's MAC",
            Advert {
                to_mac: other_group,
                ..v3()
            }
            .build(),
            DropDestination,
        ),
        accepted(
            "to the group it listens to",
            Advert {
                to_mac: other_group_mac,
                to: ip("239.129.2.3"),
                ..v3()
            }
            .build(),
            &[AdvertChecksumPseudo],
            0,
        )
        .in_scene(|scene| scene.hears(GATE_V3, "239.129.2.3")),
        accepted(
            "to the group it listens to, made unicast by a bridge",
            Advert {
                to_mac: OUR_MAC,
                to: ip("239.129.2.3"),
                ..v3()
            }
            .build(),
            &[AdvertChecksumPseudo],
            0,
        )
        .in_scene(|scene| scene.hears(GATE_V3, "239.129.2.3")),
        refused(
            "to VRRP's group while it listens to another",
            v3().build(),
            DropDestination,
        )
        .in_scene(|scene| scene.hears(GATE_V3, "239.129.2.3")),
        refused(
            "to a group that differs in its first octet alone",
            Advert {
                to_mac: other_group_mac,
                to: ip("224.129.2.3"),
                ..v3()
            }
            .build(),
            DropDestination,
        )
        .in_scene(|scene| scene.hears(GATE_V3, "239.129.2.3")),
        refused(
            "to the group it listens to, in a frame to VRRP's",
            Advert {
                to: ip("239.129.2.3"),
                ..v3()
            }
            .build(),
            DropDestination,
        )
        .in_scene(|scene| scene.hears(GATE_V3, "239.129.2.3")),
        accepted(
            "IPv6 to the group it listens to",
            Advert {
                to_mac: [0x33, 0x33, 0x89, 0xab, 0xcd, 0xef],
                to: ip("ff12:1::89ab:cdef"),
                ..v6()
            }
            .build(),
            &[],
            0,
        )
        .in_scene(|scene| scene.hears(GATE_V6, "ff12:1::89ab:cdef")),
        refused(
            "IPv6 to a group that ends the same",
            Advert {
                to_mac: [0x33, 0x33, 0x89, 0xab, 0xcd, 0xef],
                to: ip("ff12::89ab:cdef"),
                ..v6()
            }
            .build(),
            DropDestination,
        )
        .in_scene(|scene| scene.hears(GATE_V6, "ff12:1::89ab:cdef")),
        refused(
            "IPv6 to another group",
            Advert {
                to: ip("ff02::1"),
                ..v6()
            }
            .build(),
            DropDestination,
        ),
        refused(
            "unicast by broadcast MAC",
            Advert {
                to_mac: BROADCAST,
                ..unicast()
            }
            .build(),
            DropDestination,
        ),
        refused("TTL 254", Advert { ttl: 254, ..v3() }.build(), DropTtl),
        refused(
            "IPv6 hop limit 254",
            Advert { ttl: 254, ..v6() }.build(),
            DropTtl,
        ),
        refused(
            "unicast TTL below the router's",
            Advert {
                ttl: 254,
                ..unicast()
            }
            .build(),
            DropTtl,
        ),
        refused(
            "unicast TTL below the peer's",
            Advert {
                ttl: 250,
                ..unicast()
            }
            .build(),
            DropTtl,
        )
        .in_scene(|scene| scene.unicast_peer("10.9.0.2", 251, 255)),
        refused(
            "unicast TTL above the peer's",
            Advert {
                ttl: 255,
                ..unicast()
            }
            .build(),
            DropTtl,
        )
        .in_scene(|scene| scene.unicast_peer("10.9.0.2", 1, 254)),
        accepted(
            "unicast TTL within the peer's",
            Advert {
                ttl: 251,
                ..unicast()
            }
            .build(),
            &[],
            0,
        )
        .in_scene(|scene| scene.unicast_peer("10.9.0.2", 251, 255)),
        refused("unicast from a stranger", unicast().build(), DropNotAPeer).in_scene(|scene| {
            scene.unicast_peer("10.9.0.3", 255, 255);
            scene.router(3).flags = VR_CHECK_UNICAST_SOURCE;
        }),
        accepted("unicast from a peer", unicast().build(), &[], 0).in_scene(|scene| {
            scene.unicast_peer("10.9.0.2", 255, 255);
            scene.router(3).flags = VR_CHECK_UNICAST_SOURCE;
        }),
    ]
}
