//! `track_interface`, `track_script` and the other `track_*` of an instance or a
//! sync group: rows to what is tracked, with which weight.

use super::{body, trackers::Trackers};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    model::{Tracked, TrackerKind},
    source::Span,
    tree::Statement,
    value::number,
    words::Word,
};

/// A row as written.
#[derive(Clone, Debug)]
pub(super) struct Row {
    kind: TrackerKind,
    pub(super) name: Word,
    weight: Option<i16>,
    reverse: Option<bool>,
}

impl Row {
    /// What it names, whether that exists or not.
    pub(super) fn named(&self) -> (TrackerKind, String) {
        (self.kind, self.name.text.clone())
    }
}

/// A row of the model and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    pub(crate) kind: TrackerKind,
    pub(crate) tracked: Tracked,
    pub(crate) span: Span,
}

/// What a block of rows tracks, by its keyword.
fn kind(keyword: &str) -> Option<TrackerKind> {
    Some(match keyword {
        "track_interface" => TrackerKind::Interface,
        "track_script" => TrackerKind::Script,
        "track_file" => TrackerKind::File,
        "track_process" => TrackerKind::Process,
        "track_tcp" => TrackerKind::Tcp,
        "track_http" => TrackerKind::Http,
        _ => return None,
    })
}

/// Adds the rows of a block; a name that is there already is told. `false`: it is
/// no such block.
pub(super) fn read(
    rows: &mut Vec<Row>,
    statement: &Statement,
    diagnostics: &mut Vec<Diagnostic>,
) -> bool {
    let Some(kind) = kind(statement.name()) else {
        return false;
    };
    for row in body(statement) {
        let Some((name, options)) = row.words.split_first() else {
            continue;
        };
        if rows
            .iter()
            .any(|r| r.kind == kind && r.name.text == name.text)
        {
            let found = Diagnostic::warning(
                Code::DuplicateName,
                row.span(),
                format!("`{}` is already tracked; the first counts", name.text),
            );
            diagnostics.push(found.help("remove one of them"));
            continue;
        }
        let mut out = Row {
            kind,
            name: name.clone(),
            weight: None,
            reverse: None,
        };
        if let Some(option) = options.first() {
            if option.text == "weight" {
                let Some(value) = options.get(1) else {
                    let found = Diagnostic::error(
                        Code::MissingParameter,
                        option.span,
                        "nothing follows `weight`",
                    );
                    diagnostics.push(found.help(format!("write `{} weight -20`", name.text)));
                    continue;
                };
                out.weight = weight(kind, value, diagnostics);
                out.reverse = reverse(options.get(2), diagnostics);
            } else {
                let found = Diagnostic::error(
                    Code::BadValue,
                    option.span,
                    format!("`{}` cannot follow `{}`", option.text, name.text),
                );
                let help = match option.text.parse::<i64>() {
                    Ok(weight) => format!("write `{} weight {weight}`", name.text),
                    Err(_) => format!(
                        "write one name a line; after it only `weight NUMBER [reverse]`, as in `{} weight -20`",
                        name.text
                    ),
                };
                diagnostics.push(found.help(help));
            }
        }
        rows.push(out);
    }
    true
}

