//! Every map: key, value, capacity, byte order, and who writes it.
//!
//! Addresses are 16 octets in network order; an IPv4 address fills the first
//! four and zeroes the rest. Every other number is in native order. Padding is
//! explicit and zero, because hash maps compare keys byte by byte.
//!
//! | map (kernel name) | kind | key | value | written by |
//! |---|---|---|---|---|
//! | `XVRRP_ROUTERS` | hash | [`VrKey`] | [`VirtualRouter`] | event loop |
//! | `XVRRP_PEERS` | hash | [`PeerKey`] | [`Peer`] | XDP; of adverts with a hash, and to prune, the event loop |
//! | `XVRRP_GATES` | mmapable array | group index | [`Gate`](crate::gate::Gate) | see its fields |
//! | `XVRRP_VIPS` | hash | [`VipKey`] | [`Vip`] | event loop |
//! | `XVRRP_SOURCES` | hash | [`PeerKey`] | [`Source`] | event loop |
//! | `XVRRP_STATIONS` | hash | [`StationKey`] | [`Station`] | event loop |
//! | `XVRRP_HINTS` | array | 0 | [`Hints`] | event loop |
//! | `XVRRP_TALKERS` | LRU hash | [`TalkerKey`] | [`Talker`] | XDP |
//! | `XVRRP_COUNT` | per-CPU array | 0 | [`Counters`](crate::counter::Counters) | XDP, tc |
//! | `XVRRP_EVENTS` | ring buffer | | [`Event`](crate::event::Event) | XDP |
//! | `XVRRP_PROVEN` | hash | [`PeerKey`] | [`Proven`] | event loop; `budget` XDP |
//! | `XVRRP_UNPROVEN` | ring buffer | | [`Unproven`](crate::unproven::Unproven) | XDP |
//! | `XVRRP_JUDGED` | array | 0 | [`Counters`](crate::counter::Counters) | event loop |
//! | `XVRRP_SEQUENCE` | hash | [`VrKey`] | `u64` | event loop |
//! | `XVRRP_DRAFT` | per-CPU array | 0 | [`Unproven`](crate::unproven::Unproven) | XDP; not pinned |
//! | `XVRRP_LIMITS` | per-CPU array | 0 | [`Limits`] | XDP; of no use outside, not pinned |
//! | `AYA_LOGS` | ring buffer | | `aya-log`'s | XDP, with `--bpf-log`; not pinned |

#![allow(clippy::inline_always, reason = "the BPF side has to see through it")]

/// Layout version; part of the pin directory's name. Raise it with any change
/// to a key or a value, so that no daemon reads another layout's bytes.
pub const LAYOUT_VERSION: u32 = 7;

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
/// `Peer::checksum_form`: with a pseudo-header that names the multicast group, in a unicast
/// advert of v3/IPv4 (keepalived before 2.0, and `old_unicast_checksum`).
pub const CHECKSUM_GROUP: u8 = 2;

/// Kernel name of each map: at most 15 characters, or the kernel cuts it.
pub mod name {
    #![allow(missing_docs)]
    pub const ROUTERS: &str = "XVRRP_ROUTERS";
    pub const PEERS: &str = "XVRRP_PEERS";
    pub const GATES: &str = "XVRRP_GATES";
    pub const VIPS: &str = "XVRRP_VIPS";
    pub const SOURCES: &str = "XVRRP_SOURCES";
    pub const STATIONS: &str = "XVRRP_STATIONS";
    pub const HINTS: &str = "XVRRP_HINTS";
    pub const TALKERS: &str = "XVRRP_TALKERS";
    pub const COUNT: &str = "XVRRP_COUNT";
    pub const EVENTS: &str = "XVRRP_EVENTS";
    pub const PROVEN: &str = "XVRRP_PROVEN";
    pub const UNPROVEN: &str = "XVRRP_UNPROVEN";
    pub const JUDGED: &str = "XVRRP_JUDGED";
    pub const SEQUENCE: &str = "XVRRP_SEQUENCE";
    pub const LIMITS: &str = "XVRRP_LIMITS";
}

