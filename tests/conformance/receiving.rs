//! Rules 1, 6, 7, 15 and 16: where an advert comes from and where it goes.

use crate::{
    frames::{of_57, to_mac},
    trial::{Rule, Trial},
};
use vrrp_common::{
    counter::Cause::{AdvertNotForUs, AdvertUnknownVrid, DropChecksum, DropOwnSource, DropTtl},
    event::{KIND_CONFLICT, NEWS_WHILE_CLAIMED},
};
use vrrp_ebpf::testing::{
    cases::{GATE_V3, GATE_VMAC, unicast, v2, v3, v6},
    frames::{Advert, OUR_MAC, VIRTUAL_MAC},
    ip,
};

pub(crate) fn rules() -> Vec<Rule> {
    vec![
        from_this_link(),
        for_a_virtual_router_of_ours(),
        heard_by_an_owner(),
        each_refusal_is_counted(),
        never_forwarded(),
    ]
}

fn from_this_link() -> Rule {
    let with = |ttl, advert| Advert { ttl, ..advert };
    Rule {
        number: 1,
        section: "RFC 9568 §5.1.1.3, §5.1.2.3, RFC 3768 §5.2.3",
        says: "a TTL or hop limit other than 255 came over a router: discard",
        trials: vec![
            Trial::heard("255", &v3()).recorded(|peer| peer.ttl = 255),
            Trial::heard("255, version 2", &v2()),
            Trial::heard("255, IPv6", &v6()),
            Trial::refused("254", &with(254, v3()), DropTtl),
            Trial::refused("0", &with(0, v3()), DropTtl),
            Trial::refused("254, version 2", &with(254, v2()), DropTtl),
            Trial::refused("254, IPv6", &with(254, v6()), DropTtl),
            Trial::refused("254, unicast", &with(254, unicast()), DropTtl),
        ],
        elsewhere: &[],
    }
}

fn for_a_virtual_router_of_ours() -> Rule {
    let unknown = |what, advert: &Advert| Trial::not_ours(what, advert, AdvertUnknownVrid);
    Rule {
        number: 6,
        section: "RFC 9568 §7.1, §5.2.3",
        says: "the VRID must be configured on that interface, in that VLAN, family and cast",
        trials: vec![
            Trial::heard("ours", &v3()),
            Trial::heard(
                "ours in VLAN 5",
                &Advert {
                    tags: vec![(0x8100, 5)],
                    from: ip("10.5.0.2"),
                    addresses: vec![ip("10.5.0.52")],
                    ..v3()
                },
            ),
            unknown("another VRID", &Advert { vrid: 99, ..v3() }),
            unknown("VRID 0", &Advert { vrid: 0, ..v3() }),
            unknown(
                "another VRID and a broken checksum: not ours to judge",
                &Advert {
                    vrid: 99,
                    spoil: Some(9),
                    ..v3()
                },
            ),
            unknown(
                "in another VLAN",
                &Advert {
                    tags: vec![(0x8100, 6)],
                    ..v3()
                },
            ),
            unknown("of the other family", &Advert { vrid: 52, ..v6() }),
            unknown(
                "by unicast to a multicast router",
                &Advert {
                    to_mac: OUR_MAC,
                    to: ip("10.9.0.1"),
                    ..v3()
                },
            ),
            unknown(
                "by multicast to a unicast router",
                &Advert { vrid: 54, ..v2() },
            ),
        ],
        elsewhere: &["tests/smoke/vlan.rs::vlans_never_share_a_virtual_router_on_6_1"],
    }
}

fn heard_by_an_owner() -> Rule {
    let own = |what, advert| {
        Trial::refused(what, &advert, DropOwnSource).tells(KIND_CONFLICT, 0, Some(DropOwnSource))
    };
    Rule {
        number: 7,
        section: "RFC 9568 §7.1, §6.4.3",
        says: "an address owner looks at adverts too, so that a second owner shows; \
               what claims to come from our own address is a loop or a duplicate",
        trials: vec![
            Trial::heard("we are the owner", &v3())
                .in_scene(|scene| scene.router(GATE_V3).priority = 255),
            own(
                "from our own address",
                Advert {
                    from: ip("10.9.0.1"),
                    ..v3()
                },
            ),
            own(
                "from our own address, IPv6",
                Advert {
                    from: ip("fe80::1"),
                    ..v6()
                },
            ),
        ],
        elsewhere: &[
            "vrrp-user/src/engine/tests/start.rs::an_owner_yields_to_a_rival_owner_of_a_greater_address",
            "vrrp-user/src/engine/tests/conflict.rs::frames_that_should_be_ours_alone",
        ],
    }
}

fn each_refusal_is_counted() -> Rule {
    let broken = Advert {
        spoil: Some(9),
        ..v3()
    };
    Rule {
        number: 15,
        section: "RFC 9568 §7.1",
        says: "every discard is counted by its cause, and told of at a bounded rate",
        trials: vec![
            Trial::refused(
                "three times the same: three counted, one told",
                &broken,
                DropChecksum,
            )
            .times(3),
            Trial::refused(
                "another cause has a counter and a turn of its own",
                &Advert { ttl: 254, ..v3() },
                DropTtl,
            )
            .times(3),
            Trial::heard("what is accepted is news once", &v3()).times(3),
        ],
        elsewhere: &[
            "tests/xdp/table.rs::arriving",
            "tests/netns/refused.rs::a_flood_with_a_wrong_checksum_changes_nothing",
        ],
    }
}

fn never_forwarded() -> Rule {
    let to_the_virtual_mac = of_57("10.9.0.2", 90);
    Rule {
        number: 16,
        section: "RFC 9568 §5.1.1.2, §5.1.2.2",
        says: "an advert goes to this host's stack as it came, or nowhere: never back \
               out, never readdressed",
        trials: vec![
            Trial::heard("to the group", &v3()),
            Trial::heard("to the group, IPv6", &v6()),
            Trial::heard(
                "to one station, as bridges may turn it",
                &to_the_virtual_mac,
            )
            .in_scene(|scene| scene.open(GATE_VMAC))
            .news(NEWS_WHILE_CLAIMED)
            .in_our_epoch()
            .framed(|frame| to_mac(frame, VIRTUAL_MAC)),
            Trial::not_ours(
                "somebody else's unicast on its way through is not touched",
                &Advert {
                    to: ip("10.9.0.3"),
                    ..unicast()
                },
                AdvertNotForUs,
            ),
        ],
        elsewhere: &[],
    }
}
