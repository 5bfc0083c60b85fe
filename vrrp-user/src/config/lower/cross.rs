//! What instances and groups must not do to one another.

use super::{complete::Completed, group::GroupDraft};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    keyword::suggest::nearest_name,
    model::Instance,
    tree::Statement,
    words::Word,
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(
    instances: &[Completed],
    groups: &[GroupDraft],
    root: &[Statement],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut taken: BTreeMap<_, &Instance> = BTreeMap::new();
    for one in instances {
        let i = &one.instance;
        let key = (&i.interface, i.family as u8, i.unicast.is_some(), i.vrid);
        if let Some(first) = taken.get(&key) {
            let found = Diagnostic::error(
                Code::DuplicateVrid,
                one.places.at("virtual_router_id"),
                format!(
                    "`{}` and `{}` both use VRID {} on {}",
                    first.name, i.name, i.vrid, i.interface
                ),
            );
            diagnostics
                .push(found.help("give each virtual router on an interface a VRID of its own"));
        } else {
            taken.insert(key, i);
        }
    }
    same_mac(instances, diagnostics);
    // An instance that cannot be read is still one.
    let named = root.iter().filter(|s| s.name() == "vrrp_instance");
    let names: BTreeSet<&str> = named
        .filter_map(|s| s.words.get(1))
        .map(|w| w.text.as_str())
        .collect();
    let mut owner: BTreeMap<&str, &str> = BTreeMap::new();
    for group in groups {
        for member in &group.members {
            if !names.contains(member.text.as_str()) {
                diagnostics.push(no_such_member(member, &names));
            } else if let Some(first) = owner.insert(&member.text, &group.group.name) {
                let found = Diagnostic::error(
                    Code::DuplicateName,
                    member.span,
                    format!("`{}` is already a member of group `{first}`", member.text),
                );
                diagnostics.push(found.help("an instance is in one sync group at most"));
            }
        }
    }
}

/// A virtual MAC on an interface is of one gate: what comes to it is taken in or not.
fn same_mac(instances: &[Completed], diagnostics: &mut Vec<Diagnostic>) {
    let mut taken: BTreeMap<(&str, [u8; 6]), &Instance> = BTreeMap::new();
    for one in instances {
        let i = &one.instance;
        let addresses = i.addresses.iter().chain(&i.excluded_addresses);
        for address in addresses.filter(|address| address.use_vmac) {
            let device = address.dev.as_ref().unwrap_or(&i.interface);
            let mac = i.virtual_mac(address.address.is_ipv6());
            let first = *taken.entry((device, mac)).or_insert(i);
            if core::ptr::eq(first, i) {
                continue;
            }
            let found = Diagnostic::error(
                Code::DuplicateVrid,
                one.places.at("virtual_router_id"),
                format!(
                    "`{}` and `{}` both use the same virtual MAC on {device}",
                    first.name, i.name
                ),
            );
            diagnostics.push(found.help(
                "give one of them another VRID, or a MAC of its own: `use_vmac 02:00:00:00:00:01`",
            ));
            break;
        }
    }
}

fn no_such_member(member: &Word, names: &BTreeSet<&str>) -> Diagnostic {
    let found = Diagnostic::error(
        Code::Undefined,
        member.span,
        format!("there is no `vrrp_instance {}`", member.text),
    );
    match nearest_name(names.iter().copied(), &member.text) {
        Some(name) => found.help(format!("write `{name}`")),
        None => found.help("name an instance that this file defines"),
    }
}
