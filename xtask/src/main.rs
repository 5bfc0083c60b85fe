//! `cargo xtask`: one module a subcommand.
//!
//! Every subcommand sets up what it needs and does not find, so that on a fresh
//! machine `cargo xtask run` and `cargo xtask test` are all there is to know.

mod bench;
mod build;
mod lint;
mod program;
mod root;
mod run;
mod setup;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Set-up, build, lab and tests of xvrrp.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    Run(run::Arguments),
    Test(test::Arguments),
    Bench(bench::Arguments),
    Setup(setup::Arguments),
    Build(build::Arguments),
    Lint(lint::Arguments),
    /// Check the repository's own rules (part of `lint`).
    Tidy,
    /// Run a test binary as root (what `test` hands to the test runner).
    #[command(hide = true)]
    AsRoot(root::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Task::Run(arguments) => run::run(&arguments),
        Task::Test(arguments) => test::run(&arguments),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Setup(arguments) => setup::run(&arguments),
        Task::Build(arguments) => build::run(&arguments),
        Task::Lint(arguments) => lint::run(&arguments),
        Task::Tidy => tidy::run(),
        Task::AsRoot(arguments) => root::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
