//! Routes, rules and static addresses in a real kernel.

use crate::world::{World, ip, within};
use std::{path::Path, process::Stdio, time::Duration};
use vrrp_user::{
    config::{self, Context, Source},
    engine::{action::Network, input::Input},
};

const SOON: Duration = Duration::from_secs(5);

struct Text(String);

impl Source for Text {
    fn read(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        if path == Path::new("/k") {
            Ok(self.0.clone().into_bytes())
        } else {
            Err("not there".into())
        }
    }

    fn list(&mut self, _: &Path) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }
}

fn network(addresses: &[&str], routes: &[&str], rules: &[&str]) -> Network {
    let text = format!(
        "static_ipaddress {{\n{}\n}}\nstatic_routes {{\n{}\n}}\nstatic_rules {{\n{}\n}}\n",
        addresses.join("\n"),
        routes.join("\n"),
        rules.join("\n")
    );
    let loaded = config::load("/k", &mut Text(text), &Context::default());
    let config = loaded.config;
    let statics = config
        .unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
        .statics;
    Network {
        addresses: statics.addresses.into_iter().map(|it| it.address).collect(),
        routes: statics.routes,
        rules: statics.rules,
        promoted: Vec::new(),
    }
}

fn routes() -> String {
    let v4 = ip("-4 route show table all proto 18");
    let all = v4 + &ip("-6 route show table all proto 18");
    // What is left of a lifetime differs from one look to the next.
    let words = all.split(' ').map(|word| match word.strip_suffix("sec") {
        Some(left) if left.parse::<u32>().is_ok() => "some",
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

fn rules() -> Vec<String> {
    let all = ip("-details -4 rule show") + &ip("-details -6 rule show");
    let ours = all.lines().filter(|line| line.contains("proto keepalived"));
    ours.map(str::to_owned).collect()
}

/// What the kernel says that it changes during a second.
fn changes_within_a_second() -> String {
    let mut monitor = std::process::Command::new("ip")
        .args(["-o", "monitor", "route", "rule", "address"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("ip");
    std::thread::sleep(Duration::from_secs(1));
    monitor.kill().expect("it runs");
    let seen = monitor.wait_with_output().expect("its output");
    String::from_utf8_lossy(&seen.stdout).into_owned()
}

/// Whatever the kernel makes of a route, we know it again: nothing is asked for twice.
#[test]
fn every_kind_is_installed_once_and_known_again() {
    within(|| {
        let mut world = World::with_interface();
        ip("address add fd77::1/64 dev xvn0 nodad");
        let all = network(
            &[],
            &[
                "10.101.0.0/24 via 10.77.0.254 dev xvn0 src 10.77.0.1",
                "10.102.3.4/24 via 10.77.0.254 metric 12",
                "10.103.0.0/24 dev xvn0 scope link tos 0x10",
                "10.104.0.0/16 dev xvn0 table 6909 mtu lock 1400 advmss 1300 hoplimit 100 window 105",
                "10.105.0.0/16 dev xvn0 rtt 1600 rttvar 900 reordering 104 cwnd lock 106 ssthresh lock 107 rto_min 300 initcwnd 109 initrwnd 110 features ecn quickack 1 congctl cubic fastopen_no_cookie 1",
                "10.105.0.0/17 dev xvn0 mtu 70000",
                "blackhole 10.106.0.0/16",
                "unreachable 10.107.0.0/16 metric 5",
                "prohibit 10.108.0.0/16 table 100",
                "throw 10.109.0.0/16",
                "10.110.0.0/16 via 10.99.99.99 dev xvn0 onlink",
                "10.111.0.0/16 nexthop via 10.77.0.2 weight 3 nexthop via 10.77.0.3 dev xvn0 weight 5",
                "10.112.0.0/16 nexthop via 10.98.0.2 dev xvn0 onlink",
                "10.113.0.0/16 via inet6 fd77::2 dev xvn0",
                "default via 10.77.0.254 table 100 realms 4/5",
                "10.114.0.0/16 dev xvn0 metric 1",
                "10.114.0.0/16 dev xvn0 metric 2 append",
                "10.115.0.0/16 dev xvn0 add",
                "fd01::/64 via fd77::2 dev xvn0",
                "fd02::/64 dev xvn0 metric 55 mtu 1400 pref high",
                "fd03::/64 nexthop via fd77::2 dev xvn0 weight 2 nexthop via fd77::3 dev xvn0",
                "blackhole fd04::/64",
                "fd05::/64 via fd77::4 table 300 expires 600",
                "fd06::/64 from fd77::/64 dev xvn0",
            ],
            &[
                "from 10.1.0.0/16 table 1 preference 100",
                "to 10.2.0.0/16 lookup 6909 priority 101",
                "from 10.3.0.0/16 to 10.4.0.0/16 iif xvn0 oif eth7 tos 0x10 table 2 preference 102",
                "fwmark 24/12 table 3 preference 103",
                "fwmark 0x10 table 3 preference 104",
                "fwmark 0/0xff table 3 preference 128",
                "not from 10.5.0.0/16 table 4 preference 105",
                "from all suppress_prefixlength 0 table main preference 106",
                "suppress_ifgroup 5 table main preference 107",
                "uidrange 1000-2000 table 5 preference 108",
                "ipproto udp sport 10-20 dport 30 table 6 preference 109",
                "iif xvn0 preference 110 goto 120",
                "from 10.6.0.0/16 preference 120 nop",
                "from 10.7.0.0/16 blackhole preference 121",
                "from 10.8.0.0/16 unreachable preference 122",
                "from 10.9.0.0/16 prohibit preference 123",
                "realms 30/20 table 7 preference 124",
                "l3mdev preference 125",
                "tunnel-id 77 table 8 preference 129",
                "from fd01::/64 to fd02::/64 table 6908 uidrange 1-2 preference 126",
                "from fd03::/64 blackhole preference 127",
            ],
        );
        world.set_network(&all, &all);
        assert!(world.settled(SOON));
        world.expect_quiet();
        let (had, asked) = (routes(), rules());
        assert_eq!(had.matches("proto 18").count(), 0);
        // A line for a route, two more for one with two next hops.
        assert_eq!(had.lines().count(), all.routes.len() + 4, "{had}");
        assert_eq!(asked.len(), all.rules.len(), "{asked:#?}");
        // A successor, who finds it all.
        let mut successor = World::new();
        successor.set_network(&all, &all);
        assert!(successor.settled(SOON));
        let changes = changes_within_a_second();
        let ours = changes.lines().filter(|line| {
            !line.contains("xvnpeer") && (line.contains("keepalived") || line.contains("proto 18"))
        });
        assert_eq!(ours.collect::<Vec<_>>(), Vec::<&str>::new());
        successor.expect_quiet();
        assert_eq!((routes(), rules()), (had, asked));
        world.expect_quiet();
        drop(world);
        successor.set_network(&Network::default(), &all);
        assert!(successor.settled(SOON));
        assert_eq!((routes(), rules()), (String::new(), Vec::new()));
    });
}

#[test]
fn what_is_deleted_comes_back_in_its_place() {
    within(|| {
        let world = World::with_interface();
        ip("address add fd77::1/64 dev xvn0 nodad");
        let all = network(
            &["10.88.0.1/24 dev xvn0"],
            &[
                "10.101.0.0/24 via 10.88.0.254 dev xvn0 src 10.88.0.1",
                "fd01::/64 via fd77::2 dev xvn0",
            ],
            &["from 10.1.0.0/16 table 1 preference 100"],
        );
        world.set_network(&all, &all);
        assert!(world.settled(SOON));
        let (had, asked) = (routes(), rules());
        assert_eq!((had.lines().count(), asked.len()), (2, 1));
        for deletion in [
            "route del 10.101.0.0/24",
            "-6 route del fd01::/64",
            "rule del preference 100",
            // Takes its routes along without a word.
            "address del 10.88.0.1/24 dev xvn0",
            "link set xvn0 down",
        ] {
            ip(deletion);
            if deletion.starts_with("link") {
                std::thread::sleep(Duration::from_millis(100));
                ip("link set xvn0 up");
                ip("address add fd77::1/64 dev xvn0 nodad");
            }
            let start = std::time::Instant::now();
            while (routes(), rules()) != (had.clone(), asked.clone()) {
                let now = routes();
                assert!(start.elapsed() < SOON, "{deletion}: {now}");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    });
}

/// Refused, and told with the line that asked for it; the others are installed.
#[test]
fn a_refused_route_is_named_by_its_line() {
    within(|| {
        let mut world = World::with_interface();
        let all = network(
            &[],
            &[
                "10.101.0.0/24 via 203.0.113.1",
                "10.102.0.0/24 dev xvn0 src 203.0.113.9",
                "10.103.0.0/24 dev xvn0",
            ],
            &[],
        );
        world.set_network(&all, &all);
        let mut told = Vec::new();
        while told.len() < 2 {
            if let Input::ActionFailed { what, why, .. } =
                world.expect(SOON, |input| matches!(input, Input::ActionFailed { .. }))
            {
                told.push((what, why));
            }
        }
        told.sort();
        assert_eq!(told[0].0, "add route 10.101.0.0/24 (/k:5)");
        assert!(
            told[0].1.contains("no interface leads to its gateway"),
            "{told:?}"
        );
        assert_eq!(told[1].0, "add route 10.102.0.0/24 (/k:6)");
        assert!(
            told[1].1.contains("is its `src` an address of this host?"),
            "{told:?}"
        );
        assert!(routes().starts_with("10.103.0.0/24"), "{}", routes());
        assert!(world.settled(SOON), "as far as the kernel lets it be");
        // The address it needs comes: it is not asked for only then, but soon.
        ip("address add 203.0.113.9/32 dev xvn0");
        let start = std::time::Instant::now();
        while routes().lines().count() < 2 {
            assert!(start.elapsed() < Duration::from_secs(3), "{}", routes());
            std::thread::sleep(Duration::from_millis(10));
        }
    });
}

/// Of others' routes and rules nothing is touched, whatever they are called.
#[test]
fn what_others_installed_stays() {
    within(|| {
        let world = World::with_interface();
        ip("route add 10.101.0.0/24 via 10.77.0.9 dev xvn0 proto static metric 9");
        ip("route add 10.102.0.0/24 dev xvn0 proto 18");
        ip("rule add from 10.1.0.0/16 table 9 preference 100 protocol 18");
        let all = network(
            &[],
            &["10.101.0.0/24 via 10.77.0.254 dev xvn0"],
            &["from 10.1.0.0/16 table 1 preference 100"],
        );
        world.set_network(&all, &all);
        assert!(world.settled(SOON));
        assert_eq!((routes().lines().count(), rules().len()), (2, 2));
        world.set_network(&Network::default(), &all);
        assert!(world.settled(SOON));
        assert!(routes().starts_with("10.102.0.0/24"), "{}", routes());
        assert_eq!(rules().len(), 1);
        assert!(ip("route show 10.101.0.0/24").contains("metric 9"));
    });
}
