//! How late the thread runs.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use vrrp_user::{engine::action::Advert, ownership::command::VrId};
use xvrrp_tests::{
    capture::{Stamp, Tap},
    net::Lab,
    trial::{HIGH, Profile},
};

use crate::{
    owner::{Owner, advert},
    turn,
};

const SPAN: Duration = Duration::from_secs(3);

#[test]
fn one_instance_at_10_ms() {
    let _turn = turn::alone();
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
    let _turn = turn::alone();
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

/// Ordinary work on every processor does not make it late.
#[test]
fn beside_busy_processors() {
    let _turn = turn::alone();
    let lab = Lab::new(1);
    let mut owner = Owner::on(lab.router(0));
    // Many at 100 ms rather than one at 10 ms: this counts how late it is, and a
    // machine that stands still for two intervals would end the lease.
    let base = advert(lab.router(0), &Profile::V3At100ms.conf(HIGH));
    for vrid in 1..=20 {
        owner.own(
            vrid,
            &[Advert {
                vr: VrId(vrid),
                ..base.clone()
            }],
            &[],
        );
    }
    let busy = AtomicBool::new(true);
    let threads = 4 * std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while busy.load(Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        std::thread::sleep(SPAN);
        busy.store(false, Relaxed);
    });
    let summary = owner.handle.summary();
    println!("beside {threads} busy threads: {summary:?}");
    assert!(summary.deadlines > 100, "{summary:?}");
    // An ordinary thread waits its turn for several milliseconds each time.
    assert!(summary.late_p99 < Duration::from_millis(2), "{summary:?}");
}
