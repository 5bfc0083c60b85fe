//! Root: who has it, and how a command gets it.

use std::ffi::OsString;
use std::io::{IsTerminal as _, stdin};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result, bail};

use crate::program;

/// Is this process root? (/proc/self belongs to the effective user.)
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Root, or sudo to become it.
pub(crate) fn is_reachable() -> bool {
    is_root() || program::find("sudo").is_some()
}

/// The program as root: directly when this is root, by sudo otherwise.
pub(crate) fn command(program: &str) -> Result<Command> {
    if is_root() {
        return Ok(program::command(program));
    }
    if program::find("sudo").is_none() {
        bail!("root is needed for `{program}`: this is not root, and sudo is not installed");
    }
    let mut command = program::command("sudo");
    if !stdin().is_terminal() {
        // Nobody is there to type a password: fail rather than wait.
        command.arg("-n");
    }
    command.arg("--").arg(program);
    Ok(command)
}

/// Variables a test binary or the daemon may read; sudo drops the rest.
fn is_kept(name: &str) -> bool {
    ["PATH", "CI", "TERM", "TMPDIR"].contains(&name)
        || ["CARGO", "NEXTEST", "RUST_", "XVRRP", "PROPTEST_", "INSTA_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// Run a program as root with the variables that tests read.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// Replaces this process.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut command = command("env")?;
    for (name, value) in env::vars_os() {
        if name.to_str().is_some_and(is_kept) {
            let mut setting = name;
            setting.push("=");
            setting.push(value);
            command.arg(setting);
        }
    }
    command.args(&arguments.command);
    Err(command.exec()).with_context(|| format!("cannot run `{}`", program::line(&command)))
}
