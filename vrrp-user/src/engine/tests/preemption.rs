//! Who takes over from a lower priority, and when: `Preempt_Mode`, `nopreempt`,
//! `preempt_delay`, effective priority.

use super::fixture::{
    Bench, advert, config, host, instance, lead, lead_ns, ms, script, tracked, us,
};
use crate::{
    config::model::Config,
    ownership::command::{GateId, Report, VrId},
};
use core::time::Duration;

const WAIT: Duration = us(3_609_375 - 1_000);

/// RFC 9568 §6.4.2: with `Preempt_Mode` a lower priority is discarded; the timer runs out.
#[test]
fn a_lower_priority_is_preempted() {
    let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
    bench.hear_every(ms(1_000), ms(4_000), advert(host(200), 99));
    assert_eq!(bench.times("claim"), [WAIT]);
}

/// RFC 9568 §6.4.2 without `Preempt_Mode`; keepalived's `nopreempt`: any Active is
/// followed, but one that dies is replaced.
#[test]
fn nopreempt_follows_whoever_is_there() {
    let mut bench = Bench::new(config(vec![instance(1, |it| it.nopreempt = true)]));
    bench.hear_every(ms(1_000), ms(30_000), advert(host(1), 1));
    assert_eq!(bench.times("claim"), []);
    bench.until(ms(60_000));
    assert_eq!(bench.times("claim"), [ms(30_000) + WAIT]);
}

/// keepalived: `preempt_delay` starts with the first lower advert; while it runs
/// the Active is followed, and then it is waited out once more.
#[test]
fn preempt_delay_starts_with_the_first_lower_advert() {
    let mut bench = Bench::new(config(vec![instance(1, |it| {
        it.preempt_delay = ms(10_000);
    })]));
    bench.until(ms(2_000));
    bench.hear_every(ms(1_000), ms(40_000), advert(host(1), 50));
    // Lower from 2 s on; the last one heeded is that of 11 s.
    assert_eq!(bench.times("claim"), [ms(11_000) + WAIT]);
}

/// keepalived: a higher or equal advert, or the Active's disappearance, ends the delay.
#[test]
fn preempt_delay_is_cancelled() {
    let delayed = || {
        Bench::new(config(vec![instance(1, |it| {
            it.preempt_delay = ms(10_000);
        })]))
    };
    let mut bench = delayed();
    bench.hear_every(ms(1_000), ms(8_000), advert(host(1), 50));
    bench.hear(advert(host(2), 100));
    bench.until(ms(10_000));
    // It starts again here, and ends at 20 s: the last one heeded is that of 19 s.
    bench.hear_every(ms(1_000), ms(40_000), advert(host(1), 50));
    assert_eq!(bench.times("claim"), [ms(19_000) + WAIT], "a higher one");

    let mut bench = delayed();
    bench.hear_every(ms(1_000), ms(4_000), advert(host(1), 50));
    bench.until(ms(12_000));
    assert_eq!(bench.times("claim"), [ms(4_000) + WAIT], "it died");

    let mut bench = delayed();
    bench.hear_every(ms(1_000), ms(4_000), advert(host(1), 50));
    bench.stall(ms(4_500));
    bench.hear(advert(host(1), 0));
    bench.until(ms(12_000));
    let want = ms(4_500) + lead(609_375);
    assert_eq!(bench.times("claim"), [want], "it resigned");

    // Whoever comes next is given the whole delay again, to 18.9 s here.
    let mut bench = delayed();
    bench.hear_every(ms(1_000), ms(8_000), advert(host(1), 50));
    bench.stall(ms(8_500));
    bench.hear(advert(host(1), 0));
    bench.stall(ms(8_900));
    bench.hear_every(ms(1_000), ms(40_000), advert(host(2), 50));
    assert_eq!(
        bench.times("claim"),
        [ms(17_900) + WAIT],
        "after a resignation"
    );

    let mut bench = delayed();
    bench.hear_every(ms(1_000), ms(4_000), advert(host(1), 50));
    bench.until(ms(8_000));
    assert_eq!(bench.state(1), "MASTER");
    bench.hear(advert(host(2), 200));
    bench.until(ms(8_500));
    bench.clear();
    bench.hear_every(ms(1_000), ms(40_000), advert(host(2), 50));
    assert_eq!(bench.times("claim"), [ms(17_500) + WAIT], "after a reign");
}

/// An owner that lost its addresses to another owner waits no delay when it starts.
#[test]
fn preempt_delay_does_not_hold_back_a_start() {
    let mut bench = Bench::new(config(vec![instance(1, |it| {
        it.preempt_delay = ms(100_000);
    })]));
    bench.until(ms(10_000));
    assert_eq!(bench.times("claim"), [WAIT]);
}

fn scripted(priority: u8, weight: i16) -> Config {
    let mut config = config(vec![instance(1, |it| {
        it.priority = priority;
        it.track_scripts = vec![tracked("chk", weight)];
    })]);
    config.scripts = vec![script("chk")];
    config
}

