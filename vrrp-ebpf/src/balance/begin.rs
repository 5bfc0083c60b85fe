//! A packet of nobody's connection: whether it begins one, and with whom.

use super::{
    Frame, Verdict, drop_for, forward, known, leave,
    ledger::{Entered, Held, Ledger},
    open_at,
    seen::{FIRST, GONE, NO_SERVER, Seen, UNKNOWN, service_key},
    tcp,
};
use vrrp_common::{
    balance::{
        CONNECTION_ACTIVE, Cause, Connection, SERVER_LIVE, SERVER_LOCAL, SERVICE_LIVE,
        SERVICE_ONE_PACKET, SERVICE_SLOPPY, SERVICE_STICKY, Server, Service, Sticky, StickyKey,
        state,
    },
    wire::{IPPROTO_TCP, IPPROTO_UDP},
};

/// Judges a packet that [`known::judge`] has passed on.
#[inline(always)]
pub fn judge<V: Frame, L: Ledger>(
    frame: &mut V,
    ledger: &L,
    seen: &mut Seen,
    ifindex: u32,
) -> Verdict {
    let exact = service_key(&seen.flow, seen.flow.destination_port);
    let found = match ledger.service_at(&exact) {
        Some(id) => Some(id),
        None => ledger.service_at(&service_key(&seen.flow, 0)),
    };
    let Some(id) = found else {
        return leave(ledger, seen, ifindex, None);
    };
    let Some(service) = ledger.service(id) else {
        return leave(ledger, seen, ifindex, None);
    };
    if service.flags & SERVICE_LIVE == 0 {
        return leave(ledger, seen, ifindex, None);
    }
    let Some(now_ns) = open_at(ledger, service.gate) else {
        return drop_for(ledger, Cause::DropGateShut);
    };
    let is_tcp = seen.flow.protocol == IPPROTO_TCP;
    if seen.part > FIRST
        || (is_tcp && seen.tcp & tcp::SYN == 0 && service.flags & SERVICE_SLOPPY == 0)
    {
        return leave(ledger, seen, ifindex, Some(Cause::UnknownConnection));
    }
    let old = match seen.why {
        UNKNOWN => None,
        _ => ledger.connection(&seen.flow),
    };
    if let Some(old) = &old {
        known::forget(ledger, old);
    }
    let chosen = if service.flags & SERVICE_STICKY != 0 {
        stay(ledger, &service, id, seen, now_ns)
    } else {
        ledger.choose(&service, id, seen)
    };
    let server = match ledger.server(chosen) {
        Some(server) if chosen != 0 && server.flags & SERVER_LIVE != 0 => server,
        _ => {
            seen.answer = NO_SERVER;
            return Verdict::Answer;
        }
    };
    // Another try may meet another server, so no connection begins with this one.
    if server.hop == 0 && server.flags & SERVER_LOCAL == 0 {
        return drop_for(ledger, Cause::DropUnresolved);
    }
    if service.flags & SERVICE_ONE_PACKET == 0 || seen.flow.protocol != IPPROTO_UDP {
        record(ledger, seen, id, chosen, &server, old.as_ref(), now_ns);
    }
    if seen.part == FIRST {
        forward::remember(ledger, seen, now_ns);
    }
    ledger.serve(chosen, 1, seen.length);
    let cause = if seen.why == GONE {
        Cause::Rescheduled
    } else {
        Cause::Scheduled
    };
    forward::judge(frame, ledger, seen, &server, cause, ifindex)
}

/// Enters the connection, or puts it in the place of one that is over.
#[inline(always)]
fn record<L: Ledger>(
    ledger: &L,
    seen: &Seen,
    service: u32,
    chosen: u32,
    server: &Server,
    old: Option<&L::Held>,
    now_ns: u64,
) {
    let state = if seen.flow.protocol == IPPROTO_TCP {
        tcp::next(state::NONE, seen.tcp, known::side(server))
    } else {
        state::UDP
    };
    let active = tcp::is_active(state);
    let connection = Connection {
        last_ns: now_ns,
        server: chosen as u16,
        service: service as u16,
        generation: server.generation,
        state,
        flags: if active { CONNECTION_ACTIVE } else { 0 },
        pad: [0; 6],
    };
    let entered = if let Some(old) = old {
        old.replace(&connection);
        Entered::New
    } else {
        ledger.enter(&seen.flow, &connection)
    };
    match entered {
        Entered::New => {}
        // It is counted by whoever was faster.
        Entered::Exists => return,
        Entered::Full => {
            ledger.count(Cause::ConnectionTableFull);
            return;
        }
    }
    if active {
        ledger.add_load(chosen, 1, 0, 0);
    } else {
        ledger.add_load(chosen, 0, 1, 0);
    }
    if server.upper != 0
        && let Some(load) = ledger.load(chosen)
        && load.active + load.inactive >= server.upper as i64
    {
        ledger.set_overloaded(chosen, true);
    }
}

/// The server the client stays with, or one for it to stay with from now on. As with
/// IPVS one that is to take nobody new keeps those that stay with it.
#[inline(always)]
fn stay<L: Ledger>(ledger: &L, service: &Service, id: u32, seen: &Seen, now_ns: u64) -> u32 {
    let key = StickyKey {
        client: seen.flow.source.leading(service.sticky_bits).octets(),
        service: id,
        generation: service.generation,
    };
    let before = ledger.sticky(&key);
    if let Some(before) = before {
        let idle_ns = now_ns.saturating_sub(before.last_ns);
        if let Some(server) = ledger.server(before.server)
            && server.flags & SERVER_LIVE != 0
            && server.generation == before.generation
        {
            if idle_ns < service.sticky_s as u64 * 1_000_000_000 {
                let again = Sticky {
                    last_ns: now_ns,
                    ..before
                };
                ledger.stick(&key, &again);
                return before.server;
            }
            ledger.add_load(before.server, 0, 0, -1);
        }
    }
    let chosen = ledger.choose(service, id, seen);
    if chosen == 0 {
        return 0;
    }
    let Some(server) = ledger.server(chosen) else {
        return 0;
    };
    let sticky = Sticky {
        last_ns: now_ns,
        server: chosen,
        generation: server.generation,
    };
    if ledger.stick(&key, &sticky) {
        ledger.add_load(chosen, 0, 0, 1);
    }
    chosen
}
