//! A packet, and the connection it belongs to.

use super::{
    Frame, Verdict, drop_for, forward, leave,
    ledger::{Held, Ledger},
    open_at,
    parse::{self, Look},
    seen::{ERROR, FIRST, GONE, LATER, OVER, RESET, Seen, UNKNOWN, WHOLE, fragment_key},
    tcp::{self, Side},
};
use crate::link::{self, Link};
use vrrp_common::{
    balance::{
        CONNECTION_ACTIVE, CONNECTION_UNCOUNTED, Cause, Connection, METHOD_NAT, RULES_RESET_GONE,
        SERVER_LIVE, SERVICE_STICKY, Server, state,
    },
    wire::IPPROTO_TCP,
};

/// Later fragments follow their first for so long: what hosts wait for the rest of a
/// packet (RFC 791 §3.2, RFC 8200 §4.5), and more is somebody else's identification.
const FRAGMENT_LIFE_NS: u64 = 60_000_000_000;

/// Judges a packet that was handed over. `seen` need not be in any state.
#[inline(always)]
pub fn judge<V: Frame, L: Ledger>(
    frame: &mut V,
    ledger: &L,
    seen: &mut Seen,
    ifindex: u32,
    family: u8,
) -> Verdict {
    let Some(link) = Link::read(frame, None) else {
        return Verdict::Pass;
    };
    // Somebody's broadcast is no reason to send anything on.
    if link::is_to_group(frame) {
        return Verdict::Pass;
    }
    seen.network = link.payload as u32;
    seen.vlan = link.vlan;
    seen.why = UNKNOWN;
    seen.tcp = 0;
    match parse::read(frame, family, seen) {
        Look::Read => {}
        Look::Other => return leave(ledger, seen, ifindex, None),
        Look::Malformed => return drop_for(ledger, Cause::DropMalformed),
    }
    if seen.part == LATER {
        let Some(first) = ledger.fragment(&fragment_key(seen)) else {
            return leave(ledger, seen, ifindex, Some(Cause::UnknownFragment));
        };
        if ledger.coarse_ns().saturating_sub(first.seen_ns) > FRAGMENT_LIFE_NS {
            return leave(ledger, seen, ifindex, Some(Cause::UnknownFragment));
        }
        seen.flow.source_port = first.source_port;
        seen.flow.destination_port = first.destination_port;
    }
    let Some(held) = ledger.connection(&seen.flow) else {
        return Verdict::Begin;
    };
    follow(frame, ledger, seen, ifindex, &held)
}

#[inline(always)]
fn follow<V: Frame, L: Ledger>(
    frame: &mut V,
    ledger: &L,
    seen: &mut Seen,
    ifindex: u32,
    held: &L::Held,
) -> Verdict {
    let connection = held.read();
    let Some((gate, flags)) = ledger.standing(connection.service as u32) else {
        return Verdict::Begin;
    };
    let Some(now_ns) = open_at(ledger, gate) else {
        return drop_for(ledger, Cause::DropGateShut);
    };
    let idle_ns = now_ns.saturating_sub(connection.last_ns);
    if idle_ns >= ledger.timeout_ns(connection.state) {
        seen.why = OVER;
        return Verdict::Begin;
    }
    let Some(server) = alive(ledger, &connection) else {
        return gone(ledger, seen);
    };
    if seen.part <= FIRST {
        if seen.flow.protocol == IPPROTO_TCP {
            if seen.tcp & tcp::SYN != 0
                && matches!(connection.state, state::TIME_WAIT | state::CLOSE)
                && flags & SERVICE_STICKY == 0
            {
                seen.why = OVER;
                return Verdict::Begin;
            }
            let side = side(&server);
            let then = tcp::next(connection.state, seen.tcp, side);
            if then != connection.state {
                turn(ledger, held, &connection, then);
            }
        }
        held.touch(now_ns);
    }
    if seen.part == FIRST {
        forward::remember(ledger, seen, now_ns);
    }
    ledger.serve(connection.server as u32, 0, seen.length);
    let cause = match seen.part {
        WHOLE | FIRST => Cause::Forwarded,
        ERROR => Cause::IcmpForwarded,
        _ => Cause::FragmentForwarded,
    };
    forward::judge(frame, ledger, seen, &server, cause, ifindex)
}

/// Who is heard of a connection to this server, beside the client.
#[inline(always)]
pub(super) const fn side(server: &Server) -> Side {
    if server.method == METHOD_NAT {
        Side::Client
    } else {
        Side::ClientOnly
    }
}

/// The server of a connection, if it is still the one it was made with.
#[inline(always)]
fn alive<L: Ledger>(ledger: &L, connection: &Connection) -> Option<Server> {
    let server = ledger.server(connection.server as u32)?;
    if server.flags & SERVER_LIVE != 0 && server.generation == connection.generation {
        Some(server)
    } else {
        None
    }
}

#[inline(always)]
fn gone<L: Ledger>(ledger: &L, seen: &mut Seen) -> Verdict {
    if ledger.rules() & RULES_RESET_GONE == 0 || seen.part > FIRST {
        return drop_for(ledger, Cause::DropServerGone);
    }
    if seen.flow.protocol == IPPROTO_TCP && seen.tcp & tcp::SYN == 0 {
        seen.answer = RESET;
        return Verdict::Answer;
    }
    seen.why = GONE;
    Verdict::Begin
}

/// Takes a connection to another state, and its server's counts with it.
#[inline(always)]
fn turn<L: Ledger>(ledger: &L, held: &L::Held, connection: &Connection, then: u8) {
    let is = tcp::is_active(then);
    let flags = if is {
        connection.flags | CONNECTION_ACTIVE
    } else {
        connection.flags & !CONNECTION_ACTIVE
    };
    if !held.turn(connection, then, flags) {
        // Another CPU has had a say: the next packet finds what it said.
        return;
    }
    let was = connection.flags & CONNECTION_ACTIVE != 0;
    if was != is && connection.flags & CONNECTION_UNCOUNTED == 0 {
        let active = if is { 1 } else { -1 };
        ledger.add_load(connection.server as u32, active, -active, 0);
    }
}

/// A connection that is over counts no more, once.
#[inline(always)]
pub(super) fn forget<L: Ledger>(ledger: &L, held: &L::Held) {
    let connection = held.read();
    if connection.flags & CONNECTION_UNCOUNTED != 0
        || !held.turn(
            &connection,
            connection.state,
            connection.flags | CONNECTION_UNCOUNTED,
        )
    {
        return;
    }
    let Some(server) = alive(ledger, &connection) else {
        return;
    };
    let id = connection.server as u32;
    if connection.flags & CONNECTION_ACTIVE != 0 {
        ledger.add_load(id, -1, 0, 0);
    } else {
        ledger.add_load(id, 0, -1, 0);
    }
    if let Some(load) = ledger.load(id)
        && load.overloaded != 0
        && takes_again(&server, load.active + load.inactive)
    {
        ledger.set_overloaded(id, false);
    }
}

/// A server that had too many connections takes new ones again.
#[inline(always)]
fn takes_again(server: &Server, connections: i64) -> bool {
    if server.lower != 0 {
        connections < server.lower as i64
    } else {
        connections * 4 < server.upper as i64 * 3
    }
}
