//! Where adverts go, from whom they are heard, and what the addresses are for.

use super::{
    lowering::{VIP, good, one, told},
    *,
};
use crate::config::model::ChecksumPolicy;
use core::net::IpAddr;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn the_group_is_the_instances_or_its_familys() {
    let v6 = "virtual_ipaddress {\nfe80::9\n}\n";
    let both = "vrrp_mcast_group4 239.1.2.3\nvrrp_mcast_group6 ff12::77";
    for (globals, lines, want) in [
        ("", VIP.to_owned(), "224.0.0.18"),
        ("", v6.to_owned(), "ff02::12"),
        (both, VIP.to_owned(), "239.1.2.3"),
        (both, v6.to_owned(), "ff12::77"),
        (both, format!("{VIP}mcast_dst_ip 224.0.0.99"), "224.0.0.99"),
        (both, format!("{v6}mcast_dst_ip ff02::99"), "ff02::99"),
        ("", format!("mcast_dst_ip ff02::99\n{v6}"), "ff02::99"),
    ] {
        let i = good(globals, &lines);
        assert_eq!(i.group, ip(want), "{globals} {lines}");
        assert_eq!(i.multicast_group(), Some(ip(want)));
    }
}

#[test]
fn what_is_no_group_is_refused() {
    for (globals, lines) in [
        ("vrrp_mcast_group4 192.0.2.1", ""),
        ("vrrp_mcast_group4 ff02::12", ""),
        ("vrrp_mcast_group6 224.0.0.18", ""),
        ("vrrp_mcast_group6 ff05::12", ""),
        ("", "mcast_dst_ip 192.0.2.1"),
        ("", "mcast_dst_ip ff02::99"),
    ] {
        let (i, told) = one(globals, &format!("{VIP}{lines}"));
        assert!(i.is_none(), "{globals} {lines}");
        assert!(told[0].starts_with("Error"), "{told:?}");
    }
}

#[test]
fn in_unicast_a_group_is_no_destination() {
    let unicast = "unicast_peer {\n10.0.0.9\n}\n";
    let (i, message) = told("", &format!("{unicast}mcast_dst_ip 224.0.0.99"));
    assert_eq!((i.group, i.multicast_group()), (ip("224.0.0.18"), None));
    assert!(message.contains("is for multicast"), "{message}");
    // But an old checksum names it.
    let i = good("vrrp_mcast_group4 224.0.0.99", &format!("{VIP}{unicast}"));
    assert_eq!(i.group, ip("224.0.0.99"));
}

#[test]
fn old_unicast_checksum() {
    let unicast = "version 3\nunicast_peer {\n10.0.0.9\n}\nold_unicast_checksum";
    assert_eq!(told("", unicast).0.checksum, ChecksumPolicy::Group);
    let (i, message) = told("v3_checksum_as_v2", unicast);
    assert_eq!(i.checksum, ChecksumPolicy::Plain);
    assert!(
        message.contains("remove") || message.contains("ignored"),
        "{message}"
    );
    for (lines, said) in [
        (format!("{unicast} never"), "not heeded"),
        ("version 3\nold_unicast_checksum".to_owned(), "is ignored"),
        (unicast.replace("version 3", "version 2"), "is ignored"),
    ] {
        let (i, message) = told("", &lines);
        assert_eq!(i.checksum, ChecksumPolicy::Learn, "{lines}");
        assert!(message.contains(said), "{message}");
    }
    let (i, _) = one("", &format!("{VIP}{unicast} sometimes"));
    assert!(i.is_none());
}

#[test]
fn an_address_owner_accepts_and_may_ignore_adverts() {
    let i = good("", &format!("{VIP}no_accept"));
    assert!(!i.accept && !i.ignores_adverts);
    let owner = "state MASTER\npriority 255\n";
    let (i, message) = told("", &format!("{owner}no_accept"));
    assert!(
        i.accept && message.contains("`no_accept` is ignored"),
        "{message}"
    );
    let ignores = |globals: &str, lines: &str| told(globals, lines).0.ignores_adverts;
    assert!(!ignores("", owner));
    assert!(ignores("", &format!("{owner}owner_ignore_adverts")));
    assert!(ignores("vrrp_owner_ignore_adverts", owner));
    assert!(!ignores("vrrp_owner_ignore_adverts", ""));
    let off = format!("{owner}owner_ignore_adverts off");
    assert!(!ignores("vrrp_owner_ignore_adverts", &off));
    let (i, message) = told("vrrp_strict", &off);
    assert!(
        i.ignores_adverts && message.contains("in strict mode"),
        "{message}"
    );
    let (i, message) = told("", "owner_ignore_adverts");
    assert!(
        !i.ignores_adverts && message.contains("for an address owner"),
        "{message}"
    );
}

