//! Every map: key, value, capacity, byte order, and who writes it.
//!
//! Addresses are 16 octets in network order; an IPv4 address fills the first
//! four and zeroes the rest. Every other number is in native order. Padding is
//! explicit and zero, because hash maps compare keys byte by byte.
//!
//! | map (kernel name) | kind | key | value | written by |
//! |---|---|---|---|---|
//! | `XVRRP_ROUTERS` | hash | [`VrKey`] | [`VirtualRouter`] | event loop |
//! | `XVRRP_PEERS` | hash | [`PeerKey`] | [`Peer`] | XDP; pruned by the event loop |
//! | `XVRRP_GATES` | mmapable array | group index | [`Gate`](crate::gate::Gate) | see its fields |
//! | `XVRRP_VIPS` | hash | [`VipKey`] | [`Vip`] | event loop |
//! | `XVRRP_UNICAST` | hash | [`PeerKey`] | [`UnicastPeer`] | event loop |
//! | `XVRRP_COUNT` | per-CPU array | 0 | [`Counters`](crate::counter::Counters) | XDP, tc |
//! | `XVRRP_EVENTS` | ring buffer | | [`Event`](crate::event::Event) | XDP |
//! | `XVRRP_LIMITS` | per-CPU array | 0 | [`Limits`] | XDP; of no use outside, not pinned |
//! | `AYA_LOGS` | ring buffer | | `aya-log`'s | XDP, with `--bpf-log`; not pinned |

/// Layout version; part of the pin directory's name. Raise it with any change
/// to a key or a value, so that no daemon reads another layout's bytes.
pub const LAYOUT_VERSION: u32 = 2;

/// `VrKey::family`, `VipKey::family`.
pub const FAMILY_V4: u8 = 4;
/// `VrKey::family`, `VipKey::family`.
pub const FAMILY_V6: u8 = 6;
/// `VrKey::cast`.
pub const CAST_MULTICAST: u8 = 0;
/// `VrKey::cast`.
pub const CAST_UNICAST: u8 = 1;

/// `Peer::checksum_form`: the message alone (all of v2; v3/IPv4 as RFC 9568 has it).
pub const CHECKSUM_PLAIN: u8 = 0;
/// `Peer::checksum_form`: with a pseudo-header (IPv6; v3/IPv4 as keepalived and FRR have it).
pub const CHECKSUM_PSEUDO: u8 = 1;

/// Kernel name of each map: at most 15 characters, or the kernel cuts it.
pub mod name {
    #![allow(missing_docs)]
    pub const ROUTERS: &str = "XVRRP_ROUTERS";
    pub const PEERS: &str = "XVRRP_PEERS";
    pub const GATES: &str = "XVRRP_GATES";
    pub const VIPS: &str = "XVRRP_VIPS";
    pub const UNICAST: &str = "XVRRP_UNICAST";
    pub const COUNT: &str = "XVRRP_COUNT";
    pub const EVENTS: &str = "XVRRP_EVENTS";
    pub const LIMITS: &str = "XVRRP_LIMITS";
}

/// Virtual routers on one host, both families.
pub const MAX_ROUTERS: usize = 4096;
/// Sources heard, all virtual routers together.
pub const MAX_PEERS: usize = 16384;
/// Sync groups, counting an ungrouped instance as one.
pub const MAX_GATES: usize = 4096;
/// Virtual addresses, all virtual routers together.
pub const MAX_VIPS: usize = 65536;
/// Ring buffer size in bytes; a power of two of pages.
pub const EVENT_RING_BYTES: usize = 1 << 18;

/// A virtual router on this host. VLANs and casts never share one.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VrKey {
    /// Interface the program is attached to.
    pub ifindex: u32,
    /// VLAN ID seen in the frame; 0 when untagged.
    pub vlan: u16,
    /// Virtual router ID, 1-255.
    pub vrid: u8,
    /// [`FAMILY_V4`] or [`FAMILY_V6`].
    pub family: u8,
    /// [`CAST_MULTICAST`] or [`CAST_UNICAST`].
    pub cast: u8,
    /// Explicit padding, zero.
    pub pad: [u8; 3],
}

/// [`VirtualRouter::flags`]: a first IPv6 address that is not link-local is refused.
pub const VR_STRICT: u32 = 1 << 0;
/// [`VirtualRouter::flags`]: a version 2 advert with another address list is refused.
pub const VR_REFUSE_OTHER_ADDRESSES: u32 = 1 << 1;
/// [`VirtualRouter::flags`]: unicast adverts only from `XVRRP_UNICAST`.
pub const VR_CHECK_UNICAST_SOURCE: u32 = 1 << 2;
/// [`VirtualRouter::flags`]: the address list is not compared at all.
pub const VR_SKIP_ADDRESSES: u32 = 1 << 3;

