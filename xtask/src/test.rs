//! `cargo xtask test`.

use std::fs;
use std::io::{IsTerminal as _, stdin};

use anyhow::{Context as _, Result, bail};

use crate::setup::{self, Group};
use crate::{build, program, root, workspace};

/// Test targets that load programs, make namespaces or boot a kernel: they need
/// root, and share what there is once a machine. (.config/nextest.toml runs them
/// one after the other.)
pub(crate) const KERNEL_TESTS: [&str; 9] = [
    "xdp",
    "conformance",
    "loader",
    "wire",
    "netlink",
    "netns",
    "interop",
    "smoke",
    "balance",
];

/// All tests. The kernel's need root: without it they are run by sudo.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Test targets (`sim`, `netns`), packages (`vrrp-user`), or parts of test
    /// names. Of several, targets and packages are added up, and names narrow
    /// them down.
    filters: Vec<String>,
    /// More arguments for `cargo nextest run`, after `--`.
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Who runs a part of the tests.
#[derive(Clone, Copy, PartialEq, Eq)]
enum As {
    /// Whoever started this.
    Self_,
    /// Root, by sudo for the test binaries alone.
    Root,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    setup::ensure(&[Group::Build, Group::Test])?;
    let selection = Selection::of(&arguments.filters)?;
    let parts: &[(As, Option<bool>)] = if root::is_root() {
        &[(As::Self_, None)]
    } else {
        if !root::is_reachable() {
            bail!("the kernel tests need root: run this as root, or install sudo");
        }
        if stdin().is_terminal() {
            // Asked now, not ten minutes into the tests.
            program::run(program::command("sudo").arg("--validate"))?;
        }
        &[(As::Self_, Some(false)), (As::Root, Some(true))]
    };
    // Namespace tests start the daemon, and look for it beside themselves.
    build::binaries(false)?;
    if selection.is_all() {
        program::run(program::cargo().args(["test", "--doc", "--quiet"]))?;
    }
    let mut total = Count::default();
    let mut failed = false;
    for &(who, kernel) in parts {
        let report = report_path();
        // An old report must not be counted for a run that never came to one.
        let _ = fs::remove_file(&report);
        let mut cargo = program::cargo();
        cargo
            .args(["nextest", "run", "--workspace"])
            .args(selection.arguments(kernel));
        if parts.len() > 1 {
            cargo.arg("--no-tests=pass");
        }
        cargo.args(&arguments.rest);
        if who == As::Root {
            cargo.env(runner_variable()?, runner()?);
        }
        failed |= program::run(&mut cargo).is_err();
        if let Ok(xml) = fs::read_to_string(&report) {
            total.add(&Count::read(&xml).with_context(|| report.display().to_string())?);
        }
    }
    // The last line, in words that any reader of test output knows.
    println!(
        "xtask: {} passed, {} failed",
        total.tests - total.failed,
        total.failed
    );
    if failed || total.failed > 0 {
        bail!("tests failed");
    }
    if total.tests == 0 {
        bail!("no test matched");
    }
    Ok(())
}

/// nextest writes it where .config/nextest.toml says, below a directory of its own
/// that does not follow `CARGO_TARGET_DIR`.
fn report_path() -> std::path::PathBuf {
    workspace::root().join("target/nextest/default/junit.xml")
}

/// Cargo's own way to put a program before each test binary.
fn runner_variable() -> Result<String> {
    let verbose = program::output(program::command("rustc").arg("-vV")).context("`rustc -vV`")?;
    let host = verbose
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("`rustc -vV` names no host")?;
    Ok(format!(
        "CARGO_TARGET_{}_RUNNER",
        host.replace('-', "_").to_uppercase()
    ))
}

fn runner() -> Result<String> {
    let own = std::env::current_exe().context("cannot find the path of xtask")?;
    Ok(format!("{} as-root --", own.display()))
}

/// What of the tests was asked for.
#[derive(Default)]
struct Selection {
    /// nextest's expressions, to be joined by "or".
    expressions: Vec<String>,
    names: Vec<String>,
}

