//! Which refused packets are written to the log: what strangers send must not fill it.
//!
//! Of each cause one line in [`SPACING`], with how many there were besides. The
//! kernel tells of one packet a cause and second, and counts all.

use crate::time::Instant;
use std::{collections::BTreeMap, time::Duration};
use vrrp_common::counter::{Cause, Counters};

/// Between two lines about the same cause.
const SPACING: Duration = Duration::from_secs(10);

#[derive(Clone, Copy)]
struct Said {
    at: Instant,
    /// What the counter stood at.
    count: u64,
}

/// What was said so far.
#[derive(Default)]
pub(super) struct Rejections(BTreeMap<u32, Said>);

impl Rejections {
    /// A packet was refused for `cause`: whether to say so now, and how many that
    /// nothing was said of there were before it.
    pub(super) fn may_say(
        &mut self,
        cause: Cause,
        counters: &Counters,
        now: Instant,
    ) -> Option<u64> {
        let count = counters.get(cause);
        let before = self.0.get(&(cause as u32)).copied();
        if before.is_some_and(|said| now < said.at + SPACING) {
            return None;
        }
        self.0.insert(cause as u32, Said { at: now, count });
        // Those before the first line were before us.
        let unsaid = before.map_or(0, |said| count.saturating_sub(said.count));
        Some(unsaid.saturating_sub(1))
    }

    /// Causes whose line is past and that went on since, with how often; to be said.
    pub(super) fn overdue(&mut self, counters: &Counters, now: Instant) -> Vec<(Cause, u64)> {
        let mut due = Vec::new();
        for &cause in Cause::ALL {
            let Some(said) = self.0.get_mut(&(cause as u32)) else {
                continue;
            };
            let count = counters.get(cause);
            if now >= said.at + SPACING && count > said.count {
                due.push((cause, count - said.count));
                *said = Said { at: now, count };
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_ns(ms * 1_000_000)
    }

    fn counted(checksum: u64, ttl: u64) -> Counters {
        Counters {
            drop_checksum: checksum,
            drop_ttl: ttl,
            ..Counters::default()
        }
    }

    #[test]
    fn one_line_a_cause_with_what_was_left_out() {
        let mut rejections = Rejections::default();
        let mut say = |cause, count, ms| rejections.may_say(cause, &count, at(ms));
        assert_eq!(say(Cause::DropChecksum, counted(1, 0), 0), Some(0));
        assert_eq!(say(Cause::DropChecksum, counted(2, 0), 1), None);
        assert_eq!(say(Cause::DropTtl, counted(90_000, 7), 1), Some(0));
        assert_eq!(say(Cause::DropChecksum, counted(400_000, 7), 9_999), None);
        let all_but_two = Some(399_999);
        assert_eq!(
            say(Cause::DropChecksum, counted(400_001, 7), 10_000),
            all_but_two
        );
        assert_eq!(say(Cause::DropTtl, counted(400_001, 8), 10_001), Some(0));
    }

    #[test]
    fn what_is_left_over_is_said_once_it_is_due() {
        let mut rejections = Rejections::default();
        assert!(rejections.overdue(&counted(5, 5), at(0)).is_empty());
        let _ = rejections.may_say(Cause::DropTtl, &counted(5, 6), at(0));
        assert!(rejections.overdue(&counted(5, 600), at(9_999)).is_empty());
        let due = rejections.overdue(&counted(5, 600), at(10_000));
        assert_eq!(due, [(Cause::DropTtl, 594)]);
        assert!(rejections.overdue(&counted(5, 600), at(30_000)).is_empty());
    }
}