/// keepalived: positive weights add while up, negative subtract while down; the sum
/// stays within 1 to 254, and 255 never changes (RFC 9568 §6.1).
#[test]
fn weights_make_the_effective_priority() {
    // (configured, weight, exit status, effective)
    let cases = [
        (100, 20, 0, 120),
        (100, 20, 1, 100),
        (100, -20, 0, 100),
        (100, -20, 1, 80),
        (10, -253, 1, 1),
        (200, 253, 0, 254),
        (255, -100, 1, 255),
    ];
    for (configured, weight, status, want) in cases {
        let mut bench = Bench::new(scripted(configured, weight));
        bench.wake();
        bench.script_done("chk", status);
        let what = format!("{configured} {weight} exit {status}");
        assert_eq!(bench.status(1).effective_priority, want, "{what}");
    }
}

/// The skew follows the effective priority, and so does what counts as lower.
#[test]
fn a_script_that_succeeds_starts_a_preemption() {
    let mut bench = Bench::new(scripted(90, 20));
    bench.until(ms(0));
    bench.script_done("chk", 1);
    bench.hear_every(ms(1_000), ms(9_000), advert(host(1), 100));
    assert_eq!(bench.times("claim"), []);
    bench.script_done("chk", 0);
    bench.hear_every(ms(1_000), ms(20_000), advert(host(1), 100));
    // 146/256 s of skew with priority 110, from the last advert of a higher one
    assert_eq!(bench.times("claim"), [ms(9_000) + lead_ns(3_570_312_500)]);
}

/// Whom it discarded as the weaker may be one it has to wait for now: a Backup
/// follows it, and a claim ends.
#[test]
fn a_script_that_fails_ends_a_preemption() {
    for (failed_at, claims) in [(3_500, 0), (3_609, 1)] {
        let mut bench = Bench::new(scripted(100, -20));
        bench.until(ms(0));
        bench.script_done("chk", 0);
        bench.hear_every(ms(1_000), ms(2_000), advert(host(1), 90));
        bench.answering = false;
        bench.until(ms(failed_at));
        assert_eq!(bench.times("claim").len(), claims);
        bench.clear();
        bench.script_done("chk", 1);
        let ends: &[&str] = if claims == 1 { &["cease 0"] } else { &[] };
        assert_eq!(bench.trace(&["cease"]), ends);
        bench.until(ms(20_000));
        // 176/256 s of skew with priority 80, from the advert of 2 s
        assert_eq!(bench.times("claim"), [ms(2_000) + lead(3_687_500)]);
    }
}

/// While Active a lowered priority is advertised and judged by at once, so that
/// whoever is higher now wins.
#[test]
fn a_script_that_fails_hands_over() {
    let mut bench = Bench::new(scripted(100, -20));
    bench.until(ms(0));
    bench.script_done("chk", 0);
    bench.until(ms(10_000));
    assert_eq!(bench.state(1), "MASTER");
    bench.clear();
    bench.script_done("chk", 1);
    let kinds = ["router", "update"];
    assert_eq!(
        bench.trace(&kinds),
        [
            "router 0 priority 80 from 192.0.2.10",
            "update 0 priority 80"
        ],
        "a weaker form is recorded before it is sent"
    );
    bench.hear(advert(host(1), 90));
    assert_eq!(bench.state(1), "BACKUP");
}

/// A stronger form is advertised until every peer knows it, then judged by.
#[test]
fn a_raised_priority_is_recorded_once_every_peer_knows_it() {
    let mut bench = Bench::new(scripted(100, 20));
    bench.until(ms(0));
    bench.script_done("chk", 1);
    bench.until(ms(10_000));
    assert_eq!(bench.state(1), "MASTER");
    bench.clear();
    bench.script_done("chk", 0);
    assert_eq!(
        bench.trace(&["router", "update"]),
        ["update 0 priority 120"]
    );
    bench.until(ms(20_000));
    assert_eq!(
        bench.trace(&["router"]),
        ["router 0 priority 120 from 192.0.2.10"]
    );
}

/// One change is on its way at a time, and the last one arrives.
#[test]
fn changes_of_priority_do_not_overtake_each_other() {
    let mut bench = Bench::new(scripted(100, 20));
    bench.until(ms(0));
    bench.script_done("chk", 1);
    bench.until(ms(10_000));
    bench.clear();
    bench.answering = false;
    for (at, status) in [(10_500, 0), (11_500, 1), (12_500, 0), (13_500, 1)] {
        bench.until(ms(at));
        bench.script_done("chk", status);
    }
    assert_eq!(bench.trace(&["update"]), ["update 0 priority 120"]);
    let (gate, vr) = (GateId(0), VrId(0));
    let epoch = bench.epoch(vr);
    bench.report(Report::Updated { gate, epoch, vr });
    assert_eq!(
        bench.trace(&["update", "router"]),
        ["update 0 priority 120", "update 0 priority 100"],
        "the kernel never judged by more than 100"
    );
}
