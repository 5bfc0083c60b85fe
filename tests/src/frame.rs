//! Frames as a bystander reads them.
//!
//! On purpose not the product's own parser: a mistake made there must not be
//! repeated by the test that would find it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use vrrp_common::wire::{AH_LEN, IPPROTO_AH, IPPROTO_VRRP, TRAILER_LEN, V2_AUTH_LEN};

/// A hardware address.
pub type Mac = [u8; 6];

/// An Ethernet frame and what was understood of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Ethernet destination.
    pub to: Mac,
    /// Ethernet source.
    pub from: Mac,
    /// What it carries.
    pub packet: Packet,
}

/// What a frame carries, as far as these tests care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// A VRRP advertisement.
    Advert(Advert),
    /// An ARP packet, request or reply.
    Arp(Arp),
    /// A neighbour solicitation.
    Solicit {
        /// Who asks.
        source: Ipv6Addr,
        /// Whose hardware address is asked for.
        target: Ipv6Addr,
    },
    /// A neighbour advertisement.
    Neighbor {
        /// Who is told.
        destination: Ipv6Addr,
        /// Whose hardware address is told.
        target: Ipv6Addr,
        /// Router, solicited and override flags (RFC 4861 §4.4), top three bits.
        flags: u8,
    },
    /// An echo, of ICMP or its IPv6 kind.
    Echo(Echo),
    /// Anything else.
    Other,
}

/// RFC 826, IPv4 over Ethernet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arp {
    /// A reply, not a request.
    pub reply: bool,
    /// Sender's hardware address, as the packet says.
    pub sender_mac: Mac,
    /// Sender's address.
    pub sender: Ipv4Addr,
    /// Target's address.
    pub target: Ipv4Addr,
}

/// An echo request or reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echo {
    /// A reply, not a request.
    pub reply: bool,
    /// IP source.
    pub source: IpAddr,
    /// IP destination.
    pub destination: IpAddr,
    /// ICMP identifier.
    pub id: u16,
    /// First eight octets of data, zero where there are fewer.
    pub tag: u64,
}

/// How an advert's checksum comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// Right over the message alone.
    Plain,
    /// Right with the pseudo-header.
    Pseudo,
    /// Wrong either way.
    Wrong,
}

/// A VRRP advertisement, version 2 or 3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advert {
    /// IP source.
    pub source: IpAddr,
    /// IP destination.
    pub destination: IpAddr,
    /// TTL or hop limit.
    pub ttl: u8,
    /// 2 or 3.
    pub version: u8,
    /// Virtual router ID.
    pub vrid: u8,
    /// Priority.
    pub priority: u8,
    /// Advertised interval.
    pub interval: Duration,
    /// Virtual addresses, in the order sent.
    pub addresses: Vec<IpAddr>,
    /// Version 2 with a password: the eight octets.
    pub password: Option<[u8; V2_AUTH_LEN]>,
    /// How its checksum comes out.
    pub checksum: Checksum,
}

impl Frame {
    /// Reads a frame; `None` if it is no whole Ethernet header.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let to = bytes.get(..6)?.try_into().ok()?;
        let from = bytes.get(6..12)?.try_into().ok()?;
        let packet = match u16_at(bytes, 12)? {
            0x0806 => arp(&bytes[14..]),
            0x0800 => ipv4(&bytes[14..]),
            0x86dd => ipv6(&bytes[14..]),
            _ => None,
        };
        Some(Self {
            to,
            from,
            packet: packet.unwrap_or(Packet::Other),
        })
    }

    /// The frame, whose bytes these are, names `address` as its sender: as IP
    /// source, as the sender of an ARP packet, or in a neighbour advertisement.
    #[must_use]
    pub fn speaks_for(&self, bytes: &[u8], address: IpAddr) -> bool {
        match (&self.packet, u16_at(bytes, 12), address) {
            (Packet::Arp(arp), ..) => address == arp.sender,
            (Packet::Neighbor { target, .. }, ..) if address == *target => true,
            (_, Some(0x0800), IpAddr::V4(address)) => v4_at(bytes, 26) == Some(address),
            (_, Some(0x86dd), IpAddr::V6(address)) => v6_at(bytes, 22) == Some(address),
            _ => false,
        }
    }

    /// The advert it carries, if any.
    #[must_use]
    pub const fn advert(&self) -> Option<&Advert> {
        if let Packet::Advert(advert) = &self.packet {
            Some(advert)
        } else {
            None
        }
    }
}

