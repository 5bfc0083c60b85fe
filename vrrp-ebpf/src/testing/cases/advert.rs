//! Adverts: what is accepted, and each reason to refuse one.

use super::{Case, GATE_V2, GATE_V3, GATE_V6};
use crate::testing::{
    frames::{Advert, BROADCAST, L3, OUR_MAC, Summed, with_ipv4_header},
    ip,
};
use vrrp_common::{
    counter::Cause,
    event::{KIND_ADVERT, KIND_REJECTED, NEWS_ADDRESSES, NEWS_PEER},
    maps::{VR_CHECK_UNICAST_SOURCE, VR_REFUSE_OTHER_ADDRESSES, VR_SKIP_ADDRESSES, VR_STRICT},
    wire::{GROUP_MAC_V4, GROUP_MAC_V6},
};

/// VRID 52, version 3 over IPv4, as keepalived sends it.
pub(super) fn v3() -> Advert {
    Advert {
        to_mac: GROUP_MAC_V4,
        tags: vec![],
        from: ip("10.9.0.2"),
        to: ip("224.0.0.18"),
        ttl: 255,
        options: vec![],
        version_type: 0x31,
        vrid: 52,
        priority: 90,
        count: None,
        interval: [0, 10],
        addresses: vec![ip("10.9.0.52")],
        tail: vec![],
        summed: Summed::Pseudo,
        spoil: None,
        padding: 0,
    }
}

/// VRID 51, version 2 with a password.
pub(super) fn v2() -> Advert {
    Advert {
        version_type: 0x21,
        vrid: 51,
        interval: [1, 1],
        addresses: vec![ip("10.9.0.51")],
        tail: b"s3cret\0\0".to_vec(),
        summed: Summed::Plain,
        ..v3()
    }
}

/// VRID 54, version 2, unicast, no authentication.
fn unicast() -> Advert {
    Advert {
        to_mac: OUR_MAC,
        to: ip("10.9.0.1"),
        vrid: 54,
        interval: [0, 1],
        addresses: vec![ip("10.9.0.54")],
        tail: vec![0; 8],
        ..v2()
    }
}

/// VRID 55, IPv6.
pub(super) fn v6() -> Advert {
    Advert {
        to_mac: GROUP_MAC_V6,
        from: ip("fe80::2"),
        to: ip("ff02::12"),
        vrid: 55,
        addresses: vec![ip("fe80::55"), ip("2001:db8::55")],
        ..v3()
    }
}

/// Accepted from a source not heard before.
fn accepted(name: &'static str, frame: Vec<u8>, also: &[Cause], news: u32) -> Case {
    Case::arriving(name, frame)
        .counts(&[Cause::AdvertAccepted])
        .counts(also)
        .tells(KIND_ADVERT, NEWS_PEER | news, None, 0)
}

fn refused(name: &'static str, frame: Vec<u8>, cause: Cause) -> Case {
    Case::arriving(name, frame)
        .drops(cause)
        .tells(KIND_REJECTED, 0, Some(cause), 0)
}

fn unknown(name: &'static str, frame: Vec<u8>, cause: Cause) -> Case {
    Case::arriving(name, frame).counts(&[cause])
}

/// Cuts a frame, as the wire never does and a broken driver might.
fn cut(mut frame: Vec<u8>, octets: usize) -> Vec<u8> {
    frame.truncate(frame.len() - octets);
    frame
}

