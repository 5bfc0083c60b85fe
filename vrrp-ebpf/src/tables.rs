//! The maps and the clock, as the decisions see them.

use crate::diagnostic::Diagnostic;
use core::ops::Deref;
use vrrp_common::{
    counter::Cause,
    event::Event,
    gate::Gate,
    maps::{
        Limits, Peer, PeerKey, Source, Station, StationKey, Talker, TalkerKey, Vip, VipKey,
        VirtualRouter, VrKey,
    },
    unproven::Unproven,
};

/// Of what [`Tables::stamp`]'s `compare` gives: `turn_ns` is to be set as well. No
/// `NEWS_*` bit.
pub const TURN: u32 = 1 << 31;

/// What became of a peer's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// There was none; there is one now.
    New,
    /// There was one; this is what `compare` said.
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
    /// A number that changes with each tick of the kernel, every 1 to 10 ms. Unlike
    /// the clock it costs nothing.
    fn tick(&self) -> u64;
    /// The virtual router, if it is configured here.
    fn router(&self, key: &VrKey) -> Option<Self::Router>;
    /// The source, if it is listed for its virtual router.
    fn source(&self, key: &PeerKey) -> Option<Source>;
    /// The virtual address, if it is managed here.
    fn vip(&self, key: &VipKey) -> Option<Vip>;
    /// A virtual MAC may end with this octet: [`station`](Self::station) is worth asking.
    fn hints_at(&self, last_octet: u8) -> bool;
    /// Who takes frames to the virtual MAC, if it is one of ours here.
    fn station(&self, key: &StationKey) -> Option<Station>;
    /// A packet from and to addresses with these last octets may concern the balancer.
    fn watches(&self, source: u8, destination: u8) -> bool;
    /// A gate as it is now: its epoch read first and its lease last, because the
    /// transmit thread ends the old lease before it starts an epoch.
    fn gate(&self, index: u32) -> Option<Gate>;
    /// Takes back claims up to `epoch`; never gives back a later revocation.
    fn revoke(&self, index: u32, epoch: u64, at_ns: u64, by_priority: u8);
    /// Writes what was heard from a peer: `last_seen_ns` after the rest, so that
    /// a fresh stamp never stands beside stale values, and a full barrier after
    /// that, so that a later [`gate`](Self::gate) is as new as the stamp. Keeps
    /// `first_seen_ns`, and `turn_ns` unless [`TURN`] is asked for; counts `adverts`
    /// itself. `compare` sees what was there.
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
    /// What this CPU has told of, to look at and change.
    fn limits<R>(&self, judge: impl FnOnce(&mut Limits) -> R) -> Option<R>;
    /// One more advert with a hash may be handed up from this source and station; then
    /// it counts.
    fn afford(&self, key: &PeerKey, mac: &[u8; 6], now_ns: u64) -> bool;
    /// What this CPU is about to hand up, to fill in.
    fn draft(&self, fill: impl FnOnce(&mut Unproven));
    /// Hands it up, with so many octets of the packet; false if there is no room.
    fn submit(&self, packet_len: usize) -> bool;
    /// Adds to the record of whoever sends what is refused.
    fn talked(&self, key: &TalkerKey, more: &Talker);
}
