//! Gratuitous ARP and unsolicited neighbour advertisements: which, when, how often.

use super::fixture::{Bench, config, host, instance, link, ms, us, vip};
use crate::{
    config::model::{Config, Family, Instance},
    engine::{
        action::Action,
        input::{ConflictKind, Input},
    },
    ownership::command::{GateId, Report, VrId},
};
use core::time::Duration;

/// When the gate opens with the defaults.
const OPEN: Duration = us(3_609_375);

/// How many each announcement carries, and when; the claim's burst comes first.
fn schedule(change: impl FnOnce(&mut Instance), end: Duration) -> Vec<(Duration, usize)> {
    let mut bench = Bench::new(config(vec![instance(1, change)]));
    bench.until(end);
    let burst = bench.actions().find_map(|action| match action {
        Action::Claim { announcements, .. } => Some(announcements.len()),
        _ => None,
    });
    let first = burst.map(|n| (OPEN, n));
    let counts = bench.actions().filter_map(|action| match action {
        Action::Announce { announcements, .. } => Some(announcements.len()),
        _ => None,
    });
    let later = bench.times("announce").into_iter().zip(counts);
    first.into_iter().chain(later).collect()
}

/// keepalived's defaults: five at once, five more after `garp_master_delay` (5 s).
#[test]
fn five_and_five_after_five_seconds() {
    let want = [(OPEN, 5), (OPEN + ms(5_000), 5)];
    assert_eq!(schedule(|_| {}, ms(600_000)), want);
}

/// `garp_master_delay`, `garp_master_repeat`, `garp_master_refresh`,
/// `garp_master_refresh_repeat`.
#[test]
fn the_garp_settings() {
    let delay = schedule(|it| it.garp.delay = ms(1_500), ms(60_000));
    assert_eq!(delay, [(OPEN, 5), (OPEN + ms(1_500), 5)]);
    let none = schedule(|it| it.garp.delay = Duration::ZERO, ms(60_000));
    assert_eq!(none, [(OPEN, 5)]);
    let repeat = schedule(|it| it.garp.repeat = 2, ms(60_000));
    assert_eq!(repeat, [(OPEN, 2), (OPEN + ms(5_000), 2)]);
    let refresh = |it: &mut Instance| {
        it.garp.refresh = ms(10_000);
        it.garp.refresh_repeat = 2;
    };
    assert_eq!(
        schedule(refresh, ms(35_000)),
        [
            (OPEN, 5),
            (OPEN + ms(5_000), 5),
            (OPEN + ms(10_000), 2),
            (OPEN + ms(20_000), 2),
            (OPEN + ms(30_000), 2),
        ]
    );
}

/// `garp_interval` (`gna_interval` for IPv6) keeps them apart; nothing is lost.
#[test]
fn the_pace() {
    for family in [Family::V4, Family::V6] {
        let paced = schedule(
            |it| {
                it.family = family;
                it.garp.repeat = 3;
                it.garp.delay = Duration::ZERO;
                if family == Family::V6 {
                    it.addresses = vec![super::fixture::address("2001:db8::1".parse().unwrap())];
                    it.garp.na_interval = ms(20);
                } else {
                    it.garp.arp_interval = ms(20);
                }
            },
            ms(60_000),
        );
        let want = [(OPEN, 1), (OPEN + ms(20), 1), (OPEN + ms(40), 1)];
        assert_eq!(paced, want, "{family:?}");
    }
}

/// Rounds over all addresses, as keepalived sends them; the excluded ones too.
#[test]
fn every_address_in_rounds() {
    let mut bench = Bench::new(config(vec![instance(1, |it| {
        it.garp.repeat = 2;
        it.excluded_addresses = vec![vip(50)];
    })]));
    bench.until(ms(10_000));
    let claim = bench.actions().find_map(|action| match action {
        Action::Claim { announcements, .. } => Some(announcements.clone()),
        _ => None,
    });
    let addresses: Vec<String> = claim
        .expect("a claim")
        .iter()
        .map(|it| it.address.to_string())
        .collect();
    let round = ["198.51.100.1", "198.51.100.50"];
    assert_eq!(addresses, [round, round].concat());
    let words = format!("announce {}", [round, round].concat().join(" "));
    assert_eq!(bench.trace(&["announce"]), [words]);
}

