//! Losing adverts: how often they are answered, and told of.

use super::limit::Limit;
use crate::time::Instant;
use core::time::Duration;

/// Silence of at least this long makes the next losing advert a new matter, however
/// short the interval: this bounds how often hosts are told anew.
const LEAST_SILENCE: Duration = Duration::from_millis(100);
/// The same in intervals.
const SILENT_INTERVALS: u32 = 3;

/// Whoever sends losing adverts must not decide how much we send and log.
#[derive(Clone, Debug, Default)]
pub(super) struct Losers {
    answer_from: Instant,
    tell: Limit,
    last: Option<Instant>,
}

impl Losers {
    /// At most one answer an interval.
    pub(super) fn may_answer(&mut self, interval: Duration, now: Instant) -> bool {
        let may = now >= self.answer_from;
        if may {
            self.answer_from = now + interval;
        }
        may
    }

    /// At most one line every `spacing`; with how many were not told since the last.
    pub(super) fn may_tell(&mut self, spacing: Duration, now: Instant) -> Option<u64> {
        self.tell.may_tell(spacing, now)
    }

    /// It is the first after a silence: a partition has healed, or somebody new is
    /// there.
    pub(super) fn is_first(&mut self, interval: Duration, now: Instant) -> bool {
        let silence = (interval * SILENT_INTERVALS).max(LEAST_SILENCE);
        self.last
            .replace(now)
            .is_none_or(|last| last + silence < now)
    }
}
