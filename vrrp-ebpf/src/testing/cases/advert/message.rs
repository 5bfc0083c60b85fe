//! What the VRRP message itself says.

use super::{accepted, refused, unicast, v2, v3, v6};
use crate::testing::{
    cases::{Case, GATE_V2, GATE_V3, GATE_V6},
    frames::{Advert, Summed},
    ip,
};
use vrrp_common::{
    counter::Cause,
    event::NEWS_ADDRESSES,
    maps::{VR_REFUSE_OTHER_ADDRESSES, VR_STRICT},
};

pub(super) fn v3_cases() -> Vec<Case> {
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

pub(super) fn v2_cases() -> Vec<Case> {
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

pub(super) fn v6_cases() -> Vec<Case> {
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
