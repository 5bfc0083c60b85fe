//! From a packet to what is [`Seen`] of it.

use crate::{
    address::Address,
    balance::seen::{ERROR, FIRST, Flow, LATER, Seen, WHOLE},
    view::{View, be16, word},
};
use vrrp_common::{
    maps::{FAMILY_V4, FAMILY_V6},
    wire::{IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP},
};

/// What a packet is to the balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// It has a flow.
    Read,
    /// Nothing that services are about.
    Other,
    /// A header is not there as a whole, or contradicts itself.
    Malformed,
}

/// How many extension headers are read.
const MAX_EXTENSIONS: usize = 6;
/// `IP_DF`.
const DONT_FRAGMENT: u16 = 0x4000;
/// `IP_MF`.
const MORE_FRAGMENTS: u16 = 0x2000;
/// Offset of a fragment, in IPv4.
const OFFSET_V4: u16 = 0x1fff;
/// The same, in IPv6.
const OFFSET_V6: u16 = 0xfff8;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;
/// Where an ICMP error has the packet it is about.
const ICMP_LEN: usize = 8;

/// Reads a packet of either family from `seen.network` on.
#[inline(always)]
pub fn read<V: View>(frame: &V, family: u8, seen: &mut Seen) -> Look {
    if family == FAMILY_V4 {
        read_v4(frame, seen)
    } else {
        read_v6(frame, seen)
    }
    .unwrap_or(Look::Malformed)
}

#[inline(always)]
fn read_v4<V: View>(frame: &V, seen: &mut Seen) -> Option<Look> {
    let network = seen.network as usize;
    let header = frame.window::<20>(network)?;
    let header_len = ((header[0] & 0x0f) as usize) << 2;
    let length = be16(header, 2);
    if header[0] >> 4 != 4 || header_len < 20 || (length as usize) < header_len {
        return None;
    }
    let (protocol, fragment) = (header[9], be16(header, 6));
    seen.length = length as u32;
    seen.fragment = be16(header, 4) as u32;
    seen.whole_only = (fragment & DONT_FRAGMENT != 0) as u8;
    seen.flow = Flow {
        source: Address::v4(header, 12),
        destination: Address::v4(header, 16),
        protocol,
        family: FAMILY_V4,
        ..Flow::default()
    };
    seen.part = if fragment & OFFSET_V4 != 0 {
        LATER
    } else if fragment & MORE_FRAGMENTS != 0 {
        FIRST
    } else {
        WHOLE
    };
    seen.transport = (network + header_len) as u32;
    read_upper(frame, network + header_len, seen)
}

#[inline(always)]
fn read_v6<V: View>(frame: &V, seen: &mut Seen) -> Option<Look> {
    let network = seen.network as usize;
    let header = frame.window::<40>(network)?;
    let payload = be16(header, 4);
    if header[0] >> 4 != 6 || payload == 0 {
        return None;
    }
    let mut next = header[6];
    seen.length = payload as u32 + 40;
    seen.whole_only = 1;
    seen.part = WHOLE;
    seen.flow = Flow {
        source: Address::v6(header, 8),
        destination: Address::v6(header, 24),
        family: FAMILY_V6,
        ..Flow::default()
    };
    let mut at = network + 40;
    for _ in 0..MAX_EXTENSIONS {
        let is_fragment = next == FRAGMENT;
        if !is_fragment && !matches!(next, HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS) {
            break;
        }
        let extension = frame.window::<8>(at)?;
        next = extension[0];
        if is_fragment {
            let fragment = be16(extension, 2);
            seen.fragment = word(extension, 4);
            at += 8;
            if fragment & OFFSET_V6 != 0 {
                seen.part = LATER;
                break;
            }
            seen.part = if fragment & 1 != 0 { FIRST } else { WHOLE };
        } else {
            at += (extension[1] as usize + 1) << 3;
        }
    }
    seen.flow.protocol = next;
    seen.transport = at as u32;
    read_upper(frame, at, seen)
}

/// What follows the IP headers.
#[inline(always)]
fn read_upper<V: View>(frame: &V, at: usize, seen: &mut Seen) -> Option<Look> {
    match seen.flow.protocol {
        IPPROTO_TCP | IPPROTO_UDP if seen.part == LATER => Some(Look::Read),
        IPPROTO_TCP => {
            let header = frame.window::<20>(at)?;
            seen.flow.source_port = be16(header, 0);
            seen.flow.destination_port = be16(header, 2);
            seen.tcp = header[13];
            Some(Look::Read)
        }
        IPPROTO_UDP => {
            let header = frame.window::<8>(at)?;
            seen.flow.source_port = be16(header, 0);
            seen.flow.destination_port = be16(header, 2);
            Some(Look::Read)
        }
        IPPROTO_ICMP if seen.flow.family == FAMILY_V4 && seen.part == WHOLE => {
            // Unreachable, quench, time exceeded, parameter problem.
            if matches!(frame.window::<8>(at)?[0], 3 | 4 | 11 | 12) {
                about_v4(frame, at + ICMP_LEN, seen)
            } else {
                Some(Look::Other)
            }
        }
        IPPROTO_ICMPV6 if seen.flow.family == FAMILY_V6 && seen.part == WHOLE => {
            // Unreachable, too big, time exceeded, parameter problem.
            if matches!(frame.window::<8>(at)?[0], 1..=4) {
                about_v6(frame, at + ICMP_LEN, seen)
            } else {
                Some(Look::Other)
            }
        }
        _ => Some(Look::Other),
    }
}

/// The packet an error is about: a server's, so what was its source is the service.
#[inline(always)]
fn about_v4<V: View>(frame: &V, at: usize, seen: &mut Seen) -> Option<Look> {
    let header = frame.window::<20>(at)?;
    let header_len = ((header[0] & 0x0f) as usize) << 2;
    if header[0] >> 4 != 4
        || header_len < 20
        || be16(header, 6) & OFFSET_V4 != 0
        || Address::v4(header, 12) != seen.flow.destination
    {
        return Some(Look::Other);
    }
    let (protocol, client) = (header[9], Address::v4(header, 16));
    about(frame, at + header_len, protocol, client, seen)
}

#[inline(always)]
fn about_v6<V: View>(frame: &V, at: usize, seen: &mut Seen) -> Option<Look> {
    let header = frame.window::<40>(at)?;
    if header[0] >> 4 != 6 || Address::v6(header, 8) != seen.flow.destination {
        return Some(Look::Other);
    }
    let (protocol, client) = (header[6], Address::v6(header, 24));
    about(frame, at + 40, protocol, client, seen)
}

#[inline(always)]
fn about<V: View>(
    frame: &V,
    at: usize,
    protocol: u8,
    client: Address,
    seen: &mut Seen,
) -> Option<Look> {
    if protocol != IPPROTO_TCP && protocol != IPPROTO_UDP {
        return Some(Look::Other);
    }
    let ports = frame.window::<4>(at)?;
    seen.part = ERROR;
    seen.flow.source = client;
    seen.flow.protocol = protocol;
    seen.flow.source_port = be16(ports, 2);
    seen.flow.destination_port = be16(ports, 0);
    Some(Look::Read)
}
