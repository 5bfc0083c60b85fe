//! How long failovers take: `xvrrpd` and keepalived one after the other, in one
//! run, on one machine.
//!
//! ```text
//! xvrrp-figures [--samples N] [--only xvrrpd|keepalived]
//! ```
//!
//! Version 3 at 100 ms and at 10 ms, both routers of the same make, a backup of
//! priority 100. Killed: last advert of the owner to the first of its successor,
//! to the first ARP answer; and from that first advert to that answer. Cut: the
//! longest gap between two echo replies at a client that asks 1000 times a
//! second. Needs root; takes minutes; wants a machine with nothing else to do.
#![allow(clippy::disallowed_methods, reason = "it measures real time")]

mod sample;
mod table;

use std::{env, process::ExitCode};

use sample::{Bench, Sample};
use table::Table;
use xvrrp_tests::{
    daemon::Daemon::{self, Keepalived, Xvrrpd},
    trial::Profile,
};

/// Samples of each kind unless told otherwise.
const SAMPLES: u32 = 21;

fn main() -> ExitCode {
    let (samples, daemons) = match arguments(env::args().skip(1)) {
        Ok(wanted) => wanted,
        Err(why) => {
            eprintln!("{why}\nusage: xvrrp-figures [--samples N] [--only xvrrpd|keepalived]");
            return ExitCode::from(2);
        }
    };
    let mut table = Table::default();
    for profile in [Profile::V3At100ms, Profile::V3At10ms] {
        let benches: Vec<(Daemon, Bench)> = daemons
            .iter()
            .map(|daemon| (*daemon, Bench::new(*daemon, profile)))
            .collect();
        // Alternating, so that whatever the machine does besides hits both.
        for number in 1..=samples {
            eprint!("\r{profile:?} {number}/{samples} ");
            // Spread evenly over the interval, as accidents are.
            let phase = (f64::from(number) - 0.5) / f64::from(samples);
            for (daemon, bench) in &benches {
                let Sample {
                    advert,
                    answer,
                    gap,
                } = bench.sample(phase);
                table.add(*daemon, profile, "last advert to new owner's first", advert);
                table.add(*daemon, profile, "last advert to first ARP answer", answer);
                table.add(
                    *daemon,
                    profile,
                    "first advert to first ARP answer",
                    answer.saturating_sub(advert),
                );
                table.add(*daemon, profile, "client's gap, link cut", gap);
            }
        }
        eprintln!();
    }
    println!("{table}");
    ExitCode::SUCCESS
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<(u32, Vec<Daemon>), String> {
    let (mut samples, mut daemons) = (SAMPLES, vec![Xvrrpd, Keepalived]);
    while let Some(option) = given.next() {
        let value = given.next().ok_or(format!("{option} needs a value"))?;
        match (option.as_str(), value.as_str()) {
            ("--samples", number) => {
                samples = number
                    .parse()
                    .map_err(|error| format!("{number}: {error}"))?;
            }
            ("--only", "xvrrpd") => daemons = vec![Xvrrpd],
            ("--only", "keepalived") => daemons = vec![Keepalived],
            _ => return Err(format!("{option} {value}: not understood")),
        }
    }
    if samples == 0 {
        Err("no samples".into())
    } else {
        Ok((samples, daemons))
    }
}
