//! Neighbour discovery (RFC 4861) for virtual addresses.

use super::{find, heard_claim, heard_question};
use crate::{
    address::Address,
    checksum::{self, Sum},
    diagnostic::Diagnostic,
    ingress::Verdict,
    lease::{self, Passage},
    link::{self, Link},
    tables::Tables,
    view::{View, ViewMut, be16, mac, put},
};
use vrrp_common::{
    counter::Cause,
    maps::{FAMILY_V6, VIP_IN_STACK, Vip},
    wire::IPPROTO_ICMPV6,
};

/// Octets of the IPv6 header.
const IPV6_LEN: usize = 40;
/// Octets of a solicitation or an advertisement without options (§4.3, §4.4).
pub const LEN: usize = 24;
/// Octets of the longest solicitation that XDP answers.
const MAX_LEN: usize = 128;
/// Octets of an advertisement with a target link-layer address, as we answer.
const ANSWER_LEN: usize = 32;
/// ICMP for IPv6 types of what routers say and are asked (§4.1, §4.2).
const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
/// ICMP for IPv6 type of a solicitation (§4.3).
pub const SOLICITATION: u8 = 135;
/// ICMP for IPv6 type of an advertisement (§4.4).
pub const ADVERTISEMENT: u8 = 136;
/// What may say where its sender is; a redirect says it of others.
pub const KINDS: core::ops::RangeInclusive<u8> = ROUTER_SOLICITATION..=ADVERTISEMENT;
const TARGET: usize = 8;
/// Where the checksum is in a message, and a hardware address in its option.
pub const CHECKSUM: usize = 2;
const OPTION_MAC: usize = 2;
/// Options of one message that are looked at; radvd sends a handful.
const MAX_OPTIONS: usize = 32;
/// Router, solicited, override (§4.4).
const FLAG_ROUTER: u8 = 0x80;
const FLAG_SOLICITED: u8 = 0x40;
const FLAG_OVERRIDE: u8 = 0x20;
/// Source or target link-layer address, in units of eight octets (§4.6.1).
const OPTION_SOURCE_MAC: [u8; 2] = [1, 1];
const OPTION_TARGET_MAC: [u8; 2] = [2, 1];
/// §7.1.1, §7.1.2: nothing from beyond the link.
const HOP_LIMIT: u8 = 255;
const ALL_NODES: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];

/// A neighbour solicitation or advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// It asks; otherwise it tells.
    pub is_solicitation: bool,
    /// IP source; none when it probes for duplicates.
    pub source: Address,
    /// IP destination.
    pub destination: Address,
    /// The address it is about.
    pub target: Address,
    /// Octets of ICMP for IPv6.
    pub len: usize,
}

impl Discovery {
    /// Reads one that a host would heed; anything else is nothing to us.
    #[inline(always)]
    pub fn read<V: View>(frame: &V, link: &Link) -> Option<Self> {
        let header = frame.window::<IPV6_LEN>(link.payload)?;
        let message = frame.window::<LEN>(link.payload + IPV6_LEN)?;
        let is_solicitation = message[0] == SOLICITATION;
        let len = be16(header, 4) as usize;
        if (!is_solicitation && message[0] != ADVERTISEMENT)
            || message[1] != 0
            || header[0] >> 4 != 6
            || header[6] != IPPROTO_ICMPV6
            || header[7] != HOP_LIMIT
            || len < LEN
        {
            return None;
        }
        Some(Self {
            is_solicitation,
            source: Address::v6(header, 8),
            destination: Address::v6(header, 24),
            target: Address::v6(message, TARGET),
            len,
        })
    }
}

/// Judges an ICMP for IPv6 packet; `None` if it is no solicitation or advertisement
/// that names a virtual address.
#[inline(never)]
pub fn judge<V: ViewMut, T: Tables>(
    frame: &mut V,
    tables: &T,
    link: &Link,
    ifindex: u32,
) -> Option<Verdict> {
    let discovery = Discovery::read(frame, link)?;
    let (key, vip) = find(tables, link, ifindex, FAMILY_V6, discovery.target)?;
    if !discovery.is_solicitation {
        let mac = advertised_mac(frame, link, &discovery)?;
        heard_claim(frame, tables, &key, &vip, mac, Cause::NdConflict);
        // One sent to a virtual address is traffic to it as well.
        return None;
    }
    heard_question(frame, tables, &key, &vip);
    match lease::ask(tables, vip.gate, Cause::DropNdGateShut) {
        Passage::Open => {}
        Passage::Unfenced => return Some(Verdict::Pass),
        Passage::Shut => return Some(Verdict::Drop),
    }
    if vip.flags & VIP_IN_STACK != 0 {
        tables.count(Cause::NdLeftToStack);
        return Some(Verdict::Pass);
    }
    // What does not add up is left to the stack, which drops it.
    if !checksum_is_valid(frame, link, &discovery)
        || answer(frame, tables, link, &discovery, ifindex, &vip).is_none()
    {
        return Some(Verdict::Pass);
    }
    tables.count(Cause::NdAnswered);
    Some(Verdict::Reply)
}

/// Where an advertisement says its target is: its option, else its sender.
#[inline(always)]
fn advertised_mac<V: View>(frame: &V, link: &Link, discovery: &Discovery) -> Option<[u8; 6]> {
    if discovery.len >= LEN + 8
        && let Some(option) = frame.window::<8>(link.payload + IPV6_LEN + LEN)
        && [option[0], option[1]] == OPTION_TARGET_MAC
    {
        return Some(mac(option, 2));
    }
    link::source(frame)
}

