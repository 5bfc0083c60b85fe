//! The command line: keepalived's own, and `run`, `check`, `status`, `explain`,
//! `simulate`, `reload`, `stop`, `handover`, `maintenance`, `lvs`, `real-server`.

mod arguments;
mod check;
mod control;
mod daemonize;
mod explain;
mod files;
mod handover;
mod load;
mod lvs;
mod pid_file;
mod real_server;
mod simulate;
mod start;
mod status;
mod status_page;
mod status_told;
mod stop;

#[cfg(test)]
mod arguments_test;

pub use arguments::{Asked, Command, RunOptions, StopOptions, Target, parse};
pub use daemonize::Ready;
pub use files::FileSystem;
pub use load::Reading;
pub use lvs::LvsOptions;
pub use pid_file::PidFile;
pub use real_server::{RealServerDo, RealServerOptions};
pub use simulate::SimulateOptions;
pub use start::Started;

use crate::shell::process;
use std::process::ExitCode;

/// The whole program. `serve` runs the daemon; everything before it (namespace,
/// daemon, script process, log, configuration) is done, everything after it is
/// `serve`'s to clean up. It calls [`Ready::tell`] once the daemon runs.
pub fn main(serve: impl FnOnce(Started) -> anyhow::Result<()>) -> ExitCode {
    match parse(std::env::args_os()) {
        Command::Run(options) => start::run(&options, serve),
        Command::Check { file, reading, log } => check::run(&file, &reading, log.as_deref()),
        Command::Ask(asked, target) => control::run(&asked, &target),
        Command::Simulate(options) => simulate::run(&options),
        Command::RealServer(options) => real_server::run(&options),
        Command::SignalNumber(number) => {
            println!("{number}");
            ExitCode::SUCCESS
        }
        Command::ScriptRunner => process::runner_main(),
        Command::Told(text, code) => {
            if code == 0 {
                print!("{text}");
            } else {
                eprint!("{text}");
            }
            ExitCode::from(code)
        }
    }
}
