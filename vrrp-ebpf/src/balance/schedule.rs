//! Which server takes a new connection.
//!
//! | `lb_algo` | by |
//! |---|---|
//! | `rr`, `wrr` | the next slot of a ring that all CPUs share |
//! | `sh`, `dh`, `mh`, `maglev` | a slot of a ring by a hash |
//! | `lc`, `wlc`, `sed`, `nq`, `fo`, `ovf` | comparing all, or two of more than 64 |
//! | `twos` | comparing two |
//!
//! `lblc` and `lblcr` choose as `wlc` does, which is what IPVS does for a destination
//! that it has no record of.

use core::num::{NonZeroU32, NonZeroU64};

use super::{hash, ledger::Ledger, seen::Seen};
use crate::view::opaque;
use vrrp_common::balance::{
    MAX_SCAN, SERVER_LIVE, SERVICE_EMPTY, SERVICE_FALLBACK, SERVICE_HASH_PORT, Service, ring_slots,
    scheduler,
};

/// How many slots are looked at for one whose server takes connections.
const MAX_LOOKS: u32 = 256;

/// How many servers are drawn for two that take connections.
const MAX_DRAWS: u32 = 64;

/// A server's id; 0: nobody takes it.
#[inline(always)]
pub fn choose<L: Ledger>(ledger: &L, service: &Service, id: u32, seen: &Seen) -> u32 {
    let Some(slots) = NonZeroU32::new(ring_slots(service.ring)) else {
        return 0;
    };
    if service.flags & SERVICE_EMPTY != 0 {
        return 0;
    }
    let algorithm = service.scheduler as u8;
    match algorithm {
        scheduler::RR | scheduler::WRR => in_turn(ledger, service, id, slots),
        scheduler::SH | scheduler::DH | scheduler::MH | scheduler::MAGLEV => {
            by_hash(ledger, service, id, slots, seen)
        }
        scheduler::TWOS => of_two(ledger, service, slots, scheduler::WLC),
        _ if slots.get() as usize > MAX_SCAN => of_two(ledger, service, slots, algorithm),
        _ => of_all(ledger, service, slots, algorithm),
    }
}

/// There are no more slots. Apart from the loop's own bound: made one, the two would be
/// a number that older verifiers do not know a bound of.
#[inline(always)]
fn is_end(at: u32, slots: NonZeroU32) -> bool {
    at >= opaque(slots.get() as usize) as u32
}

/// The weight of a server that takes new connections; 0: it does not.
#[inline(always)]
pub fn weight<L: Ledger>(ledger: &L, id: u32) -> u32 {
    if id == 0 {
        return 0;
    }
    let Some(server) = ledger.server(id) else {
        return 0;
    };
    if server.flags & SERVER_LIVE == 0 {
        return 0;
    }
    if server.upper != 0 && ledger.load(id).is_none_or(|load| load.overloaded != 0) {
        return 0;
    }
    server.weight
}

/// From where the last one stopped: who is passed over is not waited for.
#[inline(always)]
fn in_turn<L: Ledger>(ledger: &L, service: &Service, id: u32, slots: NonZeroU32) -> u32 {
    let first = (ledger.turn(id, 1) % NonZeroU64::from(slots)) as u32;
    for passed in 0..MAX_LOOKS {
        if is_end(passed, slots) {
            break;
        }
        // Not counted on and set back: the verifier would follow each way it could go.
        let server = ledger.slot(service.ring, first.wrapping_add(passed) % slots);
        if ledger.weight(server) != 0 {
            if passed != 0 {
                ledger.turn(id, passed);
            }
            return server;
        }
    }
    0
}

/// The slot a hash says, so far on in the search for one whose server takes connections.
#[inline(always)]
pub fn slot<L: Ledger>(ledger: &L, service: &Service, seen: &Seen, on: u32) -> u32 {
    let Some(slots) = NonZeroU32::new(ring_slots(service.ring)) else {
        return 0;
    };
    let algorithm = service.scheduler as u8;
    let address = if algorithm == scheduler::DH {
        seen.flow.destination
    } else {
        seen.flow.source
    };
    let port = if service.flags & SERVICE_HASH_PORT != 0 {
        seen.flow.source_port
    } else {
        0
    };
    match algorithm {
        scheduler::MH => hash::mh(address, port, on) % slots,
        scheduler::MAGLEV => {
            (hash::maglev(address, port, ledger.seed()) % slots).wrapping_add(on) % slots
        }
        _ => hash::table(address, port, on) % slots,
    }
}

