//! From the start to rest, through a failure, and back.

use super::{
    Given,
    faults::Fault,
    hearing::Deaf,
    network::Network,
    world::{Owners, World},
};
use crate::{config::model::Config, election::timers, engine::status::Status, time::Instant};
use core::time::Duration;
use std::collections::BTreeSet;

/// Who owns one virtual router at the end of a phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Nodes.
    pub(super) by: BTreeSet<usize>,
    /// From the beginning of the phase to the last change; none: none has changed.
    pub(super) after: Option<Duration>,
}

/// Everything at the end of a phase.
#[derive(Debug)]
pub(super) struct Rest {
    /// Of each virtual router.
    pub(super) held: Vec<Held>,
    /// Of each node that is on.
    pub(super) statuses: Vec<Option<Status>>,
    /// It did not come to rest.
    pub(super) restless: bool,
}

/// After the start.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) rest: Rest,
    /// Hearer, sender, VRID, and why the one does not heed the other.
    pub(super) deaf: BTreeSet<(usize, usize, u8, Deaf)>,
}

/// Some things failed together, and came back together.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) faults: Vec<Fault>,
    pub(super) failed: Rest,
    pub(super) back: Rest,
}

pub(super) fn start(given: &[Given], network: &Network) -> Start {
    let (world, rest) = started(given, network);
    Start {
        rest,
        deaf: world.deaf,
    }
}

pub(super) fn run(given: &[Given], network: &Network, faults: Vec<Fault>) -> Run {
    let (mut world, _) = started(given, network);
    let statuses = world.statuses();
    world.until_an_advert(patience(given, &statuses));
    let failed = phase(&mut world, given, |world| {
        for fault in &faults {
            world.fail(fault);
        }
    });
    let back = phase(&mut world, given, |world| {
        for fault in &faults {
            world.heal(fault);
        }
    });
    Run {
        faults,
        failed,
        back,
    }
}

fn started<'a>(given: &'a [Given], network: &'a Network) -> (World<'a>, Rest) {
    let mut world = World::new(given, network);
    let began = world.now;
    world.come_to_rest(|statuses| {
        let delay = given.iter().map(|it| it.config.global.startup_delay).max();
        patience(given, statuses) + delay.unwrap_or_default()
    });
    let rest = rest(&world, began);
    (world, rest)
}

fn phase(world: &mut World<'_>, given: &[Given], happens: impl FnOnce(&mut World<'_>)) -> Rest {
    let began = world.now;
    world.begin_phase();
    happens(world);
    world.come_to_rest(|statuses| patience(given, statuses) + startup(given, statuses));
    rest(world, began)
}

/// Who starts again waits again.
fn startup(given: &[Given], statuses: &[Option<Status>]) -> Duration {
    let waits = |status: &&Option<Status>| {
        let instances = status.iter().flat_map(|status| &status.instances);
        instances.into_iter().any(|it| it.state == "INIT")
    };
    if statuses.iter().filter(waits).count() == 0 {
        return Duration::ZERO;
    }
    let delays = given.iter().map(|it| it.config.global.startup_delay);
    delays.max().unwrap_or_default()
}

fn rest(world: &World<'_>, began: Instant) -> Rest {
    let held = |owners: &Owners| Held {
        by: owners.nodes.clone(),
        after: owners.changed.map(|at| at.since(began)),
    };
    Rest {
        held: world.owners.iter().map(held).collect(),
        statuses: world.statuses(),
        restless: world.restless,
    }
}

/// How long nothing may change hands before it counts as rest: whatever may still be
/// waited for by anybody, one after the other.
fn patience(given: &[Given], statuses: &[Option<Status>]) -> Duration {
    let longest = |of: &dyn Fn(&Config) -> Option<Duration>| {
        let all = given.iter().filter_map(|it| of(&it.config));
        all.max().unwrap_or_default()
    };
    let interval = longest(&|config| {
        let all = config.instances.iter();
        all.map(|it| it.advert_interval).max()
    });
    let adverts = given.iter().flat_map(|it| &it.config.instances);
    let adverts = adverts.map(|it| it.down_timer_adverts).max().unwrap_or(3);
    // Version 2 counts the skew in whole seconds.
    let wire = timers::wire_interval_cs(crate::config::model::Version::V2, interval);
    let interval = interval.max(timers::centiseconds(wire).min(interval * 2));
    let down = interval * u32::from(adverts) + interval.max(Duration::from_secs(1));
    let script = longest(&|config| {
        let spans = config
            .scripts
            .iter()
            .map(|it| it.interval * (it.rise.max(it.fall) + 1));
        spans.max()
    });
    down * 2 + script + preemption(given, statuses) + Duration::from_millis(100)
}

/// `preempt_delay` of whoever follows a weaker router for no other reason.
fn preemption(given: &[Given], statuses: &[Option<Status>]) -> Duration {
    let mut longest = Duration::ZERO;
    for (it, status) in given.iter().zip(statuses) {
        for instance in &it.config.instances {
            let mut now = status.iter().flat_map(|status| &status.instances);
            let waits = now.any(|now| {
                now.name == instance.name
                    && now.state == "BACKUP"
                    && now
                        .active
                        .as_ref()
                        .is_some_and(|active| active.priority < now.effective_priority)
            });
            if waits {
                longest = longest.max(instance.preempt_delay);
            }
        }
    }
    longest
}
