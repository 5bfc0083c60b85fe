//! `garp_group`: interfaces whose announcements keep one common distance.

use super::{address, body, complete::Completed, global};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    tree::Statement,
    value::surplus,
};
use core::time::Duration;
use std::collections::BTreeMap;

/// What a group says of its interfaces: no interval is none, whatever `global_defs` says.
#[derive(Clone, Copy)]
struct Group {
    number: u32,
    arp: Duration,
    na: Duration,
}

/// Puts every instance into the group of its interface.
pub(super) fn settle(
    root: &[Statement],
    instances: &mut [Completed],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let blocks = root.iter().filter(|block| block.name() == "garp_group");
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for (number, block) in (0..).zip(blocks) {
        let (group, members) = read(number, block, diagnostics);
        if members.is_empty() {
            let message = "`garp_group` without any interface rules nothing";
            diagnostics.push(
                Diagnostic::warning(Code::Incomplete, block.span(), message)
                    .help("name its interfaces: `interfaces { eth0 eth1 }`"),
            );
        }
        for (name, span) in members {
            if groups.contains_key(&name) {
                let message = format!("`{name}` is in a `garp_group` already; the first counts");
                diagnostics.push(
                    Diagnostic::warning(Code::Overruled, span, message).help("remove one of them"),
                );
                continue;
            }
            groups.insert(name, group);
        }
    }
    for done in instances {
        let instance = &mut done.instance;
        if let Some(group) = groups.get(&instance.interface) {
            instance.garp_group = Some(group.number);
            instance.garp.arp_interval = group.arp;
            instance.garp.na_interval = group.na;
        }
    }
}

type Members = Vec<(String, crate::config::source::Span)>;

fn read(number: u32, block: &Statement, diagnostics: &mut Vec<Diagnostic>) -> (Group, Members) {
    let mut group = Group {
        number,
        arp: Duration::ZERO,
        na: Duration::ZERO,
    };
    let mut members = Members::new();
    for statement in body(block) {
        let first = statement.arguments().first();
        match statement.name() {
            "garp_interval" => {
                group.arp = global::pace(first, diagnostics).unwrap_or(group.arp);
                surplus(statement.arguments(), 1, diagnostics);
            }
            "gna_interval" => {
                group.na = global::pace(first, diagnostics).unwrap_or(group.na);
                surplus(statement.arguments(), 1, diagnostics);
            }
            "interface" => {
                let name = first.and_then(|word| address::interface(word, diagnostics));
                members.extend(name.map(|name| (name, statement.span())));
                surplus(statement.arguments(), 1, diagnostics);
            }
            "interfaces" => {
                for row in body(statement) {
                    for word in &row.words {
                        let name = address::interface(word, diagnostics);
                        members.extend(name.map(|name| (name, word.span)));
                    }
                }
            }
            _ => {}
        }
    }
    (group, members)
}
