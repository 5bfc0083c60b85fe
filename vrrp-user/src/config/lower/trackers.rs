//! Everything that can be tracked by name.

use super::{Places, file, probe, process, script, script::ScriptDraft};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    keyword::suggest::nearest_name,
    model::{Probe, Script, TrackFile, TrackProcess, TrackerKind},
    source::Span,
    tree::Statement,
    words::Word,
};
use std::collections::BTreeMap;

/// A block that others track, and what the model keeps elsewhere.
#[derive(Debug)]
pub(super) struct Block<T> {
    pub(super) name: Word,
    pub(super) made: T,
    /// `weight`: the default of those that track it.
    pub(super) weight: i16,
    pub(super) reverse: bool,
    pub(super) places: Places,
}

impl<T> Block<T> {
    pub(super) fn new(name: &Word, made: T, weight: i16) -> Self {
        Self {
            name: name.clone(),
            made,
            weight,
            reverse: false,
            places: Places::new(name.span),
        }
    }
}

/// The blocks of a file.
#[derive(Debug)]
pub(crate) struct Trackers {
    scripts: Vec<ScriptDraft>,
    files: Vec<Block<TrackFile>>,
    processes: Vec<Block<TrackProcess>>,
    probes: Vec<Block<Probe>>,
}

/// What the model has of them.
pub(super) struct Finished {
    pub(super) scripts: Vec<Script>,
    pub(super) files: Vec<TrackFile>,
    pub(super) processes: Vec<TrackProcess>,
    pub(super) probes: Vec<Probe>,
}

impl Trackers {
    pub(super) fn read(
        root: &[Statement],
        skipped_ids: &BTreeMap<String, u32>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Self {
        Self {
            scripts: script::all(root, skipped_ids, diagnostics),
            files: file::all(root, diagnostics),
            processes: process::all(root, diagnostics),
            probes: probe::all(root, diagnostics),
        }
    }

    /// Each with the weight it has unless told otherwise, and where it is named.
    fn all(&self) -> impl Iterator<Item = (TrackerKind, &str, (i16, bool), Span)> {
        let scripts = self.scripts.iter().map(|it| {
            let weight = (it.script.weight, it.reverse);
            (
                TrackerKind::Script,
                &*it.script.name,
                weight,
                it.places.at(""),
            )
        });
        let files = self.files.iter().map(|it| {
            let weight = (it.weight, it.reverse);
            (TrackerKind::File, &*it.name.text, weight, it.name.span)
        });
        let processes = self.processes.iter().map(|it| {
            let weight = (it.weight, it.reverse);
            (TrackerKind::Process, &*it.name.text, weight, it.name.span)
        });
        let probes = self.probes.iter().map(|it| {
            let weight = (it.weight, it.reverse);
            (it.made.kind(), &*it.name.text, weight, it.name.span)
        });
        scripts.chain(files).chain(processes).chain(probes)
    }

    pub(super) fn weight(&self, kind: TrackerKind, name: &str) -> Option<(i16, bool)> {
        self.all()
            .find(|(of, known, ..)| *of == kind && *known == name)
            .map(|(_, _, weight, _)| weight)
    }

    /// Each by name, and where that stands.
    pub(crate) fn names(&self) -> impl Iterator<Item = (TrackerKind, &str, Span)> {
        self.all().map(|(kind, name, _, span)| (kind, name, span))
    }

    pub(super) fn undefined(&self, kind: TrackerKind, name: &Word) -> Diagnostic {
        let (keyword, inside) = definition(kind);
        let found = Diagnostic::error(
            Code::Undefined,
            name.span,
            format!("there is no `{keyword} {}`", name.text),
        );
        let same = self.all().filter(|(of, ..)| *of == kind);
        let near = nearest_name(same.map(|(_, name, ..)| name), &name.text);
        found.help(match near {
            Some(name) => format!("write `{name}`"),
            None => format!("define it: `{keyword} {} {{ {inside} }}`", name.text),
        })
    }

    pub(super) fn finish(self) -> Finished {
        Finished {
            scripts: self.scripts.into_iter().map(|it| it.script).collect(),
            files: self.files.into_iter().map(|it| it.made).collect(),
            processes: self.processes.into_iter().map(shown).collect(),
            probes: self.probes.into_iter().map(|it| it.made).collect(),
        }
    }
}

/// With its weight.
fn shown(block: Block<TrackProcess>) -> TrackProcess {
    let Block {
        mut made,
        weight,
        reverse,
        ..
    } = block;
    made.weight = if reverse { -weight } else { weight };
    made
}

/// What defines a tracker of this kind, for messages.
const fn definition(kind: TrackerKind) -> (&'static str, &'static str) {
    match kind {
        TrackerKind::Interface => ("interface", ""),
        TrackerKind::Script => ("vrrp_script", "script \"...\""),
        TrackerKind::File => ("track_file", "file \"/path\""),
        TrackerKind::Process => ("vrrp_track_process", "process NAME"),
        TrackerKind::Tcp => ("vrrp_track_tcp", "host ADDRESS port NUMBER"),
        TrackerKind::Http => ("vrrp_track_http", "url http://ADDRESS/PATH"),
    }
}

/// The keyword of the block in which an instance names one of these.
pub(crate) const fn tracked_by(kind: TrackerKind) -> &'static str {
    match kind {
        TrackerKind::Interface => "track_interface",
        TrackerKind::Script => "track_script",
        TrackerKind::File => "track_file",
        TrackerKind::Process => "track_process",
        TrackerKind::Tcp => "track_tcp",
        TrackerKind::Http => "track_http",
    }
}
