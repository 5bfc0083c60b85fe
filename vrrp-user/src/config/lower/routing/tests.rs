//! keepalived's grammar of routes and rules, keyword by keyword, right and wrong.

use crate::config::{
    Context, Severity, load,
    model::encap::{Encap, Tunnel},
    model::routing::{Metric, Placing, Prefix, Route, Rule, RuleAction, Table},
    model::{Config, Instance},
    tests::Memory,
};
use std::path::PathBuf;

fn read(block: &str, rows: &str) -> (Option<Config>, Vec<String>) {
    let text = format!(
        "vrrp_instance V {{\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress {{\n10.0.0.1\n}}\n{block} {{\n{rows}\n}}\n}}\n"
    );
    of(&text)
}

fn of(text: &str) -> (Option<Config>, Vec<String>) {
    let files = [
        ("/k", text),
        (
            "/etc/iproute2/rt_tables",
            "# names\n255 local\n0x65\tisp1\n",
        ),
        ("/etc/iproute2/rt_tables.d/more.conf", "102 isp2 # second\n"),
        ("/etc/iproute2/rt_protos", "99 mine\n"),
        ("/etc/iproute2/rt_realms", "20 cosmos\n"),
        ("/etc/iproute2/rt_dsfield", "0x10 AF11\n"),
        ("/etc/iproute2/group", "5 uplinks\n"),
    ];
    let files = files
        .iter()
        .map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec()));
    let mut memory = Memory(files.collect());
    let loaded = load("/k", &mut memory, &Context::default());
    let told = loaded.diagnostics.iter().map(|d| {
        let help = d.help.as_deref().unwrap_or("-");
        let kind = if d.severity == Severity::Error {
            "error"
        } else {
            "warning"
        };
        format!("{kind}: {} | {help}", d.message)
    });
    (loaded.config, told.collect())
}

fn instance(config: Option<Config>) -> Option<Instance> {
    config?.instances.into_iter().next()
}

fn route(row: &str) -> Route {
    let (config, told) = read("virtual_routes", row);
    assert_eq!(told, Vec::<String>::new(), "{row}");
    let routes = instance(config).map(|it| it.routes).unwrap_or_default();
    routes.into_iter().next().unwrap_or_else(|| panic!("{row}"))
}

fn rule(row: &str) -> Rule {
    let (config, told) = read("virtual_rules", row);
    assert_eq!(told, Vec::<String>::new(), "{row}");
    let rules = instance(config).map(|it| it.rules).unwrap_or_default();
    rules.into_iter().next().unwrap_or_else(|| panic!("{row}"))
}

fn prefix(text: &str) -> Prefix {
    let (address, bits) = text.split_once('/').expect("a prefix");
    Prefix {
        address: address.parse().expect("an address"),
        bits: bits.parse().expect("a number"),
    }
}

#[test]
fn a_route_has_keepaliveds_defaults() {
    let it = route("192.168.110.0/24 via 192.168.200.254 dev eth1");
    assert_eq!(it.destination, prefix("192.168.110.0/24"));
    assert_eq!(it.via, "192.168.200.254".parse().ok());
    assert_eq!(it.dev.as_deref(), Some("eth1"));
    assert_eq!((it.v6, it.kind, it.scope, it.tos), (false, 1, 0, 0));
    assert_eq!((it.protocol, it.placing), (18, Placing::Prepend));
    assert_eq!(it.table, Table::Number(254));
    assert_eq!((it.metric, it.no_track, it.on_link), (None, false, false));
    assert_eq!(it.origin.in_brackets(), " (/k:8)");
}

