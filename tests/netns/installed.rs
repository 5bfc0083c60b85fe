//! Routes, rules and static addresses: as keepalived installs them, and put back,
//! adopted and removed as virtual addresses are.

use std::{process::Stdio, time::Duration};

use crate::handover::done;
use nix::sys::signal::Signal;
use xvrrp_tests::{
    capture::Stamp,
    daemon::{
        Daemon::{self, Keepalived, Xvrrpd},
        Running,
    },
    net::{Lab, Node},
    wait::{eventually, throughout},
};

const PATIENCE: Duration = Duration::from_secs(10);

/// A router alone, with two interfaces more.
fn lab() -> Lab {
    let lab = Lab::new(1);
    let ns = &lab.router(0).ns;
    for name in ["dm0", "dm1"] {
        ns.ip(&format!("link add {name} type veth peer name {name}-far"));
        ns.ip(&format!("link set {name}-far up"));
        ns.ip(&format!("link set {name} up"));
    }
    ns.ip("addr add 10.60.0.1/24 dev dm0");
    ns.ip("addr add 10.61.0.1/24 dev dm1");
    ns.ip("addr add fd60::1/64 dev dm0 nodad");
    lab
}

fn conf(statics: &str, inside: &str) -> String {
    format!(
        "global_defs {{\n    router_id r1\n    vrrp_version 3\n}}\n{statics}\nvrrp_instance VI_1 {{\n    interface eth0\n    virtual_router_id 51\n    priority 200\n    advert_int 0.1\n    virtual_ipaddress {{\n        10.77.0.50/24\n    }}\n{inside}\n}}\n"
    )
}

fn show(node: &Node, arguments: &str) -> Vec<String> {
    let mut command = node.ns.command("ip");
    let done = command.args(arguments.split(' ')).output().expect("ip");
    let text = String::from_utf8_lossy(&done.stdout);
    // Several next hops stand on lines of their own.
    let text = text.replace("\n\t", " ");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut lines: Vec<String> = text.lines().map(words).collect();
    lines.sort();
    lines
}

fn routes(node: &Node) -> Vec<String> {
    let mut all = show(node, "-details -4 route show table all proto keepalived");
    all.extend(show(
        node,
        "-details -6 route show table all proto keepalived",
    ));
    all
}

fn rules(node: &Node) -> Vec<String> {
    let mut all = show(node, "-details -4 rule show");
    all.extend(show(node, "-details -6 rule show"));
    all.retain(|line| line.contains("proto keepalived"));
    all
}

/// All but those of the lab. keepalived 2.2.7 does not mark its own.
fn addresses(node: &Node) -> Vec<String> {
    const OTHERS: [&str; 8] = [
        " lo ",
        "fe80:",
        "10.60.0.1/",
        "10.61.0.1/",
        "fd60::1/",
        "10.77.0.1/",
        "fd77::1/",
        "link/",
    ];
    let all = show(node, "-details -o addr show");
    let ours = all
        .iter()
        .filter(|line| !OTHERS.iter().any(|other| line.contains(other)));
    ours.map(|line| {
        line.replace(" proto keepalived", "")
            .replace(" proto 18", "")
    })
    .collect()
}

fn everything(node: &Node) -> Vec<String> {
    let mut all = addresses(node);
    all.extend(routes(node));
    all.extend(rules(node));
    all
}

#[track_caller]
fn expect(node: &Node, what: &str, count: usize, look: fn(&Node) -> Vec<String>) -> Vec<String> {
    eventually(PATIENCE, what, || {
        let found = look(node);
        if found.len() == count {
            Ok(found)
        } else {
            Err(format!("{} of {count}: {found:#?}", found.len()))
        }
    })
}

/// What a daemon makes of a file while it is MASTER. xvrrpd leaves nothing of it;
/// keepalived 2.2.7 forgets addresses with a peer.
fn made_of(daemon: Daemon, text: &str, count: usize) -> Vec<String> {
    let lab = lab();
    let node = lab.router(0);
    let running = daemon.start_text(node, text);
    let title = format!("{daemon:?} has installed everything");
    let master = expect(node, &title, count, everything);
    if daemon == Xvrrpd {
        running.terminate();
        expect(node, "it has removed everything", 0, everything);
    }
    master
}

