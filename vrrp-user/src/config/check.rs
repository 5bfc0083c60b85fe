//! The tree against the keyword tables: unknown and misplaced words, missing
//! parameters, what is not served. Repairs what it can, so that one slip is
//! told once and the rest of the block is still read.

use super::{
    diagnostic::{Code, Diagnostic},
    keyword::{
        self, Keyword, Kind, Status,
        suggest::{Suggestion, suggest},
    },
    source::Span,
    tree::Statement,
    words::Word,
};
use std::collections::{BTreeMap, BTreeSet};

/// A keyword that is known and does nothing, where it stood first and how often.
struct Idle {
    keyword: &'static Keyword,
    first: Span,
    count: usize,
}

struct Check<'a> {
    diagnostics: &'a mut Vec<Diagnostic>,
    idle: BTreeMap<(Kind, &'static str), Idle>,
    instances: BTreeSet<String>,
}

/// Checks and repairs all statements of the top level.
pub(crate) fn check(root: &mut [Statement], diagnostics: &mut Vec<Diagnostic>) {
    let named = root.iter().filter(|s| s.name() == "vrrp_instance");
    let instances = named
        .filter_map(|s| s.words.get(1))
        .map(|w| w.text.clone())
        .collect();
    let mut check = Check {
        diagnostics,
        idle: BTreeMap::new(),
        instances,
    };
    check.statements(root, Kind::Root, true);
    check.report_idle();
}

impl Check<'_> {
    /// `served`: the block itself is.
    fn statements(&mut self, statements: &mut [Statement], kind: Kind, served: bool) {
        for statement in statements {
            if let Some(span) = trailing_backslash(statement) {
                self.diagnostics.push(
                    Diagnostic::error(
                        Code::Syntax,
                        span,
                        "a `\\` at the end joins lines only in a `$NAME=` definition",
                    )
                    .help("write all of it on one line"),
                );
                statement
                    .words
                    .pop_if(|w| w.text == "\\" && statement_has_more(w));
            }
            if keyword::has_rows(kind) {
                self.row(statement, kind);
            } else {
                self.statement(statement, kind, served);
            }
        }
    }

    fn statement(&mut self, statement: &mut Statement, kind: Kind, served: bool) {
        let keyword = match keyword::lookup(kind, statement.name()) {
            Some(keyword) => Some(keyword),
            None => self.unknown(statement, kind),
        };
        let Some(keyword) = keyword else {
            // Its rows were the unknown word's business.
            return;
        };
        if statement.arguments().len() < keyword.least {
            self.missing(statement, keyword);
        }
        if served && keyword.status != Status::Served {
            let entry = self.idle.entry((kind, keyword.name));
            let idle = entry.or_insert_with(|| Idle {
                keyword,
                first: statement.span(),
                count: 0,
            });
            idle.count += 1;
        }
        if let Status::Alias(now) = keyword.status
            && let Some(first) = statement.words.first_mut()
        {
            now.clone_into(&mut first.text);
        }
        let below = served && (keyword.status == Status::Served);
        let opened = keyword.block;
        if let Some(block) = &mut statement.block {
            if opened.is_none() {
                let found = Diagnostic::error(
                    Code::Syntax,
                    statement
                        .words
                        .first()
                        .map_or(statement.raw.whole(), |w| w.span),
                    format!("`{}` opens no block", keyword.name),
                )
                .help(format!("write `{}`, without braces", keyword.example()));
                self.diagnostics.push(found);
            }
            let kind = block.kind;
            self.statements(&mut block.statements, kind, below);
        }
    }

    fn row(&mut self, statement: &Statement, kind: Kind) {
        if statement.block.is_some() && kind != Kind::Unknown {
            let found = Diagnostic::error(
                Code::Syntax,
                statement.span(),
                format!("`{}` opens no block here", statement.name()),
            )
            .help("a `}` may be missing before it");
            self.diagnostics.push(found);
        }
    }

    /// Says what may be meant; the keyword if the statement can be read as that.
    fn unknown(&mut self, statement: &mut Statement, kind: Kind) -> Option<&'static Keyword> {
        let word = statement.words.first()?.clone();
        let block = keyword::block_name(kind);
        let found = Diagnostic::error(
            Code::UnknownKeyword,
            word.span,
            format!("`{}` is no keyword of {block}", word.text),
        );
        if kind == Kind::SyncGroup && self.instances.contains(&word.text) {
            let found = found.help(format!(
                "members stand in a block of their own: `group {{ {} }}`",
                word.text
            ));
            self.diagnostics.push(found);
            return None;
        }
        if let Some(help) = foreign_punctuation(&word.text) {
            self.diagnostics.push(found.help(help));
            return None;
        }
        match suggest(kind, &word.text, !statement.arguments().is_empty()) {
            Some(Suggestion::Glued(keyword, rest)) => {
                let brace = if keyword.block.is_some() { " {" } else { "" };
                let found = found.help(format!(
                    "a space is missing: write `{} {rest}{brace}`",
                    keyword.name
                ));
                self.diagnostics.push(found);
                let span = word.span;
                keyword.name.clone_into(&mut statement.words[0].text);
                statement.words.insert(1, Word { text: rest, span });
                Some(keyword)
            }
            Some(Suggestion::Near(keyword)) => {
                self.diagnostics
                    .push(found.help(format!("write `{}`", keyword.name)));
                keyword.name.clone_into(&mut statement.words[0].text);
                Some(keyword)
            }
            Some(Suggestion::Elsewhere(home, keyword)) if keyword.name == word.text => {
                let found = Diagnostic::error(
                    Code::Misplaced,
                    word.span,
                    format!("`{}` does not belong in {block}", word.text),
                );
                let home = if home == Kind::Root {
                    "outside all blocks".to_owned()
                } else {
                    format!("in {}", keyword::block_name(home))
                };
                self.diagnostics.push(found.help(format!(
                    "it stands {home}; a brace may be missing or misplaced above"
                )));
                None
            }
            Some(Suggestion::Elsewhere(home, keyword)) => {
                let found = found.help(format!(
                    "there is `{}` in {}",
                    keyword.name,
                    keyword::block_name(home)
                ));
                self.diagnostics.push(found);
                None
            }
            None => {
                let found = found.help(format!(
                    "remove it, or put `#` before it; {}",
                    some_keywords(kind)
                ));
                self.diagnostics.push(found);
                None
            }
        }
    }

    fn missing(&mut self, statement: &Statement, keyword: &Keyword) {
        let what = if keyword.least > 1 {
            "something is"
        } else {
            "nothing"
        };
        let message = if keyword.least > 1 && !statement.arguments().is_empty() {
            format!("{what} missing after `{}`", keyword.name)
        } else {
            format!("nothing follows `{}`", keyword.name)
        };
        let found = Diagnostic::error(Code::MissingParameter, statement.span(), message)
            .help(format!("write `{}`", keyword.example()));
        self.diagnostics.push(found);
    }

    /// All that waits for the checkers at once: it is one thing that is missing.
    fn report_unchecked(&mut self) {
        let mut waiting: Vec<(Span, &str)> = Vec::new();
        self.idle.retain(|&(kind, _), idle| {
            let status = match idle.keyword.status {
                Status::Alias(now) => keyword::lookup(kind, now).map(|k| k.status),
                status => Some(status),
            };
            let waits = status == Some(Status::NotYet(keyword::UNCHECKED));
            if waits {
                waiting.push((idle.first, idle.keyword.name));
            }
            !waits
        });
        waiting.sort_unstable();
        let Some(&(first, _)) = waiting.first() else {
            return;
        };
        let mut names: Vec<String> = Vec::new();
        for (_, name) in waiting {
            let name = format!("`{name}`");
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let names = match names.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} and {last} are", rest.join(", ")),
            _ => format!("{} is", names.concat()),
        };
        let message = format!("{}: {names} not served yet", keyword::UNCHECKED);
        let found = Diagnostic::warning(Code::NotServed, first, message);
        self.diagnostics.push(found);
    }

    /// Each of them once, at the first place.
    fn report_idle(&mut self) {
        self.report_unchecked();
        for (
            (kind, name),
            Idle {
                keyword,
                first,
                count,
            },
        ) in core::mem::take(&mut self.idle)
        {
            let again = match count {
                1 => String::new(),
                2 => " (once more below)".to_owned(),
                n => format!(" ({} more below)", n - 1),
            };
            let found = match keyword.status {
                Status::NotYet(what) => Diagnostic::warning(
                    Code::NotServed,
                    first,
                    format!("`{name}` is not served yet: {what}{again}"),
                ),
                Status::Meaningless(why) => Diagnostic::note(
                    Code::Meaningless,
                    first,
                    format!("`{name}` has nothing to rule here: {why}{again}"),
                ),
                Status::Alias(now) => match keyword::lookup(kind, now).map(|k| k.status) {
                    Some(Status::NotYet(what)) => Diagnostic::warning(
                        Code::NotServed,
                        first,
                        format!("`{name}`, today `{now}`, is not served yet: {what}{again}"),
                    ),
                    Some(Status::Meaningless(why)) => Diagnostic::note(
                        Code::Meaningless,
                        first,
                        format!("`{name}`, today `{now}`, has nothing to rule here: {why}{again}"),
                    ),
                    _ => Diagnostic::note(
                        Code::Deprecated,
                        first,
                        format!("`{name}` is an old spelling{again}"),
                    )
                    .help(format!("write `{now}`")),
                },
                Status::Served => continue,
            };
            self.diagnostics.push(found);
        }
    }
}

