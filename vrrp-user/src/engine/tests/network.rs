//! Routes, rules and static addresses, and interfaces that change under us.

use super::fixture::{Bench, config, host, instance, link, ms, vip};
use crate::{
    config::model::{
        Config, Instance, LinkDelays,
        routing::{
            Metrics, Origin, PROTOCOL, Placing, Prefix, Route, Rule, RuleAction, StaticAddress,
            Table,
        },
    },
    engine::{
        action::Action,
        input::{Input, Link},
    },
};
use core::time::Duration;

fn route(n: u8) -> Route {
    Route {
        origin: Origin::default(),
        v6: false,
        kind: 1,
        destination: Prefix {
            address: [10, n, 0, 0].into(),
            bits: 16,
        },
        from: None,
        source: None,
        via: None,
        dev: Some("eth9".into()),
        on_link: false,
        table: Table::Number(254),
        tos: 0,
        protocol: PROTOCOL,
        scope: 0,
        metric: None,
        realms: None,
        expires_s: None,
        preference: None,
        encap: None,
        metrics: Metrics::default(),
        next_hops: Vec::new(),
        placing: Placing::default(),
        no_track: false,
        track_group: None,
    }
}

fn rule(preference: u32) -> Rule {
    Rule {
        origin: Origin::default(),
        v6: false,
        invert: false,
        from: None,
        to: None,
        preference,
        action: RuleAction::Table(1),
        iif: None,
        oif: None,
        tos: 0,
        mark: None,
        realms: None,
        suppress_prefix_length: None,
        suppress_group: None,
        tunnel_id: None,
        uids: None,
        ip_protocol: None,
        source_ports: None,
        destination_ports: None,
        protocol: PROTOCOL,
        no_track: false,
        track_group: None,
    }
}

fn with_routes() -> Config {
    let mut config = config(vec![instance(1, |it| {
        it.routes = vec![route(1)];
        it.rules = vec![rule(100)];
    })]);
    let mut address = vip(200);
    address.dev = Some("eth9".into());
    config.statics.addresses.push(StaticAddress {
        address,
        track_group: None,
    });
    config.statics.routes.push(route(9));
    config
}

const LISTS: [&str; 2] = ["addresses", "network"];

/// After the addresses, and gone before them; static ones from the start to the end.
#[test]
fn routes_and_rules_come_after_addresses_and_go_before_them() {
    let mut bench = Bench::new(with_routes());
    let fixed = "network 198.51.100.200 10.9.0.0/16";
    let all = "network 198.51.100.200 10.9.0.0/16 10.1.0.0/16 100";
    let (placed, none) = ("addresses 2:198.51.100.1", "addresses");
    let first = bench.trace(&LISTS);
    assert_eq!(first.last().map(String::as_str), Some(fixed), "{first:?}");
    bench.clear();
    bench.until(ms(60_000));
    let trace = bench.trace(&LISTS);
    assert_eq!(trace.len(), 2, "{trace:?}");
    assert!(
        trace[0].starts_with("addresses") && trace[0].len() > none.len(),
        "{trace:?}"
    );
    assert_eq!(trace[1], all, "{placed}");
    bench.clear();
    bench.link(Link {
        up: false,
        ..link(2, "eth0")
    });
    assert_eq!(bench.trace(&LISTS), [fixed, none]);
    bench.link(link(2, "eth0"));
    bench.until(ms(120_000));
    bench.clear();
    bench.feed(Input::Shutdown);
    bench.until(ms(121_000));
    let trace = bench.trace(&["addresses", "network", "cease", "finished"]);
    let place = |what: &str| trace.iter().position(|it| it.starts_with(what));
    assert!(place(fixed) < place("addresses"), "{trace:?}");
    let last = trace.iter().rposition(|it| it == "network");
    assert!(place("cease") < last && last.is_some(), "{trace:?}");
    assert!(last < place("finished"), "{trace:?}");
}

#[test]
fn a_configuration_without_any_asks_for_nothing() {
    let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
    bench.until(ms(60_000));
    assert_eq!(bench.trace(&["network"]), Vec::<String>::new());
}

#[test]
fn a_reload_hands_on_the_whole_list_once() {
    let mut bench = Bench::active(with_routes());
    bench.configure(with_routes());
    assert_eq!(bench.actions().count(), 0);
    let mut other = with_routes();
    other.statics.routes.clear();
    bench.configure(other);
    assert_eq!(
        bench.trace(&LISTS),
        ["network 198.51.100.200 10.1.0.0/16 100"]
    );
    let managed = bench.actions().find_map(|action| match action {
        Action::SetNetwork { managed, .. } => Some(managed.clone()),
        _ => None,
    });
    assert_eq!(managed.map(|it| it.routes.len()), Some(1));
}

