//! Schedulers that take turns: rr, wrr.

use super::{Place, common_divisor};

/// A longer ring is not built: the weights are made smaller in proportion, but no server
/// loses its last turn. Up to here shares are exact.
pub(super) const MOST_TURNS: u64 = 16_384;

/// In order, each once.
pub(super) fn rr(places: &[Place]) -> Vec<u16> {
    places
        .iter()
        .filter(|place| place.weight > 0)
        .map(|place| place.id)
        .collect()
}

/// In passes: who has the weight a pass asks for has a turn in it. Passes ask for less
/// and less, by the weights' common divisor, and begin anew at the greatest weight.
///
/// IPVS computes this as it goes, and begins with the pass that asks for least: its
/// first server was the only one when it set out.
pub(super) fn wrr(places: &[Place]) -> Vec<u16> {
    let weights = scaled(places);
    let divisor = common_divisor(weights.iter().copied());
    if divisor == 0 {
        return Vec::new();
    }
    let greatest = weights.iter().copied().max().unwrap_or(0) / divisor;
    let pass = |least: u32| {
        places
            .iter()
            .zip(&weights)
            .filter(move |&(_, &weight)| weight / divisor >= least)
            .map(|(place, _)| place.id)
    };
    core::iter::once(1)
        .chain((2..=greatest).rev())
        .flat_map(pass)
        .collect()
}

/// The weights, or smaller ones if the ring would be too long.
fn scaled(places: &[Place]) -> Vec<u32> {
    let weights: Vec<u32> = places.iter().map(|place| place.weight).collect();
    let divisor = u64::from(common_divisor(weights.iter().copied()).max(1));
    let turns: u64 = weights
        .iter()
        .map(|&weight| u64::from(weight) / divisor)
        .sum();
    if turns <= MOST_TURNS {
        return weights;
    }
    weights
        .into_iter()
        .map(|weight| {
            let share = u64::from(weight) / divisor * MOST_TURNS / turns;
            u32::try_from(share)
                .unwrap_or(u32::MAX)
                .max(u32::from(weight > 0))
        })
        .collect()
}
