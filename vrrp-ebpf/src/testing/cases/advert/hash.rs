//! Adverts with a hash: every check but that one is made here, and nobody is stamped.

use super::{Advert, Case, accepted, refused, unicast, v2, v3, v6};
use crate::testing::{
    cases::{GATE_UNICAST, GATE_V2, GATE_V3, GATE_V6},
    ip,
};
use vrrp_common::{
    counter::Cause,
    maps::{VR_TRAILER, VR_TRAILER_ONLY},
    wire::AUTH_AH,
};

/// An Authentication Header with a hash of nothing in particular.
fn header() -> Vec<u8> {
    let mut header = vec![112, 4, 0, 0, 10, 9, 0, 2, 0, 0, 0, 7];
    header.extend([0x5a; 12]);
    header
}

/// A trailer likewise.
fn trailer() -> Vec<u8> {
    let mut trailer = vec![1, 1, 0, 0, 0x68, 0, 0, 0, 0x80, 0, 0, 0];
    trailer.extend([0x5a; 16]);
    trailer
}

/// VRID 51 with `auth_type AH`.
pub(crate) fn ah() -> Advert {
    Advert {
        interval: [2, 1],
        tail: vec![0; 8],
        ah: header(),
        ..v2()
    }
}

fn handed(name: &'static str, frame: Vec<u8>) -> Case {
    Case::arriving(name, frame).counts(&[Cause::AdvertToVerify])
}

fn with_ah(case: Case, gate: u32) -> Case {
    case.in_scene(|scene| scene.router(gate).auth_type = AUTH_AH)
}

fn with_trailer(case: Case, gate: u32, only: u32) -> Case {
    case.in_scene(|scene| scene.router(gate).flags |= VR_TRAILER | only)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = headers();
    cases.extend(trailers());
    cases
}

fn headers() -> Vec<Case> {
    use Cause::{DropAuthType, DropChecksum, DropIpChecksum, DropIpHeader, DropTtl};
    let other_protocol = Advert {
        ah: [vec![6], header()[1..].to_vec()].concat(),
        ..ah()
    };
    let longer = Advert {
        ah: [vec![112, 5], header()[2..].to_vec(), vec![0; 4]].concat(),
        ..ah()
    };
    let mut bad_sum = ah().build();
    bad_sum[24] ^= 1;
    let mut short = ah().build();
    // A total length that ends within the header of AH, with a sum that is right.
    short[16..18].copy_from_slice(&[0, 40]);
    short[24..26].copy_from_slice(&[0, 0]);
    let sum = crate::testing::frames::checksum(&[&short[14..34]]);
    short[24..26].copy_from_slice(&sum);
    vec![
        with_ah(handed("AH", ah().build()), GATE_V2),
        with_ah(
            handed(
                "AH behind IP options",
                Advert {
                    options: vec![1, 1, 1, 0],
                    ..ah()
                }
                .build(),
            ),
            GATE_V2,
        ),
        with_ah(
            handed(
                "AH of a winner changes nothing here",
                Advert {
                    priority: 200,
                    ..ah()
                }
                .build(),
            ),
            GATE_V2,
        )
        .in_scene(|scene| scene.open(GATE_V2)),
        with_ah(
            handed(
                "AH, unicast",
                Advert {
                    interval: [2, 1],
                    ah: header(),
                    ..unicast()
                }
                .build(),
            ),
            GATE_UNICAST,
        ),
        refused("AH where a password is due", ah().build(), DropAuthType),
        refused(
            "AH where version 3 is spoken",
            Advert { vrid: 52, ..ah() }.build(),
            DropAuthType,
        ),
        with_ah(
            refused("a password where AH is due", v2().build(), DropAuthType),
            GATE_V2,
        ),
        with_ah(
            refused(
                "says AH and has none",
                Advert { ah: vec![], ..ah() }.build(),
                DropAuthType,
            ),
            GATE_V2,
        ),
        with_ah(
            refused(
                "AH around an advert without",
                Advert {
                    interval: [0, 1],
                    ..ah()
                }
                .build(),
                DropAuthType,
            ),
            GATE_V2,
        ),
        with_ah(
            refused(
                "AH, one bit of the message",
                Advert {
                    spoil: Some(9),
                    ..ah()
                }
                .build(),
                DropChecksum,
            ),
            GATE_V2,
        ),
        with_ah(
            refused("AH, TTL 254", Advert { ttl: 254, ..ah() }.build(), DropTtl),
            GATE_V2,
        ),
        with_ah(
            refused("AH, IP header spoilt", bad_sum, DropIpChecksum),
            GATE_V2,
        ),
        with_ah(
            refused("AH, packet ends within it", short, DropIpHeader),
            GATE_V2,
        ),
        with_ah(
            Case::arriving("AH of another protocol coming in", other_protocol.build()),
            GATE_V2,
        ),
        with_ah(
            Case::arriving("AH of another length", longer.build()),
            GATE_V2,
        ),
    ]
}

