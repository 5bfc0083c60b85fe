//! The lab: two routers and a client in network namespaces, and what happens to
//! the client when something happens to a router.
//!
//! Everything said of routers and peers is read from the pinned BPF maps, not
//! from the daemons; everything said of the client was counted at the client.
#![allow(clippy::disallowed_methods, reason = "the lab lives in real time")]

mod maps;
mod pulse;
mod screen;
mod script;
mod stage;
mod terminal;
mod timeline;

use std::{io::IsTerminal as _, process::ExitCode, time::Duration};

use clap::{Parser, ValueEnum};
use xvrrp_tests::{daemon::Daemon, interrupt};

/// Two routers and a client in network namespaces: watch a VIP fail over.
#[derive(Parser)]
#[command(name = "xvrrp-lab", bin_name = "cargo xtask run --")]
struct Arguments {
    /// Play the failovers and judge them; so without a terminal in any case.
    #[arg(long)]
    script: bool,
    /// Advertisement interval in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    interval: Duration,
    /// Daemon of router r1, the higher priority.
    #[arg(long, value_enum, default_value = "xvrrpd")]
    r1: Make,
    /// Daemon of router r2.
    #[arg(long, value_enum, default_value = "xvrrpd")]
    r2: Make,
}

/// Whose daemon a router runs.
#[derive(Clone, Copy, ValueEnum)]
enum Make {
    /// This one.
    Xvrrpd,
    /// The distribution's keepalived; has no maps to look into.
    Keepalived,
}

impl From<Make> for Daemon {
    fn from(make: Make) -> Self {
        match make {
            Make::Xvrrpd => Self::Xvrrpd,
            Make::Keepalived => Self::Keepalived,
        }
    }
}

/// What version 3 can carry: 12 bits of centiseconds (RFC 9568 §5.2.7).
fn interval(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    let centiseconds = (seconds * 100.0).round();
    if (1.0..=4095.0).contains(&centiseconds) {
        Ok(Duration::from_secs_f64(centiseconds / 100.0))
    } else {
        Err("0.01 to 40.95 seconds".to_owned())
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !nix::unistd::geteuid().is_root() {
        eprintln!("xvrrp-lab: root is needed to make network namespaces and to attach XDP");
        return ExitCode::FAILURE;
    }
    interrupt::watch();
    let interactive =
        !arguments.script && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    println!("Making two routers and a client; everything is removed at the end.");
    let daemons = [arguments.r1.into(), arguments.r2.into()];
    // Dropped on every way out, a panic included: then all of it is gone.
    let mut stage = stage::Stage::new(daemons, arguments.interval);
    let good = if interactive {
        screen::run(&mut stage)
    } else {
        script::run(&mut stage)
    };
    drop(stage);
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[cfg(test)]
mod tests {
    use super::interval;
    use std::time::Duration;

    #[test]
    fn only_intervals_that_the_wire_can_carry() {
        assert_eq!(interval("1"), Ok(Duration::from_secs(1)));
        assert_eq!(interval("0.014"), Ok(Duration::from_millis(10)));
        for wrong in ["0", "0.001", "41", "-1", "NaN", "soon"] {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }
}
