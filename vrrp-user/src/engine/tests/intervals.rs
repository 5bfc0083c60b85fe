//! Intervals: the smallest, fractions in version 2, and a change of our own.

use super::fixture::{Bench, advert, config, host, instance, lead, lead_ns, ms};
use crate::{
    config::model::{Config, Version},
    engine::{action::Action, input::Heard},
};
use core::time::Duration;

fn at(version: Version, interval: Duration) -> Config {
    config(vec![instance(1, |it| {
        it.version = version;
        it.advert_interval = interval;
    })])
}

/// RFC 9568 §5.2.7: an interval of one centisecond. A peer that falls silent is
/// replaced after 3 x 10 ms and its skew.
#[test]
fn one_centisecond() {
    let mut bench = Bench::new(at(Version::V3, ms(10)));
    let heard = Heard {
        interval_cs: 1,
        ..advert(host(1), 200)
    };
    bench.hear_every(ms(10), ms(1_000), heard);
    assert_eq!(bench.times("claim"), []);
    bench.until(ms(2_000));
    let want = ms(1_000) + lead_ns(36_093_750);
    assert_eq!(bench.times("claim"), [want]);
    assert_eq!(bench.state(1), "MASTER");
}

/// keepalived 2.2.7: version 2 rounds to whole seconds on the wire, and its peers
/// count with what they read.
#[test]
fn version_2_fractions() {
    // (configured ms, wait us)
    for (interval, wait) in [
        (400, 3_609_375),
        (1_400, 3_609_375),
        (1_500, 6_609_375),
        (2_000, 6_609_375),
    ] {
        let mut bench = Bench::new(at(Version::V2, ms(interval)));
        bench.until(ms(60_000));
        assert_eq!(bench.times("claim"), [lead(wait)], "{interval} ms");
        let sent = bench.actions().find_map(|action| match action {
            Action::SetRouter {
                record: Some(it), ..
            } => Some(it.interval_cs),
            _ => None,
        });
        let rounded = if interval < 1_500 { 100 } else { 200 };
        assert_eq!(sent, Some(rounded), "{interval} ms");
    }
}

/// RFC 9568 §6.1: a Backup without an Active counts with its own interval, also
/// when that changes; with one, it goes on counting with the learned one.
#[test]
fn a_backup_whose_own_interval_changes() {
    let mut bench = Bench::new(at(Version::V3, ms(1_000)));
    bench.until(ms(1_000));
    bench.configure(at(Version::V3, ms(2_000)));
    bench.until(ms(60_000));
    assert_eq!(bench.times("claim"), [lead(2 * 3_609_375)]);

    let mut bench = Bench::new(at(Version::V3, ms(1_000)));
    bench.hear(Heard {
        interval_cs: 50,
        ..advert(host(1), 200)
    });
    bench.until(ms(1));
    bench.configure(at(Version::V3, ms(2_000)));
    bench.until(ms(60_000));
    assert_eq!(bench.times("claim")[0], lead_ns(1_804_687_500));

    let mut bench = Bench::new(at(Version::V2, ms(1_000)));
    bench.hear(advert(host(1), 200));
    bench.until(ms(1));
    bench.configure(at(Version::V2, ms(2_000)));
    bench.until(ms(60_000));
    assert_eq!(bench.times("claim"), [lead(6_609_375)]);
}

/// keepalived: a reload leaves a master a master; the new interval is advertised.
#[test]
fn an_active_whose_own_interval_changes() {
    let mut bench = Bench::active(at(Version::V3, ms(1_000)));
    bench.configure(at(Version::V3, ms(2_000)));
    assert_eq!(
        bench.trace(&["cease", "claim", "update"]),
        ["update 0 priority 100"]
    );
    assert_eq!(bench.state(1), "MASTER");
    let update = bench.actions().find_map(|action| match action {
        Action::UpdateAdvert { advert, .. } => Some(advert.interval),
        _ => None,
    });
    assert_eq!(update, Some(ms(2_000)));
}

/// RFC 9568 §6.4.3: once beaten, the winner's interval counts, not ours.
#[test]
fn a_former_active_learns_again() {
    let mut bench = Bench::active(at(Version::V3, ms(1_000)));
    bench.hear(Heard {
        interval_cs: 500,
        ..advert(host(1), 200)
    });
    bench.clear();
    bench.until(ms(100_000));
    assert_eq!(bench.times("claim"), [ms(60_000) + lead(5 * 3_609_375)]);
}

/// Ownership V2: a claim names the shortest interval its predecessor may have left
/// the peers with.
#[test]
fn a_claim_names_its_predecessors_interval() {
    for (heard, want) in [(Some(20), ms(200)), (None, ms(1_000))] {
        let mut bench = Bench::new(at(Version::V3, ms(1_000)));
        if let Some(interval_cs) = heard {
            bench.hear(Heard {
                interval_cs,
                ..advert(host(1), 200)
            });
        }
        bench.until(ms(10_000));
        let previous = bench.actions().find_map(|action| match action {
            Action::Claim {
                previous_interval, ..
            } => Some(*previous_interval),
            _ => None,
        });
        assert_eq!(previous, Some(want));
    }
}