/// Where a message that leaves says its sender's hardware address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaidAt {
    /// At this offset in the frame.
    Offset(usize),
    /// Nowhere.
    Nowhere,
    /// Behind more options than are looked at.
    TooFar,
    /// It is not visible that far.
    NotShown,
}

/// Finds the option that names the sender's hardware address, of the messages that
/// have one; an advertisement's names its target's.
#[inline(always)]
pub fn said_at<V: View>(frame: &V, link: &Link, kind: u8) -> SaidAt {
    let (fixed, wanted) = match kind {
        ROUTER_SOLICITATION => (8, OPTION_SOURCE_MAC),
        ROUTER_ADVERTISEMENT => (16, OPTION_SOURCE_MAC),
        SOLICITATION => (LEN, OPTION_SOURCE_MAC),
        ADVERTISEMENT => (LEN, OPTION_TARGET_MAC),
        _ => return SaidAt::Nowhere,
    };
    let message = link.payload + IPV6_LEN;
    let Some(header) = frame.window::<IPV6_LEN>(link.payload) else {
        return SaidAt::NotShown;
    };
    let end = message + be16(header, 4) as usize;
    let mut at = message + fixed;
    for _ in 0..MAX_OPTIONS {
        if at + 8 > end {
            return SaidAt::Nowhere;
        }
        let Some(option) = frame.window::<8>(at) else {
            return SaidAt::NotShown;
        };
        if [option[0], option[1]] == wanted {
            return SaidAt::Offset(at + OPTION_MAC);
        }
        // A message with such an option is discarded (§4.6).
        if option[1] == 0 {
            return SaidAt::Nowhere;
        }
        at += (option[1] as usize) << 3;
    }
    SaidAt::TooFar
}

#[inline(always)]
fn checksum_is_valid<V: View>(frame: &V, link: &Link, discovery: &Discovery) -> bool {
    let len = discovery.len;
    // Options come in units of eight octets.
    if len > MAX_LEN || len & 7 != 0 {
        return false;
    }
    let Some(sum) = checksum::of(frame, link.payload + IPV6_LEN, len) else {
        return false;
    };
    sum.pseudo_header(
        discovery.source,
        discovery.destination,
        IPPROTO_ICMPV6,
        len as u16,
    )
    .is_valid()
}

/// Turns the solicitation into its answer, in place (§7.2.4): a router (RFC 9568
/// §8.2.2), to the asker, or to everybody if it has no address yet.
#[inline(always)]
fn answer<V: ViewMut, T: Tables>(
    frame: &mut V,
    tables: &T,
    link: &Link,
    asked: &Discovery,
    ifindex: u32,
    vip: &Vip,
) -> Option<()> {
    let asker = link::source(frame)?;
    let surplus = ANSWER_LEN as i32 - asked.len as i32;
    if surplus != 0 && !frame.resize_by(surplus) {
        if tables.explains() {
            tables.explain(&Diagnostic::Unanswered {
                ifindex,
                address: asked.target,
                growth: surplus,
            });
        }
        return None;
    }
    let (to, to_mac, flags) = if asked.source.is_none() {
        (
            Address::from_octets(&ALL_NODES),
            ALL_NODES_MAC,
            FLAG_ROUTER | FLAG_OVERRIDE,
        )
    } else {
        (
            asked.source,
            asker,
            FLAG_ROUTER | FLAG_SOLICITED | FLAG_OVERRIDE,
        )
    };

    let message = frame.window_mut::<ANSWER_LEN>(link.payload + IPV6_LEN)?;
    put(message, 0, [ADVERTISEMENT, 0, 0, 0, flags, 0, 0, 0]);
    put(message, TARGET, asked.target.octets());
    put(message, LEN, OPTION_TARGET_MAC);
    put(message, LEN + 2, vip.mac);
    let sum = sum_of_answer(asked.target, to, flags, vip.mac);
    put(message, 2, sum.field());

    let header = frame.window_mut::<IPV6_LEN>(link.payload)?;
    put(header, 4, (ANSWER_LEN as u16).to_be_bytes());
    put(header, 6, [IPPROTO_ICMPV6, HOP_LIMIT]);
    put(header, 8, asked.target.octets());
    put(header, 24, to.octets());

    let stations = frame.window_mut::<12>(0)?;
    put(stations, 0, to_mac);
    put(stations, 6, vip.mac);
    Some(())
}

/// Of an answer with a zero checksum field, its pseudo-header included.
#[inline(always)]
fn sum_of_answer(target: Address, to: Address, flags: u8, m: [u8; 6]) -> Sum {
    let mut sum = Sum::ZERO
        .pseudo_header(target, to, IPPROTO_ICMPV6, ANSWER_LEN as u16)
        .word(u32::from_ne_bytes([ADVERTISEMENT, 0, 0, 0]))
        .word(u32::from_ne_bytes([flags, 0, 0, 0]))
        .word(u32::from_ne_bytes([
            OPTION_TARGET_MAC[0],
            OPTION_TARGET_MAC[1],
            m[0],
            m[1],
        ]))
        .word(u32::from_ne_bytes([m[2], m[3], m[4], m[5]]));
    for word in target.0 {
        sum = sum.word(word);
    }
    sum
}
