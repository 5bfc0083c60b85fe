//! Runs schedules, on all CPUs.

use crate::{
    census::Census,
    mutation::Mutation,
    schedule::{Kind, Schedule},
    verdict::{self, Verdict},
    world::World,
};
use core::ops::Range;
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// One schedule that was run.
pub(crate) struct Run {
    pub(crate) kind: Kind,
    pub(crate) verdict: Option<Verdict>,
    census: Census,
}

pub(crate) fn run(seed: u64, mutation: Mutation, trace: bool) -> Run {
    let schedule = Schedule::random(seed);
    let (kind, calm, end) = (schedule.kind, schedule.calm_from_ns, schedule.end_ns);
    let mut world = World::new(schedule, mutation);
    world.trace = trace.then(Vec::new);
    world.run_until(end);
    let verdict = verdict::of(&mut world);
    if trace {
        for line in world.trace.iter().flatten() {
            println!("{line}");
        }
        let why = verdict.as_ref().map_or("fine".into(), Verdict::to_string);
        println!("{kind:?}, calm from {calm}, end {end}: {why}");
    }
    Run {
        kind,
        verdict,
        census: Census::of(&world),
    }
}

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// To the first that fails.
    First,
    /// Through all.
    End,
}

/// What a number of schedules showed.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Those that failed.
    pub(crate) failed: BTreeMap<u64, (Kind, Verdict)>,
    pub(crate) census: Census,
}

impl Found {
    /// The lowest failing seed.
    pub(crate) fn first(&self) -> Option<(u64, &Verdict)> {
        let (seed, (_, why)) = self.failed.first_key_value()?;
        Some((*seed, why))
    }

    /// How many failed, by kind.
    pub(crate) fn by_kind(&self) -> BTreeMap<Kind, u64> {
        let mut kinds = BTreeMap::new();
        for (kind, _) in self.failed.values() {
            *kinds.entry(*kind).or_default() += 1;
        }
        kinds
    }
}

/// The failing ones of some seeds.
pub(crate) fn search(seeds: Range<u64>, mutation: Mutation, until: Until) -> Found {
    let next = AtomicU64::new(seeds.start);
    let found = Mutex::new(Found::default());
    let worker = || {
        let mut census = Census::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            let run = run(seed, mutation, false);
            census.add(&run.census);
            let Some(why) = run.verdict.filter(|why| mutation.shows_as(why)) else {
                continue;
            };
            let mut found = found.lock().expect("no panic");
            found.failed.insert(seed, (run.kind, why));
            if until == Until::First {
                // Lower seeds are all taken; their workers finish them.
                next.store(seeds.end, Ordering::Relaxed);
                break;
            }
        }
        found.lock().expect("no panic").census.add(&census);
    };
    std::thread::scope(|scope| {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..cpus {
            scope.spawn(worker);
        }
    });
    found.into_inner().expect("no panic")
}