/// How to judge the adverts of one virtual router.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VirtualRouter {
    /// Source address of our own adverts.
    pub own_address: [u8; 16],
    /// Index of its group's gate.
    pub gate: u32,
    /// `VR_*`.
    pub flags: u32,
    /// Our advertised interval, in centiseconds; a version 2 advert must carry it.
    pub interval_cs: u32,
    /// Wrapping sum of the virtual addresses as native 32-bit words read in
    /// network order (`u32::from_be_bytes`); the same for any order of the list.
    pub address_sum: u32,
    /// Virtual addresses an advert of ours carries.
    pub address_count: u8,
    /// Our effective priority; an advert beats it by a higher one, or by the
    /// same one and a greater source address.
    pub priority: u8,
    /// 2 or 3.
    pub version: u8,
    /// `AUTH_*`; version 2 only.
    pub auth_type: u8,
    /// Lowest TTL accepted, 255 for multicast.
    pub min_ttl: u8,
    /// Highest TTL accepted.
    pub max_ttl: u8,
    /// `CHECKSUM_*` of our own adverts; for a successor of this daemon.
    pub sent_form: u8,
    /// Explicit padding, zero.
    pub pad: u8,
    /// Password, zero-padded.
    pub auth_data: [u8; 8],
}

/// One source of adverts for one virtual router.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerKey {
    /// The virtual router.
    pub vr: VrKey,
    /// Source address of the adverts.
    pub source: [u8; 16],
}

/// What was last heard from a peer. Only adverts that passed every check count.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// `CLOCK_MONOTONIC` of the last accepted advert.
    pub last_seen_ns: u64,
    /// `CLOCK_MONOTONIC` of the first.
    pub first_seen_ns: u64,
    /// Adverts accepted.
    pub adverts: u64,
    /// Advertised interval, in centiseconds.
    pub interval_cs: u32,
    /// Advertised priority.
    pub priority: u8,
    /// 2 or 3.
    pub version: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// [`CHECKSUM_PLAIN`] or [`CHECKSUM_PSEUDO`].
    pub checksum_form: u8,
    /// Ethernet source.
    pub mac: [u8; 6],
    /// Addresses advertised.
    pub address_count: u8,
    /// 1 when its address list differs from ours.
    pub addresses_differ: u8,
}

/// A configured `unicast_peer`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnicastPeer {
    /// Lowest TTL accepted from it.
    pub min_ttl: u8,
    /// Highest TTL accepted from it.
    pub max_ttl: u8,
    /// Explicit padding, zero.
    pub pad: [u8; 6],
}

/// A virtual address on the interface that carries it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VipKey {
    /// Interface that carries the address.
    pub ifindex: u32,
    /// [`FAMILY_V4`] or [`FAMILY_V6`].
    pub family: u8,
    /// Explicit padding, zero.
    pub pad: [u8; 3],
    /// The address.
    pub address: [u8; 16],
}

/// [`Vip::flags`]: the address is on the interface, so the stack answers for it.
pub const VIP_IN_STACK: u32 = 1 << 0;

/// Who may answer for a virtual address, and with what.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vip {
    /// Index of the owning group's gate.
    pub gate: u32,
    /// `VIP_*`.
    pub flags: u32,
    /// Hardware address to answer with.
    pub mac: [u8; 6],
    /// VLAN it lives in on this interface; 0 when untagged.
    pub vlan: u16,
}

/// Between two [`KIND_REJECTED`](crate::event::KIND_REJECTED) events of one CPU, and
/// between two [`KIND_CONFLICT`](crate::event::KIND_CONFLICT) events, and between
/// two diagnostics that strangers can cause. Nanoseconds.
pub const EVENT_SPACING_NS: u64 = 100_000_000;

/// When one CPU last told of something that a stranger can cause at any rate.
/// `CLOCK_MONOTONIC` nanoseconds.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Last rejected packet told of.
    pub rejected_ns: u64,
    /// Last conflict told of.
    pub conflict_ns: u64,
    /// Last diagnostic of those that strangers can cause.
    pub explained_ns: u64,
}

#[cfg(feature = "user")]
mod pod {
    //! SAFETY (all of these): `repr(C)`, only integers and arrays of them, no
    //! implicit padding (checked below), so any bytes are a value.
    use super::{Limits, Peer, PeerKey, UnicastPeer, Vip, VipKey, VirtualRouter, VrKey};
    use crate::{counter::Counters, event::Event, gate::Gate};

    macro_rules! plain {
        ($($ty:ty = $size:literal),+ $(,)?) => {$(
            const _: () = assert!(size_of::<$ty>() == $size);
            // SAFETY: see the module.
            unsafe impl bytemuck::Zeroable for $ty {}
            // SAFETY: see the module.
            unsafe impl bytemuck::Pod for $ty {}
            // SAFETY: see the module.
            unsafe impl aya::Pod for $ty {}
        )+};
    }
    plain!(
        VrKey = 12,
        PeerKey = 28,
        VipKey = 24,
        VirtualRouter = 48,
        Peer = 40,
        UnicastPeer = 8,
        Limits = 24,
        Vip = 16,
        Gate = 64,
        Event = 88
    );

    // SAFETY: see the module; the struct is nothing but `u64`s.
    unsafe impl bytemuck::Zeroable for Counters {}
    // SAFETY: as above.
    unsafe impl bytemuck::Pod for Counters {}
    // SAFETY: as above.
    unsafe impl aya::Pod for Counters {}
}
