//! A router that was to preempt, and is made the weaker one before it has.

use super::*;
use crate::config::model::Version;
use core::net::{IpAddr, Ipv4Addr};

const VR: VrId = VrId(0);
const OWNER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const INTERVAL: Duration = Duration::from_millis(100);

fn at(ms: u64) -> Instant {
    Instant::from_ns(ms * 1_000_000)
}

fn params(priority: u8) -> Params {
    Params {
        version: Version::V3,
        priority,
        source: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)),
        interval: INTERVAL,
        adverts: 3,
        preempt: true,
        preempt_delay: Duration::ZERO,
    }
}

fn advert(priority: u8, ms: u64) -> Heard {
    Heard {
        vr: VR,
        source: OWNER,
        priority,
        interval_cs: 10,
        version: 3,
        checksum_form: 0,
        at: at(ms),
        revoked: false,
        addresses_differ: false,
        mac: [0; 6],
    }
}

/// A Backup of priority 200 since 0 ms, which heard these from one owner.
fn preempting(heard: &[(u8, u64)]) -> Group {
    let router = Router::new(params(200), at(0));
    let mut group = Group::new([(VR, router)].into(), at(0));
    group.handle(Event::Start, at(0));
    for &(priority, ms) in heard {
        group.hear(&advert(priority, ms), at(ms));
    }
    group
}

fn claim_at(group: &Group) -> Instant {
    group.claim_at(Duration::ZERO).expect("a Backup").0
}

#[test]
fn a_backup_made_weaker_waits_for_the_adverts_it_discarded() {
    let down =
        |from_ms, priority: u32| at(from_ms) + INTERVAL * 3 + INTERVAL * (256 - priority) / 256;
    // (what, heard as (priority, at ms), new priority, claims at)
    let cases = [
        (
            "it is the weaker one now",
            &[(150, 250)][..],
            120,
            down(250, 120),
        ),
        ("equals do not preempt", &[(150, 250)], 150, down(250, 150)),
        (
            "it is still the stronger one",
            &[(150, 250)],
            160,
            down(0, 160),
        ),
        (
            "the other has resigned",
            &[(150, 200), (0, 250)],
            120,
            down(0, 120),
        ),
        ("nobody was heard", &[], 120, down(0, 120)),
    ];
    for (what, heard, priority, want) in cases {
        let mut group = preempting(heard);
        assert_eq!(claim_at(&group), down(0, 200), "{what}");
        assert!(!group.set_params(VR, params(priority), at(260)), "{what}");
        assert_eq!(claim_at(&group), want, "{what}");
    }
}

#[test]
fn a_claim_that_becomes_the_weaker_one_ends() {
    for (what, heard_ms, priority, ends) in [
        ("an owner may still own", 250, 120, true),
        ("the owner's lease is long over", 0, 120, false),
        ("it is still the stronger one", 250, 160, false),
    ] {
        let mut group = preempting(&[(150, heard_ms)]);
        group.handle(Event::Expire, at(500));
        assert_eq!(
            group.set_params(VR, params(priority), at(500)),
            ends,
            "{what}"
        );
        let want = if ends { State::Backup } else { State::Claiming };
        assert_eq!(group.state(), want, "{what}");
    }
}

#[test]
fn an_active_made_weaker_stays_until_it_is_beaten() {
    let mut group = preempting(&[(150, 250)]);
    group.handle(Event::Expire, at(322));
    group.handle(Event::Open, at(323));
    assert!(!group.set_params(VR, params(120), at(330)));
    assert_eq!(group.state(), State::Active);
}
