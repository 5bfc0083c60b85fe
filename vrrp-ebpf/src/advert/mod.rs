//! A VRRP packet: stamped and passed, or counted and dropped.
//!
//! The checks stand in the order of cost and of sense: whose packet it is, what
//! the kernel's IP layer would have refused, then the message itself.

mod envelope;
mod message;
mod record;

use crate::{
    address::Address,
    checksum,
    link::{self, Link},
    tables::{Limit, Tables},
    view::{View, be16},
};
use envelope::Envelope;
use vrrp_common::{
    counter::Cause,
    event::{Event, KIND_REJECTED},
    maps::{CAST_UNICAST, PeerKey, VR_CHECK_UNICAST_SOURCE, VirtualRouter},
    wire::ADVERT_HEADER_LEN,
};

pub use envelope::{Found, locate_v4, locate_v6};

/// What becomes of a packet of protocol 112.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// None of our virtual routers: treat it like any other packet.
    NotOurs,
    /// Valid, and stamped.
    Accepted,
    /// Counted; it must not reach the stack.
    Rejected,
}

/// "More fragments" (RFC 791 §3.1).
const MORE_FRAGMENTS: u16 = 0x2000;

/// Judges an IPv4 packet of protocol 112.
#[inline(never)]
pub fn receive_v4<V: View, T: Tables>(
    frame: &V,
    tables: &T,
    link: &Link,
    ifindex: u32,
) -> Outcome {
    receive(frame, tables, &locate_v4(frame, link, ifindex), |envelope| {
        let header = frame.window::<20>(link.payload).ok_or(Cause::DropTruncated)?;
        if be16(header, 6) & MORE_FRAGMENTS != 0 {
            return Err(Cause::DropFragment);
        }
        let (total_len, header_len) = (be16(header, 2) as usize, envelope.message - link.payload);
        if total_len < header_len + ADVERT_HEADER_LEN {
            return Err(Cause::DropIpHeader);
        }
        if !frame.holds(link.payload, total_len) {
            return Err(Cause::DropTruncated);
        }
        let sum = checksum::of(frame, link.payload, header_len);
        if !sum.ok_or(Cause::DropTruncated)?.is_valid() {
            return Err(Cause::DropIpChecksum);
        }
        if envelope.source.is_martian_v4() {
            return Err(Cause::DropSource);
        }
        Ok(total_len - header_len)
    })
}

/// Judges an IPv6 packet whose first next header is 112. One behind extension
/// headers is none of ours: RFC 9568 has none.
#[inline(never)]
pub fn receive_v6<V: View, T: Tables>(
    frame: &V,
    tables: &T,
    link: &Link,
    ifindex: u32,
) -> Outcome {
    receive(frame, tables, &locate_v6(frame, link, ifindex), |envelope| {
        let header = frame.window::<40>(link.payload).ok_or(Cause::DropTruncated)?;
        let len = be16(header, 4) as usize;
        if len < ADVERT_HEADER_LEN {
            return Err(Cause::DropIpHeader);
        }
        if !frame.holds(envelope.message, len) {
            return Err(Cause::DropTruncated);
        }
        if envelope.source.is_martian_v6() {
            return Err(Cause::DropSource);
        }
        Ok(len)
    })
}

/// `check_ip` makes the checks of one family and gives the message's length.
#[inline(always)]
fn receive<V: View, T: Tables>(
    frame: &V,
    tables: &T,
    found: &Found,
    check_ip: impl FnOnce(&Envelope) -> Result<usize, Cause>,
) -> Outcome {
    let envelope = match found {
        Found::Nothing => return Outcome::NotOurs,
        Found::Broken(envelope, cause) => return reject(frame, tables, envelope, *cause),
        Found::Advert(envelope) => envelope,
    };
    let Some(router) = tables.router(&envelope.vr) else {
        tables.count(Cause::AdvertUnknownVrid);
        return Outcome::NotOurs;
    };
    // Somebody else's unicast on its way through, or a peer that was told
    // another address of ours: seen, but not for this virtual router.
    if envelope.vr.cast == CAST_UNICAST
        && envelope.destination != Address::from_octets(&router.own_address)
    {
        tables.count(Cause::AdvertNotForUs);
        return Outcome::NotOurs;
    }
    let judged = check_ip(envelope)
        .and_then(|len| {
            check_origin(frame, tables, &router, envelope)?;
            Ok(len)
        })
        .and_then(|len| message::check(frame, &router, envelope, len));
    match judged {
        Ok(message) => record::accept(frame, tables, &router, envelope, &message),
        Err(cause) => return reject(frame, tables, envelope, cause),
    }
    Outcome::Accepted
}

/// Who sent it, how far away, and to which station.
#[inline(always)]
fn check_origin<V: View, T: Tables>(
    frame: &V,
    tables: &T,
    router: &VirtualRouter,
    envelope: &Envelope,
) -> Result<(), Cause> {
    if envelope.source == Address::from_octets(&router.own_address) {
        return Err(Cause::DropOwnSource);
    }
    let station = link::destination(frame).ok_or(Cause::DropTruncated)?;
    if !envelope.fits_station(station) {
        return Err(Cause::DropDestination);
    }
    let (mut min_ttl, mut max_ttl) = (router.min_ttl, router.max_ttl);
    if envelope.vr.cast == CAST_UNICAST {
        let key = PeerKey { vr: envelope.vr, source: envelope.source.octets() };
        match tables.unicast_peer(&key) {
            Some(peer) => (min_ttl, max_ttl) = (peer.min_ttl, peer.max_ttl),
            None if router.flags & VR_CHECK_UNICAST_SOURCE != 0 => {
                return Err(Cause::DropNotAPeer);
            }
            None => {}
        }
    }
    // RFC 9568 §5.1.1.3, and RFC 5082 §3 for unicast.
    if envelope.ttl < min_ttl || envelope.ttl > max_ttl {
        return Err(Cause::DropTtl);
    }
    Ok(())
}

#[inline(never)]
fn reject<V: View, T: Tables>(
    frame: &V,
    tables: &T,
    envelope: &Envelope,
    cause: Cause,
) -> Outcome {
    tables.count(cause);
    let now_ns = tables.now_ns();
    if tables.take_turn(Limit::Rejected, now_ns) {
        tables.tell(|| Event {
            at_ns: now_ns,
            kind: KIND_REJECTED,
            vr: envelope.vr,
            cause: cause as u32,
            source: envelope.source.octets(),
            priority: envelope.priority,
            version: envelope.version,
            ttl: envelope.ttl,
            mac: link::source(frame).unwrap_or([0; 6]),
            ..Event::default()
        });
    }
    Outcome::Rejected
}