#[inline(always)]
fn by_hash<L: Ledger>(
    ledger: &L,
    service: &Service,
    id: u32,
    slots: NonZeroU32,
    seen: &Seen,
) -> u32 {
    let first = ledger.hashed(service, id, seen, 0);
    let server = ledger.slot(service.ring, first);
    if ledger.weight(server) != 0 {
        return server;
    }
    let is_maglev = service.scheduler == scheduler::MAGLEV as u32;
    if server == 0 || (service.flags & SERVICE_FALLBACK == 0 && !is_maglev) {
        return 0;
    }
    // IPVS goes on from the slot it was at; a Maglev table is as good one by one.
    let from = if is_maglev { 0 } else { first };
    for on in 0..MAX_LOOKS {
        if is_end(on, slots) {
            break;
        }
        let next = ledger.hashed(service, id, seen, from.wrapping_add(on) % slots);
        let server = ledger.slot(service.ring, next);
        if ledger.weight(server) != 0 {
            return server;
        }
    }
    0
}

/// How much a server has to do, in the upper half, and how much it is for, in the lower:
/// the less of the one for the other, the better. For nothing: not this one.
#[inline(always)]
pub fn burden<L: Ledger>(ledger: &L, id: u32, algorithm: u8) -> u64 {
    let weight = ledger.weight(id) as u64;
    if weight == 0 {
        return 0;
    }
    let Some(load) = ledger.load(id) else {
        return 0;
    };
    // A recount and a packet may cross.
    let (active, inactive) = (
        load.active.max(0).cast_unsigned(),
        load.inactive.max(0).cast_unsigned(),
    );
    let (load, weight) = match algorithm {
        scheduler::LC => (active * 256 + inactive, 1),
        scheduler::SED => (active + 1, weight),
        // One that is idle is better than any that is not.
        scheduler::NQ => (if active == 0 { 0 } else { active + 1 }, weight),
        scheduler::FO => (1, weight),
        scheduler::OVF => (1, if active > weight { 0 } else { weight }),
        _ => (active * 256 + inactive, weight),
    };
    load.min(u32::MAX as u64) << 32 | weight
}

/// The better of what [`burden`] says, the first if they are alike.
#[inline(always)]
const fn is_better(one: u64, than: u64) -> bool {
    let (load, weight) = (one >> 32, one & u32::MAX as u64);
    let (least, best_weight) = (than >> 32, than & u32::MAX as u64);
    weight != 0 && (best_weight == 0 || least * weight > load * best_weight)
}

/// The first of the best.
#[inline(always)]
fn of_all<L: Ledger>(ledger: &L, service: &Service, slots: NonZeroU32, algorithm: u8) -> u32 {
    let (mut best, mut least) = (0, 0);
    for at in 0..MAX_SCAN as u32 {
        if is_end(at, slots) {
            break;
        }
        let id = ledger.slot(service.ring, at);
        let burden = ledger.burden(id, algorithm);
        if is_better(burden, least) {
            (best, least) = (id, burden);
        }
    }
    best
}

/// The better of two anyhow chosen ones; whoever takes connections, if one does not.
#[inline(always)]
fn of_two<L: Ledger>(ledger: &L, service: &Service, slots: NonZeroU32, algorithm: u8) -> u32 {
    let (mut best, mut least, mut seen) = (0, 0, 0);
    for _ in 0..MAX_DRAWS {
        let id = ledger.slot(service.ring, ledger.random() % slots);
        let burden = ledger.burden(id, algorithm);
        if burden as u32 == 0 {
            continue;
        }
        if is_better(burden, least) {
            (best, least) = (id, burden);
        }
        seen += 1;
        if seen == 2 {
            break;
        }
    }
    best
}
