//! Routes and rules: keepalived's grammar, which is iproute2's without the short forms.

mod encap;
pub(crate) mod names;
mod route;
mod rule;
mod values;

use crate::config::{
    diagnostic::{Code, Diagnostic},
    keyword::suggest::nearest_name,
    model::routing::{Origin, Route, Rule},
    source::{Files, Span},
    tree::Statement,
    value::bad,
    words::Word,
};
use core::net::IpAddr;
use names::Names;

/// What rows are read with.
pub(super) struct Reader<'a> {
    pub(super) names: &'a Names,
    pub(super) files: &'a Files,
    /// The next preference of an IPv4 rule that has none, and of an IPv6 one.
    next_preference: [u32; 2],
}

/// keepalived counts down from here.
const FIRST_PREFERENCE: u32 = 16384;

impl<'a> Reader<'a> {
    pub(super) const fn new(names: &'a Names, files: &'a Files) -> Self {
        Self {
            names,
            files,
            next_preference: [FIRST_PREFERENCE; 2],
        }
    }

    /// Rows of `virtual_routes`, or (`fixed`) `static_routes`.
    pub(super) fn routes(
        &mut self,
        rows: &[Statement],
        fixed: bool,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<Route> {
        let mut routes: Vec<Route> = Vec::new();
        for row in rows {
            let mut cursor = Cursor::new(row, fixed, diagnostics);
            let Some(route) = route::read(self, &mut cursor) else {
                continue;
            };
            if routes.contains(&route) {
                diagnostics.push(twice(row, "route"));
            } else {
                routes.push(route);
            }
        }
        routes
    }

    /// Rows of `virtual_rules`, or (`fixed`) `static_rules`.
    pub(super) fn rules(
        &mut self,
        rows: &[Statement],
        fixed: bool,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<Rule> {
        let mut rules: Vec<Rule> = Vec::new();
        for row in rows {
            let mut cursor = Cursor::new(row, fixed, diagnostics);
            let Some(rule) = rule::read(self, &mut cursor) else {
                continue;
            };
            if rules.contains(&rule) {
                diagnostics.push(twice(row, "rule"));
            } else {
                rules.push(rule);
            }
        }
        rules
    }

    /// Where a row stands.
    pub(super) fn origin(&self, row: &Statement) -> Origin {
        self.origin_of(row.name_span())
    }

    /// The same, by place.
    pub(super) fn origin_of(&self, span: Span) -> Origin {
        let file = self.files.file(span.file);
        Origin {
            file: file.map_or_else(String::new, |file| file.path.display().to_string()),
            line: self.files.position(span).line,
        }
    }
}

fn twice(row: &Statement, what: &str) -> Diagnostic {
    let message = format!("this {what} is listed twice; it counts once");
    Diagnostic::warning(Code::DuplicateName, row.span(), message).help("remove one of them")
}

/// The words of a row, one after another.
struct Cursor<'a> {
    row: &'a Statement,
    at: usize,
    /// Of a static block: `track_group` may stand in it.
    fixed: bool,
    diagnostics: &'a mut Vec<Diagnostic>,
    /// The family, once something says it, with the word that did.
    family: Option<(bool, &'a Word)>,
}

impl<'a> Cursor<'a> {
    const fn new(row: &'a Statement, fixed: bool, diagnostics: &'a mut Vec<Diagnostic>) -> Self {
        Self {
            row,
            at: 0,
            fixed,
            diagnostics,
            family: None,
        }
    }

    fn next(&mut self) -> Option<&'a Word> {
        let word = self.row.words.get(self.at)?;
        self.at += 1;
        Some(word)
    }

    fn peek(&self) -> Option<&'a Word> {
        self.row.words.get(self.at)
    }

    fn is_next(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|word| word.text == text);
        self.at += usize::from(found);
        found
    }

    /// What must follow a keyword.
    fn value(&mut self, keyword: &Word) -> Option<&'a Word> {
        let value = self.next();
        if value.is_none() {
            let message = format!("nothing follows `{}`", keyword.text);
            let found = Diagnostic::error(Code::MissingParameter, keyword.span, message);
            self.diagnostics.push(found);
        }
        value
    }

    fn refuse<T>(&mut self, word: &Word, message: String, help: &str) -> Option<T> {
        self.diagnostics.push(bad(word, message).help(help));
        None
    }

    fn warn(&mut self, word: &Word, message: String, help: &str) {
        let found = Diagnostic::warning(Code::Overruled, word.span, message);
        self.diagnostics.push(found.help(help));
    }

    /// `word` is only for one family.
    fn of_family(&mut self, v6: bool, word: &'a Word) -> Option<()> {
        match self.family {
            Some((known, first)) if known != v6 => {
                let name = |v6| if v6 { "IPv6" } else { "IPv4" };
                let message = format!(
                    "`{}` is {}, and `{}` before it {}",
                    word.text,
                    name(v6),
                    first.text,
                    name(known)
                );
                self.refuse(word, message, "write addresses of one family in a row")
            }
            Some(_) => Some(()),
            None => {
                self.family = Some((v6, word));
                Some(())
            }
        }
    }

    fn of_address(&mut self, address: IpAddr, word: &'a Word) -> Option<()> {
        self.of_family(address.is_ipv6(), word)
    }

    fn is_v6(&self) -> bool {
        self.family.is_some_and(|(v6, _)| v6)
    }

    fn track_group(&mut self, keyword: &Word) -> Option<String> {
        if self.fixed {
            return self.value(keyword).map(|name| name.text.clone());
        }
        let message = "`track_group` is for static routes and rules".to_owned();
        self.refuse(keyword, message, "remove it: an instance tracks its own")
    }

    fn unknown<T>(&mut self, word: &Word, what: &str, known: &[&str]) -> Option<T> {
        let message = format!("`{}` is no option of a {what}", word.text);
        let help = match nearest_name(known.iter().copied(), &word.text) {
            Some(name) => format!("write `{name}`"),
            None => format!("known are {}", known.join(", ")),
        };
        self.refuse(word, message, &help)
    }
}

#[cfg(test)]
mod tests;
