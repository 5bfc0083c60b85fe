//! Which shell a line needs.

use std::path::Path;

/// Text that means something only to bash. A line without any of it is run by
/// `/bin/sh`, as keepalived runs all of them.
const ONLY_BASH: [&str; 9] = [
    "/dev/tcp/",
    "/dev/udp/",
    "[[",
    "<<<",
    "<(",
    ">(",
    "&>",
    "|&",
    "function ",
];

const BASH: [&str; 3] = ["/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash"];

/// The shell for `line`, or what to install or to write instead.
pub(super) fn shell_for(line: &str) -> Result<&'static str, String> {
    choose(line, |path| Path::new(path).exists())
}

fn choose(line: &str, exists: impl Fn(&str) -> bool) -> Result<&'static str, String> {
    let Some(word) = ONLY_BASH.into_iter().find(|word| line.contains(word)) else {
        return Ok("/bin/sh");
    };
    if let Some(bash) = BASH.into_iter().find(|path| exists(path)) {
        return Ok(bash);
    }
    let instead = match word {
        "/dev/tcp/" => "or write `nc -z HOST PORT`",
        "/dev/udp/" => "or write `nc -zu HOST PORT`",
        "[[" => "or write `[ ... ]`",
        "&>" => "or write `>FILE 2>&1`",
        "|&" => "or write `2>&1 |`",
        "function " => "or write `NAME() { ...; }`",
        _ => "or write it for a POSIX shell",
    };
    Err(format!(
        "`{}` needs bash, which is not there: install bash, {instead}",
        word.trim()
    ))
}

/// The path of the program a line starts with, where that is plain to see.
pub(super) fn leading_path(line: &str) -> Option<&str> {
    let word = line.split_whitespace().next()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%,".contains(c);
    (word.starts_with('/') && !word.starts_with("/dev/") && word.chars().all(plain)).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_only_bash_understands_get_bash() {
        let cases = [
            ("</dev/tcp/127.0.0.1/80", Some("/bin/bash")),
            ("[[ -f /tmp/x ]]", Some("/bin/bash")),
            ("cat <(ps) | grep x", Some("/bin/bash")),
            ("killall -0 nginx", Some("/bin/sh")),
            ("[ -f /tmp/x ] && exit 1", Some("/bin/sh")),
            ("echo x 2>&1 | grep x > /dev/null", Some("/bin/sh")),
        ];
        for (line, expected) in cases {
            assert_eq!(choose(line, |_| true).ok(), expected, "{line}");
        }
    }

    #[test]
    fn without_bash_it_says_what_to_write() {
        let why = choose("</dev/tcp/127.0.0.1/80", |_| false).expect_err("no bash");
        assert!(
            why.contains("install bash") && why.contains("nc -z"),
            "{why}"
        );
        assert_eq!(choose("true", |_| false), Ok("/bin/sh"));
        assert_eq!(
            choose("[[ 1 ]]", |path| path == "/usr/bin/bash"),
            Ok("/usr/bin/bash")
        );
    }

    #[test]
    fn the_program_of_a_line_is_recognised_where_it_is_plain() {
        let cases = [
            ("/opt/check.sh -v | grep ok", Some("/opt/check.sh")),
            ("</dev/tcp/::1/80", None),
            ("pidof x", None),
            ("/opt/$NAME", None),
            ("/opt/a;/opt/b", None),
            ("", None),
        ];
        for (line, expected) in cases {
            assert_eq!(leading_path(line), expected, "{line}");
        }
    }
}
