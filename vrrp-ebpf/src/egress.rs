//! What tc does with a frame that is about to leave.
//!
//! A node whose gate is shut must not name the virtual address as its own in
//! any way. Adverts are another matter: an address owner's have the address as
//! their source, and a claim advertises before its gate opens. They are judged
//! by the permission to send, not by the lease, and so in every mode of it: two
//! that advertise are a disturbance where nobody fences, too.
//!
//! Where the address has a virtual MAC, nothing may say that it is at the interface's
//! own: what the stack sends for it leaves with the virtual one instead, data included,
//! as it would from a macvlan (RFC 9568 §8.1.2, §8.2.2).

use crate::{
    address::Address,
    advert::{Found, locate_v4, locate_v6},
    lease::{self, Passage},
    link::{self, Link},
    neighbor::{
        self,
        arp::{self, Arp},
        nd::{self, Discovery, SaidAt},
    },
    tables::Tables,
    view::{View, mac_bits},
};
use vrrp_common::{
    counter::Cause,
    maps::{FAMILY_V4, FAMILY_V6, VIP_NO_ACCEPT, VIP_VIRTUAL_MAC, Vip},
    wire::{AH_LEN, IPPROTO_AH, IPPROTO_ICMPV6, IPPROTO_VRRP, PRIORITY_RESIGN},
};

/// What becomes of an outgoing frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// On its way, untouched; other filters may still have a say.
    Pass,
    /// On its way, once it says the virtual MAC.
    Rewrite(Rewrite),
    /// Gone.
    Drop,
    /// The headers are not all visible; show more and ask again.
    ShowMore,
}

/// What a frame has to say before it leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// The virtual MAC: its Ethernet source.
    pub mac: [u8; 6],
    /// Where the packet names it as well; 0: nowhere.
    pub at: usize,
    /// Where the checksum over that is; 0: there is none.
    pub sum: usize,
}

/// A [`Verdict`], with what has to be said apart from it: always something, so that no
/// register is left without a value that the verifier would find read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// As [`Verdict::Pass`].
    Pass,
    /// As [`Verdict::Rewrite`].
    Rewrite,
    /// As [`Verdict::Drop`].
    Drop,
    /// As [`Verdict::ShowMore`].
    ShowMore,
}

/// Octets that settle every case but a router advertisement with long options:
/// Ethernet, a tag, and what headers and options take.
pub const ENOUGH: u32 = 512;

/// Judges a frame leaving by an interface. `accelerated`: the tag control
/// information of a tag that the kernel keeps beside the frame.
#[inline(always)]
pub fn judge<V: View, T: Tables>(
    frame: &V,
    tables: &T,
    ifindex: u32,
    accelerated: Option<u16>,
) -> Verdict {
    let mut rewrite = Rewrite::default();
    match rule(frame, tables, ifindex, accelerated, &mut rewrite) {
        Ruling::Pass => Verdict::Pass,
        Ruling::Rewrite => Verdict::Rewrite(rewrite),
        Ruling::Drop => Verdict::Drop,
        Ruling::ShowMore => Verdict::ShowMore,
    }
}

/// The same; `rewrite` is set where the frame has to say something else.
#[inline(always)]
pub fn rule<V: View, T: Tables>(
    frame: &V,
    tables: &T,
    ifindex: u32,
    accelerated: Option<u16>,
    rewrite: &mut Rewrite,
) -> Ruling {
    rule_visible(frame, tables, ifindex, accelerated, rewrite).unwrap_or(Ruling::ShowMore)
}

