//! Rules 2 to 5 and 8 to 14: what the message says.

use crate::{
    frames::{cut, interval, of_57},
    trial::{Rule, Trial},
};
use vrrp_common::{
    counter::Cause::{
        AdvertAddressesDiffer, AdvertFirstAddressGlobal, DropAddressCount, DropAddresses,
        DropAuthData, DropAuthType, DropChecksum, DropFirstAddress, DropIntervalMismatch,
        DropIntervalZero, DropIpHeader, DropLength, DropTruncated, DropType, DropUcarp,
        DropVersion,
    },
    event::NEWS_ADDRESSES,
    maps::{
        CHECKSUM_PLAIN, CHECKSUM_PSEUDO, VR_REFUSE_OTHER_ADDRESSES, VR_SKIP_ADDRESSES, VR_STRICT,
    },
};
use vrrp_ebpf::testing::{
    cases::{GATE_V2, GATE_V3, GATE_V6, unicast, v2, v3, v6},
    frames::{Advert, Summed, with_ipv4_header},
    ip,
};

pub(crate) fn rules() -> Vec<Rule> {
    vec![
        version(),
        kind(),
        length(),
        checksum(),
        count(),
        interval_of_none(),
        first_address(),
        reserved_bits(),
        another_interval(),
        other_addresses(),
        authentication(),
    ]
}

/// An advert with another first octet: version and type.
fn first_octet(version_type: u8, advert: Advert) -> Advert {
    Advert {
        version_type,
        ..advert
    }
}

fn version() -> Rule {
    let refused = |what, advert| Trial::refused(what, &advert, DropVersion);
    Rule {
        number: 2,
        section: "RFC 9568 §5.2.1, §7.1",
        says: "another version than the one spoken here: discard",
        trials: vec![
            Trial::heard("3 where 3 is spoken", &v3()).recorded(|peer| peer.version = 3),
            Trial::heard("2 where 2 is spoken", &v2()).recorded(|peer| peer.version = 2),
            refused("2 where 3 is spoken", first_octet(0x21, v3())),
            refused("3 where 2 is spoken", first_octet(0x31, v2())),
            refused("4", first_octet(0x41, v3())),
            refused("0", first_octet(0x01, v3())),
            refused("15, IPv6", first_octet(0xf1, v6())),
            refused("2 over IPv6, which has none", first_octet(0x21, v6())),
            refused("4, whatever is configured", first_octet(0x41, v3()))
                .in_scene(|scene| scene.router(GATE_V3).version = 4),
        ],
        elsewhere: &[],
    }
}

fn kind() -> Rule {
    let refused = |what, advert| Trial::refused(what, &advert, DropType);
    Rule {
        number: 3,
        section: "RFC 9568 §5.2.2",
        says: "any type but 1, advertisement, is unknown: discard",
        trials: vec![
            Trial::heard("1", &v3()),
            refused("0", first_octet(0x30, v3())),
            refused("2", first_octet(0x32, v3())),
            refused("15, version 2", first_octet(0x2f, v2())),
            refused("2, IPv6", first_octet(0x32, v6())),
        ],
        elsewhere: &[],
    }
}