pub(super) fn cases() -> Vec<Case> {
    [
        good(),
        ip_layer(),
        origin(),
        message_v3(),
        message_v2(),
        message_v6(),
        strangers(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn good() -> Vec<Case> {
    use Cause::{AdvertChecksumPlain, AdvertChecksumPseudo, AdvertFirstAddressGlobal};
    let pseudo = &[AdvertChecksumPseudo][..];
    let many = |count: u8| (1..=count).map(|i| ip(&format!("10.9.1.{i}"))).collect();
    let differ = &[AdvertChecksumPseudo, Cause::AdvertAddressesDiffer][..];
    vec![
        accepted("v3, checksum with pseudo-header", v3().build(), pseudo, 0),
        accepted(
            "v3, checksum of the message alone",
            Advert {
                summed: Summed::Plain,
                ..v3()
            }
            .build(),
            &[AdvertChecksumPlain],
            0,
        ),
        accepted("v2 with a password", v2().build(), &[], 0),
        accepted("v2 unicast", unicast().build(), &[], 0),
        accepted("IPv6, link-local first", v6().build(), &[], 0),
        accepted(
            "IPv6, global first",
            Advert {
                addresses: vec![ip("2001:db8::55"), ip("fe80::55")],
                ..v6()
            }
            .build(),
            &[AdvertFirstAddressGlobal],
            0,
        ),
        accepted(
            "in VLAN 5",
            Advert {
                tags: vec![(0x8100, 5)],
                from: ip("10.5.0.2"),
                addresses: vec![ip("10.5.0.52")],
                ..v3()
            }
            .build(),
            pseudo,
            0,
        ),
        accepted(
            "in service VLAN 5",
            Advert {
                tags: vec![(0x88a8, 0xe005)],
                from: ip("10.5.0.2"),
                addresses: vec![ip("10.5.0.52")],
                ..v3()
            }
            .build(),
            pseudo,
            0,
        ),
        accepted(
            "priority-tagged is untagged",
            Advert {
                tags: vec![(0x8100, 0xe000)],
                ..v3()
            }
            .build(),
            pseudo,
            0,
        ),
        accepted(
            "Ethernet padding",
            Advert {
                padding: 14,
                ..v3()
            }
            .build(),
            pseudo,
            0,
        ),
        accepted(
            "IP options",
            Advert {
                options: vec![0x94, 4, 0, 0],
                ..v3()
            }
            .build(),
            pseudo,
            0,
        ),
        accepted(
            "as many IP options as fit",
            Advert {
                options: vec![1; 40],
                ..v3()
            }
            .build(),
            pseudo,
            0,
        ),
        accepted(
            "reserved bits set",
            Advert {
                interval: [0xf0, 10],
                ..v3()
            }
            .build(),
            pseudo,
            0,
        ),
        accepted(
            "the longest interval",
            Advert {
                interval: [0x0f, 0xff],
                ..v3()
            }
            .build(),
            pseudo,
            0,
        ),
        accepted(
            "broadcast MAC",
            Advert {
                to_mac: BROADCAST,
                ..v3()
            }
            .build(),
            pseudo,
            0,
        ),
        accepted(
            "multicast turned unicast",
            Advert {
                to_mac: OUR_MAC,
                ..v3()
            }
            .build(),
            pseudo,
            0,
        ),
        accepted(
            "off-link source",
            Advert {
                from: ip("192.0.2.1"),
                ..v3()
            }
            .build(),
            pseudo,
            0,
        ),
        accepted(
            "address owner",
            Advert {
                priority: 255,
                ..v3()
            }
            .build(),
            pseudo,
            0,
        ),
        accepted(
            "255 other addresses",
            Advert {
                addresses: many(255),
                ..v3()
            }
            .build(),
            differ,
            NEWS_ADDRESSES,
        ),
        accepted(
            "other addresses, v2, not refused",
            Advert {
                addresses: many(2),
                ..v2()
            }
            .build(),
            &[Cause::AdvertAddressesDiffer],
            NEWS_ADDRESSES,
        ),
        accepted(
            "other addresses not looked at",
            Advert {
                addresses: many(2),
                ..v3()
            }
            .build(),
            pseudo,
            0,
        )
        .in_scene(|scene| scene.router(GATE_V3).flags = VR_SKIP_ADDRESSES),
        accepted(
            "other addresses of the owner, v2, refused otherwise",
            Advert {
                addresses: many(2),
                priority: 255,
                ..v2()
            }
            .build(),
            &[Cause::AdvertAddressesDiffer],
            NEWS_ADDRESSES,
        )
        .in_scene(|scene| scene.router(GATE_V2).flags = VR_REFUSE_OTHER_ADDRESSES),
        accepted(
            "junk in auth data that is not in use",
            Advert {
                tail: b"whatever".to_vec(),
                ..unicast()
            }
            .build(),
            &[],
            0,
        ),
        accepted("while we are the owner", v3().build(), pseudo, 0)
            .in_scene(|scene| scene.router(GATE_V3).priority = 255),
    ]
}

fn ip_layer() -> Vec<Case> {
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

fn origin() -> Vec<Case> {
    use Cause::{DropDestination, DropNotAPeer, DropOwnSource, DropSource, DropTtl};
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
    vec![
        refused("from 0.0.0.0", from("0.0.0.0"), DropSource),
        refused("from loopback", from("127.0.0.1"), DropSource),
        refused("from a group", from("224.0.0.18"), DropSource),
        refused("from broadcast", from("255.255.255.255"), DropSource),
        refused("IPv6 from ::", from6("::"), DropSource),
        refused("IPv6 from a group", from6("ff02::12"), DropSource),
        refused("from our own address", from("10.9.0.1"), DropOwnSource),
        refused("IPv6 from our own address", from6("fe80::1"), DropOwnSource),
        refused(
            "unicast from our own address",
            Advert {
                from: ip("10.9.0.1"),
                ..unicast()
            }
            .build(),
            DropOwnSource,
        ),
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

fn message_v3() -> Vec<Case> {
    use Cause::{
        DropAddressCount, DropChecksum, DropIntervalZero, DropLength, DropType, DropVersion,
    };
    vec![
        refused(
            "version 2 where 3 is spoken",
            Advert {
                version_type: 0x21,
                ..v3()
            }
            .build(),
            DropVersion,
        ),
        refused(
            "version 4",
            Advert {
                version_type: 0x41,
                ..v3()
            }
            .build(),
            DropVersion,
        ),
        refused(
            "version 4 where 4 is configured",
            Advert {
                version_type: 0x41,
                ..v3()
            }
            .build(),
            DropVersion,
        )
        .in_scene(|scene| scene.router(GATE_V3).version = 4),
        refused(
            "type 2",
            Advert {
                version_type: 0x32,
                ..v3()
            }
            .build(),
            DropType,
        ),
        refused(
            "counts one too many",
            Advert {
                count: Some(2),
                ..v3()
            }
            .build(),
            DropLength,
        ),
        refused(
            "counts one too few",
            Advert {
                count: Some(0),
                ..v3()
            }
            .build(),
            DropLength,
        ),
        refused(
            "octets after the addresses",
            Advert {
                tail: vec![0; 4],
                ..v3()
            }
            .build(),
            DropLength,
        ),
        refused(
            "one octet after the addresses",
            Advert {
                tail: vec![0],
                ..v3()
            }
            .build(),
            DropLength,
        ),
        refused(
            "one bit of an address",
            Advert {
                spoil: Some(9),
                ..v3()
            }
            .build(),
            DropChecksum,
        ),
        refused(
            "one bit of the header",
            Advert {
                spoil: Some(2),
                ..v3()
            }
            .build(),
            DropChecksum,
        ),
        refused(
            "one bit of a plain checksum",
            Advert {
                spoil: Some(6),
                summed: Summed::Plain,
                ..v3()
            }
            .build(),
            DropChecksum,
        ),
        refused(
            "no addresses",
            Advert {
                addresses: vec![],
                ..v3()
            }
            .build(),
            DropAddressCount,
        ),
        refused(
            "interval zero",
            Advert {
                interval: [0, 0],
                ..v3()
            }
            .build(),
            DropIntervalZero,
        ),
        refused(
            "interval zero but for reserved bits",
            Advert {
                interval: [0xf0, 0],
                ..v3()
            }
            .build(),
            DropIntervalZero,
        ),
    ]
}

fn message_v2() -> Vec<Case> {
    use Cause::{
        DropAddresses, DropAuthData, DropAuthType, DropChecksum, DropIntervalMismatch,
        DropIntervalZero, DropLength, DropUcarp, DropVersion,
    };
    // 36 octets, "version 2 type 1", seven words of counter and digest.
    let ucarp = Advert {
        vrid: 51,
        priority: 0,
        count: Some(7),
        interval: [0, 1],
        addresses: vec![],
        tail: vec![0x5a; 28],
        ..v2()
    };
    vec![
        refused(
            "version 3 where 2 is spoken",
            Advert {
                version_type: 0x31,
                ..v2()
            }
            .build(),
            DropVersion,
        ),
        refused(
            "v2 without its auth data",
            Advert {
                tail: vec![],
                ..v2()
            }
            .build(),
            DropLength,
        ),
        refused(
            "v2 with a pseudo-header",
            Advert {
                summed: Summed::Pseudo,
                ..v2()
            }
            .build(),
            DropChecksum,
        ),
        refused(
            "one bit of the password, after summing",
            Advert {
                spoil: Some(13),
                ..v2()
            }
            .build(),
            DropChecksum,
        ),
        refused("ucarp", ucarp.build(), DropUcarp),
        refused(
            "ucarp where version 3 is spoken",
            Advert { vrid: 52, ..ucarp }.build(),
            DropUcarp,
        ),
        refused(
            "v2 interval zero",
            Advert {
                interval: [1, 0],
                ..v2()
            }
            .build(),
            DropIntervalZero,
        ),
        refused(
            "v2 interval differs",
            Advert {
                interval: [1, 2],
                ..v2()
            }
            .build(),
            DropIntervalMismatch,
        ),
        refused(
            "no password where one is due",
            Advert {
                interval: [0, 1],
                ..v2()
            }
            .build(),
            DropAuthType,
        ),
        refused(
            "password where none is due",
            Advert {
                interval: [1, 1],
                ..unicast()
            }
            .build(),
            DropAuthType,
        ),
        refused(
            "another password",
            Advert {
                tail: b"s3cres\0\0".to_vec(),
                ..v2()
            }
            .build(),
            DropAuthData,
        ),
        refused(
            "a longer password",
            Advert {
                tail: b"s3cret\0!".to_vec(),
                ..v2()
            }
            .build(),
            DropAuthData,
        ),
        refused(
            "other addresses, v2, refused",
            Advert {
                addresses: vec![ip("10.9.0.99")],
                ..v2()
            }
            .build(),
            DropAddresses,
        )
        .in_scene(|scene| scene.router(GATE_V2).flags = VR_REFUSE_OTHER_ADDRESSES),
    ]
}

fn message_v6() -> Vec<Case> {
    use Cause::{DropChecksum, DropFirstAddress, DropLength};
    let many = (1..=200).map(|i| ip(&format!("fe80::{i:x}"))).collect();
    vec![
        refused(
            "IPv6 without a pseudo-header",
            Advert {
                summed: Summed::Plain,
                ..v6()
            }
            .build(),
            DropChecksum,
        ),
        refused(
            "IPv6 octets after the addresses",
            Advert {
                tail: vec![0; 16],
                ..v6()
            }
            .build(),
            DropLength,
        ),
        refused(
            "IPv6, global first, strict",
            Advert {
                addresses: vec![ip("2001:db8::55"), ip("fe80::55")],
                ..v6()
            }
            .build(),
            DropFirstAddress,
        )
        .in_scene(|scene| scene.router(GATE_V6).flags = VR_STRICT),
        accepted(
            "200 other IPv6 addresses",
            Advert {
                addresses: many,
                ..v6()
            }
            .build(),
            &[Cause::AdvertAddressesDiffer],
            NEWS_ADDRESSES,
        ),
    ]
}

/// Not ours to judge: counted at most, and passed.
fn strangers() -> Vec<Case> {
    use Cause::{AdvertNotForUs, AdvertUnknownVrid};
    vec![
        unknown(
            "unknown VRID",
            Advert { vrid: 99, ..v3() }.build(),
            AdvertUnknownVrid,
        ),
        unknown(
            "unknown VRID with a broken checksum",
            Advert {
                vrid: 99,
                spoil: Some(9),
                ..v3()
            }
            .build(),
            AdvertUnknownVrid,
        ),
        unknown(
            "our VRID in another VLAN",
            Advert {
                tags: vec![(0x8100, 6)],
                ..v3()
            }
            .build(),
            AdvertUnknownVrid,
        ),
        unknown(
            "a VLAN's VRID untagged",
            Advert {
                tags: vec![(0x8100, 5)],
                vrid: 51,
                ..v2()
            }
            .build(),
            AdvertUnknownVrid,
        ),
        unknown(
            "our VRID over IPv6",
            Advert { vrid: 52, ..v6() }.build(),
            AdvertUnknownVrid,
        ),
        unknown(
            "our VRID by unicast",
            Advert {
                to_mac: OUR_MAC,
                to: ip("10.9.0.1"),
                ..v3()
            }
            .build(),
            AdvertUnknownVrid,
        ),
        unknown(
            "unicast VRID by multicast",
            Advert { vrid: 54, ..v2() }.build(),
            AdvertUnknownVrid,
        ),
        unknown(
            "unicast to somebody else",
            Advert {
                to: ip("10.9.0.3"),
                ..unicast()
            }
            .build(),
            AdvertNotForUs,
        ),
        Case::arriving(
            "behind two tags",
            Advert {
                tags: vec![(0x88a8, 5), (0x8100, 5)],
                ..v3()
            }
            .build(),
        ),
    ]
}
