//! Restraint: how long to wait before something is asked for again.

use crate::time::Instant;
use core::time::Duration;

/// What stays this long is forgiven its earlier disappearances.
const FORGIVEN_AFTER: Duration = Duration::from_secs(30);
/// Second restoration in a row waits this long, each further one twice as long.
const RESTORE_DELAY: Duration = Duration::from_millis(100);
/// Longest wait before something is restored.
const RESTORE_DELAY_MAX: Duration = Duration::from_secs(5);
/// First retry of a refused request.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// Longest wait between retries of a refused request.
const RETRY_DELAY_MAX: Duration = Duration::from_secs(30);

/// What stands in the way of one wanted thing.
#[derive(Clone, Debug, Default)]
pub(super) struct Trouble {
    /// Disturbances or refusals in a row.
    pub(super) times: u32,
    pub(super) last: Instant,
    pub(super) not_before: Instant,
    /// Reason last reported.
    pub(super) reported: Option<String>,
}

impl Trouble {
    /// Something else interfered; how long to wait before the next attempt.
    pub(super) fn disturbed(&mut self, now: Instant) -> Duration {
        if now.since(self.last) >= FORGIVEN_AFTER {
            self.times = 0;
        }
        let wait = match self.times {
            0 => Duration::ZERO,
            n => doubled(RESTORE_DELAY, n - 1, RESTORE_DELAY_MAX),
        };
        self.set(now, wait);
        wait
    }

    pub(super) fn refused(&mut self, now: Instant) {
        self.set(now, doubled(RETRY_DELAY, self.times, RETRY_DELAY_MAX));
    }

    fn set(&mut self, now: Instant, wait: Duration) {
        self.times = self.times.saturating_add(1);
        self.last = now;
        self.not_before = now + wait;
    }
}

fn doubled(base: Duration, times: u32, most: Duration) -> Duration {
    base.saturating_mul(1_u32.checked_shl(times.min(16)).unwrap_or(u32::MAX))
        .min(most)
}
