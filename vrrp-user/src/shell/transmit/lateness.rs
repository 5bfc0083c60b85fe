//! How late the transmit thread runs, and how many sends failed: written by it,
//! read by whoever asks, without a lock.

use crate::ownership::command::VrId;
use serde::Serialize;
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Eight steps an octave: a percentile is at most an eighth too high.
const STEPS_LOG2: u32 = 3;
const STEPS: usize = 1 << STEPS_LOG2;
const BUCKETS: usize = (64 - STEPS_LOG2 as usize + 1) * STEPS;

/// What the thread records.
pub struct Record {
    /// Timer lateness in nanoseconds, on a scale of [`bucket`].
    lateness: [AtomicU64; BUCKETS],
    worst_ns: AtomicU64,
    longest_send_ns: AtomicU64,
    sent: AtomicU64,
    failed: AtomicU64,
    /// Adverts that left, and those of them with priority 0, by virtual router.
    adverts: Box<[[AtomicU64; 2]]>,
}

/// Virtual routers whose adverts are counted; their numbers are the lowest that are free.
const COUNTED_ROUTERS: usize = 4096;

/// What was recorded so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Deadlines met or missed.
    pub deadlines: u64,
    /// Half of them were met at most this late.
    pub late_p50: Duration,
    /// All but a hundredth of them were.
    pub late_p99: Duration,
    /// The latest.
    pub late_max: Duration,
    /// Longest that the kernel took over a batch of frames.
    pub send_max: Duration,
    /// Frames the kernel took.
    pub frames_sent: u64,
    /// Frames it did not take, or dropped on egress.
    pub frames_failed: u64,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            lateness: [const { AtomicU64::new(0) }; BUCKETS],
            worst_ns: AtomicU64::new(0),
            longest_send_ns: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            adverts: (0..COUNTED_ROUTERS).map(|_| Default::default()).collect(),
        }
    }
}

impl Record {
    /// A deadline was served this late.
    pub fn late(&self, by: Duration) {
        let ns = nanoseconds(by);
        self.lateness[bucket(ns)].fetch_add(1, Relaxed);
        self.worst_ns.fetch_max(ns, Relaxed);
    }

    /// So many frames left, so many did not, and it took so long to find out.
    pub fn frames(&self, sent: u64, failed: u64, took: Duration) {
        self.longest_send_ns.fetch_max(nanoseconds(took), Relaxed);
        self.sent.fetch_add(sent, Relaxed);
        self.failed.fetch_add(failed, Relaxed);
    }

    /// An advert of this virtual router left.
    pub fn advert(&self, vr: VrId, resigns: bool) {
        if let Some([all, resigning]) = self.adverts.get(vr.0 as usize) {
            all.fetch_add(1, Relaxed);
            resigning.fetch_add(resigns.into(), Relaxed);
        }
    }

    /// How many did, and how many of them had priority 0.
    pub fn adverts(&self, vr: VrId) -> (u64, u64) {
        let counts = self.adverts.get(vr.0 as usize);
        counts.map_or((0, 0), |[all, resigning]| {
            (all.load(Relaxed), resigning.load(Relaxed))
        })
    }

    /// The figures, each of its own moment.
    pub fn summary(&self) -> Summary {
        let counts: Vec<u64> = self
            .lateness
            .iter()
            .map(|count| count.load(Relaxed))
            .collect();
        let deadlines: u64 = counts.iter().sum();
        let late_max = Duration::from_nanos(self.worst_ns.load(Relaxed));
        let percentile = |percent: u64| {
            let rank = (deadlines * percent).div_ceil(100).max(1);
            let mut below = 0;
            let found = counts.iter().position(|count| {
                below += count;
                below >= rank
            });
            found.map_or(Duration::ZERO, |at| {
                Duration::from_nanos(upper_ns(at)).min(late_max)
            })
        };
        Summary {
            deadlines,
            late_p50: percentile(50),
            late_p99: percentile(99),
            late_max,
            send_max: Duration::from_nanos(self.longest_send_ns.load(Relaxed)),
            frames_sent: self.sent.load(Relaxed),
            frames_failed: self.failed.load(Relaxed),
        }
    }
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// Where a value counts: exact below [`STEPS`], then [`STEPS`] to each octave.
fn bucket(ns: u64) -> usize {
    let Some(octave) = ns.checked_ilog2().filter(|log| *log >= STEPS_LOG2) else {
        return usize::try_from(ns).unwrap_or(0);
    };
    let step = usize::try_from(ns >> (octave - STEPS_LOG2)).unwrap_or(0) % STEPS;
    (octave - STEPS_LOG2 + 1) as usize * STEPS + step
}

/// The largest value that counts there.
fn upper_ns(bucket: usize) -> u64 {
    let (octave, step) = (bucket / STEPS, (bucket % STEPS) as u64);
    let Some(shift) = octave.checked_sub(1) else {
        return step;
    };
    let above = u128::from(STEPS as u64 + step + 1) << shift;
    u64::try_from(above - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{BUCKETS, Record, bucket, upper_ns};
    use proptest::prelude::*;
    use std::time::Duration;

    const MICROSECOND: Duration = Duration::from_micros(1);

    #[test]
    fn nothing_recorded_is_zero() {
        assert_eq!(Record::default().summary(), super::Summary::default());
    }

    #[test]
    fn percentiles_of_a_hundred() {
        let record = Record::default();
        for us in 1..=100 {
            record.late(us * MICROSECOND);
        }
        record.frames(7, 2, 3 * MICROSECOND);
        record.frames(0, 0, MICROSECOND);
        let summary = record.summary();
        assert_eq!(
            (
                summary.deadlines,
                summary.frames_sent,
                summary.frames_failed
            ),
            (100, 7, 2)
        );
        assert_eq!(
            (summary.late_max, summary.send_max),
            (100 * MICROSECOND, 3 * MICROSECOND)
        );
        for (found, want) in [(summary.late_p50, 50), (summary.late_p99, 99)] {
            let want = want * MICROSECOND;
            assert!(
                found >= want && found <= want + want / 8,
                "{found:?} for {want:?}"
            );
        }
    }

    #[test]
    fn the_scale_has_no_gap() {
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(upper_ns(BUCKETS - 1), u64::MAX);
        for at in 0..BUCKETS - 1 {
            assert_eq!(bucket(upper_ns(at)), at);
            assert_eq!(bucket(upper_ns(at) + 1), at + 1);
        }
    }

    proptest! {
        #[test]
        fn a_value_counts_at_most_an_eighth_too_high(ns: u64) {
            let upper = upper_ns(bucket(ns));
            prop_assert!(upper >= ns && upper - ns <= ns / 8);
        }
    }
}