/// Each word of the grammar by what it changes.
#[test]
fn every_word_of_a_route_is_understood() {
    type Check = fn(&Route) -> bool;
    let rows: &[(&str, Check)] = &[
        ("src 10.1.1.1", |r| r.source == "10.1.1.1".parse().ok()),
        ("scope link", |r| r.scope == 253),
        ("scope 200", |r| r.scope == 200),
        ("table 6909", |r| r.table == Table::Number(6909)),
        ("table isp1", |r| r.table == Table::Number(101)),
        ("table isp2", |r| r.table == Table::Number(102)),
        ("table local", |r| r.table == Table::Number(255)),
        ("vrf blue", |r| r.table == Table::Vrf("blue".into())),
        ("metric 12", |r| r.metric == Some(12)),
        ("priority 0x10", |r| r.metric == Some(16)),
        ("preference 13", |r| r.metric == Some(13)),
        ("tos 0x04", |r| r.tos == 4),
        ("dsfield AF11", |r| r.tos == 16),
        ("protocol 18", |r| r.protocol == 18),
        ("protocol mine no_track", |r| r.protocol == 99 && r.no_track),
        ("protocol bird no_track", |r| r.protocol == 12),
        ("onlink", |r| r.on_link),
        ("mtu 1000", |r| value(r, Metric::Mtu) == (1000, false)),
        ("mtu lock 1000", |r| value(r, Metric::Mtu) == (1000, true)),
        ("advmss lock 101", |r| {
            value(r, Metric::AdvMss) == (101, true)
        }),
        ("hoplimit 100", |r| {
            value(r, Metric::HopLimit) == (100, false)
        }),
        ("rtt 2000", |r| value(r, Metric::Rtt) == (2000, false)),
        ("rtt 300ms", |r| value(r, Metric::Rtt) == (2400, false)),
        ("rtt lock 0.5s", |r| value(r, Metric::Rtt) == (4000, true)),
        ("rttvar 300ms", |r| {
            value(r, Metric::RttVar) == (1200, false)
        }),
        ("rto_min 1s", |r| value(r, Metric::RtoMin) == (1000, false)),
        ("reordering 104", |r| {
            value(r, Metric::Reordering) == (104, false)
        }),
        ("window 105", |r| value(r, Metric::Window) == (105, false)),
        ("cwnd lock 106", |r| value(r, Metric::Cwnd) == (106, true)),
        ("ssthresh lock 107", |r| {
            value(r, Metric::SsThresh) == (107, true)
        }),
        ("initcwnd 109", |r| {
            value(r, Metric::InitCwnd) == (109, false)
        }),
        ("initrwnd 110", |r| {
            value(r, Metric::InitRwnd) == (110, false)
        }),
        ("features ecn", |r| value(r, Metric::Features) == (1, false)),
        ("quickack 1", |r| value(r, Metric::QuickAck) == (1, false)),
        ("fastopen_no_cookie 1", |r| {
            value(r, Metric::FastopenNoCookie) == (1, false)
        }),
        ("congctl lock cubic", |r| {
            r.metrics.congestion.as_deref() == Some("cubic") && r.metrics.lock == 1 << 16
        }),
        ("realms cosmos/0x14", |r| r.realms == Some(0x14_0014)),
        ("realms 5", |r| r.realms == Some(5)),
        ("add", |r| r.placing == Placing::Alone),
        ("append", |r| r.placing == Placing::Append),
        ("append prepend", |r| r.placing == Placing::Prepend),
        ("no_track", |r| r.no_track),
        ("inet", |r| !r.v6),
    ];
    for (option, check) in rows {
        let read = route(&format!("10.9.0.0/16 dev eth1 {option}"));
        assert!(check(&read), "{option}: {read:?}");
    }
}

