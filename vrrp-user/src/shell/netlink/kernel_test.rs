use super::kernel::{AddressKey, KernelAddress, KernelLink, Standing, Table};
use netlink_packet_route::{
    AddressFamily,
    address::{AddressAttribute, AddressFlags, AddressMessage},
    link::{LinkAttribute, LinkFlags, LinkMessage},
};
use std::net::IpAddr;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn address(text: &str, prefix_len: u8, scope: u8, flags: AddressFlags) -> KernelAddress {
    KernelAddress {
        key: AddressKey::new(3, ip(text), None, prefix_len),
        prefix_len,
        peer: None,
        scope,
        label: None,
        broadcast: None,
        flags,
        preferred_lifetime_s: u32::MAX,
        protocol: None,
    }
}

fn marked(address: KernelAddress) -> KernelAddress {
    KernelAddress {
        protocol: Some(18),
        ..address
    }
}

fn table(addresses: Vec<KernelAddress>) -> Table {
    let mut table = Table::default();
    let link = KernelLink {
        ifindex: 3,
        name: "eth0".into(),
        up: true,
        enabled: true,
        mac: [2; 6],
        mtu: 1500,
        vrf_table: None,
    };
    assert!(table.set_link(&link));
    assert!(!table.set_link(&link), "the same again is no change");
    for address in addresses {
        table.set_address(address);
    }
    table
}

#[test]
fn the_primary_address_is_the_first_own_one_of_the_widest_scope() {
    let plain = AddressFlags::Permanent;
    let secondary = plain | AddressFlags::Secondary;
    let cases: Vec<(&str, Vec<KernelAddress>, Option<&str>)> = vec![
        ("none", vec![], None),
        (
            "one",
            vec![address("10.0.0.1", 24, 0, plain)],
            Some("10.0.0.1"),
        ),
        (
            "first of two subnets",
            vec![
                address("10.0.1.9", 24, 0, plain),
                address("10.0.0.1", 24, 0, plain),
            ],
            Some("10.0.1.9"),
        ),
        (
            "a wider scope wins over an earlier address",
            vec![
                address("169.254.0.1", 16, 253, plain),
                address("10.0.0.1", 24, 0, plain),
            ],
            Some("10.0.0.1"),
        ),
        (
            "secondaries do not count",
            vec![
                address("10.0.0.2", 24, 0, secondary),
                address("10.0.1.1", 24, 0, plain),
            ],
            Some("10.0.1.1"),
        ),
        (
            "virtual addresses do not count",
            vec![
                marked(address("10.0.0.1", 24, 0, plain)),
                address("10.0.0.2", 24, 0, plain),
            ],
            Some("10.0.0.2"),
        ),
        (
            "only a virtual address",
            vec![marked(address("10.0.0.1", 24, 0, plain))],
            None,
        ),
    ];
    for (name, addresses, expected) in cases {
        let table = table(addresses);
        let standing = |address: &KernelAddress| {
            if address.is_marked() {
                Standing::Virtual
            } else {
                Standing::Own
            }
        };
        let link = table.engine_link(3, standing).expect(name);
        assert_eq!(link.ipv4.map(IpAddr::V4), expected.map(ip), "{name}");
    }
}

#[test]
fn an_owners_address_is_primary_only_where_there_is_no_other() {
    let owned = address("10.0.0.1", 24, 0, AddressFlags::Permanent);
    let other = address("10.0.9.1", 24, 0, AddressFlags::Permanent);
    let key = owned.key;
    let standing = move |address: &KernelAddress| {
        if address.key == key {
            Standing::OwnersOwn
        } else {
            Standing::Own
        }
    };
    let alone = table(vec![owned.clone()])
        .engine_link(3, standing)
        .expect("link");
    assert_eq!(alone.ipv4.map(IpAddr::V4), Some(ip("10.0.0.1")));
    let both = table(vec![owned, other])
        .engine_link(3, standing)
        .expect("link");
    assert_eq!(both.ipv4.map(IpAddr::V4), Some(ip("10.0.9.1")));
}

