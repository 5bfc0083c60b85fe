//! `track_file`: what a file says.

use crate::config::model::TrackFile;
use core::ops::RangeInclusive;
use std::collections::BTreeMap;

/// Octets of a file that are looked at; keepalived's.
pub const READ_OCTETS: usize = 127;

/// What keepalived takes for a number.
const NUMBERS: RangeInclusive<i64> = -0x8000_0000..=0x8000_0000;

/// What was found at a file's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Its first octets.
    Octets(Vec<u8>),
    /// There is none: counts as 0.
    Missing,
    /// It cannot be read, with the reason: counts as 0.
    Unreadable(String),
}

/// What a file came to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turned {
    /// For the log.
    pub line: String,
    /// It is worth an operator's attention.
    pub odd: bool,
    /// Its value is another one, or known for the first time.
    pub changed: bool,
}

#[derive(Clone, Debug)]
struct Tracker {
    file: TrackFile,
    value: Option<i64>,
    last: Option<Content>,
}

/// Every file that something tracks.
#[derive(Clone, Debug, Default)]
pub struct Files(BTreeMap<String, Tracker>);

impl Files {
    /// Replaces the configured files; the value of a path that stays is kept.
    /// `true`: others are to be looked at than before.
    pub fn configure(&mut self, files: Vec<TrackFile>) -> bool {
        let mut old = core::mem::take(&mut self.0);
        let mut changed = false;
        for file in files {
            let kept = old
                .remove(&file.name)
                .filter(|old| old.file.path == file.path);
            changed |= kept.is_none();
            let (value, last) = kept.map(|kept| (kept.value, kept.last)).unwrap_or_default();
            self.0
                .insert(file.name.clone(), Tracker { file, value, last });
        }
        changed || !old.is_empty()
    }

    /// A file was read. What nobody tracks any more means nothing.
    pub fn read(&mut self, name: &str, content: Content) -> Option<Turned> {
        let it = self.0.get_mut(name)?;
        if it.last.as_ref() == Some(&content) {
            return None;
        }
        let path = &it.file.path;
        let (value, remark) = match &content {
            Content::Octets(octets) => match number(octets) {
                Number::Whole(value) => (Some(value), None),
                Number::Partly(value) => {
                    let text = String::from_utf8_lossy(octets);
                    let first = text.lines().next().unwrap_or_default();
                    let remark = format!("{path} says `{first}`, which counts as {value}");
                    (Some(value), Some(remark))
                }
                Number::Beyond => {
                    let remark = format!("the number in {path} is out of range and ignored");
                    (None, Some(remark))
                }
            },
            Content::Missing => (Some(0), None),
            Content::Unreadable(why) => {
                let remark = format!("{path} cannot be read and counts as 0: {why}");
                (Some(0), Some(remark))
            }
        };
        let missing = content == Content::Missing;
        it.last = Some(content);
        let before = it.value;
        // Of a number that is none the last one is left.
        it.value = value.or(before).or(Some(0));
        let now = it.value.unwrap_or(0);
        let changed = before != it.value;
        let what = match (before, missing) {
            (None, true) => format!("{path} does not exist: value 0"),
            (_, true) => format!("{path} is gone: value 0"),
            (Some(before), false) if changed => format!("value {before} -> {now}"),
            (_, false) => format!("value {now}"),
        };
        let odd = remark.is_some();
        let more = remark.map_or(String::new(), |remark| format!(" ({remark})"));
        Some(Turned {
            line: format!("track_file {name}: {what}{more}"),
            odd,
            changed,
        })
    }

    /// What it says; none: not read yet. One that is not configured says 0.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<i64> {
        self.0.get(name).map_or(Some(0), |it| it.value)
    }

    /// All, by name, with the path and the value.
    pub fn iter(&self) -> impl Iterator<Item = (&TrackFile, Option<i64>, bool)> {
        let exists = |it: &Tracker| matches!(it.last, Some(Content::Octets(_)));
        self.0
            .values()
            .map(move |it| (&it.file, it.value, exists(it)))
    }
}

enum Number {
    /// Nothing else is there.
    Whole(i64),
    /// Something else follows, or there is no number at all.
    Partly(i64),
    Beyond,
}

