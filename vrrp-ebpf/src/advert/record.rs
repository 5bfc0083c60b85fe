//! What an accepted advert leaves behind: a stamp, and an event if it is news.
//!
//! Whoever sends valid adverts at any rate must not decide how often userspace
//! wakes. So news that changes nothing is held back: a loser that repeats itself is
//! told of once in 10 ms ([`PEER_SPACING_NS`](vrrp_common::maps::PEER_SPACING_NS)),
//! and repetitions and new or unrecorded losers together at most
//! [`LOSERS_IN_WINDOW`](vrrp_common::maps::LOSERS_IN_WINDOW) times a second and CPU.
//! Never held back is what the daemon must act on at once: an advert that beats us,
//! whoever sends it, and every change of a known peer, its resignation included.
//!
//! Why that makes neither two owners nor a missed takeover:
//!
//! * What shuts a gate is done here, in [`lease::meet`], before anything is told.
//! * The stamp is written before anything is held back. The daemon obeys no deadline
//!   that claims, confirms or backs off before it has read the stamps of all sources
//!   it knows again, so of a repetition (`event_spared`) it misses nothing.
//! * A new source held back (`event_deferred`) has a stamp and is not known. Like
//!   news that was lost, its count makes the daemon read the whole map, before the
//!   next such deadline and within a second: it is known from then on.
//! * A source without a record (`peer_table_full`) is found nowhere else. Held back
//!   it is a loser: if it owns and we time out, our claim beats it in its kernel
//!   before our gate opens, as it would have if we had preempted it.

use super::{envelope::Envelope, message::Message};
use crate::{
    lease::{self, Encounter},
    link,
    tables::{Stamp, TURN, Tables},
    view::View,
};
use vrrp_common::{
    counter::Cause,
    event::{
        Event, KIND_ADVERT, NEWS_ADDRESSES, NEWS_FORM, NEWS_INTERVAL, NEWS_PEER, NEWS_PRIORITY,
        NEWS_RESIGN, NEWS_REVOKED, NEWS_UNRECORDED, NEWS_WHILE_CLAIMED,
    },
    maps::{CHECKSUM_PLAIN, FAMILY_V4, PEER_SPACING_NS, Peer, PeerKey, VirtualRouter},
    wire::PRIORITY_RESIGN,
};

/// What may be worth a diagnostic, which the caller makes: the stack is used up
/// here. In one register for the same reason.
#[derive(Clone, Copy)]
pub(super) struct Aftermath(u64);

impl Aftermath {
    const REVOKED: u64 = 1 << 0;
    const UNTOLD: u64 = 1 << 1;
    const LEFT: u32 = 2;

    #[inline(always)]
    const fn new(met: &Encounter, untold: bool) -> Self {
        let revoked = if met.revoked { Self::REVOKED } else { 0 };
        let untold = if untold { Self::UNTOLD } else { 0 };
        Self(((met.left_ns / 1000) << Self::LEFT) | untold | revoked)
    }

    /// The advert beat our claim.
    #[inline(always)]
    pub(super) const fn revoked(self) -> bool {
        self.0 & Self::REVOKED != 0
    }

    /// It was news, and the ring buffer had no room for it.
    #[inline(always)]
    pub(super) const fn untold(self) -> bool {
        self.0 & Self::UNTOLD != 0
    }

    /// What was left of the lease that was revoked.
    #[inline(always)]
    pub(super) const fn left_us(self) -> u64 {
        self.0 >> Self::LEFT
    }
}

