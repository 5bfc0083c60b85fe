//! `track_interface` and `track_script`.

use super::{body, script::ScriptDraft};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    keyword::suggest::nearest_name,
    model::Tracked,
    source::Span,
    tree::Statement,
    value::number,
    words::Word,
};

/// A row as written.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) name: Word,
    weight: Option<i16>,
    reverse: Option<bool>,
}

/// A row of the model and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    pub(crate) tracked: Tracked,
    pub(crate) span: Span,
}

/// Adds the rows of a block; a name that is there already is told.
pub(super) fn read(rows: &mut Vec<Row>, statement: &Statement, diagnostics: &mut Vec<Diagnostic>) {
    for row in body(statement) {
        let Some((name, options)) = row.words.split_first() else {
            continue;
        };
        if rows.iter().any(|r| r.name.text == name.text) {
            let found = Diagnostic::warning(
                Code::DuplicateName,
                row.span(),
                format!("`{}` is already tracked; the first counts", name.text),
            );
            diagnostics.push(found.help("remove one of them"));
            continue;
        }
        let mut out = Row {
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
                out.weight = weight(value, diagnostics);
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
}

/// +-254, an old way to write FAULT, is 253.
fn weight(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<i16> {
    let value = number(word, -254..=254, diagnostics)?.clamp(-253, 253);
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

/// Rows of `track_interface`.
pub(super) fn interfaces(rows: Vec<Row>) -> Vec<Track> {
    let one = |row: Row| Track {
        span: row.name.span,
        tracked: Tracked {
            name: row.name.text,
            weight: row.weight.unwrap_or(0),
            reverse: row.reverse.unwrap_or(false),
        },
    };
    rows.into_iter().map(one).collect()
}

/// Rows of `track_script`, with their scripts' weights; the scripts may stand
/// anywhere in the file.
pub(super) fn scripts(
    rows: Vec<Row>,
    scripts: &[ScriptDraft],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Track> {
    let mut out = Vec::new();
    for row in rows {
        let Some(script) = scripts.iter().find(|s| s.script.name == row.name.text) else {
            let found = Diagnostic::error(
                Code::Undefined,
                row.name.span,
                format!("there is no `vrrp_script {}`", row.name.text),
            );
            let near = nearest_name(
                scripts.iter().map(|s| s.script.name.as_str()),
                &row.name.text,
            );
            diagnostics.push(found.help(match near {
                Some(name) => format!("write `{name}`"),
                None => format!(
                    "define it: `vrrp_script {} {{ script \"...\" }}`",
                    row.name.text
                ),
            }));
            continue;
        };
        out.push(Track {
            span: row.name.span,
            tracked: Tracked {
                name: row.name.text,
                weight: row.weight.unwrap_or(script.script.weight),
                reverse: row.reverse.unwrap_or(script.reverse),
            },
        });
    }
    out
}

/// Weights that a sync group or an address owner cannot follow. `interfaces`
/// of the tracks come first; gives how many of them are left.
pub(super) fn weigh(
    tracks: &mut Vec<Track>,
    interfaces: usize,
    owner: bool,
    weights: bool,
    diagnostics: &mut Vec<Diagnostic>,
) -> usize {
    if weights && !owner {
        return interfaces;
    }
    let mut left = Vec::new();
    let mut kept = interfaces;
    for (index, mut track) in core::mem::take(tracks).into_iter().enumerate() {
        let Tracked { name, weight, .. } = &track.tracked;
        if *weight == 0 {
            left.push(track);
            continue;
        }
        let interface = index < interfaces;
        let (message, help) = if owner {
            (
                format!(
                    "`{name}` is not tracked: the priority of an address owner (255) never changes"
                ),
                "write `priority 254` or less, or remove the weight so that a failure is a FAULT",
            )
        } else if interface {
            (
                format!("the weight of `{name}` is ignored in a sync group: losing it is a FAULT"),
                "write `sync_group_tracking_weight` in the group, on every router, or remove the weight",
            )
        } else {
            (
                format!("`{name}` is not tracked: a sync group ignores scripts with a weight"),
                "write `sync_group_tracking_weight` in the group, on every router, or `weight 0` so that a failure is a FAULT",
            )
        };
        diagnostics.push(Diagnostic::warning(Code::Overruled, track.span, message).help(help));
        if interface && !owner {
            track.tracked.weight = 0;
            left.push(track);
        } else if interface {
            kept -= 1;
        }
    }
    *tracks = left;
    kept
}
