//! Keywords that take a command: quotes of both kinds, escapes, and what needs a shell.

use super::{
    check::foreign_punctuation,
    diagnostic::{Code, Diagnostic},
    model::{CommandLine, User},
    text::Text,
    tree::Statement,
};

/// A command and who runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) line: CommandLine,
    pub(crate) user: Option<User>,
}

/// `KEYWORD COMMAND [USER [GROUP]]`. The command is the first word after the
/// keyword; its arguments stand inside its quotes.
pub(crate) fn command(statement: &Statement, diagnostics: &mut Vec<Diagnostic>) -> Option<Command> {
    let raw = &statement.raw;
    let words = match split(raw.as_str(), Escapes::Keep) {
        Ok(words) => words,
        Err(at) => {
            // An open `"` was told when the line was read.
            if raw.as_str()[at..].starts_with('\'') {
                let found =
                    Diagnostic::error(Code::Syntax, raw.span(at..at + 1), "this ' is never closed");
                diagnostics.push(found.help(
                    "`!` and `#` begin a comment even inside '...': quote with \"...\", or write `\\!` and `\\#`",
                ));
            }
            return None;
        }
    };
    // A keyword glued to its command was cut apart already.
    let glued = words.first().is_some_and(|w| w.text != statement.name());
    let typed = if glued {
        &words[..0]
    } else {
        words.get(1..).unwrap_or_default()
    };
    let inner = match typed.first() {
        Some(word) => word.text.clone(),
        None => statement.arguments().first()?.text.clone(),
    };
    if inner.trim().is_empty() {
        let found = Diagnostic::error(
            Code::MissingParameter,
            statement.span(),
            "the command is empty",
        );
        diagnostics.push(found.help(format!(
            "write `{} \"/path/to/command argument\"`",
            statement.name()
        )));
        return None;
    }
    if let Some(help) =
        foreign_punctuation(&inner).filter(|_| inner.starts_with(|c: char| !c.is_ascii()))
    {
        let found = Diagnostic::error(
            Code::Syntax,
            statement.span(),
            format!("`{inner}` is no command"),
        );
        diagnostics.push(found.help(help));
        return None;
    }
    let extra = typed.get(1..).unwrap_or_default();
    let user = match extra {
        [] => None,
        [user, rest @ ..]
            if is_user(&user.text) && statement.name() != "script" && rest.len() < 2 =>
        {
            Some(user_of(&user.text, rest.first().map(|g| g.text.as_str())))
        }
        [first, ..] => {
            let all: Vec<&str> = typed.iter().map(|w| w.text.as_str()).collect();
            let found = Diagnostic::error(
                Code::BadValue,
                raw.span(first.start..raw.len()),
                "this does not reach the command: keepalived takes only the first word as the command",
            );
            diagnostics.push(found.help(format!(
                "quote it all: `{} \"{}\"`",
                statement.name(),
                all.join(" ")
            )));
            return None;
        }
    };
    parse_line(&inner, raw, diagnostics).map(|line| Command { line, user })
}

fn parse_line(inner: &str, raw: &Text, diagnostics: &mut Vec<Diagnostic>) -> Option<CommandLine> {
    if needs_shell(inner) {
        return Some(CommandLine::Shell(inner.to_owned()));
    }
    if let Ok(words) = split(inner, Escapes::Replace) {
        return Some(CommandLine::Argv(
            words.into_iter().map(|w| w.text).collect(),
        ));
    }
    let found = Diagnostic::error(
        Code::Syntax,
        raw.whole(),
        "a quote inside the command is never closed",
    );
    diagnostics.push(found.help("quote inside `\"...\"` with `'...'`, in pairs"));
    None
}

/// A user, and the group behind it: `GROUP`, `:GROUP` or `:`.
pub(super) fn user_of(name: &str, group: Option<&str>) -> User {
    let all = group.and_then(|group| group.strip_prefix(':'));
    User {
        name: name.to_owned(),
        group: all
            .or(group)
            .filter(|group| !group.is_empty())
            .map(str::to_owned),
        all_groups: all.is_some(),
    }
}

/// keepalived would look it up as a user; what is none was meant as an argument.
fn is_user(text: &str) -> bool {
    let state = ["master", "backup", "fault", "stop"].contains(&text.to_ascii_lowercase().as_str());
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$');
    !state
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(plain)
}

/// Redirections, pipes and lists, which an argv would take for arguments.
fn needs_shell(line: &str) -> bool {
    let mut quote = None;
    let mut unquoted = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (_, '\\') => {
                chars.next();
                unquoted.push('_');
            }
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => unquoted.push('_'),
            (None, '"' | '\'') => quote = Some(c),
            (None, c) => unquoted.push(c),
        }
    }
    unquoted.contains("$(")
        || unquoted.contains(['|', '`'])
        || unquoted.split_ascii_whitespace().any(|word| {
            let bare = word.trim_start_matches(|c: char| c.is_ascii_digit());
            bare.starts_with(['<', '>'])
                || word.ends_with(';')
                || matches!(word, "&" | "&&")
                || word.starts_with("&>")
        })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    /// `\x` stays; it only hides a quote.
    Keep,
    /// `\n`, `\x41`, `\101`, `\cA` become what they stand for.
    Replace,
}

struct Part {
    text: String,
    start: usize,
}

