//! `cargo xtask run`: the lab, or the daemon on this host.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::build::{self, Binaries};
use crate::setup::{self, Group};
use crate::{program, root};

/// Without arguments: the lab, two routers and a client in network namespaces.
/// With `-f FILE`: xvrrpd on this host, in the foreground.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run xvrrpd on this host with this configuration.
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The lab plays its failovers by itself and judges them (so it does without
    /// a terminal).
    #[arg(long, conflicts_with = "file")]
    script: bool,
    /// The lab's advertisement interval, in seconds: 0.01 to 40.95.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 1.0,
        conflicts_with = "file"
    )]
    interval: f64,
    /// Optimised.
    #[arg(long)]
    release: bool,
    /// More arguments for xvrrpd (with -f) or the lab, after `--`.
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Replaces this process with the daemon or the lab, so that keys, signals and
/// the exit status are theirs.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let group = if arguments.file.is_some() {
        Group::Build
    } else {
        Group::Lab
    };
    setup::ensure(&[group])?;
    if !root::is_reachable() {
        bail!("root is needed to attach XDP: run this as root, or install sudo");
    }
    let Binaries { daemon, lab } = build::binaries(arguments.release)?;
    let mut command = if let Some(file) = &arguments.file {
        let file = file
            .canonicalize()
            .with_context(|| format!("{}", file.display()))?;
        let mut command = root::command(&daemon.to_string_lossy())?;
        command.arg("run").arg("-f").arg(file);
        command
    } else {
        let mut command = root::command(&lab.to_string_lossy())?;
        command
            .arg("--interval")
            .arg(arguments.interval.to_string());
        if arguments.script {
            command.arg("--script");
        }
        command
    };
    command.args(&arguments.rest);
    eprintln!("$ {}", program::line(&command));
    Err(command.exec()).with_context(|| format!("cannot run `{}`", program::line(&command)))
}