/// `encap` of a route, and of a next hop.
#[test]
fn what_is_put_around_packets() {
    let tunnel = Tunnel {
        id: Some(5),
        ..Tunnel::default()
    };
    let full = Tunnel {
        id: Some(0x10),
        destination: "192.0.2.9".parse().ok(),
        source: "192.0.2.8".parse().ok(),
        class: Some(16),
        hop_limit: Some(9),
        flags: Some(4),
    };
    let full6 = Tunnel {
        destination: "fd00::9".parse().ok(),
        source: "fd00::8".parse().ok(),
        ..full.clone()
    };
    for (words, want) in [
        ("ip id 5", Encap::Ip(tunnel.clone())),
        (
            "ip id 0x10 dst 192.0.2.9 src 192.0.2.8 tos AF11 ttl 9 flags 4",
            Encap::Ip(full),
        ),
        (
            "ip6 id 16 dst fd00::9 src fd00::8 tc AF11 hoplimit 9 flags 0x4",
            Encap::Ip6(full6),
        ),
        ("mpls 100/0x10", Encap::Mpls(vec![100, 16])),
        ("ila 2001:db8:0:1", Encap::Ila(0x2001_0db8_0000_0001)),
    ] {
        let it = route(&format!("10.9.0.0/16 encap {words} dev eth1 metric 3"));
        assert_eq!(it.encap.as_ref(), Some(&want), "{words}");
        assert_eq!((it.dev.as_deref(), it.metric), (Some("eth1"), Some(3)));
        let it = route(&format!(
            "10.9.0.0/16 nexthop via 10.0.0.2 encap {words} weight 3 nexthop via 10.0.0.3"
        ));
        assert_eq!(it.next_hops[0].encap.as_ref(), Some(&want), "{words}");
        assert_eq!(it.next_hops[0].weight, Some(3));
        assert_eq!((it.encap, it.next_hops.len()), (None, 2));
    }
}

/// `ttl-propagate` says nothing that the kernel would heed.
#[test]
fn ttl_propagate_is_taken_and_told() {
    let (config, told) = read(
        "virtual_routes",
        "10.9.0.0/16 dev eth1 ttl-propagate enabled",
    );
    assert!(instance(config).is_some_and(|it| it.routes.len() == 1));
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("has nothing to rule here"), "{told:?}");
}

fn value(route: &Route, metric: Metric) -> (u32, bool) {
    let lock = route.metrics.lock & 1 << metric.number() != 0;
    (
        route
            .metrics
            .values
            .get(&metric)
            .copied()
            .unwrap_or(u32::MAX),
        lock,
    )
}

#[test]
fn routes_of_every_shape() {
    let to = route("src 192.168.100.1 to 192.168.109.0/24 oif eth1");
    assert_eq!(to.destination, prefix("192.168.109.0/24"));
    assert_eq!(to.dev.as_deref(), Some("eth1"));
    let hole = route("blackhole 192.168.114.0/24");
    assert_eq!((hole.kind, hole.dev.clone()), (6, None));
    for (word, kind) in [("unreachable", 7), ("prohibit", 8), ("throw", 9)] {
        assert_eq!(route(&format!("{word} 10.0.0.0/8")).kind, kind);
    }
    let default = route("default via 10.0.0.254 table 100");
    assert_eq!(default.destination, prefix("0.0.0.0/0"));
    let six = route("inet6 default via fe80::1 dev eth1");
    assert_eq!((six.v6, six.destination), (true, prefix("::/0")));
    let sourced =
        route("2001:db8:1::/48 from 2001:db8:2::/48 via fe80::1 dev eth1 pref high expires 30");
    assert_eq!(sourced.from, Some(prefix("2001:db8:2::/48")));
    assert_eq!((sourced.preference, sourced.expires_s), (Some(1), Some(30)));
    let over = route("10.9.0.0/16 via inet6 fe80::1 dev eth1");
    assert_eq!((over.v6, over.via), (false, "fe80::1".parse().ok()));
    let many = route(
        "192.168.100.0/24 table 6909 nexthop via 192.168.101.1 dev wlan0 onlink weight 1 nexthop via 192.168.101.2 dev wlan1 weight 256 realms 3",
    );
    assert_eq!(many.next_hops.len(), 2);
    assert_eq!(many.next_hops[0].weight, Some(1));
    assert!(many.next_hops[0].on_link && !many.next_hops[1].on_link);
    assert_eq!(many.next_hops[1].realms, Some(3));
    assert_eq!(many.devices().collect::<Vec<_>>(), ["wlan0", "wlan1"]);
    let (config, told) = read("virtual_routes", "10.9.0.0/16 gw 10.0.0.2 or 10.0.0.3");
    assert_eq!(told.len(), 2, "{told:?}");
    let old = instance(config).map(|it| it.routes).unwrap_or_default();
    let hops: Vec<_> = old[0].next_hops.iter().filter_map(|hop| hop.via).collect();
    assert_eq!(hops.len(), 2);
    assert_eq!(old[0].via, None);
}

