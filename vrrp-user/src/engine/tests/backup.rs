//! Backup (§6.4.2).

use super::fixture::{
    Bench, HOLD, T0, advert, config, host, host6, instance, lead, lead_ns, link, ms, us,
};
use crate::config::model::{Family, Version};
use crate::engine::{input::Heard, settings::Settings};
use core::time::Duration;

/// The gate is to open when the `Active_Down_Interval` ends, so the claim starts
/// earlier by the hold and by what threads take.
#[test]
fn a_claim_starts_early_by_all_it_takes() {
    let mut bench = Bench::with(Settings::default());
    bench.link(link(2, "eth0"));
    bench.configure(config(vec![instance(1, |it| {
        it.version = Version::V3;
        it.priority = 100;
        it.advert_interval = ms(100);
    })]));
    let (claim, _) = bench.engine.poll_timeout().expect("a Backup waits");
    let down = Duration::from_nanos(360_937_500);
    assert_eq!(claim, T0 + down - HOLD - us(500));
}

/// RFC 9568 §6.1, RFC 3768 §6.1: `Active_Down_Interval` after the last advert. In
/// version 3 the skew scales with the interval, in version 2 it never does.
#[test]
fn active_down_interval() {
    use Version::{V2, V3};
    // (version, priority, interval ms, down_timer_adverts, interval in the advert cs, wait us)
    let cases = [
        (V3, 100, 1000, 3, 100, 3_609_375),
        (V3, 254, 1000, 3, 100, 3_007_812),
        (V3, 1, 1000, 3, 100, 3_996_093),
        (V3, 100, 100, 3, 10, 360_937),
        (V3, 100, 10, 3, 1, 36_093),
        (V3, 100, 1000, 4, 100, 4_609_375),
        (V3, 100, 1000, 1, 100, 1_609_375),
        // learned
        (V3, 100, 1000, 3, 10, 360_937),
        (V3, 100, 100, 3, 200, 7_218_750),
        (V3, 100, 100, 3, 4095, 147_803_906),
        (V2, 100, 1000, 3, 100, 3_609_375),
        (V2, 100, 5000, 3, 500, 15_609_375),
        (V2, 254, 1000, 3, 100, 3_007_812),
        // not learned: version 2 has one interval for all (RFC 3768 §6.4.2)
        (V2, 100, 1000, 3, 500, 3_609_375),
        (V2, 100, 5000, 3, 100, 15_609_375),
    ];
    for (version, priority, interval, adverts, cs, wait) in cases {
        let what = format!("{version:?} {priority} {interval} ms x {adverts}, hears {cs} cs");
        let mut bench = Bench::new(config(vec![instance(1, |it| {
            it.version = version;
            it.priority = priority;
            it.advert_interval = ms(interval);
            it.down_timer_adverts = adverts;
        })]));
        bench.until(ms(5));
        bench.hear(Heard {
            interval_cs: cs,
            ..advert(host(1), 254)
        });
        bench.until(ms(300_000));
        let claims = bench.times("claim");
        let wait = ms(5) + lead(wait);
        let [claim] = claims[..] else {
            panic!("{what}: {claims:?}");
        };
        assert!(
            claim >= wait && claim < wait + us(1),
            "{what}: {claim:?}, not {wait:?}"
        );
    }
}

/// A claim leads by the hold, but never into the time the last owner's lease may
/// cover: 3 x 10 ms and a skew of 78 us leave no room for 1 ms.
#[test]
fn the_claim_never_leads_into_the_lease() {
    let mut bench = Bench::new(config(vec![instance(1, |it| {
        it.priority = 254;
        it.advert_interval = ms(10);
    })]));
    bench.until(ms(100));
    assert_eq!(bench.times("claim"), [ms(30)]);
}

/// RFC 9568 §6.4.2: the interval is learned anew from every advert of the Active.
#[test]
fn the_active_changes_its_interval() {
    let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
    let at_cs = |cs| Heard {
        interval_cs: cs,
        ..advert(host(1), 200)
    };
    bench.hear_every(ms(1000), ms(5_000), at_cs(100));
    bench.hear_every(ms(4000), ms(20_000), at_cs(400));
    assert_eq!(bench.times("claim"), []);
    assert_eq!(bench.status(1).active.map(|it| it.interval_ms), Some(4000));
    bench.hear(at_cs(10));
    let last = bench.elapsed();
    bench.until(ms(60_000));
    let [claim] = bench.times("claim")[..] else {
        panic!("one claim");
    };
    assert_eq!(claim, last + lead_ns(360_937_500));
}