#[track_caller]
fn same_as_keepalived(text: &str, count: usize) {
    let [ours, theirs] = [Xvrrpd, Keepalived].map(|daemon| made_of(daemon, text, count));
    assert_eq!(ours, theirs);
}

#[test]
fn addresses_with_their_options_are_keepaliveds() {
    let rows = [
        "10.77.0.51/24 label eth0:vip brd +",
        "10.77.1.52/24 brd 10.77.1.255 scope link",
        "10.77.2.53/25 broadcast - noprefixroute",
        "10.77.3.54 peer 10.77.3.55",
        "10.62.0.1/24 dev dm0",
        "fd77::64/64 preferred_lft 0 dev dm0",
        "fd77::60/64",
        "fd77::61/128",
        "fd77::62/128 preferred_lft forever home",
        "fd77::63/64 mngtmpaddr noprefixroute dev dm0",
        "239.77.0.1/32 autojoin dev dm0",
    ];
    let excluded = format!("    virtual_ipaddress_excluded {{\n{}\n}}", rows.join("\n"));
    same_as_keepalived(&conf("", &excluded), rows.len() + 1);
}

#[test]
fn routes_of_every_kind_are_keepaliveds() {
    let rows = [
        "src 10.77.0.50 to 10.101.0.0/24 via 10.60.0.254 dev dm0",
        "10.102.0.0/24 via 10.60.0.254 dev dm0 metric 12 scope global",
        "10.103.0.0/24 dev dm1 scope link tos 0x10",
        "10.104.0.0/16 dev dm0 table 6909 mtu lock 1400 advmss 1300 hoplimit 100 window 105",
        "10.105.0.0/16 dev dm0 rtt 1600 rttvar 900 reordering 104 cwnd lock 106 ssthresh lock 107 rto_min 300 initcwnd 109 initrwnd 110 features ecn quickack 1 congctl cubic fastopen_no_cookie 1",
        "blackhole 10.106.0.0/16",
        "unreachable 10.107.0.0/16 metric 5",
        "prohibit 10.108.0.0/16 table 100",
        "throw 10.109.0.0/16",
        "10.110.0.0/16 via 10.99.99.99 dev dm0 onlink",
        "10.111.0.0/16 nexthop via 10.60.0.2 dev dm0 weight 3 nexthop via 10.61.0.2 dev dm1 weight 5",
        "10.112.0.0/16 nexthop via 10.98.0.2 dev dm0 onlink",
        "default via 10.60.0.254 dev dm0 table 100 realms 4/5",
        "10.113.0.0/16 via 10.60.0.253 metric 7",
        "10.114.0.0/16 dev dm0 metric 1",
        "10.114.0.0/16 dev dm1 metric 2 append",
        "10.115.0.0/16 dev dm0 protocol 18 no_track add",
        "fd01::/64 via fd60::2 dev dm0",
        "fd02::/64 dev dm0 metric 55 mtu 1400 pref high",
        "fd03::/64 nexthop via fd60::2 dev dm0 weight 2 nexthop via fd60::3 dev dm0",
        "blackhole fd04::/64",
        "fd05::/64 via fd60::4 dev dm0 table 300",
        "fd06::/64 from fd60::/64 dev dm0",
        "10.116.0.0/16 encap ip id 5 dst 10.60.0.9 src 10.60.0.1 ttl 3 tos 16 dev dm0",
        "fd07::/64 encap ip6 id 5 dst fd60::9 hoplimit 3 tc 16 dev dm0",
        "10.117.0.0/16 via 10.60.0.2 dev dm0 ttl-propagate enabled",
    ];
    let block = format!("    virtual_routes {{\n{}\n}}", rows.join("\n"));
    same_as_keepalived(&conf("", &block), rows.len() + 1);
}

