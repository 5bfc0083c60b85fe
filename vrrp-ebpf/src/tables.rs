//! The maps and the clock, as the decisions see them.

use crate::diagnostic::Diagnostic;
use core::ops::Deref;
use vrrp_common::{
    counter::Cause,
    event::Event,
    gate::Gate,
    maps::{Peer, PeerKey, UnicastPeer, Vip, VipKey, VirtualRouter, VrKey},
};

/// A kind of event that strangers can cause at any rate, and that is therefore
/// told of at most once every [`EVENT_SPACING_NS`](vrrp_common::maps::EVENT_SPACING_NS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// A rejected packet.
    Rejected,
    /// Somebody else claims an address of ours.
    Conflict,
    /// A diagnostic that says so ([`Diagnostic::limit`]).
    Explained,
}

/// What became of a peer's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// There was none; there is one now.
    New,
    /// There was one; these are the `NEWS_*` bits of what changed in it.
    Known(u32),
    /// There is no room for one.
    Full,
}

/// Everything a decision may ask or change. No method can open a gate.
pub trait Tables {
    /// A record of `XVRRP_ROUTERS`.
    type Router: Deref<Target = VirtualRouter>;

    /// `CLOCK_MONOTONIC`, in nanoseconds.
    fn now_ns(&self) -> u64;
    /// The virtual router, if it is configured here.
    fn router(&self, key: &VrKey) -> Option<Self::Router>;
    /// The configured unicast peer.
    fn unicast_peer(&self, key: &PeerKey) -> Option<UnicastPeer>;
    /// The virtual address, if it is managed here.
    fn vip(&self, key: &VipKey) -> Option<Vip>;
    /// A gate as it is now: its epoch read first and its lease last, because the
    /// transmit thread ends the old lease before it starts an epoch.
    fn gate(&self, index: u32) -> Option<Gate>;
    /// Takes back claims up to `epoch`; never gives back a later revocation.
    fn revoke(&self, index: u32, epoch: u64, at_ns: u64, by_priority: u8);
    /// Writes what was heard from a peer: `last_seen_ns` after the rest, so that
    /// a fresh stamp never stands beside stale values, and a full barrier after
    /// that, so that a later [`gate`](Self::gate) is as new as the stamp. Keeps
    /// `first_seen_ns` and counts `adverts` itself. `compare` sees what was there.
    fn stamp(&self, key: &PeerKey, heard: &Peer, compare: impl FnOnce(&Peer) -> u32) -> Stamp;
    /// Counts one packet.
    fn count(&self, cause: Cause);
    /// Pushes an event, or counts [`Cause::EventLost`] and is false if there is no room.
    fn tell(&self, event: impl FnOnce() -> Event) -> bool;
    /// Diagnostics are switched on. To be asked before one is made: what depends on
    /// it is not there otherwise.
    fn explains(&self) -> bool;
    /// Logs, if the diagnostic's limit allows.
    fn explain(&self, diagnostic: &Diagnostic<'_>);
    /// Whether an event of this kind may be told at `now_ns`, and if so, that it is.
    fn take_turn(&self, limit: Limit, now_ns: u64) -> bool;
}
