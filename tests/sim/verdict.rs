//! What is wrong with a run.

use crate::{
    schedule::Kind,
    world::{TrueNs, World, ns},
};
use std::{collections::BTreeMap, fmt};

/// What is wrong with one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Two gates were open at once.
    TwoOwners(String),
    /// A router that was not to preempt has done so.
    TakenBack(String),
    /// It never comes to its end.
    Endless,
    /// In the end there is not exactly one owner, which says so.
    NotSettled(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TwoOwners(what) => write!(f, "two open gates: {what}"),
            Self::TakenBack(what) => write!(f, "taken back: {what}"),
            Self::Endless => f.write_str("endless"),
            Self::NotSettled(what) => write!(f, "not settled: {what}"),
        }
    }
}

/// Of a run that has come to its end, or to its first violation.
pub(crate) fn of(world: &mut World) -> Option<Verdict> {
    if let Some(violation) = world.violations.first() {
        return Some(Verdict::TwoOwners(format!("{violation:?}")));
    }
    if let Some(why) = taken_back(world) {
        return Some(Verdict::TakenBack(why));
    }
    if world.is_endless() {
        return Some(Verdict::Endless);
    }
    let mut unsettled = not_settled(world)?;
    // A lease without slack is claimed again and again: look between the claims.
    if world.schedule().flaps() {
        let interval = ns(world.schedule().interval);
        for part in 1..20 {
            world.run_until(world.schedule().end_ns + part * interval / 10);
            unsettled = not_settled(world)?;
        }
    }
    Some(Verdict::NotSettled(unsettled))
}

/// Where nobody preempts and nothing else goes wrong, who has owned for two
/// intervals after another's stall goes on owning.
fn taken_back(world: &World) -> Option<String> {
    let schedule = world.schedule();
    if schedule.kind != Kind::Stalled || schedule.flaps() {
        return None;
    }
    let from: TrueNs = schedule.faults.first()?.0;
    let stalled = world.openings.iter().rfind(|(at, ..)| *at < from)?.1;
    let after = world.openings.iter().filter(|(at, ..)| *at >= from);
    let mut successors = after.clone().filter(|(_, node, _)| *node != stalled);
    let (taken, successor, vip) = successors.next()?;
    let known = taken + 2 * ns(schedule.interval);
    let (back, node, _) = after
        .clone()
        .find(|(at, node, of)| *at > known && node != successor && of == vip)?;
    Some(format!(
        "{vip} by {node} at {back}, from {successor}, who had it since {taken}"
    ))
}

/// In the end each address has one owner, and one instance says so.
fn not_settled(world: &World) -> Option<String> {
    let schedule = world.schedule();
    for instance in &schedule.configs[0].instances {
        let vip = instance.addresses[0].address;
        let open: Vec<u8> = (0..world.nodes.len())
            .filter(|&node| world.open_vips(node).contains(&vip))
            .map(|node| world.nodes[node].id)
            .collect();
        let states: BTreeMap<u8, _> = world
            .nodes
            .iter()
            .map(|node| (node.id, node.state(&instance.name)))
            .collect();
        let active = states
            .values()
            .filter(|state| **state == Some("MASTER"))
            .count();
        let stock = world.peers.iter().filter(|peer| peer.active).count();
        if active + stock != 1 || open.len() != active {
            return Some(format!(
                "{vip} at the end: open on {open:?}, states {states:?}, stock peers active {stock}"
            ));
        }
    }
    None
}
