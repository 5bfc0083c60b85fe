//! Files to logical lines: comments, include, `@id`, macros and sequences are
//! dealt with here; what comes out is what keepalived's parser would see.

mod comment;
mod glob;
mod include;
mod include_check;
mod macros;
mod sequence;

use super::{
    Context,
    diagnostic::{Code, Diagnostic},
    source::{Files, Source, Span},
    text::Text,
};
use comment::OddSpaces;
use include_check::Checks;
use macros::Macros;
use sequence::Sequence;
use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
};

/// A sequence of sequences can ask for more than memory holds.
const MAX_LINES: usize = 1_000_000;
/// keepalived stops at 1024; that much is never a mistake.
const MAX_LINE_BYTES: usize = 65_536;
/// A macro may name another, but not for ever.
const MAX_ROUNDS: usize = 256;
/// Files that include one another.
const MAX_DEPTH: usize = 64;
/// Reads of files, each time counted.
const MAX_FILES: usize = 4096;

/// A logical line, and what was noticed on the way.
#[derive(Debug)]
pub(crate) struct Line {
    /// Without comment, macros replaced, trimmed, not empty.
    pub(crate) text: Text,
    /// A comment that begins right behind a word, as in `auth_pass ab!cd`.
    pub(crate) glued_comment: Option<Span>,
}

/// What feeds the next line; the topmost is read first.
enum Frame {
    File {
        file: u32,
        at: usize,
        directory: PathBuf,
        /// `include_check` as it was when the file was opened, and is when it ends.
        checks: Checks,
    },
    /// The rest of a macro of several lines.
    Lines(VecDeque<Text>),
    Sequence(Sequence),
}

