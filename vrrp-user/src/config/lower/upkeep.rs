//! `global_defs`: what the daemon writes about itself, and what makes it read its
//! configuration again.

use super::{global::set, telling::absolute};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    model::{Global, JsonVersion, Marker},
    tree::Statement,
    value::{number, surplus, switch},
};

/// Takes a keyword; false if it is none of these.
pub(super) fn read(
    global: &mut Global,
    statement: &Statement,
    diagnostics: &mut Vec<Diagnostic>,
) -> bool {
    let words = statement.arguments();
    let first = words.first();
    let (dumps, reading) = (&mut global.dumps, &mut global.reading);
    match statement.name() {
        "dump_directory" => dumps.directory = first.and_then(|word| absolute(word, diagnostics)),
        "state_dump_file" => dumps.data = first.map(|word| word.text.clone()),
        "stats_dump_file" => dumps.stats = first.map(|word| word.text.clone()),
        "json_dump_file" => dumps.json = first.map(|word| word.text.clone()),
        "data_use_instance" => set(&mut dumps.named, switch(first, diagnostics)),
        "json_version" => match first.and_then(|word| number(word, 1..=2, diagnostics)) {
            Some(1) => dumps.json_version = JsonVersion::One,
            Some(_) => dumps.json_version = JsonVersion::Two,
            None => {}
        },
        "reload_time_file" => {
            reading.time_file = first.and_then(|word| absolute(word, diagnostics));
        }
        "reload_repeat" => reading.repeat = true,
        "reload_file" => {
            reading.marker = match first {
                None => Some(Marker::Usual),
                Some(word) => absolute(word, diagnostics).map(Marker::Path),
            };
        }
        "config_save_dir" => {
            reading.save_directory = first
                .and_then(|word| absolute(word, diagnostics))
                .map(|path| path.trim_end_matches('/').to_owned());
        }
        "set_supplementary_groups" => {
            set(&mut global.supplementary_groups, switch(first, diagnostics));
        }
        _ => return false,
    }
    surplus(words, 1, diagnostics);
    true
}

/// Once every `global_defs` is read.
pub(super) fn settle(
    global: &Global,
    place: impl Fn(&str) -> Option<crate::config::Span>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let reading = &global.reading;
    if let Some(at) = place("reload_repeat").filter(|_| reading.time_file.is_none()) {
        let message = "`reload_repeat` without `reload_time_file`: no time is said";
        let found = Diagnostic::warning(Code::Incomplete, at, message);
        diagnostics.push(found.help("write `reload_time_file PATH`"));
    }
}