/// Stamps the peer, shuts our gate if the advert wins, and tells what is new.
#[inline(never)]
pub(super) fn accept<V: View, T: Tables>(
    frame: &V,
    tables: &T,
    router: &VirtualRouter,
    envelope: &Envelope,
    message: &Message,
) -> Aftermath {
    count(tables, envelope, message);
    let now_ns = tables.now_ns();
    let heard = Peer {
        last_seen_ns: now_ns,
        first_seen_ns: now_ns,
        adverts: 0,
        turn_ns: now_ns,
        interval_cs: message.interval_cs,
        priority: message.priority,
        version: message.version,
        ttl: envelope.ttl,
        checksum_form: message.checksum_form,
        mac: link::source(frame).unwrap_or([0; 6]),
        address_count: message.address_count,
        addresses_differ: u8::from(message.addresses_differ),
    };
    let key = PeerKey {
        vr: envelope.vr,
        source: envelope.source.octets(),
    };
    // The stamp first, then the gate: see `lease::meet`.
    let stamp = tables.stamp(&key, &heard, |before| changes(before, &heard));
    let mut news = match stamp {
        Stamp::Known(changes) => changes & !TURN,
        Stamp::New => NEWS_PEER,
        // News every time, because nothing else will tell of it.
        Stamp::Full => {
            tables.count(Cause::PeerTableFull);
            NEWS_UNRECORDED
        }
    };
    if !matches!(stamp, Stamp::Known(_)) && message.addresses_differ {
        news |= NEWS_ADDRESSES;
    }
    if message.priority == PRIORITY_RESIGN {
        news |= NEWS_RESIGN;
    }

    let met = lease::meet(tables, router, message.priority, envelope.source, now_ns);
    if met.epoch != 0 {
        news |= NEWS_WHILE_CLAIMED;
    }
    if met.revoked {
        tables.count(Cause::GateRevoked);
        news |= NEWS_REVOKED;
    }
    if news == 0 {
        return Aftermath::new(&met, false);
    }
    // Nothing else changes: a repetition, or somebody new.
    let changed = matches!(stamp, Stamp::Known(_)) && news & CHANGES != 0;
    if !changed
        && !met.revoked
        && !lease::is_beaten(router, message.priority, envelope.source)
        && let Some(held) = hold_back(tables, stamp, now_ns)
    {
        tables.count(held);
        return Aftermath::new(&met, false);
    }
    let told = tables.tell(|| Event {
        at_ns: now_ns,
        epoch: met.epoch,
        kind: KIND_ADVERT,
        news,
        vr: envelope.vr,
        source: key.source,
        address: key.source,
        interval_cs: heard.interval_cs,
        priority: heard.priority,
        version: heard.version,
        checksum_form: heard.checksum_form,
        ttl: heard.ttl,
        mac: heard.mac,
        ..Event::default()
    });
    Aftermath::new(&met, !told)
}

/// What a known peer changes.
const CHANGES: u32 = NEWS_PRIORITY | NEWS_INTERVAL | NEWS_FORM | NEWS_ADDRESSES;

/// What counts an advert that changes nothing and loses, unless it may be told of.
#[inline(always)]
fn hold_back<T: Tables>(tables: &T, stamp: Stamp, now_ns: u64) -> Option<Cause> {
    let has_turn = match stamp {
        Stamp::Known(found) => found & TURN != 0,
        Stamp::New | Stamp::Full => true,
    };
    if has_turn && tables.limits(|limits| limits.tell_loser(now_ns)) == Some(true) {
        return None;
    }
    Some(match stamp {
        Stamp::New => Cause::EventDeferred,
        Stamp::Known(_) | Stamp::Full => Cause::EventSpared,
    })
}

#[inline(always)]
fn count<T: Tables>(tables: &T, envelope: &Envelope, message: &Message) {
    tables.count(Cause::AdvertAccepted);
    if envelope.vr.family == FAMILY_V4 && message.version == 3 {
        tables.count(if message.checksum_form == CHECKSUM_PLAIN {
            Cause::AdvertChecksumPlain
        } else {
            Cause::AdvertChecksumPseudo
        });
    }
    if message.first_is_global {
        tables.count(Cause::AdvertFirstAddressGlobal);
    }
    if message.addresses_differ {
        tables.count(Cause::AdvertAddressesDiffer);
    }
}

/// What an advert says that its sender's last one did not, and whether it has a turn
/// if that is nothing.
#[inline(always)]
fn changes(before: &Peer, heard: &Peer) -> u32 {
    let mut news = 0;
    if heard.last_seen_ns.saturating_sub(before.turn_ns) >= PEER_SPACING_NS {
        news |= TURN;
    }
    if before.priority != heard.priority {
        news |= NEWS_PRIORITY;
    }
    if before.interval_cs != heard.interval_cs {
        news |= NEWS_INTERVAL;
    }
    if before.version != heard.version || before.checksum_form != heard.checksum_form {
        news |= NEWS_FORM;
    }
    if before.addresses_differ == 0 && heard.addresses_differ != 0 {
        news |= NEWS_ADDRESSES;
    }
    news
}