#[test]
fn a_link_local_address_counts_once_duplicate_address_detection_has_passed() {
    let permanent = AddressFlags::Permanent;
    let cases = [
        ("passed", permanent, true),
        ("under way", permanent | AddressFlags::Tentative, false),
        (
            "failed",
            permanent | AddressFlags::Tentative | AddressFlags::Dadfailed,
            false,
        ),
        (
            "optimistic",
            permanent | AddressFlags::Tentative | AddressFlags::Optimistic,
            true,
        ),
    ];
    for (name, flags, expected) in cases {
        let table = table(vec![
            address("2001:db8::1", 64, 0, permanent),
            address("fe80::1", 64, 253, flags),
        ]);
        let link = table.engine_link(3, |_| Standing::Own).expect(name);
        assert_eq!(link.link_local.is_some(), expected, "{name}");
        assert_eq!(table.answers(3, ip("fe80::1")), expected, "{name}");
    }
}

#[test]
fn an_address_answers_whatever_its_prefix() {
    let mut table = table(vec![address("10.0.0.1", 24, 0, AddressFlags::Permanent)]);
    let as_vip = address("10.0.0.1", 32, 0, AddressFlags::Permanent);
    table.set_address(as_vip.clone());
    assert_eq!(table.remove_address(&as_vip.key), Some(as_vip.clone()));
    assert_eq!(
        table.remove_address(&as_vip.key),
        None,
        "it is gone already"
    );
    assert!(table.answers(3, ip("10.0.0.1")), "the /24 is still there");
    assert!(
        !table.answers(4, ip("10.0.0.1")),
        "not on another interface"
    );
    assert!(table.remove_link(3));
    assert!(
        !table.answers(3, ip("10.0.0.1")),
        "a link takes its addresses along"
    );
}

#[test]
fn messages_are_read_as_iproute2_shows_them() {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.index = 7;
    message.header.prefix_len = 24;
    message.attributes = vec![
        AddressAttribute::Address(ip("10.0.0.2")),
        AddressAttribute::Local(ip("10.0.0.1")),
        AddressAttribute::Label("eth0:1".into()),
        AddressAttribute::Flags(AddressFlags::Permanent | AddressFlags::Noprefixroute),
    ];
    let read = KernelAddress::parse(&message).expect("an address");
    assert_eq!(
        read.key,
        AddressKey::new(7, ip("10.0.0.1"), Some(ip("10.0.0.2")), 24)
    );
    assert_eq!(read.peer, Some(ip("10.0.0.2")));
    assert_eq!(read.label.as_deref(), Some("eth0:1"));
    assert!(read.flags.contains(AddressFlags::Noprefixroute));

    message.header.family = AddressFamily::Mpls;
    assert_eq!(KernelAddress::parse(&message), None, "not IP");
}

#[test]
fn a_port_leaving_a_bridge_is_no_link_leaving() {
    let mut message = LinkMessage::default();
    message.header.index = 7;
    message.header.flags = LinkFlags::Up | LinkFlags::Running;
    message.attributes = vec![
        LinkAttribute::IfName("eth0".into()),
        LinkAttribute::Mtu(9000),
        LinkAttribute::Address(vec![2, 0, 0, 0, 0, 1]),
    ];
    let read = KernelLink::parse(&message).expect("a link");
    let expected = KernelLink {
        ifindex: 7,
        name: "eth0".into(),
        up: true,
        enabled: true,
        mac: [2, 0, 0, 0, 0, 1],
        mtu: 9000,
        vrf_table: None,
    };
    assert_eq!(read, expected);
    message.header.flags = LinkFlags::Up;
    assert!(
        !KernelLink::parse(&message).expect("a link").up,
        "no carrier"
    );
    message.header.interface_family = AddressFamily::Bridge;
    assert_eq!(KernelLink::parse(&message), None);
}
