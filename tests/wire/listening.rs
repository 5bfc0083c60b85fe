//! Group memberships as the kernel has them.

use std::{collections::BTreeSet, net::Ipv6Addr};

use vrrp_common::wire::{GROUP_V4, GROUP_V6};
use vrrp_user::shell::listen::{Listener, Membership};
use xvrrp_tests::{
    net::{Lab, Node},
    wait::eventually,
};

use crate::{owner::PATIENCE, turn};

/// More than the 20 IPv4 groups one socket may join.
const INTERFACES: u32 = 30;

fn read(node: &Node, file: &str) -> String {
    let path = format!("/proc/thread-self/net/{file}");
    node.ns
        .run(|| std::fs::read_to_string(path))
        .expect("procfs")
}

/// Interfaces on which the kernel has joined 224.0.0.18.
fn joined_v4(node: &Node) -> BTreeSet<u32> {
    let (mut interface, mut found) = (0, BTreeSet::new());
    for line in read(node, "igmp").lines().skip(1) {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().expect("a word");
        if line.starts_with('\t') {
            // In network order, printed as a native number.
            if first == format!("{:08X}", u32::from_ne_bytes([224, 0, 0, 18])) {
                found.insert(interface);
            }
        } else {
            interface = first.parse().expect("an index");
        }
    }
    found
}

/// Interfaces on which the kernel has joined this IPv6 group.
fn joined_v6(node: &Node, group: &str) -> BTreeSet<u32> {
    let group: Ipv6Addr = group.parse().expect("a group");
    let group = format!("{:032x}", group.to_bits());
    let text = read(node, "igmp6");
    let lines = text
        .lines()
        .map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    lines
        .filter(|words| words[2] == group)
        .map(|words| words[0].parse().expect("an index"))
        .collect()
}

#[test]
fn exactly_the_wanted_groups_are_joined() {
    let _turn = turn::shared();
    let lab = Lab::new(1);
    let node = lab.router(0);
    let lines: Vec<_> = (0..INTERFACES)
        .flat_map(|n| {
            [
                format!(
                    "link add x{n} index {} type veth peer name y{n} index {}",
                    100 + n,
                    200 + n
                ),
                format!("link set x{n} up"),
            ]
        })
        .collect();
    node.ns.ip_batch(&lines);
    let all: BTreeSet<u32> = (100..100 + INTERFACES).collect();
    let vip: Ipv6Addr = "fd77::12:3456".parse().expect("an address");
    let wanted = |indices: &BTreeSet<u32>| -> BTreeSet<Membership> {
        let of = |&index| {
            let [v4, v6] =
                [GROUP_V4.into(), GROUP_V6.into()].map(|group| Membership::adverts(index, group));
            let node = Membership::solicited_node(index, vip);
            [v4, v6, node]
        };
        indices.iter().flat_map(of).collect()
    };
    let found = |what| {
        let sets = [
            joined_v4(node),
            joined_v6(node, "ff02::12"),
            joined_v6(node, "ff02::1:ff12:3456"),
        ];
        println!("{what}: {sets:?}");
        sets
    };
    // Membership follows the thread's namespace when it changes, not when it is closed.
    let mut listener = node
        .ns
        .run(Listener::open)
        .expect("raw sockets; are you root?");
    let mut set = |wanted: &BTreeSet<Membership>| node.ns.run(|| listener.set(wanted));

    assert!(set(&wanted(&all)).is_empty());
    assert_eq!(found("all"), [&all, &all, &all].map(Clone::clone));
    // Asked again, nothing changes.
    assert!(set(&wanted(&all)).is_empty());
    assert_eq!(found("again"), [&all, &all, &all].map(Clone::clone));

    let some: BTreeSet<u32> = (100..105).collect();
    assert!(set(&wanted(&some)).is_empty());
    assert_eq!(found("some"), [&some, &some, &some].map(Clone::clone));

    // An interface that is not there is said so, and hinders no other.
    let with_missing: BTreeSet<u32> = some.iter().copied().chain([9999, 101]).collect();
    let failures = set(&wanted(&with_missing));
    assert_eq!(failures.len(), 3, "{failures:?}");
    assert!(
        failures
            .iter()
            .all(|failure| failure.membership.ifindex == 9999)
    );

    // Gone and back under its old index: forgotten, then joined anew.
    node.ns.ip("link del x0");
    node.ns
        .ip("link add x0 index 100 type veth peer name y0 index 200");
    node.ns.ip("link set x0 up");
    let without: BTreeSet<u32> = (101..105).collect();
    assert_eq!(
        found("gone"),
        [&without, &without, &without].map(Clone::clone)
    );
    node.ns.run(|| listener.forget(100));
    assert!(node.ns.run(|| listener.set(&wanted(&some))).is_empty());
    assert_eq!(found("back"), [&some, &some, &some].map(Clone::clone));

    drop(listener);
    // Another test may be forking: its child has the sockets too, for a moment.
    eventually(PATIENCE, "every group left", || match found("closed") {
        sets if sets.iter().all(BTreeSet::is_empty) => Ok(()),
        sets => Err(format!("{sets:?}")),
    });
}
