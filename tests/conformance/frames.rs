//! Frames of the rows: adverts of several kinds, and what hosts and the stack say.

use vrrp_ebpf::testing::{
    cases::{v3, v6},
    frames::{Advert, Arp, CLIENT_MAC, Discovery, Ip, OUR_MAC, VIRTUAL_MAC, ethernet, mac_option},
    ip,
};

/// The client that asks.
pub(crate) const CLIENT: [u8; 4] = [10, 9, 0, 9];
pub(crate) const CLIENT6: &str = "2001:db8::9";
/// VRID 52's address, which the stack does not have.
pub(crate) const VIP: [u8; 4] = [10, 9, 0, 52];
/// VRID 55's second address, which the stack does not have.
pub(crate) const VIP6: &str = "2001:db8::55";
/// VRID 57's, which have a virtual MAC: one the stack has, one it has not.
pub(crate) const VMAC_VIP_IN_STACK: [u8; 4] = [10, 9, 0, 57];
pub(crate) const VMAC_VIP: [u8; 4] = [10, 9, 0, 157];
pub(crate) const VMAC_VIP6: &str = "2001:db8::57";
/// All nodes of a link (RFC 4291 §2.7.1), and their station.
pub(crate) const ALL_NODES: &str = "ff02::1";
pub(crate) const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];

/// [`v3`] with another priority.
pub(crate) fn priority(priority: u8) -> Advert {
    Advert { priority, ..v3() }
}

/// [`v3`] with these two octets for its interval.
pub(crate) fn interval(interval: [u8; 2]) -> Advert {
    Advert { interval, ..v3() }
}

/// Our own advert of VRID 52, as it leaves.
pub(crate) fn ours() -> Advert {
    Advert {
        from: ip("10.9.0.1"),
        priority: 100,
        ..v3()
    }
}

/// Our own advert of VRID 55, as it leaves.
pub(crate) fn ours6() -> Advert {
    Advert {
        from: ip("fe80::1"),
        priority: 100,
        ..v6()
    }
}

/// An advert of VRID 57, which has a virtual MAC.
pub(crate) fn of_57(from: &str, priority: u8) -> Advert {
    Advert {
        from: ip(from),
        vrid: 57,
        priority,
        addresses: vec![ip("10.9.0.57"), ip("10.9.0.157")],
        ..v3()
    }
}

/// Cuts octets off the end.
pub(crate) fn cut(mut frame: Vec<u8>, octets: usize) -> Vec<u8> {
    frame.truncate(frame.len() - octets);
    frame
}

/// The same frame to another station.
pub(crate) fn to_mac(mut frame: Vec<u8>, mac: [u8; 6]) -> Vec<u8> {
    frame[..6].copy_from_slice(&mac);
    frame
}

/// A client asks who has an address.
pub(crate) fn asks(target: [u8; 4]) -> Arp {
    Arp {
        operation: 1,
        sender_mac: CLIENT_MAC,
        sender: CLIENT,
        target_mac: [0; 6],
        target,
    }
}

/// The reply to [`asks`]: it is at `mac`.
pub(crate) fn replies(mac: [u8; 6], sender: [u8; 4]) -> Arp {
    Arp {
        operation: 2,
        sender_mac: mac,
        sender,
        target_mac: CLIENT_MAC,
        target: CLIENT,
    }
}

/// A gratuitous ARP: the address is at `mac`.
pub(crate) fn announces(mac: [u8; 6], sender: [u8; 4]) -> Arp {
    Arp {
        operation: 1,
        sender_mac: mac,
        sender,
        target_mac: [0; 6],
        target: sender,
    }
}

/// A client solicits an address.
pub(crate) fn solicits(target: &str) -> Discovery {
    Discovery {
        kind: 135,
        stations: (CLIENT_MAC, [0x33, 0x33, 0xff, 0, 0, 0x55]),
        ips: (ip(CLIENT6), ip("ff02::1:ff00:55")),
        hop_limit: 255,
        flags: 0,
        target: ip(target),
        options: mac_option(1, CLIENT_MAC),
    }
}

/// The answer to [`solicits`]: it is at `mac`; router, solicited, override.
pub(crate) fn advertises(mac: [u8; 6], target: &str) -> Discovery {
    Discovery {
        kind: 136,
        stations: (mac, CLIENT_MAC),
        ips: (ip(target), ip(CLIENT6)),
        hop_limit: 255,
        flags: 0xe0,
        target: ip(target),
        options: mac_option(2, mac),
    }
}

/// Told to everybody, unasked: router, override, not solicited.
pub(crate) fn advertises_to_all(mac: [u8; 6], target: &str) -> Discovery {
    Discovery {
        stations: (mac, ALL_NODES_MAC),
        ips: (ip("fe80::1"), ip(ALL_NODES)),
        flags: 0xa0,
        ..advertises(mac, target)
    }
}

/// A router advertisement from `source`, which says that its sender is at `mac`.
pub(crate) fn router_advertisement(source: &str, mac: [u8; 6]) -> Discovery {
    Discovery {
        kind: 134,
        stations: (mac, ALL_NODES_MAC),
        ips: (ip(source), ip(ALL_NODES)),
        hop_limit: 255,
        // The builder's flags and target are the fields of a router advertisement and
        // an option that ends where the target does.
        flags: 64,
        target: ip("::e01:0:0:0"),
        options: mac_option(1, mac),
    }
}

/// A datagram.
pub(crate) fn datagram(from: &str, to: &str, stations: ([u8; 6], [u8; 6])) -> Vec<u8> {
    let (ethertype, packet) = Ip {
        from: ip(from),
        to: ip(to),
        ttl: 64,
        protocol: 17,
        options: &[],
        payload: &[0; 8],
    }
    .build();
    ethernet(stations.1, stations.0, &[], ethertype, &packet)
}

/// One from a client to us.
pub(crate) fn request(from: &str, to: &str) -> Vec<u8> {
    datagram(from, to, (CLIENT_MAC, OUR_MAC))
}

/// One from us to a client, as the stack sends it.
pub(crate) fn response(from: &str, to: &str) -> Vec<u8> {
    datagram(from, to, (OUR_MAC, CLIENT_MAC))
}

/// One that a client sends by way of the virtual MAC to somewhere else.
pub(crate) fn routed() -> Vec<u8> {
    datagram("10.9.0.9", "198.51.100.1", (CLIENT_MAC, VIRTUAL_MAC))
}
