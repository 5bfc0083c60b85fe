use super::{Unsendable, Way, announcement, concession, member};
use crate::{
    config::model::{
        AntiReplay, Authentication, ChecksumPolicy, Family, Trailer, TrailerMode, Version,
    },
    engine::action::{Advert, Announcement},
    ownership::command::VrId,
    packet::{advert, ethernet, fixtures, ipv4, ipv6},
    proof::{self, Received, sequence},
    shell::transmit::seal::{Sequence, seal},
};
use std::{net::IpAddr, time::Duration};

fn addresses(list: &[&str]) -> Vec<IpAddr> {
    list.iter()
        .map(|address| address.parse().unwrap())
        .collect()
}

/// keepalived's instance of [`fixtures::KEEPALIVED_V2_PASS`].
fn v2() -> Advert {
    Advert {
        vr: VrId(7),
        ifindex: 3,
        mac: fixtures::MAC,
        own: fixtures::MAC,
        family: Family::V4,
        version: Version::V2,
        vrid: 21,
        priority: 150,
        interval: Duration::from_secs(1),
        source: "198.51.100.1".parse().unwrap(),
        unicast: vec![],
        group: "224.0.0.18".parse().unwrap(),
        ttl: 255,
        addresses: addresses(&["198.51.100.10", "198.51.100.11", "198.51.100.12"]),
        authentication: Some(Authentication::Pass(*b"s3cret\0\0")),
        checksum: ChecksumPolicy::Pseudo,
    }
}

/// That of [`fixtures::KEEPALIVED_V3`].
fn v3() -> Advert {
    Advert {
        version: Version::V3,
        vrid: 31,
        priority: 200,
        interval: Duration::from_millis(100),
        addresses: addresses(&["198.51.100.20", "198.51.100.21"]),
        authentication: None,
        ..v2()
    }
}

/// That of [`fixtures::KEEPALIVED_V3_IPV6`].
fn ipv6() -> Advert {
    Advert {
        family: Family::V6,
        vrid: 61,
        priority: 254,
        interval: Duration::from_millis(500),
        source: "fe80::ff:fe00:a01".parse().unwrap(),
        group: "ff02::12".parse().unwrap(),
        addresses: addresses(&["fe80::61", "2001:db8::61"]),
        ..v3()
    }
}

/// What the kernel chose for keepalived: identification and header checksum, or
/// the flow label; and our "don't fragment".
fn without_kernels_choice(frame: &[u8]) -> Vec<u8> {
    let mut bytes = frame.to_vec();
    if bytes[12..14] == [0x86, 0xdd] {
        bytes[15] &= 0xf0;
        bytes[16..18].fill(0);
    } else {
        bytes[18..22].fill(0);
        bytes[24..26].fill(0);
    }
    bytes
}

#[test]
fn frames_are_those_keepalived_sends() {
    for (name, advert, sent, resigned) in [
        (
            "v2",
            v2(),
            fixtures::KEEPALIVED_V2_PASS,
            Some(fixtures::KEEPALIVED_V2_RESIGN),
        ),
        ("v3", v3(), fixtures::KEEPALIVED_V3, None),
        ("IPv6", ipv6(), fixtures::KEEPALIVED_V3_IPV6, None),
    ] {
        let member = member(&advert).unwrap();
        assert_eq!(
            (member.vr, member.interval),
            (VrId(7), advert.interval),
            "{name}"
        );
        let [frame] = &member.adverts[..] else {
            panic!("{name}: {member:?}")
        };
        assert_eq!(frame.way(), Way::Link { ifindex: 3 });
        assert_eq!(
            without_kernels_choice(frame.bytes()),
            without_kernels_choice(sent),
            "{name}"
        );
        let [resign] = &member.resigns[..] else {
            panic!("{name}: {member:?}")
        };
        if let Some(resigned) = resigned {
            let (ours, theirs) = (resign.bytes(), resigned);
            assert_eq!(
                without_kernels_choice(ours),
                without_kernels_choice(theirs),
                "{name}"
            );
        }
        assert_ne!(frame, resign);
    }
}

#[test]
fn announcements_are_those_keepalived_sends() {
    for (address, router, sent) in [
        ("198.51.100.20", false, fixtures::KEEPALIVED_GARP),
        ("2001:db8::61", false, fixtures::KEEPALIVED_NA),
    ] {
        let address = address.parse().unwrap();
        let frame = announcement(
            &Announcement {
                ifindex: 4,
                mac: fixtures::MAC,
                address,
            },
            router,
        );
        assert_eq!(
            (frame.bytes(), frame.way()),
            (sent, Way::Link { ifindex: 4 })
        );
    }
    // FRR's says it is a router, and has a virtual MAC.
    let mac = [0, 0, 0x5e, 0, 2, 5];
    let address = "2001:db8:9::200".parse().unwrap();
    let frame = announcement(
        &Announcement {
            ifindex: 4,
            mac,
            address,
        },
        true,
    );
    assert_eq!(frame.bytes(), fixtures::FRR_NA);
}