#[inline(always)]
fn rule_visible<V: View, T: Tables>(
    frame: &V,
    tables: &T,
    ifindex: u32,
    accelerated: Option<u16>,
    rewrite: &mut Rewrite,
) -> Option<Ruling> {
    let link = Link::read(frame, accelerated)?;
    match link.ethertype {
        link::IPV4 => {
            let header = frame.window::<20>(link.payload)?;
            if header[9] == IPPROTO_VRRP {
                frame.window::<8>(link.payload + (((header[0] & 0x0f) as usize) << 2))?;
                return Some(advert(tables, &locate_v4(frame, &link, ifindex)));
            }
            if header[9] == IPPROTO_AH {
                let at = link.payload + (((header[0] & 0x0f) as usize) << 2);
                frame.window::<{ AH_LEN + 8 }>(at)?;
                let found = locate_v4(frame, &link, ifindex);
                if matches!(found, Found::Advert(_)) {
                    return Some(advert(tables, &found));
                }
            }
            let source = Address::v4(header, 12);
            let cause = Cause::DropEgressVip;
            let named = accepting(
                tables,
                named(tables, &link, ifindex, FAMILY_V4, source, cause),
            );
            Some(verdict(frame, tables, rewrite, named, 0, 0))
        }
        link::IPV6 => {
            let header = frame.window::<40>(link.payload)?;
            if header[6] == IPPROTO_VRRP {
                frame.window::<8>(link.payload + 40)?;
                return Some(advert(tables, &locate_v6(frame, &link, ifindex)));
            }
            let source = Address::v6(header, 8);
            if header[6] == IPPROTO_ICMPV6 {
                let kind = frame.window::<1>(link.payload + 40)?[0];
                if nd::KINDS.contains(&kind) {
                    return discovery(frame, tables, rewrite, &link, ifindex, source, kind);
                }
            }
            let cause = Cause::DropEgressVip;
            let named = accepting(
                tables,
                named(tables, &link, ifindex, FAMILY_V6, source, cause),
            );
            Some(verdict(frame, tables, rewrite, named, 0, 0))
        }
        link::ARP => {
            frame.window::<{ arp::LEN }>(link.payload)?;
            let Some(arp) = Arp::read(frame, &link) else {
                return Some(Ruling::Pass);
            };
            let cause = Cause::DropEgressAnnouncement;
            let named = named(tables, &link, ifindex, FAMILY_V4, arp.sender, cause);
            let at = link.payload + arp::SENDER_MAC;
            Some(verdict(frame, tables, rewrite, named, at, 0))
        }
        _ => Some(Ruling::Pass),
    }
}

/// Neighbour discovery: an advertisement says where its target is, anything else
/// where its source is. A probe for duplicates has no source; where the MAC is
/// virtual it is the claim of its target all the same, because the switches learn
/// from it.
#[inline(always)]
fn discovery<V: View, T: Tables>(
    frame: &V,
    tables: &T,
    rewrite: &mut Rewrite,
    link: &Link,
    ifindex: u32,
    source: Address,
    kind: u8,
) -> Option<Ruling> {
    let tells = kind == nd::ADVERTISEMENT;
    let probes = kind == nd::SOLICITATION && source.is_none();
    if tells || probes {
        frame.window::<{ nd::LEN }>(link.payload + 40)?;
    }
    let mut found = None;
    if (tells || probes)
        && let Some(target) = Discovery::read(frame, link).map(|discovery| discovery.target)
        && let Some((_, vip)) = neighbor::find(tables, link, ifindex, FAMILY_V6, target)
        && (tells || vip.flags & VIP_VIRTUAL_MAC != 0)
    {
        let passage = lease::ask(tables, vip.gate, Cause::DropEgressAnnouncement);
        if passage == Passage::Shut {
            // Counted; its source is not looked at as well.
            return Some(Ruling::Drop);
        }
        found = Some((passage, vip));
    }
    if !matches!(found, Some((Passage::Unfenced, _))) {
        let cause = Cause::DropEgressVip;
        match named(tables, link, ifindex, FAMILY_V6, source, cause) {
            Some((Passage::Shut, _)) => return Some(Ruling::Drop),
            // What an advertisement says is not where its source is.
            speaks if !tells => found = found.or(speaks),
            speaks if found.is_none() => {
                return Some(verdict(frame, tables, rewrite, speaks, 0, 0));
            }
            _ => {}
        }
    }
    if found.is_none_or(|(_, vip)| vip.flags & VIP_VIRTUAL_MAC == 0) {
        return Some(Ruling::Pass);
    }
    match nd::said_at(frame, link, kind) {
        SaidAt::Offset(at) => {
            let sum = link.payload + 40 + nd::CHECKSUM;
            Some(verdict(frame, tables, rewrite, found, at, sum))
        }
        SaidAt::Nowhere => Some(verdict(frame, tables, rewrite, found, 0, 0)),
        SaidAt::NotShown => None,
        SaidAt::TooFar => {
            tables.count(Cause::DropEgressMac);
            Some(Ruling::Drop)
        }
    }
}

