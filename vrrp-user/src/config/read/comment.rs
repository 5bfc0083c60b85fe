//! Comments, escapes and white space of one line of a file.

use crate::config::{
    diagnostic::{Code, Diagnostic, is_odd_space},
    source::{Files, Span},
    text::Text,
};

/// A line without its comment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) text: Text,
    /// The comment, where it begins right behind a word.
    pub(super) glued: Option<Span>,
    pub(super) unclosed_quote: Option<Span>,
}

/// Spaces that are none, in one file.
#[derive(Debug, Default)]
pub(super) struct OddSpaces {
    first: Option<(Span, char)>,
    count: usize,
    lines: usize,
}

impl OddSpaces {
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn report(&self, file: u32, files: &Files) -> Diagnostic {
        let (span, c) = self.first.unwrap_or((
            Span {
                file,
                start: 0,
                end: 0,
            },
            ' ',
        ));
        let name = match c {
            '\u{a0}' => "a non-breaking space",
            '\u{3000}' => "an ideographic space",
            '\u{feff}' | '\u{200b}'..='\u{200d}' | '\u{2060}' => "an invisible character",
            _ => "an odd space",
        };
        let more = if self.count > 1 {
            format!(
                " ({} such characters on {} lines of this file)",
                self.count, self.lines
            )
        } else {
            String::new()
        };
        let path = files
            .file(file)
            .map(|f| f.path.display().to_string())
            .unwrap_or_default();
        Diagnostic::error(
            Code::Syntax,
            span,
            format!("{name}, U+{:04X}, where a plain space belongs{more}", c as u32),
        )
        .help(format!(
            "text copied from a web page has these: replace them all by plain spaces, for example with `perl -CSD -i -pe 's/[\\x{{a0}}\\x{{3000}}]/ /g' {path}`"
        ))
    }
}

/// `!` and `#` begin a comment anywhere outside `"..."`; `\!` and `\#` do not.
/// Odd spaces outside quotes become plain ones and are counted.
pub(super) fn strip(raw: &Text, odd: &mut OddSpaces) -> Cut {
    // A byte order mark is no mistake of the operator's.
    let bom = if raw.whole().start == 0 && raw.as_str().starts_with('\u{feff}') {
        3
    } else {
        0
    };
    let raw = raw.slice(bom..raw.len());
    let mut edits: Vec<(core::ops::Range<usize>, &str)> = Vec::new();
    let mut end = raw.len();
    let mut quote: Option<usize> = None;
    let mut comment: Option<usize> = None;
    let before = odd.count;
    let mut chars = raw.as_str().char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => quote = if quote.is_some() { None } else { Some(at) },
            '\\' => {
                if let Some(&(_, next)) = chars.peek() {
                    if quote.is_none() && matches!(next, '#' | '!') {
                        edits.push((at..at + 1, ""));
                    }
                    chars.next();
                }
            }
            '#' | '!' if quote.is_none() => {
                comment = Some(at);
                end = at;
                break;
            }
            _ if quote.is_none() && is_odd_space(c) => {
                let range = at..at + c.len_utf8();
                odd.count += 1;
                odd.first.get_or_insert((raw.span(range.clone()), c));
                edits.push((range, " "));
            }
            _ => {}
        }
    }
    if odd.count > before {
        odd.lines += 1;
    }
    let glued =
        comment.filter(|&at| raw.as_str()[..at].ends_with(|c: char| !c.is_ascii_whitespace()));
    let mut text = raw.slice(0..end);
    for (range, with) in edits.into_iter().rev() {
        text.replace(range, with);
    }
    Cut {
        text: text.trim(),
        glued: glued.map(|at| raw.span(at..raw.len())),
        unclosed_quote: quote.map(|at| raw.span(at..at + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(line: &str) -> Cut {
        strip(&Text::from_file(0, 0, line), &mut OddSpaces::default())
    }

    #[test]
    fn a_comment_ends_the_line_except_in_quotes_or_escaped() {
        for (line, left) in [
            ("  state MASTER # main", "state MASTER"),
            ("! nothing", ""),
            ("auth_pass ab!cd", "auth_pass ab"),
            ("auth_pass ab\\!cd", "auth_pass ab!cd"),
            ("auth_pass \"ab#cd\" # x", "auth_pass \"ab#cd\""),
            ("script \"a \\\" b # c\" # d", "script \"a \\\" b # c\""),
            ("$A=x \\", "$A=x \\"),
            ("script 'a # b'", "script 'a"),
            ("priority\t100\r", "priority\t100"),
            ("\u{feff}state MASTER", "state MASTER"),
        ] {
            assert_eq!(cut(line).text.as_str(), left, "{line}");
        }
    }

    #[test]
    fn a_comment_right_behind_a_word_is_told() {
        let glued = |line: &str| cut(line).glued.map(|s| (s.start, s.end));
        assert_eq!(glued("auth_pass ab!cd"), Some((12, 15)));
        assert_eq!(glued("auth_pass ab !cd"), None);
        assert_eq!(glued("! x"), None);
    }

    #[test]
    fn odd_spaces_become_plain_and_keep_their_place() {
        let mut odd = OddSpaces::default();
        let line = strip(
            &Text::from_file(0, 0, "\u{a0} state\u{3000}MASTER # \u{a0}"),
            &mut odd,
        );
        assert_eq!(line.text.as_str(), "state MASTER");
        assert_eq!((odd.count, odd.lines), (2, 1));
        assert_eq!(
            line.text.span(6..12),
            Span {
                file: 0,
                start: 11,
                end: 17
            }
        );
        assert_eq!(cut("a \"\u{a0}\"").text.as_str(), "a \"\u{a0}\"");
    }

    #[test]
    fn an_open_quote_is_found() {
        assert_eq!(
            cut("script \"a # b").unclosed_quote.map(|s| s.start),
            Some(7)
        );
        assert_eq!(cut("script \"a\"").unclosed_quote, None);
    }
}