const WRONG_ROUTES: [(&str, &str); 38] = [
    (
        "via 10.0.0.1",
        "error: a route without a destination | write `PREFIX via GATEWAY dev INTERFACE`; `default` is all",
    ),
    (
        "10.9.0.0/16",
        "error: a route that leads nowhere: it has no gateway and no interface | write `via GATEWAY` or `dev INTERFACE`, or put `blackhole` first",
    ),
    (
        "10.9.0.0/16 via 10.0.0.256",
        "error: `10.0.0.256` is no address | 256 is more than 255",
    ),
    (
        "10.9.0.0/33 dev e",
        "error: `/33` is no prefix length of an address with 32 bits | write `10.9.0.0/24`",
    ),
    (
        "10.9.0.0/16 via fe80::1",
        "error: `fe80::1` is IPv6, and `10.9.0.0/16` before it IPv4 | write addresses of one family in a row",
    ),
    (
        "10.9.0.0/16 via inet6 10.0.0.1",
        "error: `10.0.0.1` is not of the family said before it | write `inet 10.0.0.1`",
    ),
    (
        "10.9.0.0/16 dev e table isp3",
        "error: `isp3` is no routing table | write `isp1`",
    ),
    (
        "10.9.0.0/16 dev e table nowhere-near",
        "error: `nowhere-near` is no routing table | write its number, or name it in /etc/iproute2/rt_tables",
    ),
    (
        "10.9.0.0/16 dev e tos 256",
        "error: `256` is out of range | write a number from 0 to 255",
    ),
    (
        "10.9.0.0/16 dev e scope wide",
        "error: `wide` is no scope | write its number, or name it in /etc/iproute2/rt_scopes",
    ),
    (
        "10.9.0.0/16 dev e metric x",
        "error: `x` is no number for `metric` | write a number from 0 to 4294967295",
    ),
    ("10.9.0.0/16 dev", "error: nothing follows `dev` | -"),
    (
        "10.9.0.0/16 dev eth0:1",
        "error: `eth0:1` is a label, not an interface | write `eth0`; a label stands behind an address: `192.0.2.1/24 label eth0:1`",
    ),
    (
        "10.9.0.0/16 dev e mtu lock",
        "error: nothing follows `mtu` | -",
    ),
    (
        "10.9.0.0/16 dev e rtt soon",
        "error: `soon` is no time | write milliseconds as in `250ms`, or `0.25s`",
    ),
    (
        "10.9.0.0/16 dev e rtt 100ms",
        "warning: `100ms` is not between 200 ms and 120 s; the nearest of them is used | write milliseconds as in `250ms`",
    ),
    (
        "10.9.0.0/16 dev e features sack",
        "error: `sack` is no feature of a route | write `ecn`",
    ),
    (
        "10.9.0.0/16 dev e quickack 2",
        "error: `2` is no number for `quickack` | write a number from 0 to 1",
    ),
    (
        "10.9.0.0/16 dev e metrik 3",
        "error: `metrik` is no option of a route | write `metric`",
    ),
    (
        "10.9.0.0/16 10.8.0.0/16 dev e",
        "error: `10.8.0.0/16`: the route has a destination already | write one route a line",
    ),
    (
        "10.9.0.0/16 dev e pref high",
        "error: `pref` is IPv6, and `10.9.0.0/16` before it IPv4 | write addresses of one family in a row",
    ),
    (
        "fd00::/8 dev e realms 1",
        "error: `realms` is IPv4, and `fd00::/8` before it IPv6 | write addresses of one family in a row",
    ),
    (
        "fd00::/8 dev e pref best",
        "error: `best` is no preference of a router | write `low`, `medium` or `high`",
    ),
    (
        "10.9.0.0/16 via 10.0.0.1 nexthop via 10.0.0.2",
        "error: a route has one gateway or next hops, not both | write every gateway as `nexthop via ADDRESS`",
    ),
    (
        "10.9.0.0/16 nexthop via 10.0.0.2 weight 0",
        "error: a next hop of weight 0 would never be used | write a weight from 1 to 256",
    ),
    (
        "10.9.0.0/16 nexthop via 10.0.0.2 table 3",
        "error: `table` stands behind a `nexthop` | move it before the first `nexthop`",
    ),
    (
        "10.9.0.0/16 nexthop via 10.0.0.2 wait 3",
        "error: `wait` is no option of a next hop | known are via, dev, weight, onlink, realms, encap, nexthop",
    ),
    (
        "10.9.0.0/16 dev e encap ip ttl 1",
        "error: `encap ip` without an `id` or a `dst` | say where the tunnel leads: `dst ADDRESS`",
    ),
    (
        "10.9.0.0/16 dev e encap ip dst fd00::1",
        "error: `fd00::1` is IPv6 | write `encap ip6` for such a tunnel",
    ),
    (
        "10.9.0.0/16 dev e encap gre id 1",
        "error: `gre` is no option of a route's `encap` | known are ip, ip6, mpls, ila",
    ),
    (
        "10.9.0.0/16 dev e encap mpls 100/x",
        "error: `100/x` are no MPLS labels | write up to 16 numbers from 0 to 1048575, as in `100/200`",
    ),
    (
        "10.9.0.0/16 dev e encap ila 1:2",
        "error: `1:2` is no locator | write the upper half of an IPv6 address: `2001:db8:0:1`",
    ),
    (
        "10.9.0.0/16 dev e ttl-propagate 1",
        "error: `1` cannot follow `ttl-propagate` | write `enabled` or `disabled`",
    ),
    (
        "10.9.0.0/16 dev e as to 5",
        "error: `as` is for routes of MPLS labels, which there are none of | remove it, and what follows it",
    ),
    (
        "10.9.0.0/16 dev e track_group G",
        "error: `track_group` is for static routes and rules | remove it: an instance tracks its own",
    ),
    (
        "10.9.0.0/16 dev e protocol bird",
        "warning: a route that is tracked has protocol 18 (keepalived), which is used | remove `protocol`, or add `no_track`",
    ),
    (
        "10.9.0.0/16 dev e\n10.9.0.0/16 dev e",
        "warning: this route is listed twice; it counts once | remove one of them",
    ),
    (
        "default6 dev e",
        "warning: `default6` is an old spelling | write `inet6 default`",
    ),
];

