use super::{Checksum, Form, Repr};
use crate::packet::{Error, ethernet, fixtures, ipv4, ipv6};
use core::net::{IpAddr, Ipv4Addr};
use proptest::prelude::*;
use vrrp_common::wire::{AUTH_NONE, AUTH_SIMPLE, GROUP_V4, GROUP_V6};

/// Source, destination and VRRP message of a captured frame.
fn message(frame: &[u8]) -> (IpAddr, IpAddr, &[u8]) {
    let (header, packet) = ethernet::Repr::parse(frame).unwrap();
    if header.ethertype == ethernet::TYPE_IPV6 {
        let (ip, message) = ipv6::Repr::parse(packet).unwrap();
        (ip.source.into(), ip.destination.into(), message)
    } else {
        let (ip, message) = ipv4::Repr::parse(packet).unwrap();
        (ip.source.into(), ip.destination.into(), message)
    }
}

fn v2(vrid: u8, priority: u8, password: Option<&[u8; 8]>, addresses: &[&str]) -> Repr {
    let form = Form::V2 {
        interval_s: 1,
        auth_type: if password.is_some() {
            AUTH_SIMPLE
        } else {
            AUTH_NONE
        },
        auth_data: password.copied().unwrap_or_default(),
    };
    Repr {
        vrid,
        priority,
        form,
        addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
    }
}

fn v3(vrid: u8, priority: u8, interval_cs: u16, addresses: &[&str]) -> Repr {
    Repr {
        vrid,
        priority,
        form: Form::V3 { interval_cs },
        addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
    }
}

#[test]
fn reads_and_writes_what_others_send() {
    let pass = Some(b"s3cret\0\0");
    let three = &["198.51.100.10", "198.51.100.11", "198.51.100.12"];
    let cases = [
        (
            "keepalived v2",
            fixtures::KEEPALIVED_V2_PASS,
            v2(21, 150, pass, three),
            Checksum::Plain,
        ),
        (
            "keepalived v2 leaving",
            fixtures::KEEPALIVED_V2_RESIGN,
            v2(21, 0, pass, three),
            Checksum::Plain,
        ),
        (
            "FRR v2",
            fixtures::FRR_V2,
            v2(7, 150, None, &["10.9.0.200"]),
            Checksum::Plain,
        ),
        (
            "keepalived v3",
            fixtures::KEEPALIVED_V3,
            v3(31, 200, 10, &["198.51.100.20", "198.51.100.21"]),
            Checksum::Pseudo,
        ),
        (
            "FRR v3",
            fixtures::FRR_V3,
            v3(5, 200, 100, &["10.9.0.200"]),
            Checksum::Pseudo,
        ),
        (
            "keepalived v3 IPv6",
            fixtures::KEEPALIVED_V3_IPV6,
            v3(61, 254, 50, &["fe80::61", "2001:db8::61"]),
            Checksum::Pseudo,
        ),
        (
            "FRR v3 IPv6",
            fixtures::FRR_V3_IPV6,
            v3(5, 200, 100, &["2001:db8:9::200"]),
            Checksum::Pseudo,
        ),
    ];
    for (name, frame, repr, checksum) in cases {
        let (source, destination, bytes) = message(frame);
        assert_eq!(
            Repr::parse(bytes, source, destination),
            Ok((repr.clone(), checksum)),
            "{name}"
        );
        let mut buffer = vec![0xa5; repr.buffer_len()];
        repr.emit(source, destination, checksum, &mut buffer);
        assert_eq!(buffer, bytes, "{name}");
    }
}

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 2));
const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18));

