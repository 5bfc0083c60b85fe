//! What a scheduler's ring looks like.
//!
//! A server is chosen by a number: the turn of it, or a hash of the packet. The ring says
//! for each number who it is, and says it as IPVS would, so that a director of ours and
//! one of keepalived's send a client to the same server.
//!
//! | file | schedulers |
//! |---|---|
//! | `turns` | rr, wrr |
//! | `buckets` | sh, dh |
//! | `mh` | mh |
//! | `maglev` | maglev |
//! | `siphash` | the hash that `mh` and `maglev` spread servers with |
//!
//! The others compare servers packet by packet; their ring is the list of them.
//!
//! # Order
//! IPVS puts each new server at the head of its list, so the last `real_server` of a file
//! is the first of it. Here the order is always the file's, backwards, whatever came when:
//! two directors with the same file then agree, however each came to it.

mod buckets;
mod maglev;
mod mh;
mod siphash;
mod turns;

use crate::config::model::balance::SchedulerKind;
use core::net::IpAddr;

/// A server, as a ring sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its id.
    pub(super) id: u16,
    /// Its weight; 0: no new connections.
    pub(super) weight: u32,
    /// The weight it had before it was drained, or has.
    pub(super) last_weight: u32,
    /// Its address.
    pub(super) address: IpAddr,
    /// Its port.
    pub(super) port: u16,
}

/// The ring of these servers, which come in IPVS's order.
pub(super) fn build(kind: SchedulerKind, places: &[Place]) -> Vec<u16> {
    match kind {
        SchedulerKind::Rr => turns::rr(places),
        SchedulerKind::Wrr => turns::wrr(places),
        SchedulerKind::Sh => buckets::sh(places),
        SchedulerKind::Dh => buckets::dh(places),
        SchedulerKind::Mh => mh::ring(places),
        SchedulerKind::Maglev => maglev::ring(places),
        SchedulerKind::Lc
        | SchedulerKind::Wlc
        | SchedulerKind::Sed
        | SchedulerKind::Nq
        | SchedulerKind::Fo
        | SchedulerKind::Ovf
        | SchedulerKind::Lblc
        | SchedulerKind::Lblcr
        | SchedulerKind::Twos => members(places),
    }
}

/// All of them, in their order.
pub(super) fn members(places: &[Place]) -> Vec<u16> {
    places.iter().map(|place| place.id).collect()
}

/// The greatest number that divides all the weights but 0; 0 where there is none.
fn common_divisor(weights: impl IntoIterator<Item = u32>) -> u32 {
    weights.into_iter().fold(0, |mut a, mut b| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    })
}

#[cfg(test)]
mod tests;
