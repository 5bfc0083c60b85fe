//! The balancer's maps, typed and named as `vrrp_common::balance` lays them down.

use super::atomic;
use aya_ebpf::{
    bindings::BPF_NOEXIST,
    btf_maps::{Array, HashMap, LruHashMap, PerCpuArray, ProgramArray},
    helpers::{bpf_get_prandom_u32, bpf_ktime_get_coarse_ns, bpf_ktime_get_ns},
    macros::btf_map,
};
use core::{
    mem::offset_of,
    ptr::{read_volatile, write_volatile},
};
use vrrp_common::{
    balance::{
        Cause, Connection, Counters, FlowKey, Fragment, FragmentKey, Hop, Load, MAX_CONNECTIONS,
        MAX_FRAGMENTS, MAX_HOPS, MAX_KEYS, MAX_NEXT, MAX_RING_PAGES, MAX_SERVERS, MAX_SERVICES,
        MAX_STICKY, PAGE_SLOTS, RingPage, Rules, STATES, Server, Service, ServiceKey, Sticky,
        StickyKey, Traffic, Turn, ring_page, ring_slots,
    },
    counter,
    gate::Gate,
    maps::{MAX_GATES, MAX_VIPS, Vip, VipKey},
};
use vrrp_ebpf::{
    balance::{
        ledger::{Entered, Held, Ledger},
        schedule,
        seen::{Flow, Seen},
    },
    view::opaque,
};

const NO_PREALLOC: usize = 1;
const MMAPABLE: usize = 0x400;

#[btf_map]
static XVRRP_KEYS: HashMap<ServiceKey, u32, MAX_KEYS, NO_PREALLOC> = HashMap::new();
#[btf_map]
static XVRRP_SERVICES: Array<Service, MAX_SERVICES, MMAPABLE> = Array::new();
#[btf_map]
static XVRRP_SERVERS: Array<Server, MAX_SERVERS, MMAPABLE> = Array::new();
#[btf_map]
static XVRRP_HOPS: Array<Hop, MAX_HOPS, MMAPABLE> = Array::new();
#[btf_map]
static XVRRP_RINGS: Array<RingPage, MAX_RING_PAGES, MMAPABLE> = Array::new();
#[btf_map]
static XVRRP_RULES: Array<Rules, 1, MMAPABLE> = Array::new();
#[btf_map]
static XVRRP_LOAD: Array<Load, MAX_SERVERS, MMAPABLE> = Array::new();
#[btf_map]
static XVRRP_TURNS: Array<Turn, MAX_SERVICES> = Array::new();
#[btf_map]
static XVRRP_CONNS: LruHashMap<FlowKey, Connection, MAX_CONNECTIONS> = LruHashMap::new();
#[btf_map]
static XVRRP_STICKY: LruHashMap<StickyKey, Sticky, MAX_STICKY> = LruHashMap::new();
#[btf_map]
static XVRRP_FRAGMENTS: LruHashMap<FragmentKey, Fragment, MAX_FRAGMENTS> = LruHashMap::new();
#[btf_map]
static XVRRP_TRAFFIC: PerCpuArray<Traffic, MAX_SERVERS> = PerCpuArray::new();
#[btf_map]
static XVRRP_LB_COUNT: PerCpuArray<Counters, 1> = PerCpuArray::new();
#[btf_map]
static XVRRP_LB_WORK: PerCpuArray<Seen, 1> = PerCpuArray::new();
// The VRRP object's, declared as there.
#[btf_map]
static XVRRP_GATES: Array<Gate, MAX_GATES, MMAPABLE> = Array::new();
#[btf_map]
static XVRRP_VIPS: HashMap<VipKey, Vip, MAX_VIPS, NO_PREALLOC> = HashMap::new();
#[btf_map]
static XVRRP_COUNT: PerCpuArray<counter::Counters, 1> = PerCpuArray::new();
#[btf_map]
pub(crate) static XVRRP_NEXT: ProgramArray<MAX_NEXT> = ProgramArray::new();
#[btf_map]
pub(crate) static XVRRP_NEXT_OLD: ProgramArray<MAX_NEXT> = ProgramArray::new();