#[test]
fn unicast_is_one_packet_for_each_peer() {
    let advert = Advert {
        unicast: addresses(&["198.51.100.2", "203.0.113.9"]),
        ..v3()
    };
    let member = member(&advert).unwrap();
    assert_eq!((member.adverts.len(), member.resigns.len()), (2, 2));
    for (frame, &destination) in member.adverts.iter().zip(&advert.unicast) {
        assert_eq!(
            frame.way(),
            Way::Routed {
                ifindex: 3,
                source: advert.source,
                destination
            }
        );
        let (ip, message) = ipv4::Repr::parse(frame.bytes()).unwrap();
        assert_eq!((ip.ttl, IpAddr::from(ip.destination)), (255, destination));
        // Its pseudo-header has the peer's address, not the group's.
        let (repr, form) = advert::Repr::parse(message, advert.source, destination).unwrap();
        assert_eq!((repr.priority, form), (200, advert::Checksum::Pseudo));
    }

    let advert = Advert {
        unicast: addresses(&["fe80::2"]),
        ..ipv6()
    };
    let frames = super::member(&advert).unwrap().resigns;
    let (ip, message) = ipv6::Repr::parse(frames[0].bytes()).unwrap();
    assert_eq!(ip.hop_limit, 255);
    let (repr, _) = advert::Repr::parse(message, advert.source, advert.unicast[0]).unwrap();
    assert_eq!(repr.priority, 0);
}

/// To the group, as its pseudo-header says, but for one station; among unicast peers
/// to the one that won.
#[test]
fn a_concession_is_for_the_winner_alone() {
    let station = [2, 0, 0, 0, 0, 9];
    let winner: IpAddr = "198.51.100.2".parse().unwrap();
    for advert in [v2(), v3(), ipv6()] {
        let frames = concession(&advert, winner, station).unwrap();
        let resigns = member(&advert).unwrap().resigns;
        let ([conceded], [resigned]) = (&frames[..], &resigns[..]) else {
            panic!("{frames:?}")
        };
        assert_eq!(conceded.way(), resigned.way());
        assert_eq!(conceded.bytes()[..6], station);
        assert_eq!(conceded.bytes()[6..], resigned.bytes()[6..]);
        assert_ne!(conceded, resigned);
    }
    let advert = Advert {
        unicast: addresses(&["203.0.113.9", "198.51.100.2"]),
        ..v3()
    };
    let resigns = member(&advert).unwrap().resigns;
    let conceded = concession(&advert, winner, station).unwrap();
    assert_eq!(conceded, [resigns[1].clone()]);
}

#[test]
fn the_checksum_form_is_the_one_asked_for() {
    let advert = Advert {
        checksum: ChecksumPolicy::Plain,
        ..v3()
    };
    let member = member(&advert).unwrap();
    let (_, packet) = ethernet::Repr::parse(member.adverts[0].bytes()).unwrap();
    let (ip, message) = ipv4::Repr::parse(packet).unwrap();
    let (_, form) = advert::Repr::parse(message, ip.source.into(), ip.destination.into()).unwrap();
    assert_eq!(form, advert::Checksum::Plain);
}

#[test]
fn an_advert_goes_to_its_group() {
    let cases = [
        (v2(), "239.129.2.3", [0x01, 0, 0x5e, 1, 2, 3]),
        (v3(), "224.0.0.77", [0x01, 0, 0x5e, 0, 0, 77]),
        (
            ipv6(),
            "ff12::89ab:cdef",
            [0x33, 0x33, 0x89, 0xab, 0xcd, 0xef],
        ),
    ];
    for (advert, group, station) in cases {
        let group: IpAddr = group.parse().unwrap();
        let member = member(&Advert { group, ..advert }).unwrap();
        for frame in member.adverts.iter().chain(&member.resigns) {
            let (link, packet) = ethernet::Repr::parse(frame.bytes()).unwrap();
            assert_eq!(link.destination, station);
            let (source, destination, message) = match group {
                IpAddr::V4(_) => {
                    let (ip, message) = ipv4::Repr::parse(packet).unwrap();
                    (ip.source.into(), IpAddr::from(ip.destination), message)
                }
                IpAddr::V6(_) => {
                    let (ip, message) = ipv6::Repr::parse(packet).unwrap();
                    (ip.source.into(), IpAddr::from(ip.destination), message)
                }
            };
            assert_eq!(destination, group);
            advert::Repr::parse(message, source, destination).unwrap();
        }
    }
    let mixed = Advert {
        group: "ff02::12".parse().unwrap(),
        ..v3()
    };
    assert_eq!(member(&mixed), Err(Unsendable::MixedFamilies));
}

#[test]
fn in_unicast_an_old_checksum_names_the_group() {
    let advert = Advert {
        unicast: addresses(&["198.51.100.2"]),
        checksum: ChecksumPolicy::Group,
        ttl: 4,
        ..v3()
    };
    let member = member(&advert).unwrap();
    let (ip, message) = ipv4::Repr::parse(member.adverts[0].bytes()).unwrap();
    assert_eq!(
        (ip.destination.to_string().as_str(), ip.ttl),
        ("198.51.100.2", 4)
    );
    let parsed = |destination| advert::Repr::parse(message, ip.source.into(), destination);
    assert!(parsed(ip.destination.into()).is_err());
    assert_eq!(parsed(advert.group).unwrap().1, advert::Checksum::Pseudo);
}