impl Selection {
    fn of(filters: &[String]) -> Result<Self> {
        let targets = targets(
            &fs::read_to_string(workspace::root().join("tests/Cargo.toml"))
                .context("tests/Cargo.toml")?,
        );
        let packages = [
            "vrrp-common",
            "vrrp-ebpf",
            "vrrp-user",
            "xtask",
            "xvrrp-tests",
        ];
        let mut selection = Self::default();
        for filter in filters {
            if targets.contains(filter) {
                selection.expressions.push(format!("binary(={filter})"));
            } else if packages.contains(&filter.as_str()) {
                selection.expressions.push(format!("package(={filter})"));
            } else {
                selection.names.push(filter.clone());
            }
        }
        Ok(selection)
    }

    fn is_all(&self) -> bool {
        self.expressions.is_empty() && self.names.is_empty()
    }

    /// All of them, or only those that do or do not need root.
    fn arguments(&self, kernel: Option<bool>) -> Vec<String> {
        let mut expressions = Vec::new();
        if !self.expressions.is_empty() {
            expressions.push(format!("({})", self.expressions.join(" | ")));
        }
        if let Some(kernel) = kernel {
            let not = if kernel { "" } else { "not " };
            expressions.push(format!("{not}binary(/^({})$/)", KERNEL_TESTS.join("|")));
        }
        let mut arguments = self.names.clone();
        if !expressions.is_empty() {
            arguments.push("-E".to_owned());
            arguments.push(expressions.join(" & "));
        }
        arguments
    }
}

/// Names of the `[[test]]`s of a manifest.
fn targets(manifest: &str) -> Vec<String> {
    let mut targets = Vec::new();
    let mut in_test = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            in_test = line == "[[test]]";
        } else if in_test
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == "name"
        {
            targets.push(value.trim().trim_matches('"').to_owned());
        }
    }
    targets
}

#[derive(Default, PartialEq, Eq, Debug)]
struct Count {
    tests: u64,
    failed: u64,
}

impl Count {
    /// From the attributes of a `JUnit` report's root element.
    fn read(xml: &str) -> Option<Self> {
        let (_, rest) = xml.split_once("<testsuites ")?;
        let (attributes, _) = rest.split_once('>')?;
        let number = |name: &str| -> Option<u64> {
            let (_, value) = attributes.split_once(&format!("{name}=\""))?;
            value.split_once('"')?.0.parse().ok()
        };
        Some(Self {
            tests: number("tests")?,
            failed: number("failures")? + number("errors")?,
        })
    }

    fn add(&mut self, other: &Self) {
        self.tests += other.tests;
        self.failed += other.failed;
    }
}

#[cfg(test)]
mod tests {
    use super::{Count, Selection, targets};

    #[test]
    fn targets_are_read_from_the_manifest() {
        let manifest = "[lib]\nname = \"lib\"\n[[test]]\nname = \"sim\"\npath = \"x\"\n\n[[test]]\nname=\"xdp\"\n[[bin]]\nname = \"lab\"\n";
        assert_eq!(targets(manifest), ["sim", "xdp"]);
    }

    #[test]
    fn the_report_is_counted() {
        let xml = r#"<?xml version="1.0"?><testsuites name="x" tests="7" failures="2" errors="1" uuid="u"><testsuite tests="9"/>"#;
        assert_eq!(
            Count::read(xml),
            Some(Count {
                tests: 7,
                failed: 3
            })
        );
        assert_eq!(Count::read("<testsuites>"), None);
    }

    #[test]
    fn targets_are_added_up_and_names_narrow_down() {
        let selection = Selection {
            expressions: vec!["binary(=sim)".into(), "binary(=xdp)".into()],
            names: vec!["kill".into()],
        };
        assert_eq!(
            selection.arguments(None),
            ["kill", "-E", "(binary(=sim) | binary(=xdp))"]
        );
        let all = Selection::default();
        assert!(all.arguments(None).is_empty());
        assert!(all.arguments(Some(false))[1].starts_with("not binary("));
    }
}
