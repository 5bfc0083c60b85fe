//! Until when the adverts that were really sent entitle us (V1, V2, V3, V7).

use crate::{config::model::Version, election::timers, time::Instant};
use core::time::Duration;
use std::collections::VecDeque;

/// How much faster a peer's clock may run than ours, in parts per million.
pub const DRIFT_PPM: u32 = 200;

/// Most adverts a lease ever counts on (V3).
pub const MAX_LEASE_ADVERTS: u8 = 3;

/// An advert that left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// `CLOCK_MONOTONIC` just before it was handed to the kernel, never after (V7).
    pub at: Instant,
    /// What a peer that accepted it multiplies by its adverts-to-wait.
    pub interval: Duration,
}

/// The last m+1 adverts of one virtual router in one claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    window: usize,
    sent: VecDeque<Sent>,
}

impl History {
    /// Of a claim that tolerates `loss_tolerance` (m) lost adverts in a row.
    #[must_use]
    pub fn new(loss_tolerance: u8) -> Self {
        let window = usize::from(loss_tolerance) + 1;
        Self {
            window,
            sent: VecDeque::with_capacity(window),
        }
    }

    /// One more advert left. Failed sends are never recorded: they extend nothing (V7).
    pub fn push(&mut self, sent: Sent) {
        if self.sent.len() == self.window {
            self.sent.pop_front();
        }
        self.sent.push_back(sent);
    }

    /// Nothing sent so far counts any more.
    pub fn clear(&mut self) {
        self.sent.clear();
    }

    /// Until when no peer can have claimed: the one advert of the last m+1 that
    /// arrived may have been any of them (V1). `None` until m+1 have been sent.
    #[must_use]
    pub fn lease_end(&self, lease_adverts: u8) -> Option<Instant> {
        if self.sent.len() < self.window {
            return None;
        }
        self.sent
            .iter()
            .map(|sent| entitled_until(*sent, lease_adverts))
            .min()
    }

    /// The last advert that left.
    #[must_use]
    pub fn last(&self) -> Option<Sent> {
        self.sent.back().copied()
    }
}

/// Until when a peer waits that accepted this advert and nothing later, its
/// clock being as fast as is assumed. Skew is not counted on: peers truncate it (V3).
#[must_use]
pub fn entitled_until(sent: Sent, lease_adverts: u8) -> Instant {
    let span = sent.interval * u32::from(lease_adverts.min(MAX_LEASE_ADVERTS));
    sent.at + span.saturating_sub(span * DRIFT_PPM / 1_000_000)
}

/// The interval a lease may count with: version 2 rounds on the wire, and what a
/// peer makes of a fraction is not ours to know, so the smaller one counts (V3).
#[must_use]
pub fn counted_interval(version: Version, configured: Duration) -> Duration {
    configured.min(timers::centiseconds(timers::wire_interval_cs(
        version, configured,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn at(ms: u64) -> Instant {
        Instant::from_ns(ms * 1_000_000)
    }

    fn history(m: u8, sent: &[(u64, u32)]) -> History {
        let mut history = History::new(m);
        for &(ms, interval_ms) in sent {
            history.push(Sent {
                at: at(ms),
                interval: interval_ms * MS,
            });
        }
        history
    }

    #[test]
    fn a_lease_counts_from_the_oldest_advert_that_may_be_the_last_heard() {
        let drift = |ms: u32| ms * MS * DRIFT_PPM / 1_000_000;
        // (what, m, adverts as (sent at ms, interval ms), N, lease end before drift, span)
        let cases = [
            (
                "m = 1 counts from the one before",
                1,
                &[(0, 100), (100, 100)][..],
                3,
                300,
                300,
            ),
            (
                "m = 0 counts from the last",
                0,
                &[(0, 100), (100, 100)],
                3,
                400,
                300,
            ),
            (
                "m = 2 counts from two before",
                2,
                &[(0, 100), (100, 100), (200, 100)],
                3,
                300,
                300,
            ),
            (
                "V2: a shorter interval ends it sooner",
                1,
                &[(0, 1000), (100, 100)],
                3,
                400,
                300,
            ),
            (
                "V2: a longer one does not extend it",
                1,
                &[(0, 100), (100, 1000)],
                3,
                300,
                300,
            ),
            (
                "V3: never more than three adverts",
                0,
                &[(0, 100)],
                5,
                300,
                300,
            ),
            ("V3: lowerable", 0, &[(0, 100)], 2, 200, 200),
        ];
        for (what, m, sent, adverts, want_ms, span_ms) in cases {
            let want = at(want_ms) - drift(span_ms);
            assert_eq!(history(m, sent).lease_end(adverts), Some(want), "{what}");
        }
    }

    #[test]
    fn no_lease_before_the_burst_is_complete() {
        assert_eq!(history(1, &[(0, 100)]).lease_end(3), None);
        assert_eq!(history(0, &[]).lease_end(3), None);
    }

    #[test]
    fn version_2_counts_the_smaller_of_real_and_wire() {
        for (ms, want) in [(400, 400), (1000, 1000), (1400, 1000), (1600, 1600)] {
            assert_eq!(counted_interval(Version::V2, ms * MS), want * MS, "{ms} ms");
        }
        assert_eq!(counted_interval(Version::V3, 105 * MS), 100 * MS);
    }
}
