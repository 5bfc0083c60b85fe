//! `vrrp_script`.

use super::{Places, body, global, named, told_twice, track};
use crate::config::{
    command,
    diagnostic::{Code, Diagnostic},
    keyword::{self, Kind},
    model::{CommandLine, Script},
    tree::Statement,
    value::{number, seconds, surplus},
};
use core::time::Duration;
use std::collections::BTreeMap;

/// A script and what the model keeps elsewhere.
#[derive(Debug)]
pub(crate) struct ScriptDraft {
    pub(crate) script: Script,
    /// `weight N reverse`: the default of those that track it.
    pub(crate) reverse: bool,
    pub(crate) places: Places,
}

/// keepalived counts script times in microseconds of 32 bits, times 1000.
const MOST_MICROS: u64 = 4_294_000_000;

pub(super) fn all(
    root: &[Statement],
    skipped_ids: &BTreeMap<String, u32>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<ScriptDraft> {
    let named = named(root, "vrrp_script", diagnostics);
    let mut out = Vec::new();
    for (name, statement) in named {
        let mut draft = ScriptDraft {
            script: Script {
                name: name.text.clone(),
                command: CommandLine::Argv(Vec::new()),
                interval: Duration::from_secs(1),
                timeout: Duration::ZERO,
                weight: 0,
                rise: 1,
                fall: 1,
                init_fail: false,
                user: None,
            },
            reverse: false,
            places: Places::new(name.span),
        };
        for inner in body(statement) {
            draft.statement(inner, diagnostics);
        }
        if draft.script.timeout.is_zero() {
            draft.script.timeout = draft.script.interval;
        }
        if draft.places.get("script").is_none() {
            let found = Diagnostic::error(
                Code::Incomplete,
                name.span,
                format!(
                    "`vrrp_script {}` has no `script`: there is nothing to run",
                    name.text
                ),
            );
            diagnostics.push(found.help(missing_help(skipped_ids)));
        }
        out.push(draft);
    }
    out
}

fn missing_help(skipped_ids: &BTreeMap<String, u32>) -> String {
    let ids: Vec<String> = skipped_ids.keys().map(|id| format!("`@{id}`")).collect();
    match ids[..] {
        [] => "write `script \"/path/to/check argument\"`".to_owned(),
        _ => format!(
            "lines that begin with {} were left out: give the config-id with `-i`",
            ids.join(", ")
        ),
    }
}

impl ScriptDraft {
    fn statement(&mut self, statement: &Statement, diagnostics: &mut Vec<Diagnostic>) {
        let Some(keyword) = keyword::lookup(Kind::Script, statement.name()) else {
            return;
        };
        told_twice(&self.places, statement, false, diagnostics);
        self.places.set(keyword.name, statement.span());
        let words = statement.arguments();
        let Some(first) = words.first() else {
            if keyword.name == "init_fail" {
                self.script.init_fail = true;
            }
            return;
        };
        match keyword.name {
            "script" => {
                if let Some(command) = command::command(statement, diagnostics) {
                    self.script.command = command.line;
                }
                return;
            }
            "interval" => {
                if let Some(time) = positive(first, diagnostics) {
                    self.script.interval = time;
                }
            }
            "timeout" => {
                if let Some(time) = positive(first, diagnostics) {
                    self.script.timeout = time;
                }
            }
            "weight" => {
                if let Some((weight, reverse)) = track::default_weight(words, 253, diagnostics) {
                    (self.script.weight, self.reverse) = (weight, reverse);
                }
                return;
            }
            "rise" => self.script.rise = times(first, diagnostics).unwrap_or(self.script.rise),
            "fall" => self.script.fall = times(first, diagnostics).unwrap_or(self.script.fall),
            "user" => {
                self.script.user = global::user(words, diagnostics);
                return;
            }
            _ => self.script.init_fail = true,
        }
        surplus(words, 1, diagnostics);
    }
}

fn times(word: &crate::config::words::Word, diagnostics: &mut Vec<Diagnostic>) -> Option<u32> {
    number(word, 1..=i64::from(i32::MAX), diagnostics).and_then(|n| u32::try_from(n).ok())
}

/// keepalived takes 0 for 1.
fn positive(
    word: &crate::config::words::Word,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Duration> {
    let time = seconds(word, 0..=MOST_MICROS, 3, diagnostics)?;
    if time.is_zero() {
        let found = Diagnostic::warning(
            Code::BadValue,
            word.span,
            "0 is no time between two runs; 1 second is used",
        );
        diagnostics.push(found.help("write `1`"));
        return Some(Duration::from_secs(1));
    }
    Some(time)
}
