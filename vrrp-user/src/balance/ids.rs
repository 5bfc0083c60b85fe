//! Ids of services, servers and hops, and pages of rings; none reused too soon.

use crate::time::Instant;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use vrrp_common::balance::{GRACE_NS, PAGE_SLOTS};

/// What was given back waits for so long.
const GRACE: Duration = Duration::from_nanos(GRACE_NS);

/// Ids from 1 up to a limit, the lowest free one first.
#[derive(Debug)]
pub(super) struct Ids {
    /// The first that was never given.
    fresh: u32,
    limit: u32,
    free: BTreeSet<u32>,
    resting: VecDeque<(Instant, u32)>,
    /// Of each id that was given: the generation it has, or had.
    generations: BTreeMap<u32, u32>,
    first_generation: u32,
}

impl Ids {
    /// `limit` ids with 0, which is nobody's.
    pub(super) fn new(limit: usize, first_generation: u32) -> Self {
        Self {
            fresh: 1,
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
            free: BTreeSet::new(),
            resting: VecDeque::new(),
            generations: BTreeMap::new(),
            first_generation,
        }
    }

    /// These ids had these generations, and `used` are not to be given.
    pub(super) fn inherit(
        &mut self,
        generations: impl Iterator<Item = (u32, u32)>,
        used: &BTreeSet<u32>,
    ) {
        self.generations.extend(generations);
        let last = self.generations.keys().chain(used).max();
        let fresh = last
            .map_or(1, |last| last + 1)
            .clamp(self.fresh, self.limit);
        self.free.extend(1..fresh);
        self.free.retain(|id| !used.contains(id));
        self.fresh = fresh;
    }

    /// What has rested long enough is free.
    pub(super) fn wake(&mut self, now: Instant) {
        while let Some(&(until, id)) = self.resting.front()
            && until <= now
        {
            self.resting.pop_front();
            self.free.insert(id);
        }
    }

    /// How many there are to give.
    pub(super) fn available(&self) -> usize {
        self.free.len() + (self.limit - self.fresh.min(self.limit)) as usize
    }

    /// When there will be more.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.resting.front().map(|&(until, _)| until)
    }

    /// An id, and the generation it now has.
    pub(super) fn take(&mut self) -> Option<(u32, u32)> {
        let id = match self.free.pop_first() {
            Some(id) => id,
            None if self.fresh < self.limit => {
                self.fresh += 1;
                self.fresh - 1
            }
            None => return None,
        };
        let first = self.first_generation;
        let generation = self
            .generations
            .entry(id)
            .and_modify(|it| *it = it.wrapping_add(1))
            .or_insert(first);
        Some((id, *generation))
    }

    /// It was taken, and nobody has been told of it.
    pub(super) fn untake(&mut self, id: u32) {
        self.free.insert(id);
    }

    /// Nobody names it any more, but a program may be about to use it.
    pub(super) fn give_back(&mut self, id: u32, now: Instant) {
        self.resting.push_back((now + GRACE, id));
    }
}

/// Pages of rings, in runs that follow each other.
#[derive(Debug)]
pub(super) struct Pages {
    /// First page of each free run, and how many.
    free: BTreeMap<u32, u32>,
    resting: VecDeque<(Instant, u32, u32)>,
}

/// How many pages so many slots need.
pub(super) fn pages(slots: usize) -> u32 {
    u32::try_from(slots.div_ceil(PAGE_SLOTS)).unwrap_or(u32::MAX)
}

impl Pages {
    /// `limit` pages, from 0.
    pub(super) fn new(limit: usize) -> Self {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        Self {
            free: BTreeMap::from([(0, limit)]),
            resting: VecDeque::new(),
        }
    }

    /// What has rested long enough is free.
    pub(super) fn wake(&mut self, now: Instant) {
        while let Some(&(until, first, count)) = self.resting.front()
            && until <= now
        {
            self.resting.pop_front();
            self.free(first, count);
        }
    }

    /// When there will be more.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.resting.front().map(|&(until, ..)| until)
    }

    /// The first page of `count` that follow each other.
    pub(super) fn take(&mut self, count: u32) -> Option<u32> {
        let (&first, &length) = self.free.iter().find(|&(_, &length)| length >= count)?;
        self.free.remove(&first);
        if length > count {
            self.free.insert(first + count, length - count);
        }
        Some(first)
    }

    /// These are not to be given, if they are free.
    pub(super) fn occupy(&mut self, first: u32, count: u32) {
        let Some((&from, &length)) = self.free.range(..=first).next_back() else {
            return;
        };
        let (end, free_end) = (first + count, from + length);
        if end > free_end {
            return;
        }
        self.free.remove(&from);
        for (from, to) in [(from, first), (end, free_end)] {
            if from < to {
                self.free.insert(from, to - from);
            }
        }
    }

    /// Nobody has been told of them.
    pub(super) fn free(&mut self, first: u32, count: u32) {
        let (mut first, mut count) = (first, count);
        if let Some((&before, &length)) = self.free.range(..first).next_back()
            && before + length == first
        {
            self.free.remove(&before);
            (first, count) = (before, length + count);
        }
        if let Some(length) = self.free.remove(&(first + count)) {
            count += length;
        }
        self.free.insert(first, count);
    }

    /// Nobody names them any more, but a program may be reading them.
    pub(super) fn give_back(&mut self, first: u32, count: u32, now: Instant) {
        self.resting.push_back((now + GRACE, first, count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Instant = Instant::from_ns(5_000_000_000);

    #[test]
    fn an_id_rests_before_it_is_another_s() {
        let mut ids = Ids::new(3, 7);
        assert_eq!(ids.take(), Some((1, 7)));
        assert_eq!(ids.take(), Some((2, 7)));
        assert_eq!(ids.take(), None);
        ids.give_back(1, T0);
        let almost = Instant::from_ns(T0.as_ns() + GRACE_NS - 1);
        ids.wake(almost);
        assert_eq!((ids.take(), ids.available()), (None, 0));
        assert_eq!(ids.next_wake(), Some(T0 + GRACE));
        ids.wake(T0 + GRACE);
        assert_eq!(ids.available(), 1);
        assert_eq!(ids.take(), Some((1, 8)), "another generation");
    }

    #[test]
    fn pages_are_had_in_runs_and_grow_together_again() {
        let mut pages = Pages::new(8);
        assert_eq!(pages.take(3), Some(0));
        assert_eq!(pages.take(3), Some(3));
        assert_eq!(pages.take(3), None, "two are left");
        assert_eq!(pages.take(2), Some(6));
        pages.give_back(0, 3, T0);
        pages.give_back(3, 3, T0 + GRACE);
        pages.wake(T0 + GRACE);
        assert_eq!(pages.take(4), None, "the second run rests");
        pages.wake(T0 + GRACE + GRACE);
        assert_eq!(pages.take(6), Some(0));
    }

    #[test]
    fn slots_fill_pages() {
        for (slots, expected) in [(0, 0), (1, 1), (512, 1), (513, 2), (65537, 129)] {
            assert_eq!(super::pages(slots), expected, "{slots}");
        }
    }
}