fn arp(bytes: &[u8]) -> Option<Packet> {
    if bytes.get(..6)? != [0, 1, 8, 0, 6, 4] {
        return None;
    }
    Some(Packet::Arp(Arp {
        reply: u16_at(bytes, 6)? == 2,
        sender_mac: bytes.get(8..14)?.try_into().ok()?,
        sender: v4_at(bytes, 14)?,
        target: v4_at(bytes, 24)?,
    }))
}

fn ipv4(bytes: &[u8]) -> Option<Packet> {
    let header = usize::from(bytes.first()? & 15) * 4;
    let payload = bytes.get(header..usize::from(u16_at(bytes, 2)?))?;
    let ip = Ip {
        source: v4_at(bytes, 12)?.into(),
        destination: v4_at(bytes, 16)?.into(),
        ttl: *bytes.get(8)?,
    };
    match *bytes.get(9)? {
        IPPROTO_VRRP => advert(ip, payload),
        IPPROTO_AH if payload.first() == Some(&IPPROTO_VRRP) => advert(ip, payload.get(AH_LEN..)?),
        1 => match *payload.first()? {
            0 => echo(ip, payload, true),
            8 => echo(ip, payload, false),
            _ => None,
        },
        _ => None,
    }
}

fn ipv6(bytes: &[u8]) -> Option<Packet> {
    let payload = bytes.get(40..40 + usize::from(u16_at(bytes, 4)?))?;
    let source = v6_at(bytes, 8)?;
    let destination = v6_at(bytes, 24)?;
    let ip = Ip {
        source: source.into(),
        destination: destination.into(),
        ttl: *bytes.get(7)?,
    };
    match *bytes.get(6)? {
        IPPROTO_VRRP => advert(ip, payload),
        58 => match *payload.first()? {
            128 => echo(ip, payload, false),
            129 => echo(ip, payload, true),
            135 => Some(Packet::Solicit {
                source,
                target: v6_at(payload, 8)?,
            }),
            136 => Some(Packet::Neighbor {
                destination,
                target: v6_at(payload, 8)?,
                flags: payload.get(4)? >> 5,
            }),
            _ => None,
        },
        _ => None,
    }
}

#[derive(Clone, Copy)]
struct Ip {
    source: IpAddr,
    destination: IpAddr,
    ttl: u8,
}

fn echo(ip: Ip, bytes: &[u8], reply: bool) -> Option<Packet> {
    let tag = bytes
        .get(8..16)
        .and_then(|b| b.try_into().ok())
        .map_or(0, u64::from_be_bytes);
    Some(Packet::Echo(Echo {
        reply,
        source: ip.source,
        destination: ip.destination,
        id: u16_at(bytes, 4)?,
        tag,
    }))
}

fn advert(ip: Ip, bytes: &[u8]) -> Option<Packet> {
    let version = bytes.first()? >> 4;
    let count = usize::from(*bytes.get(3)?);
    let mut addresses = Vec::with_capacity(count);
    let each = if ip.source.is_ipv4() { 4 } else { 16 };
    for index in 0..count {
        let at = 8 + index * each;
        addresses.push(if each == 4 {
            v4_at(bytes, at)?.into()
        } else {
            v6_at(bytes, at)?.into()
        });
    }
    let interval = if version == 2 {
        Duration::from_secs(u64::from(*bytes.get(5)?))
    } else {
        Duration::from_millis(10 * u64::from(u16_at(bytes, 4)? & 0xfff))
    };
    let auth_at = 8 + count * each;
    let password = (version == 2 && *bytes.get(4)? == 1)
        .then(|| bytes.get(auth_at..auth_at + V2_AUTH_LEN)?.try_into().ok())
        .flatten();
    // Over IPv4 the checksum ends where an `auth_hmac` trailer begins.
    let end = auth_at + if version == 2 { V2_AUTH_LEN } else { 0 };
    let summed = match bytes.get(..end) {
        Some(message) if each == 4 && bytes.len() == end + TRAILER_LEN => message,
        _ => bytes,
    };
    Some(Packet::Advert(Advert {
        checksum: checksum(&ip, version, summed),
        source: ip.source,
        destination: ip.destination,
        ttl: ip.ttl,
        version,
        vrid: *bytes.get(1)?,
        priority: *bytes.get(2)?,
        interval,
        addresses,
        password,
    }))
}

