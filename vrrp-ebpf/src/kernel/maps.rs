//! The maps, typed and named as `vrrp_common::maps` lays them down.

use super::{atomic, log};
use aya_ebpf::{
    bindings::BPF_NOEXIST,
    btf_maps::{Array, HashMap, LruHashMap, PerCpuArray, ProgramArray, RingBuf},
    helpers::{bpf_jiffies64, bpf_ktime_get_ns, bpf_ringbuf_output},
    macros::btf_map,
};
use core::{
    mem::offset_of,
    ptr::{read_volatile, write_volatile},
};
use vrrp_common::{
    balance::{MAX_NEXT, Watched, has_octet},
    counter::{Cause, Counters},
    event::Event,
    gate::Gate,
    maps::{
        EVENT_RING_BYTES, EVENT_SPACING_NS, Hints, Limits, MAX_GATES, MAX_PEERS, MAX_ROUTERS,
        MAX_SOURCES, MAX_STATIONS, MAX_TALKERS, MAX_VIPS, Peer, PeerKey, Proven, Source, Station,
        StationKey, Talker, TalkerKey, UNPROVEN_RING_BYTES, Vip, VipKey, VirtualRouter, VrKey,
        take_turn,
    },
    unproven::{HEAD_LEN, MAX_PACKET_LEN, Unproven},
};
use vrrp_ebpf::{
    diagnostic::Diagnostic,
    tables::{Stamp, TURN, Tables},
    view::{mac_bits, opaque},
};

const NO_PREALLOC: usize = 1;
const MMAPABLE: usize = 0x400;

#[btf_map]
static XVRRP_ROUTERS: HashMap<VrKey, VirtualRouter, MAX_ROUTERS> = HashMap::new();
#[btf_map]
static XVRRP_PEERS: HashMap<PeerKey, Peer, MAX_PEERS> = HashMap::new();
#[btf_map]
static XVRRP_GATES: Array<Gate, MAX_GATES, MMAPABLE> = Array::new();
// Large and mostly empty, and only userspace adds to them.
#[btf_map]
static XVRRP_VIPS: HashMap<VipKey, Vip, MAX_VIPS, NO_PREALLOC> = HashMap::new();
#[btf_map]
static XVRRP_SOURCES: HashMap<PeerKey, Source, MAX_SOURCES, NO_PREALLOC> = HashMap::new();
#[btf_map]
static XVRRP_STATIONS: HashMap<StationKey, Station, MAX_STATIONS, NO_PREALLOC> = HashMap::new();
#[btf_map]
static XVRRP_HINTS: Array<Hints, 1> = Array::new();
#[btf_map]
static XVRRP_TALKERS: LruHashMap<TalkerKey, Talker, MAX_TALKERS> = LruHashMap::new();
#[btf_map]
static XVRRP_COUNT: PerCpuArray<Counters, 1> = PerCpuArray::new();
// Holds `Event`s. Its BTF says nothing of them: libbpf refuses a ring buffer
// whose values have a size.
#[btf_map]
static XVRRP_EVENTS: RingBuf<(), EVENT_RING_BYTES> = RingBuf::new();
#[btf_map]
static XVRRP_PROVEN: HashMap<PeerKey, Proven, MAX_PEERS, NO_PREALLOC> = HashMap::new();
// Holds `Unproven`s, each as long as it needs.
#[btf_map]
static XVRRP_UNPROVEN: RingBuf<(), UNPROVEN_RING_BYTES> = RingBuf::new();
#[btf_map]
static XVRRP_DRAFT: PerCpuArray<Unproven, 1> = PerCpuArray::new();
// Only the daemon uses these two. They are here to be made and pinned with the others.
#[btf_map]
static XVRRP_JUDGED: Array<Counters, 1> = Array::new();
#[btf_map]
static XVRRP_SEQUENCE: HashMap<VrKey, u64, MAX_ROUTERS, NO_PREALLOC> = HashMap::new();
#[btf_map]
static XVRRP_LIMITS: PerCpuArray<Limits, 1> = PerCpuArray::new();

// The way to the balancer: which packets, and by which program. A program array takes
// programs of one kind: those that take packets in fragments, or those that do not.
#[btf_map]
static XVRRP_WATCHED: Array<Watched, 1, MMAPABLE> = Array::new();
#[btf_map]
pub(super) static XVRRP_NEXT: ProgramArray<MAX_NEXT> = ProgramArray::new();
#[btf_map]
pub(super) static XVRRP_NEXT_OLD: ProgramArray<MAX_NEXT> = ProgramArray::new();

/// Word of a [`Peer`] from which on it is what the peer says, and nothing else.
const PEER_SAYS: usize = offset_of!(Peer, interval_cs) / 8;
const _: () = assert!(PEER_SAYS * 8 == offset_of!(Peer, interval_cs));
const _: () = assert!(size_of::<Peer>() == PEER_SAYS * 8 + 16);

