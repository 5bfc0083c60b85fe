//! A line on its way from file to words: every byte knows where it came from,
//! so that a span survives comments, macros and sequences.

use super::source::Span;
use core::ops::Range;

/// Text and, for each of its bytes, the place in a file that it stands for. A
/// byte a macro put there stands for the whole use of the macro.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    chars: String,
    origin: Vec<Span>,
}

impl Text {
    /// As it stands in a file, from byte `start`.
    pub(crate) fn from_file(file: u32, start: u32, chars: &str) -> Self {
        let origin = (start..).zip(chars.bytes()).map(|(at, _)| Span {
            file,
            start: at,
            end: at + 1,
        });
        Self {
            origin: origin.collect(),
            chars: chars.to_owned(),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.chars
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chars.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.chars.len()
    }

    /// Where these bytes came from; the nearest place for an empty range.
    pub(crate) fn span(&self, range: Range<usize>) -> Span {
        let nowhere = Span {
            file: 0,
            start: 0,
            end: 0,
        };
        let last = self.origin.last().copied().unwrap_or(nowhere);
        let Some(&first) = self.origin.get(range.start) else {
            return Span {
                start: last.end,
                ..last
            };
        };
        if range.is_empty() {
            return Span {
                end: first.start,
                ..first
            };
        }
        first.to(self.origin.get(range.end - 1).copied().unwrap_or(last))
    }

    /// Where all of it came from.
    pub(crate) fn whole(&self) -> Span {
        self.span(0..self.len())
    }

    pub(crate) fn slice(&self, range: Range<usize>) -> Self {
        Self {
            chars: self.chars[range.clone()].to_owned(),
            origin: self.origin[range].to_vec(),
        }
    }

    /// Without white space at both ends.
    pub(crate) fn trim(&self) -> Self {
        let start = self.len() - self.chars.trim_ascii_start().len();
        let end = start + self.chars[start..].trim_ascii_end().len();
        self.slice(start..end)
    }

    /// Puts `chars` in place of `range`; what is put in stands for what was there.
    pub(crate) fn replace(&mut self, range: Range<usize>, chars: &str) {
        let at = self.span(range.clone());
        self.chars.replace_range(range.clone(), chars);
        self.origin.splice(range, chars.bytes().map(|_| at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_macro_put_in_stands_for_its_use() {
        let mut text = Text::from_file(3, 100, "a $V b");
        text.replace(2..4, "hello");
        assert_eq!(text.as_str(), "a hello b");
        assert_eq!(
            text.span(4..6),
            Span {
                file: 3,
                start: 102,
                end: 104
            }
        );
        assert_eq!(
            text.span(8..9),
            Span {
                file: 3,
                start: 105,
                end: 106
            }
        );
        assert_eq!(
            text.whole(),
            Span {
                file: 3,
                start: 100,
                end: 106
            }
        );
        assert_eq!(
            text.span(9..9),
            Span {
                file: 3,
                start: 106,
                end: 106
            }
        );
        assert_eq!(
            Text::default().whole(),
            Span {
                file: 0,
                start: 0,
                end: 0
            }
        );
    }
}
