//! What would change the state.

use super::{
    Case,
    facts::{Outcome, WhatIf},
};
use crate::time::in_words;

impl Case<'_> {
    pub(super) fn change(&self) -> Vec<String> {
        let mut told = Vec::new();
        match self.it.state.as_str() {
            "MASTER" => self.away_from_master(&mut told),
            "BACKUP" if !self.it.claiming => self.to_master(&mut told),
            "FAULT" => told.push(
                "It takes part again as BACKUP, and waits for the MASTER's silence, once none of what keeps it out is left."
                    .into(),
            ),
            _ => {}
        }
        told
    }

    fn away_from_master(&self, told: &mut Vec<String>) {
        let it = self.it;
        let ours = it.effective_priority;
        let tie = it.source.map_or(String::new(), |source| {
            format!(", or {ours} from an address greater than {source}")
        });
        told.push(if ours == 255 {
            String::from("No priority is higher: only another router with 255 and a greater address takes over.")
        } else {
            format!("It is BACKUP as soon as a router advertises a priority above {ours}{tie}.")
        });
        let rival = self
            .peers()
            .into_iter()
            .filter(|peer| peer.priority != 0)
            .max_by_key(|peer| (peer.priority, peer.source));
        if let Some(rival) = &rival
            && rival.priority < ours
        {
            told.push(format!(
                "Its priority would have to drop below {} for {} to take over, if that still has the priority it was last heard with and preempts.",
                rival.priority, rival.source
            ));
        }
        for what_if in &it.why.what_if {
            let Some((now, other, verb)) = turned(it, what_if) else {
                continue;
            };
            let what = format!("{} {} {verb}", what_if.kind, what_if.name);
            if other.effect == "fault" {
                told.push(format!(
                    "{} would be a FAULT, and end it at once.",
                    sentence(&what)
                ));
                continue;
            }
            let changed = self.with(other.change - now.change);
            if changed >= ours {
                continue;
            }
            let verdict = match &rival {
                Some(rival) if changed < rival.priority => {
                    format!("enough for {} to take over", rival.source)
                }
                Some(rival) => format!("not below the {} of {}", rival.priority, rival.source),
                None => String::from("and nobody is known who has more"),
            };
            told.push(format!(
                "{} would lower its priority to {changed}: {verdict}.",
                sentence(&what)
            ));
        }
        if it.key.is_some() {
            told.push(format!(
                "{} going down would be a FAULT, unless `dont_track_primary` is set.",
                it.interface
            ));
        }
    }

    fn to_master(&self, told: &mut Vec<String>) {
        let it = self.it;
        let ours = it.effective_priority;
        if let Some(left) = self.down_timer() {
            let whom = self
                .master()
                .map_or(String::from("everybody"), |(source, _)| source.to_string());
            told.push(format!(
                "Silence of {whom} for {} more makes it MASTER.",
                in_words(left)
            ));
        }
        let Some((source, theirs)) = self.master() else {
            return;
        };
        if theirs < ours || theirs == 0 {
            return;
        }
        if it.why.nopreempt || it.held {
            let why = if it.held {
                "it was handed over"
            } else {
                "of `nopreempt`"
            };
            told.push(format!("Nothing but silence does, because {why}."));
            return;
        }
        told.push(format!(
            "So does {source} falling below priority {ours}, or its own priority rising above {theirs}."
        ));
        for what_if in &it.why.what_if {
            let Some((now, other, verb)) = turned(it, what_if) else {
                continue;
            };
            let changed = self.with(other.change - now.change);
            if changed <= ours || other.effect == "fault" {
                continue;
            }
            let verdict = if changed > theirs {
                "which is enough"
            } else {
                "which is not enough"
            };
            let what = format!("{} {} {verb}", what_if.kind, what_if.name);
            told.push(format!(
                "{} would raise it to {changed}, {verdict}.",
                sentence(&what)
            ));
        }
    }

    /// Its priority if everything it tracks together changed it by so much more.
    fn with(&self, more: i32) -> u8 {
        let tracked: i32 = self.it.tracked.iter().map(|it| it.change).sum();
        let sum = i32::from(self.it.priority) + tracked + more;
        u8::try_from(sum.clamp(1, 254)).unwrap_or(1)
    }
}

/// What a tracked thing does now, what it would do the other way round, and how that
/// comes about; none while it is not known how it stands.
fn turned<'a>(
    it: &super::facts::Instance,
    what_if: &'a WhatIf,
) -> Option<(&'a Outcome, &'a Outcome, &'static str)> {
    let same = |tracked: &&super::facts::Tracked| {
        (&tracked.kind, &tracked.name) == (&what_if.kind, &what_if.name)
    };
    let tracked = it.tracked.iter().find(same)?;
    let interface = what_if.kind == "interface";
    let (now, other, verb) = match tracked.value.as_str() {
        "up" if interface => (&what_if.up, &what_if.down, "going down"),
        "up" => (&what_if.up, &what_if.down, "failing"),
        "down" if interface => (&what_if.down, &what_if.up, "coming up"),
        "down" => (&what_if.down, &what_if.up, "succeeding"),
        _ => return None,
    };
    (now != other).then_some((now, other, verb))
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}