fn length() -> Rule {
    let counted = |count, advert| Advert {
        count: Some(count),
        ..advert
    };
    let tailed = |tail: &[u8], advert| Advert {
        tail: tail.to_vec(),
        ..advert
    };
    // 36 octets whose first says "version 2, advertisement".
    let ucarp = Advert {
        vrid: 51,
        priority: 0,
        count: Some(7),
        interval: [0, 1],
        addresses: vec![],
        ..tailed(&[0x5a; 28], v2())
    };
    let as_long_as = |total: u8| with_ipv4_header(v3().build(), |header| header[3] = total);
    Rule {
        number: 4,
        section: "RFC 9568 §7.1, RFC 3768 §7.1",
        says: "the packet must be complete, to the octet: the count says how long it is, \
               and only Ethernet may pad it; version 2 carries eight octets more",
        trials: vec![
            Trial::heard(
                "Ethernet padding behind it",
                &Advert {
                    padding: 14,
                    ..v3()
                },
            ),
            Trial::heard(
                "255 addresses, all there",
                &Advert {
                    addresses: (1..=255).map(|i| ip(&format!("10.9.1.{i}"))).collect(),
                    ..v3()
                },
            )
            .counts(&[AdvertAddressesDiffer])
            .news(NEWS_ADDRESSES)
            .recorded(|peer| {
                peer.address_count = 255;
                peer.addresses_differ = 1;
            }),
            Trial::refused("counts one too many", &counted(2, v3()), DropLength),
            Trial::refused("counts one too few", &counted(0, v3()), DropLength),
            Trial::refused("counts one too many, IPv6", &counted(3, v6()), DropLength),
            Trial::refused("one octet behind it", &tailed(&[0], v3()), DropLength),
            Trial::refused("four octets behind it", &tailed(&[0; 4], v3()), DropLength),
            Trial::refused(
                "an address behind it, IPv6",
                &tailed(&[0; 16], v6()),
                DropLength,
            ),
            Trial::refused(
                "version 2 without its eight octets",
                &tailed(&[], v2()),
                DropLength,
            ),
            Trial::refused(
                "ucarp, which has the same protocol number",
                &ucarp,
                DropUcarp,
            ),
            Trial::refused_as(
                "ends in the addresses",
                cut(v3().build(), 1),
                &v3(),
                DropTruncated,
            ),
            Trial::refused_as(
                "ends in the header",
                cut(v3().build(), 5),
                &nobody(),
                DropTruncated,
            ),
            Trial::refused_as(
                "ends in the addresses, IPv6",
                cut(v6().build(), 1),
                &v6(),
                DropTruncated,
            ),
            Trial::refused_as(
                "IP says less than a header",
                as_long_as(27),
                &v3(),
                DropIpHeader,
            ),
            Trial::refused_as(
                "IP says more than there is",
                as_long_as(33),
                &v3(),
                DropTruncated,
            ),
        ],
        elsewhere: &["tests/xdp/captures.rs::truncated_adverts_are_not_accepted"],
    }
}

/// [`v3`] before its VRID could be read.
fn nobody() -> Advert {
    Advert { vrid: 0, ..v3() }
}

fn checksum() -> Rule {
    let summed = |summed, advert| Advert { summed, ..advert };
    let spoilt = |at, advert| Advert {
        spoil: Some(at),
        ..advert
    };
    let refused = |what, advert| Trial::refused(what, &advert, DropChecksum);
    Rule {
        number: 5,
        section: "RFC 9568 §5.2.8, RFC 3768 §5.3.8",
        says: "a wrong checksum: discard. Version 2 sums the message, IPv6 with a \
               pseudo-header; version 3 over IPv4 is summed either way by those who \
               speak it, so either is right and recorded",
        trials: vec![
            Trial::heard("pseudo-header", &v3())
                .recorded(|peer| peer.checksum_form = CHECKSUM_PSEUDO),
            Trial::heard("the message alone", &summed(Summed::Plain, v3()))
                .recorded(|peer| peer.checksum_form = CHECKSUM_PLAIN),
            Trial::heard("version 2", &v2()).recorded(|peer| peer.checksum_form = CHECKSUM_PLAIN),
            Trial::heard("IPv6", &v6()).recorded(|peer| peer.checksum_form = CHECKSUM_PSEUDO),
            refused(
                "version 2 with a pseudo-header",
                summed(Summed::Pseudo, v2()),
            ),
            refused("IPv6 without", summed(Summed::Plain, v6())),
            refused("one bit of the priority", spoilt(2, v3())),
            refused("one bit of an address", spoilt(9, v3())),
            refused("one bit of the sum", spoilt(6, summed(Summed::Plain, v3()))),
            refused("one bit of the password", spoilt(13, v2())),
            refused("one bit, IPv6", spoilt(30, v6())),
        ],
        elsewhere: &[
            "tests/xdp/captures.rs::real_adverts_are_accepted_and_only_news_is_told",
            "tests/interop/checksum.rs::backup_learns_the_form",
        ],
    }
}

