//! ARP (RFC 826) for virtual addresses, probes and announcements (RFC 5227) included.

use super::{find, heard_claim, heard_question};
use crate::{
    address::Address,
    ingress::Verdict,
    lease::{self, Passage},
    link::Link,
    tables::Tables,
    view::{View, ViewMut, be16, mac, put},
};
use vrrp_common::{
    counter::Cause,
    maps::{FAMILY_V4, VIP_IN_STACK, Vip},
};

/// Octets of an ARP packet for IPv4 over Ethernet.
pub const LEN: usize = 28;
/// The first six: Ethernet, IPv4, their lengths.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];
const REQUEST: u16 = 1;
const REPLY: u16 = 2;
/// Where the sender's hardware address is.
pub const SENDER_MAC: usize = 8;
const SENDER: usize = 14;
const TARGET_MAC: usize = 18;
const TARGET: usize = 24;

/// What an ARP packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// It asks; otherwise it answers.
    pub is_request: bool,
    /// Sender hardware address.
    pub sender_mac: [u8; 6],
    /// Sender; none in a probe.
    pub sender: Address,
    /// Target.
    pub target: Address,
}

impl Arp {
    /// Reads a request or a reply for IPv4 over Ethernet; anything else is nothing to us.
    #[inline(always)]
    pub fn read<V: View>(frame: &V, link: &Link) -> Option<Self> {
        let packet = frame.window::<LEN>(link.payload)?;
        let operation = be16(packet, 6);
        if mac(packet, 0) != ETHERNET_IPV4 || (operation != REQUEST && operation != REPLY) {
            return None;
        }
        Some(Self {
            is_request: operation == REQUEST,
            sender_mac: mac(packet, SENDER_MAC),
            sender: Address::v4(packet, SENDER),
            target: Address::v4(packet, TARGET),
        })
    }
}

/// Judges an ARP packet.
#[inline(never)]
pub fn judge<V: ViewMut, T: Tables>(
    frame: &mut V,
    tables: &T,
    link: &Link,
    ifindex: u32,
) -> Verdict {
    let Some(arp) = Arp::read(frame, link) else {
        return Verdict::Pass;
    };
    if !arp.sender.is_none()
        && let Some((key, vip)) = find(tables, link, ifindex, FAMILY_V4, arp.sender)
    {
        let cause = Cause::ArpConflict;
        heard_claim(frame, tables, &key, &vip, arp.sender_mac, cause);
        // An announcement asks for its own address: nothing to answer, and the
        // stack wants to know who has it.
        if arp.sender == arp.target {
            return Verdict::Pass;
        }
    }
    if !arp.is_request {
        return Verdict::Pass;
    }
    let Some((key, vip)) = find(tables, link, ifindex, FAMILY_V4, arp.target) else {
        return Verdict::Pass;
    };
    heard_question(frame, tables, &key, &vip);
    match lease::ask(tables, vip.gate, Cause::DropArpGateShut) {
        Passage::Open => {}
        Passage::Unfenced => return Verdict::Pass,
        Passage::Shut => return Verdict::Drop,
    }
    if vip.flags & VIP_IN_STACK != 0 {
        tables.count(Cause::ArpLeftToStack);
        return Verdict::Pass;
    }
    if answer(frame, link, &arp, &vip).is_none() {
        return Verdict::Pass;
    }
    tables.count(Cause::ArpAnswered);
    Verdict::Reply
}

/// Turns the request into its reply, in place.
#[inline(always)]
fn answer<V: ViewMut>(frame: &mut V, link: &Link, arp: &Arp, vip: &Vip) -> Option<()> {
    let packet = frame.window_mut::<LEN>(link.payload)?;
    put(packet, 6, REPLY.to_be_bytes());
    put(packet, SENDER_MAC, vip.mac);
    put(packet, SENDER, arp.target.0[0].to_ne_bytes());
    put(packet, TARGET_MAC, arp.sender_mac);
    put(packet, TARGET, arp.sender.0[0].to_ne_bytes());
    let stations = frame.window_mut::<12>(0)?;
    put(stations, 0, arp.sender_mac);
    put(stations, 6, vip.mac);
    Some(())
}
