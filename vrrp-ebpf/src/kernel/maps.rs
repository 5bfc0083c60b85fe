//! The maps, typed and named as `vrrp_common::maps` lays them down.

use super::{atomic, log};
use aya_ebpf::{
    bindings::BPF_NOEXIST,
    btf_maps::{Array, HashMap, PerCpuArray, RingBuf},
    helpers::bpf_ktime_get_ns,
    macros::btf_map,
};
use core::ptr::{read_volatile, write_volatile};
use vrrp_common::{
    counter::{Cause, Counters},
    event::Event,
    gate::Gate,
    maps::{
        EVENT_RING_BYTES, EVENT_SPACING_NS, Limits, MAX_GATES, MAX_PEERS, MAX_ROUTERS, MAX_VIPS,
        Peer, PeerKey, UnicastPeer, Vip, VipKey, VirtualRouter, VrKey,
    },
};
use vrrp_ebpf::{
    diagnostic::Diagnostic,
    tables::{Limit, Stamp, Tables},
    view::opaque,
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
static XVRRP_UNICAST: HashMap<PeerKey, UnicastPeer, MAX_PEERS, NO_PREALLOC> = HashMap::new();
#[btf_map]
static XVRRP_COUNT: PerCpuArray<Counters, 1> = PerCpuArray::new();
// Holds `Event`s. Its BTF says nothing of them: libbpf refuses a ring buffer
// whose values have a size.
#[btf_map]
static XVRRP_EVENTS: RingBuf<(), EVENT_RING_BYTES> = RingBuf::new();
#[btf_map]
static XVRRP_LIMITS: PerCpuArray<Limits, 1> = PerCpuArray::new();

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
    fn router(&self, key: &VrKey) -> Option<Self::Router> {
        // SAFETY: an update replaces the record instead of writing into it, so
        // this one stays whole; at worst it is the one just replaced.
        unsafe { XVRRP_ROUTERS.get(key) }
    }

    #[inline(always)]
    fn unicast_peer(&self, key: &PeerKey) -> Option<UnicastPeer> {
        // SAFETY: as in `router`.
        unsafe { XVRRP_UNICAST.get(key) }.copied()
    }

    #[inline(always)]
    fn vip(&self, key: &VipKey) -> Option<Vip> {
        // SAFETY: as in `router`.
        unsafe { XVRRP_VIPS.get(key) }.copied()
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
            let lease_end_ns = read_volatile(&raw const (*gate).lease_end_ns);
            Some(Gate {
                epoch,
                lease_end_ns,
                permit_end_ns,
                closed_epoch,
                revoked_epoch,
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
            (*peer).interval_cs = heard.interval_cs;
            (*peer).priority = heard.priority;
            (*peer).version = heard.version;
            (*peer).ttl = heard.ttl;
            (*peer).checksum_form = heard.checksum_form;
            (*peer).mac = heard.mac;
            (*peer).address_count = heard.address_count;
            (*peer).addresses_differ = heard.addresses_differ;
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
        if let Some(limit) = diagnostic.limit()
            && !self.take_turn(limit, self.now_ns())
        {
            return;
        }
        log::line(diagnostic);
    }

    #[inline(always)]
    fn take_turn(&self, limit: Limit, now_ns: u64) -> bool {
        let Some(limits) = XVRRP_LIMITS.get_ptr_mut(0) else {
            return false;
        };
        // SAFETY: this CPU's own.
        let last = unsafe {
            match limit {
                Limit::Rejected => &mut (*limits).rejected_ns,
                Limit::Conflict => &mut (*limits).conflict_ns,
                Limit::Explained => &mut (*limits).explained_ns,
            }
        };
        if *last != 0 && now_ns.wrapping_sub(*last) < EVENT_SPACING_NS {
            return false;
        }
        *last = now_ns;
        true
    }
}
