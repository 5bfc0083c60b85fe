//! Finding and running other programs.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fmt::Write as _};

use anyhow::{Context as _, Result, bail};

/// Runs it, showing the command line first; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprintln!("$ {}", line(command));
    let status = command
        .status()
        .with_context(|| format!("cannot run `{}`", line(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

/// Standard output, trimmed, or nothing when it does not run or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| text.trim().to_owned())
}

/// Where a program is. The administrator's directories are searched as well:
/// an ordinary user's PATH often lacks them.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = search_path();
    env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}

/// PATH with cargo's own directory and the administrator's added.
pub(crate) fn search_path() -> std::ffi::OsString {
    let current = env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = env::split_paths(&current).collect();
    let cargo_home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let extra = cargo_home.map(|home| home.join("bin")).into_iter().chain(
        [
            "/usr/local/sbin",
            "/usr/local/bin",
            "/usr/sbin",
            "/usr/bin",
            "/sbin",
            "/bin",
        ]
        .map(PathBuf::from),
    );
    for directory in extra {
        if !directories.contains(&directory) {
            directories.push(directory);
        }
    }
    env::join_paths(directories).unwrap_or(current)
}

/// A command with that search path.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", search_path());
    command
}

/// The cargo that runs this, in the workspace.
pub(crate) fn cargo() -> Command {
    let mut cargo = command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(crate::workspace::root());
    cargo
}

/// As a shell would take it.
pub(crate) fn line(command: &Command) -> String {
    let mut line = quote(&command.get_program().to_string_lossy());
    for argument in command.get_args() {
        let _ = write!(line, " {}", quote(&argument.to_string_lossy()));
    }
    line
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+,./:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    #[test]
    fn line_can_be_pasted_into_a_shell() {
        let mut command = Command::new("cargo");
        command.args(["install", "x@1.0", "a b", "it's", ""]);
        assert_eq!(
            super::line(&command),
            r"cargo install x@1.0 'a b' 'it'\''s' ''"
        );
    }
}
