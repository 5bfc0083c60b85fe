//! What is known of a packet.

use crate::address::Address;
use vrrp_common::balance::{FlowKey, FragmentKey, ServiceKey};

/// [`Seen::part`]: all of a packet, or as good as.
pub const WHOLE: u8 = 0;
/// [`Seen::part`]: the first of some fragments.
pub const FIRST: u8 = 1;
/// [`Seen::part`]: a later one, which has no ports of its own.
pub const LATER: u8 = 2;
/// [`Seen::part`]: an ICMP error about a packet of the flow.
pub const ERROR: u8 = 3;

/// [`Seen::why`]: no connection is known.
pub const UNKNOWN: u8 = 0;
/// [`Seen::why`]: one is, and it is over.
pub const OVER: u8 = 1;
/// [`Seen::why`]: one is, and its server is gone.
pub const GONE: u8 = 2;

/// [`Seen::answer`]: nobody serves this.
pub const NO_SERVER: u8 = 0;
/// [`Seen::answer`]: its time to live ends here.
pub const TTL: u8 = 1;
/// [`Seen::answer`]: longer than [`Seen::mtu`].
pub const TOO_BIG: u8 = 2;
/// [`Seen::answer`]: a TCP reset.
pub const RESET: u8 = 3;

/// A [`FlowKey`], in words.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Source address.
    pub source: Address,
    /// Destination address.
    pub destination: Address,
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// IP protocol.
    pub protocol: u8,
    /// Family of the addresses.
    pub family: u8,
    /// Zero.
    pub pad: u16,
}

const _: () = assert!(size_of::<Flow>() == size_of::<FlowKey>());

impl Flow {
    /// As maps have it.
    #[inline(always)]
    #[must_use]
    pub const fn key(&self) -> &FlowKey {
        // SAFETY: the same fields in the same places, integers all, and no less aligned.
        unsafe { &*(&raw const *self).cast() }
    }
}

/// A packet, as far as it is read. It outlives a program, for the next one.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// From the client; of an [`ERROR`], what it is about, and from the client all the same.
    pub flow: Flow,
    /// Where its IP header is.
    pub network: u32,
    /// Where what follows the IP headers is.
    pub transport: u32,
    /// Octets of the packet, from the IP header on.
    pub length: u32,
    /// Identification of its fragments.
    pub fragment: u32,
    /// Largest packet that could go on.
    pub mtu: u32,
    /// The interface it leaves by.
    pub leaves_by: u32,
    /// VLAN it came by; 0 when untagged.
    pub vlan: u16,
    /// TCP's flags.
    pub tcp: u8,
    /// [`WHOLE`] and so on.
    pub part: u8,
    /// It must not be fragmented.
    pub whole_only: u8,
    /// [`UNKNOWN`] and so on.
    pub why: u8,
    /// [`NO_SERVER`] and so on.
    pub answer: u8,
    /// Zero.
    pub pad: u8,
}

/// A [`ServiceKey`], in words.
#[inline(always)]
#[must_use]
pub const fn service_key(flow: &Flow, port: u16) -> ServiceKey {
    let [a, b, c, d] = flow.destination.0;
    let [low, high] = port.to_ne_bytes();
    let rest = u32::from_ne_bytes([low, high, flow.protocol, flow.family]);
    // SAFETY: as many octets in the same places, and any of them are a value.
    unsafe { core::mem::transmute([a, b, c, d, rest]) }
}

/// In this order, as an array would have it.
#[repr(C)]
struct FragmentWords([u32; 4], [u32; 4], [u32; 2]);

/// A [`FragmentKey`], in words.
#[inline(always)]
#[must_use]
pub const fn fragment_key(seen: &Seen) -> FragmentKey {
    let (from, to) = (seen.flow.source.0, seen.flow.destination.0);
    let rest = u32::from_ne_bytes([seen.flow.protocol, seen.flow.family, 0, 0]);
    // SAFETY: as many octets in the same places, and any of them are a value.
    unsafe { core::mem::transmute(FragmentWords(from, to, [seen.fragment, rest])) }
}
