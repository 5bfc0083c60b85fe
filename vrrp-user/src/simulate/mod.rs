//! Several configurations against one another: each is one node on a virtual clock
//! and a perfect network, and says who owns what when something fails and comes back.
//!
//! The engine, the election and the transmit thread's machine are the daemon's own.
//! What is around them is made up here: `node` carries the actions of one engine out,
//! `world` moves time and adverts, `network` says which interfaces are one segment and
//! who has which address. `faults` names what may fail, `run` lets it, `review` looks
//! for what is wrong and `report` writes it down.

mod faults;
mod hearing;
mod name;
mod network;
mod node;
mod report;
mod review;
mod run;
#[cfg(test)]
mod tests;
mod world;

pub use faults::{Fault, FaultError};
pub use name::node_names;
pub use network::{Segments, VirtualRouter};
pub use report::{Finding, Report, Row, Severity};

use crate::config::{Diagnostic, Files, Places, model::Config};
use faults::Faults;

/// One node: what it is called, and what it is configured with.
#[derive(Clone, Debug)]
pub struct Given {
    /// Its name.
    pub name: String,
    /// What it runs.
    pub config: Config,
    /// Where things stand in its files.
    pub places: Places,
    /// Its files.
    pub files: Files,
    /// What reading them has found.
    pub diagnostics: Vec<Diagnostic>,
}

/// Pairs of failures that are gone through unless some are named.
const MOST_PAIRS: usize = 2_000;

/// Goes through `asked`, each of which fails together; if it is empty, through every
/// failure there is and every two of them.
///
/// # Errors
///
/// Something is to fail that is not there.
pub fn simulate(
    given: &[Given],
    segments: &Segments,
    asked: &[String],
) -> Result<Report, FaultError> {
    let faults = Faults::new(given);
    let network = network::Network::new(given, segments);
    let mut tried = Vec::new();
    let mut left_out = 0;
    if asked.is_empty() {
        let (sets, more) = faults.singles_and_pairs(MOST_PAIRS);
        tried = sets;
        left_out = more;
    } else {
        for text in asked {
            tried.push(faults.parse(text)?);
        }
    }
    let start = run::start(given, &network);
    let runs: Vec<run::Run> = tried
        .into_iter()
        .map(|faults| run::run(given, &network, faults))
        .collect();
    let findings = review::review(given, &network, &start, &runs);
    Ok(report::report(
        given, &network, &start, &runs, findings, left_out,
    ))
}
