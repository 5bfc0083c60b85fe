//! `cargo xtask lint`.

use std::process::Command;

use anyhow::{Result, bail};

use crate::setup::{self, Group};
use crate::{program, tidy};

/// Format, clippy, documentation, dependencies, and the repository's own rules.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Also look for known vulnerabilities; fetches the advisory database.
    #[arg(long)]
    advisories: bool,
}

/// All of them run, so that one look shows everything there is to repair.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    setup::ensure(&[Group::Lint])?;
    let mut failed = Vec::new();
    for (name, mut command) in steps(arguments.advisories) {
        if program::run(&mut command).is_err() {
            failed.push(name);
        }
    }
    if let Err(error) = tidy::run() {
        eprintln!("xtask: {error:#}");
        failed.push("tidy");
    }
    if !failed.is_empty() {
        bail!("lint failed: {}", failed.join(", "));
    }
    println!("Lint: nothing to repair.");
    Ok(())
}

fn steps(advisories: bool) -> Vec<(&'static str, Command)> {
    let cargo = |arguments: &str| {
        let mut cargo = program::cargo();
        cargo.args(arguments.split(' '));
        cargo
    };
    // Where this is set machete takes its own name for a directory: it is, because
    // `cargo run` started us.
    let mut unused = cargo("machete");
    unused.env_remove("CARGO_PKG_NAME");
    let mut documentation = cargo("doc --no-deps --document-private-items --quiet");
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    let mut steps = vec![
        ("format", cargo("fmt --all --check")),
        (
            "clippy",
            cargo("clippy --all-targets --quiet -- -D warnings"),
        ),
        // Without the shell nothing of tokio, aya or libc is there to be named.
        (
            "clippy of the pure rooms",
            cargo(
                "clippy --package=vrrp-user --lib --tests --no-default-features --quiet -- -D warnings",
            ),
        ),
        // Its binary exists for the BPF target alone; this is what runs on both.
        (
            "clippy of vrrp-ebpf",
            cargo("clippy --package=vrrp-ebpf --lib --tests --quiet -- -D warnings"),
        ),
        ("documentation", documentation),
        (
            "dependencies",
            cargo("deny --log-level=error check bans licenses sources"),
        ),
        ("unused dependencies", unused),
    ];
    if advisories {
        steps.push((
            "advisories",
            cargo("deny --log-level=error check advisories"),
        ));
    }
    steps
}
