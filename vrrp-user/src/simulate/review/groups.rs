//! Sync groups with other members on one router than on another.

use super::Review;
use crate::simulate::report::{Finding, Severity};
use std::collections::BTreeSet;

impl Review<'_> {
    pub(super) fn groups(&mut self) {
        let given = self.given;
        for (node, it) in given.iter().enumerate() {
            for group in &it.config.groups {
                for other in 0..given.len() {
                    if other != node {
                        self.group(node, &group.name, other);
                    }
                }
            }
        }
    }

    /// What moves as one on `node` has to move as one on `other`.
    fn group(&mut self, node: usize, name: &str, other: usize) {
        let given = self.given;
        let ours = self.members(node, name);
        let shared: BTreeSet<usize> = ours
            .iter()
            .copied()
            .filter(|&router| self.has(other, router))
            .collect();
        let their_groups: BTreeSet<Option<&str>> = shared
            .iter()
            .map(|&router| self.group_of(other, router))
            .collect();
        if shared.len() < 2 || their_groups.len() == 1 && !their_groups.contains(&None) {
            return;
        }
        let label = |router: &usize| format!("VRID {}", self.network.routers[*router].vrid);
        let list: Vec<String> = shared.iter().map(label).collect();
        let message = format!(
            "sync group {name} moves {} together on {}, but {} has them in no common group: half of them can stay behind",
            list.join(" and "),
            given[node].name,
            given[other].name
        );
        self.findings.push(Finding {
            severity: Severity::Finding,
            place: self.place(node, &["vrrp_sync_group", name]),
            message,
            help: Some("write the same members in a group on both".into()),
        });
    }

    /// Virtual routers of a group.
    fn members(&self, node: usize, name: &str) -> BTreeSet<usize> {
        (0..self.network.routers.len())
            .filter(|&router| self.group_of(node, router) == Some(name))
            .collect()
    }

    fn has(&self, node: usize, router: usize) -> bool {
        let parts = &self.network.routers[router].parts;
        parts.iter().any(|(of, _)| *of == node)
    }

    /// The group a virtual router is in on a node.
    pub(super) fn group_of(&self, node: usize, router: usize) -> Option<&str> {
        let parts = &self.network.routers.get(router)?.parts;
        let (_, index) = parts.iter().find(|(of, _)| *of == node)?;
        let config = &self.given.get(node)?.config;
        let instance = config.instances.get(*index)?;
        let mut groups = config.groups.iter();
        let group = groups.find(|it| it.members.contains(&instance.name))?;
        Some(&group.name)
    }
}