#[test]
fn rules_of_every_kind_are_keepaliveds() {
    let rows = [
        "from 10.1.0.0/16 table 1 preference 100",
        "to 10.2.0.0/16 lookup 6909 priority 101",
        "from 10.3.0.0/16 to 10.4.0.0/16 iif dm0 oif dm1 tos 0x10 table 2 preference 102",
        "fwmark 24/12 table 3 preference 103",
        "fwmark 0x10 table 3 preference 104",
        "not from 10.5.0.0/16 table 4 preference 105",
        "from all suppress_prefixlength 0 table main preference 106",
        "suppress_ifgroup 5 table main preference 107",
        "uidrange 1000-2000 table 5 preference 108",
        "ipproto udp sport 10-20 dport 30-40 table 6 preference 109",
        "iif dm0 preference 110 goto 120",
        "from 10.6.0.0/16 preference 120 nop",
        "from 10.7.0.0/16 blackhole preference 121",
        "from 10.8.0.0/16 unreachable preference 122",
        "from 10.9.0.0/16 prohibit preference 123",
        "realms 30/20 table 7 preference 124",
        "l3mdev preference 125",
        "from fd01::/64 to fd02::/64 table 6908 uidrange 1-2 preference 126",
        "from fd03::/64 blackhole preference 127",
        "from 10.10.0.0/16 table 8",
    ];
    let block = format!("    virtual_rules {{\n{}\n}}", rows.join("\n"));
    same_as_keepalived(&conf("", &block), rows.len() + 1);
}

#[test]
fn static_ones_are_keepaliveds() {
    let statics = "static_ipaddress {\n10.63.0.1/24 dev dm1 brd +\nfd63::1/64 dev dm1\n}\nstatic_routes {\n10.120.0.0/16 via 10.63.0.2 dev dm1\nfd20::/64 via fd63::2 dev dm1\n}\nstatic_rules {\nfrom 10.120.0.0/16 table 9 preference 50\n}\n";
    same_as_keepalived(&conf(statics, ""), 6);
}

const INSIDE: &str = "    virtual_routes {\n10.101.0.0/24 via 10.60.0.254 dev dm0 src 10.77.0.50\nfd01::/64 via fd60::2 dev dm0\n10.102.0.0/24 dev dm1\n}\n    virtual_rules {\nfrom 10.1.0.0/16 table 1 preference 100\n}\n";
const STATICS: &str = "static_ipaddress {\n10.63.0.1/24 dev dm1\n}\nstatic_routes {\n10.120.0.0/16 via 10.63.0.2 dev dm1\n}\nstatic_rules {\nfrom 10.120.0.0/16 table 9 preference 50\n}\n";
/// The virtual address with them.
const ALL: usize = 8;

fn master(node: &Node) -> (Running, Vec<String>) {
    let running = Xvrrpd.start_text(node, &conf(STATICS, INSIDE));
    let all = expect(node, "everything is installed", ALL, everything);
    (running, all)
}

/// Deleted by somebody else, one after another: back within a second, and the router
/// stays MASTER.
#[test]
fn what_is_deleted_comes_back() {
    let lab = lab();
    let node = lab.router(0);
    let (running, all) = master(node);
    let deleted = Stamp::now();
    for line in [
        "route del 10.101.0.0/24",
        "-6 route del fd01::/64",
        "route del 10.120.0.0/16",
        "rule del preference 100",
        "rule del preference 50",
        "addr del 10.63.0.1/24 dev dm1",
        // The kernel takes the route from this address along, without a word.
        "addr del 10.77.0.50/24 dev eth0",
    ] {
        node.ns.ip(line);
        eventually(Duration::from_secs(2), line, || match everything(node) {
            now if now == all => Ok(()),
            now => Err(format!("{now:#?}")),
        });
    }
    let said = running.log().since(deleted);
    let left: Vec<_> = said.iter().filter(|line| line.contains("STATE")).collect();
    assert!(left.is_empty(), "{left:?}");
    running.log().wait(
        PATIENCE,
        deleted,
        "something else deleted route 10.101.0.0/24",
    );
}

/// What has been left by QUIT or a crash is taken over: nothing is there twice,
/// nothing goes meanwhile.
#[test]
fn a_successor_takes_over_what_it_finds() {
    let lab = lab();
    let node = lab.router(0);
    for quit in [true, false] {
        let (mut running, all) = master(node);
        if quit {
            running.end_by(Signal::SIGQUIT);
        } else {
            running.kill();
        }
        assert_eq!(everything(node), all);
        let again = Xvrrpd.start_text(node, &conf(STATICS, INSIDE));
        throughout(
            Duration::from_secs(1),
            "all of it stays",
            || match everything(node) {
                now if now == all => Ok(()),
                now => Err(format!("{now:#?}")),
            },
        );
        again.terminate();
        expect(node, "nothing is left", 0, everything);
    }
}

