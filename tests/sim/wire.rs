//! Adverts as frames, built by other code than they are read by.

use crate::fixture;
use core::net::{IpAddr, Ipv4Addr};
use vrrp_common::wire::{ADVERT_TTL, GROUP_MAC_V4, GROUP_V4, V2_AUTH_LEN};
use vrrp_ebpf::testing::frames::{Advert, Arp, BROADCAST, OUR_MAC, Summed};

/// An advert on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wire {
    pub(crate) vrid: u8,
    pub(crate) priority: u8,
    pub(crate) interval_cs: u32,
    pub(crate) version: u8,
    pub(crate) source: IpAddr,
    /// A unicast peer; none: the VRRP group.
    pub(crate) to: Option<IpAddr>,
}

impl Wire {
    /// The frame, with the addresses that everybody has for its VRID.
    pub(crate) fn frame(&self) -> Vec<u8> {
        let v2 = self.version == 2;
        let interval = if v2 {
            [0, u8::try_from(self.interval_cs / 100).unwrap_or(u8::MAX)]
        } else {
            u16::try_from(self.interval_cs)
                .unwrap_or(u16::MAX)
                .to_be_bytes()
        };
        let frame = Advert {
            to_mac: self.to.map_or(GROUP_MAC_V4, |_| OUR_MAC),
            tags: Vec::new(),
            from: self.source,
            to: self.to.unwrap_or(IpAddr::V4(Ipv4Addr::from(GROUP_V4))),
            ttl: ADVERT_TTL,
            options: Vec::new(),
            version_type: self.version << 4 | 1,
            vrid: self.vrid,
            priority: self.priority,
            count: None,
            interval,
            addresses: vec![fixture::vip(self.vrid).address],
            trailer: Vec::new(),
            ah: Vec::new(),
            tail: if v2 { vec![0; V2_AUTH_LEN] } else { Vec::new() },
            summed: if v2 { Summed::Plain } else { Summed::Pseudo },
            spoil: None,
            padding: 0,
        };
        frame.build()
    }
}

/// A gratuitous ARP for an IPv4 address.
pub(crate) fn announcement(address: IpAddr) -> Vec<u8> {
    let IpAddr::V4(address) = address else {
        return Vec::new();
    };
    let arp = Arp {
        operation: 1,
        sender_mac: OUR_MAC,
        sender: address.octets(),
        target_mac: [0; 6],
        target: address.octets(),
    };
    arp.build(BROADCAST, &[])
}
