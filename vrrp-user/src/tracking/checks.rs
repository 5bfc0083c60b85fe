//! What is looked at again and again: what runs when, and what its results make of it.

use super::effective::Standing;
use crate::time::Instant;
use core::time::Duration;
use std::collections::BTreeMap;

/// Something that is looked at by a run which ends in a result.
pub trait Check: Clone + PartialEq + core::fmt::Debug {
    /// Its name, among those of its kind.
    type Name: Clone + Ord + core::fmt::Debug;
    /// How a run ends.
    type Result: Clone + PartialEq + core::fmt::Debug;

    /// Its name.
    fn name(&self) -> Self::Name;
    /// Time between starts.
    fn interval(&self) -> Duration;
    /// Successes in a row until it counts as up.
    fn rise(&self) -> u32;
    /// Failures in a row until it counts as down.
    fn fall(&self) -> u32;
    /// Down until it has succeeded.
    fn init_fail(&self) -> bool;
    /// It looks at the same thing: thresholds and times make no other one.
    fn same_subject(&self, other: &Self) -> bool;
    /// Whether this result is a success.
    fn succeeded(result: &Self::Result) -> bool;
    /// What the log says of a result.
    fn line(&self, result: &Self::Result) -> String;
}

/// What a result changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Its standing now.
    pub standing: Standing,
    /// keepalived's line for it, where keepalived has one.
    pub line: String,
    /// A change of standing, or the first that results brought about.
    pub turned: bool,
}

/// One check.
#[derive(Clone, Debug)]
pub struct Tracker<C: Check> {
    check: C,
    standing: Standing,
    /// Results in a row against the standing.
    against: u32,
    /// The standing follows from results, not from how it began.
    settled: bool,
    running: bool,
    next: Instant,
    last: Option<C::Result>,
}

impl<C: Check> Tracker<C> {
    fn new(check: C, now: Instant) -> Self {
        let standing = if check.init_fail() {
            Standing::Down
        } else {
            Standing::Unknown
        };
        Self {
            check,
            standing,
            against: 0,
            settled: false,
            running: false,
            next: now,
            last: None,
        }
    }

    /// Its configuration.
    #[must_use]
    pub const fn check(&self) -> &C {
        &self.check
    }

    /// Up, down, or not known yet.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// How it last ended.
    #[must_use]
    pub const fn last(&self) -> Option<&C::Result> {
        self.last.as_ref()
    }

    /// One success is enough at start, and the first failure acts at once
    /// whatever `fall` says; with `init_fail` `rise` counts from the start.
    fn result(&mut self, result: C::Result) -> Option<Changed> {
        self.running = false;
        let succeeded = C::succeeded(&result);
        let line = self.check.line(&result);
        let news = self.last.as_ref() != Some(&result);
        self.last = Some(result);
        let agrees = match self.standing {
            Standing::Unknown => false,
            Standing::Up => succeeded,
            Standing::Down => !succeeded,
        };
        if agrees {
            self.against = 0;
            let settles = !core::mem::replace(&mut self.settled, true);
            return news.then_some(Changed {
                standing: self.standing,
                line,
                turned: settles,
            });
        }
        self.against += 1;
        let needed = match self.standing {
            Standing::Unknown => 1,
            Standing::Up => self.check.fall(),
            Standing::Down => self.check.rise(),
        };
        let turned = self.against >= needed.max(1);
        if turned {
            self.settled = true;
            self.against = 0;
            self.standing = if succeeded {
                Standing::Up
            } else {
                Standing::Down
            };
        }
        (turned || news).then_some(Changed {
            standing: self.standing,
            line,
            turned,
        })
    }
}

/// Every check of a kind that something tracks.
#[derive(Clone, Debug)]
pub struct Checks<C: Check> {
    trackers: BTreeMap<C::Name, Tracker<C>>,
}

impl<C: Check> Default for Checks<C> {
    fn default() -> Self {
        Self {
            trackers: BTreeMap::new(),
        }
    }
}

impl<C: Check> Checks<C> {
    /// Replaces what is configured. What has a name as before keeps its standing, also if
    /// something else is looked at from now on: priorities do not move before that says so.
    /// Returns the names of those removed or changed whose run is to be stopped.
    pub fn configure(&mut self, checks: Vec<C>, now: Instant) -> Vec<C::Name> {
        let mut old = core::mem::take(&mut self.trackers);
        let mut stop = Vec::new();
        for check in checks {
            let name = check.name();
            let tracker = match old.remove(&name) {
                Some(kept) if kept.check == check => kept,
                Some(changed) => {
                    if changed.running {
                        stop.push(name.clone());
                    }
                    let same = changed.check.same_subject(&check);
                    Tracker {
                        standing: changed.standing,
                        settled: changed.settled,
                        last: changed.last.filter(|_| same),
                        ..Tracker::new(check, now)
                    }
                }
                None => Tracker::new(check, now),
            };
            self.trackers.insert(name, tracker);
        }
        stop.extend(
            old.into_iter()
                .filter(|(_, gone)| gone.running)
                .map(|(name, _)| name),
        );
        stop
    }

    /// A run ended. Results of what is no longer configured mean nothing.
    pub fn done(&mut self, name: &C::Name, result: C::Result) -> Option<Changed> {
        self.trackers
            .get_mut(name)
            .filter(|tracker| tracker.running)?
            .result(result)
    }

    /// Those to be started now; a run that is still going is not doubled.
    pub fn start_due(&mut self, now: Instant) -> Vec<C> {
        let mut due = Vec::new();
        for tracker in self
            .trackers
            .values_mut()
            .filter(|tracker| tracker.next <= now)
        {
            let interval = tracker.check.interval().max(Duration::from_millis(1));
            let missed = now.since(tracker.next).as_nanos() / interval.as_nanos();
            tracker.next = tracker.next + interval * u32::try_from(missed + 1).unwrap_or(u32::MAX);
            if !tracker.running {
                tracker.running = true;
                due.push(tracker.check.clone());
            }
        }
        due
    }

    /// When the next one is to start, and which.
    #[must_use]
    pub fn next_start(&self) -> Option<(Instant, &C::Name)> {
        let next = self.trackers.iter().map(|(name, it)| (it.next, name));
        next.min()
    }

    /// Its standing; what is not configured is down.
    #[must_use]
    pub fn standing(&self, name: &C::Name) -> Standing {
        self.trackers
            .get(name)
            .map_or(Standing::Down, Tracker::standing)
    }

    /// Results have said how it stands; of what is not configured there are none.
    #[must_use]
    pub fn is_settled(&self, name: &C::Name) -> bool {
        self.trackers
            .get(name)
            .is_none_or(|tracker| tracker.settled)
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Tracker<C>> {
        self.trackers.values()
    }
}