#[test]
fn the_plain_checksum_leaves_addresses_out() {
    let repr = v3(52, 100, 10, &["10.9.0.52"]);
    let mut buffer = [0xa5; 12];
    repr.emit(SOURCE, GROUP, Checksum::Plain, &mut buffer);
    // By hand: 3134 + 6401 + 000a + 0a09 + 0034 = 9f7c.
    assert_eq!(buffer[6..8], (!0x9f7c_u16).to_be_bytes());
    assert_eq!(
        Repr::parse(&buffer, SOURCE, GROUP),
        Ok((repr.clone(), Checksum::Plain))
    );
    // Through a translator of addresses it still fits; the other form does not.
    let elsewhere = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 3));
    assert_eq!(
        Repr::parse(&buffer, elsewhere, GROUP),
        Ok((repr.clone(), Checksum::Plain))
    );
    repr.emit(SOURCE, GROUP, Checksum::Pseudo, &mut buffer);
    assert_eq!(Repr::parse(&buffer, elsewhere, GROUP), Err(Error::Checksum));
}

#[test]
fn ipv6_and_version_2_have_no_choice() {
    let (source, group) = ("fe80::1".parse().unwrap(), IpAddr::from(GROUP_V6));
    let repr = v3(1, 1, 100, &["fe80::2"]);
    let (mut asked_plain, mut asked_pseudo) = ([0xa5; 24], [0xa5; 24]);
    repr.emit(source, group, Checksum::Plain, &mut asked_plain);
    repr.emit(source, group, Checksum::Pseudo, &mut asked_pseudo);
    assert_eq!(asked_plain, asked_pseudo);

    let repr = v2(1, 1, None, &["10.0.0.1"]);
    let (mut asked_plain, mut asked_pseudo) = ([0xa5; 20], [0xa5; 20]);
    repr.emit(SOURCE, GROUP_V4.into(), Checksum::Plain, &mut asked_plain);
    repr.emit(SOURCE, GROUP_V4.into(), Checksum::Pseudo, &mut asked_pseudo);
    assert_eq!(asked_plain, asked_pseudo);
}

/// A message, changed, with a plain checksum that fits again.
fn mangled(frame: &[u8], mangle: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = message(frame).2.to_vec();
    mangle(&mut bytes);
    bytes[6..8].fill(0);
    let checksum = crate::packet::checksum::Sum::new()
        .add_bytes(&bytes)
        .checksum();
    bytes[6..8].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

#[test]
fn names_what_is_wrong() {
    type Mangle = fn(&mut Vec<u8>);
    let cases: &[(&str, &[u8], Mangle, Error)] = &[
        (
            "version 1",
            fixtures::FRR_V3,
            |b| b[0] = 0x11,
            Error::Version,
        ),
        (
            "version 4",
            fixtures::FRR_V3,
            |b| b[0] = 0x41,
            Error::Version,
        ),
        ("type 2", fixtures::FRR_V3, |b| b[0] = 0x32, Error::Type),
        (
            "an address short",
            fixtures::FRR_V3,
            |b| b[3] = 2,
            Error::Truncated,
        ),
        (
            "an address too many",
            fixtures::FRR_V3,
            |b| b[3] = 0,
            Error::TrailingBytes,
        ),
        (
            "no authentication data",
            fixtures::FRR_V2,
            |b| b.truncate(12),
            Error::Truncated,
        ),
        (
            "v3 interval 0",
            fixtures::FRR_V3,
            |b| b[5] = 0,
            Error::IntervalZero,
        ),
        (
            "v3 interval 0, reserved bits set",
            fixtures::FRR_V3,
            |b| {
                b[4] = 0xf0;
                b[5] = 0;
            },
            Error::IntervalZero,
        ),
        (
            "v2 interval 0",
            fixtures::FRR_V2,
            |b| b[5] = 0,
            Error::IntervalZero,
        ),
        // ucarp: same protocol number, "version 2, priority 0, count 7".
        (
            "ucarp",
            fixtures::FRR_V2,
            |b| {
                b[2] = 0;
                b[3] = 7;
                b.resize(36, 0);
            },
            Error::Truncated,
        ),
    ];
    for (name, frame, mangle, want) in cases {
        assert_eq!(
            Repr::parse(&mangled(frame, mangle), SOURCE, GROUP),
            Err(*want),
            "{name}"
        );
    }
    for len in 0..8 {
        assert_eq!(
            Repr::parse(&message(fixtures::FRR_V3).2[..len], SOURCE, GROUP),
            Err(Error::Truncated)
        );
    }
}

#[test]
fn version_2_knows_no_ipv6() {
    let (source, destination, bytes) = message(fixtures::FRR_V3_IPV6);
    assert_eq!(Repr::parse(bytes, source, GROUP), Err(Error::AddressKind));
    let mut bytes = bytes.to_vec();
    bytes[0] = 0x21;
    assert_eq!(
        Repr::parse(&bytes, source, destination),
        Err(Error::Version)
    );
}

#[test]
fn reserved_bits_are_ignored() {
    let bytes = mangled(fixtures::FRR_V3, |b| b[4] |= 0xf0);
    let (repr, _) = Repr::parse(&bytes, SOURCE, GROUP).unwrap();
    assert_eq!(repr.form, Form::V3 { interval_cs: 100 });
}

#[test]
fn every_flipped_bit_of_a_capture_is_seen() {
    for frame in [
        fixtures::KEEPALIVED_V2_PASS,
        fixtures::KEEPALIVED_V3,
        fixtures::KEEPALIVED_V3_IPV6,
    ] {
        let (source, destination, bytes) = message(frame);
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(
                Repr::parse(&bytes, source, destination).is_err(),
                "bit {bit}"
            );
        }
    }
}