fn trailers() -> Vec<Case> {
    use Cause::{AdvertChecksumPseudo, DropAuthMissing, DropChecksum, DropLength};
    let v3_signed = || Advert {
        trailer: trailer(),
        ..v3()
    };
    let v6_signed = || Advert {
        trailer: trailer(),
        ..v6()
    };
    let many = (1..=80).map(|i| ip(&format!("fe80::{i:x}"))).collect();
    let mut unsummed = v6().build();
    unsummed.extend(trailer());
    let len = u16::from_be_bytes([unsummed[18], unsummed[19]]) + 28;
    unsummed[18..20].copy_from_slice(&len.to_be_bytes());
    vec![
        with_trailer(
            handed("v3 with a trailer", v3_signed().build()),
            GATE_V3,
            VR_TRAILER_ONLY,
        ),
        with_trailer(
            handed("v3 with a trailer, plain", {
                let summed = super::Summed::Plain;
                Advert {
                    summed,
                    ..v3_signed()
                }
                .build()
            }),
            GATE_V3,
            0,
        ),
        with_trailer(
            handed(
                "v2 with a trailer",
                Advert {
                    interval: [0, 1],
                    tail: vec![0; 8],
                    trailer: trailer(),
                    ..v2()
                }
                .build(),
            ),
            GATE_V2,
            VR_TRAILER_ONLY,
        )
        .in_scene(|scene| scene.router(GATE_V2).auth_type = 0),
        with_trailer(
            handed("IPv6 with a trailer", v6_signed().build()),
            GATE_V6,
            VR_TRAILER_ONLY,
        ),
        with_trailer(
            handed(
                "80 IPv6 addresses and a trailer",
                Advert {
                    addresses: many,
                    ..v6_signed()
                }
                .build(),
            ),
            GATE_V6,
            VR_TRAILER_ONLY,
        ),
        with_trailer(
            refused("IPv6, trailer not in the sum", unsummed, DropChecksum),
            GATE_V6,
            VR_TRAILER_ONLY,
        ),
        with_trailer(
            handed(
                "a trailer of a winner changes nothing here",
                Advert {
                    priority: 200,
                    ..v3_signed()
                }
                .build(),
            ),
            GATE_V3,
            VR_TRAILER_ONLY,
        )
        .in_scene(|scene| scene.open(GATE_V3)),
        refused(
            "a trailer where none is spoken",
            v3_signed().build(),
            DropLength,
        ),
        with_trailer(
            refused(
                "a trailer of 24 octets",
                Advert {
                    trailer: trailer()[4..].to_vec(),
                    ..v3()
                }
                .build(),
                DropLength,
            ),
            GATE_V3,
            0,
        ),
        with_trailer(
            refused("no trailer where one is due", v3().build(), DropAuthMissing),
            GATE_V3,
            VR_TRAILER_ONLY,
        ),
        with_trailer(
            accepted(
                "no trailer where one may be",
                v3().build(),
                &[AdvertChecksumPseudo],
                0,
            ),
            GATE_V3,
            0,
        ),
    ]
}