/// RFC 9568 §6.4.2 for higher and equal, and for lower ones (preemption is in a
/// file of its own): `true` restarts the timer. Addresses do not matter to a Backup.
#[test]
fn whose_adverts_restart_the_timer() {
    for family in [Family::V4, Family::V6] {
        let source = |n| match family {
            Family::V4 => host(n),
            Family::V6 => host6(n),
        };
        let cases = [
            (255, 1, true),
            (101, 1, true),
            (100, 1, true),
            (100, 99, true),
            (99, 99, false),
            (1, 1, false),
        ];
        for (theirs, n, restarts) in cases {
            let mut bench = Bench::new(config(vec![instance(1, |it| it.family = family)]));
            bench.until(ms(2_000));
            bench.hear(advert(source(n), theirs));
            bench.until(ms(20_000));
            let wait = lead(3_609_375);
            let want = if restarts { ms(2_000) + wait } else { wait };
            assert_eq!(
                bench.times("claim"),
                [want],
                "{family:?} {theirs} from .{n}"
            );
        }
    }
}

/// RFC 9568 §6.4.2: priority 0 sets the timer to the skew. Ownership V9: only the
/// router recorded as Active can resign.
#[test]
fn priority_0_counts_from_the_active_only() {
    // (what, who resigns at 5.5 s, claim expected at us)
    let cases = [
        ("the Active", 1, 5_500_000 + 609_375),
        ("a stranger", 2, 5_000_000 + 3_609_375),
    ];
    for (what, who, want) in cases {
        let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
        bench.hear_every(ms(1000), ms(5_000), advert(host(1), 200));
        bench.stall(ms(5_500));
        bench.hear(advert(host(who), 0));
        bench.until(ms(20_000));
        assert_eq!(bench.times("claim"), [lead(want)], "{what}");
    }
    let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
    bench.until(ms(1_000));
    bench.hear(advert(host(1), 0));
    bench.until(ms(20_000));
    assert_eq!(bench.times("claim"), [lead(3_609_375)], "nobody is Active");
}

/// RFC 9568 §6.4.2: the skew of a resignation is of the learned interval; RFC 3768
/// §6.4.2: of one second.
#[test]
fn the_skew_after_a_resignation() {
    // The claim may not lead into the resigned Active's time: at 10 ms it starts at once.
    let cases = [
        (Version::V3, 100, 10, us(60_937)),
        (Version::V3, 100, 1000, us(6_093_750)),
        (Version::V2, 100, 100, us(609_375)),
        (Version::V3, 254, 1, Duration::ZERO),
    ];
    for (version, priority, cs, skew) in cases {
        let mut bench = Bench::new(config(vec![instance(1, |it| {
            it.version = version;
            it.priority = priority;
        })]));
        let heard = Heard {
            interval_cs: cs,
            ..advert(host(1), 254)
        };
        bench.hear(heard);
        bench.stall(ms(5));
        bench.hear(Heard {
            priority: 0,
            ..heard
        });
        bench.until(ms(60_000));
        let want = ms(5) + skew.saturating_sub(HOLD);
        let [claim] = bench.times("claim")[..] else {
            panic!("one claim");
        };
        assert!(
            claim >= want && claim < want + us(1),
            "{version:?} {cs} cs: {claim:?}"
        );
    }
}

/// §6.4.2: an Active that resigned and came back is followed again.
#[test]
fn a_resigned_active_may_come_back() {
    let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
    bench.hear(advert(host(1), 200));
    bench.until(ms(100));
    bench.hear(advert(host(1), 0));
    bench.until(ms(500));
    bench.hear(advert(host(1), 200));
    bench.until(ms(4_000));
    assert_eq!(bench.times("claim"), []);
}

/// An advert that was overtaken by a newer one of its sender means nothing.
#[test]
fn stale_news_is_no_news() {
    let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
    bench.until(ms(2_000));
    bench.hear(advert(host(1), 200));
    bench.feed(crate::engine::input::Input::Advert(Heard {
        priority: 0,
        at: T0 + ms(1_500),
        ..advert(host(1), 200)
    }));
    bench.until(ms(5_000));
    assert_eq!(bench.times("claim"), []);
    assert_eq!(bench.status(1).active.map(|it| it.priority), Some(200));
}

/// §6.4.2: a Backup neither answers nor carries the addresses.
#[test]
fn a_backup_wants_no_address() {
    let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
    bench.hear_every(ms(1000), ms(20_000), advert(host(1), 200));
    assert_eq!(
        bench.trace(&["addresses", "announce", "claim", "advertise"]),
        ["addresses"]
    );
    assert_eq!(bench.trace(&["vips"]), ["vips 198.51.100.1"], "fenced");
}
