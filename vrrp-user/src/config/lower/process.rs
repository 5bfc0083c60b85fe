//! `vrrp_track_process`.

use super::{body, named, told_twice, track, trackers::Block};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    keyword::{self, Kind},
    model::{Parameters, ProcessPattern, TrackProcess},
    tree::Statement,
    value::{number, seconds, surplus},
    words::Word,
};
use core::time::Duration;

/// keepalived's, where none is written (its manual says 1).
const DEFAULT_WEIGHT: i16 = 0;
/// The kernel keeps no more of a name.
const COMM_OCTETS: usize = 15;
/// Longest delay, microseconds.
const MOST_DELAY_MICROS: u64 = 3_600_000_000;

#[derive(Clone, Copy)]
enum Match {
    Exactly,
    Partial,
    Initial,
}

/// As written so far.
#[derive(Default)]
struct Draft {
    parameters: Vec<String>,
    matched: Option<Match>,
}

pub(super) fn all(
    root: &[Statement],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Block<TrackProcess>> {
    let mut out = Vec::new();
    for (name, statement) in named(root, "vrrp_track_process", diagnostics) {
        let process = TrackProcess {
            name: name.text.clone(),
            pattern: ProcessPattern {
                command: String::new(),
                full_command: false,
                parameters: None,
            },
            quorum: 1,
            quorum_max: None,
            fork_delay: Duration::ZERO,
            terminate_delay: Duration::ZERO,
            weight: 0,
        };
        let mut block = Block::new(name, process, DEFAULT_WEIGHT);
        let mut draft = Draft::default();
        for inner in body(statement) {
            read(&mut block, &mut draft, inner, diagnostics);
        }
        finish(&mut block, draft, diagnostics);
        out.push(block);
    }
    out
}

fn read(
    block: &mut Block<TrackProcess>,
    draft: &mut Draft,
    statement: &Statement,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some(keyword) = keyword::lookup(Kind::TrackProcess, statement.name()) else {
        return;
    };
    // keepalived takes the first process, and the last of all else.
    let first_wins = keyword.name == "process";
    told_twice(&block.places, statement, first_wins, diagnostics);
    if first_wins && block.places.get("process").is_some() {
        return;
    }
    block.places.set(keyword.name, statement.span());
    let words = statement.arguments();
    let process = &mut block.made;
    let Some(first) = words.first() else {
        match keyword.name {
            "full_command" => process.pattern.full_command = true,
            "param_match" => draft.matched = Some(Match::Exactly),
            _ => {}
        }
        return;
    };
    let mut takes = 1;
    match keyword.name {
        "process" => {
            first.text.clone_into(&mut process.pattern.command);
            draft.parameters = words[1..].iter().map(|w| w.text.clone()).collect();
            takes = words.len();
        }
        "param_match" => draft.matched = matched(first, diagnostics),
        "weight" => {
            if let Some((weight, reverse)) = track::default_weight(words, 254, diagnostics) {
                (block.weight, block.reverse) = (weight, reverse);
            }
            return;
        }
        "quorum" => process.quorum = count(first, 1, diagnostics).unwrap_or(process.quorum),
        "quorum_max" => {
            process.quorum_max = count(first, 0, diagnostics).or(process.quorum_max);
        }
        "delay" => {
            if let Some(time) = delay(first, diagnostics) {
                (process.fork_delay, process.terminate_delay) = (time, time);
            }
        }
        "fork_delay" => process.fork_delay = delay(first, diagnostics).unwrap_or_default(),
        "terminate_delay" => {
            process.terminate_delay = delay(first, diagnostics).unwrap_or_default();
        }
        _ => {
            process.pattern.full_command = true;
            takes = 0;
        }
    }
    surplus(words, takes, diagnostics);
}

fn matched(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<Match> {
    match word.text.as_str() {
        "partial" => Some(Match::Partial),
        "initial" => Some(Match::Initial),
        text => {
            let found = Diagnostic::error(
                Code::BadValue,
                word.span,
                format!("`{text}` is no way to match parameters"),
            );
            diagnostics.push(found.help(
                "write `param_match partial` (these first), `param_match initial` (the last may go on), or `param_match` alone (these and no others)",
            ));
            None
        }
    }
}

fn count(word: &Word, least: i64, diagnostics: &mut Vec<Diagnostic>) -> Option<u32> {
    number(word, least..=65535, diagnostics).and_then(|n| u32::try_from(n).ok())
}

fn delay(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<Duration> {
    seconds(word, 1..=MOST_DELAY_MICROS, 6, diagnostics)
}

fn finish(block: &mut Block<TrackProcess>, draft: Draft, diagnostics: &mut Vec<Diagnostic>) {
    let name = &block.name;
    let process = &mut block.made;
    let pattern = &mut process.pattern;
    let mut wrong = |at: &str, code: Code, message: String, help: String| {
        diagnostics.push(Diagnostic::error(code, block.places.at(at), message).help(help));
    };
    if block.places.get("process").is_none() {
        wrong(
            "",
            Code::Incomplete,
            format!("`vrrp_track_process {}` has no `process`", name.text),
            "write `process NAME`, with the name `ps -eo comm` shows".to_owned(),
        );
        return;
    }
    let Draft {
        parameters,
        matched,
    } = draft;
    pattern.parameters = match matched {
        Some(Match::Partial) => Some(Parameters::StartWith(parameters)),
        Some(Match::Initial) => Some(Parameters::BeginWith(parameters)),
        Some(Match::Exactly) => Some(Parameters::Exactly(parameters)),
        None if !parameters.is_empty() => Some(Parameters::Exactly(parameters)),
        None => None,
    };
    pattern.full_command |= pattern.parameters.is_some();
    if !pattern.full_command && pattern.command.len() > COMM_OCTETS {
        let short: String = pattern.command.chars().take(COMM_OCTETS).collect();
        wrong(
            "process",
            Code::BadValue,
            format!(
                "no process is called `{}`: the kernel keeps {COMM_OCTETS} characters of a name",
                pattern.command
            ),
            format!("write `process {short}`, or add `full_command`"),
        );
    }
    if !pattern.full_command && pattern.command.contains('/') {
        let base = pattern.command.rsplit('/').next().unwrap_or_default();
        wrong(
            "process",
            Code::BadValue,
            format!(
                "no process is called `{}`: a name has no path",
                pattern.command
            ),
            format!("write `process {base}`, or add `full_command`"),
        );
    }
    match process.quorum_max {
        Some(0) if block.places.get("quorum").is_none() || process.quorum <= 1 => {
            process.quorum = 0;
        }
        Some(most) if most < process.quorum => wrong(
            "quorum_max",
            Code::BadValue,
            format!(
                "`quorum_max {most}` is less than `quorum {}`: no number of processes is right",
                process.quorum
            ),
            format!("write `quorum_max {}` or more", process.quorum),
        ),
        _ => {}
    }
}
