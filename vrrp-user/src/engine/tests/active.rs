//! Active (§6.4.3).

use super::fixture::{Bench, advert, config, host, host6, instance, lead, ms, notify, us};
use crate::{
    config::model::{Family, Version},
    engine::input::Heard,
    ownership::command::{GateId, Report, VrId},
};

/// RFC 9568 §6.4.3, RFC 3768 §6.4.3: a higher priority wins, and so does the same
/// with a greater address; ours is .10.
#[test]
fn who_wins_against_an_active() {
    // (theirs, from .n, we lose)
    let cases = [
        (255, 1, true),
        (101, 1, true),
        (100, 11, true),
        (100, 255, true),
        (100, 9, false),
        (99, 200, false),
        (1, 200, false),
    ];
    for (version, family) in [
        (Version::V2, Family::V4),
        (Version::V3, Family::V4),
        (Version::V3, Family::V6),
    ] {
        for (priority, n, lose) in cases {
            let what = format!("{version:?} {family:?}: {priority} from .{n}");
            let mut bench = Bench::active(config(vec![instance(1, |it| {
                it.family = family;
                it.version = version;
            })]));
            bench.hear(advert(
                match family {
                    Family::V4 => host(n),
                    Family::V6 => host6(n),
                },
                priority,
            ));
            let kinds = ["cease", "advertise", "addresses"];
            if lose {
                assert_eq!(bench.state(1), "BACKUP", "{what}");
                // a winner needs no telling: no priority 0
                assert_eq!(bench.trace(&kinds), ["cease 0", "addresses"], "{what}");
            } else {
                assert_eq!(bench.state(1), "MASTER", "{what}");
                assert_eq!(bench.trace(&kinds), ["advertise 0"], "{what}");
            }
        }
    }
}

/// IPv4 addresses compare as numbers in network order (§6.4.3).
#[test]
fn a_tie_is_decided_by_the_whole_address() {
    let mut bench = Bench::active(config(vec![instance(1, |_| {})]));
    bench.hear(advert([100, 255, 255, 255].into(), 100));
    assert_eq!(bench.state(1), "MASTER");
    bench.hear(advert([192, 0, 3, 1].into(), 100));
    assert_eq!(bench.state(1), "BACKUP");
}

/// §6.4.3: the winner's interval is learned and the timer counts from its advert.
#[test]
fn a_beaten_active_counts_from_the_winning_advert() {
    let mut bench = Bench::active(config(vec![instance(1, |_| {})]));
    bench.stamp(
        ms(60_500),
        Heard {
            interval_cs: 10,
            ..advert(host(1), 200)
        },
    );
    let epoch = bench.epoch(VrId(0));
    // The lease has been refused; stamps are read to find out why.
    bench.stall(ms(60_700));
    bench.report(Report::LeaseOver {
        gate: GateId(0),
        epoch,
        last_sent: bench.now,
    });
    bench.until(ms(60_700));
    assert_eq!(bench.state(1), "BACKUP");
    bench.clear();
    bench.until(ms(70_000));
    let claims = bench.times("claim");
    let want = ms(60_500) + lead(360_937);
    assert!(claims[0] >= want && claims[0] < want + us(1), "{claims:?}");
}

/// RFC 9568 §6.4.3: priority 0 while Active is answered with an advert at once.
#[test]
fn priority_0_is_answered_at_once() {
    let mut bench = Bench::active(config(vec![instance(1, |_| {})]));
    bench.hear(advert(host(200), 0));
    assert_eq!(bench.trace(&["advertise", "cease"]), ["advertise 0"]);
    assert_eq!(bench.state(1), "MASTER");
}

/// RFC 9568 §6.4.3: discard a losing advert and advertise at once. keepalived
/// announces again too: `garp_lower_prio_repeat` at once and after
/// `garp_lower_prio_delay`, and meanwhile further ones add nothing. Ours: one round
/// once the loser has had time to give up.
#[test]
fn a_losing_advert_is_answered_with_announcements() {
    let mut bench = Bench::active(config(vec![instance(1, |it| {
        it.garp.lower_prio_repeat = 2;
        it.garp.lower_prio_delay = ms(3_000);
    })]));
    bench.hear(advert(host(1), 90));
    bench.hear_every(ms(1_000), ms(62_000), advert(host(1), 90));
    bench.until(ms(80_000));
    let twice = "announce 198.51.100.1 198.51.100.1";
    let once = "announce 198.51.100.1";
    assert_eq!(bench.trace(&["announce"]), [twice, once, twice]);
    let want = [ms(60_000), ms(60_050), ms(63_000)];
    assert_eq!(bench.times("announce"), want);
    assert_eq!(bench.times("advertise").len(), 3, "one for each new advert");
}

