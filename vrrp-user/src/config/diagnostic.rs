//! What is wrong with a configuration, where, why, and what to type instead.

use super::source::{Files, Span};
use core::fmt::Write as _;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing the operator meant is lost.
    Note,
    /// It runs, but not as somebody may expect.
    Warning,
    /// Something the operator meant would not happen; the file is refused.
    Error,
}

/// What kind of thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// A word that no keyword list has.
    UnknownKeyword,
    /// A keyword in a block it does not belong to.
    Misplaced,
    /// A keyword of keepalived that is not served yet.
    NotServed,
    /// A keyword that has nothing to rule here.
    Meaningless,
    /// An old spelling.
    Deprecated,
    /// A keyword without what must follow it.
    MissingParameter,
    /// A number, address or name that cannot be one.
    BadValue,
    /// Braces, quotes, odd characters, macros.
    Syntax,
    /// A file that cannot be read.
    File,
    /// Two things with one name.
    DuplicateName,
    /// Two instances with one VRID.
    DuplicateVrid,
    /// A name that nothing defines.
    Undefined,
    /// A block that lacks something.
    Incomplete,
    /// It contradicts another setting, which wins.
    Overruled,
    /// It cannot work as meant.
    Lint,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// What kind of thing it is.
    pub code: Code,
    /// Where; nowhere for a file that cannot be read at all.
    pub span: Option<Span>,
    /// What is wrong and why, one line.
    pub message: String,
    /// What to type instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error.
    #[must_use]
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, Some(span), message)
    }

    /// A warning.
    #[must_use]
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, Some(span), message)
    }

    /// A note.
    #[must_use]
    pub fn note(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, Some(span), message)
    }

    pub(crate) fn new(
        severity: Severity,
        code: Code,
        span: Option<Span>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            code,
            span,
            message: message.into(),
            help: None,
        }
    }

    /// Adds what to type instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// `path:line:column: error: message`, the source line, a caret, the help;
    /// every line ends with a line feed. No colours: the caller may add them.
    pub fn render(&self, files: &Files) -> String {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let mut out = String::new();
        let mut margin = 0;
        if let Some((span, file)) = self.span.and_then(|s| Some((s, files.file(s.file)?))) {
            let at = files.position(span);
            let _ = writeln!(
                out,
                "{}:{}:{}: {severity}: {}",
                file.path.display(),
                at.line,
                at.column,
                self.message
            );
            let number = at.line.to_string();
            margin = number.len().max(4);
            let source = file.line(at.line);
            let column = (at.column - 1) as usize;
            let before: String = source.chars().take(column).map(pad).collect();
            let marked = files.text(span).lines().next().unwrap_or_default();
            let width: usize = marked.chars().map(|c| pad(c).chars().count()).sum();
            let shown: String = source.chars().map(visible).collect();
            let _ = writeln!(out, "{number:>margin$} | {shown}");
            let _ = writeln!(
                out,
                "{:>margin$} | {before}{}",
                "",
                "^".repeat(width.max(1))
            );
        } else {
            let _ = writeln!(out, "{severity}: {}", self.message);
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "{:>margin$} = help: {help}", "");
        }
        out
    }
}

/// Exit status of a check, keepalived's where it has one: 0 nothing wrong, 5
/// errors, 2 a missing parameter or a VRID used twice, 4 a file that cannot be
/// read. (6, script security, is found by whoever looks at the scripts.)
pub fn exit_code(diagnostics: &[Diagnostic]) -> u8 {
    let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error);
    let codes: Vec<Code> = errors.map(|d| d.code).collect();
    if codes.is_empty() {
        0
    } else if codes
        .iter()
        .any(|c| matches!(c, Code::MissingParameter | Code::DuplicateVrid))
    {
        2
    } else if codes.iter().all(|&c| c == Code::File) {
        4
    } else {
        5
    }
}

/// White space of many alphabets that keepalived takes for letters.
pub(crate) fn is_odd_space(c: char) -> bool {
    matches!(
        c,
        '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200d}' | '\u{202f}' | '\u{205f}' | '\u{2060}' | '\u{3000}' | '\u{feff}'
    )
}

fn visible(c: char) -> char {
    if is_odd_space(c) {
        '\u{2423}'
    } else if c.is_control() && c != '\t' {
        '\u{fffd}'
    } else {
        c
    }
}

/// What takes the same room in a terminal.
fn pad(c: char) -> &'static str {
    match c {
        '\t' => "\t",
        '\u{3000}' => " ",
        // East Asian wide and fullwidth.
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}' => "  ",
        _ => " ",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_like_a_compiler() {
        let mut files = Files::default();
        let file = files.add("/etc/k.conf".into(), "x\n\tpriorty 100\n".as_bytes());
        let d = Diagnostic::error(
            Code::UnknownKeyword,
            Span {
                file,
                start: 3,
                end: 10,
            },
            "unknown word `priorty`",
        )
        .help("write `priority`");
        assert_eq!(
            d.render(&files),
            "/etc/k.conf:2:2: error: unknown word `priorty`\n   2 | \tpriorty 100\n     | \t^^^^^^^\n     = help: write `priority`\n"
        );
    }

    #[test]
    fn wide_characters_move_the_caret_two_columns() {
        let mut files = Files::default();
        let file = files.add("/k".into(), "\u{540d} x\u{a0}y".as_bytes());
        let d = Diagnostic::note(
            Code::Syntax,
            Span {
                file,
                start: 4,
                end: 5,
            },
            "m",
        );
        assert_eq!(
            d.render(&files),
            "/k:1:3: note: m\n   1 | \u{540d} x\u{2423}y\n     |    ^\n"
        );
    }

    #[test]
    fn the_exit_code_is_keepaliveds() {
        let at = Span {
            file: 0,
            start: 0,
            end: 0,
        };
        let error = |code| Diagnostic::error(code, at, "");
        assert_eq!(exit_code(&[]), 0);
        assert_eq!(exit_code(&[Diagnostic::warning(Code::Lint, at, "")]), 0);
        assert_eq!(exit_code(&[error(Code::UnknownKeyword)]), 5);
        assert_eq!(
            exit_code(&[error(Code::BadValue), error(Code::MissingParameter)]),
            2
        );
        assert_eq!(exit_code(&[error(Code::DuplicateVrid)]), 2);
        assert_eq!(exit_code(&[error(Code::File)]), 4);
        assert_eq!(exit_code(&[error(Code::File), error(Code::BadValue)]), 5);
    }
}