fn count() -> Rule {
    let none = |advert| Advert {
        addresses: vec![],
        ..advert
    };
    Rule {
        number: 8,
        section: "RFC 9568 §5.2.5, RFC 3768 §7.1",
        says: "an advert of no address: discard, unless we have none either. Version 2 \
               has no such rule",
        trials: vec![
            Trial::heard("one", &v3()).recorded(|peer| peer.address_count = 1),
            Trial::heard("two", &v6()).recorded(|peer| peer.address_count = 2),
            Trial::refused("none", &none(v3()), DropAddressCount),
            Trial::heard("none, version 2", &none(v2()))
                .counts(&[AdvertAddressesDiffer])
                .news(NEWS_ADDRESSES)
                .recorded(|peer| {
                    peer.address_count = 0;
                    peer.addresses_differ = 1;
                }),
            Trial::heard("none, and we have none either", &none(v3()))
                .in_scene(|scene| {
                    scene.router(GATE_V3).address_count = 0;
                    scene.router(GATE_V3).address_sum = 0;
                })
                .recorded(|peer| peer.address_count = 0),
            Trial::refused("none, IPv6", &none(v6()), DropAddressCount),
        ],
        elsewhere: &[],
    }
}

fn interval_of_none() -> Rule {
    Rule {
        number: 9,
        section: "RFC 9568 §5.2.7",
        says: "an interval is 1 to 4095 centiseconds; zero would be a takeover within \
               milliseconds: discard",
        trials: vec![
            Trial::heard("1", &interval([0, 1])).recorded(|peer| peer.interval_cs = 1),
            Trial::heard("4095", &interval([0x0f, 0xff])).recorded(|peer| peer.interval_cs = 4095),
            Trial::refused("0", &interval([0, 0]), DropIntervalZero),
            Trial::refused(
                "0 but for reserved bits",
                &interval([0xf0, 0]),
                DropIntervalZero,
            ),
            Trial::refused(
                "0, version 2",
                &Advert {
                    interval: [1, 0],
                    ..v2()
                },
                DropIntervalZero,
            ),
            Trial::refused(
                "0, IPv6",
                &Advert {
                    interval: [0, 0],
                    ..v6()
                },
                DropIntervalZero,
            ),
        ],
        elsewhere: &["vrrp-user/src/engine/tests/intervals.rs::one_centisecond"],
    }
}

fn first_address() -> Rule {
    let global_first = || Advert {
        addresses: vec![ip("2001:db8::55"), ip("fe80::55")],
        ..v6()
    };
    Rule {
        number: 10,
        section: "RFC 9568 §5.2.9",
        says: "the first IPv6 address is the virtual router's link-local one; who sends \
               another first (FRR) is heard all the same and counted, or refused in \
               strict mode",
        trials: vec![
            Trial::heard("link-local first", &v6()),
            Trial::heard("global first", &global_first()).counts(&[AdvertFirstAddressGlobal]),
            Trial::heard("link-local first, strict", &v6())
                .in_scene(|scene| scene.router(GATE_V6).flags = VR_STRICT),
            Trial::refused("global first, strict", &global_first(), DropFirstAddress)
                .in_scene(|scene| scene.router(GATE_V6).flags = VR_STRICT),
        ],
        elsewhere: &["tests/interop/frr.rs::frr_xvrrpd"],
    }
}

fn reserved_bits() -> Rule {
    Rule {
        number: 11,
        section: "RFC 9568 §5.2.6",
        says: "the four bits before the interval are sent as zero and not looked at",
        trials: vec![
            Trial::heard("all set", &interval([0xf0, 10])).recorded(|peer| peer.interval_cs = 10),
            Trial::heard("one set", &interval([0x80, 1])).recorded(|peer| peer.interval_cs = 1),
            Trial::heard(
                "all set, IPv6",
                &Advert {
                    interval: [0xf1, 0],
                    ..v6()
                },
            )
            .recorded(|peer| peer.interval_cs = 256),
        ],
        elsewhere: &[
            "vrrp-user/src/packet/advert/tests.rs::reserved_bits_are_ignored",
            "vrrp-user/src/shell/transmit/frames/tests.rs::frames_are_those_keepalived_sends",
        ],
    }
}