/// Announcements name the claim they belong to, and end with it (V6).
#[test]
fn nothing_is_announced_after_the_end() {
    let mut bench = Bench::new(config(vec![instance(1, |it| {
        it.garp.refresh = ms(1_000);
        it.garp.arp_interval = ms(10);
    })]));
    bench.until(OPEN + ms(15));
    let epoch = bench.epoch(VrId(0));
    assert!(bench.actions().all(|action| match action {
        Action::Announce { epoch: of, .. } => *of == epoch,
        _ => true,
    }));
    bench.hear(super::fixture::advert(host(1), 200));
    bench.clear();
    bench.hear_every(ms(1_000), ms(30_000), super::fixture::advert(host(1), 200));
    assert_eq!(bench.trace(&["announce"]), [""; 0]);
}

/// Whoever else claims an address is answered, but not drawn into a flood.
#[test]
fn a_conflict_is_answered_once_a_second() {
    let conflict = |n| Input::Conflict {
        kind: ConflictKind::ArpClaim,
        gate: GateId(0),
        ifindex: 2,
        address: [198, 51, 100, n].into(),
        mac: [2; 6],
    };
    let mut bench = Bench::active(config(vec![instance(1, |_| {})]));
    for _ in 0..15 {
        bench.feed(conflict(1));
        bench.until(bench.elapsed() + ms(100));
    }
    assert_eq!(bench.times("announce"), [ms(60_000), ms(61_000)]);
    bench.until(ms(65_000));
    bench.clear();
    bench.feed(conflict(9));
    assert_eq!(bench.trace(&["announce"]), [""; 0], "not ours");

    let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
    bench.feed(conflict(1));
    assert_eq!(bench.trace(&["announce"]), [""; 0], "not ours yet");
}

fn refreshing(refresh: Duration) -> Config {
    config(vec![instance(1, |it| it.garp.refresh = refresh)])
}

/// A reload turns refreshing off, on, or gives it another rhythm, while it lasts.
#[test]
fn refreshing_follows_a_reload() {
    let off = Duration::ZERO;
    let mut bench = Bench::active(refreshing(ms(10_000)));
    bench.configure(refreshing(off));
    bench.until(ms(200_000));
    assert_eq!(bench.times("announce"), [], "off");

    let mut bench = Bench::active(refreshing(off));
    bench.configure(refreshing(ms(10_000)));
    bench.until(ms(85_000));
    assert_eq!(bench.times("announce"), [ms(70_000), ms(80_000)], "on");

    let mut bench = Bench::active(refreshing(ms(10_000)));
    bench.configure(refreshing(ms(10_000)));
    bench.until(ms(85_000));
    let kept = [60_000, 70_000, 80_000].map(|at| ms(at) + OPEN);
    assert_eq!(bench.times("announce"), kept, "unchanged");
}

/// Also between a lapse and the next opening, when a refresh may still be due.
#[test]
fn refreshing_ends_while_claiming_again() {
    let mut bench = Bench::active(refreshing(ms(10_000)));
    bench.answering = false;
    bench.report(Report::LeaseOver {
        gate: GateId(0),
        epoch: bench.epoch(VrId(0)),
        last_sent: bench.now,
    });
    bench.wake();
    assert!(bench.status(1).claiming);
    bench.configure(refreshing(Duration::ZERO));
    bench.until(ms(200_000));
    assert_eq!(bench.times("announce"), []);
}

/// Addresses live where `dev` says; what is on no interface is not announced.
#[test]
fn an_address_is_announced_where_it_lives() {
    let mut other = vip(50);
    other.dev = Some("eth9".into());
    let mut bench = Bench::without_links();
    bench.link(link(2, "eth0"));
    bench.link(link(9, "eth9"));
    bench.configure(config(vec![instance(1, |it| {
        it.garp.repeat = 1;
        it.excluded_addresses = vec![other];
    })]));
    bench.until(OPEN);
    let found = bench.actions().find_map(|action| match action {
        Action::Claim { announcements, .. } => Some(
            announcements
                .iter()
                .map(|it| it.ifindex)
                .collect::<Vec<_>>(),
        ),
        _ => None,
    });
    assert_eq!(found, Some(vec![2, 9]));
}

