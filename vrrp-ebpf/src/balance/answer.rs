//! What is answered instead of forwarded: an ICMP error, or a TCP reset. The frame
//! becomes the answer, from the service's address.

use super::{
    Frame, Verdict, drop_for,
    ledger::Ledger,
    seen::{NO_SERVER, RESET, Seen, TOO_BIG},
    tcp,
};
use crate::{
    address::Address,
    checksum::Sum,
    link::{HEADER_LEN, TAG_LEN},
    view::{mac, put, word},
};
use vrrp_common::{
    balance::Cause,
    maps::FAMILY_V4,
    wire::{IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP},
};

/// TTL or hop limit of an answer.
const HOPS: u8 = 64;
/// Octets of a TCP header without options.
const TCP_LEN: usize = 20;
/// ICMP's own header.
const ICMP_LEN: usize = 8;
/// How much of a packet an error about it has: both IP headers at their longest and
/// the ports, and not much more, so that nobody is flooded by way of us.
const MAX_QUOTED: u32 = 128;

/// Makes the frame an answer. `seen` is what made a step before end with
/// [`Verdict::Answer`].
#[inline(always)]
pub fn judge<V: Frame, L: Ledger>(frame: &mut V, ledger: &L, seen: &Seen) -> Verdict {
    let (answered, not) = match seen.answer {
        NO_SERVER => (Cause::NoServerAnswered, Cause::DropNoServer),
        RESET => (Cause::ResetGone, Cause::DropServerGone),
        TOO_BIG => (Cause::TooBigAnswered, Cause::DropTooBig),
        _ => (Cause::TtlAnswered, Cause::DropTtl),
    };
    let is_v4 = seen.flow.family == FAMILY_V4;
    let nobody = if is_v4 {
        seen.flow.source.is_martian_v4()
    } else {
        seen.flow.source.is_martian_v6()
    };
    if nobody || (seen.answer == RESET && seen.tcp & tcp::RST != 0) {
        return drop_for(ledger, not);
    }
    let made = match (seen.answer == RESET, is_v4) {
        (true, true) => reset::<V, 40>(frame, seen, true),
        (true, false) => reset::<V, 60>(frame, seen, false),
        (false, true) => error::<V, 28>(frame, seen, true),
        (false, false) => error::<V, 48>(frame, seen, false),
    };
    if made.is_none() {
        return drop_for(ledger, Cause::DropResize);
    }
    ledger.count(answered);
    Verdict::Send
}

/// Where the IP header is. One of two constants: older verifiers lose track of an offset
/// that they do not know.
#[inline(always)]
const fn network(seen: &Seen) -> usize {
    if seen.network as usize == HEADER_LEN {
        HEADER_LEN
    } else {
        HEADER_LEN + TAG_LEN
    }
}

/// RFC 9293 §3.10.7.1. `N`: octets of the answer.
#[inline(always)]
fn reset<V: Frame, const N: usize>(frame: &mut V, seen: &Seen, is_v4: bool) -> Option<()> {
    let network = network(seen);
    let header = frame.window::<TCP_LEN>(seen.transport as usize)?;
    let (sequence, acknowledged) = (u32::from_be(word(header, 4)), u32::from_be(word(header, 8)));
    let headers = seen.transport - seen.network + (((header[12] >> 4) as u32) << 2);
    let fin = (header[13] & tcp::FIN) as u32;
    let (sequence, acknowledges, flags) = if header[13] & tcp::ACK != 0 {
        (acknowledged, 0, tcp::RST)
    } else {
        let octets = seen.length.wrapping_sub(headers).wrapping_add(fin);
        (0, sequence.wrapping_add(octets), tcp::RST | tcp::ACK)
    };
    if seen.length < N as u32 || !frame.resize_by(N as i32 - seen.length as i32) {
        return None;
    }
    let ports = (seen.flow.destination_port as u32) << 16 | seen.flow.source_port as u32;
    // Five words long.
    let offset = 5 << 28 | (flags as u32) << 16;
    let words = [ports, sequence, acknowledges, offset, 0];
    let (from, to) = (seen.flow.destination, seen.flow.source);
    let mut sum = Sum::ZERO.pseudo_header(from, to, IPPROTO_TCP, TCP_LEN as u16);
    for word in words {
        sum = sum.word(word.to_be());
    }
    let answer = frame.window_mut::<N>(network)?;
    let at = N - TCP_LEN;
    put_ip(answer, is_v4, IPPROTO_TCP, N as u16, from, to);
    put(answer, at, words[0].to_be_bytes());
    put(answer, at + 4, words[1].to_be_bytes());
    put(answer, at + 8, words[2].to_be_bytes());
    put(answer, at + 12, words[3].to_be_bytes());
    put(answer, at + 16, sum.field());
    put(answer, at + 18, [0, 0]);
    let stations = frame.window_mut::<12>(0)?;
    let (to, from) = (mac(stations, 0), mac(stations, 6));
    put(stations, 0, from);
    put(stations, 6, to);
    Some(())
}

