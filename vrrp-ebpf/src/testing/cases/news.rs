//! What an accepted advert tells, and what it does to our claim.

use super::{
    Case, GATE_V3, GATE_V6, Scene,
    advert::{v3, v6},
    scene::vr_key,
};
use crate::testing::{
    frames::{Advert, OUR_MAC, PEER_MAC, Summed, from_mac},
    ip, octets,
};
use vrrp_common::{
    counter::Cause,
    event::{
        KIND_ADVERT, KIND_CONFLICT, NEWS_ADDRESSES, NEWS_FORM, NEWS_INTERVAL, NEWS_PEER,
        NEWS_PRIORITY, NEWS_RESIGN, NEWS_REVOKED, NEWS_WHILE_CLAIMED,
    },
    maps::{CHECKSUM_PSEUDO, FAMILY_V4, Peer, PeerKey},
};

/// `10.9.0.2` was heard before, saying what [`v3`] says.
fn known(scene: &mut Scene) -> &mut Peer {
    let key = PeerKey {
        vr: vr_key(52, FAMILY_V4, 0),
        source: octets(ip("10.9.0.2")),
    };
    let peer = Peer {
        last_seen_ns: 5,
        first_seen_ns: 4,
        adverts: 3,
        turn_ns: 5,
        interval_cs: 10,
        priority: 90,
        version: 3,
        ttl: 255,
        checksum_form: CHECKSUM_PSEUDO,
        mac: PEER_MAC,
        address_count: 1,
        addresses_differ: 0,
    };
    scene.peers.push((key, peer));
    &mut scene.peers.last_mut().expect("just added").1
}

/// The same, and its next turn is not yet, whatever the clock says.
fn known_just_now(scene: &mut Scene) -> &mut Peer {
    let peer = known(scene);
    peer.turn_ns = u64::MAX;
    peer
}

fn heard(name: &'static str, advert: &Advert) -> Case {
    let form = match advert.summed {
        Summed::Plain => Cause::AdvertChecksumPlain,
        Summed::Pseudo | Summed::Group => Cause::AdvertChecksumPseudo,
    };
    let case = Case::arriving(name, advert.build()).counts(&[Cause::AdvertAccepted]);
    if advert.from.is_ipv4() {
        case.counts(&[form])
    } else {
        case
    }
}

pub(super) fn cases() -> Vec<Case> {
    [changes(), meetings()].into_iter().flatten().collect()
}

fn changes() -> Vec<Case> {
    let again = |name, advert: &Advert, news: u32| {
        let case = heard(name, advert).in_scene(|scene| {
            known(scene);
        });
        if news == 0 {
            case
        } else {
            case.tells(KIND_ADVERT, news, None, 0)
        }
    };
    vec![
        again("nothing new", &v3(), 0),
        again(
            "another priority",
            &Advert {
                priority: 91,
                ..v3()
            },
            NEWS_PRIORITY,
        ),
        again(
            "another interval",
            &Advert {
                interval: [0, 11],
                ..v3()
            },
            NEWS_INTERVAL,
        ),
        again(
            "resigns",
            &Advert {
                priority: 0,
                ..v3()
            },
            NEWS_RESIGN | NEWS_PRIORITY,
        ),
        heard(
            "resigns again",
            &Advert {
                priority: 0,
                ..v3()
            },
        )
        .in_scene(|scene| known(scene).priority = 0)
        .tells(KIND_ADVERT, NEWS_RESIGN, None, 0),
        again(
            "another checksum form",
            &Advert {
                summed: Summed::Plain,
                ..v3()
            },
            NEWS_FORM,
        ),
        again(
            "other addresses now",
            &Advert {
                addresses: vec![ip("10.9.0.53")],
                ..v3()
            },
            NEWS_ADDRESSES,
        )
        .counts(&[Cause::AdvertAddressesDiffer]),
        heard(
            "other addresses still",
            &Advert {
                addresses: vec![ip("10.9.0.53")],
                ..v3()
            },
        )
        .counts(&[Cause::AdvertAddressesDiffer])
        .in_scene(|scene| known(scene).addresses_differ = 1),
        heard(
            "a second source",
            &Advert {
                from: ip("10.9.0.3"),
                ..v3()
            },
        )
        .in_scene(|scene| {
            known(scene);
        })
        .tells(KIND_ADVERT, NEWS_PEER, None, 0),
    ]
}