/// What this CPU knows of the packet it is at.
#[inline(always)]
pub(super) fn work() -> Option<&'static mut Seen> {
    let seen = XVRRP_LB_WORK.get_ptr_mut(0)?;
    // SAFETY: this CPU's own, and one program runs at a time.
    Some(unsafe { &mut *seen })
}

/// The word of a [`Connection`] that its state and flags are in, with padding.
const TURNS: usize = offset_of!(Connection, state);
const _: () = assert!(TURNS % 8 == 0 && size_of::<Connection>() == TURNS + 8);
const _: () = assert!(offset_of!(Connection, flags) == TURNS + 1);

#[inline(always)]
const fn turns(state: u8, flags: u8) -> u64 {
    u64::from_ne_bytes([state, flags, 0, 0, 0, 0, 0, 0])
}

/// An element of `XVRRP_CONNS`. If it makes way for another at this moment, that one is
/// taken for it once: elements of an LRU map are never freed.
pub(crate) struct Row(*mut Connection);

impl Held for Row {
    #[inline(always)]
    fn read(&self) -> Connection {
        // SAFETY: an element of the map; aligned words.
        unsafe {
            let who = read_volatile(self.0.cast::<u64>().add(1)).to_ne_bytes();
            let turns = read_volatile(self.0.cast::<u64>().add(TURNS / 8)).to_ne_bytes();
            Connection {
                last_ns: read_volatile(&raw const (*self.0).last_ns),
                server: u16::from_ne_bytes([who[0], who[1]]),
                service: u16::from_ne_bytes([who[2], who[3]]),
                generation: u32::from_ne_bytes([who[4], who[5], who[6], who[7]]),
                state: turns[0],
                flags: turns[1],
                pad: [0; 6],
            }
        }
    }

    #[inline(always)]
    fn touch(&self, now_ns: u64) {
        // SAFETY: as above.
        unsafe {
            let last_ns = &raw mut (*self.0).last_ns;
            // Not twice in a tick: the line may be another CPU's as well.
            if read_volatile(last_ns) != now_ns {
                write_volatile(last_ns, now_ns);
            }
        }
    }

    #[inline(always)]
    fn turn(&self, old: &Connection, state: u8, flags: u8) -> bool {
        let (before, after) = (turns(old.state, old.flags), turns(state, flags));
        // SAFETY: as above.
        unsafe {
            let at = self.0.cast::<u64>().add(TURNS / 8);
            atomic::compare_exchange(at, before, after) == before
        }
    }

    #[inline(always)]
    fn replace(&self, new: &Connection) {
        let [a, b] = new.server.to_ne_bytes();
        let [c, d] = new.service.to_ne_bytes();
        let [e, f, g, h] = new.generation.to_ne_bytes();
        // SAFETY: as above.
        unsafe {
            let words = self.0.cast::<u64>();
            write_volatile(words, new.last_ns);
            write_volatile(words.add(1), u64::from_ne_bytes([a, b, c, d, e, f, g, h]));
            write_volatile(words.add(TURNS / 8), turns(new.state, new.flags));
        }
    }
}

/// The maps and the clocks of this kernel.
pub(crate) struct Kernel;

impl Ledger for Kernel {
    type Held = Row;

    #[inline(always)]
    fn now_ns(&self) -> u64 {
        // SAFETY: a helper without arguments.
        unsafe { bpf_ktime_get_ns() }
    }

    #[inline(always)]
    fn coarse_ns(&self) -> u64 {
        // SAFETY: a helper without arguments.
        unsafe { bpf_ktime_get_coarse_ns() }
    }

    #[inline(always)]
    fn random(&self) -> u32 {
        // SAFETY: a helper without arguments.
        unsafe { bpf_get_prandom_u32() }
    }

