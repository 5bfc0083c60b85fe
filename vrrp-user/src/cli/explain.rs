//! `explain`: the daemon's status and the maps, in sentences.

use crate::{
    explain::{self, Explanation, Facts, Heard, Kernel},
    ownership::standing::mode_name,
    shell::{
        bpf::{Instance, Reader, reader},
        control::{self, Command},
    },
};
use serde::Deserialize as _;
use serde_json::json;
use std::{process::ExitCode, time::Duration};

/// A daemon that takes longer is stopped, hung or starved.
const PATIENCE: Duration = Duration::from_secs(1);
/// Longest line.
const COLUMNS: usize = 80;

pub(super) fn run(instance: &Instance, name: Option<&str>, as_json: bool) -> ExitCode {
    match explained(instance, name) {
        Ok(explanations) => {
            if as_json {
                let text = json!({ "v": control::VERSION, "instances": explanations });
                println!("{text:#}");
            } else {
                print!("{}", page(&explanations));
            }
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("xvrrpd: {why}");
            ExitCode::FAILURE
        }
    }
}

fn explained(instance: &Instance, name: Option<&str>) -> Result<Vec<Explanation>, String> {
    let socket = control::socket_path(instance);
    let answer = control::ask(&socket, &Command::Status, PATIENCE).map_err(|error| {
        format!("{error}; `xvrrpd status` shows what the kernel knows without it")
    })?;
    let facts = Facts::deserialize(&answer)
        .map_err(|error| format!("the daemon's answer makes no sense: {error}"))?;
    // Without them it says so.
    let snapshot = Reader::open(instance).and_then(|reader| reader.snapshot());
    let kernel: Vec<Kernel> = snapshot.as_ref().map(records).unwrap_or_default();
    explain::explain(&facts, &kernel, name)
}

fn records(snapshot: &reader::Snapshot) -> Vec<Kernel> {
    let record = |view: &reader::RouterView| Kernel {
        key: (
            view.key.ifindex,
            view.key.vlan,
            view.key.vrid,
            view.key.family,
            view.key.cast,
        ),
        open: view.standing.is_open(),
        why: view.standing.to_string(),
        shut_for: view
            .standing
            .shut_since()
            .map(|since| snapshot.at.since(since)),
        mode: mode_name(view.gate.mode),
        lease_left: view.lease_left,
        heard: view
            .peers
            .iter()
            .map(|peer| Heard {
                source: peer.source,
                priority: peer.peer.priority,
                interval: Duration::from_millis(u64::from(peer.peer.interval_cs) * 10),
                age: peer.age,
            })
            .collect(),
    };
    snapshot.routers.iter().map(record).collect()
}

/// A paragraph for each section; what would change the state in a list.
fn page(explanations: &[Explanation]) -> String {
    let mut out = String::new();
    for (index, it) in explanations.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        for section in &it.sections {
            if section.about == "change" {
                out.push_str("What would change it:\n");
                for sentence in &section.sentences {
                    fill(&mut out, "  - ", sentence);
                }
            } else {
                fill(&mut out, "", &section.sentences.join(" "));
            }
        }
    }
    out
}

/// Breaks lines between words; those that follow are set in as far as the text is.
fn fill(out: &mut String, mark: &str, text: &str) {
    let margin = " ".repeat(mark.len());
    let mut line = mark.to_owned();
    let mut empty = true;
    for word in text.split(' ') {
        if !empty && line.chars().count() + 1 + word.chars().count() > COLUMNS {
            out.push_str(&line);
            out.push('\n');
            line.clone_from(&margin);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    out.push_str(&line);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Section;

    #[test]
    fn paragraphs_fit_a_terminal_and_changes_are_a_list() {
        let long = "A sentence that is longer than a line of a terminal can be, and so has to be broken somewhere.";
        let section = |about, sentences: &[&str]| Section {
            about,
            sentences: sentences.iter().map(|&it| it.to_owned()).collect(),
        };
        let it = Explanation {
            instance: "VI".into(),
            state: "BACKUP".into(),
            sections: vec![
                section("state", &["VI is BACKUP.", "Short."]),
                section("change", &["This.", long]),
            ],
        };
        let text = page(&[it.clone(), it]);
        assert!(text.starts_with("VI is BACKUP. Short.\nWhat would change it:\n  - This.\n  - A"));
        assert!(text.contains("\n    "), "{text}");
        assert!(text.contains("\n\nVI is BACKUP."), "{text}");
        assert!(text.lines().all(|line| line.len() <= COLUMNS), "{text}");
    }
}
