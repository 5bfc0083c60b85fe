//! Rings against straightforward retellings of what IPVS does.

mod ipvs;

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Servers in IPVS's order with these weights, ids from 1.
pub(super) fn places(weights: &[u32]) -> Vec<Place> {
    weights
        .iter()
        .zip(1u8..)
        .map(|(&weight, id)| Place {
            id: id.into(),
            weight,
            last_weight: weight,
            address: IpAddr::from([10, 0, 0, id]),
            port: 80,
        })
        .collect()
}

fn shares(ring: &[u16]) -> BTreeMap<u16, u32> {
    let mut shares = BTreeMap::new();
    for &id in ring {
        *shares.entry(id).or_default() += 1;
    }
    shares
}

/// IPVS's wrr as it goes: where it is in its list, and the weight it asks for at present.
struct Wrr {
    weights: Vec<u32>,
    at: Option<usize>,
    asks: i64,
    step: i64,
    most: i64,
}

impl Wrr {
    /// As it is after keepalived has added server by server, each at the head.
    fn new(weights: &[u32]) -> Self {
        let mut it = Self {
            weights: Vec::new(),
            at: None,
            asks: 0,
            step: 1,
            most: 0,
        };
        for &weight in weights.iter().rev() {
            it.weights.insert(0, weight);
            it.changed();
        }
        it
    }

    fn changed(&mut self) {
        self.at = None;
        self.step = i64::from(common_divisor(self.weights.iter().copied()).max(1));
        self.most = i64::from(*self.weights.iter().max().unwrap()) - (self.step - 1);
        if self.asks > self.most || self.asks == 0 {
            self.asks = self.most;
        } else if self.step > 1 {
            self.asks = self.asks / self.step * self.step + 1;
        }
    }

    fn next(&mut self) -> Option<u16> {
        if self.most <= 0 {
            return None;
        }
        loop {
            let from = self.at.map_or(0, |at| at + 1);
            for at in from..self.weights.len() {
                if i64::from(self.weights[at]) >= self.asks {
                    self.at = Some(at);
                    return u16::try_from(at + 1).ok();
                }
            }
            self.at = None;
            self.asks -= self.step;
            if self.asks <= 0 {
                self.asks = self.most;
            }
        }
    }
}