fn reprs() -> impl Strategy<Value = (Repr, IpAddr, IpAddr)> {
    let v2 =
        (1u8.., any::<u8>(), any::<[u8; 8]>()).prop_map(|(interval_s, auth_type, auth_data)| {
            Form::V2 {
                interval_s,
                auth_type,
                auth_data,
            }
        });
    let v3 = (1u16..=4095).prop_map(|interval_cs| Form::V3 { interval_cs });
    let list_v4 = prop::collection::vec(any::<[u8; 4]>().prop_map(IpAddr::from), 1..=255);
    let list_v6 = prop::collection::vec(any::<[u8; 16]>().prop_map(IpAddr::from), 1..=255);
    let ipv4 = (
        prop_oneof![v2, v3.clone()],
        list_v4,
        any::<[u8; 4]>().prop_map(IpAddr::from),
    );
    let ipv6 = (v3, list_v6, any::<[u8; 16]>().prop_map(IpAddr::from));
    (
        any::<u8>(),
        any::<u8>(),
        prop_oneof![ipv4.boxed(), ipv6.boxed()],
    )
        .prop_map(|(vrid, priority, (form, addresses, source))| {
            let group = if source.is_ipv4() {
                GROUP_V4.into()
            } else {
                GROUP_V6.into()
            };
            (
                Repr {
                    vrid,
                    priority,
                    form,
                    addresses,
                },
                source,
                group,
            )
        })
}

proptest! {
    #[test]
    fn comes_back((repr, source, group) in reprs(), plain: bool) {
        let asked = if plain { Checksum::Plain } else { Checksum::Pseudo };
        let len = repr.buffer_len();
        let mut buffer = vec![0xa5; len + 3];
        repr.emit(source, group, asked, &mut buffer);
        prop_assert_eq!(&buffer[len..], &[0xa5; 3][..]);
        let (back, _) = Repr::parse(&buffer[..len], source, group).unwrap();
        prop_assert_eq!(back, repr);
        prop_assert_eq!(Repr::parse(&buffer, source, group), Err(Error::TrailingBytes));
    }

    #[test]
    fn never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..100), head in prop::sample::select(vec![0x21u8, 0x31, 0]), count in 0u8..8, ipv6: bool) {
        if head != 0 && bytes.len() >= 8 {
            bytes[0] = head;
            bytes[3] = count;
        }
        let (source, group) = if ipv6 { (IpAddr::from(GROUP_V6), GROUP_V6.into()) } else { (SOURCE, GROUP) };
        let _ = Repr::parse(&bytes, source, group);
    }
}
