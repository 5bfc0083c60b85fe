//! How often the same trouble is told of.

use crate::time::Instant;
use core::time::Duration;

/// At most one line in a while; the others are counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Limit {
    from: Instant,
    untold: u64,
}

impl Limit {
    /// At most once every `spacing`; with how many were not told since the last.
    pub(super) fn may_tell(&mut self, spacing: Duration, now: Instant) -> Option<u64> {
        if now < self.from {
            self.untold += 1;
            return None;
        }
        self.from = now + spacing;
        Some(core::mem::take(&mut self.untold))
    }
}

/// What a line says of those that were not told.
pub(super) fn more(untold: u64) -> String {
    match untold {
        0 => String::new(),
        n => format!(" ({n} more since the last such line)"),
    }
}