fn another_interval() -> Rule {
    let seconds = |seconds| Advert {
        interval: [1, seconds],
        ..v2()
    };
    Rule {
        number: 12,
        section: "RFC 9568 §6.1, §6.4.2, RFC 3768 §7.1",
        says: "another interval than ours: version 3 learns it, version 2 discards",
        trials: vec![
            Trial::heard("longer, version 3", &interval([0, 11]))
                .recorded(|peer| peer.interval_cs = 11),
            Trial::heard("shorter, version 3", &interval([0, 2]))
                .recorded(|peer| peer.interval_cs = 2),
            Trial::heard("the same, version 2", &seconds(1))
                .recorded(|peer| peer.interval_cs = 100),
            Trial::refused("longer, version 2", &seconds(2), DropIntervalMismatch),
            Trial::refused("shorter, version 2", &seconds(1), DropIntervalMismatch)
                .in_scene(|scene| scene.router(GATE_V2).interval_cs = 200),
        ],
        elsewhere: &["vrrp-user/src/engine/tests/backup.rs::the_active_changes_its_interval"],
    }
}

fn other_addresses() -> Rule {
    let other = |text, advert| Advert {
        addresses: vec![ip(text)],
        ..advert
    };
    let differs = |what, advert| {
        Trial::heard(what, &advert)
            .counts(&[AdvertAddressesDiffer])
            .news(NEWS_ADDRESSES)
            .recorded(|peer| peer.addresses_differ = 1)
    };
    let old_rule = |scene: &mut vrrp_ebpf::testing::cases::Scene| {
        scene.router(GATE_V2).flags = VR_REFUSE_OTHER_ADDRESSES;
    };
    Rule {
        number: 13,
        section: "RFC 9568 §7.1, RFC 3768 §7.1",
        says: "another list of addresses is counted and told of, and kept; version 2's \
               old rule, where it is asked for, discards it unless the owner sent it",
        trials: vec![
            differs("version 3", other("10.9.0.53", v3())),
            differs("IPv6", other("fe80::56", v6())),
            differs("version 2", other("10.9.0.53", v2())),
            Trial::heard("not looked at", &other("10.9.0.53", v3()))
                .in_scene(|scene| scene.router(GATE_V3).flags = VR_SKIP_ADDRESSES),
            Trial::heard(
                "the same in another order",
                &Advert {
                    addresses: vec![ip("10.9.0.157"), ip("10.9.0.57")],
                    ..of_57("10.9.0.2", 90)
                },
            ),
            Trial::refused(
                "version 2, the old rule",
                &other("10.9.0.53", v2()),
                DropAddresses,
            )
            .in_scene(old_rule),
            Trial::heard("version 2, the old rule, the same list", &v2()).in_scene(old_rule),
            differs(
                "version 2, the old rule, from the owner",
                Advert {
                    priority: 255,
                    ..other("10.9.0.53", v2())
                },
            )
            .in_scene(old_rule),
        ],
        elsewhere: &[],
    }
}

fn authentication() -> Rule {
    let with = |kind, data: &[u8; 8], advert| Advert {
        interval: [kind, 1],
        tail: data.to_vec(),
        ..advert
    };
    Rule {
        number: 14,
        section: "RFC 2338 §5.3.6, RFC 3768 §5.3.6, §5.3.10",
        says: "version 2: another type of authentication than ours, or another password \
               in its eight zero-padded octets: discard; without one they mean nothing",
        trials: vec![
            Trial::heard("the password", &with(1, b"s3cret\0\0", v2())),
            Trial::refused(
                "another password",
                &with(1, b"s3cres\0\0", v2()),
                DropAuthData,
            ),
            Trial::refused(
                "a longer password",
                &with(1, b"s3cret\0!", v2()),
                DropAuthData,
            ),
            Trial::refused(
                "a shorter password",
                &with(1, b"s3cre\0\0\0", v2()),
                DropAuthData,
            ),
            Trial::refused(
                "none where one is due",
                &with(0, &[0; 8], v2()),
                DropAuthType,
            ),
            Trial::refused(
                "the password, called no authentication",
                &with(0, b"s3cret\0\0", v2()),
                DropAuthType,
            ),
            Trial::refused(
                "a password where none is due",
                &with(1, b"s3cret\0\0", unicast()),
                DropAuthType,
            ),
            Trial::heard("none where none is due", &with(0, &[0; 8], unicast())),
            Trial::heard("junk where none is due", &with(0, b"whatever", unicast())),
        ],
        elsewhere: &["tests/wire/accepted.rs::another_password_is_not_accepted"],
    }
}