/// Virtual routers on one host, both families.
pub const MAX_ROUTERS: usize = 4096;
/// Sources heard, all virtual routers together.
pub const MAX_PEERS: usize = 16384;
/// Sync groups, counting an ungrouped instance as one.
pub const MAX_GATES: usize = 4096;
/// Listed sources of adverts, all virtual routers together.
pub const MAX_SOURCES: usize = 16384;
/// Senders of refused packets that are remembered; the one silent for longest goes first.
pub const MAX_TALKERS: usize = 1024;
/// Virtual addresses, all virtual routers together.
pub const MAX_VIPS: usize = 65536;
/// Virtual MACs, on each interface that has one.
pub const MAX_STATIONS: usize = 8192;
/// Ring buffer size in bytes; a power of two of pages.
pub const EVENT_RING_BYTES: usize = 1 << 18;
/// Room for adverts whose hash is to be verified, in bytes; a power of two of pages.
/// Some 1500 of them, unless they have many addresses.
pub const UNPROVEN_RING_BYTES: usize = 1 << 18;

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
/// [`VirtualRouter::flags`]: unicast adverts only from `XVRRP_SOURCES`.
pub const VR_CHECK_UNICAST_SOURCE: u32 = 1 << 2;
/// [`VirtualRouter::flags`]: the address list is not compared at all.
pub const VR_SKIP_ADDRESSES: u32 = 1 << 3;
/// [`VirtualRouter::flags`]: multicast adverts only from `XVRRP_SOURCES`.
pub const VR_LISTED_SOURCES: u32 = 1 << 4;

/// [`VirtualRouter::flags`]: a message may be followed by an authentication trailer.
pub const VR_TRAILER: u32 = 1 << 5;
/// [`VirtualRouter::flags`]: it has to be.
pub const VR_TRAILER_ONLY: u32 = 1 << 6;

/// How to judge the adverts of one virtual router.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VirtualRouter {
    /// Source address of our own adverts.
    pub own_address: [u8; 16],
    /// The multicast group of its adverts. Of a unicast one: the group that old
    /// keepalived sums into its checksum instead of the destination.
    pub group: [u8; 16],
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
    /// Hardware address of the interface: a frame from it has come back, or comes
    /// from a duplicate.
    pub mac: [u8; 6],
    /// Explicit padding, zero.
    pub pad2: [u8; 2],
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
    /// When an advert of it last had a turn to be told of though it changes nothing.
    pub turn_ns: u64,
    /// Advertised interval, in centiseconds.
    pub interval_cs: u32,
    /// Advertised priority.
    pub priority: u8,
    /// 2 or 3.
    pub version: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// `CHECKSUM_*`.
    pub checksum_form: u8,
    /// Ethernet source.
    pub mac: [u8; 6],
    /// Addresses advertised.
    pub address_count: u8,
    /// 1 when its address list differs from ours.
    pub addresses_differ: u8,
}

/// A source whose adverts carry a hash, and that was verified.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proven {
    /// Sequence number of the last advert that was accepted.
    pub sequence: u64,
    /// Adverts handed up from this source and station since.
    pub budget: Budget,
    /// Ethernet source of the last.
    pub mac: [u8; 6],
    /// Explicit padding, zero.
    pub pad: [u8; 2],
}

/// How many adverts with a hash were handed to the daemon lately.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Start of the window in which `spent` counts, `CLOCK_MONOTONIC` nanoseconds.
    pub since_ns: u64,
    /// Adverts handed up in it.
    pub spent: u64,
}

/// Nanoseconds.
pub const BUDGET_WINDOW_NS: u64 = 100_000_000;
/// Adverts with a hash that one source has verified in [`BUDGET_WINDOW_NS`]; all
/// strangers together have as many on each CPU.
pub const BUDGET_IN_WINDOW: u64 = 50;

impl Budget {
    /// One more may be handed up now; then it has been. CPUs that spend at the same
    /// moment may miscount by one.
    #[inline(always)]
    pub const fn spend(&mut self, now_ns: u64) -> bool {
        if self.since_ns == 0 || now_ns.wrapping_sub(self.since_ns) >= BUDGET_WINDOW_NS {
            self.since_ns = now_ns;
            self.spent = 0;
        }
        if self.spent >= BUDGET_IN_WINDOW {
            return false;
        }
        self.spent += 1;
        true
    }
}