/// RFC 792, RFC 4443. `N`: octets of the headers that go ahead of the packet.
#[inline(always)]
fn error<V: Frame, const N: usize>(frame: &mut V, seen: &Seen, is_v4: bool) -> Option<()> {
    // In words, because the checksum is. What is left out by that is no header.
    let quoted = if seen.length < MAX_QUOTED {
        seen.length & !3
    } else {
        MAX_QUOTED
    };
    let network = network(seen);
    let link = frame.window::<HEADER_LEN>(0)?;
    let (to, from, kind) = (mac(link, 0), mac(link, 6), [link[12], link[13]]);
    let tag = if network == HEADER_LEN {
        [0; TAG_LEN]
    } else {
        *frame.window::<TAG_LEN>(HEADER_LEN)?
    };
    let cut = quoted as i32 - seen.length as i32;
    if (cut != 0 && !frame.resize_by(cut)) || !frame.grow_front(N as i32) {
        return None;
    }
    let link = frame.window_mut::<HEADER_LEN>(0)?;
    put(link, 0, from);
    put(link, 6, to);
    put(link, 12, kind);
    if network != HEADER_LEN {
        put(frame.window_mut::<TAG_LEN>(HEADER_LEN)?, 0, tag);
    }
    let (protocol, first) = match (is_v4, seen.answer) {
        (true, NO_SERVER) => (IPPROTO_ICMP, [3, 3]),
        (true, TOO_BIG) => (IPPROTO_ICMP, [3, 4]),
        (true, _) => (IPPROTO_ICMP, [11, 0]),
        (false, NO_SERVER) => (IPPROTO_ICMPV6, [1, 4]),
        (false, TOO_BIG) => (IPPROTO_ICMPV6, [2, 0]),
        (false, _) => (IPPROTO_ICMPV6, [3, 0]),
    };
    let mtu = if seen.answer == TOO_BIG { seen.mtu } else { 0 };
    let (from, to) = (seen.flow.destination, seen.flow.source);
    let message = ICMP_LEN + quoted as usize;
    let at = N - ICMP_LEN;
    let headers = frame.window_mut::<N>(network)?;
    put_ip(headers, is_v4, protocol, (at + message) as u16, from, to);
    put(headers, at, first);
    put(headers, at + 2, [0, 0]);
    put(headers, at + 4, mtu.to_be_bytes());
    let mut sum = frame.sums(network + at, message)?.sum;
    if !is_v4 {
        sum = sum.pseudo_header(from, to, protocol, message as u16);
    }
    put(frame.window_mut::<4>(network + at)?, 2, sum.field());
    Some(())
}

/// An IP header of either family, without options.
#[inline(always)]
fn put_ip<const N: usize>(
    window: &mut [u8; N],
    is_v4: bool,
    protocol: u8,
    length: u16,
    from: Address,
    to: Address,
) {
    if !is_v4 {
        put(window, 0, [0x60, 0, 0, 0]);
        put(window, 4, (length - 40).to_be_bytes());
        put(window, 6, [protocol, HOPS]);
        put(window, 8, from.octets());
        put(window, 24, to.octets());
        return;
    }
    let words = [
        0x4500_0000 | length as u32,
        // Nobody fragments so little.
        0x0000_4000,
        (HOPS as u32) << 24 | (protocol as u32) << 16,
        u32::from_be(from.0[0]),
        u32::from_be(to.0[0]),
    ];
    let mut sum = Sum::ZERO;
    for word in words {
        sum = sum.word(word.to_be());
    }
    put(window, 0, words[0].to_be_bytes());
    put(window, 4, words[1].to_be_bytes());
    put(window, 8, words[2].to_be_bytes());
    put(window, 12, words[3].to_be_bytes());
    put(window, 16, words[4].to_be_bytes());
    put(window, 10, sum.field());
}
