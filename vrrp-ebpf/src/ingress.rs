//! What XDP does with a frame.

use crate::{
    address::Address,
    advert::{self, Outcome},
    lease::{self, Passage},
    link::{self, Link},
    neighbor::{self, arp, nd},
    tables::Tables,
    view::{View, ViewMut},
};
use vrrp_common::{
    balance::{NEXT_V4, NEXT_V6},
    counter::Cause,
    maps::{FAMILY_V4, FAMILY_V6, VIP_NO_ACCEPT},
    wire::{
        IPPROTO_AH, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP,
        IPPROTO_VRRP,
    },
};

/// What becomes of an incoming frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// To the stack; readdressed, if it was to a virtual MAC.
    Pass,
    /// Gone.
    Drop,
    /// The frame holds the answer now; back out of the same interface.
    Reply,
    /// To the balancer, if [`slot`] says where, and it is there; to the stack if not.
    Balance,
    /// The same, but if not it is [`not_accepted`].
    BalanceOnly,
}

/// Judges a frame received on an interface. Whatever is neither an advert for a
/// virtual router configured there nor concerns one of its addresses passes
/// untouched.
#[inline(always)]
pub fn judge<V: ViewMut, T: Tables>(frame: &mut V, tables: &T, ifindex: u32) -> Verdict {
    let Some(link) = Link::read(frame, None) else {
        return Verdict::Pass;
    };
    if !link::is_to_group(frame) && !frame.admit(tables, ifindex) {
        return Verdict::Drop;
    }
    match link.ethertype {
        link::IPV4 => ipv4(frame, tables, &link, ifindex),
        link::IPV6 => ipv6(frame, tables, &link, ifindex),
        link::ARP => arp::judge(frame, tables, &link, ifindex),
        _ => Verdict::Pass,
    }
}

/// What becomes of a [`Verdict::BalanceOnly`] where there is no balancer: its address
/// accepts nothing.
#[inline(always)]
pub fn not_accepted<T: Tables>(tables: &T) -> Verdict {
    tables.count(Cause::DropNotAccepted);
    Verdict::Drop
}

#[inline(always)]
fn ipv4<V: View, T: Tables>(frame: &V, tables: &T, link: &Link, ifindex: u32) -> Verdict {
    let Some(header) = frame.window::<20>(link.payload) else {
        return Verdict::Pass;
    };
    if header[9] == IPPROTO_VRRP || header[9] == IPPROTO_AH {
        match advert::receive_v4(frame, tables, link, ifindex) {
            Outcome::Accepted => return Verdict::Pass,
            Outcome::Rejected => return Verdict::Drop,
            Outcome::NotOurs => {}
        }
    }
    let destination = Address::v4(header, 16);
    // Multicast and broadcast are nobody's virtual address.
    if destination.first_octet() >= 224 {
        return Verdict::Pass;
    }
    traffic(tables, link, ifindex, FAMILY_V4, destination, || false)
}

#[inline(always)]
fn ipv6<V: ViewMut, T: Tables>(frame: &mut V, tables: &T, link: &Link, ifindex: u32) -> Verdict {
    let Some(header) = frame.window::<40>(link.payload) else {
        return Verdict::Pass;
    };
    let (next_header, destination) = (header[6], Address::v6(header, 24));
    if next_header == IPPROTO_VRRP {
        match advert::receive_v6(frame, tables, link, ifindex) {
            Outcome::Accepted => return Verdict::Pass,
            Outcome::Rejected => return Verdict::Drop,
            Outcome::NotOurs => {}
        }
    }
    if next_header == IPPROTO_ICMPV6
        && let Some(verdict) = nd::judge(frame, tables, link, ifindex)
    {
        return verdict;
    }
    if destination.first_octet() == 0xff {
        return Verdict::Pass;
    }
    // A VIP that accepts nothing has its neighbours all the same.
    let discovers = || {
        next_header == IPPROTO_ICMPV6
            && frame
                .window::<1>(link.payload + 40)
                .is_some_and(|kind| nd::KINDS.contains(&kind[0]))
    };
    traffic(tables, link, ifindex, FAMILY_V6, destination, discovers)
}

/// The slot of `XVRRP_NEXT` for a packet that may be the balancer's, if one of its
/// addresses may be and it is of a kind that is balanced.
#[inline(always)]
pub fn slot<V: View, T: Tables>(frame: &V, tables: &T) -> Option<u32> {
    let link = Link::read(frame, None)?;
    if link.ethertype == link::IPV4 {
        let header = frame.window::<20>(link.payload)?;
        let is = tables.watches(header[15], header[19])
            && matches!(
                header[9],
                IPPROTO_TCP | IPPROTO_UDP | IPPROTO_SCTP | IPPROTO_ICMP
            );
        return if is { Some(NEXT_V4) } else { None };
    }
    let header = frame.window::<40>(link.payload)?;
    if !tables.watches(header[23], header[39]) || !is_balanced(header[6]) {
        return None;
    }
    if header[6] == IPPROTO_ICMPV6 && nd::KINDS.contains(&frame.window::<1>(link.payload + 40)?[0])
    {
        return None;
    }
    Some(NEXT_V6)
}

/// What the balancer handles, or the headers that may stand before it.
#[inline(always)]
const fn is_balanced(next_header: u8) -> bool {
    matches!(
        next_header,
        IPPROTO_TCP | IPPROTO_UDP | IPPROTO_SCTP | IPPROTO_ICMPV6 | 0 | 43 | 44 | 60
    )
}

/// A packet to one address: if it is a virtual one, its gate decides, and whether it
/// accepts anything but neighbour discovery.
#[inline(always)]
fn traffic<T: Tables>(
    tables: &T,
    link: &Link,
    ifindex: u32,
    family: u8,
    destination: Address,
    discovers: impl Fn() -> bool,
) -> Verdict {
    let Some((_, vip)) = neighbor::find(tables, link, ifindex, family, destination) else {
        return Verdict::Balance;
    };
    match lease::ask(tables, vip.gate, Cause::DropVipGateShut) {
        Passage::Shut => Verdict::Drop,
        Passage::Open if vip.flags & VIP_NO_ACCEPT != 0 && !discovers() => Verdict::BalanceOnly,
        Passage::Open => Verdict::Balance,
        Passage::Unfenced if vip.flags & VIP_NO_ACCEPT != 0 && !discovers() => not_accepted(tables),
        Passage::Unfenced => Verdict::Pass,
    }
}