/// How often a revocation is tried. It fails only when another CPU revokes at
/// the same instant, and each time for a later epoch.
const REVOKE_ATTEMPTS: u32 = 4;

/// The maps and the clock of this kernel.
pub(crate) struct Kernel;

impl Tables for Kernel {
    type Router = &'static VirtualRouter;

    #[inline(always)]
    fn now_ns(&self) -> u64 {
        // SAFETY: a helper without arguments.
        unsafe { bpf_ktime_get_ns() }
    }

    #[inline(always)]
    fn tick(&self) -> u64 {
        // SAFETY: a helper without arguments, which the verifier makes one load.
        unsafe { bpf_jiffies64() }
    }

    #[inline(always)]
    fn router(&self, key: &VrKey) -> Option<Self::Router> {
        // SAFETY: an update replaces the record instead of writing into it, so
        // this one stays whole; at worst it is the one just replaced.
        unsafe { XVRRP_ROUTERS.get(key) }
    }

    #[inline(always)]
    fn source(&self, key: &PeerKey) -> Option<Source> {
        // SAFETY: as in `router`.
        let source = unsafe { XVRRP_SOURCES.get(key) }?;
        // Not as a whole: that would be octet by octet.
        Some(Source {
            min_ttl: source.min_ttl,
            max_ttl: source.max_ttl,
            ..Source::default()
        })
    }

    #[inline(always)]
    fn vip(&self, key: &VipKey) -> Option<Vip> {
        // SAFETY: as in `router`.
        unsafe { XVRRP_VIPS.get(key) }.copied()
    }

    #[inline(always)]
    fn hints_at(&self, last_octet: u8) -> bool {
        // SAFETY: an array element lives as long as the map, and is read word by word.
        XVRRP_HINTS
            .get(0)
            .is_some_and(|hints| hints.has(last_octet))
    }

    #[inline(always)]
    fn station(&self, key: &StationKey) -> Option<Station> {
        // SAFETY: as in `router`.
        unsafe { XVRRP_STATIONS.get(key) }.copied()
    }

    #[inline(always)]
    fn watches(&self, source: u8, destination: u8) -> bool {
        // SAFETY: an array element lives as long as the map, and is read word by word.
        XVRRP_WATCHED.get(0).is_some_and(|watched| {
            has_octet(&watched.destinations, destination) || has_octet(&watched.sources, source)
        })
    }

    #[inline(always)]
    fn gate(&self, index: u32) -> Option<Gate> {
        let gate = XVRRP_GATES.get_ptr(index)?;
        // SAFETY: an array element lives as long as the map. Its fields are
        // aligned words that others write whole; each is read once, in the order
        // the trait asks for.
        unsafe {
            let epoch = read_volatile(&raw const (*gate).epoch);
            let revoked_epoch = read_volatile(&raw const (*gate).revoked_epoch);
            let closed_epoch = read_volatile(&raw const (*gate).closed_epoch);
            let permit_end_ns = read_volatile(&raw const (*gate).permit_end_ns);
            let mode = read_volatile(&raw const (*gate).mode);
            let lease_end_ns = read_volatile(&raw const (*gate).lease_end_ns);
            Some(Gate {
                epoch,
                lease_end_ns,
                permit_end_ns,
                closed_epoch,
                revoked_epoch,
                mode,
                ..Gate::default()
            })
        }
    }

    #[inline(always)]
    fn revoke(&self, index: u32, epoch: u64, at_ns: u64, by_priority: u8) {
        let Some(gate) = XVRRP_GATES.get_ptr_mut(index) else {
            return;
        };
        for _ in 0..REVOKE_ATTEMPTS {
            // SAFETY: as in `gate`. Of these three fields the kernel is the only
            // writer, and its CPUs settle the first among them by exchange.
            unsafe {
                let revoked = &raw mut (*gate).revoked_epoch;
                let before = read_volatile(revoked);
                if before >= epoch {
                    return;
                }
                write_volatile(&raw mut (*gate).revoked_at_ns, at_ns);
                write_volatile(&raw mut (*gate).revoked_by_priority, by_priority);
                if atomic::compare_exchange(revoked, before, epoch) == before {
                    return;
                }
            }
        }
    }