#[test]
fn unicast_without_peers_may_be_a_fault() {
    let (i, message) = told("", "unicast_src_ip 10.0.0.2\nunicast_fault_no_peer");
    assert!(
        i.lacks_peers && message.contains("stays in FAULT"),
        "{message}"
    );
    let (i, message) = told("", "unicast_src_ip 10.0.0.2");
    assert!(
        !i.lacks_peers && message.contains("by multicast"),
        "{message}"
    );
    let i = good(
        "",
        &format!("{VIP}unicast_peer {{\n10.0.0.9\n}}\nunicast_fault_no_peer\nunicast_ttl 4"),
    );
    assert_eq!((i.lacks_peers, i.unicast_ttl), (false, 4));
    assert_eq!(good("", VIP).unicast_ttl, 255);
}

#[test]
fn the_source_is_tracked_where_it_is_written() {
    let i = good("", &format!("{VIP}mcast_src_ip 10.0.0.2\ntrack_src_ip"));
    assert!(i.tracks_source);
    let (i, message) = told("", "track_src_ip");
    assert!(
        !i.tracks_source && message.contains("in any case"),
        "{message}"
    );
}

#[test]
fn the_least_announcements_give_way_to_what_is_written() {
    let garp = good("vrrp_min_garp", VIP).garp;
    assert_eq!((garp.repeat, garp.delay), (1, Duration::ZERO));
    let garp = good("vrrp_min_garp off", VIP).garp;
    assert_eq!(garp, model::Garp::default());
    let garp = good("vrrp_min_garp\nvrrp_garp_master_repeat 3", VIP).garp;
    assert_eq!((garp.repeat, garp.delay), (3, Duration::ZERO));
}

#[test]
fn interfaces_of_a_garp_group_share_its_distance() {
    let text = "\
global_defs {
vrrp_garp_interval 0.5
vrrp_gna_interval 0.25
}
garp_group {
garp_interval 0.002
interfaces {
eth0 eth1
}
}
garp_group {
gna_interval 0.003
interface eth2
interface eth0
}
";
    let instance = |n: u8| {
        let n1 = n + 1;
        let vip = VIP.replace("10.0.0.1", &format!("10.0.0.{n1}"));
        format!("vrrp_instance V{n} {{\ninterface eth{n}\nvirtual_router_id {n1}\n{vip}}}\n")
    };
    let all: String = (0..4).map(instance).collect();
    let loaded = read(&format!("{text}{all}"));
    let said: Vec<_> = loaded.diagnostics.iter().map(|it| &it.message).collect();
    assert!(
        matches!(&said[..], [one] if one.contains("already")),
        "{said:?}"
    );
    let found: Vec<_> = loaded
        .config
        .expect("valid")
        .instances
        .iter()
        .map(|it| (it.garp_group, it.garp.arp_interval, it.garp.na_interval))
        .collect();
    let (ms, none) = (Duration::from_millis, Duration::ZERO);
    let want = [
        (Some(0), ms(2), none),
        (Some(0), ms(2), none),
        (Some(1), none, ms(3)),
        (None, ms(500), ms(250)),
    ];
    assert_eq!(found, want);
}

#[test]
fn extra_interfaces_may_be_announced_on() {
    let extra = |globals: &str, line: &str| {
        let garp = good(globals, &format!("{VIP}{line}")).garp;
        (garp.extra.as_secs(), garp.extra_all)
    };
    assert_eq!(extra("", ""), (0, false));
    assert_eq!(extra("vrrp_garp_extra_if all 90", ""), (90, true));
    assert_eq!(
        extra("vrrp_garp_extra_if all 90", "garp_extra_if 30"),
        (30, false)
    );
    let (i, told) = one("", &format!("{VIP}garp_extra_if all"));
    assert!(i.is_none() && told[0].contains("how often"), "{told:?}");
}