    #[inline(always)]
    fn gate(&self, index: u32) -> Option<Gate> {
        let gate = XVRRP_GATES.get_ptr(index)?;
        // SAFETY: an array element lives as long as the map. Its fields are aligned words
        // that others write whole; each is read once, in the order in which the VRRP
        // programs read them.
        unsafe {
            let epoch = read_volatile(&raw const (*gate).epoch);
            let revoked_epoch = read_volatile(&raw const (*gate).revoked_epoch);
            let closed_epoch = read_volatile(&raw const (*gate).closed_epoch);
            let lease_end_ns = read_volatile(&raw const (*gate).lease_end_ns);
            Some(Gate {
                epoch,
                lease_end_ns,
                closed_epoch,
                revoked_epoch,
                ..Gate::default()
            })
        }
    }

    #[inline(always)]
    fn vip(&self, key: &VipKey) -> Option<Vip> {
        // SAFETY: an update replaces the record instead of writing into it.
        unsafe { XVRRP_VIPS.get(key) }.copied()
    }

    #[inline(always)]
    fn count(&self, cause: Cause) {
        let Some(counters) = XVRRP_LB_COUNT.get_ptr_mut(0) else {
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
    fn count_not_accepted(&self) {
        if let Some(counters) = XVRRP_COUNT.get_ptr_mut(0) {
            // SAFETY: this CPU's own.
            unsafe { (*counters).drop_not_accepted += 1 };
        }
    }

    #[inline(always)]
    fn service_at(&self, key: &ServiceKey) -> Option<u32> {
        // SAFETY: as in `vip`.
        unsafe { XVRRP_KEYS.get(key) }.copied()
    }

    #[inline(always)]
    fn service(&self, id: u32) -> Option<Service> {
        let service = XVRRP_SERVICES.get_ptr(id)?;
        // SAFETY: an array element lives as long as the map. Aligned words, each of which
        // is written whole and read once: a ring is named by one of them.
        unsafe {
            Some(Service {
                ring: read_volatile(&raw const (*service).ring),
                gate: read_volatile(&raw const (*service).gate),
                flags: read_volatile(&raw const (*service).flags),
                sticky_s: read_volatile(&raw const (*service).sticky_s),
                sticky_bits: read_volatile(&raw const (*service).sticky_bits),
                scheduler: read_volatile(&raw const (*service).scheduler),
                generation: read_volatile(&raw const (*service).generation),
                ..Service::default()
            })
        }
    }

    #[inline(always)]
    fn standing(&self, id: u32) -> Option<(u32, u32)> {
        let service = XVRRP_SERVICES.get_ptr(id)?;
        // SAFETY: as above.
        unsafe {
            Some((
                read_volatile(&raw const (*service).gate),
                read_volatile(&raw const (*service).flags),
            ))
        }
    }

    #[inline(always)]
    fn server(&self, id: u32) -> Option<Server> {
        let server = XVRRP_SERVERS.get_ptr(id)?;
        // SAFETY: as above. What is not read here is not asked for.
        unsafe {
            Some(Server {
                weight: read_volatile(&raw const (*server).weight),
                hop: read_volatile(&raw const (*server).hop),
                flags: read_volatile(&raw const (*server).flags),
                generation: read_volatile(&raw const (*server).generation),
                upper: (*server).upper,
                lower: (*server).lower,
                method: (*server).method,
                ..Server::default()
            })
        }
    }

    #[inline(always)]
    fn hop(&self, id: u32) -> Option<Hop> {
        let hop = XVRRP_HOPS.get_ptr(id)?;
        // SAFETY: as above; it is written before it is named.
        unsafe {
            Some(Hop {
                to: (*hop).to,
                vlan: (*hop).vlan,
                from: (*hop).from,
                pad: 0,
                ifindex: (*hop).ifindex,
                mtu: (*hop).mtu,
            })
        }
    }

    #[inline(always)]
    fn slot(&self, ring: u64, index: u32) -> u32 {
        xvrrp_lb_slot(ring, index)
    }

    #[inline(always)]
    fn rules(&self) -> u32 {
        // SAFETY: as above.
        XVRRP_RULES.get_ptr(0).map_or(0, |rules| unsafe {
            read_volatile(&raw const (*rules).flags)
        })
    }

    #[inline(always)]
    fn seed(&self) -> u32 {
        // SAFETY: as above.
        XVRRP_RULES.get_ptr(0).map_or(0, |rules| unsafe {
            read_volatile(&raw const (*rules).seed)
        })
    }

    #[inline(always)]
    fn timeout_ns(&self, state: u8) -> u64 {
        let Some(rules) = XVRRP_RULES.get_ptr(0) else {
            return 0;
        };
        let at = opaque(state as usize) & (STATES - 1);
        // SAFETY: within the record, which lives as long as the map.
        let timeout_s = unsafe { read_volatile(rules.cast::<u32>().add(at)) };
        timeout_s as u64 * 1_000_000_000
    }

    #[inline(always)]
    fn load(&self, server: u32) -> Option<Load> {
        let load = XVRRP_LOAD.get_ptr(server)?;
        // SAFETY: as above.
        unsafe {
            Some(Load {
                active: read_volatile(&raw const (*load).active),
                inactive: read_volatile(&raw const (*load).inactive),
                sticky: 0,
                overloaded: read_volatile(&raw const (*load).overloaded),
            })
        }
    }

    #[inline(always)]
    fn add_load(&self, server: u32, active: i64, inactive: i64, sticky: i64) {
        let Some(load) = XVRRP_LOAD.get_ptr_mut(server) else {
            return;
        };
        // SAFETY: aligned words of an element that lives as long as the map.
        unsafe {
            if active != 0 {
                atomic::fetch_add((&raw mut (*load).active).cast(), active.cast_unsigned());
            }
            if inactive != 0 {
                atomic::fetch_add((&raw mut (*load).inactive).cast(), inactive.cast_unsigned());
            }
            if sticky != 0 {
                atomic::fetch_add((&raw mut (*load).sticky).cast(), sticky.cast_unsigned());
            }
        }
    }

    #[inline(always)]
    fn set_overloaded(&self, server: u32, overloaded: bool) {
        if let Some(load) = XVRRP_LOAD.get_ptr_mut(server) {
            // SAFETY: as above.
            unsafe { write_volatile(&raw mut (*load).overloaded, overloaded as u64) };
        }
    }

    #[inline(always)]
    fn turn(&self, service: u32, by: u32) -> u64 {
        XVRRP_TURNS.get_ptr_mut(service).map_or(0, |turn| {
            // SAFETY: as above.
            unsafe { atomic::fetch_add(&raw mut (*turn).next, by as u64) }
        })
    }

    #[inline(always)]
    fn connection(&self, flow: &Flow) -> Option<Row> {
        XVRRP_CONNS.get_ptr_mut(flow.key()).map(Row)
    }

    #[inline(always)]
    fn enter(&self, flow: &Flow, new: &Connection) -> Entered {
        if XVRRP_CONNS
            .insert(flow.key(), new, BPF_NOEXIST as u64)
            .is_ok()
        {
            return Entered::New;
        }
        if XVRRP_CONNS.get_ptr(flow.key()).is_some() {
            Entered::Exists
        } else {
            Entered::Full
        }
    }

    #[inline(always)]
    fn sticky(&self, key: &StickyKey) -> Option<Sticky> {
        let sticky = XVRRP_STICKY.get_ptr(key)?;
        // SAFETY: an element of the map; as for connections.
        unsafe {
            Some(Sticky {
                last_ns: read_volatile(&raw const (*sticky).last_ns),
                server: read_volatile(&raw const (*sticky).server),
                generation: read_volatile(&raw const (*sticky).generation),
            })
        }
    }

    #[inline(always)]
    fn stick(&self, key: &StickyKey, sticky: &Sticky) -> bool {
        if let Some(known) = XVRRP_STICKY.get_ptr_mut(key) {
            // SAFETY: as above.
            unsafe {
                write_volatile(&raw mut (*known).server, sticky.server);
                write_volatile(&raw mut (*known).generation, sticky.generation);
                write_volatile(&raw mut (*known).last_ns, sticky.last_ns);
            }
            return true;
        }
        XVRRP_STICKY.insert(key, sticky, 0).is_ok()
    }

    #[inline(always)]
    fn fragment(&self, key: &FragmentKey) -> Option<Fragment> {
        let fragment = XVRRP_FRAGMENTS.get_ptr(key)?;
        // SAFETY: as above.
        unsafe {
            Some(Fragment {
                seen_ns: (*fragment).seen_ns,
                source_port: (*fragment).source_port,
                destination_port: (*fragment).destination_port,
                pad: 0,
            })
        }
    }

    #[inline(always)]
    fn remember(&self, key: &FragmentKey, fragment: &Fragment) {
        // Where there is no room the later ones are not known.
        let _ = XVRRP_FRAGMENTS.insert(key, fragment, 0);
    }

    #[inline(always)]
    fn choose(&self, _: &Service, id: u32, _: &Seen) -> u32 {
        xvrrp_lb_choose(id)
    }

    #[inline(always)]
    fn weight(&self, server: u32) -> u32 {
        xvrrp_lb_weight(server)
    }

    #[inline(always)]
    fn burden(&self, server: u32, algorithm: u8) -> u64 {
        xvrrp_lb_burden(server, algorithm as u32)
    }

    #[inline(always)]
    fn hashed(&self, _: &Service, id: u32, _: &Seen, on: u32) -> u32 {
        xvrrp_lb_hashed(id, on)
    }

    #[inline(always)]
    fn serve(&self, server: u32, connections: u32, octets: u32) {
        let Some(traffic) = XVRRP_TRAFFIC.get_ptr_mut(server) else {
            return;
        };
        // SAFETY: this CPU's own.
        unsafe {
            (*traffic).connections += connections as u64;
            (*traffic).packets_in += 1;
            (*traffic).bytes_in += octets as u64;
        }
    }
}

/// The loops over servers. A global function, because the verifier judges one by itself,
/// once, and not for every path that leads to it; what it is about is read again.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn xvrrp_lb_choose(service: u32) -> u32 {
    match (Kernel.service(service), work()) {
        (Some(record), Some(seen)) => schedule::choose(&Kernel, &record, service, seen),
        _ => 0,
    }
}

/// What the loops do is judged once as well, and not for each time they do it.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn xvrrp_lb_weight(server: u32) -> u32 {
    schedule::weight(&Kernel, server)
}

/// As above.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn xvrrp_lb_hashed(service: u32, on: u32) -> u32 {
    match (Kernel.service(service), work()) {
        (Some(record), Some(seen)) => schedule::slot(&Kernel, &record, seen, on),
        _ => 0,
    }
}

/// As above.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn xvrrp_lb_burden(server: u32, algorithm: u32) -> u64 {
    schedule::burden(&Kernel, server, algorithm as u8)
}

/// As above.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn xvrrp_lb_slot(ring: u64, index: u32) -> u32 {
    if index >= ring_slots(ring) {
        return 0;
    }
    let page = ring_page(ring).wrapping_add(index / PAGE_SLOTS as u32);
    let Some(page) = XVRRP_RINGS.get_ptr(page) else {
        return 0;
    };
    let at = opaque(index as usize) & (PAGE_SLOTS - 1);
    // SAFETY: within the page, which lives as long as the map.
    unsafe { read_volatile(page.cast::<u16>().add(at)) as u32 }
}