#[test]
fn what_is_wrong_with_a_route_is_told_with_what_to_write() {
    for (row, expected) in WRONG_ROUTES {
        let (config, told) = read("virtual_routes", row);
        assert_eq!(told, [expected], "{row}");
        assert_eq!(config.is_none(), expected.starts_with("error"), "{row}");
    }
}

#[test]
fn every_word_of_a_rule_is_understood() {
    type Check = fn(&Rule) -> bool;
    let rows: &[(&str, Check)] = &[
        ("from 192.168.2.0/24 table 1", |r| {
            r.from == Some(prefix("192.168.2.0/24")) && r.action == RuleAction::Table(1)
        }),
        ("to 192.168.2.0/24 lookup isp1", |r| {
            r.to == Some(prefix("192.168.2.0/24")) && r.action == RuleAction::Table(101)
        }),
        ("from all table 1", |r| r.from == Some(prefix("0.0.0.0/0"))),
        ("inet6 to default table 1", |r| {
            r.v6 && r.to == Some(prefix("::/0"))
        }),
        (
            "from 7:6:5:4:3:2::/96 table 6908 uidrange 10000-19999",
            |r| r.v6 && r.uids == Some((10000, 19999)),
        ),
        ("iif eth1 oif eth2 table 1", |r| {
            r.devices().collect::<Vec<_>>() == ["eth1", "eth2"]
        }),
        ("dev eth1 table 1", |r| r.iif.as_deref() == Some("eth1")),
        ("not from 10.0.0.0/8 table 1", |r| r.invert),
        ("tos 22 table 1", |r| r.tos == 22),
        ("dsfield AF11 table 1", |r| r.tos == 16),
        ("fwmark 24/12 table 1", |r| r.mark == Some((24, Some(12)))),
        ("fwmark 0x10 table 1", |r| r.mark == Some((16, None))),
        ("realms 30/20 table 1", |r| r.realms == Some(0x1e_0014)),
        ("suppress_prefixlength 0 table 1", |r| {
            r.suppress_prefix_length == Some(0)
        }),
        ("sup_pl 3 table 1", |r| r.suppress_prefix_length == Some(3)),
        ("suppress_ifgroup uplinks table 1", |r| {
            r.suppress_group == Some(5)
        }),
        ("tunnel-id 77 table 1", |r| r.tunnel_id == Some(77)),
        ("l3mdev", |r| r.action == RuleAction::L3mdev),
        ("protocol mine no_track table 1", |r| {
            r.protocol == 99 && r.no_track
        }),
        ("ipproto UDP sport 10-20 dport 53 table 1", |r| {
            r.ip_protocol == Some(17)
                && r.source_ports == Some((10, 20))
                && r.destination_ports == Some((53, 53))
        }),
        ("ip_proto 6 table 1", |r| r.ip_protocol == Some(6)),
        ("goto 40", |r| r.action == RuleAction::Goto(40)),
        ("nop", |r| r.action == RuleAction::Nop),
        ("blackhole", |r| r.action == RuleAction::Blackhole),
        ("type unreachable", |r| r.action == RuleAction::Unreachable),
        ("prohibit", |r| r.action == RuleAction::Prohibit),
    ];
    for (row, check) in rows {
        for word in ["preference", "priority", "order"] {
            let read = rule(&format!("{row} {word} 39"));
            assert!(check(&read) && read.preference == 39, "{row}: {read:?}");
        }
    }
}

