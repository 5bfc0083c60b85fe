//! Scripts, run by a process that holds neither the timing nor the capabilities.
//!
//! `xvrrpd` starts itself again as `script-runner` before it opens anything
//! (`supervisor`), and talks to it by JSON lines (`protocol`). The runner
//! (`runner`) finds out whether a command can run at all (`inspect`,
//! `identity`), gives it a shell where it needs one (`shell_line`), and runs it
//! as a process group of its own (`group`).

mod group;
mod identity;
mod inspect;
pub mod protocol;
mod runner;
mod service;
mod shell_line;
mod supervisor;

#[cfg(test)]
mod group_test;
#[cfg(test)]
mod supervisor_test;

use crate::config::model::{CommandLine, User};
use nix::unistd::{Gid, Uid};
pub use protocol::{Outcome, Settings};
pub use runner::main as runner_main;
pub use supervisor::{Finished, Runner, RunnerHandle};

/// Whether a command could run here and now; if not, what stands in the way.
pub fn examine(
    command: &CommandLine,
    user: Option<&User>,
    settings: &Settings,
) -> Result<(), String> {
    let user = user.or(settings.script_user.as_ref());
    let identity = identity::Identities::new(settings.supplementary_groups).get(user)?;
    group::Launch::prepare(command, &[], identity, settings.script_security).map(drop)
}

/// Whose a file for scripts is to be: the named user's; else `keepalived_script`'s
/// where it exists; else ours.
pub fn identify(user: Option<&User>) -> Result<(Uid, Gid), String> {
    let identity = identity::Identities::default().get(user)?;
    Ok((identity.uid, identity.gid))
}

/// The hidden subcommand that turns `xvrrpd` into the runner.
pub const SUBCOMMAND: &str = "script-runner";
