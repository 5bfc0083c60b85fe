//! What is measured: `xvrrpd` and keepalived one after the other, in one run, on
//! one machine, in namespaces this makes and removes.
//!
//! Every sample has a lab of its own: captures stay short, and nothing is left from
//! the one before. A sample that did not go well (a timeout, a capture that lost
//! frames, a machine that was taken away) counts as none, and a figure with too
//! many of those is not printed.
#![allow(clippy::disallowed_methods, reason = "it measures real time")]

mod attempt;
mod busy;
mod failover;
mod fence;
mod figures;
mod flood;
mod grid;
mod noise;
mod pest;
mod plan;
mod reload;
mod restart;

use std::process::ExitCode;

use clap::Parser;
use xvrrp_tests::interrupt;

use noise::Noise;
use plan::{Arguments, Plan, Suite};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !nix::unistd::geteuid().is_root() {
        eprintln!("xvrrp-bench: root is needed to make network namespaces and to attach XDP");
        return ExitCode::FAILURE;
    }
    interrupt::watch();
    attempt::quiet();
    let suites = arguments.suites();
    let plan = Plan::of(&arguments);
    println!("{}", noise::machine());
    if cfg!(debug_assertions) {
        println!("NOT OPTIMISED: this is a debug build (`cargo xtask bench` makes the other).");
    }
    for suite in suites {
        if interrupt::asked() {
            break;
        }
        println!("\n== {}\n", suite.title());
        let noise = Noise::start();
        match suite {
            Suite::Failover => failover::run(&plan),
            Suite::Fence => fence::run(&plan),
            Suite::Busy => busy::run(&plan, &noise),
            Suite::Flood => flood::run(&plan),
            Suite::Restart => restart::run(&plan),
            Suite::Reload => reload::run(&plan),
        }
        println!("{noise}");
    }
    if interrupt::asked() {
        println!("\nInterrupted: what is above is what there was until then.");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
