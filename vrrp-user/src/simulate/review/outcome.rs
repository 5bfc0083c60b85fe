//! What came of the failures: nobody, two, or the wrong one.

use super::{Part, Review};
use crate::{
    config::model::Config,
    simulate::{
        faults::Fault,
        network::VirtualRouter,
        report::{Finding, Severity},
        run::{Held, Rest, Run, Start},
    },
};
use std::collections::BTreeSet;

impl Review<'_> {
    pub(super) fn outcome(&mut self, start: &Start, runs: &[Run]) {
        let network = self.network;
        for (index, router) in network.routers.iter().enumerate() {
            let parts = self.parts(router);
            let nodes: BTreeSet<usize> = parts.iter().map(|part| part.node).collect();
            let Some(first) = parts.first().copied() else {
                continue;
            };
            if nodes.len() < 2 {
                continue;
            }
            let held = &start.rest.held[index];
            if let Some(owner) = the_one(&parts, held) {
                self.hints(&parts, owner);
                self.comes_back(index, &parts, owner, runs);
                self.weights(index, &parts, owner, start, runs);
            } else if held.by.is_empty() {
                let message = format!(
                    "nobody becomes MASTER of VRID {}{}",
                    router.vrid,
                    because(&parts, &start.rest)
                );
                self.about(
                    first,
                    &[],
                    message,
                    "see `xvrrpd check` for each of the files",
                );
                continue;
            } else {
                let message = format!(
                    "{} are MASTER of VRID {} at the same time",
                    self.names(held),
                    router.vrid
                );
                let help = "they do not hear each other: see the other findings";
                self.about(first, &[], message, help);
                continue;
            }
            self.nobody(index, router, &parts, runs);
            self.several(index, router, &parts, runs);
        }
        self.split_groups(start, runs);
        self.restless(start, runs);
    }

    /// Owners, by name.
    fn names(&self, held: &Held) -> String {
        let names = held.by.iter().filter_map(|&node| self.given.get(node));
        let names: Vec<&str> = names.map(|it| it.name.as_str()).collect();
        names.join(" and ")
    }

    fn words(&self, faults: &[Fault]) -> String {
        let words: Vec<String> = faults.iter().map(|it| it.words(self.given)).collect();
        words.join(" and ")
    }

    /// None of the faults touches it, nor its group.
    pub(super) fn is_sound(&self, part: Part<'_>, faults: &[Fault]) -> bool {
        let Some(it) = self.given.get(part.node) else {
            return false;
        };
        let together = companions(&it.config, &part.instance.name);
        let members = it.config.instances.iter();
        let mut members = members.filter(|it| together.contains(it.name.as_str()));
        !members.any(|member| faults.iter().any(|fault| fault.concerns(part.node, member)))
    }

    fn nobody(&mut self, index: usize, router: &VirtualRouter, parts: &[Part<'_>], runs: &[Run]) {
        let lost = |run: &&Run| run.failed.held[index].by.is_empty();
        let avoidable = |run: &&Run| {
            let sound = parts.iter().any(|part| self.is_sound(*part, &run.faults));
            // With a weight instead of a FAULT the better of them would stay.
            let soft = |fault: &Fault| match fault {
                Fault::Node(_) => false,
                Fault::Script(..) => true,
                Fault::Link(node, link) => {
                    let instances = &self.given[*node].config.instances;
                    !instances.iter().any(|it| it.interface == *link)
                }
            };
            sound || run.faults.iter().all(soft)
        };
        let all: Vec<&Run> = runs.iter().filter(lost).filter(avoidable).collect();
        let Some(run) = all.first() else { return };
        let message = format!(
            "nobody is MASTER of VRID {} after {} {}{}{}",
            router.vrid,
            self.words(&run.faults),
            fails(&run.faults),
            because(parts, &run.failed),
            more(all.len())
        );
        let help = "a `weight` instead of 0 lets the better of them stay MASTER where all fail";
        if let Some(part) = parts.first() {
            self.about(*part, &[], message, help);
        }
    }

    fn several(&mut self, index: usize, router: &VirtualRouter, parts: &[Part<'_>], runs: &[Run]) {
        let both = |run: &&Run| run.failed.held[index].by.len() > 1;
        let all: Vec<&Run> = runs.iter().filter(both).collect();
        let Some(run) = all.first() else { return };
        let message = format!(
            "{} are MASTER of VRID {} at the same time after {} {}{}",
            self.names(&run.failed.held[index]),
            router.vrid,
            self.words(&run.faults),
            fails(&run.faults),
            more(all.len())
        );
        let deaf = parts.iter().find(|part| part.instance.dont_track_primary);
        let (part, help) = match deaf {
            Some(part) => (
                Some(part),
                "remove `dont_track_primary`: who loses the link goes on as MASTER",
            ),
            None => (
                parts.first(),
                "they do not hear each other: see the other findings",
            ),
        };
        if let Some(part) = part {
            self.about(*part, &["dont_track_primary"], message, help);
        }
    }

    /// All is well again, and another one stays MASTER.
    fn comes_back(&mut self, index: usize, parts: &[Part<'_>], owner: Part<'_>, runs: &[Run]) {
        for run in runs.iter().filter(|run| run.faults.len() == 1) {
            let Some(now) = the_one(parts, &run.back.held[index]) else {
                continue;
            };
            if now.node == owner.node || now.instance.priority == owner.instance.priority {
                continue;
            }
            let what = self.words(&run.faults);
            let stays = format!(
                "after {what} has failed and is back, {} stays MASTER although {} has priority {}",
                now.words(),
                owner.name,
                owner.instance.priority
            );
            if owner.instance.nopreempt {
                let help = "that is what `nopreempt` is for; without it the higher priority takes over again";
                self.tell(Severity::Note, owner, &["nopreempt"], stays, help);
            } else {
                let help = "give it the higher `priority`";
                self.about(owner, &["priority"], stays, help);
            }
            return;
        }
    }

    /// Members of one group that ended on different nodes.
    fn split_groups(&mut self, start: &Start, runs: &[Run]) {
        let (given, network) = (self.given, self.network);
        for (node, it) in given.iter().enumerate() {
            for group in &it.config.groups {
                let members: Vec<usize> = (0..network.routers.len())
                    .filter(|&router| self.group_of(node, router) == Some(group.name.as_str()))
                    .filter(|&router| network.routers[router].parts.len() > 1)
                    .collect();
                let owners = |rest: &Rest| -> BTreeSet<Vec<usize>> {
                    let held = members.iter().map(|&router| &rest.held[router].by);
                    held.map(|by| by.iter().copied().collect()).collect()
                };
                if owners(&start.rest).len() > 1 {
                    continue;
                }
                let split = runs.iter().find(|run| owners(&run.failed).len() > 1);
                let Some(run) = split else { continue };
                let each: Vec<String> = members
                    .iter()
                    .map(|&router| {
                        let held = &run.failed.held[router];
                        let who = self.names(held);
                        let who = if who.is_empty() { "nobody".into() } else { who };
                        format!("VRID {} is with {who}", network.routers[router].vrid)
                    })
                    .collect();
                let message = format!(
                    "sync group {} comes apart after {} {}: {}",
                    group.name,
                    self.words(&run.faults),
                    fails(&run.faults),
                    each.join(", ")
                );
                self.findings.push(Finding {
                    severity: Severity::Finding,
                    place: self.place(node, &["vrrp_sync_group", &group.name]),
                    message,
                    help: Some("write the same members in a group on every router".into()),
                });
            }
        }
    }

    fn restless(&mut self, start: &Start, runs: &[Run]) {
        let unsettled = runs
            .iter()
            .find(|run| run.failed.restless || run.back.restless);
        let when = if start.rest.restless {
            String::from("the start")
        } else if let Some(run) = unsettled {
            format!("{} {}", self.words(&run.faults), fails(&run.faults))
        } else {
            return;
        };
        self.findings.push(Finding {
            severity: Severity::Finding,
            place: None,
            message: format!("these nodes do not come to rest after {when}"),
            help: Some("the addresses go on changing hands: see the other findings".into()),
        });
    }
}

/// The only owner.
pub(super) fn the_one<'a>(parts: &[Part<'a>], held: &Held) -> Option<Part<'a>> {
    let mut by = held.by.iter();
    let (Some(node), None) = (by.next(), by.next()) else {
        return None;
    };
    parts.iter().find(|part| part.node == *node).copied()
}