/// A configured source of adverts: a line of `unicast_peer` or `advert_sources`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Lowest TTL accepted from it.
    pub min_ttl: u8,
    /// Highest TTL accepted from it.
    pub max_ttl: u8,
    /// Explicit padding, zero.
    pub pad: [u8; 6],
    /// Adverts with a hash handed up for it, from a station it was not heard from.
    pub budget: Budget,
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
/// [`Vip::flags`]: `mac` is a virtual one, which the interface does not have (`use_vmac`).
pub const VIP_VIRTUAL_MAC: u32 = 1 << 1;
/// [`Vip::flags`]: nothing but ARP and ND is taken in or sent for it (`no_accept`).
pub const VIP_NO_ACCEPT: u32 = 1 << 2;

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
    /// The interface's own; the same unless `mac` is virtual.
    pub own: [u8; 6],
    /// Explicit padding, zero.
    pub pad: [u8; 2],
}

/// A virtual MAC on an interface that takes frames to it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StationKey {
    /// Interface.
    pub ifindex: u32,
    /// VLAN it lives in on this interface; 0 when untagged.
    pub vlan: u16,
    /// The virtual MAC.
    pub mac: [u8; 6],
}

/// Who takes frames to a virtual MAC.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Station {
    /// Index of the owning group's gate.
    pub gate: u32,
    /// The interface's own MAC, which the stack listens to.
    pub own: [u8; 6],
    /// Explicit padding, zero.
    pub pad: [u8; 2],
}

/// Which frames are worth a look at `XVRRP_STATIONS`: a bit for each last octet of a
/// virtual MAC on any interface. Hardly any other frame pays for the lookup.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// Bit `octet % 64` of word `octet / 64`.
    pub last_octets: [u64; 4],
}

impl Hints {
    /// Another virtual MAC.
    pub const fn add(&mut self, mac: [u8; 6]) {
        self.last_octets[(mac[5] >> 6) as usize] |= 1 << (mac[5] & 63);
    }

    /// A virtual MAC may end so.
    #[inline(always)]
    #[must_use]
    pub const fn has(&self, last_octet: u8) -> bool {
        self.last_octets[(last_octet >> 6) as usize] & (1 << (last_octet & 63)) != 0
    }
}

/// Who sends packets that are refused.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TalkerKey {
    /// Interface it came in by.
    pub ifindex: u32,
    /// [`FAMILY_V4`] or [`FAMILY_V6`].
    pub family: u8,
    /// Explicit padding, zero.
    pub pad: u8,
    /// Ethernet source.
    pub mac: [u8; 6],
    /// IP source.
    pub source: [u8; 16],
}

/// What it sent.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Talker {
    /// Packets refused. Exact at low rates; under a flood one of [`TALKER_SAMPLE`]
    /// stands for all that came since the one before.
    pub dropped: u64,
    /// `CLOCK_MONOTONIC` of the last that was attributed.
    pub last_seen_ns: u64,
    /// [`Cause`](crate::counter::Cause) of the last.
    pub cause: u32,
    /// Virtual router ID the last one named.
    pub vrid: u32,
}

/// Refused packets that one CPU attributes to their senders each, in one tick of
/// the kernel's clock (1 to 10 ms).
pub const TALKER_EXACT: u32 = 16;
/// After those, one of this many is attributed, with the weight of the others.
pub const TALKER_SAMPLE: u32 = 64;

/// Within this time each cause of rejection is told of once by each CPU
/// ([`KIND_REJECTED`](crate::event::KIND_REJECTED)). Nanoseconds.
pub const REJECTED_WINDOW_NS: u64 = 1_000_000_000;
/// Between two [`KIND_CONFLICT`](crate::event::KIND_CONFLICT) events of one CPU with
/// the same cause, and between two diagnostics that strangers can cause. Nanoseconds.
pub const EVENT_SPACING_NS: u64 = 100_000_000;
/// Between two adverts of a peer that are told of though they lose and change
/// nothing. Nanoseconds.
pub const PEER_SPACING_NS: u64 = 10_000_000;
/// Adverts one CPU tells of in [`LOSER_WINDOW_NS`] though they lose and are no
/// change of a known peer.
pub const LOSERS_IN_WINDOW: u32 = 1000;
/// Nanoseconds.
pub const LOSER_WINDOW_NS: u64 = 1_000_000_000;

