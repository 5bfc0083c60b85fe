//! What a new configuration changes. Start-up is a diff from empty, so that a
//! reload has no second path.

use super::model::{
    Config, Family, Global, Instance, Probe, Script, SyncGroup, TrackFile, TrackProcess,
    balance::VirtualServer,
};
use core::net::IpAddr;
use std::collections::BTreeMap;

/// What makes two instances the same virtual router, whatever they are called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// `virtual_router_id`.
    pub vrid: u8,
    /// `interface`.
    pub interface: String,
    /// IPv6 rather than IPv4.
    pub v6: bool,
    /// Its multicast group, in another one of which somebody else may own; none in
    /// unicast.
    pub group: Option<IpAddr>,
}

impl Identity {
    /// Of an instance.
    pub fn of(instance: &Instance) -> Self {
        Self {
            vrid: instance.vrid,
            interface: instance.interface.clone(),
            v6: instance.family == Family::V6,
            group: instance.multicast_group(),
        }
    }
}

/// Of one kind of thing: each of the old and new ones is in exactly one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes<T> {
    /// Only in the new configuration, in its order.
    pub added: Vec<T>,
    /// In both, and different: old, then new.
    pub changed: Vec<(T, T)>,
    /// Only in the old one, in its order.
    pub removed: Vec<T>,
    /// The same in both.
    pub kept: Vec<T>,
}

impl<T> Default for Changes<T> {
    fn default() -> Self {
        Self {
            added: Vec::new(),
            changed: Vec::new(),
            removed: Vec::new(),
            kept: Vec::new(),
        }
    }
}

impl<T> Changes<T> {
    /// Nothing to do.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// From one configuration to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// `global_defs`, old and new, where they differ.
    pub global: Option<(Global, Global)>,
    /// `vrrp_script`, by name.
    pub scripts: Changes<Script>,
    /// `track_file`, by name.
    pub files: Changes<TrackFile>,
    /// `vrrp_track_process`, by name.
    pub processes: Changes<TrackProcess>,
    /// `vrrp_track_tcp` and `vrrp_track_http`, by kind and name.
    pub probes: Changes<Probe>,
    /// `vrrp_sync_group`, by name.
    pub groups: Changes<SyncGroup>,
    /// `vrrp_instance`, by [`Identity`]: a new name alone is a change, not a new router.
    pub instances: Changes<Instance>,
    /// `virtual_server`, by name.
    pub services: Changes<VirtualServer>,
    /// `lvs_timeouts` or `lvs_gone_servers` are others.
    pub balance_rules: bool,
}

impl Diff {
    /// What is to do to get from `old` to `new`. For a start, `old` is [`Config::default`].
    pub fn between(old: &Config, new: &Config) -> Self {
        Self {
            global: (old.global != new.global).then(|| (old.global.clone(), new.global.clone())),
            scripts: changes(&old.scripts, &new.scripts, |s| s.name.clone(), Script::eq),
            files: changes(&old.files, &new.files, |f| f.name.clone(), TrackFile::eq),
            processes: changes(
                &old.processes,
                &new.processes,
                |p| p.name.clone(),
                TrackProcess::eq,
            ),
            probes: changes(
                &old.probes,
                &new.probes,
                |p| (p.kind(), p.name.clone()),
                Probe::eq,
            ),
            groups: changes(&old.groups, &new.groups, |g| g.name.clone(), SyncGroup::eq),
            instances: changes(&old.instances, &new.instances, Identity::of, same_instance),
            services: changes(
                &old.balance.services,
                &new.balance.services,
                |s| s.name.clone(),
                VirtualServer::eq,
            ),
            balance_rules: (old.balance.timeouts, old.balance.gone)
                != (new.balance.timeouts, new.balance.gone),
        }
    }

    /// Nothing to do.
    pub fn is_empty(&self) -> bool {
        self.global.is_none()
            && self.scripts.is_empty()
            && self.files.is_empty()
            && self.processes.is_empty()
            && self.probes.is_empty()
            && self.groups.is_empty()
            && self.instances.is_empty()
            && self.services.is_empty()
            && !self.balance_rules
    }
}

/// Where in the file it stands does not matter.
fn same_instance(old: &Instance, new: &Instance) -> bool {
    *old == Instance {
        line: old.line,
        ..new.clone()
    }
}

