//! Where the text comes from, and where in it something stands.

use std::path::{Path, PathBuf};

/// Reads files for the parser, which itself touches none. Paths are absolute.
pub trait Source {
    /// The bytes of a regular file, or why they cannot be had. A directory is an error.
    fn read(&mut self, path: &Path) -> Result<Vec<u8>, String>;
    /// Names (not paths) of what a directory holds, in any order.
    fn list(&mut self, directory: &Path) -> Result<Vec<String>, String>;
    /// Only its owner can read the file, as far as can be told.
    fn is_private(&mut self, _path: &Path) -> bool {
        true
    }
}

/// Part of one file: byte offsets into its text, `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Index into [`Files`].
    pub file: u32,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// From the start of `self` to the end of `other`; `self` alone when they
    /// stand in different files or the wrong way round.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        if self.file == other.file && other.end >= self.end {
            Self {
                end: other.end,
                ..self
            }
        } else {
            self
        }
    }
}

/// A place an editor can jump to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
}

/// One file that was read.
#[derive(Clone, Debug)]
pub struct File {
    /// As it was asked for.
    pub path: PathBuf,
    /// What it holds; bytes that are not UTF-8 became U+FFFD.
    pub text: String,
    /// Offset of the first byte of each line.
    lines: Vec<u32>,
}

impl File {
    /// Line `number`, from 1, without its line end.
    pub fn line(&self, number: u32) -> &str {
        let index = number.saturating_sub(1) as usize;
        let Some(&start) = self.lines.get(index) else {
            return "";
        };
        let end = self
            .lines
            .get(index + 1)
            .map_or(self.text.len(), |&next| next as usize);
        self.text[start as usize..end].trim_end_matches(['\n', '\r'])
    }
}

/// Every file of one load; a [`Span`] points into it.
#[derive(Clone, Debug, Default)]
pub struct Files {
    files: Vec<File>,
}

impl Files {
    /// Takes a file in and gives its index.
    pub(crate) fn add(&mut self, path: PathBuf, bytes: &[u8]) -> u32 {
        let mut text = String::from_utf8_lossy(bytes).into_owned();
        // Offsets are 32 bits wide.
        if u32::try_from(text.len()).is_err() {
            text.clear();
        }
        let starts = text
            .bytes()
            .zip(1_u32..)
            .filter(|&(byte, _)| byte == b'\n')
            .map(|(_, next)| next);
        let lines = core::iter::once(0).chain(starts).collect();
        self.files.push(File { path, text, lines });
        u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX)
    }

    /// The file a span points into.
    pub fn file(&self, index: u32) -> Option<&File> {
        self.files.get(index as usize)
    }

    /// All of them, the root first.
    pub fn iter(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// Where a span starts.
    pub fn position(&self, span: Span) -> Position {
        let Some(file) = self.file(span.file) else {
            return Position { line: 1, column: 1 };
        };
        let line = file
            .lines
            .partition_point(|&start| start <= span.start)
            .max(1);
        let before = &file.text[file.lines[line - 1] as usize..span.start as usize];
        Position {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX),
        }
    }

    /// What stands there.
    pub fn text(&self, span: Span) -> &str {
        self.file(span.file).map_or("", |file| {
            &file.text[span.start as usize..span.end as usize]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let mut files = Files::default();
        let file = files.add("/etc/a".into(), "ab\n\u{4e2d}x y\n".as_bytes());
        let at = |start, end| Span { file, start, end };
        assert_eq!(files.position(at(0, 1)), Position { line: 1, column: 1 });
        assert_eq!(files.position(at(6, 7)), Position { line: 2, column: 2 });
        assert_eq!(files.text(at(6, 7)), "x");
        assert_eq!(files.file(file).map(|f| f.line(2)), Some("\u{4e2d}x y"));
        assert_eq!(files.position(at(10, 10)), Position { line: 3, column: 1 });
    }

    #[test]
    fn bytes_that_are_not_utf8_are_kept_as_a_mark() {
        let mut files = Files::default();
        let file = files.add("/etc/a".into(), b"# \xd6\xd0\nx");
        assert_eq!(files.file(file).map(|f| f.line(2)), Some("x"));
    }
}
