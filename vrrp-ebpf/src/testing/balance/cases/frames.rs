//! Packets of clients, and what they become.

use crate::testing::{
    balance::scene::{VIP, VIP6},
    frames::{CLIENT_MAC, Ip, L3, OUR_MAC, checksum, ethernet, pseudo_header, with_ipv4_header},
    ip, octets,
};
use vrrp_common::{
    balance::FlowKey,
    maps::{FAMILY_V4, FAMILY_V6},
    wire::{IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP},
};

/// A client.
pub const CLIENT: &str = "192.0.2.9";
/// The same over IPv6.
pub const CLIENT6: &str = "2001:db8:9::9";

/// A TCP segment or a UDP datagram.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Source.
    pub from: &'static str,
    /// Destination.
    pub to: &'static str,
    /// Source port.
    pub from_port: u16,
    /// Destination port.
    pub to_port: u16,
    /// TCP's flags; `None`: UDP.
    pub flags: Option<u8>,
    /// What it carries.
    pub payload: Vec<u8>,
    /// TTL or hop limit.
    pub ttl: u8,
    /// IPv4 options.
    pub options: Vec<u8>,
    /// As for [`ethernet`].
    pub tags: Vec<(u16, u16)>,
}

impl Segment {
    /// From [`CLIENT`] to [`VIP`], port 80.
    #[must_use]
    pub fn tcp(flags: u8) -> Self {
        Self {
            from: CLIENT,
            to: VIP,
            from_port: 40_000,
            to_port: 80,
            flags: Some(flags),
            payload: Vec::new(),
            ttl: 64,
            options: Vec::new(),
            tags: Vec::new(),
        }
    }

    /// From [`CLIENT6`] to [`VIP6`], port 80.
    #[must_use]
    pub fn tcp6(flags: u8) -> Self {
        Self {
            from: CLIENT6,
            to: VIP6,
            ..Self::tcp(flags)
        }
    }

    /// From [`CLIENT`] to [`VIP`], port 53.
    #[must_use]
    pub fn udp() -> Self {
        Self {
            to_port: 53,
            flags: None,
            payload: b"question".to_vec(),
            ..Self::tcp(0)
        }
    }

    /// From [`CLIENT6`] to [`VIP6`].
    #[must_use]
    pub fn udp6() -> Self {
        Self {
            from: CLIENT6,
            to: VIP6,
            to_port: 4433,
            ..Self::udp()
        }
    }

    /// From another port.
    #[must_use]
    pub fn port(&self, port: u16) -> Self {
        Self {
            from_port: port,
            ..self.clone()
        }
    }

    /// Protocol.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        if self.flags.is_some() {
            IPPROTO_TCP
        } else {
            IPPROTO_UDP
        }
    }

    /// Its octets, from the ports on.
    #[must_use]
    pub fn upper(&self) -> Vec<u8> {
        let mut upper = [self.from_port.to_be_bytes(), self.to_port.to_be_bytes()].concat();
        let sum_at = if let Some(flags) = self.flags {
            upper.extend([
                0, 0, 4, 0xd2, 0, 0, 9, 0x29, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0,
            ]);
            16
        } else {
            let length = u16::try_from(8 + self.payload.len()).expect("short");
            upper.extend(length.to_be_bytes());
            upper.extend([0, 0]);
            6
        };
        upper.extend(&self.payload);
        let pseudo = pseudo_header(ip(self.from), ip(self.to), self.protocol(), upper.len());
        let sum = checksum(&[&pseudo, &upper]);
        upper[sum_at..sum_at + 2].copy_from_slice(&sum);
        upper
    }

    /// The frame.
    #[must_use]
    pub fn frame(&self) -> Vec<u8> {
        self.carrying(self.protocol(), &self.upper())
    }

    /// A frame with the same addresses and something else in it.
    #[must_use]
    pub fn carrying(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let (ethertype, packet) = Ip {
            from: ip(self.from),
            to: ip(self.to),
            ttl: self.ttl,
            protocol,
            options: &self.options,
            payload,
        }
        .build();
        ethernet(OUR_MAC, CLIENT_MAC, &self.tags, ethertype, &packet)
    }
}