/// As C's `strtol` with base 0 reads it: blanks, a sign, `0x` for base 16, `0` for
/// base 8; what follows is left out, and nothing is 0.
fn number(octets: &[u8]) -> Number {
    let text = octets.trim_ascii_start();
    let (negative, text) = match text.first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let hex_digit = |n: usize| text.get(n).is_some_and(u8::is_ascii_hexdigit);
    let (base, digits) = match text {
        [b'0', b'x' | b'X', rest @ ..] if hex_digit(2) => (16, rest),
        [b'0', ..] => (8, text),
        _ => (10, text),
    };
    let mut value: i64 = 0;
    let mut used = 0;
    for digit in digits.iter().map_while(|&d| char::from(d).to_digit(base)) {
        let next = value
            .checked_mul(i64::from(base))
            .and_then(|value| value.checked_add(i64::from(digit)));
        let Some(next) = next else {
            return Number::Beyond;
        };
        value = next;
        used += 1;
    }
    let value = if negative { -value } else { value };
    if !NUMBERS.contains(&value) {
        return Number::Beyond;
    }
    let rest = digits[used..].trim_ascii_start();
    // An empty file says 0 as well as one that says so.
    if rest.is_empty() && (used > 0 || octets.trim_ascii().is_empty()) {
        Number::Whole(value)
    } else {
        Number::Partly(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> TrackFile {
        TrackFile {
            name: "f".into(),
            path: path.into(),
            init: None,
        }
    }

    fn octets(text: &str) -> Content {
        Content::Octets(text.as_bytes().to_vec())
    }

    /// keepalived 2.2.7, by its effective priorities with weight 1.
    #[test]
    fn numbers_as_keepalived_reads_them() {
        // (text, value after 7, odd)
        let cases = [
            ("3\n", 3, false),
            ("-300\n", -300, false),
            (" +12 \n", 12, false),
            ("0x10\n", 16, false),
            ("010\n", 8, false),
            ("", 0, false),
            ("\n", 0, false),
            ("0", 0, false),
            ("abc\n", 0, true),
            ("12abc\n", 12, true),
            ("-", 0, true),
            ("0x", 0, true),
            ("09", 0, true),
            ("2147483648", 2_147_483_648, false),
            ("2147483649", 7, true),
            ("-2147483649", 7, true),
            ("99999999999999999999", 7, true),
        ];
        for (text, value, odd) in cases {
            let mut files = Files::default();
            files.configure(vec![file("/f")]);
            files.read("f", octets("7"));
            let turned = files.read("f", octets(text)).expect("news");
            assert_eq!(files.value("f"), Some(value), "{text:?}");
            assert_eq!(turned.odd, odd, "{text:?}: {}", turned.line);
        }
    }

    #[test]
    fn a_file_that_comes_goes_and_cannot_be_read() {
        let mut files = Files::default();
        assert!(files.configure(vec![file("/f")]));
        assert_eq!(files.value("f"), None, "not read yet");
        let steps = [
            (
                Content::Missing,
                0,
                "track_file f: /f does not exist: value 0",
            ),
            (octets("5\n"), 5, "track_file f: value 0 -> 5"),
            (octets("5"), 5, "track_file f: value 5"),
            (
                Content::Unreadable("Permission denied".into()),
                0,
                "track_file f: value 5 -> 0 (/f cannot be read and counts as 0: Permission denied)",
            ),
            (octets("-1"), -1, "track_file f: value 0 -> -1"),
            (Content::Missing, 0, "track_file f: /f is gone: value 0"),
        ];
        for (content, value, line) in steps {
            let turned = files.read("f", content.clone()).expect("news");
            assert_eq!((files.value("f"), &*turned.line), (Some(value), line));
            assert_eq!(files.read("f", content), None, "no news");
        }
    }

    #[test]
    fn a_reload_keeps_the_value_of_a_path_that_stays() {
        let mut files = Files::default();
        files.configure(vec![file("/f")]);
        files.read("f", octets("5"));
        assert!(
            !files.configure(vec![file("/f")]),
            "nothing to look at anew"
        );
        assert_eq!(files.value("f"), Some(5));
        assert!(files.configure(vec![file("/g")]));
        assert_eq!(files.value("f"), None);
        assert!(files.configure(Vec::new()));
        assert_eq!(files.read("f", octets("5")), None);
    }
}
