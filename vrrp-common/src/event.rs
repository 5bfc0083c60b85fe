//! What the kernel tells userspace through the ring buffer: news only.

use crate::maps::VrKey;

/// An accepted advert that changes something.
pub const KIND_ADVERT: u32 = 1;
/// Somebody else uses what is ours. `cause` says what: `arp_conflict`, `nd_conflict`
/// (`address` is the virtual address they claim), `own_mac` (our MAC, in an advert
/// from `address`, or in ARP or ND about it), `drop_own_source` (an advert from
/// `address`, which is ours).
pub const KIND_CONFLICT: u32 = 2;
/// A VRRP packet was dropped (rate-limited; `cause` says why).
pub const KIND_REJECTED: u32 = 3;

/// First advert from this source.
pub const NEWS_PEER: u32 = 1 << 0;
/// Its priority differs from the last one.
pub const NEWS_PRIORITY: u32 = 1 << 1;
/// Its interval differs from the last one.
pub const NEWS_INTERVAL: u32 = 1 << 2;
/// It resigns (priority 0).
pub const NEWS_RESIGN: u32 = 1 << 3;
/// It arrived while our claim stands.
pub const NEWS_WHILE_CLAIMED: u32 = 1 << 4;
/// It beat our claim and the kernel shut the gate.
pub const NEWS_REVOKED: u32 = 1 << 5;
/// Its version or checksum form differs from the last one.
pub const NEWS_FORM: u32 = 1 << 6;
/// Its address list differs from ours, and did not before.
pub const NEWS_ADDRESSES: u32 = 1 << 7;
/// The peer table is full; this source is not recorded.
pub const NEWS_UNRECORDED: u32 = 1 << 8;

/// One ring-buffer record. Addresses are in network order, all else native.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// `CLOCK_MONOTONIC` when the packet was seen.
    pub at_ns: u64,
    /// Our epoch at that moment (0: no claim).
    pub epoch: u64,
    /// `KIND_*`.
    pub kind: u32,
    /// `NEWS_*` bits of an advert.
    pub news: u32,
    /// Virtual router, where one was recognised.
    pub vr: VrKey,
    /// [`Cause`](crate::counter::Cause) of a rejected packet or a conflict.
    pub cause: u32,
    /// Sender of the packet (IPv4 in the first four octets); of ARP and ND, `address`.
    pub source: [u8; 16],
    /// Address in conflict; of any other event, its source again.
    pub address: [u8; 16],
    /// Advertised interval, in centiseconds.
    pub interval_cs: u32,
    /// Advertised priority.
    pub priority: u8,
    /// 2 or 3.
    pub version: u8,
    /// `CHECKSUM_*` of [`maps`](crate::maps).
    pub checksum_form: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Ethernet source.
    pub mac: [u8; 6],
    /// Explicit padding, zero.
    pub pad: [u8; 2],
}
