//! Whether a test that is named somewhere exists, and runs.
//!
//! A test is named as `FILE::FUNCTION`, the file from the repository's root.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The repository.
#[must_use]
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("a repository").into()
}

/// The text of a test: its function, or for one that a macro makes for every pair of
/// routers the whole file.
///
/// # Errors
/// Where there is no such test, or one that does not run.
pub fn find(test: &str) -> Result<String, String> {
    let (file, name) = test
        .split_once("::")
        .ok_or_else(|| format!("{test}: write FILE::FUNCTION"))?;
    let text = fs::read_to_string(root().join(file)).map_err(|why| format!("{file}: {why}"))?;
    in_text(&text, name).map_err(|why| format!("{test}: {why}"))
}

/// Whether the text of a test is such; of one that runs daemons, whose configuration
/// other functions of its file write, the text of its file.
pub fn says(test: &str, is: impl Fn(&str) -> bool) -> bool {
    let Ok(text) = find(test) else { return false };
    if is(&text) {
        return true;
    }
    let file = test.split_once("::").map_or(test, |(file, _)| file);
    let whole = || fs::read_to_string(root().join(file)).unwrap_or_default();
    file.starts_with("tests/") && is(&whole())
}

fn in_text(text: &str, name: &str) -> Result<String, String> {
    let lines: Vec<&str> = text.lines().collect();
    if lines.iter().any(|line| {
        line.trim_start()
            .starts_with(&format!("for_pairs!({name},"))
    }) {
        return Ok(text.to_owned());
    }
    let head = format!("fn {name}(");
    let mut why = "no such function";
    for (at, line) in lines.iter().enumerate() {
        if !line.trim_start().starts_with(&head) {
            continue;
        }
        let above = lines[..at].iter().rev().map(|line| line.trim_start());
        let attributes: Vec<&str> = above.take_while(|line| line.starts_with("#[")).collect();
        if !attributes.contains(&"#[test]") {
            why = "no test";
        } else if attributes.iter().any(|it| it.starts_with("#[ignore")) {
            why = "a test that is not run";
        } else {
            let indent = line.len() - line.trim_start().len();
            let brace = format!("{}}}", " ".repeat(indent));
            // A configuration in a text may have such a line as well, but not this after it.
            let is_end = |at: &usize| {
                let next = lines.get(at + 1).map_or("", |line| line.trim_start());
                let ends = next.is_empty() || next.starts_with("#[") || next.starts_with("///");
                lines[*at] == brace && (ends || indent > 0 && next == "}")
            };
            let end = (at..lines.len()).find(is_end).unwrap_or(lines.len());
            return Ok(lines[at..end].join("\n"));
        }
    }
    Err(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::in_text;

    const TEXT: &str = "\
for_pairs!(both, |pair| run(pair));
fn helper() {
}
mod inner {
    #[test]
    fn one() {
        a(\"
group {
}
\");
    }
    #[test]
    #[ignore = \"slow\"]
    fn two() {
    }
}
";

    #[test]
    fn what_counts_as_a_test() {
        let one = "    fn one() {\n        a(\"\ngroup {\n}\n\");";
        assert_eq!(in_text(TEXT, "one").unwrap(), one);
        let whole = "#[test]\nfn whole() {\n    \"\n}\n}\n\";\n}\n\nfn next() {}\n";
        let text = in_text(whole, "whole").unwrap();
        assert!(text.ends_with("\";") && !text.contains("next"), "{text}");
        assert_eq!(in_text(TEXT, "both").unwrap(), TEXT);
        assert_eq!(in_text(TEXT, "helper").unwrap_err(), "no test");
        assert_eq!(in_text(TEXT, "two").unwrap_err(), "a test that is not run");
        assert_eq!(in_text(TEXT, "three").unwrap_err(), "no such function");
    }
}