/// Why each of them is in FAULT.
fn because(parts: &[Part<'_>], rest: &Rest) -> String {
    let mut reasons = Vec::new();
    for part in parts {
        let status = rest.statuses.get(part.node).and_then(Option::as_ref);
        let instances = status.into_iter().flat_map(|status| &status.instances);
        for it in instances.filter(|it| it.name == part.instance.name) {
            if !it.fault_text.is_empty() {
                reasons.push(format!("{}: {}", part.name, it.fault_text.join(", ")));
            }
        }
    }
    if reasons.is_empty() {
        String::new()
    } else {
        format!(" ({})", reasons.join("; "))
    }
}

/// Instances that share a fate with this one.
fn companions<'a>(config: &'a Config, instance: &'a str) -> BTreeSet<&'a str> {
    let groups = config.groups.iter();
    let mut together: BTreeSet<&str> = groups
        .filter(|group| group.members.iter().any(|it| it == instance))
        .flat_map(|group| group.members.iter().map(String::as_str))
        .collect();
    together.insert(instance);
    together
}

const fn fails(faults: &[Fault]) -> &'static str {
    if faults.len() == 1 { "fails" } else { "fail" }
}

fn more(count: usize) -> String {
    match count {
        0 | 1 => String::new(),
        2 => String::from("; the same after one more failure"),
        n => format!("; the same after {} more failures", n - 1),
    }
}
