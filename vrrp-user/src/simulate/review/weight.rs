//! Weights that never flip the owner, and what keeps them from it.

use super::{Part, Review, outcome::the_one};
use crate::{
    config::model::Tracked,
    simulate::{
        faults::Fault,
        report::Severity,
        run::{Rest, Run, Start},
    },
};

/// Largest weight there is.
const MOST: i32 = 253;

impl Review<'_> {
    /// What an owner tracks fails, and it stays owner beside a sound router.
    pub(super) fn weights(
        &mut self,
        index: usize,
        parts: &[Part<'_>],
        owner: Part<'_>,
        start: &Start,
        runs: &[Run],
    ) {
        let alone = runs.iter().filter(|run| run.faults.len() == 1);
        for run in alone {
            let Some(fault) = run.faults.first() else {
                continue;
            };
            let Some((keyword, tracked)) = tracked(owner, fault) else {
                continue;
            };
            let sound = parts
                .iter()
                .filter(|part| part.node != owner.node && self.is_sound(**part, &run.faults))
                .max_by_key(|part| priority(**part, &run.failed));
            let Some(rival) = sound.copied() else {
                continue;
            };
            let before = priority(owner, &start.rest);
            let after = priority(owner, &run.failed);
            let theirs = priority(rival, &run.failed);
            let moves = format!(
                "{} failing on {} takes {} from priority {before} to {after}",
                tracked.name, owner.name, owner.instance.name
            );
            let row = [keyword, tracked.name.as_str()];
            let stays =
                the_one(parts, &run.failed.held[index]).is_some_and(|it| it.node == owner.node);
            if stays && after < theirs && rival.instance.nopreempt {
                let message = format!(
                    "{moves}, below the {theirs} of {}, which does not take over all the same: it has `nopreempt`",
                    rival.name
                );
                let help = "write `weight 0`, so that a failure is a FAULT and ends the adverts, or remove `nopreempt`";
                self.about(rival, &["nopreempt"], message, help);
            } else if after == theirs && tracked.weight != 0 {
                let message = format!(
                    "{moves}, the same as {} has: the greater address decides whether it takes over",
                    rival.name
                );
                self.about(owner, &row, message, enough(before, theirs, tracked));
            } else if stays && tracked.weight != 0 {
                let message = format!("{moves}, and {} has {theirs}: it stays MASTER", rival.name);
                let joint = self.joint(index, parts, owner, fault, runs);
                let (severity, message) = match joint {
                    Some(with) => (
                        Severity::Note,
                        format!("{message}; together with {with} it does not"),
                    ),
                    None => (Severity::Finding, message),
                };
                self.tell(
                    severity,
                    owner,
                    &row,
                    message,
                    enough(before, theirs, tracked),
                );
            }
        }
    }

    /// Something else that it tracks, with which the owner changes.
    fn joint(
        &self,
        index: usize,
        parts: &[Part<'_>],
        owner: Part<'_>,
        fault: &Fault,
        runs: &[Run],
    ) -> Option<String> {
        let mut pairs = runs
            .iter()
            .filter(|run| run.faults.len() > 1 && run.faults.contains(fault));
        pairs.find_map(|run| {
            let weighted = |it: &&Fault| tracked(owner, it).is_some_and(|(_, it)| it.weight != 0);
            let all = run.faults.iter().filter(weighted).count() == run.faults.len();
            let other = run.faults.iter().find(|it| *it != fault)?;
            let now = the_one(parts, &run.failed.held[index])?;
            (all && now.node != owner.node).then(|| other.words(self.given))
        })
    }
}

/// What would flip it.
fn enough(before: i32, theirs: i32, tracked: &Tracked) -> String {
    let needed = before - theirs + 1;
    if needed > MOST {
        return String::from("write `weight 0`, so that a failure is a FAULT");
    }
    if tracked.weight < 0 {
        format!("write `weight -{needed}` or less, or `weight 0` so that a failure is a FAULT")
    } else {
        format!(
            "a failure has to take off {needed} at least: write `weight {needed}` or more and lower the `priority` by as much as you add, or `weight 0` so that a failure is a FAULT"
        )
    }
}

/// The row of the instance that a fault concerns.
fn tracked<'a>(part: Part<'a>, fault: &Fault) -> Option<(&'static str, &'a Tracked)> {
    if fault.node() != part.node {
        return None;
    }
    let (keyword, list, name) = match fault {
        Fault::Node(_) => return None,
        Fault::Link(_, name) => ("track_interface", &part.instance.track_interfaces, name),
        Fault::Script(_, name) => ("track_script", &part.instance.track_scripts, name),
    };
    let row = list.iter().find(|it| it.name == *name)?;
    Some((keyword, row))
}

/// Effective priority; 0 while it is off.
fn priority(part: Part<'_>, rest: &Rest) -> i32 {
    let status = rest.statuses.get(part.node).and_then(Option::as_ref);
    let mut instances = status.into_iter().flat_map(|status| &status.instances);
    let it = instances.find(|it| it.name == part.instance.name);
    it.map_or(0, |it| i32::from(it.effective_priority))
}
