//! The repository's own rules, those no other tool knows.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::{program, test, workspace};

/// A file with more lines tells more than one story.
const LONGEST_FILE_LINES: usize = 800;

/// Where somebody's machine, or an unfinished thought, shows through.
const UNWANTED: &[&str] = &["/root/", "/home/", "todo!", "FIXME", "XXX"];

/// The rooms that decide. Time, packets and results come in as arguments.
const PURE_ROOMS: &[&str] = &[
    "vrrp-user/src/balance/",
    "vrrp-user/src/config/",
    "vrrp-user/src/packet/",
    "vrrp-user/src/proof/",
    "vrrp-user/src/election/",
    "vrrp-user/src/ownership/",
    "vrrp-user/src/tracking/",
    "vrrp-user/src/engine/",
    "vrrp-user/src/explain/",
    "vrrp-user/src/simulate/",
    "vrrp-user/src/time.rs",
];

/// What would let the world in. (`std::net::IpAddr` and its kin are plain data.)
const IMPURE: &[&str] = &[
    "tokio::",
    "aya::",
    "nix::",
    "libc::",
    "rtnetlink::",
    "socket2::",
    "std::env",
    "std::fs",
    "std::io",
    "std::process",
    "std::thread",
    "std::net::Tcp",
    "std::net::Udp",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::time::Instant",
    "std::time::SystemTime",
    "SystemTime::now",
    "crate::shell",
    "crate::cli",
];

const COUNTERS: [&str; 2] = ["vrrp-common/src/counter.rs", "vrrp-common/src/balance.rs"];
const COUNTERS_DOC: &str = "docs/BPF-MAPS.md";
const RUNNER_CONFIG: &str = ".config/nextest.toml";

pub(crate) fn run() -> Result<()> {
    let mut complaints = Vec::new();
    for path in files()? {
        let Ok(text) = fs::read_to_string(workspace::root().join(&path)) else {
            continue; // Not text, or deleted and not committed yet.
        };
        complaints.extend(complaints_about(&path, &text));
    }
    let read = |path: &str| fs::read_to_string(workspace::root().join(path));
    for path in COUNTERS {
        let counters = read(path).with_context(|| path.to_owned())?;
        if let Ok(doc) = read(COUNTERS_DOC) {
            complaints.extend(undocumented(&counters, &doc));
        }
    }
    let runner = read(RUNNER_CONFIG).with_context(|| RUNNER_CONFIG.to_owned())?;
    for name in test::KERNEL_TESTS {
        if !runner.contains(name) {
            complaints.push(format!(
                "{RUNNER_CONFIG}: does not name the kernel test `{name}`"
            ));
        }
    }
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    if !complaints.is_empty() {
        bail!(
            "{} places break the repository's own rules",
            complaints.len()
        );
    }
    Ok(())
}

/// What git has or would add.
fn files() -> Result<Vec<String>> {
    let mut git = program::command("git");
    git.current_dir(workspace::root());
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let list = program::output(&mut git).context("`git ls-files` failed")?;
    Ok(list.lines().map(str::to_owned).collect())
}

fn complaints_about(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let is_rust = Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "rs");
    let lines = text.lines().count();
    if is_rust && lines > LONGEST_FILE_LINES {
        complaints.push(format!(
            "{path}: {lines} lines; at most {LONGEST_FILE_LINES}"
        ));
    }
    // The lock file names its registry, and this file what it looks for.
    if path != "Cargo.lock" && path != "xtask/src/tidy.rs" {
        for (index, line) in text.lines().enumerate() {
            for unwanted in UNWANTED.iter().filter(|unwanted| has_word(line, unwanted)) {
                complaints.push(format!("{path}:{}: `{unwanted}`", index + 1));
            }
        }
    }
    if is_rust && PURE_ROOMS.iter().any(|room| path.starts_with(room)) {
        for (index, line) in code(text) {
            for impure in IMPURE.iter().filter(|impure| has_word(line, impure)) {
                complaints.push(format!("{path}:{}: `{impure}` in a pure room", index + 1));
            }
        }
    }
    complaints
}

/// The word where it starts one: `/proc/1/root/x` has no `/root/`, and `xaya::`
/// no `aya::`.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "_/.}$".contains(c))
    })
}

/// Numbered lines up to the unit tests, without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .map(|(index, line)| (index, line.split("//").next().unwrap_or(line)))
}

/// Counters (`Variant => field,`) without a line of their own.
fn undocumented(counters: &str, doc: &str) -> Vec<String> {
    counters
        .lines()
        .filter_map(|line| {
            let (variant, field) = line.trim().strip_suffix(',')?.split_once(" => ")?;
            let is_name = |name: &str| {
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            };
            (is_name(variant) && is_name(field)).then_some(field)
        })
        .filter(|field| !doc.contains(&format!("`{field}`")))
        .map(|field| format!("{COUNTERS_DOC}: no line on the counter `{field}`"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_FILE_LINES, complaints_about, undocumented};

    #[test]
    fn a_pure_room_may_not_reach_out() {
        let path = "vrrp-user/src/election/mod.rs";
        for line in [
            "use tokio::time;",
            "let x = std::fs::read(y);",
            "use std::net::UdpSocket;",
        ] {
            assert!(!complaints_about(path, line).is_empty(), "{line}");
        }
        for line in [
            "use std::net::Ipv4Addr;",
            "// tokio::time is not for here",
            "use crate::time::Instant;",
            "#[cfg(test)]\nuse std::fs;",
        ] {
            assert!(complaints_about(path, line).is_empty(), "{line}");
        }
        assert_eq!(
            complaints_about("vrrp-user/src/shell/x.rs", "use tokio::time;").len(),
            0
        );
    }

    #[test]
    fn machine_paths_are_found_where_they_start() {
        assert_eq!(complaints_about("a.md", "see /home/x").len(), 1);
        assert_eq!(
            complaints_about("a.md", "/proc/1/root/sys and network/home/").len(),
            0
        );
    }

    #[test]
    fn a_long_file_is_named() {
        let long = "x\n".repeat(LONGEST_FILE_LINES + 1);
        assert_eq!(complaints_about("a.rs", &long).len(), 1);
        assert_eq!(complaints_about("a.md", &long).len(), 0);
    }

    #[test]
    fn every_counter_needs_a_line() {
        let counters =
            "macro { a => b }\n    /// Doc.\n    DropTtl => drop_ttl,\n    Ok => fine,\n";
        assert_eq!(undocumented(counters, "| `fine` | x |").len(), 1);
        assert_eq!(undocumented(counters, "`fine` `drop_ttl`").len(), 0);
    }
}
