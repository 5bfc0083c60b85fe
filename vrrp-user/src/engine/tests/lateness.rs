//! A daemon that runs late mistakes its own lateness for nothing (`stamps_needed`).

use super::fixture::{Bench, HOLD, T0, advert, config, host, instance, ms, us};
use crate::{
    engine::{Reason, input::Heard},
    ownership::command::{Epoch, GateId, Report, VrId},
    time::Instant,
};
use core::time::Duration;

const GATE: GateId = GateId(0);
const VR: VrId = VrId(0);
const WAIT: Duration = us(3_609_375 - 1_000);

fn lease_over(bench: &mut Bench, last_sent: Instant) {
    let epoch = bench.epoch(VR);
    bench.report(Report::LeaseOver {
        gate: GATE,
        epoch,
        last_sent,
    });
}

/// A deadline that would end an Active's reign is obeyed only after its stamps
/// were asked for.
#[test]
fn no_decision_without_stamps() {
    let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
    bench.now = T0 + ms(5_000);
    bench.engine.handle_timeout(bench.now);
    assert!(!bench.status(1).claiming);
    assert_eq!(
        bench.engine.poll_timeout(),
        Some((T0 + WAIT, Reason::ActiveDown(VR))),
        "still due"
    );
    assert_eq!(bench.engine.stamps_needed(T0 + ms(3_000)), []);
    assert_eq!(bench.engine.stamps_needed(bench.now), [VR]);
    bench.engine.handle_timeout(bench.now);
    assert!(bench.status(1).claiming);
}

/// What became due between the reading of stamps and the decision waits for the
/// next stamps.
#[test]
fn stamps_are_good_for_one_decision() {
    let mut bench = Bench::new(config(vec![instance(1, |_| {}), instance(2, |_| {})]));
    bench.now = T0 + ms(5_000);
    assert_eq!(bench.engine.stamps_needed(bench.now), [VR, VrId(1)]);
    bench.engine.handle_timeout(bench.now);
    bench.answering = false;
    bench.report(Report::Claimed {
        gate: GATE,
        epoch: bench.epoch(VR),
        at: bench.now,
    });
    bench.clear();
    bench.engine.handle_timeout(bench.now);
    bench.feed(crate::engine::input::Input::LinkGone { ifindex: 99 });
    assert_eq!(bench.trace(&["confirm"]), [""; 0]);
    bench.wake();
    assert_eq!(bench.trace(&["confirm"]), ["confirm 0"]);
}

/// A Backup that slept far beyond its deadline finds the Active alive.
#[test]
fn a_late_backup_takes_nothing_over_from_a_living_peer() {
    let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
    bench.hear(advert(host(1), 200));
    bench.stall(ms(20_000));
    bench.stamp(ms(19_500), advert(host(1), 200));
    bench.wake();
    assert_eq!(bench.times("claim"), []);
    bench.until(ms(60_000));
    assert_eq!(bench.times("claim"), [ms(19_500) + WAIT]);
}

/// But one that finds it dead claims without any further wait.
#[test]
fn a_late_backup_takes_over_from_a_dead_peer() {
    let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
    bench.hear(advert(host(1), 200));
    bench.stall(ms(20_000));
    bench.stamp(ms(15_000), advert(host(1), 200));
    bench.wake();
    assert_eq!(bench.times("claim"), [ms(20_000)]);
}

/// A stamp is dated by the kernel: one that comes late does not shorten a wait.
#[test]
fn an_old_stamp_only_makes_us_wait_longer() {
    let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
    bench.until(ms(2_000));
    bench.hear(advert(host(1), 200));
    // Of another Active, before, with an interval that would have ended long ago.
    bench.feed(crate::engine::input::Input::Advert(Heard {
        interval_cs: 10,
        at: T0 + ms(1_000),
        ..advert(host(2), 200)
    }));
    bench.until(ms(10_000));
    assert_eq!(bench.times("claim"), [ms(2_000) + WAIT]);
}

/// A claim whose daemon sleeps does not open by itself, and what was heard
/// meanwhile is found before it is confirmed.
#[test]
fn a_late_confirmation_looks_first() {
    for rival in [true, false] {
        let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
        bench.answering = false;
        bench.until(ms(4_000));
        bench.clear();
        bench.stall(ms(9_000));
        if rival {
            bench.stamp(ms(8_000), advert(host(1), 200));
        }
        bench.report(Report::Claimed {
            gate: GATE,
            epoch: bench.epoch(VR),
            at: T0 + ms(4_000),
        });
        bench.until(ms(9_000));
        let want = if rival { "cease 0" } else { "confirm 0" };
        assert_eq!(bench.trace(&["confirm", "cease"]), [want]);
    }
}

