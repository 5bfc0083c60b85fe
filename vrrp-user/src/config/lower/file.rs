//! `track_file`.

use super::{body, named, told_twice, track, trackers::Block};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    keyword::{self, Kind},
    model::{InitFile, TrackFile},
    tree::Statement,
    value::{absolute_guess, number, surplus},
    words::Word,
};

/// keepalived's, where none is written.
const DEFAULT_WEIGHT: i16 = 1;

pub(super) fn all(root: &[Statement], diagnostics: &mut Vec<Diagnostic>) -> Vec<Block<TrackFile>> {
    let mut out = Vec::new();
    for (name, statement) in named(root, "track_file", diagnostics) {
        let file = TrackFile {
            name: name.text.clone(),
            path: String::new(),
            init: None,
        };
        let mut block = Block::new(name, file, DEFAULT_WEIGHT);
        for inner in body(statement) {
            read(&mut block, inner, diagnostics);
        }
        if block.places.get("file").is_none() {
            let message = format!("`track_file {}` has no `file`", name.text);
            diagnostics.push(
                Diagnostic::error(Code::Incomplete, name.span, message)
                    .help("write `file \"/path/to/the/file\"`"),
            );
        }
        out.push(block);
    }
    out
}

fn read(block: &mut Block<TrackFile>, statement: &Statement, diagnostics: &mut Vec<Diagnostic>) {
    let Some(keyword) = keyword::lookup(Kind::TrackFile, statement.name()) else {
        return;
    };
    // keepalived takes the first file, and the last of all else.
    let first_wins = keyword.name == "file";
    told_twice(&block.places, statement, first_wins, diagnostics);
    if first_wins && block.places.get("file").is_some() {
        return;
    }
    block.places.set(keyword.name, statement.span());
    let words = statement.arguments();
    match keyword.name {
        "file" => {
            if let Some(word) = words.first() {
                path(word, diagnostics).clone_into(&mut block.made.path);
            }
            surplus(words, 1, diagnostics);
        }
        "weight" => {
            if let Some((weight, reverse)) = track::default_weight(words, 254, diagnostics) {
                (block.weight, block.reverse) = (weight, reverse);
            }
        }
        _ => block.made.init = Some(init(words, diagnostics)),
    }
}

fn path<'a>(word: &'a Word, diagnostics: &mut Vec<Diagnostic>) -> &'a str {
    let path = word.text.as_str();
    let wrong = if !path.starts_with('/') {
        Some((
            format!("`{path}` is no absolute path"),
            format!("write all of it, as in `{}`", absolute_guess(path)),
        ))
    } else if path.ends_with('/') {
        Some((
            format!("`{path}` is a directory"),
            format!("name a file in it, as in `{path}priority`"),
        ))
    } else {
        None
    };
    if let Some((message, help)) = wrong {
        diagnostics.push(Diagnostic::error(Code::BadValue, word.span, message).help(help));
    }
    path
}

fn init(words: &[Word], diagnostics: &mut Vec<Diagnostic>) -> InitFile {
    let mut init = InitFile {
        value: 0,
        overwrite: false,
    };
    for word in words {
        if word.text == "overwrite" {
            init.overwrite = true;
        } else if word
            .text
            .starts_with(|c: char| c.is_ascii_digit() || c == '-')
        {
            let all = i64::from(i32::MIN)..=i64::from(i32::MAX);
            let value = number(word, all, diagnostics);
            init.value = value.and_then(|n| i32::try_from(n).ok()).unwrap_or(0);
            if !(-254..=254).contains(&init.value) {
                let message = format!("{} is more than a priority can change", init.value);
                diagnostics.push(
                    Diagnostic::warning(Code::BadValue, word.span, message)
                        .help("write a number from -254 to 254"),
                );
            }
        } else {
            let message = format!("`{}` cannot follow `init_file`", word.text);
            diagnostics.push(
                Diagnostic::error(Code::BadValue, word.span, message)
                    .help("write `init_file [VALUE] [overwrite]`, as in `init_file 0 overwrite`"),
            );
        }
    }
    init
}