/// Ours is 100 from `10.9.0.1` / `fe80::1`, in epoch 7.
fn meetings() -> Vec<Case> {
    let claimed = NEWS_PEER | NEWS_WHILE_CLAIMED;
    let beaten = |name, advert: &Advert, gate: u32| {
        heard(name, advert)
            .in_scene(|scene| scene.open(gate))
            .revokes(gate, advert.priority)
            .tells(KIND_ADVERT, claimed | NEWS_REVOKED, None, 7)
    };
    let survived = |name, advert: &Advert, gate: u32| {
        heard(name, advert)
            .in_scene(|scene| scene.open(gate))
            .tells(KIND_ADVERT, claimed, None, 7)
    };
    let priority = |priority| Advert { priority, ..v3() };
    vec![
        beaten("higher priority", &priority(101), GATE_V3),
        beaten("equal priority, greater address", &priority(100), GATE_V3),
        beaten(
            "IPv6 equal priority, greater address",
            &Advert {
                priority: 100,
                ..v6()
            },
            GATE_V6,
        ),
        survived("lower priority", &priority(99), GATE_V3),
        survived(
            "equal priority, smaller address",
            &Advert {
                from: ip("10.9.0.0"),
                ..priority(100)
            },
            GATE_V3,
        ),
        survived("higher priority, other claim", &priority(200), GATE_V3)
            .in_scene(|scene| scene.router(GATE_V3).priority = 200)
            .in_scene(|scene| scene.router(GATE_V3).own_address = octets(ip("10.9.0.9"))),
        heard("resigns while we own", &priority(0))
            .in_scene(|scene| scene.open(GATE_V3))
            .tells(KIND_ADVERT, claimed | NEWS_RESIGN, None, 7),
        beaten("two owners, theirs is greater", &priority(255), GATE_V3)
            .in_scene(|scene| scene.router(GATE_V3).priority = 255),
        survived(
            "two owners, ours is greater",
            &Advert {
                from: ip("10.9.0.0"),
                ..priority(255)
            },
            GATE_V3,
        )
        .in_scene(|scene| scene.router(GATE_V3).priority = 255),
        heard("while we still claim", &priority(101))
            .in_scene(|scene| scene.claim(GATE_V3))
            .revokes(GATE_V3, 101)
            .tells(KIND_ADVERT, claimed | NEWS_REVOKED, None, 7),
        heard("after we were beaten", &priority(101))
            .in_scene(|scene| {
                scene.open(GATE_V3);
                scene.gate(GATE_V3).revoked_epoch = 7;
            })
            .tells(KIND_ADVERT, NEWS_PEER, None, 0),
        heard("after we gave up", &priority(101))
            .in_scene(|scene| {
                scene.open(GATE_V3);
                scene.gate(GATE_V3).closed_epoch = 7;
            })
            .tells(KIND_ADVERT, NEWS_PEER, None, 0),
        heard("steady loser while we own, just told of", &v3())
            .counts(&[Cause::EventSpared])
            .in_scene(|scene| {
                known_just_now(scene);
                scene.open(GATE_V3);
            }),
        heard(
            "loser's other priority while we own, just told of",
            &priority(91),
        )
        .in_scene(|scene| {
            known_just_now(scene);
            scene.open(GATE_V3);
        })
        .tells(KIND_ADVERT, NEWS_PRIORITY | NEWS_WHILE_CLAIMED, None, 7),
        heard("winner while we own, just told of", &priority(101))
            .in_scene(|scene| {
                known_just_now(scene).priority = 101;
                scene.open(GATE_V3);
            })
            .revokes(GATE_V3, 101)
            .tells(KIND_ADVERT, NEWS_WHILE_CLAIMED | NEWS_REVOKED, None, 7),
        heard("resigns, just told of", &priority(0))
            .in_scene(|scene| {
                known_just_now(scene);
            })
            .tells(KIND_ADVERT, NEWS_RESIGN | NEWS_PRIORITY, None, 0),
        heard("resigns again, just told of", &priority(0))
            .counts(&[Cause::EventSpared])
            .in_scene(|scene| {
                known_just_now(scene).priority = 0;
            }),
        Case::arriving("with our own MAC", from_mac(v3().build(), OUR_MAC))
            .counts(&[
                Cause::AdvertAccepted,
                Cause::AdvertChecksumPseudo,
                Cause::OwnMac,
            ])
            .in_scene(|scene| {
                known(scene);
            })
            .tells(KIND_CONFLICT, 0, Some(Cause::OwnMac), 0),
        heard("steady loser while we own", &v3())
            .in_scene(|scene| {
                known(scene);
                scene.open(GATE_V3);
            })
            .tells(KIND_ADVERT, NEWS_WHILE_CLAIMED, None, 7),
    ]
}
