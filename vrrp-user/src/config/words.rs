//! A logical line, cut at braces and into words.

use super::{source::Span, text::Text};

/// One word, quotes gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// What it says.
    pub(crate) text: String,
    /// Where it stands, quotes included.
    pub(crate) span: Span,
}

/// Part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Words, not empty; the text is kept for keywords that take a command.
    Words(Vec<Word>, Text),
    Open(Span),
    Close(Span),
}

/// `{` and `}` stand alone wherever they are written, except in `"..."`.
pub(crate) fn pieces(line: &Text) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut quoted = false;
    let push = |range: core::ops::Range<usize>| {
        let part = line.slice(range).trim();
        let words = words(&part);
        (!words.is_empty()).then_some(Piece::Words(words, part))
    };
    for (at, c) in line.as_str().char_indices() {
        match c {
            '"' => quoted = !quoted,
            '{' | '}' if !quoted => {
                out.extend(push(start..at));
                let span = line.span(at..at + 1);
                out.push(if c == '{' {
                    Piece::Open(span)
                } else {
                    Piece::Close(span)
                });
                start = at + 1;
            }
            _ => {}
        }
    }
    out.extend(push(start..line.len()));
    out
}

/// Words end at white space and at quotes; `"..."` is one word.
pub(crate) fn words(text: &Text) -> Vec<Word> {
    let mut out = Vec::new();
    let line = text.as_str();
    let mut at = 0;
    while let Some(start) = line[at..]
        .find(|c: char| !c.is_ascii_whitespace())
        .map(|n| at + n)
    {
        let rest = &line[start..];
        let (from, to, end) = if let Some(inner) = rest.strip_prefix('"') {
            let close = inner.find('"').map_or(line.len(), |n| start + 1 + n);
            (start + 1, close, (close + 1).min(line.len()))
        } else {
            let end = rest
                .find(|c: char| c.is_ascii_whitespace() || c == '"')
                .map_or(line.len(), |n| start + n);
            (start, end, end)
        };
        out.push(Word {
            text: line[from..to].to_owned(),
            span: text.span(start..end),
        });
        at = end;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(line: &str) -> Vec<String> {
        let told = |piece: Piece| match piece {
            Piece::Words(words, _) => {
                let texts: Vec<String> = words.into_iter().map(|w| w.text).collect();
                format!("<{}>", texts.join("><"))
            }
            Piece::Open(_) => "{".to_owned(),
            Piece::Close(_) => "}".to_owned(),
        };
        pieces(&Text::from_file(0, 0, line))
            .into_iter()
            .map(told)
            .collect()
    }

    #[test]
    fn braces_need_no_space_and_quotes_hide_them() {
        assert_eq!(cut("TCP_CHECK{"), ["<TCP_CHECK>", "{"]);
        assert_eq!(
            cut("real_server 1.1.1.1 80{"),
            ["<real_server><1.1.1.1><80>", "{"]
        );
        assert_eq!(
            cut("group { A B } x"),
            ["<group>", "{", "<A><B>", "}", "<x>"]
        );
        assert_eq!(cut("script \"a {b} c\" d"), ["<script><a {b} c><d>"]);
        assert_eq!(cut("a\"b c\"d \"\" \"open {"), ["<a><b c><d><><open {>"]);
        assert_eq!(cut("}}"), ["}", "}"]);
        assert_eq!(cut("  "), Vec::<String>::new());
    }

    #[test]
    fn spans_cover_the_quotes() {
        let words = words(&Text::from_file(1, 10, "a \"b c\""));
        assert_eq!(
            words[1].span,
            Span {
                file: 1,
                start: 12,
                end: 17
            }
        );
    }
}
