//! Adverts: what is accepted, and each reason to refuse one.

mod hash;
mod message;
mod network;

pub(crate) use hash::ah;

use super::{Case, GATE_V2, GATE_V3, scene::GATE_UNICAST};
use crate::testing::{
    frames::{Advert, BROADCAST, OUR_MAC, Summed},
    ip,
};
use vrrp_common::{
    counter::Cause,
    event::{KIND_ADVERT, KIND_REJECTED, NEWS_ADDRESSES, NEWS_PEER},
    maps::{VR_REFUSE_OTHER_ADDRESSES, VR_SKIP_ADDRESSES},
    wire::{GROUP_MAC_V4, GROUP_MAC_V6},
};

/// VRID 52, version 3 over IPv4, as keepalived sends it.
#[must_use]
pub fn v3() -> Advert {
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
        trailer: vec![],
        ah: vec![],
        summed: Summed::Pseudo,
        spoil: None,
        padding: 0,
    }
}

/// VRID 51, version 2 with a password.
#[must_use]
pub fn v2() -> Advert {
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
#[must_use]
pub fn unicast() -> Advert {
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

/// VRID 54 in version 3.
fn unicast_v3(summed: Summed) -> Advert {
    Advert {
        version_type: 0x31,
        interval: [0, 10],
        tail: vec![],
        summed,
        ..unicast()
    }
}

/// VRID 55, IPv6.
#[must_use]
pub fn v6() -> Advert {
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
        network::ip_layer(),
        network::origin(),
        message::v3_cases(),
        message::v2_cases(),
        message::v6_cases(),
        hash::cases(),
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
        accepted(
            "v3 unicast, checksum that names the group",
            unicast_v3(Summed::Group).build(),
            pseudo,
            0,
        )
        .in_scene(|scene| scene.router(GATE_UNICAST).version = 3),
        accepted(
            "v3 unicast, checksum that names the destination",
            unicast_v3(Summed::Pseudo).build(),
            pseudo,
            0,
        )
        .in_scene(|scene| scene.router(GATE_UNICAST).version = 3),
        refused(
            "v3 unicast, checksum that names another group",
            unicast_v3(Summed::Group).build(),
            Cause::DropChecksum,
        )
        .in_scene(|scene| {
            scene.router(GATE_UNICAST).version = 3;
            scene.hears(GATE_UNICAST, "239.129.2.3");
        }),
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
        accepted(
            "v3 without any address, like ours",
            Advert {
                addresses: vec![],
                ..v3()
            }
            .build(),
            pseudo,
            0,
        )
        .in_scene(|scene| {
            scene.router(GATE_V3).address_count = 0;
            scene.router(GATE_V3).address_sum = 0;
        }),
        accepted(
            "v2 without any address",
            Advert {
                addresses: vec![],
                ..v2()
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