/// The key of its connection.
#[must_use]
pub fn flow(segment: &Segment) -> FlowKey {
    FlowKey {
        source: octets(ip(segment.from)),
        destination: octets(ip(segment.to)),
        source_port: segment.from_port,
        destination_port: segment.to_port,
        protocol: segment.protocol(),
        family: if ip(segment.from).is_ipv4() {
            FAMILY_V4
        } else {
            FAMILY_V6
        },
        pad: 0,
    }
}

/// An untagged frame with a hop less to live, to a station.
pub(super) fn forwarded(mut frame: Vec<u8>, to: [u8; 6]) -> Vec<u8> {
    frame[..6].copy_from_slice(&to);
    frame[6..12].copy_from_slice(&OUR_MAC);
    if frame[12..14] == [0x86, 0xdd] {
        frame[L3 + 7] -= 1;
        return frame;
    }
    with_ipv4_header(frame, |header| header[8] -= 1)
}

/// The same, with a tag where there was none.
pub(super) fn tagged(mut frame: Vec<u8>, tag: u16) -> Vec<u8> {
    let tag = [[0x81, 0], tag.to_be_bytes()].concat();
    frame.splice(12..12, tag);
    frame
}

/// An answer to a frame: to its source, with this payload.
fn answer(segment: &Segment, protocol: u8, payload: &[u8], dont_fragment: bool) -> Vec<u8> {
    let back = Segment {
        from: segment.to,
        to: segment.from,
        options: Vec::new(),
        ttl: 64,
        ..segment.clone()
    };
    let mut frame = back.carrying(protocol, payload);
    frame[..6].copy_from_slice(&CLIENT_MAC);
    frame[6..12].copy_from_slice(&OUR_MAC);
    if !dont_fragment || frame[12..14] != [8, 0] {
        if frame[12..14] == [0x86, 0xdd] {
            frame[L3..L3 + 4].copy_from_slice(&[0x60, 0, 0, 0]);
        }
        return frame;
    }
    with_ipv4_header(frame, |header| {
        header[1] = 0;
        header[4..8].copy_from_slice(&[0, 0, 0x40, 0]);
    })
}

/// An ICMP error about a packet, with so much of it.
pub(super) fn icmp(
    segment: &Segment,
    frame: &[u8],
    (kind, code): (u8, u8),
    rest: u32,
    quoted: usize,
) -> Vec<u8> {
    let is_v4 = ip(segment.from).is_ipv4();
    let mut message = vec![kind, code, 0, 0];
    message.extend(rest.to_be_bytes());
    message.extend(&frame[L3..L3 + quoted]);
    let protocol = if is_v4 { IPPROTO_ICMP } else { IPPROTO_ICMPV6 };
    let sum = if is_v4 {
        checksum(&[&message])
    } else {
        let (from, to) = (ip(segment.to), ip(segment.from));
        checksum(&[&pseudo_header(from, to, protocol, message.len()), &message])
    };
    message[2..4].copy_from_slice(&sum);
    answer(segment, protocol, &message, true)
}

/// A reset.
pub(super) fn reset(segment: &Segment, sequence: u32, acknowledged: u32, flags: u8) -> Vec<u8> {
    let mut upper = [
        segment.to_port.to_be_bytes(),
        segment.from_port.to_be_bytes(),
    ]
    .concat();
    upper.extend(sequence.to_be_bytes());
    upper.extend(acknowledged.to_be_bytes());
    upper.extend([0x50, flags, 0, 0, 0, 0, 0, 0]);
    let (from, to) = (ip(segment.to), ip(segment.from));
    let sum = checksum(&[&pseudo_header(from, to, IPPROTO_TCP, upper.len()), &upper]);
    upper[16..18].copy_from_slice(&sum);
    answer(segment, IPPROTO_TCP, &upper, true)
}