/// When one CPU last told of something that a stranger can cause at any rate.
/// `CLOCK_MONOTONIC` nanoseconds; 0: never.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Start of the window in which `rejected_told` counts.
    pub rejected_ns: u64,
    /// Causes of rejection told of, a bit for each.
    pub rejected_told: u64,
    /// Start of the window in which `losers_told` counts.
    pub losers_ns: u64,
    /// Last ARP conflict told of.
    pub arp_conflict_ns: u64,
    /// Last ND conflict told of.
    pub nd_conflict_ns: u64,
    /// Last frame from our own MAC told of.
    pub own_mac_ns: u64,
    /// Last advert from our own address told of.
    pub own_source_ns: u64,
    /// Last diagnostic of those that strangers can cause.
    pub explained_ns: u64,
    /// Tick of the kernel's clock that `rejects_in_tick` counts; a number, not a time.
    pub tick: u64,
    /// Losing adverts told of.
    pub losers_told: u32,
    /// Packets refused.
    pub rejects_in_tick: u32,
    /// Packets refused and attributed to nobody yet.
    pub unattributed: u32,
    /// Explicit padding, zero.
    pub pad: u32,
    /// Adverts with a hash from sources that are neither listed nor known.
    pub strangers: Budget,
}

impl Limits {
    /// A packet is refused for `cause` in this tick of the kernel's clock. The clock
    /// itself is asked once a tick: this is what a flood meets.
    #[inline(always)]
    pub fn refuse(&mut self, cause: u32, tick: u64, now_ns: impl FnOnce() -> u64) -> Refusal {
        if self.tick != tick {
            self.tick = tick;
            self.rejects_in_tick = 0;
            let now_ns = now_ns();
            let is_over = now_ns.wrapping_sub(self.rejected_ns) >= REJECTED_WINDOW_NS;
            if self.rejected_ns == 0 || is_over {
                self.rejected_ns = now_ns;
                self.rejected_told = 0;
            }
        }
        let bit = 1 << (cause & 63);
        let tell = self.rejected_told & bit == 0;
        self.rejected_told |= bit;
        self.rejects_in_tick = self.rejects_in_tick.wrapping_add(1);
        self.unattributed = self.unattributed.wrapping_add(1);
        let mut weight = 0;
        if self.rejects_in_tick <= TALKER_EXACT || self.unattributed >= TALKER_SAMPLE {
            weight = self.unattributed;
            self.unattributed = 0;
        }
        Refusal { weight, tell }
    }

    /// One more losing advert may be told of now; then it has been.
    #[inline(always)]
    pub const fn tell_loser(&mut self, now_ns: u64) -> bool {
        if self.losers_ns == 0 || now_ns.wrapping_sub(self.losers_ns) >= LOSER_WINDOW_NS {
            self.losers_ns = now_ns;
            self.losers_told = 0;
        }
        if self.losers_told >= LOSERS_IN_WINDOW {
            return false;
        }
        self.losers_told += 1;
        true
    }
}

/// What is to be done about a refused packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// For how many it stands in its sender's record; 0: for none, it is left to a
    /// later one.
    pub weight: u32,
    /// It is told of.
    pub tell: bool,
}

/// Enough time since `last_ns` (0: never) for another; then this is the last.
#[inline(always)]
pub const fn take_turn(last_ns: &mut u64, spacing_ns: u64, now_ns: u64) -> bool {
    if *last_ns != 0 && now_ns.wrapping_sub(*last_ns) < spacing_ns {
        return false;
    }
    *last_ns = now_ns;
    true
}

#[cfg(test)]
mod tests {
    use super::{
        BUDGET_IN_WINDOW, BUDGET_WINDOW_NS, Budget, Hints, LOSER_WINDOW_NS, LOSERS_IN_WINDOW,
        Limits, REJECTED_WINDOW_NS, TALKER_EXACT, TALKER_SAMPLE, take_turn,
    };

    #[test]
    fn each_cause_is_told_of_once_in_a_window() {
        let mut limits = Limits::default();
        let mut tell = |cause, tick, now_ns| limits.refuse(cause, tick, || now_ns).tell;
        assert!(tell(7, 1, 5) && tell(8, 1, 5));
        assert!(!tell(7, 2, 5 + REJECTED_WINDOW_NS - 1));
        assert!(tell(7, 3, 5 + REJECTED_WINDOW_NS));
        assert!(tell(8, 4, 6 + REJECTED_WINDOW_NS));
        assert!(!tell(8, 5, 6 + REJECTED_WINDOW_NS));
    }

