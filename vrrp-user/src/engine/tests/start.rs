//! From Initialize (§6.4.1).

use super::fixture::{Bench, HOLD, advert, config, host, instance, lead, link, ms};
use crate::{
    config::model::{Config, Global, InitialState},
    engine::input::Input,
};

/// keepalived 2.2.7: `state MASTER` below 255 is only a hint. RFC 9568 §6.4.1:
/// anybody but the owner waits a whole `Active_Down_Interval`.
#[test]
fn state_master_waits_like_everybody() {
    for state in [InitialState::Master, InitialState::Backup] {
        let mut bench = Bench::new(config(vec![instance(1, |it| it.state = state)]));
        assert_eq!(bench.state(1), "BACKUP", "{state:?}");
        bench.until(ms(10_000));
        // 3 s and 156/256 s; the claim leads by the hold
        assert_eq!(bench.times("claim"), [lead(3_609_375)], "{state:?}");
        assert_eq!(bench.times("announce").len(), 1, "{state:?}");
        assert_eq!(bench.state(1), "MASTER", "{state:?}");
    }
}

/// RFC 9568 §6.4.1: the owner becomes Active at once; ours advertises first and
/// opens a hold later, so a rival owner may object.
#[test]
fn an_owner_claims_at_once_and_opens_after_the_hold() {
    let mut bench = Bench::new(config(vec![instance(1, |it| it.priority = 255)]));
    bench.until(ms(0));
    assert_eq!(bench.times("claim"), [ms(0)]);
    assert_eq!(bench.times("confirm"), [ms(0)]);
    assert_eq!(bench.state(1), "BACKUP");
    assert!(bench.status(1).claiming);
    bench.until(HOLD);
    assert_eq!(bench.state(1), "MASTER");
    assert_eq!(bench.times("claim").len(), 1);
}

/// RFC 9568 §6.4.3 with a second owner: the greater address wins, during the
/// claim already.
#[test]
fn an_owner_yields_to_a_rival_owner_of_a_greater_address() {
    for (rival, want) in [(9, "MASTER"), (11, "BACKUP")] {
        let mut bench = Bench::new(config(vec![instance(1, |it| it.priority = 255)]));
        bench.until(ms(0));
        bench.hear(advert(host(rival), 255));
        bench.until(ms(100));
        assert_eq!(bench.state(1), want, "rival 192.0.2.{rival}");
    }
}

/// RFC 9568 §6.4.2: what is Active already is heard before the time is over.
#[test]
fn an_active_heard_while_starting_is_followed() {
    let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
    bench.until(ms(3_000));
    bench.stamp(ms(2_900), advert(host(1), 150));
    bench.until(lead(2_900_000 + 3_609_375 - 1));
    assert_eq!(bench.times("claim"), []);
    bench.until(ms(10_000));
    assert_eq!(bench.times("claim"), [lead(6_509_375)]);
}

fn delayed(priority: u8) -> Config {
    Config {
        global: Global {
            startup_delay: ms(10_000),
            ..Global::default()
        },
        instances: vec![instance(1, |it| it.priority = priority)],
        ..Config::default()
    }
}

/// keepalived: `vrrp_startup_delay` holds every instance back, the owner too.
#[test]
fn the_startup_delay_comes_before_everything() {
    for (priority, want) in [(100, lead(13_609_375)), (255, ms(10_000))] {
        let mut bench = Bench::new(delayed(priority));
        bench.until(ms(30_000));
        assert_eq!(bench.times("claim"), [want], "priority {priority}");
    }
}

/// An advert from before the delay is over does not shorten the wait after it.
#[test]
fn adverts_during_the_startup_delay_do_not_shorten_it() {
    let mut bench = Bench::new(delayed(100));
    bench.until(ms(5_000));
    bench.hear(advert(host(1), 200));
    bench.until(ms(30_000));
    assert_eq!(bench.times("claim"), [lead(13_609_375)]);
}

/// The delay is the daemon's: a link that comes later waits no second one, and a
/// reload neither repeats nor cuts it.
#[test]
fn the_startup_delay_is_counted_once() {
    let mut bench = Bench::without_links();
    bench.configure(delayed(100));
    bench.until(ms(4_000));
    bench.configure(delayed(100));
    bench.until(ms(6_000));
    bench.link(link(2, "eth0"));
    bench.until(ms(30_000));
    assert_eq!(bench.times("claim"), [lead(13_609_375)]);

    let mut bench = Bench::without_links();
    bench.configure(delayed(100));
    bench.until(ms(20_000));
    bench.link(link(2, "eth0"));
    bench.until(ms(30_000));
    assert_eq!(bench.times("claim"), [lead(23_609_375)]);
}

/// RFC 9568 §6.4.1: only who is the owner now waits for nothing.
#[test]
fn an_owner_that_is_none_any_more_waits() {
    let mut bench = Bench::new(delayed(255));
    bench.until(ms(5_000));
    bench.configure(delayed(100));
    bench.until(ms(30_000));
    assert_eq!(bench.times("claim"), [lead(13_609_375)]);
}

/// What the kernel has not listened for is no silence: to attach a program may take
/// longer than the whole `Active_Down_Interval`.
#[test]
fn waiting_begins_when_the_kernel_listens() {
    let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
    bench.until(ms(3_000));
    bench.feed(Input::InPlace);
    bench.until(ms(5_000));
    // Said once more it means nothing: nothing is new.
    bench.feed(Input::InPlace);
    bench.until(ms(10_000));
    assert_eq!(bench.times("claim"), [lead(3_000_000 + 3_609_375)]);
}

/// `vrrp_delay_after_boot` counts from the boot, `vrrp_startup_delay` from the start; the
/// later end counts (keepalived).
#[test]
fn nothing_starts_before_the_host_has_run_long_enough() {
    // The bench's host has run for 1000 s.
    for (after_boot, after_start, want) in [
        (ms(900_000), ms(0), ms(0)),
        (ms(1_010_000), ms(0), ms(10_000)),
        (ms(1_010_000), ms(20_000), ms(20_000)),
        (ms(1_010_000), ms(5_000), ms(10_000)),
    ] {
        let mut config = config(vec![instance(1, |it| it.priority = 255)]);
        config.global = Global {
            delay_after_boot: after_boot,
            startup_delay: after_start,
            ..Global::default()
        };
        let mut bench = Bench::new(config);
        bench.until(ms(60_000));
        assert_eq!(
            bench.times("claim"),
            [want],
            "{after_boot:?} {after_start:?}"
        );
    }
}

/// `unicast_fault_no_peer`: rather nothing than multicast.
#[test]
fn unicast_without_peers_stays_in_fault() {
    let mut bench = Bench::new(config(vec![instance(1, |it| it.lacks_peers = true)]));
    bench.until(ms(60_000));
    assert_eq!(bench.state(1), "FAULT");
    assert_eq!(bench.times("claim"), []);
    let reason = bench
        .status(1)
        .faults
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>();
    assert_eq!(reason, ["unicast without any unicast_peer"]);
}
