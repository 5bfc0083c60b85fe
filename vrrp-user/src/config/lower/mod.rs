//! Tree to typed model, with keepalived's defaults.

mod address;
mod authentication;
mod balance;
mod checksum;
mod complete;
mod cross;
mod dbus;
mod delays;
mod file;
mod garp_group;
mod global;
mod group;
mod hmac;
mod instance;
mod multicast;
mod notify;
mod probe;
mod process;
pub(crate) mod routing;
mod script;
mod statics;
mod strict;
mod telling;
mod track;
mod trackers;
mod transmit;
mod vmac;

pub(crate) use complete::Completed;
pub(super) use hmac::read_key_files;
pub(crate) use trackers::{Trackers, tracked_by};

use super::{
    diagnostic::{Code, Diagnostic},
    lint,
    model::Config,
    source::{Files, Span},
    tree::Statement,
    words::Word,
};
use complete::Shared;
use std::collections::{BTreeMap, BTreeSet};
use track::Track;

/// Places of the keywords of one block, by keyword; the first of each.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    name: Span,
    keywords: BTreeMap<&'static str, Span>,
}

impl Places {
    fn new(name: Span) -> Self {
        Self {
            name,
            keywords: BTreeMap::new(),
        }
    }

    fn set(&mut self, keyword: &'static str, span: Span) {
        self.keywords.entry(keyword).or_insert(span);
    }

    /// Where the keyword stands; the block's name if it is not written.
    pub(crate) fn at(&self, keyword: &str) -> Span {
        self.get(keyword).unwrap_or(self.name)
    }

    /// Where the keyword stands, if it is written.
    pub(crate) fn get(&self, keyword: &str) -> Option<Span> {
        self.keywords.get(keyword).copied()
    }
}

/// The whole file. What could not be understood has left a diagnostic, and a
/// value that is good enough to find more.
pub(crate) fn lower(
    root: &[Statement],
    skipped_ids: &BTreeMap<String, u32>,
    files: &Files,
    names: &routing::names::Names,
    diagnostics: &mut Vec<Diagnostic>,
) -> Config {
    let mut globals = global::Globals::default();
    for statement in root {
        match statement.name() {
            "global_defs" => globals.read(body(statement), diagnostics),
            "instance" => globals.instance(statement, diagnostics),
            "net_namespace" => globals.net_namespace(statement, diagnostics),
            _ => {}
        }
    }
    globals.settle(diagnostics);
    let trackers = Trackers::read(root, skipped_ids, diagnostics);
    let mut groups = group::all(root, &globals, diagnostics);
    let drafts = instance::all(root, diagnostics);
    let mut shared: BTreeMap<String, (bool, Vec<Track>)> = BTreeMap::new();
    for group in &mut groups {
        let rows = core::mem::take(&mut group.tracks);
        let mut tracks = track::resolve(rows, &trackers, diagnostics);
        let member = |name: &str| group.members.iter().any(|m| m.text == name);
        let mut members = drafts.iter().filter(|d| member(&d.name.text));
        if members.any(|d| d.base_priority() == 255) {
            track::clear_weights(&mut tracks, diagnostics);
        }
        for member in &group.members {
            let weights = group.keeps_weights();
            let new = || (weights, tracks.clone());
            shared.entry(member.text.clone()).or_insert_with(new);
        }
    }
    let mut reader = routing::Reader::new(names, files);
    let statics = statics::all(root, &mut reader, diagnostics);
    let mut completed = Vec::new();
    for mut draft in drafts {
        draft.notify.inherit(&groups, &draft.name.text);
        let of_group = shared.get(&draft.name.text);
        let of_group = Shared {
            weights: of_group.is_none_or(|(weights, _)| *weights),
            tracks: of_group.map_or(&[], |(_, tracks)| tracks),
        };
        let line = files.position(draft.name.span).line;
        let done = complete::complete(draft, &globals, &trackers, &of_group, diagnostics);
        completed.extend(done.map(|mut done| {
            done.instance.line = line;
            let instance = &mut done.instance;
            let addresses = instance.addresses.iter_mut();
            let all = addresses.chain(&mut instance.excluded_addresses);
            for (address, (_, span)) in all.zip(&done.addresses) {
                address.origin = reader.origin_of(*span);
            }
            done.instance.routes = reader.routes(&done.routes, false, diagnostics);
            done.instance.rules = reader.rules(&done.rules, false, diagnostics);
            done
        }));
    }
    garp_group::settle(root, &mut completed, diagnostics);
    statics::track(root, &statics, &mut completed, diagnostics);
    cross::check(&completed, &groups, root, diagnostics);
    let delays = delays::all(root, &completed, diagnostics);
    lint::lint(&completed, &trackers, diagnostics);
    let balance = balance::all(root, diagnostics);
    let trackers = trackers.finish();
    Config {
        balance,
        global: globals.finish(),
        scripts: trackers.scripts,
        files: trackers.files,
        processes: trackers.processes,
        probes: trackers.probes,
        groups: groups.into_iter().map(|g| g.group).collect(),
        instances: completed.into_iter().map(|c| c.instance).collect(),
        statics,
        delays,
    }
}

/// Statements of a block; none if it has none.
fn body(statement: &Statement) -> &[Statement] {
    statement
        .block
        .as_ref()
        .map_or(&[], |block| &block.statements)
}

/// Blocks of one keyword with their names; a name that is taken is told.
fn named<'a>(
    root: &'a [Statement],
    keyword: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<(&'a Word, &'a Statement)> {
    let mut out: Vec<(&Word, &Statement)> = Vec::new();
    let mut taken = BTreeSet::new();
    for statement in root.iter().filter(|s| s.name() == keyword) {
        let Some(name) = statement.arguments().first() else {
            continue;
        };
        if let Some(extra) = statement.arguments().get(1) {
            diagnostics.push(
                Diagnostic::error(
                    Code::BadValue,
                    extra.span,
                    format!("the name of a `{keyword}` is one word"),
                )
                .help(format!("write `{keyword} {}_{} {{`", name.text, extra.text)),
            );
        }
        if !taken.insert(name.text.as_str()) {
            diagnostics.push(
                Diagnostic::error(
                    Code::DuplicateName,
                    name.span,
                    format!("`{}` is already defined above", name.text),
                )
                .help(format!("give this `{keyword}` a name of its own")),
            );
            continue;
        }
        out.push((name, statement));
    }
    out
}

/// A scalar that is written a second time.
fn told_twice(
    places: &Places,
    statement: &Statement,
    first_wins: bool,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if places.get(statement.name()).is_some() {
        let which = if first_wins {
            "the first"
        } else {
            "this one, the last,"
        };
        diagnostics.push(
            Diagnostic::warning(
                Code::Overruled,
                statement.span(),
                format!(
                    "`{}` is given more than once; {which} counts",
                    statement.name()
                ),
            )
            .help("remove one of them"),
        );
    }
}