/// +-254, an old way to write FAULT, is 253; the value of a file may need it, and
/// keepalived takes it for processes.
fn weight(kind: TrackerKind, word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<i16> {
    let most = match kind {
        TrackerKind::File | TrackerKind::Process => 254,
        _ => 253,
    };
    let value = number(word, -254..=254, diagnostics)?.clamp(-most, most);
    i16::try_from(value).ok()
}

fn reverse(word: Option<&Word>, diagnostics: &mut Vec<Diagnostic>) -> Option<bool> {
    let word = word?;
    match word.text.as_str() {
        "reverse" => Some(true),
        "noreverse" => Some(false),
        _ => {
            let found = Diagnostic::error(
                Code::BadValue,
                word.span,
                format!("`{}` cannot follow a weight", word.text),
            );
            diagnostics.push(found.help("only `reverse` or `noreverse` can"));
            None
        }
    }
}

/// Rows, with the weights of what they name; that may stand anywhere in the file.
pub(super) fn resolve(
    rows: Vec<Row>,
    trackers: &Trackers,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Track> {
    let mut out = Vec::new();
    for row in rows {
        let defaults = match row.kind {
            TrackerKind::Interface => (0, false),
            kind => {
                let Some(defaults) = trackers.weight(kind, &row.name.text) else {
                    diagnostics.push(trackers.undefined(kind, &row.name));
                    continue;
                };
                defaults
            }
        };
        out.push(Track {
            kind: row.kind,
            span: row.name.span,
            tracked: Tracked {
                name: row.name.text,
                weight: row.weight.unwrap_or(defaults.0),
                reverse: row.reverse.unwrap_or(defaults.1),
            },
        });
    }
    out
}

/// Its own interface is tracked anyway, as keepalived does it: without weight.
pub(super) fn drop_own(tracks: &mut Vec<Track>, own: &str, diagnostics: &mut Vec<Diagnostic>) {
    tracks.retain(|t| {
        let own = t.kind == TrackerKind::Interface && t.tracked.name == own;
        if own && t.tracked.weight != 0 {
            let message =
                "this is the instance's own interface: losing it is a FAULT, whatever the weight";
            diagnostics.push(
                Diagnostic::warning(Code::Overruled, t.span, message).help("remove the line"),
            );
        }
        !own
    });
}

/// Weights of an instance's own that a sync group or an address owner cannot follow.
pub(super) fn weigh(
    tracks: &mut Vec<Track>,
    owner: bool,
    weights: bool,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if weights && !owner {
        return;
    }
    tracks.retain_mut(|track| {
        let Tracked { name, weight, .. } = &mut track.tracked;
        if *weight == 0 {
            return true;
        }
        let (message, help, kept) = match track.kind {
            // keepalived's default weight is no weight there.
            TrackerKind::File if *weight == 1 => (
                format!(
                    "the weight of `{name}` is ignored {}: a value other than 0 is a FAULT",
                    if owner {
                        "by an address owner (255)"
                    } else {
                        "in a sync group"
                    }
                ),
                "write `weight 0`",
                true,
            ),
            _ if owner => (
                format!(
                    "`{name}` is not tracked: the priority of an address owner (255) never changes"
                ),
                "write `priority 254` or less, or remove the weight so that a failure is a FAULT",
                false,
            ),
            TrackerKind::Interface => (
                format!("the weight of `{name}` is ignored in a sync group: losing it is a FAULT"),
                "write `sync_group_tracking_weight` in the group, on every router, or remove the weight",
                true,
            ),
            // keepalived lets these be.
            TrackerKind::Process => {
                let message = format!(
                    "the weight of `{name}` moves this member alone, and the members' priorities apart"
                );
                diagnostics.push(
                    Diagnostic::warning(Code::Lint, track.span, message)
                        .help("move it to the sync group, or write `weight 0`"),
                );
                return true;
            }
            kind => (
                format!("`{name}` is not tracked: a sync group ignores {}s with a weight", kind.word()),
                "write `sync_group_tracking_weight` in the group, on every router, or `weight 0` so that a failure is a FAULT",
                false,
            ),
        };
        diagnostics.push(Diagnostic::warning(Code::Overruled, track.span, message).help(help));
        *weight = 0;
        kept
    });
}

/// With an address owner in it a whole sync group has no weights.
pub(super) fn clear_weights(tracks: &mut [Track], diagnostics: &mut Vec<Diagnostic>) {
    for track in tracks.iter_mut().filter(|t| t.tracked.weight != 0) {
        let message = format!(
            "the weight of `{}` is ignored, because a member of the group has priority 255: its failure is a FAULT",
            track.tracked.name
        );
        diagnostics.push(
            Diagnostic::warning(Code::Overruled, track.span, message)
                .help("write `priority 254` or less there, or `weight 0` here"),
        );
        track.tracked.weight = 0;
    }
}

/// Adds what the sync group tracks. In both, the group's weight counts, unless the
/// instance says that a failure is a FAULT.
pub(super) fn merge(tracks: &mut Vec<Track>, group: &[Track], diagnostics: &mut Vec<Diagnostic>) {
    for shared in group {
        let same = |t: &&mut Track| t.kind == shared.kind && t.tracked.name == shared.tracked.name;
        let Some(own) = tracks.iter_mut().find(same) else {
            tracks.push(shared.clone());
            continue;
        };
        let message = format!("its sync group tracks `{}` as well", shared.tracked.name);
        diagnostics.push(
            Diagnostic::warning(Code::Overruled, own.span, message)
                .help("remove it here: the group's line is for all members"),
        );
        if own.tracked.weight != 0 {
            own.tracked = shared.tracked.clone();
        }
    }
}

/// `weight NUMBER [reverse]` of a block that others track.
pub(super) fn default_weight(
    words: &[Word],
    most: i64,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(i16, bool)> {
    let first = words.first()?;
    let weight = number(first, -most..=most, diagnostics).and_then(|n| i16::try_from(n).ok());
    let reverse = match words.get(1) {
        None => false,
        Some(word) if word.text == "reverse" => true,
        Some(word) => {
            let found = Diagnostic::error(
                Code::BadValue,
                word.span,
                format!("`{}` cannot follow a weight", word.text),
            );
            diagnostics.push(found.help("only `reverse` can"));
            false
        }
    };
    crate::config::value::surplus(words, 2, diagnostics);
    Some((weight?, reverse))
}