fn trailing_backslash(statement: &Statement) -> Option<Span> {
    let raw = statement.raw.as_str();
    let len = raw.len();
    (raw.ends_with('\\') && !raw.ends_with("\\\\")).then(|| statement.raw.span(len - 1..len))
}

/// Only a backslash that stands alone can go without losing the keyword.
fn statement_has_more(word: &Word) -> bool {
    word.text.len() == 1
}

/// Punctuation that an input method put in place of ASCII.
pub(crate) fn foreign_punctuation(word: &str) -> Option<String> {
    let pairs = [
        ('\u{ff5b}', '{'),
        ('\u{ff5d}', '}'),
        ('\u{201c}', '"'),
        ('\u{201d}', '"'),
        ('\u{2018}', '\''),
        ('\u{2019}', '\''),
        ('\u{ff03}', '#'),
        ('\u{ff01}', '!'),
        ('\u{ff0c}', ','),
        ('\u{ff1a}', ':'),
        ('\u{ff1b}', ';'),
        ('\u{ff0f}', '/'),
        ('\u{3002}', '.'),
        ('\u{2013}', '-'),
        ('\u{2014}', '-'),
        ('\u{2212}', '-'),
    ];
    let (found, plain) = pairs.into_iter().find(|(c, _)| word.contains(*c))?;
    Some(format!(
        "`{found}` (U+{:04X}) is not `{plain}`: type the ASCII character",
        found as u32
    ))
}

fn some_keywords(kind: Kind) -> String {
    let names: Vec<&str> = keyword::all(kind)
        .filter(|k| k.status == Status::Served)
        .map(|k| k.name)
        .take(4)
        .collect();
    match names[..] {
        [] => "known words are in keepalived.conf(5)".to_owned(),
        _ => format!("known here are {}, ...", names.join(", ")),
    }
}
