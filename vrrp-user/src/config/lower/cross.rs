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
