//! A packet on its way to a server.

use super::{
    Frame, Verdict, drop_for,
    ledger::Ledger,
    seen::{FIRST, Seen, TOO_BIG, TTL, fragment_key},
};
use crate::{
    link::{HEADER_LEN, IPV4, IPV6, TAG_LEN},
    view::{ViewMut, be16, put},
};
use vrrp_common::{
    balance::{Cause, Fragment, Hop, SERVER_LOCAL, Server},
    maps::FAMILY_V4,
};

/// Ethertype of an 802.1Q tag.
const VLAN: u16 = 0x8100;
/// Priority and drop eligibility in a tag's control information.
const PRIORITY: u16 = 0xf000;

/// Forwards, or says why not. `cause` is counted of what leaves.
#[inline(always)]
pub fn judge<V: Frame, L: Ledger>(
    frame: &mut V,
    ledger: &L,
    seen: &mut Seen,
    server: &Server,
    cause: Cause,
    ifindex: u32,
) -> Verdict {
    if server.flags & SERVER_LOCAL != 0 {
        ledger.count(Cause::LeftToStack);
        return Verdict::Pass;
    }
    let hop = match server.hop {
        0 => None,
        id => ledger.hop(id),
    };
    let Some(hop) = hop else {
        return drop_for(ledger, Cause::DropUnresolved);
    };
    if hop.mtu != 0 && seen.length > hop.mtu {
        if seen.whole_only == 0 || seen.part > FIRST {
            return drop_for(ledger, Cause::DropTooBig);
        }
        seen.mtu = hop.mtu;
        seen.answer = TOO_BIG;
        return Verdict::Answer;
    }
    match live_on(frame, seen) {
        Life::GoesOn => {}
        Life::Ends if seen.part <= FIRST => {
            seen.answer = TTL;
            return Verdict::Answer;
        }
        Life::Ends => return drop_for(ledger, Cause::DropTtl),
        Life::Unreadable => return drop_for(ledger, Cause::DropMalformed),
    }
    if !readdress(frame, seen, &hop) {
        return drop_for(ledger, Cause::DropResize);
    }
    ledger.count(cause);
    seen.leaves_by = hop.ifindex;
    if hop.ifindex == ifindex {
        Verdict::Send
    } else {
        Verdict::Redirect
    }
}

/// Later fragments are to follow this first one.
#[inline(always)]
pub(super) fn remember<L: Ledger>(ledger: &L, seen: &Seen, now_ns: u64) {
    let fragment = Fragment {
        seen_ns: now_ns,
        source_port: seen.flow.source_port,
        destination_port: seen.flow.destination_port,
        pad: 0,
    };
    ledger.remember(&fragment_key(seen), &fragment);
}

enum Life {
    GoesOn,
    Ends,
    Unreadable,
}

/// One hop less to live.
#[inline(always)]
fn live_on<V: ViewMut>(frame: &mut V, seen: &Seen) -> Life {
    if seen.flow.family != FAMILY_V4 {
        let Some(header) = frame.window_mut::<40>(seen.network as usize) else {
            return Life::Unreadable;
        };
        if header[7] <= 1 {
            return Life::Ends;
        }
        header[7] -= 1;
        return Life::GoesOn;
    }
    let Some(header) = frame.window_mut::<20>(seen.network as usize) else {
        return Life::Unreadable;
    };
    if header[8] <= 1 {
        return Life::Ends;
    }
    // RFC 1624 §3, with m' = m - 0x0100.
    let sum = !be16(header, 10) as u32 + (!0x0100_u16) as u32;
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    header[8] -= 1;
    put(header, 10, sum.to_be_bytes());
    Life::GoesOn
}

/// A new link header, with or without a tag.
#[inline(always)]
fn readdress<V: Frame>(frame: &mut V, seen: &Seen, hop: &Hop) -> bool {
    let ethertype = if seen.flow.family == FAMILY_V4 {
        IPV4
    } else {
        IPV6
    };
    let was_tagged = seen.network as usize != HEADER_LEN;
    if hop.vlan == 0 {
        if was_tagged && !frame.grow_front(-(TAG_LEN as i32)) {
            return false;
        }
        let Some(header) = frame.window_mut::<HEADER_LEN>(0) else {
            return false;
        };
        put(header, 0, hop.to);
        put(header, 6, hop.from);
        put(header, 12, ethertype.to_be_bytes());
        return true;
    }
    let mut tag = (VLAN, hop.vlan);
    if was_tagged {
        let Some(old) = frame.window::<TAG_LEN>(HEADER_LEN - 2) else {
            return false;
        };
        tag = (be16(old, 0), be16(old, 2) & PRIORITY | hop.vlan);
    } else if !frame.grow_front(TAG_LEN as i32) {
        return false;
    }
    let Some(header) = frame.window_mut::<{ HEADER_LEN + TAG_LEN }>(0) else {
        return false;
    };
    put(header, 0, hop.to);
    put(header, 6, hop.from);
    put(header, 12, tag.0.to_be_bytes());
    put(header, 14, tag.1.to_be_bytes());
    put(header, 16, ethertype.to_be_bytes());
    true
}
