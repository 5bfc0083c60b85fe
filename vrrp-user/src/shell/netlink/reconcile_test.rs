use super::{
    kernel::{AddressKey, KernelAddress},
    reconcile::{Change, broadcast_of, diff, key_of},
};
use crate::{
    config::model::{Broadcast, VirtualAddress},
    engine::action::PlacedAddress,
};
use netlink_packet_route::address::AddressFlags;
use std::{collections::HashMap, net::IpAddr, slice::from_ref};

pub(super) fn vip(text: &str) -> PlacedAddress {
    let (address, prefix_len) = text.split_once('/').expect("a prefix");
    PlacedAddress {
        ifindex: 3,
        address: VirtualAddress {
            address: address.parse().expect("an address"),
            prefix_len: prefix_len.parse().expect("a prefix length"),
            broadcast: None,
            dev: None,
            scope: None,
            label: None,
            peer: None,
            home: false,
            detect_duplicates: false,
            manage_temporary: false,
            no_prefix_route: false,
            auto_join: false,
            preferred_lifetime_s: None,
            no_track: false,
            use_vmac: false,
            origin: crate::config::model::routing::Origin::default(),
        },
    }
}

/// As the kernel shows `placed` once it is there.
pub(super) fn shown(placed: &PlacedAddress) -> KernelAddress {
    let address = &placed.address;
    KernelAddress {
        key: key_of(placed),
        prefix_len: address.prefix_len,
        peer: address.peer,
        scope: address.scope.unwrap_or(0),
        label: address
            .address
            .is_ipv4()
            .then(|| address.label.clone().unwrap_or("eth0".into())),
        broadcast: broadcast_of(address),
        flags: super::reconcile::flags_of(address) | AddressFlags::Permanent,
        preferred_lifetime_s: address.preferred_lifetime_s.unwrap_or(u32::MAX),
        protocol: Some(18),
    }
}

fn changed(change: impl FnOnce(&mut VirtualAddress)) -> PlacedAddress {
    let mut placed = vip("10.0.0.1/24");
    change(&mut placed.address);
    placed
}

fn run(
    kernel: &[KernelAddress],
    wanted: &[PlacedAddress],
    managed: &[PlacedAddress],
) -> Vec<Change> {
    let kernel: HashMap<AddressKey, KernelAddress> = kernel
        .iter()
        .map(|address| (address.key, address.clone()))
        .collect();
    diff(|key| kernel.get(key), wanted, managed)
}

/// Name, kernel, wanted, managed, requests.
type Case = (
    &'static str,
    Vec<KernelAddress>,
    Vec<PlacedAddress>,
    Vec<PlacedAddress>,
    Vec<Change>,
);

#[test]
#[allow(clippy::too_many_lines, reason = "one table")]
fn differences_become_requests() {
    let (one, two, six) = (
        vip("10.0.0.1/24"),
        vip("10.0.0.2/24"),
        vip("2001:db8::1/64"),
    );
    let foreign = |placed: &PlacedAddress| KernelAddress {
        protocol: None,
        ..shown(placed)
    };
    let hosts_six = foreign(&vip("2001:db8::1/128"));
    let ours_six = shown(&vip("2001:db8::1/128"));
    let cases: Vec<Case> = vec![
        ("nothing", vec![], vec![], vec![], vec![]),
        (
            "missing",
            vec![],
            vec![one.clone()],
            vec![],
            vec![Change::Add(one.clone())],
        ),
        (
            "there",
            vec![shown(&one)],
            vec![one.clone()],
            vec![one.clone()],
            vec![],
        ),
        (
            "left over",
            vec![shown(&one), shown(&two)],
            vec![],
            vec![one.clone()],
            vec![Change::Remove(shown(&one))],
        ),
        (
            "left over by a daemon that marks nothing",
            vec![foreign(&one)],
            vec![],
            vec![one.clone()],
            vec![Change::Remove(foreign(&one))],
        ),
        (
            "somebody else's",
            vec![foreign(&one)],
            vec![],
            vec![two.clone()],
            vec![],
        ),
        (
            "same address, another prefix, is another address for IPv4",
            vec![foreign(&vip("10.0.0.1/24"))],
            vec![vip("10.0.0.1/32")],
            vec![vip("10.0.0.1/32")],
            vec![Change::Add(vip("10.0.0.1/32"))],
        ),
        (
            "the host's own IPv6 address serves, whatever its prefix",
            vec![hosts_six.clone()],
            vec![six.clone()],
            vec![six.clone()],
            vec![],
        ),
        (
            "and it stays",
            vec![hosts_six],
            vec![],
            vec![six.clone()],
            vec![],
        ),
        (
            "an IPv6 address of ours gets its new prefix",
            vec![ours_six.clone()],
            vec![six.clone()],
            vec![six.clone()],
            vec![Change::Replace {
                old: ours_six,
                new: six,
            }],
        ),
        (
            "removals first, wanted ones in order, each once",
            vec![shown(&one)],
            vec![two.clone(), vip("10.0.0.3/24"), two.clone()],
            vec![one.clone(), one.clone(), two.clone()],
            vec![
                Change::Remove(shown(&one)),
                Change::Add(two),
                Change::Add(vip("10.0.0.3/24")),
            ],
        ),
    ];
    for (name, kernel, wanted, managed, expected) in cases {
        assert_eq!(run(&kernel, &wanted, &managed), expected, "{name}");
    }
}

