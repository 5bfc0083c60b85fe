//! What the daemon and the script runner say to each other: one JSON object a line.

use crate::{
    config::model::{CommandLine, Global, User},
    engine::input::ScriptResult,
};
use serde::{Deserialize, Serialize};

/// Both ends are the same executable, so this only guards against a mix-up.
pub const VERSION: u32 = 1;

/// What `global_defs` has to say about scripts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// `script_user`, for commands that name nobody.
    pub script_user: Option<User>,
    /// `enable_script_security`: what runs as root must be writable by root alone.
    pub script_security: bool,
    /// `set_supplementary_groups`.
    pub supplementary_groups: bool,
}

impl From<&Global> for Settings {
    fn from(global: &Global) -> Self {
        Self {
            script_user: global.script_user.clone(),
            script_security: global.script_security,
            supplementary_groups: global.supplementary_groups,
        }
    }
}

/// From the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToRunner {
    /// First line.
    Hello {
        /// [`VERSION`].
        version: u32,
    },
    /// For all that follows.
    Settings(Settings),
    /// Run a command; answered by `Started` and `Done`.
    Run {
        /// Names this run.
        id: u64,
        /// What to run.
        command: CommandLine,
        /// Further arguments.
        arguments: Vec<String>,
        /// As whom.
        user: Option<User>,
        /// When to terminate its process group, in microseconds; never if absent.
        timeout_us: Option<u64>,
    },
    /// Terminate a run. It is not answered any more, unless it was already.
    Stop {
        /// The run.
        id: u64,
    },
}

/// From the runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromRunner {
    /// First line.
    Hello {
        /// [`VERSION`].
        version: u32,
    },
    /// A run is under way.
    Started {
        /// The run.
        id: u64,
        /// Its process group.
        group: i32,
    },
    /// A run is over.
    Done {
        /// The run.
        id: u64,
        /// How it ended.
        outcome: Outcome,
        /// Last line it wrote.
        output: Option<String>,
    },
    /// A process group of a run that is over is gone as well.
    Gone {
        /// The run.
        id: u64,
    },
}

/// [`ScriptResult`] as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It exited.
    Exited(i32),
    /// A signal ended it.
    Signaled(i32),
    /// It was terminated at its timeout.
    TimedOut,
    /// It never ran.
    CannotRun(String),
}

impl From<Outcome> for ScriptResult {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Exited(status) => Self::Exited(status),
            Outcome::Signaled(signal) => Self::Signaled(signal),
            Outcome::TimedOut => Self::TimedOut,
            Outcome::CannotRun(why) => Self::CannotRun(why),
        }
    }
}

/// A message as a line.
pub fn encode(message: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(message).expect("these types have no maps and no failures");
    line.push(b'\n');
    line
}
