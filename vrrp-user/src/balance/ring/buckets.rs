//! Schedulers that hash an address into 256 buckets: sh by the source, dh by the
//! destination.
//!
//! As in IPVS, a server with weight 0 keeps its buckets: clients who hash to it find
//! nobody, or with `sh-fallback` the next.

use super::Place;

const BUCKETS: usize = 256;

/// Each server in turn gets as many buckets as its weight says, but one at least.
pub(super) fn sh(places: &[Place]) -> Vec<u16> {
    fill(places, |place| place.weight.max(1) as usize)
}

/// Each server in turn gets one bucket, whatever its weight.
pub(super) fn dh(places: &[Place]) -> Vec<u16> {
    fill(places, |_| 1)
}

fn fill(places: &[Place], buckets: impl Fn(&Place) -> usize) -> Vec<u16> {
    places
        .iter()
        .cycle()
        .flat_map(|place| core::iter::repeat_n(place.id, buckets(place)))
        .take(BUCKETS)
        .collect()
}
