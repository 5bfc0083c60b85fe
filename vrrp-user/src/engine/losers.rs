//! Losing adverts: how often they are answered, and told of.

use crate::time::Instant;
use core::time::Duration;

/// Whoever sends losing adverts must not decide how much we send and log.
#[derive(Clone, Debug, Default)]
pub(super) struct Losers {
    answer_from: Instant,
    tell_from: Instant,
    untold: u64,
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
        if now < self.tell_from {
            self.untold += 1;
            return None;
        }
        self.tell_from = now + spacing;
        Some(core::mem::take(&mut self.untold))
    }
}