/// keepalived: `garp_lower_prio_repeat 0` announces nothing,
/// `garp_lower_prio_delay 0` one burst only, `lower_prio_no_advert` keeps silent.
#[test]
fn what_answers_a_losing_advert_can_be_turned_off() {
    // (repeat, delay ms, no advert, announcements, adverts)
    let cases = [
        (0, 5_000, false, 0, 1),
        (5, 0, false, 2, 1),
        (5, 5_000, true, 3, 0),
        (5, 5_000, false, 3, 1),
    ];
    for (repeat, delay, silent, announcements, adverts) in cases {
        let mut bench = Bench::active(config(vec![instance(1, |it| {
            it.garp.lower_prio_repeat = repeat;
            it.garp.lower_prio_delay = ms(delay);
            it.lower_prio_no_advert = silent;
        })]));
        bench.hear(advert(host(1), 90));
        bench.until(ms(90_000));
        let what = format!("{repeat} {delay} {silent}");
        assert_eq!(bench.times("announce").len(), announcements, "{what}");
        assert_eq!(bench.times("advertise").len(), adverts, "{what}");
    }
}

/// keepalived: `notify_master_rx_lower_pri` runs when a master hears a lower priority.
#[test]
fn a_losing_advert_runs_its_script() {
    let mut bench = Bench::active(config(vec![instance(1, |it| it.notify = notify("n"))]));
    bench.hear(advert(host(1), 0));
    assert_eq!(bench.trace(&["notify"]), [""; 0]);
    bench.until(ms(60_001));
    bench.hear(advert(host(1), 90));
    assert_eq!(bench.trace(&["notify"]), ["notify /n/lower"]);
    // Ours to bound: at 10 ms it would be a hundred scripts a second.
    for _ in 0..20 {
        bench.until(bench.elapsed() + ms(100));
        bench.hear(advert(host(1), 90));
    }
    assert_eq!(bench.times("notify"), [ms(60_001), ms(61_001), ms(62_001)]);
}

/// keepalived's words, which operators search for.
#[test]
fn the_log_says_why() {
    let cases = [
        (
            90,
            1,
            "log (VI_1) Received advert from 192.0.2.1 with lower priority 90, ours 100, forcing new election",
        ),
        (
            200,
            1,
            "log (VI_1) Master received advert from 192.0.2.1 with higher priority 200, ours 100",
        ),
        (
            100,
            11,
            "log (VI_1) Master received advert from 192.0.2.11 with same priority 100 but higher IP address than ours",
        ),
    ];
    for (priority, n, line) in cases {
        let mut bench = Bench::active(config(vec![instance(1, |_| {})]));
        bench.hear(advert(host(n), priority));
        assert_eq!(bench.trace(&["log"])[0], line);
    }
}

/// §6.4.3 answers every losing advert; a flood of them is answered once an interval
/// and told of once a second, and the election goes on as if there were none.
#[test]
fn a_flood_of_losing_adverts_is_answered_once_an_interval() {
    for priority in [99, 0] {
        let mut bench = Bench::active(config(vec![instance(1, |it| {
            it.advert_interval = ms(100);
        })]));
        for n in 0..1000 {
            bench.hear(advert(host(9), priority));
            bench.until(bench.elapsed() + us(500));
            assert_eq!(bench.state(1), "MASTER", "{priority} after {n}");
        }
        let answers = bench.times("advertise").len();
        assert_eq!(answers, 5, "{priority}: 500 ms");
        let lines = bench.trace(&["log"]);
        let told = lines.iter().filter(|line| line.contains("lower priority"));
        assert!(told.count() <= 1, "{lines:?}");
    }
}
