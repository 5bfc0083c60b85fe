//! What the schedules contained: a feature that never occurs is not tested.

use crate::{node::Stage, world::World};
use std::{collections::BTreeMap, fmt};
use vrrp_user::config::model::Version;

/// Must occur in a default run, besides a stall before every effect.
const WANTED: [&str; 58] = [
    "2 nodes",
    "3 nodes",
    "4 nodes",
    "5 nodes",
    "version 2",
    "version 3",
    "an interval of 10 ms",
    "an interval of 100 ms",
    "an interval of 1 s",
    "an interval of a minute and more",
    "m = 0",
    "m = 1",
    "m = 2",
    "two adverts are waited for",
    "unicast",
    "a sync group",
    "equal priorities",
    "priority 255",
    "nopreempt",
    "preempt_delay",
    "clocks 200 ppm apart",
    "a stock peer",
    "a stock peer that claims",
    "a stock peer that restarts",
    "a stock peer that stops",
    "a loss",
    "two losses in a row",
    "a duplicate",
    "a frame that overtakes another",
    "a stall of an event loop",
    "a stall of a transmit thread",
    "a stall of a whole daemon",
    "a whole daemon that stalls between two effects",
    "a kill",
    "a termination",
    "a restart that leaves all in place",
    "a claim that is resumed",
    "a reboot",
    "a cut",
    "a link that goes down",
    "a script that fails",
    "a send that fails",
    "a reload of the priority",
    "a reload to a shorter interval",
    "a reload to a longer interval",
    "a reload that makes a sync group",
    "a reload that dissolves a sync group",
    "a stranger that resigns",
    "a claim beaten in the kernel",
    "an advert that tc drops",
    "an announcement",
    "an announcement that tc drops",
    "a lease that ended unasked",
    "a lease that was renewed by its own claim",
    "another form known to all",
    "a claim given up",
    "a failed send reported",
    "a gate opened",
];

/// In how many schedules each thing occurred.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census {
    schedules: u64,
    stalls: BTreeMap<Stage, u64>,
    seen: BTreeMap<&'static str, u64>,
}

impl Census {
    pub(crate) fn of(world: &World) -> Self {
        let mut census = Self {
            schedules: 1,
            stalls: world.stalled_at.iter().map(|&stage| (stage, 1)).collect(),
            seen: world.census.keys().map(|&what| (what, 1)).collect(),
        };
        for what in described(world) {
            census.seen.insert(what, 1);
        }
        census
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.schedules += other.schedules;
        for (&stage, count) in &other.stalls {
            *self.stalls.entry(stage).or_default() += count;
        }
        for (&what, count) in &other.seen {
            *self.seen.entry(what).or_default() += count;
        }
    }

    /// What should have occurred and did not.
    pub(crate) fn missing(&self) -> Vec<String> {
        let stages = Stage::OF_LOOP.iter().chain(&Stage::OF_SENDER);
        let stalls = stages
            .filter(|stage| !self.stalls.contains_key(stage))
            .map(|stage| format!("a stall before {stage:?}"));
        let seen = WANTED
            .iter()
            .filter(|what| !self.seen.contains_key(*what))
            .map(ToString::to_string);
        stalls.chain(seen).collect()
    }
}

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "of {} schedules so many had", self.schedules)?;
        for (what, count) in &self.seen {
            writeln!(f, "{count:>7} {what}")?;
        }
        writeln!(f, "and a stall of a thread before")?;
        for (stage, count) in &self.stalls {
            writeln!(f, "{count:>7} {stage:?}")?;
        }
        Ok(())
    }
}

/// What a schedule is made of.
fn described(world: &World) -> Vec<&'static str> {
    let schedule = world.schedule();
    let config = &schedule.configs[0];
    let instance = &config.instances[0];
    let priorities: Vec<u8> = schedule
        .configs
        .iter()
        .map(|config| config.instances[0].priority)
        .collect();
    let ppm = || world.nodes.iter().map(|node| node.clock.ppm);
    let mut described = vec![
        ["2 nodes", "3 nodes", "4 nodes", "5 nodes"][schedule.configs.len() - 2],
        match instance.version {
            Version::V2 => "version 2",
            Version::V3 => "version 3",
        },
        match instance.advert_interval.as_millis() {
            10 => "an interval of 10 ms",
            100 => "an interval of 100 ms",
            1000 => "an interval of 1 s",
            1400 => "an interval of 1.4 s",
            _ => "an interval of a minute and more",
        },
        ["m = 0", "m = 1", "m = 2"][usize::from(schedule.loss_tolerance)],
    ];
    let wanted = [
        (
            instance.down_timer_adverts == 2,
            "two adverts are waited for",
        ),
        (instance.unicast.is_some(), "unicast"),
        (!config.groups.is_empty(), "a sync group"),
        (
            priorities.windows(2).any(|two| two[0] == two[1]),
            "equal priorities",
        ),
        (priorities.contains(&255), "priority 255"),
        (instance.nopreempt, "nopreempt"),
        (!instance.preempt_delay.is_zero(), "preempt_delay"),
        (
            ppm().max() == Some(100) && ppm().min() == Some(-100),
            "clocks 200 ppm apart",
        ),
        (!schedule.peers.is_empty(), "a stock peer"),
    ];
    described.extend(wanted.iter().filter(|(is, _)| *is).map(|(_, what)| *what));
    described
}
