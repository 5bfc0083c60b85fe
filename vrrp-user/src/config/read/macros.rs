//! `$NAME=value`, `$NAME`, `${NAME}`: bound late, recursive, of several lines.

use crate::config::{
    Context,
    diagnostic::{Code, Diagnostic},
    text::Text,
};
use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
};

/// Every definition in force.
#[derive(Debug, Default)]
pub(super) struct Macros {
    user: BTreeMap<String, Vec<Text>>,
    random: u64,
}

/// A `$NAME` or `${NAME ...}` in a line.
struct Use<'a> {
    len: usize,
    name: &'a str,
    parameters: Vec<&'a str>,
    braces: bool,
}

impl Macros {
    pub(super) fn new(context: &Context) -> Self {
        // xorshift stands still at zero.
        Self {
            user: BTreeMap::new(),
            random: context.random_seed | 1,
        }
    }

    /// The value of a sequence's variable.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.user
            .insert(name.to_owned(), vec![Text::from_file(0, 0, value)]);
    }

    /// One line, or several of which all but the first follow the line it is used in.
    pub(super) fn define(&mut self, name: &str, lines: Vec<Text>) {
        self.user.insert(name.to_owned(), lines);
    }

    /// Replaces what is defined. `None` when nothing was; else the line, and
    /// the lines that follow it.
    pub(super) fn expand(
        &mut self,
        line: &Text,
        directory: &Path,
        context: &Context,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<(Text, VecDeque<Text>)> {
        let mut out = line.clone();
        let mut rest = VecDeque::new();
        let mut changed = false;
        let mut at = 0;
        while let Some(dollar) = out.as_str()[at..].find('$').map(|n| at + n) {
            at = dollar + 1;
            let text = out.as_str();
            let Some(found) = find_use(&text[dollar..]) else {
                continue;
            };
            let range = dollar..dollar + found.len;
            let ends_line = range.end == text.len();
            let defined = self.user.contains_key(found.name);
            if !found.braces && !ends_bare(&text[range.end..]) {
                if defined && !in_quotes(&text[..dollar]) {
                    let span = out.span(range);
                    diagnostics.push(
                        Diagnostic::warning(
                            Code::Syntax,
                            span,
                            format!("`${}` is not replaced here: a bare macro ends at white space, `,` or `)`", found.name),
                        )
                        .help(format!("write `${{{}}}`", found.name)),
                    );
                }
                continue;
            }
            let value = if let Some(lines) = self.user.get(found.name) {
                if lines.len() > 1 && !ends_line {
                    continue;
                }
                rest.extend(lines.iter().skip(1).cloned());
                lines
                    .first()
                    .map(|l| l.as_str().to_owned())
                    .unwrap_or_default()
            } else if let Some(value) = self.standard(&found, directory, context) {
                value
            } else {
                if found.braces && !in_quotes(&text[..dollar]) {
                    let name = found.name.to_owned();
                    let span = out.span(range.clone());
                    diagnostics.push(
                        Diagnostic::error(
                            Code::Undefined,
                            span,
                            format!("macro `{name}` is not defined"),
                        )
                        .help(format!("define it above as `${name}=VALUE`")),
                    );
                    // Its braces would be taken for a block's.
                    out.replace(range, &name);
                    changed = true;
                }
                continue;
            };
            changed = true;
            out.replace(range, &value);
            if value.trim_start().starts_with('~') {
                break;
            }
            // What it holds may be a macro again; the caller bounds the rounds.
            at = dollar + value.len();
        }
        changed.then_some((out, rest))
    }

    fn standard(&mut self, found: &Use<'_>, directory: &Path, context: &Context) -> Option<String> {
        match (found.name, found.parameters.as_slice()) {
            ("_PWD", []) => Some(directory.display().to_string()),
            ("_INSTANCE", []) => Some(context.config_id.clone()),
            ("_HASH", []) => Some("#".to_owned()),
            ("_BANG", []) => Some("!".to_owned()),
            ("_ENV", [name]) => Some(context.environment.get(*name).cloned().unwrap_or_default()),
            ("_RANDOM", bounds) if bounds.len() <= 2 => {
                let number = |i: usize, default| {
                    bounds
                        .get(i)
                        .map_or(Some(default), |n| n.parse::<u64>().ok())
                };
                let (low, high) = (number(0, 0)?, number(1, 32_767)?);
                self.random ^= self.random << 13;
                self.random ^= self.random >> 7;
                self.random ^= self.random << 17;
                let width = high.checked_sub(low)?.saturating_add(1);
                Some((low + self.random % width).to_string())
            }
            _ => None,
        }
    }
}

/// Splits `$NAME=value`.
pub(super) fn definition(line: &Text) -> Option<(String, Text)> {
    let text = line.as_str();
    let name_len = name_len(text.strip_prefix('$')?);
    let after = &text[1 + name_len..];
    let equals = 1 + name_len + (after.len() - after.trim_start().len());
    if name_len == 0 || !text[equals..].starts_with('=') {
        return None;
    }
    Some((
        text[1..=name_len].to_owned(),
        line.slice(equals + 1..line.len()).trim(),
    ))
}

/// What stands before a `\` at the end of the line.
pub(super) fn continued(line: &Text) -> Option<Text> {
    let before = line.as_str().strip_suffix('\\')?.len();
    Some(line.slice(0..before).trim())
}

fn find_use(text: &str) -> Option<Use<'_>> {
    let body = text.strip_prefix('$')?;
    let Some(inner) = body.strip_prefix('{') else {
        let len = name_len(body);
        let name = &body[..len];
        return (len > 0).then_some(Use {
            len: len + 1,
            name,
            parameters: Vec::new(),
            braces: false,
        });
    };
    let close = inner.find('}')?;
    let inner = &inner[..close];
    let name = &inner[..name_len(inner)];
    let parameters: Vec<&str> = inner[name.len()..].split_ascii_whitespace().collect();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ' ' || c == '\t';
    (!name.is_empty() && inner.chars().all(plain)).then_some(Use {
        len: close + 3,
        name,
        parameters,
        braces: true,
    })
}

fn name_len(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len())
}

fn ends_bare(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with([' ', '\t', ',', ')'])
}

fn in_quotes(before: &str) -> bool {
    before.matches('"').count() % 2 == 1
}