fn changes<T: Clone, K: Ord>(
    old: &[T],
    new: &[T],
    key: impl Fn(&T) -> K,
    same: impl Fn(&T, &T) -> bool,
) -> Changes<T> {
    let mut out = Changes::default();
    let mut left: BTreeMap<K, &T> = old.iter().map(|item| (key(item), item)).collect();
    for item in new {
        match left.remove(&key(item)) {
            None => out.added.push(item.clone()),
            Some(before) if same(before, item) => out.kept.push(item.clone()),
            Some(before) => out.changed.push((before.clone(), item.clone())),
        }
    }
    let gone = old.iter().filter(|item| left.contains_key(&key(item)));
    out.removed = gone.cloned().collect();
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Context, load, tests::Memory};

    fn config(text: &str) -> Config {
        let loaded = load("/k", &mut Memory::one("/k", text), &Context::default());
        loaded
            .config
            .unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
    }

    fn instance(name: &str, vrid: u8, more: &str) -> String {
        format!(
            "vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {vrid}\nvirtual_ipaddress {{ 10.0.0.{vrid} }}\n{more}\n}}\n"
        )
    }

    fn names(items: &[Instance]) -> Vec<&str> {
        items.iter().map(|i| i.name.as_str()).collect()
    }

    #[test]
    fn a_start_adds_everything_and_the_same_again_nothing() {
        let new = config(&format!(
            "global_defs {{\nrouter_id r\n}}\n{}",
            instance("a", 1, "")
        ));
        let start = Diff::between(&Config::default(), &new);
        assert_eq!(names(&start.instances.added), ["a"]);
        assert!(start.global.is_some() && start.instances.removed.is_empty());
        let moved = config(&format!(
            "\n\n\nglobal_defs {{\nrouter_id r\n}}\n{}",
            instance("a", 1, "")
        ));
        let again = Diff::between(&new, &moved);
        assert!(again.is_empty(), "{again:?}");
        assert_eq!(names(&again.instances.kept), ["a"]);
    }

    #[test]
    fn identity_is_vrid_family_interface_and_cast() {
        let old = config(
            &[
                instance("a", 1, ""),
                instance("b", 2, ""),
                instance("c", 3, ""),
            ]
            .concat(),
        );
        let new = config(
            &[
                instance("renamed", 1, ""),
                instance("b", 2, "priority 90"),
                instance("c", 3, "unicast_peer { 10.9.9.9 }"),
            ]
            .concat(),
        );
        let diff = Diff::between(&old, &new);
        let changed: Vec<_> = diff
            .instances
            .changed
            .iter()
            .map(|(a, b)| (a.name.as_str(), b.name.as_str()))
            .collect();
        assert_eq!(changed, [("a", "renamed"), ("b", "b")]);
        assert_eq!(names(&diff.instances.added), ["c"]);
        assert_eq!(names(&diff.instances.removed), ["c"]);
    }

    #[test]
    fn services_go_by_name() {
        let text = |weight: u8, more: &str| {
            config(&format!(
                "{more}\nvirtual_server 10.0.0.1 80 {{\nlb_algo rr\nlb_kind DR\nprotocol TCP\nreal_server 10.0.0.2 80 {{\nweight {weight}\n}}\n}}\n"
            ))
        };
        let diff = Diff::between(&text(1, ""), &text(2, ""));
        assert_eq!((diff.services.changed.len(), diff.is_empty()), (1, false));
        assert!(Diff::between(&text(1, ""), &text(1, "")).is_empty());
        let rules = text(1, "global_defs {\nlvs_timeouts udp 60\n}");
        let diff = Diff::between(&text(1, ""), &rules);
        assert!(diff.balance_rules && diff.services.is_empty() && !diff.is_empty());
    }

    #[test]
    fn scripts_and_groups_go_by_name() {
        let text = |interval: u8, group: &str| {
            format!(
                "vrrp_script s {{\nscript /bin/true\ninterval {interval}\n}}\nvrrp_sync_group {group} {{\ngroup {{ a }}\n}}\n{}",
                instance("a", 1, "track_script { s }")
            )
        };
        let diff = Diff::between(&config(&text(1, "g")), &config(&text(2, "h")));
        assert_eq!(diff.scripts.changed.len(), 1);
        assert_eq!((diff.groups.added.len(), diff.groups.removed.len()), (1, 1));
        assert!(diff.instances.is_empty());
    }
}