proptest! {
    #[test]
    fn wrr_is_ipvs_s_sequence(weights in proptest::collection::vec(0..40u32, 1..9), factor in 1..5u32) {
        let weights: Vec<u32> = weights.into_iter().map(|weight| weight * factor).collect();
        let ring = build(SchedulerKind::Wrr, &places(&weights));
        let mut ipvs = Wrr::new(&weights);
        let theirs: Vec<u16> = (0..ring.len() * 2).map_while(|_| ipvs.next()).collect();
        let ours: Vec<u16> = ring.iter().chain(&ring).copied().collect();
        prop_assert_eq!(ours, theirs);
        prop_assert_eq!(ring.is_empty(), weights.iter().all(|&weight| weight == 0));
    }

    #[test]
    fn wrr_s_shares_are_exact(weights in proptest::collection::vec(0..500u32, 1..20)) {
        let divisor = common_divisor(weights.iter().copied()).max(1);
        let shares = shares(&build(SchedulerKind::Wrr, &places(&weights)));
        for (&weight, id) in weights.iter().zip(1u16..) {
            prop_assert_eq!(shares.get(&id).copied().unwrap_or(0), weight / divisor);
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Of a server that goes all slots move; of the others, few.
    #[test]
    fn maglev_moves_few(weights in proptest::collection::vec(1..10u32, 3..12), gone in 0..12usize) {
        let all = places(&weights);
        let gone = all[gone % all.len()].id;
        let fewer: Vec<Place> = all.iter().copied().filter(|place| place.id != gone).collect();
        let before = build(SchedulerKind::Maglev, &all);
        let after = build(SchedulerKind::Maglev, &fewer);
        let moved = before
            .iter()
            .zip(&after)
            .filter(|&(before, after)| *before != gone && before != after)
            .count();
        prop_assert!(!after.contains(&gone));
        prop_assert!(moved * 100 < before.len() * 25, "{moved} of {}", before.len());
    }

    #[test]
    fn maglev_s_shares_are_near(weights in proptest::collection::vec(0..100u32, 1..12)) {
        let ring = build(SchedulerKind::Maglev, &places(&weights));
        let sum: u32 = weights.iter().sum();
        if sum == 0 {
            prop_assert!(ring.is_empty());
            return Ok(());
        }
        prop_assert_eq!(ring.len(), 65_537);
        let shares = shares(&ring);
        for (&weight, id) in weights.iter().zip(1u16..) {
            let exact = 65_537.0 * f64::from(weight) / f64::from(sum);
            let has = f64::from(shares.get(&id).copied().unwrap_or(0));
            // All begin with one slot, whatever they weigh; the last round may be cut short.
            let off = 1.0 + 12.0 * f64::from(weight) / f64::from(sum);
            prop_assert!((has - exact).abs() <= off, "{id} has {has} for {exact}");
        }
    }

    #[test]
    fn mh_fills_its_table(weights in proptest::collection::vec(0..70_000u32, 1..12)) {
        let ring = build(SchedulerKind::Mh, &places(&weights));
        let someone = weights.iter().any(|&weight| weight > 0);
        prop_assert_eq!(ring.len(), if someone { 4093 } else { 0 });
        prop_assert!(!ring.contains(&0));
    }
}

#[test]
fn wrr_interleaves() {
    for (weights, expected) in [
        (&[1u32, 1, 1][..], &[1u16, 2, 3][..]),
        // The pass that asks for 1 comes first, then 4, 3, 2.
        (&[4, 3, 2], &[1, 2, 3, 1, 1, 2, 1, 2, 3]),
        (&[200, 100], &[1, 2, 1]),
        (&[0, 5], &[2]),
        (&[0, 0], &[]),
    ] {
        assert_eq!(
            build(SchedulerKind::Wrr, &places(weights)),
            expected,
            "{weights:?}"
        );
    }
}

#[test]
fn a_ring_that_would_be_too_long_is_made_shorter() {
    let ring = build(SchedulerKind::Wrr, &places(&[65_535, 65_534, 1]));
    assert!(ring.len() <= 16_384 + 3, "{}", ring.len());
    let shares = shares(&ring);
    assert_eq!(shares[&3], 1, "nobody loses its last turn");
    assert!(shares[&1].abs_diff(shares[&2]) <= 1, "{shares:?}");
}

#[test]
fn rr_passes_by_who_is_drained() {
    assert_eq!(build(SchedulerKind::Rr, &places(&[3, 0, 1])), [1, 3]);
}

#[test]
fn buckets_go_round_by_weight_or_one_each() {
    let sh = build(SchedulerKind::Sh, &places(&[2, 0, 1]));
    assert_eq!(sh.len(), 256);
    assert_eq!(sh[..5], [1, 1, 2, 3, 1], "weight 0 keeps one");
    let dh = build(SchedulerKind::Dh, &places(&[2, 0, 1]));
    assert_eq!((dh.len(), &dh[..4]), (256, &[1, 2, 3, 1][..]));
    assert!(build(SchedulerKind::Sh, &[]).is_empty());
}

#[test]
fn maglev_does_not_mind_the_order() {
    let one = places(&[5, 3, 1]);
    let other: Vec<Place> = one.iter().rev().copied().collect();
    assert_eq!(
        build(SchedulerKind::Maglev, &one),
        build(SchedulerKind::Maglev, &other)
    );
}

#[test]
fn mh_keeps_the_slots_of_who_is_drained() {
    let before = places(&[3, 2, 1]);
    let mut drained = before.clone();
    drained[1].weight = 0;
    assert_eq!(
        build(SchedulerKind::Mh, &before),
        build(SchedulerKind::Mh, &drained)
    );
}