/// What a frame has to do that names a virtual address, if it does. `at`: where it says
/// its sender's hardware address besides the Ethernet source.
#[inline(always)]
fn verdict<V: View, T: Tables>(
    frame: &V,
    tables: &T,
    rewrite: &mut Rewrite,
    named: Option<(Passage, Vip)>,
    at: usize,
    sum: usize,
) -> Ruling {
    let Some((passage, vip)) = named else {
        return Ruling::Pass;
    };
    if passage == Passage::Shut {
        return Ruling::Drop;
    }
    if vip.flags & VIP_VIRTUAL_MAC == 0
        || (link::is_from(frame, &vip.mac) && (at == 0 || says(frame, at, &vip.mac)))
    {
        return Ruling::Pass;
    }
    tables.count(Cause::EgressMacSet);
    *rewrite = Rewrite {
        mac: vip.mac,
        at,
        sum,
    };
    Ruling::Rewrite
}

#[inline(always)]
fn says<V: View>(frame: &V, at: usize, mac: &[u8; 6]) -> bool {
    frame
        .window::<6>(at)
        .is_some_and(|said| mac_bits(said, 0) == mac_bits(mac, 0))
}

/// The frame says that `address` is here. Of a virtual address only an open gate may;
/// any other may always.
#[inline(always)]
fn named<T: Tables>(
    tables: &T,
    link: &Link,
    ifindex: u32,
    family: u8,
    address: Address,
    cause: Cause,
) -> Option<(Passage, Vip)> {
    let (_, vip) = neighbor::find(tables, link, ifindex, family, address)?;
    Some((lease::ask(tables, vip.gate, cause), vip))
}

/// The same of what is neither ARP nor ND: an address that accepts none of it sends
/// none, whatever its gate.
#[inline(always)]
fn accepting<T: Tables>(tables: &T, named: Option<(Passage, Vip)>) -> Option<(Passage, Vip)> {
    let (mut passage, vip) = named?;
    if passage != Passage::Shut && vip.flags & VIP_NO_ACCEPT != 0 {
        tables.count(Cause::DropEgressNotAccepted);
        passage = Passage::Shut;
    }
    Some((passage, vip))
}

/// An advert leaves. Only those from our own address are ours to judge: others
/// pass through from a neighbour on the same wire (a macvlan, a routed unicast).
#[inline(always)]
fn advert<T: Tables>(tables: &T, found: &Found) -> Ruling {
    let Found::Advert(envelope) = found else {
        return Ruling::Pass;
    };
    let Some(router) = tables.router(&envelope.vr) else {
        return Ruling::Pass;
    };
    let own = Address::from_octets(&router.own_address);
    if !own.is_none() && envelope.source != own {
        return Ruling::Pass;
    }
    // Giving up is always allowed: V8 sends it after the gate is shut.
    if envelope.priority == PRIORITY_RESIGN || lease::may_advertise(tables, router.gate) {
        tables.count(Cause::EgressAdvert);
        return Ruling::Pass;
    }
    tables.count(Cause::DropEgressAdvert);
    Ruling::Drop
}
