//! What is tracked, and what it does to an instance.

use super::Lines;
use serde::Deserialize;
use serde_json::Value;

/// One thing an instance tracks.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Tracked {
    kind: String,
    name: String,
    value: String,
    weight: i32,
    reverse: bool,
    effect: String,
    change: i32,
}

/// All that is looked at.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Trackers {
    scripts: Vec<Script>,
    files: Vec<File>,
    processes: Vec<Process>,
    probes: Vec<Probe>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Script {
    name: String,
    standing: Value,
    last: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct File {
    name: String,
    path: String,
    exists: bool,
    value: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Process {
    name: String,
    standing: Value,
    count: Option<u32>,
    quorum: u32,
    quorum_max: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Probe {
    kind: String,
    name: String,
    service: String,
    standing: Value,
    last: Option<String>,
}

/// Lines of an instance.
pub(super) fn tracked(out: &mut Lines, all: &[Tracked]) {
    for it in all {
        let kind = match it.kind.as_str() {
            kind @ ("tcp" | "http") => kind.to_uppercase(),
            kind => kind.to_owned(),
        };
        let effect = match it.effect.as_str() {
            "priority" => format!("{:+}", it.change),
            "pending" => "held back until it is known".to_owned(),
            "fault" => "FAULT".to_owned(),
            _ => "no effect".to_owned(),
        };
        let reverse = if it.reverse { " reverse" } else { "" };
        out.text(
            "  ",
            &format!(
                "tracks {kind} {}: {}, weight {}{reverse}: {effect}",
                it.name, it.value, it.weight
            ),
        );
    }
}

/// Lines of their own, after an empty one.
pub(super) fn trackers(out: &mut Lines, all: &Trackers) {
    let scripts = all.scripts.iter().map(|it| {
        let last = it.last.as_deref().unwrap_or("not run yet");
        format!("Script {}: {}, {last}", it.name, standing(&it.standing))
    });
    let files = all.files.iter().map(|it| match it.value {
        None => format!("File {}: {} is not read yet", it.name, it.path),
        Some(value) if it.exists => format!("File {}: {value}, from {}", it.name, it.path),
        Some(value) => format!("File {}: {value}, as {} cannot be read", it.name, it.path),
    });
    let processes = all.processes.iter().map(|it| {
        let count = it.count.map_or("not counted yet".to_owned(), |count| {
            format!("{count} running")
        });
        let most = it
            .quorum_max
            .map_or(String::new(), |most| format!("-{most}"));
        let standing = standing(&it.standing);
        let (name, quorum) = (&it.name, it.quorum);
        format!("Process {name}: {standing}, {count}, quorum {quorum}{most}")
    });
    let probes = all.probes.iter().map(|it| {
        let last = it.last.as_deref().unwrap_or("not asked yet");
        let (kind, standing) = (it.kind.to_uppercase(), standing(&it.standing));
        format!("{kind} {}: {standing}, {last}, {}", it.name, it.service)
    });
    let lines: Vec<String> = scripts
        .chain(files)
        .chain(processes)
        .chain(probes)
        .collect();
    if !lines.is_empty() {
        out.text("", "");
    }
    for line in lines {
        out.text("", &line);
    }
}

fn standing(value: &Value) -> String {
    value.as_str().unwrap_or("?").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_with_value_weight_and_effect() {
        let all = json!([
            { "kind": "interface", "name": "eth1", "value": "down", "weight": 0, "effect": "fault" },
            { "kind": "file", "name": "f", "value": "3", "weight": 2, "reverse": true,
                "effect": "priority", "change": -6 },
            { "kind": "process", "name": "p", "value": "up", "weight": 5,
                "effect": "priority", "change": 5 },
            { "kind": "http", "name": "w", "value": "unknown", "weight": 0, "effect": "pending" },
            { "kind": "script", "name": "s", "value": "up", "weight": -5, "effect": "none" },
        ]);
        let mut out = Lines::default();
        tracked(
            &mut out,
            &Vec::deserialize(&all).expect("as the engine has it"),
        );
        let expected = "  tracks interface eth1: down, weight 0: FAULT
  tracks file f: 3, weight 2 reverse: -6
  tracks process p: up, weight 5: +5
  tracks HTTP w: unknown, weight 0: held back until it is known
  tracks script s: up, weight -5: no effect
";
        assert_eq!(out.0, expected);
    }

    #[test]
    fn all_that_is_looked_at() {
        let all = json!({
            "scripts": [{ "name": "s", "standing": "up", "last": "exited with status 0" }],
            "files": [
                { "name": "f", "path": "/run/f", "exists": true, "value": 3 },
                { "name": "g", "path": "/run/g", "exists": false, "value": 0 },
                { "name": "h", "path": "/run/h", "exists": false, "value": null },
            ],
            "processes": [
                { "name": "p", "standing": "down", "count": 4, "quorum": 1, "quorum_max": 3 },
                { "name": "q", "standing": "unknown", "count": null, "quorum": 2 },
            ],
            "probes": [{ "kind": "tcp", "name": "t", "service": "192.0.2.1:80",
                "standing": "down", "last": "no answer in time" }],
        });
        let mut out = Lines::default();
        trackers(
            &mut out,
            &Trackers::deserialize(&all).expect("as the engine has it"),
        );
        let expected = "
Script s: up, exited with status 0
File f: 3, from /run/f
File g: 0, as /run/g cannot be read
File h: /run/h is not read yet
Process p: down, 4 running, quorum 1-3
Process q: unknown, not counted yet, quorum 2
TCP t: down, no answer in time, 192.0.2.1:80
";
        assert_eq!(out.0, expected);
    }
}
