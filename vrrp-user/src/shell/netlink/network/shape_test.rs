use super::{
    plan_test::{Names, items},
    shape::{Shape, wanted},
};
use netlink_packet_route::{
    route::{
        RouteAttribute, RouteFlags, RouteIpTunnel, RouteIpTunnelFlags, RouteLwTunnelEncap,
        RouteNextHopFlags, RoutePreference,
    },
    rule::{RuleAttribute, RuleFlags},
};

fn route(row: &str) -> Shape {
    wanted(&items(&[row], &[])[0], &Names::usual()).expect("a shape")
}

fn rule(row: &str) -> Shape {
    wanted(&items(&[], &[row])[0], &Names::usual()).expect("a shape")
}

/// Whatever the kernel adds on its own, it is the route that was asked for.
#[test]
fn the_kernels_additions_make_no_difference() {
    let asked = route("10.1.0.0/16 via 10.0.0.1");
    let mut found = asked.clone();
    let Shape::Route(message) = &mut found else {
        panic!("a route");
    };
    message.header.table = 254;
    message.header.flags |= RouteFlags::Linkdown;
    message.attributes.push(RouteAttribute::Oif(7));
    message.attributes.reverse();
    assert!(asked.normal().is_met_by(&found.normal()));

    let asked = route("fd00:1::/64 via fe80::1 dev eth0");
    let mut found = asked.clone();
    let Shape::Route(message) = &mut found else {
        panic!("a route");
    };
    message.attributes.push(RouteAttribute::Priority(1024));
    let medium = RouteAttribute::Preference(RoutePreference::Medium);
    message.attributes.push(medium);
    message.attributes.push(RouteAttribute::Uid(0));
    assert!(asked.normal().is_met_by(&found.normal()));

    let asked = rule("fwmark 16 table 1 preference 5");
    let mut found = asked.clone();
    let Shape::Rule(message) = &mut found else {
        panic!("a rule");
    };
    message.header.table = 1;
    message.header.flags |= RuleFlags::IifDetached;
    message
        .attributes
        .push(RuleAttribute::SuppressPrefixLen(u32::MAX));
    assert!(asked.normal().is_met_by(&found.normal()));
}

/// Every word makes another route of it.
#[test]
fn what_was_asked_for_makes_a_difference() {
    let plain = route("10.1.0.0/16 dev eth0").normal();
    for more in [
        "src 10.0.0.1",
        "via 10.0.0.2",
        "table 9",
        "vrf eth1",
        "tos 4",
        "scope link",
        "metric 3",
        "onlink",
        "realms 4",
        "mtu 1400",
        "mtu lock 1400",
        "congctl cubic",
        "protocol bird no_track",
    ] {
        let other = route(&format!("10.1.0.0/16 dev eth0 {more}")).normal();
        assert!(
            !plain.is_met_by(&other) && !other.is_met_by(&plain),
            "{more}"
        );
    }
    for row in [
        "10.1.0.0/16 dev eth1",
        "10.1.0.0/17 dev eth0",
        "blackhole 10.1.0.0/16",
    ] {
        assert!(!plain.is_met_by(&route(row).normal()), "{row}");
    }
    let plain = rule("from 10.0.0.0/8 table 1 preference 5").normal();
    for more in [
        "to 10.0.0.0/8",
        "not",
        "tos 4",
        "iif eth0",
        "oif eth0",
        "fwmark 1",
        "fwmark 1/3",
        "realms 3",
        "suppress_prefixlength 0",
        "uidrange 1-2",
        "ipproto tcp",
        "sport 1",
        "dport 2",
        "tunnel-id 3",
        "protocol bird no_track",
    ] {
        let other = rule(&format!("from 10.0.0.0/8 table 1 preference 5 {more}")).normal();
        assert!(
            !plain.is_met_by(&other) && !other.is_met_by(&plain),
            "{more}"
        );
    }
}

#[test]
fn a_multipath_route_is_the_same_in_any_order_and_on_any_unsaid_interface() {
    let row = "10.1.0.0/16 nexthop via 10.0.0.1 weight 2 nexthop via 10.0.0.2";
    let asked = route(row);
    let mut found = asked.clone();
    let Shape::Route(message) = &mut found else {
        panic!("a route");
    };
    for attribute in &mut message.attributes {
        if let RouteAttribute::MultiPath(hops) = attribute {
            hops.reverse();
            for hop in hops {
                hop.interface_index = 2;
                hop.flags |= RouteNextHopFlags::Linkdown;
            }
        }
    }
    assert!(asked.clone().normal().is_met_by(&found.normal()));
    let other = route(&row.replace("weight 2", "weight 3")).normal();
    assert!(!asked.normal().is_met_by(&other));
}

/// The kernel also tells the ends and limits of a tunnel that nobody said.
#[test]
fn what_the_kernel_adds_to_a_tunnel_makes_no_difference() {
    let asked = route("10.1.0.0/16 dev eth0 encap ip id 5 dst 192.0.2.9");
    let mut found = asked.clone();
    let Shape::Route(message) = &mut found else {
        panic!("a route");
    };
    for attribute in &mut message.attributes {
        if let RouteAttribute::Encap(inside) = attribute {
            inside.reverse();
            inside.extend([
                RouteLwTunnelEncap::Ip(RouteIpTunnel::Source(core::net::Ipv4Addr::UNSPECIFIED)),
                RouteLwTunnelEncap::Ip(RouteIpTunnel::Ttl(0)),
                RouteLwTunnelEncap::Ip(RouteIpTunnel::Tos(0)),
                RouteLwTunnelEncap::Ip(RouteIpTunnel::Flags(RouteIpTunnelFlags::empty())),
            ]);
        }
    }
    assert!(asked.clone().normal().is_met_by(&found.normal()));
    for other in [
        "encap ip id 6 dst 192.0.2.9",
        "encap ip id 5",
        "encap ip id 5 dst 192.0.2.9 ttl 3",
        "encap mpls 5",
        "",
    ] {
        let other = route(&format!("10.1.0.0/16 dev eth0 {other}")).normal();
        assert!(!asked.clone().normal().is_met_by(&other));
    }
}

#[test]
fn one_next_hop_is_a_gateway() {
    assert_eq!(
        route("10.1.0.0/16 nexthop via 10.0.0.1 dev eth0 weight 7").normal(),
        route("10.1.0.0/16 via 10.0.0.1 dev eth0").normal()
    );
}

/// The kernel refuses host bits in a destination.
#[test]
fn host_bits_are_cut_off() {
    assert_eq!(route("10.1.2.3/16 dev eth0"), route("10.1.0.0/16 dev eth0"));
    assert_eq!(route("fd00::1:2/64 dev eth0"), route("fd00::/64 dev eth0"));
    assert_eq!(route("10.1.2.3/0 dev eth0"), route("default dev eth0"));
}

#[test]
fn a_missing_interface_is_named() {
    let names = Names::usual();
    for (row, missing) in [
        ("10.1.0.0/16 dev eth7", "eth7"),
        ("10.1.0.0/16 dev eth0 vrf blue", "blue"),
        ("10.1.0.0/16 nexthop via 10.0.0.1 nexthop dev eth8", "eth8"),
    ] {
        let asked = wanted(&items(&[row], &[])[0], &names);
        assert_eq!(asked, Err(missing.to_owned()), "{row}");
    }
}