/// Losing an interface that an address, a route or a rule needs is a FAULT.
#[test]
fn a_needed_interface_that_is_down_is_a_fault() {
    let needs = |it: &mut Instance| it.devices = vec!["eth9".into()];
    let mut bench = Bench::without_links();
    bench.link(link(2, "eth0"));
    bench.link(link(9, "eth9"));
    bench.configure(config(vec![instance(1, needs)]));
    bench.until(ms(60_000));
    assert_eq!(bench.state(1), "MASTER");
    bench.link(Link {
        up: false,
        ..link(9, "eth9")
    });
    assert_eq!(bench.state(1), "FAULT");
    assert_eq!(
        bench.status(1).fault_text,
        ["tracked interface eth9 is down"]
    );
    bench.link(link(9, "eth9"));
    bench.until(ms(120_000));
    assert_eq!(bench.state(1), "MASTER");
    bench.feed(Input::LinkGone { ifindex: 9 });
    assert_eq!(bench.state(1), "FAULT");
}

/// Records, adverts and announcements have the new hardware address at once, and only
/// what changed is announced.
#[test]
fn another_hardware_address_while_master_is_announced() {
    let mut bench = Bench::active(config(vec![instance(1, |_| {})]));
    let mac = [2, 9, 9, 9, 9, 9];
    bench.link(Link {
        mac,
        ..link(2, "eth0")
    });
    assert_eq!(bench.state(1), "MASTER");
    let mut announced = 0;
    let mut seen = Vec::new();
    for action in bench.actions() {
        match action {
            Action::Announce { announcements, .. } => {
                assert!(announcements.iter().all(|it| it.mac == mac));
                announced += announcements.len();
            }
            Action::SetVips(vips) => {
                assert!(vips.iter().all(|it| it.mac == mac));
                seen.push("vips");
            }
            Action::SetRouter {
                record: Some(record),
                ..
            } => {
                assert_eq!(record.mac, mac);
                seen.push("router");
            }
            Action::UpdateAdvert { advert, .. } => {
                assert_eq!(advert.mac, mac);
                seen.push("advert");
            }
            _ => {}
        }
    }
    assert_eq!(announced, 5, "garp_master_repeat");
    seen.sort_unstable();
    assert_eq!(seen, ["advert", "router", "vips"]);
    bench.clear();
    bench.link(Link {
        mac,
        mtu: 9000,
        ..link(2, "eth0")
    });
    assert_eq!(bench.trace(&["announce"]), Vec::<String>::new());
}

/// A Backup says nothing of it.
#[test]
fn a_backup_announces_no_hardware_address() {
    let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
    bench.hear(super::fixture::advert(host(1), 200));
    bench.clear();
    bench.link(Link {
        mac: [2; 6],
        ..link(2, "eth0")
    });
    assert_eq!(bench.trace(&["announce"]), Vec::<String>::new());
}

fn delayed(down: Duration, up: Duration) -> Config {
    let mut config = config(vec![instance(1, |_| {})]);
    config.delays.insert("eth0".into(), LinkDelays { down, up });
    config
}

fn down() -> Link {
    Link {
        up: false,
        ..link(2, "eth0")
    }
}

/// Back before the delay is over: nothing has happened.
#[test]
fn a_link_that_bounces_is_no_fault() {
    let mut bench = Bench::active(delayed(ms(500), ms(300)));
    bench.link(down());
    bench.until(bench.elapsed() + ms(499));
    assert_eq!(bench.state(1), "MASTER");
    bench.link(link(2, "eth0"));
    bench.until(bench.elapsed() + ms(5_000));
    assert_eq!(bench.state(1), "MASTER");
    assert_eq!(bench.trace(&["cease"]), Vec::<String>::new());
    // Longer: the delay counts from when it went, however often it is told.
    bench.link(down());
    bench.until(bench.elapsed() + ms(300));
    bench.link(Link {
        mtu: 1400,
        ..down()
    });
    bench.until(bench.elapsed() + ms(199));
    assert_eq!(bench.state(1), "MASTER");
    bench.until(bench.elapsed() + ms(1));
    assert_eq!(bench.state(1), "FAULT");
    // The way back has a delay of its own.
    bench.link(link(2, "eth0"));
    bench.until(bench.elapsed() + ms(299));
    assert_eq!(bench.state(1), "FAULT");
    bench.until(bench.elapsed() + ms(1));
    assert_eq!(bench.state(1), "BACKUP");
}

/// At the start, and for an interface that is new, there is nothing to wait for.
#[test]
fn a_link_that_was_not_known_counts_at_once() {
    let mut bench = Bench::new(delayed(ms(500), ms(500)));
    assert_eq!(bench.state(1), "BACKUP");
    bench.link(down());
    bench.feed(Input::LinkGone { ifindex: 2 });
    assert_eq!(bench.state(1), "FAULT");
    bench.link(link(3, "eth0"));
    assert_eq!(bench.state(1), "BACKUP");
    bench.until(bench.elapsed() + ms(1_000));
    assert_eq!(bench.state(1), "BACKUP");
}
