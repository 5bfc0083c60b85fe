//! `simulate`: configurations of several routers against one another.

use super::load::{self, Reading};
use crate::{
    config::{self, Severity},
    simulate::{Given, Report, Segments, node_names, simulate},
};
use clap::Args;
use std::{path::Path, process::ExitCode};

/// Something was found.
const EXIT_FINDINGS: u8 = 1;
/// It cannot be simulated: what is to fail is not there, or no such segment.
const EXIT_IMPOSSIBLE: u8 = 5;

/// What is simulated.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct SimulateOptions {
    /// One for each node; NAME is what `@id` is compared with
    #[arg(required = true, value_name = "[NAME=]FILE")]
    pub files: Vec<String>,
    /// Only node:A, link:A:eth0, script:A:chk; + for several
    #[arg(long, value_name = "WHAT")]
    pub fail: Vec<String>,
    /// One segment: a:eth0,b:ens3; else those of one name are
    #[arg(long, value_name = "LINKS")]
    pub segment: Vec<String>,
    /// For programs
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(options: &SimulateOptions) -> ExitCode {
    let given = match nodes(&options.files) {
        Ok(given) => given,
        Err(code) => return ExitCode::from(code),
    };
    match report(&given, options) {
        Ok(report) => {
            if options.json {
                let text = serde_json::to_string_pretty(&report);
                println!("{}", text.unwrap_or_default());
            } else {
                print!("{}", report.page());
            }
            ExitCode::from(if report.has_findings() {
                EXIT_FINDINGS
            } else {
                0
            })
        }
        Err(why) => {
            eprintln!("xvrrpd: {why}");
            ExitCode::from(EXIT_IMPOSSIBLE)
        }
    }
}

fn report(given: &[Given], options: &SimulateOptions) -> Result<Report, String> {
    let names: Vec<String> = given.iter().map(|it| it.name.clone()).collect();
    let mut segments = Segments::default();
    for text in &options.segment {
        segments.add(text, &names)?;
    }
    simulate(given, &segments, &options.fail).map_err(|error| error.to_string())
}

/// Reads them all; what is wrong with them is said on standard error, and the exit
/// status is that of `check`.
fn nodes(files: &[String]) -> Result<Vec<Given>, u8> {
    let mut read = Vec::new();
    let mut code = 0;
    for text in files {
        let (name, path) = match text.split_once('=') {
            Some((name, path)) if !name.contains('/') => (Some(name), Path::new(path)),
            _ => (None, Path::new(text.as_str())),
        };
        let loaded = load::load(
            path,
            &Reading {
                config_id: name.map(str::to_owned),
                ..Reading::default()
            },
        );
        for found in &loaded.diagnostics {
            if found.severity == Severity::Error {
                eprint!("{}", found.render(&loaded.files));
            }
        }
        code = code.max(config::exit_code(&loaded.diagnostics));
        read.push((name, path, loaded));
    }
    if code != 0 {
        return Err(code);
    }
    let known: Vec<(&Path, &str)> = read
        .iter()
        .map(|(_, path, loaded)| {
            let global = loaded.config.as_ref().map(|config| &config.global);
            (*path, global.map_or("", |it| it.router_id.as_str()))
        })
        .collect();
    let found = node_names(&known);
    let given = read.into_iter().zip(found);
    let given: Vec<Given> = given
        .filter_map(|((name, _, loaded), found)| {
            Some(Given {
                name: name.map_or(found, str::to_owned),
                config: loaded.config?,
                places: loaded.places,
                files: loaded.files,
                diagnostics: loaded.diagnostics,
            })
        })
        .collect();
    for (index, it) in given.iter().enumerate() {
        if given[..index].iter().any(|other| other.name == it.name) {
            eprintln!(
                "xvrrpd: two nodes are called {}: write NAME=FILE for each",
                it.name
            );
            return Err(EXIT_IMPOSSIBLE);
        }
    }
    Ok(given)
}