/// Ownership, "after a stall": the lease is over, but nobody can have claimed: we
/// claim again, with a new epoch and all that belongs to a claim. Notify scripts
/// and the addresses need not know.
#[test]
fn a_short_stall_claims_again() {
    let mut bench = Bench::active(config(vec![instance(1, |_| {})]));
    let before = bench.epoch(VR);
    bench.stall(ms(62_999));
    lease_over(&mut bench, T0 + ms(60_000));
    bench.until(ms(62_999) + HOLD);
    assert_eq!(
        bench.trace(&["cease", "claim", "confirm", "addresses"]),
        ["claim 0", "confirm 0"]
    );
    assert!(bench.epoch(VR) > before);
    assert_eq!(bench.state(1), "MASTER");
}

/// I is what the peers count with: a longer interval of ours counts once every
/// peer has heard of it.
#[test]
fn a_longer_interval_counts_once_the_peers_know_it() {
    for (told, want) in [(false, "cease 0"), (true, "claim 0")] {
        let at = |interval| config(vec![instance(1, |it| it.advert_interval = interval)]);
        let mut bench = Bench::active(at(ms(1_000)));
        bench.answering = false;
        bench.configure(at(ms(10_000)));
        if told {
            bench.report(Report::Updated {
                gate: GATE,
                epoch: bench.epoch(VR),
                vr: VR,
            });
        }
        bench.clear();
        bench.stall(ms(65_000));
        lease_over(&mut bench, T0 + ms(60_000));
        bench.until(ms(65_000));
        assert_eq!(bench.trace(&["claim", "cease"]), [want], "told: {told}");
    }
}

/// After N x I somebody may have: Backup for a full interval. And so whenever
/// anybody was heard since.
#[test]
fn a_long_stall_does_not_reopen() {
    // (woken at, heard meanwhile)
    let cases = [
        (63_000, None),
        (90_000, None),
        (62_000, Some(advert(host(1), 200))),
        (62_000, Some(advert(host(1), 50))),
        (62_000, Some(advert(host(1), 0))),
    ];
    for (woken, heard) in cases {
        let mut bench = Bench::active(config(vec![instance(1, |_| {})]));
        bench.stall(ms(woken));
        if let Some(heard) = heard {
            bench.stamp(ms(woken - 100), heard);
        }
        lease_over(&mut bench, T0 + ms(60_000));
        bench.until(ms(woken));
        let what = format!("{woken} {heard:?}");
        assert_eq!(bench.state(1), "BACKUP", "{what}");
        assert_eq!(bench.trace(&["claim", "cease"]), ["cease 0"], "{what}");
        bench.until(ms(200_000));
        let from = match heard {
            // the winner's advert counts, dated by the kernel
            Some(heard) if heard.priority > 100 => ms(woken - 100),
            _ => ms(woken),
        };
        assert_eq!(bench.times("claim")[0], from + WAIT, "{what}");
    }
}

/// Who follows us counts with our interval, whatever was learned of another before.
#[test]
fn after_a_reign_our_own_interval_counts() {
    let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
    bench.hear(Heard {
        interval_cs: 10,
        ..advert(host(1), 200)
    });
    bench.until(ms(60_000));
    assert_eq!(bench.state(1), "MASTER");
    bench.clear();
    bench.stall(ms(90_000));
    lease_over(&mut bench, T0 + ms(60_000));
    bench.until(ms(120_000));
    assert_eq!(bench.times("claim"), [ms(90_000) + WAIT]);
}

/// Late announcements and scripts are done once, not as often as they were missed.
#[test]
fn what_was_missed_is_not_made_up_for() {
    let mut bench = Bench::active(config(vec![instance(1, |it| {
        it.garp.refresh = ms(10_000);
    })]));
    bench.until(ms(65_000));
    bench.clear();
    bench.stall(ms(165_000));
    bench.until(ms(165_000));
    assert_eq!(bench.times("announce").len(), 1);
}

/// The transmit thread has claimed again by itself: nothing changes, and a machine
/// that stands still again and again does not fill the log with it.
#[test]
fn a_renewed_lease_is_a_line_and_nothing_else() {
    let mut bench = Bench::active(config(vec![instance(1, |_| {})]));
    let renew = |bench: &mut Bench, epoch| {
        bench.report(Report::Renewed {
            gate: GATE,
            epoch,
            lapsed_at: bench.now - ms(4),
            at: bench.now,
        });
    };
    let epoch = bench.epoch(VR);
    for _ in 0..3 {
        renew(&mut bench, epoch);
    }
    bench.until(bench.elapsed() + ms(1_000));
    renew(&mut bench, epoch);
    renew(&mut bench, Epoch(epoch.0 - 1));
    let said = "log (VI_1) Lease over: no adverts left in time; claimed again after 4000 us";
    assert_eq!(
        bench.trace(&[
            "log",
            "claim",
            "close",
            "cease",
            "notify",
            "advertise",
            "addresses"
        ]),
        [
            said.to_owned(),
            format!("{said} (2 more since the last such line)")
        ]
    );
    assert_eq!(bench.state(1), "MASTER");
}