    #[test]
    fn the_clock_is_asked_once_a_tick() {
        let mut limits = Limits::default();
        let mut asked = 0;
        for tick in [4, 4, 4, 5, 5, 9] {
            let now_ns = || {
                asked += 1;
                1
            };
            let _ = limits.refuse(7, tick, now_ns);
        }
        assert_eq!(asked, 3);
    }

    #[test]
    fn a_hint_is_of_the_last_octet() {
        let mut hints = Hints::default();
        for octet in [0, 63, 64, 255] {
            hints.add([0, 0, 0x5e, 0, 1, octet]);
        }
        let hinted = (0..=u8::MAX).filter(|octet| hints.has(*octet));
        assert!(hinted.eq([0, 63, 64, 255]));
    }

    #[test]
    fn losers_have_a_budget() {
        let mut limits = Limits::default();
        let told = |limits: &mut Limits, now| {
            (0..LOSERS_IN_WINDOW + 9)
                .filter(|_| limits.tell_loser(now))
                .count()
        };
        let all = usize::try_from(LOSERS_IN_WINDOW).expect("few");
        assert_eq!(told(&mut limits, 1), all);
        assert_eq!(told(&mut limits, LOSER_WINDOW_NS), 0);
        assert_eq!(told(&mut limits, 1 + LOSER_WINDOW_NS), all);
    }

    #[test]
    fn a_budget_is_for_a_window() {
        let mut budget = Budget::default();
        let spent = |budget: &mut Budget, now| {
            (0..BUDGET_IN_WINDOW + 9)
                .filter(|_| budget.spend(now))
                .count() as u64
        };
        assert_eq!(spent(&mut budget, 7), BUDGET_IN_WINDOW);
        assert_eq!(spent(&mut budget, 6 + BUDGET_WINDOW_NS), 0);
        assert_eq!(spent(&mut budget, 7 + BUDGET_WINDOW_NS), BUDGET_IN_WINDOW);
    }

    #[test]
    fn what_is_refused_is_attributed_whole() {
        let mut limits = Limits::default();
        let mut weight = |tick| limits.refuse(7, tick, || 1).weight;
        let exact: u32 = (0..TALKER_EXACT).map(|_| weight(4)).sum();
        assert_eq!(exact, TALKER_EXACT, "each by itself");
        let sampled = (0..TALKER_SAMPLE * 10 + 5).map(|_| weight(4));
        let weights = sampled.filter(|&weight| weight != 0);
        assert!(weights.eq([TALKER_SAMPLE; 10]));
        // What is left over goes with the first of the next tick.
        assert_eq!(weight(8), 6);
        assert_eq!(weight(8), 1);
    }

    #[test]
    fn turns_keep_their_distance() {
        let mut last = 0;
        assert!(take_turn(&mut last, 10, 3));
        assert!(!take_turn(&mut last, 10, 12));
        assert!(take_turn(&mut last, 10, 13));
        assert_eq!(last, 13);
    }
}

#[cfg(feature = "user")]
mod pod {
    //! SAFETY (all of these): `repr(C)`, only integers and arrays of them, no
    //! implicit padding (checked below), so any bytes are a value.
    use super::{
        Budget, Hints, Limits, Peer, PeerKey, Proven, Source, Station, StationKey, Talker,
        TalkerKey, Vip, VipKey, VirtualRouter, VrKey,
    };
    use crate::{counter::Counters, event::Event, gate::Gate, unproven::Unproven};

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
        VirtualRouter = 72,
        Peer = 48,
        Budget = 16,
        Proven = 32,
        Source = 24,
        Limits = 104,
        TalkerKey = 28,
        Talker = 24,
        Vip = 24,
        StationKey = 12,
        Station = 12,
        Hints = 32,
        Gate = 64,
        Event = 88,
        Unproven = 1584
    );

    // SAFETY: see the module; the struct is nothing but `u64`s.
    unsafe impl bytemuck::Zeroable for Counters {}
    // SAFETY: as above.
    unsafe impl bytemuck::Pod for Counters {}
    // SAFETY: as above.
    unsafe impl aya::Pod for Counters {}
}