/// Configured no more, or otherwise, when the daemon comes back after a crash.
#[test]
fn what_a_dead_daemon_left_is_removed() {
    let lab = lab();
    let node = lab.router(0);
    let (mut running, _) = master(node);
    running.kill();
    let other = conf(
        "",
        "    virtual_routes {\n10.101.0.0/24 via 10.60.0.253 dev dm0 src 10.77.0.50\n}\n",
    );
    let mut running = Xvrrpd.start_text(node, &other);
    eventually(PATIENCE, "only what is configured", || {
        match everything(node) {
            left if left.len() == 2 && left.iter().any(|it| it.contains("10.60.0.253")) => Ok(()),
            left => Err(format!("{left:#?}")),
        }
    });
    running.kill();
    let _running = Xvrrpd.start_text(node, "global_defs {\n    router_id r1\n}\n");
    expect(node, "nothing is left", 0, everything);
}

/// The same without another daemon.
#[test]
fn stop_release_removes_what_a_dead_daemon_left() {
    let lab = lab();
    let node = lab.router(0);
    let (mut running, _) = master(node);
    running.kill();
    expect(node, "it is all still there", ALL, everything);
    done(node, "stop --release");
    expect(node, "nothing is left", 0, everything);
}

/// Deleted by somebody else, it stays away for as long as this router is MASTER.
#[test]
fn no_track_is_left_away_until_the_next_claim() {
    let lab = lab();
    let node = lab.router(0);
    let inside = "    virtual_routes {\n10.101.0.0/24 dev dm0 no_track\n}\n    virtual_rules {\nfrom 10.1.0.0/16 table 1 preference 100 no_track\n}\n";
    let running = Xvrrpd.start_text(node, &conf("", inside));
    expect(node, "everything is installed", 3, everything);
    let deleted = Stamp::now();
    node.ns.ip("route del 10.101.0.0/24");
    node.ns.ip("rule del preference 100");
    running
        .log()
        .wait(PATIENCE, deleted, "route 10.101.0.0/24 (");
    throughout(
        Duration::from_secs(1),
        "they stay away",
        || match everything(node).len() {
            1 => Ok(()),
            n => Err(n.to_string()),
        },
    );
    node.ns.ip("link set eth0 down");
    running
        .log()
        .wait(PATIENCE, deleted, "(VI_1) Entering FAULT STATE");
    node.ns.ip("link set eth0 up");
    expect(node, "everything is installed again", 3, everything);
}

/// A reload changes what differs, and touches nothing else.
#[test]
fn a_reload_changes_the_difference() {
    let lab = lab();
    let node = lab.router(0);
    let (running, _) = master(node);
    let mut monitor = node
        .ns
        .command("ip")
        .args(["-o", "monitor", "route", "rule", "address"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("ip");
    let inside = INSIDE.replace("10.102.0.0/24 dev dm1", "10.103.0.0/24 dev dm1");
    let statics = STATICS.replace("preference 50", "preference 51");
    running.reload_text(&conf(&statics, &inside));
    eventually(PATIENCE, "the difference", || {
        let now = everything(node).join("\n");
        if now.contains("10.103.0.0/24") && !now.contains("10.102.0.0/24") && now.contains("51:") {
            Ok(())
        } else {
            Err(now)
        }
    });
    expect(node, "as many as before", ALL, everything);
    monitor.kill().expect("it runs");
    let seen = monitor.wait_with_output().expect("its output");
    let seen = String::from_utf8_lossy(&seen.stdout).into_owned();
    for untouched in [
        "10.101.0.0/24",
        "fd01::/64",
        "10.120.0.0/16 via",
        "10.63.0.1",
        "10.77.0.50/24",
    ] {
        assert!(!seen.contains(untouched), "{untouched} in\n{seen}");
    }
}

/// The interface of a route goes: FAULT, as with keepalived; it comes back: MASTER,
/// and the route is there again.
#[test]
fn a_route_whose_interface_goes_is_tracked() {
    let lab = lab();
    let node = lab.router(0);
    let (running, _) = master(node);
    let gone = Stamp::now();
    node.ns.ip("link set dm0 down");
    running
        .log()
        .wait(PATIENCE, gone, "(VI_1) Entering FAULT STATE");
    expect(node, "only static ones are left", 3, everything);
    let back = Stamp::now();
    node.ns.ip("link set dm0 up");
    node.ns.ip("addr add fd60::1/64 dev dm0 nodad");
    running
        .log()
        .wait(PATIENCE, back, "(VI_1) Entering MASTER STATE");
    expect(node, "everything is back", ALL, everything);
}
