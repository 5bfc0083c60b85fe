//! `static_ipaddress`, `static_routes`, `static_rules`, and the `track_group`s by
//! which instances track their interfaces.

use super::{address, body, complete::Completed, named, routing::Reader};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    keyword::suggest::nearest_name,
    model::{
        Instance,
        routing::{Route, Rule, StaticAddress, Statics},
    },
    tree::Statement,
    words::Word,
};
use std::collections::{BTreeMap, BTreeSet};

/// What keepalived takes where `default_interface` is not written.
const DEFAULT_INTERFACE: &str = "eth0";

pub(super) fn all(
    root: &[Statement],
    reader: &mut Reader<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Statics {
    let mut statics = Statics::default();
    let default = default_interface(root, diagnostics);
    for block in root {
        match block.name() {
            "static_ipaddress" => {
                for row in body(block) {
                    let read = static_address(row, default.as_deref(), reader, diagnostics);
                    statics.addresses.extend(read);
                }
            }
            "static_routes" => {
                let routes = reader.routes(body(block), true, diagnostics);
                statics.routes.extend(routes);
            }
            "static_rules" => {
                let rules = reader.rules(body(block), true, diagnostics);
                statics.rules.extend(rules);
            }
            _ => {}
        }
    }
    statics
}

fn default_interface(root: &[Statement], diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    let globals = root.iter().filter(|s| s.name() == "global_defs");
    let mut rows = globals.flat_map(body);
    let row = rows.rfind(|s| s.name() == "default_interface")?;
    address::interface(row.arguments().first()?, diagnostics)
}

fn static_address(
    row: &Statement,
    default: Option<&str>,
    reader: &Reader<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<StaticAddress> {
    // Only here may `track_group NAME` stand among the options of an address.
    let mut row = row.clone();
    let mut track_group = None;
    if let Some(at) = row.words.iter().position(|w| w.text == "track_group") {
        let keyword = row.words.remove(at);
        if at >= row.words.len() {
            let message = "nothing follows `track_group`";
            let found = Diagnostic::error(Code::MissingParameter, keyword.span, message);
            diagnostics.push(found.help("write `track_group NAME`"));
            return None;
        }
        track_group = Some(row.words.remove(at).text);
    }
    let mut address = address::virtual_address(&row, diagnostics)?;
    if address.dev.is_none() {
        let interface = default.unwrap_or(DEFAULT_INTERFACE);
        if default.is_none() {
            let message = format!("a static address without `dev` is placed on {interface}");
            let found = Diagnostic::warning(Code::Lint, row.span(), message);
            diagnostics.push(found.help("write `dev INTERFACE`"));
        }
        address.dev = Some(interface.to_owned());
    }
    address.origin = reader.origin(&row);
    Some(StaticAddress {
        address,
        track_group,
    })
}

/// Fills in the interfaces an instance tracks because its addresses, routes and
/// rules, or static ones of its track groups, need them.
pub(super) fn track(
    root: &[Statement],
    statics: &Statics,
    instances: &mut [Completed],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let groups = groups(root, diagnostics);
    let names: BTreeSet<&str> = instances
        .iter()
        .map(|one| one.instance.name.as_str())
        .collect();
    for member in groups.values().flatten() {
        if !names.contains(member.text.as_str()) {
            diagnostics.push(undefined(member, "vrrp_instance", names.iter().copied()));
        }
    }
    unknown_groups(root, &groups, diagnostics);
    for one in instances {
        let instance = &mut one.instance;
        let name = instance.name.clone();
        let of_group = |group: &Option<String>| {
            let members = group.as_ref().and_then(|group| groups.get(group));
            members.is_some_and(|members| members.iter().any(|member| member.text == name))
        };
        let mut devices: BTreeSet<String> = own(instance).map(str::to_owned).collect();
        let addresses = statics
            .addresses
            .iter()
            .filter(|it| of_group(&it.track_group));
        devices.extend(addresses.filter_map(|it| it.address.dev.clone()));
        let routes = statics.routes.iter().filter(|it| of_group(&it.track_group));
        devices.extend(routes.filter_map(|it| it.dev.clone()));
        let rules = statics.rules.iter().filter(|it| of_group(&it.track_group));
        devices.extend(rules.filter_map(|it| it.iif.clone()));
        devices.remove(&instance.interface);
        instance.devices = devices.into_iter().collect();
    }
}

fn own(instance: &Instance) -> impl Iterator<Item = &str> {
    let addresses = instance
        .addresses
        .iter()
        .chain(&instance.excluded_addresses);
    let addresses = addresses.filter(|it| !it.no_track);
    let routes = instance.routes.iter().filter(|it: &&Route| !it.no_track);
    let rules = instance.rules.iter().filter(|it: &&Rule| !it.no_track);
    // A route over several next hops goes only with the last of them.
    addresses
        .filter_map(|it| it.dev.as_deref())
        .chain(routes.filter_map(|it| it.dev.as_deref()))
        .chain(rules.flat_map(Rule::devices))
}

/// Members of every `track_group`.
fn groups(root: &[Statement], diagnostics: &mut Vec<Diagnostic>) -> BTreeMap<String, Vec<Word>> {
    let mut out = BTreeMap::new();
    for (name, statement) in named(root, "track_group", diagnostics) {
        let rows = body(statement).iter().filter(|it| it.name() == "group");
        let members = rows.flat_map(body).flat_map(|row| &row.words);
        let members: Vec<Word> = members.cloned().collect();
        if members.is_empty() {
            let message = format!("track group `{}` has no members", name.text);
            let found = Diagnostic::warning(Code::Incomplete, name.span, message);
            diagnostics.push(found.help("name them: `group { VI_1 VI_2 }`"));
        }
        out.insert(name.text.clone(), members);
    }
    out
}

fn unknown_groups(
    root: &[Statement],
    groups: &BTreeMap<String, Vec<Word>>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let blocks = ["static_ipaddress", "static_routes", "static_rules"];
    let rows = root
        .iter()
        .filter(|block| blocks.contains(&block.name()))
        .flat_map(body);
    for row in rows {
        for pair in row.words.windows(2) {
            if pair[0].text == "track_group" && !groups.contains_key(&pair[1].text) {
                let names = groups.keys().map(String::as_str);
                diagnostics.push(undefined(&pair[1], "track_group", names));
            }
        }
    }
}

fn undefined<'a>(word: &Word, what: &str, names: impl Iterator<Item = &'a str>) -> Diagnostic {
    let message = format!("there is no `{what} {}`", word.text);
    let found = Diagnostic::error(Code::Undefined, word.span, message);
    match nearest_name(names, &word.text) {
        Some(name) => found.help(format!("write `{name}`")),
        None => found.help(format!("name a `{what}` that this file defines")),
    }
}
