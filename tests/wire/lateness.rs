//! How late the thread runs.

use std::time::Duration;

use vrrp_user::{engine::action::Advert, ownership::command::VrId};
use xvrrp_tests::{
    capture::{Stamp, Tap},
    net::Lab,
    trial::{HIGH, Profile},
};

use crate::owner::{Owner, advert};

const SPAN: Duration = Duration::from_secs(3);

#[test]
fn one_instance_at_10_ms() {
    let lab = Lab::new(1);
    let tap = Tap::new(&lab);
    let mut owner = Owner::on(lab.router(0));
    owner.own(
        0,
        &[advert(lab.router(0), &Profile::V3At10ms.conf(HIGH))],
        &[],
    );
    let since = Stamp::now();
    std::thread::sleep(SPAN);
    let sent = tap.adverts(since).len();
    let summary = owner.handle.summary();
    println!("10 ms timer: {summary:?}; {sent} adverts in {SPAN:?}");
    assert!((290..=310).contains(&sent), "{sent} adverts");
    assert!(summary.deadlines >= 290, "{summary:?}");
    // Generous: other tests run beside this one.
    assert!(summary.late_p50 < Duration::from_millis(1), "{summary:?}");
    assert_eq!(owner.hear(), []);
}

/// One group of many members, so that a burst needs several system calls; and
/// many groups, so that many are due at once.
#[test]
fn two_hundred_instances_at_100_ms() {
    let lab = Lab::new(1);
    let tap = Tap::new(&lab);
    let mut owner = Owner::on(lab.router(0));
    let base = advert(lab.router(0), &Profile::V3At100ms.conf(HIGH));
    let instance = |vrid: u8| Advert {
        vr: VrId(vrid.into()),
        vrid,
        ..base.clone()
    };
    owner.own(0, &(1..=100).map(instance).collect::<Vec<_>>(), &[]);
    for vrid in 101..=200 {
        owner.own(vrid.into(), &[instance(vrid)], &[]);
    }
    let since = Stamp::now();
    std::thread::sleep(SPAN);
    let mut counts = [0_u32; 201];
    for (_, _, advert) in tap.adverts(since) {
        counts[usize::from(advert.vrid)] += 1;
    }
    println!("200 instances at 100 ms: {:?}", owner.handle.summary());
    for (vrid, count) in counts.iter().enumerate().skip(1) {
        assert!(
            (29..=32).contains(count),
            "VRID {vrid}: {count} adverts in {SPAN:?}"
        );
    }
    assert_eq!(owner.handle.summary().frames_failed, 0);
    assert_eq!(owner.hear(), []);
}
