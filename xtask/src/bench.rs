//! `cargo xtask bench`.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;

use anyhow::{Context as _, Result, bail};

use crate::setup::{self, Group};
use crate::{build, program, root};

/// Measure xvrrpd beside keepalived: release build, namespaces, root.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// What to measure, and how often; `--help` lists it.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Replaces this process, so that Ctrl-C and the exit status are the bench's.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    setup::ensure(&[Group::Lab, Group::Bench])?;
    if !root::is_reachable() {
        bail!("root is needed to make network namespaces: run this as root, or install sudo");
    }
    let directory = build::programs(true, &["xvrrpd", "xvrrp-bench"])?;
    let bench = directory.join("xvrrp-bench");
    let mut command = root::command(&bench.to_string_lossy())?;
    command.args(&arguments.arguments);
    eprintln!("$ {}", program::line(&command));
    Err(command.exec()).with_context(|| format!("cannot run `{}`", program::line(&command)))
}