type Set = fn(&mut VirtualAddress);

#[test]
fn every_option_is_compared() {
    let plain = shown(&vip("10.0.0.1/24"));
    let cases = [
        ("label", changed(|a| a.label = Some("eth0:1".into()))),
        ("scope", changed(|a| a.scope = Some(253))),
        (
            "broadcast",
            changed(|a| a.broadcast = Some(Broadcast::HostBitsSet)),
        ),
        ("noprefixroute", changed(|a| a.no_prefix_route = true)),
        ("autojoin", changed(|a| a.auto_join = true)),
        ("deprecated", changed(|a| a.preferred_lifetime_s = Some(0))),
    ];
    for (name, wanted) in cases {
        let replace = Change::Replace {
            old: plain.clone(),
            new: wanted.clone(),
        };
        assert_eq!(
            run(from_ref(&plain), from_ref(&wanted), &[]),
            [replace],
            "{name}"
        );
        let mut as_asked = shown(&wanted);
        if wanted.address.preferred_lifetime_s == Some(0) {
            as_asked.flags |= AddressFlags::Deprecated;
        }
        assert_eq!(
            run(&[as_asked], &[wanted], &[]),
            [],
            "{name}, once it is there"
        );
    }
    let cases: [(&str, Set); 2] = [
        ("home", |a| a.home = true),
        ("mngtmpaddr", |a| a.manage_temporary = true),
    ];
    for (name, change) in cases {
        let (old, mut new) = (shown(&vip("2001:db8::1/64")), vip("2001:db8::1/64"));
        change(&mut new.address);
        let replace = Change::Replace {
            old: old.clone(),
            new: new.clone(),
        };
        assert_eq!(run(&[old], &[new.clone()], &[]), [replace], "{name}");
        assert_eq!(
            run(&[shown(&new)], &[new], &[]),
            [],
            "{name}, once it is there"
        );
    }
}

#[test]
fn what_cannot_be_seen_afterwards_is_not_compared() {
    let mut detecting = vip("2001:db8::1/64");
    detecting.address.detect_duplicates = true;
    assert_eq!(run(&[shown(&vip("2001:db8::1/64"))], &[detecting], &[]), []);
    let labelled = shown(&changed(|a| a.label = Some("eth0:old".into())));
    assert_eq!(run(&[labelled], &[vip("10.0.0.1/24")], &[]), []);
}

#[test]
fn broadcasts() {
    let cases = [
        (
            "10.1.2.3/24",
            Some(Broadcast::HostBitsSet),
            Some("10.1.2.255"),
        ),
        (
            "10.1.2.3/24",
            Some(Broadcast::HostBitsCleared),
            Some("10.1.2.0"),
        ),
        (
            "10.1.2.3/32",
            Some(Broadcast::HostBitsSet),
            Some("10.1.2.3"),
        ),
        (
            "10.1.2.3/0",
            Some(Broadcast::HostBitsSet),
            Some("255.255.255.255"),
        ),
        ("10.1.2.3/24", None, None),
        ("2001:db8::1/64", Some(Broadcast::HostBitsSet), None),
    ];
    for (address, broadcast, expected) in cases {
        let mut placed = vip(address);
        placed.address.broadcast = broadcast;
        let expected = expected.map(|text| text.parse::<IpAddr>().expect("an address"));
        assert_eq!(
            broadcast_of(&placed.address).map(IpAddr::V4),
            expected,
            "{address}"
        );
    }
}