#[test]
fn rules_without_preference_count_down_by_family() {
    let (config, told) = read(
        "virtual_rules",
        "from 10.0.0.0/8 table 1\nto 10.0.0.0/8 table 1\ninet6 from fd00::/8 table 1",
    );
    assert_eq!(told.len(), 3);
    assert!(told[0].contains("it gets 16384"), "{told:?}");
    let rules = instance(config).map(|it| it.rules).unwrap_or_default();
    let given: Vec<u32> = rules.iter().map(|rule| rule.preference).collect();
    assert_eq!(given, [16384, 16383, 16384]);
}

#[test]
fn what_is_wrong_with_a_rule_is_told_with_what_to_write() {
    for (row, expected) in [
        (
            "from 10.0.0.0/8 preference 5",
            "error: a rule that does nothing | write `table TABLE`, or one of goto, nop, blackhole, unreachable, prohibit, l3mdev",
        ),
        (
            "from 10.0.0.0/8 to fd00::/8 table 1 preference 5",
            "error: `fd00::/8` is IPv6, and `10.0.0.0/8` before it IPv4 | write addresses of one family in a row",
        ),
        (
            "from 10.0.0.x table 1 preference 5",
            "error: `10.0.0.x` is no address | write an address as in `192.0.2.1` or `2001:db8::1`",
        ),
        (
            "table 0 preference 5",
            "error: there is no routing table 0 | write the number or name of a table",
        ),
        (
            "table 1 blackhole preference 5",
            "error: a rule does one thing, and this is the second | keep one of table, goto, nop, blackhole, unreachable, prohibit, l3mdev",
        ),
        (
            "goto 4 preference 5",
            "error: a rule goes only to one with a higher preference than its own | write `preference NUMBER`, less than 4",
        ),
        (
            "goto 4",
            "error: a rule goes only to one with a higher preference than its own | write `preference NUMBER`, less than 4",
        ),
        (
            "nop realms 3 preference 5",
            "error: `realms` and `suppress_*` are for a rule that looks up a table | remove it, or write `table TABLE`",
        ),
        (
            "fwmark -1 table 1 preference 5",
            "error: `-1` is no mark | write `1`, `0x10` or `0x10/0xff`",
        ),
        (
            "uidrange 10 table 1 preference 5",
            "error: `10` is no range for `uidrange` | write `FIRST-LAST`, up to 4294967295",
        ),
        (
            "sport 20-10 table 1 preference 5",
            "error: `20-10` is no range for `sport` | write `FIRST-LAST` or one number, up to 65535",
        ),
        (
            "dport 65536 table 1 preference 5",
            "error: `65536` is no range for `dport` | write `FIRST-LAST` or one number, up to 65535",
        ),
        (
            "ipproto xyz table 1 preference 5",
            "error: `xyz` is no IP protocol | write `tcp`, `udp`, `icmp`, or its number",
        ),
        (
            "tunnel-id a table 1 preference 5",
            "error: `a` is no tunnel ID | write a whole number",
        ),
        (
            "tabel 1 preference 5",
            "error: `tabel` is no option of a rule | write `table`",
        ),
        (
            "table 1 preference",
            "error: nothing follows `preference` | -",
        ),
        (
            "table 1 preference -5",
            "error: `-5` is no number for `preference` | write a number from 0 to 4294967295",
        ),
        (
            "table 1 preference 5 protocol bird",
            "warning: a rule that is tracked has protocol 18 (keepalived), which is used | remove `protocol`, or add `no_track`",
        ),
    ] {
        let (config, told) = read("virtual_rules", row);
        assert_eq!(told, [expected], "{row}");
        assert_eq!(config.is_none(), expected.starts_with("error"), "{row}");
    }
}