/// Of two instances with two addresses each that become Active at the same moment, what
/// follows the first announcement of each.
fn two_paced(change: impl Fn(u8, &mut Instance)) -> Vec<Duration> {
    let paced = |n: u8| {
        instance(n, |it| {
            it.garp.repeat = 1;
            it.garp.delay = Duration::ZERO;
            it.garp.arp_interval = ms(20);
            it.addresses = vec![vip(n), vip(100 + n)];
            change(n, it);
        })
    };
    let mut bench = Bench::without_links();
    bench.link(link(2, "eth0"));
    bench.link(link(3, "eth1"));
    bench.configure(config(vec![paced(1), paced(2)]));
    bench.until(ms(60_000));
    let late = bench.times("announce").into_iter();
    late.map(|at| at.saturating_sub(OPEN)).collect()
}

/// `garp_interval` is kept between all instances of an interface, and between those of
/// the interfaces of a `garp_group`.
#[test]
fn one_distance_for_an_interface_or_a_garp_group() {
    assert_eq!(two_paced(|_, _| {}), [ms(20), ms(40)]);
    let other_interface = |n, it: &mut Instance| {
        if n == 2 {
            it.interface = "eth1".into();
        }
    };
    assert_eq!(two_paced(other_interface), [ms(20), ms(20)]);
    let grouped = |n, it: &mut Instance| {
        other_interface(n, it);
        it.garp_group = Some(0);
    };
    assert_eq!(two_paced(grouped), [ms(20), ms(40)]);
}

/// `garp_extra_if`: one announcement on each interface whose switches hear no advert from
/// the address's MAC.
#[test]
fn extra_interfaces() {
    let elsewhere = |n, use_vmac| {
        let mut other = vip(n);
        other.dev = Some("eth1".into());
        other.use_vmac = use_vmac;
        other
    };
    let extra = |change: &dyn Fn(&mut Instance)| {
        let mut bench = Bench::without_links();
        bench.link(link(2, "eth0"));
        bench.link(link(3, "eth1"));
        bench.configure(config(vec![instance(1, |it| {
            it.garp.delay = Duration::ZERO;
            it.garp.extra = ms(10_000);
            change(it);
        })]));
        bench.until(ms(25_000));
        let announced = bench.actions().filter_map(|action| match action {
            Action::Announce { announcements, .. } => {
                let each = announcements.iter();
                Some(
                    each.map(|it| (it.ifindex, it.address.to_string()))
                        .collect::<Vec<_>>(),
                )
            }
            _ => None,
        });
        let announced: Vec<_> = announced.collect();
        let times: Vec<_> = bench
            .times("announce")
            .iter()
            .map(|at| at.saturating_sub(OPEN))
            .collect();
        if !times.is_empty() {
            assert_eq!(times, [ms(10_000), ms(20_000)]);
        }
        announced.into_iter().next().unwrap_or_default()
    };
    let one = |ifindex, address: &str| vec![(ifindex, address.to_owned())];
    let nothing = vec![];
    assert_eq!(extra(&|_| {}), nothing, "adverts do it");
    let plain = |it: &mut Instance| it.excluded_addresses = vec![elsewhere(50, false)];
    assert_eq!(extra(&plain), nothing, "no virtual MAC, and not `all`");
    let all = |it: &mut Instance| {
        plain(it);
        it.garp.extra_all = true;
    };
    assert_eq!(extra(&all), one(3, "198.51.100.50"));
    let with_mac = |it: &mut Instance| {
        it.excluded_addresses = vec![elsewhere(50, true), elsewhere(51, true)];
    };
    assert_eq!(extra(&with_mac), one(3, "198.51.100.50"));
    let own = |it: &mut Instance| it.addresses[0].use_vmac = true;
    assert_eq!(extra(&own), one(2, "198.51.100.1"), "`vmac_xmit_base`");
    let by_adverts = |it: &mut Instance| {
        own(it);
        it.vmac.adverts = true;
    };
    assert_eq!(extra(&by_adverts), nothing);
}