/// Judges the checksum in both forms; IPv6 and version 2 know only one.
fn checksum(ip: &Ip, version: u8, message: &[u8]) -> Checksum {
    let mut pseudo = Vec::new();
    match (ip.source, ip.destination) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            pseudo.extend(from.octets());
            pseudo.extend(to.octets());
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            pseudo.extend(from.octets());
            pseudo.extend(to.octets());
        }
        _ => return Checksum::Wrong,
    }
    let length = u16::try_from(message.len()).unwrap_or(0);
    pseudo.extend([0, IPPROTO_VRRP]);
    pseudo.extend(length.to_be_bytes());
    let plain = sum(message);
    if plain == 0xffff && ip.source.is_ipv4() {
        Checksum::Plain
    } else if version == 3 && fold(u32::from(plain) + u32::from(sum(&pseudo))) == 0xffff {
        Checksum::Pseudo
    } else {
        Checksum::Wrong
    }
}

/// Ones' complement sum (RFC 1071), folded, not inverted.
#[must_use]
pub fn sum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| {
        u32::from(u16::from_be_bytes([
            pair[0],
            pair.get(1).copied().unwrap_or(0),
        ]))
    });
    fold(words.sum())
}

fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or(0xffff)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn v4_at(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    Some(<[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok()?.into())
}

fn v6_at(bytes: &[u8], at: usize) -> Option<Ipv6Addr> {
    Some(<[u8; 16]>::try_from(bytes.get(at..at + 16)?).ok()?.into())
}

#[cfg(test)]
mod tests {
    use super::{Checksum, Frame, Packet};
    use std::time::Duration;

    /// keepalived 2.2.7, version 3, priority 100, every 100 ms, 10.77.0.50.
    const V3: &str = "01005e0000120200000000010800\
         45c00020000100 00ff70 ced2 0a4d0001 e0000012\
         31076401000a 0000 0a4d0032";

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|pair| {
                let text = std::str::from_utf8(pair).expect("ascii");
                u8::from_str_radix(text, 16).expect("hex")
            })
            .collect()
    }

    fn with_checksum(sum: u16) -> Checksum {
        let mut bytes = hex(V3);
        bytes[40..42].copy_from_slice(&sum.to_be_bytes());
        Frame::parse(&bytes)
            .expect("a frame")
            .advert()
            .expect("an advert")
            .checksum
    }

    #[test]
    fn reads_an_advert() {
        let frame = Frame::parse(&hex(V3)).expect("a frame");
        let advert = frame.advert().expect("an advert");
        assert_eq!((advert.version, advert.vrid, advert.priority), (3, 7, 100));
        assert_eq!(advert.interval, Duration::from_millis(100));
        assert_eq!(
            advert.addresses,
            ["10.77.0.50".parse::<std::net::IpAddr>().expect("ip")]
        );
        assert_eq!(advert.ttl, 255);
        assert_eq!(frame.from, [2, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn tells_the_checksum_forms_apart() {
        // 3107 + 6401 + 000a + 0a4d + 0032 = 9f91; its complement is 606e.
        assert_eq!(with_checksum(0x606e), Checksum::Plain);
        // plus 0a4d + 0001 + e000 + 0012 + 0070 + 000c = 1_8a6d -> 8a6e; complement 7591.
        assert_eq!(with_checksum(0x7591), Checksum::Pseudo);
        assert_eq!(with_checksum(0x1234), Checksum::Wrong);
    }

    #[test]
    fn knows_who_speaks() {
        let mut bytes = hex(V3);
        let speaks = |bytes: &[u8], address: &str| {
            let address = address.parse().expect("an address");
            Frame::parse(bytes)
                .expect("a frame")
                .speaks_for(bytes, address)
        };
        assert!(speaks(&bytes, "10.77.0.1"));
        assert!(!speaks(&bytes, "10.77.0.50"), "in the message only");
        bytes[23] = 17;
        assert!(speaks(&bytes, "10.77.0.1"), "a datagram");
        assert!(!speaks(&bytes, "10.77.0.2"));
        assert!(!speaks(&bytes[..29], "10.77.0.1"), "cut");

        let arp = "ffffffffffff020000000001080600010800060400 01\
             020000000001 0a4d0032 000000000000 0a4d0064";
        assert!(speaks(&hex(arp), "10.77.0.50"));
        assert!(!speaks(&hex(arp), "10.77.0.100"), "who is asked for");
    }

    #[test]
    fn garbage_is_other_and_a_stump_is_nothing() {
        assert_eq!(Frame::parse(&[0; 13]), None);
        let cut = hex(V3);
        for length in 14..cut.len() {
            assert_eq!(
                Frame::parse(&cut[..length]).expect("a frame").packet,
                Packet::Other
            );
        }
    }
}
