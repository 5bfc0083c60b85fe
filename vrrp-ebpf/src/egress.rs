//! What tc does with a frame that is about to leave.
//!
//! A node whose gate is shut must not name the virtual address as its own in
//! any way. Adverts are another matter: an address owner's have the address as
//! their source, and a claim advertises before its gate opens. They are judged
//! by the permission to send, not by the lease, and so in every mode of it: two
//! that advertise are a disturbance where nobody fences, too.

use crate::{
    address::Address,
    advert::{Found, locate_v4, locate_v6},
    lease::{self, Passage},
    link::{self, Link},
    neighbor::{
        self,
        arp::{self, Arp},
        nd::{self, Discovery},
    },
    tables::Tables,
    view::View,
};
use vrrp_common::{
    counter::Cause,
    maps::{FAMILY_V4, FAMILY_V6},
    wire::{IPPROTO_ICMPV6, IPPROTO_VRRP, PRIORITY_RESIGN},
};

/// What becomes of an outgoing frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// On its way, untouched; other filters may still have a say.
    Pass,
    /// Gone.
    Drop,
    /// The headers are not all visible; show more and ask again.
    ShowMore,
}

/// Octets that settle every case: Ethernet, a tag, and the longest headers read.
pub const ENOUGH: u32 = 18 + 60 + 24;

/// Judges a frame leaving by an interface. `accelerated`: the tag control
/// information of a tag that the kernel keeps beside the frame.
#[inline(always)]
pub fn judge<V: View, T: Tables>(
    frame: &V,
    tables: &T,
    ifindex: u32,
    accelerated: Option<u16>,
) -> Verdict {
    judge_visible(frame, tables, ifindex, accelerated).unwrap_or(Verdict::ShowMore)
}

#[inline(always)]
fn judge_visible<V: View, T: Tables>(
    frame: &V,
    tables: &T,
    ifindex: u32,
    accelerated: Option<u16>,
) -> Option<Verdict> {
    let link = Link::read(frame, accelerated)?;
    match link.ethertype {
        link::IPV4 => {
            let header = frame.window::<20>(link.payload)?;
            if header[9] == IPPROTO_VRRP {
                frame.window::<8>(link.payload + (((header[0] & 0x0f) as usize) << 2))?;
                return Some(advert(tables, &locate_v4(frame, &link, ifindex)));
            }
            let source = Address::v4(header, 12);
            let cause = Cause::DropEgressVip;
            Some(verdict(named(
                tables, &link, ifindex, FAMILY_V4, source, cause,
            )))
        }
        link::IPV6 => {
            let header = frame.window::<40>(link.payload)?;
            if header[6] == IPPROTO_VRRP {
                frame.window::<8>(link.payload + 40)?;
                return Some(advert(tables, &locate_v6(frame, &link, ifindex)));
            }
            if header[6] == IPPROTO_ICMPV6
                && frame.window::<1>(link.payload + 40)?[0] == nd::ADVERTISEMENT
            {
                frame.window::<{ nd::LEN }>(link.payload + 40)?;
                let discovery = Discovery::read(frame, &link);
                let cause = Cause::DropEgressAnnouncement;
                if let Some(target) = discovery.map(|discovery| discovery.target) {
                    match named(tables, &link, ifindex, FAMILY_V6, target, cause) {
                        // Counted; its source is not looked at as well.
                        Some(Passage::Shut) => return Some(Verdict::Drop),
                        Some(Passage::Unfenced) => return Some(Verdict::Pass),
                        Some(Passage::Open) | None => {}
                    }
                }
            }
            let source = Address::v6(header, 8);
            let cause = Cause::DropEgressVip;
            Some(verdict(named(
                tables, &link, ifindex, FAMILY_V6, source, cause,
            )))
        }
        link::ARP => {
            frame.window::<{ arp::LEN }>(link.payload)?;
            let Some(arp) = Arp::read(frame, &link) else {
                return Some(Verdict::Pass);
            };
            let cause = Cause::DropEgressAnnouncement;
            let sender = arp.sender;
            Some(verdict(named(
                tables, &link, ifindex, FAMILY_V4, sender, cause,
            )))
        }
        _ => Some(Verdict::Pass),
    }
}

const fn verdict(passage: Option<Passage>) -> Verdict {
    match passage {
        Some(Passage::Shut) => Verdict::Drop,
        Some(Passage::Open | Passage::Unfenced) | None => Verdict::Pass,
    }
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
) -> Option<Passage> {
    let (_, vip) = neighbor::find(tables, link, ifindex, family, address)?;
    Some(lease::ask(tables, vip.gate, cause))
}

/// An advert leaves. Only those from our own address are ours to judge: others
/// pass through from a neighbour on the same wire (a macvlan, a routed unicast).
#[inline(always)]
fn advert<T: Tables>(tables: &T, found: &Found) -> Verdict {
    let Found::Advert(envelope) = found else {
        return Verdict::Pass;
    };
    let Some(router) = tables.router(&envelope.vr) else {
        return Verdict::Pass;
    };
    let own = Address::from_octets(&router.own_address);
    if !own.is_none() && envelope.source != own {
        return Verdict::Pass;
    }
    // Giving up is always allowed: V8 sends it after the gate is shut.
    if envelope.priority == PRIORITY_RESIGN || lease::may_advertise(tables, router.gate) {
        tables.count(Cause::EgressAdvert);
        return Verdict::Pass;
    }
    tables.count(Cause::DropEgressAdvert);
    Verdict::Drop
}
