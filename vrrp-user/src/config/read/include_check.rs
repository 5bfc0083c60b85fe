//! What an included file has to be: the letter of its `include`, and `include_check`.

use crate::config::{
    diagnostic::{Code, Diagnostic},
    keyword::suggest::nearest_name,
    text::Text,
};

/// What is insisted on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of its own")]
pub(super) struct Checks {
    /// Every file found can be read.
    pub(super) readable: bool,
    /// A name without wildcard exists.
    pub(super) matched: bool,
    /// A wildcard finds something.
    pub(super) wildcard: bool,
    /// Each alternative of `{a,b}` exists.
    pub(super) braces: bool,
}

/// As they are written; keepalived's manual says `readable`, and its parser takes `read`.
const WORDS: [&str; 5] = ["readable", "read", "match", "wildcard_match", "brace_match"];

impl Checks {
    pub(super) const ALL: Self = Self {
        readable: true,
        matched: true,
        wildcard: true,
        braces: true,
    };

    /// Of `include` with this letter behind it.
    pub(super) fn of_letter(letter: &str) -> Option<Self> {
        let mut checks = Self::default();
        match letter {
            "" => {}
            "r" => checks.set("readable", true),
            "m" => checks.set("match", true),
            // A wildcard that has to find something is stricter than a name that has to exist.
            "w" => (checks.matched, checks.wildcard, checks.readable) = (true, true, true),
            "b" => checks.set("brace_match", true),
            "a" => checks = Self::ALL,
            _ => return None,
        }
        Some(checks)
    }

    /// Both.
    pub(super) const fn and(self, other: Self) -> Self {
        Self {
            readable: self.readable || other.readable,
            matched: self.matched || other.matched,
            wildcard: self.wildcard || other.wildcard,
            braces: self.braces || other.braces,
        }
    }

    /// A file that is there has to be readable for the other three as well.
    fn set(&mut self, word: &str, on: bool) {
        match word {
            "match" => self.matched = on,
            "wildcard_match" => self.wildcard = on,
            "brace_match" => self.braces = on,
            _ => self.readable = on,
        }
        self.readable |= on;
    }

    /// `include_check [[+|-]WORD ...]`: words alone say all that is insisted on, signed
    /// ones change it. `None` if the line says something else.
    pub(super) fn after(self, line: &Text, diagnostics: &mut Vec<Diagnostic>) -> Option<Self> {
        let rest = line.as_str().strip_prefix("include_check")?;
        if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
            return None;
        }
        let mut checks = self;
        let mut anew = false;
        let mut none = true;
        for word in rest.split_whitespace() {
            none = false;
            let (on, signed, name) = match word.split_at_checked(1) {
                Some(("+", name)) => (true, true, name),
                Some(("-", name)) => (false, true, name),
                _ => (true, false, word),
            };
            if !WORDS.contains(&name) {
                let message = format!("`{name}` is nothing that is checked of an include");
                let found = Diagnostic::error(Code::BadValue, line.whole(), message);
                let known = nearest_name(WORDS.into_iter(), name);
                diagnostics.push(found.help(known.map_or_else(
                    || "write readable, match, wildcard_match or brace_match".to_owned(),
                    |known| format!("write `{known}`"),
                )));
                continue;
            }
            if !signed && !std::mem::replace(&mut anew, true) {
                checks = Self::default();
            }
            checks.set(name, on);
        }
        Some(if none { Self::ALL } else { checks })
    }
}