#[test]
fn static_blocks_and_track_groups() {
    let text = "global_defs {\ndefault_interface eth5\n}\nstatic_ipaddress {\n10.5.0.1/24 dev eth1 track_group G\n10.6.0.1/24\n}\nstatic_routes {\n10.9.0.0/16 dev eth2 track_group G\n10.8.0.0/16 dev eth3\n}\nstatic_rules {\nfrom 10.0.0.0/8 iif eth4 table 1 preference 5 track_group G\n}\ntrack_group G {\ngroup {\nV\n}\n}\nvrrp_instance V {\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress {\n10.0.0.1 dev eth6\n10.0.0.2 dev eth7 no_track\n10.0.0.3 dev eth0\n}\nvirtual_routes {\n10.1.0.0/16 dev eth8\n10.2.0.0/16 dev eth9 no_track\n10.3.0.0/16 nexthop dev eth10\n}\nvirtual_rules {\niif eth11 oif eth12 table 1 preference 6\n}\n}\nvrrp_instance W {\ninterface eth0\nvirtual_router_id 8\nvirtual_ipaddress {\n10.0.0.9\n}\n}\n";
    let (config, told) = of(text);
    assert_eq!(told, Vec::<String>::new());
    let config = config.expect("a configuration");
    let statics = &config.statics;
    assert_eq!(statics.addresses[1].address.dev.as_deref(), Some("eth5"));
    assert_eq!(statics.addresses[0].address.origin.line, 5);
    assert_eq!((statics.routes.len(), statics.rules.len()), (2, 1));
    assert_eq!(
        config.instances[0].devices,
        ["eth1", "eth11", "eth12", "eth2", "eth4", "eth6", "eth8"]
    );
    assert!(config.instances[1].devices.is_empty());
    for (from, to, expected) in [
        (
            "track_group G {",
            "track_group H {",
            "error: there is no `track_group G` | write `H`",
        ),
        (
            "group {\nV\n",
            "group {\nVV\n",
            "error: there is no `vrrp_instance VV` | write `V`",
        ),
        (
            "default_interface eth5",
            "",
            "warning: a static address without `dev` is placed on eth0 | write `dev INTERFACE`",
        ),
        (
            "dev eth1 track_group G",
            "track_group",
            "error: nothing follows `track_group` | write `track_group NAME`",
        ),
        (
            "10.9.0.0/16 dev eth2",
            "blackhole 10.9.0.0/16",
            "warning: without an interface there is nothing of this route to track | add `dev INTERFACE`",
        ),
        (
            "iif eth4 ",
            "",
            "warning: without `iif` there is nothing of this rule to track | add `iif INTERFACE`",
        ),
    ] {
        let (_, told) = of(&text.replace(from, to));
        assert!(told.iter().any(|line| line == expected), "{from}: {told:?}");
    }
}