/// Reads the root file and all that it draws in.
pub(crate) struct Reader<'a> {
    source: &'a mut dyn Source,
    context: &'a Context,
    files: &'a mut Files,
    diagnostics: &'a mut Vec<Diagnostic>,
    frames: Vec<Frame>,
    macros: Macros,
    /// A `$NAME=...\` that goes on in the next line.
    pending: Option<(String, Vec<Text>)>,
    odd_spaces: BTreeMap<u32, OddSpaces>,
    /// Words after `@` whose lines were left out, and how often.
    pub(crate) skipped_ids: BTreeMap<String, u32>,
    produced: usize,
    /// `include_check`, as far as has been read.
    checks: Checks,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        source: &'a mut dyn Source,
        context: &'a Context,
        files: &'a mut Files,
        diagnostics: &'a mut Vec<Diagnostic>,
    ) -> Self {
        Self {
            source,
            context,
            files,
            diagnostics,
            frames: Vec::new(),
            macros: Macros::new(context),
            pending: None,
            odd_spaces: BTreeMap::new(),
            skipped_ids: BTreeMap::new(),
            produced: 0,
            checks: if context.strict_includes {
                Checks::ALL
            } else {
                Checks::default()
            },
        }
    }

    /// All lines, the root's first. Nothing here fails; what went wrong is a diagnostic.
    pub(crate) fn lines(&mut self, root: &str) -> Vec<Line> {
        let mut lines = Vec::new();
        self.open_root(root);
        while let Some((text, glued_comment)) = self.next_raw() {
            self.produced += 1;
            if self.produced > MAX_LINES {
                self.error(text.whole(), "this makes more than a million lines", None);
                break;
            }
            if let Some(text) = self.resolve(text) {
                lines.push(Line {
                    text,
                    glued_comment,
                });
            }
        }
        for (file, odd) in core::mem::take(&mut self.odd_spaces) {
            self.diagnostics.push(odd.report(file, self.files));
        }
        lines
    }

    /// The next line as it stands, comments gone.
    fn next_raw(&mut self) -> Option<(Text, Option<Span>)> {
        loop {
            match self.frames.last_mut()? {
                Frame::File {
                    file, at, checks, ..
                } => {
                    let (file, start) = (*file, *at);
                    let text = &self.files.file(file)?.text;
                    if start >= text.len() {
                        self.checks = *checks;
                        self.frames.pop();
                        continue;
                    }
                    let end = text[start..].find('\n').map_or(text.len(), |n| start + n);
                    *at = end + 1;
                    let offset = u32::try_from(start).unwrap_or(u32::MAX);
                    let raw = Text::from_file(file, offset, &text[start..end]);
                    let odd = self.odd_spaces.entry(file).or_default();
                    let cut = comment::strip(&raw, odd);
                    if odd.is_empty() {
                        self.odd_spaces.remove(&file);
                    }
                    if let Some(quote) = cut.unclosed_quote {
                        let found =
                            Diagnostic::error(Code::Syntax, quote, "this quote is never closed")
                                .help("a quoted string ends on its own line: put `\"` behind it");
                        self.diagnostics.push(found);
                    }
                    return Some((cut.text, cut.glued));
                }
                Frame::Lines(lines) => match lines.pop_front() {
                    Some(line) => return Some((line, None)),
                    None => _ = self.frames.pop(),
                },
                Frame::Sequence(sequence) => match sequence.next() {
                    Some((values, line)) => {
                        for (name, value) in values {
                            self.macros.set(&name, &value);
                        }
                        return Some((line, None));
                    }
                    None => _ = self.frames.pop(),
                },
            }
        }
    }

    /// Conditions, definitions, sequences, macros, include; what is left is a line.
    fn resolve(&mut self, mut line: Text) -> Option<Text> {
        if self.pending.is_some() {
            self.continue_definition(&line);
            return None;
        }
        for _ in 0..MAX_ROUNDS {
            if line.as_str().starts_with('@') {
                line = self.condition(&line)?;
            }
            if self.definition(&line) {
                return None;
            }
            if line.as_str().starts_with('~') {
                self.start_sequence(&line);
                return None;
            }
            let Some((expanded, rest)) = self.expand(&line) else {
                break;
            };
            line = expanded;
            if !rest.is_empty() {
                self.frames.push(Frame::Lines(rest));
            }
            if line.len() > MAX_LINE_BYTES {
                self.error(
                    line.whole(),
                    "a macro here contains itself, or more than a line can hold",
                    None,
                );
                return None;
            }
        }
        let line = line.trim();
        if line.is_empty() {
            return None;
        }
        if let Some((checks, pattern)) = include::parse(&line) {
            self.include(checks, &pattern, line.whole());
            return None;
        }
        if let Some(checks) = self.checks.after(&line, self.diagnostics) {
            self.checks = checks;
        }
        Some(line)
    }

    /// `@id rest` and `@^id rest`.
    fn condition(&mut self, line: &Text) -> Option<Text> {
        let word_end = line.as_str().find([' ', '\t'])?;
        let word = &line.as_str()[1..word_end];
        let (inverted, id) = word
            .strip_prefix('^')
            .map_or((false, word), |id| (true, id));
        if (id == self.context.config_id) == inverted {
            *self.skipped_ids.entry(word.to_owned()).or_default() += 1;
            return None;
        }
        Some(line.slice(word_end..line.len()).trim())
    }

    /// Takes in `$NAME=value`.
    fn definition(&mut self, line: &Text) -> bool {
        let Some((name, value)) = macros::definition(line) else {
            return false;
        };
        match macros::continued(&value) {
            Some(first) => self.pending = Some((name, vec![first])),
            None => self.macros.define(&name, vec![value]),
        }
        true
    }

    fn continue_definition(&mut self, line: &Text) {
        let Some((name, mut lines)) = self.pending.take() else {
            return;
        };
        let rest = macros::continued(line);
        let last = rest.is_none();
        let part = rest.unwrap_or_else(|| line.clone());
        if !part.is_empty() {
            lines.push(part);
        }
        if last {
            self.macros.define(&name, lines);
        } else {
            self.pending = Some((name, lines));
        }
    }

    fn expand(&mut self, line: &Text) -> Option<(Text, VecDeque<Text>)> {
        let directory = self.directory();
        self.macros
            .expand(line, &directory, self.context, self.diagnostics)
    }

    fn start_sequence(&mut self, line: &Text) {
        let directory = self.directory();
        let head = line.as_str().find(')').map_or(0, |end| end + 1);
        // The numbers may be macros; the rest of the line waits for its turn.
        let (parameters, _) = self
            .macros
            .expand(
                &line.slice(0..head),
                &directory,
                self.context,
                self.diagnostics,
            )
            .unwrap_or_else(|| (line.slice(0..head), VecDeque::new()));
        match Sequence::parse(parameters.as_str(), line.slice(head..line.len()).trim()) {
            Ok(sequence) => self.frames.push(Frame::Sequence(sequence)),
            Err(why) => self.error(
                line.whole(),
                &format!("not a sequence: {why}"),
                Some("write `~SEQ(NAME, FIRST, STEP, LAST) TEXT` or `~LST(NAME, VALUE, ...) TEXT`"),
            ),
        }
    }

    /// Directory of the file being read: what paths are relative to, and `${_PWD}`.
    fn directory(&self) -> PathBuf {
        let files = self.frames.iter().rev();
        let directories = files.filter_map(|frame| match frame {
            Frame::File { directory, .. } => Some(directory.clone()),
            _ => None,
        });
        directories
            .into_iter()
            .next()
            .unwrap_or_else(|| self.context.working_directory.clone())
    }

    fn error(&mut self, span: Span, message: &str, help: Option<&str>) {
        let mut found = Diagnostic::error(Code::Syntax, span, message);
        found.help = help.map(ToOwned::to_owned);
        self.diagnostics.push(found);
    }
}

#[cfg(test)]
mod tests;