/// Words outside quotes; the offset of a quote that is never closed.
fn split(line: &str, escapes: Escapes) -> Result<Vec<Part>, usize> {
    let mut out: Vec<Part> = Vec::new();
    let mut word: Option<Part> = None;
    let mut quote: Option<(char, usize)> = None;
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if quote.is_none() && c.is_ascii_whitespace() {
            out.extend(word.take());
            continue;
        }
        let current = word.get_or_insert_with(|| Part {
            text: String::new(),
            start: at,
        });
        match (quote, c) {
            (Some((open, _)), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some((c, at)),
            (_, '\\') => {
                let rest = &line[at + 1..];
                let (text, used) = match escapes {
                    Escapes::Keep => (
                        line[at..].chars().take(2).collect(),
                        rest.chars().take(1).count(),
                    ),
                    Escapes::Replace => escape(rest),
                };
                current.text.push_str(&text);
                for _ in 0..used {
                    chars.next();
                }
            }
            (_, c) => current.text.push(c),
        }
    }
    if let Some((_, at)) = quote {
        return Err(at);
    }
    out.extend(word);
    Ok(out)
}

/// What follows a backslash: what it stands for, and how many characters it took.
fn escape(rest: &str) -> (String, usize) {
    let Some(first) = rest.chars().next() else {
        return (String::new(), 0);
    };
    let number = |digits: &str, radix| {
        let code = u32::from_str_radix(digits, radix).unwrap_or(0) & 0xff;
        char::from_u32(code).map(String::from).unwrap_or_default()
    };
    let take = |skip: usize, most: usize, radix: u32| -> String {
        rest.chars()
            .skip(skip)
            .take(most)
            .take_while(|c| c.is_digit(radix))
            .collect()
    };
    match first {
        'x' if rest[1..].starts_with(|c: char| c.is_ascii_hexdigit()) => {
            let digits = take(1, 2, 16);
            (number(&digits, 16), digits.len() + 1)
        }
        '0'..='7' => {
            let digits = take(0, 3, 8);
            (number(&digits, 8), digits.len())
        }
        'c' => match rest[1..].chars().next() {
            Some(c) => (
                char::from_u32(c as u32 & 0x1f)
                    .map(String::from)
                    .unwrap_or_default(),
                2,
            ),
            None => ("c".to_owned(), 1),
        },
        'a' => ("\x07".to_owned(), 1),
        'b' => ("\x08".to_owned(), 1),
        'E' => ("\x1b".to_owned(), 1),
        'f' => ("\x0c".to_owned(), 1),
        'n' => ("\n".to_owned(), 1),
        'r' => ("\r".to_owned(), 1),
        't' => ("\t".to_owned(), 1),
        'v' => ("\x0b".to_owned(), 1),
        other => (other.to_string(), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::words::words;

    fn told(line: &str) -> String {
        let raw = Text::from_file(0, 0, line);
        let statement = Statement {
            words: words(&raw),
            raw,
            glued_comment: None,
            block: None,
        };
        let mut diagnostics = Vec::new();
        match command(&statement, &mut diagnostics) {
            Some(Command {
                line: CommandLine::Argv(argv),
                user,
            }) => {
                let user = user.map(|u| format!(" by {}:{}", u.name, u.group.unwrap_or_default()));
                format!("{}{}", argv.join("|"), user.unwrap_or_default())
            }
            Some(Command {
                line: CommandLine::Shell(line),
                ..
            }) => format!("sh {line}"),
            None => diagnostics
                .pop()
                .map(|d| d.help.unwrap_or(d.message))
                .unwrap_or_default(),
        }
    }

    #[test]
    fn quotes_escapes_and_users() {
        for (line, expected) in [
            ("script /bin/check", "/bin/check"),
            ("script \"/bin/check a b\"", "/bin/check|a|b"),
            ("script '/bin/check \"a b\" c'", "/bin/check|a b|c"),
            ("script \"killall -0 nginx\"", "killall|-0|nginx"),
            (
                "script \"/bin/x 'a b' \\\"c d\\\" \\x41\\101\\n\\ e\"",
                "/bin/x|a b|\"c|d\"|AA\n e",
            ),
            (
                "script \"bash -c '</dev/tcp/127.0.0.1/80'\"",
                "bash|-c|</dev/tcp/127.0.0.1/80",
            ),
            (
                "notify /bin/n.sh nobody nogroup",
                "/bin/n.sh by nobody:nogroup",
            ),
            ("notify \"/bin/n.sh a\" root", "/bin/n.sh|a by root:"),
            (
                "script \"</dev/tcp/127.0.0.1/80\"",
                "sh </dev/tcp/127.0.0.1/80",
            ),
            ("script \"< /dev/tcp/::1/80\"", "sh < /dev/tcp/::1/80"),
            (
                "script \"ss -ltn | grep -q :80\"",
                "sh ss -ltn | grep -q :80",
            ),
            (
                "script \"pidof nginx >/dev/null 2>&1\"",
                "sh pidof nginx >/dev/null 2>&1",
            ),
            (
                "script \"curl -s http://a/?b=1&c=2;d\"",
                "curl|-s|http://a/?b=1&c=2;d",
            ),
            ("script \"grep 'a|b' /x\"", "grep|a|b|/x"),
        ] {
            assert_eq!(told(line), expected, "{line}");
        }
    }

    #[test]
    fn what_would_be_lost_is_told() {
        for (line, expected) in [
            (
                "script /bin/check a b",
                "quote it all: `script \"/bin/check a b\"`",
            ),
            (
                "notify_master /bin/n.sh master",
                "quote it all: `notify_master \"/bin/n.sh master\"`",
            ),
            (
                "notify_fault /bin/n.sh a b c",
                "quote it all: `notify_fault \"/bin/n.sh a b c\"`",
            ),
            (
                "script \"\"",
                "write `script \"/path/to/command argument\"`",
            ),
            (
                "script \"/bin/a 'b\"",
                "quote inside `\"...\"` with `'...'`, in pairs",
            ),
        ] {
            assert_eq!(told(line), expected, "{line}");
        }
        assert!(told("script '/bin/a").contains("comment"));
    }
}