#[test]
fn version_2_without_a_password_still_carries_eight_octets() {
    let frame = &member(&Advert {
        authentication: None,
        ..v2()
    })
    .unwrap()
    .adverts[0];
    assert_eq!(frame.bytes().len(), fixtures::KEEPALIVED_V2_PASS.len());
    assert_eq!(frame.bytes()[frame.bytes().len() - 8..], [0; 8]);
}

/// `no_virtual_ipaddress`: as keepalived sends it, and as a peer reads it.
#[test]
fn an_advert_without_any_address_is_sent() {
    for (advert, len) in [(v2(), 16), (v3(), 8)] {
        let vrid = advert.vrid;
        let frame = &member(&Advert {
            addresses: vec![],
            ..advert
        })
        .unwrap()
        .adverts[0];
        let (_, packet) = ethernet::Repr::parse(frame.bytes()).unwrap();
        let (ip, message) = ipv4::Repr::parse(packet).unwrap();
        assert_eq!(message.len(), len);
        let ends = (ip.source.into(), ip.destination.into());
        let (read, _) = advert::Repr::parse(message, ends.0, ends.1).unwrap();
        assert_eq!((read.vrid, read.addresses), (vrid, vec![]));
    }
}

#[test]
fn says_what_cannot_be_sent() {
    let v4 = || addresses(&["192.0.2.1"]);
    let cases = [
        (
            "IPv4 addresses over IPv6",
            Advert {
                addresses: v4(),
                ..ipv6()
            },
            Unsendable::MixedFamilies,
        ),
        (
            "IPv4 peer over IPv6",
            Advert {
                unicast: v4(),
                ..ipv6()
            },
            Unsendable::MixedFamilies,
        ),
        (
            "too many",
            Advert {
                addresses: v4().repeat(256),
                ..v3()
            },
            Unsendable::AddressCount(256),
        ),
        (
            "v2 over IPv6",
            Advert {
                version: Version::V2,
                ..ipv6()
            },
            Unsendable::Version2OverIpv6,
        ),
    ];
    for (name, advert, want) in cases {
        assert_eq!(member(&advert), Err(want), "{name}");
    }
    assert!(
        member(&Advert {
            addresses: v4().repeat(255),
            ..v3()
        })
        .is_ok()
    );
}

#[test]
fn a_password_is_not_printed() {
    let shown = format!("{:?}", member(&v2()).unwrap());
    assert!(
        !shown.contains("115, 51, 99") && !shown.contains("s3cret"),
        "{shown}"
    );
}

/// With a number of its own for each advert, the same for each peer it goes to; also
/// when it resigns or concedes.
#[test]
fn adverts_with_a_hash_are_sealed_as_they_leave() {
    let trailer = Authentication::Trailer(Trailer {
        keys: [(1, vec![9; 32])].into(),
        active_key: 1,
        anti_replay: AntiReplay::Monotonic,
        mode: TrailerMode::Permissive,
    });
    let header = Authentication::Header(*b"s3cret\0\0");
    let peers = addresses(&["198.51.100.2", "198.51.100.3"]);
    let wall = sequence::wall(1000, 0);
    for (base, unicast, authentication, message_at, first) in [
        (v2(), vec![], &header, 44, 1000),
        (v2(), peers.clone(), &header, 44, 1000),
        (v2(), vec![], &trailer, 20, wall),
        (v3(), peers, &trailer, 20, wall),
        (ipv6(), vec![], &trailer, 40, wall),
    ] {
        let advert = Advert {
            authentication: Some(authentication.clone()),
            unicast: unicast.clone(),
            ..base
        };
        let sequence = Sequence::default();
        let made = member(&advert).unwrap();
        let conceded = concession(&advert, "198.51.100.2".parse().unwrap(), [2; 6]).unwrap();
        for (round, mut frames) in [made.adverts, made.resigns, conceded]
            .into_iter()
            .enumerate()
        {
            assert!(!frames.is_empty());
            for frame in &mut frames {
                frame.count_with(&sequence);
            }
            seal(&mut frames, || wall);
            for frame in &frames {
                let ip_at = if unicast.is_empty() { 14 } else { 0 };
                let received = Received {
                    packet: &frame.bytes()[ip_at..],
                    message_at,
                    unicast: !unicast.is_empty(),
                };
                let number = proof::verify(&received, authentication, None, wall);
                assert_eq!(number, Ok(first + u64::try_from(round).unwrap()));
            }
        }
    }
    // Who only receives does not sign.
    let Authentication::Trailer(mut settings) = trailer else {
        unreachable!()
    };
    settings.mode = TrailerMode::ReceiveOnly;
    let silent = Advert {
        authentication: Some(Authentication::Trailer(settings)),
        ..v3()
    };
    assert_eq!(member(&silent), member(&v3()));
}