    #[inline(always)]
    fn stamp(&self, key: &PeerKey, heard: &Peer, compare: impl FnOnce(&Peer) -> u32) -> Stamp {
        let mut is_new = false;
        let peer = if let Some(peer) = XVRRP_PEERS.get_ptr_mut(key) {
            peer
        } else {
            // Fails if another CPU has just added it, which is as good.
            is_new = XVRRP_PEERS.insert(key, heard, BPF_NOEXIST as u64).is_ok();
            let Some(peer) = XVRRP_PEERS.get_ptr_mut(key) else {
                return Stamp::Full;
            };
            peer
        };
        // SAFETY: a live element; only userspace removes one, after it has been
        // silent for long, and then nobody reads what is written here.
        unsafe {
            let changes = compare(&*peer);
            // As two words, not octet by octet.
            let from = (&raw const *heard).cast::<u64>().add(PEER_SAYS);
            let to = peer.cast::<u64>().add(PEER_SAYS);
            *to = *from;
            *to.add(1) = *from.add(1);
            if changes & TURN != 0 {
                (*peer).turn_ns = heard.turn_ns;
            }
            write_volatile(&raw mut (*peer).last_seen_ns, heard.last_seen_ns);
            atomic::fetch_add(&raw mut (*peer).adverts, 1);
            if is_new {
                Stamp::New
            } else {
                Stamp::Known(changes)
            }
        }
    }

    #[inline(always)]
    fn count(&self, cause: Cause) {
        let Some(counters) = XVRRP_COUNT.get_ptr_mut(0) else {
            return;
        };
        // The verifier has to see a bound that the compiler knows already.
        let index = opaque(cause as usize);
        if index >= Cause::ALL.len() {
            return;
        }
        // SAFETY: `Counters` is that many `u64`s, and this CPU's own.
        unsafe { *counters.cast::<u64>().add(index) += 1 };
    }

    #[inline(always)]
    fn tell(&self, event: impl FnOnce() -> Event) -> bool {
        let Some(mut entry) = XVRRP_EVENTS.reserve_untyped::<Event>(0) else {
            self.count(Cause::EventLost);
            return false;
        };
        entry.write(event());
        entry.submit(0);
        true
    }

    #[inline(always)]
    fn explains(&self) -> bool {
        log::is_on()
    }

    #[inline(always)]
    fn explain(&self, diagnostic: &Diagnostic<'_>) {
        if diagnostic.is_limited() {
            let now_ns = self.now_ns();
            let may =
                self.limits(|limits| take_turn(&mut limits.explained_ns, EVENT_SPACING_NS, now_ns));
            if may != Some(true) {
                return;
            }
        }
        log::line(diagnostic);
    }

    #[inline(always)]
    fn limits<R>(&self, judge: impl FnOnce(&mut Limits) -> R) -> Option<R> {
        let limits = XVRRP_LIMITS.get_ptr_mut(0)?;
        // SAFETY: this CPU's own.
        Some(judge(unsafe { &mut *limits }))
    }

    #[inline(always)]
    fn afford(&self, key: &PeerKey, mac: &[u8; 6], now_ns: u64) -> bool {
        if let Some(proven) = XVRRP_PROVEN.get_ptr_mut(key) {
            // SAFETY: an update replaces the element, and this one lives as long as the
            // program runs. What other CPUs spend at this moment may be miscounted.
            let proven = unsafe { &mut *proven };
            if mac_bits(&proven.mac, 0) == mac_bits(mac, 0) {
                return proven.budget.spend(now_ns);
            }
        }
        if let Some(source) = XVRRP_SOURCES.get_ptr_mut(key) {
            // SAFETY: as above.
            return unsafe { (*source).budget.spend(now_ns) };
        }
        self.limits(|limits| limits.strangers.spend(now_ns)) == Some(true)
    }

    #[inline(always)]
    fn draft(&self, fill: impl FnOnce(&mut Unproven)) {
        if let Some(draft) = XVRRP_DRAFT.get_ptr_mut(0) {
            // SAFETY: this CPU's own.
            fill(unsafe { &mut *draft });
        }
    }

    #[inline(always)]
    fn submit(&self, packet_len: usize) -> bool {
        let Some(draft) = XVRRP_DRAFT.get_ptr(0) else {
            return false;
        };
        // The verifier has to see a bound that the caller knows already.
        let len = opaque(packet_len);
        if len > MAX_PACKET_LEN {
            return false;
        }
        // SAFETY: that many octets of this CPU's own draft, to a map of that kind.
        unsafe {
            bpf_ringbuf_output(
                (&raw const XVRRP_UNPROVEN).cast_mut().cast(),
                draft.cast_mut().cast(),
                (HEAD_LEN + len) as u64,
                0,
            ) == 0
        }
    }

    #[inline(always)]
    fn talked(&self, key: &TalkerKey, more: &Talker) {
        let Some(talker) = XVRRP_TALKERS.get_ptr_mut(key) else {
            // Fails if another CPU has just added it: this one is not counted then.
            let _ = XVRRP_TALKERS.insert(key, more, BPF_NOEXIST as u64);
            return;
        };
        // SAFETY: an element of the map; if it makes way for another sender at this
        // moment, that one is counted too much.
        unsafe {
            atomic::fetch_add(&raw mut (*talker).dropped, more.dropped);
            (*talker).last_seen_ns = more.last_seen_ns;
            (*talker).cause = more.cause;
            (*talker).vrid = more.vrid;
        }
    }
}
