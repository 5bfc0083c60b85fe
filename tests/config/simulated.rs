//! Every two sound files as two nodes: nobody says that they fit, but each of them is
//! one that an operator may give.

use super::{files, read};
use std::path::Path;
use vrrp_user::simulate::{Given, Report, Segments, simulate};

fn given(name: &str, path: &Path) -> Given {
    let loaded = read(path);
    Given {
        name: name.into(),
        config: loaded.config.expect("a sound file"),
        places: loaded.places,
        files: loaded.files,
        diagnostics: loaded.diagnostics,
    }
}

/// What holds whatever the files say.
fn hold(report: &Report, what: &str) {
    for row in &report.failures {
        for owner in row.then.iter().chain(&row.back) {
            assert!(owner.nodes.len() <= 2, "{what}: {owner:?}");
        }
        for owner in &row.then {
            let dead = |node: &String| row.failed.contains(&format!("node:{node}"));
            assert!(!owner.nodes.iter().any(dead), "{what}: {row:?}");
        }
        assert_eq!(row.then.len(), report.routers.len(), "{what}");
    }
    let page = report.page();
    for finding in &report.findings {
        let place = finding.place.as_ref();
        assert!(place.is_none_or(|it| it.line > 0), "{what}: {finding:?}");
        assert!(page.contains(&finding.message), "{what}: {finding:?}");
    }
    serde_json::to_string(report).expect("JSON");
}

#[test]
fn any_two_files_can_be_simulated() {
    let all = files("ok");
    for (index, first) in all.iter().enumerate() {
        for second in &all[index..] {
            let nodes = [given("a", first), given("b", second)];
            let what = format!("{} and {}", first.display(), second.display());
            // Singles of both; every pair of failures of these would take minutes.
            let report = simulate(
                &nodes,
                &Segments::default(),
                &["a".into(), "b".into(), "a+b".into()],
            );
            hold(&report.expect("nodes are always there"), &what);
        }
    }
}

#[test]
fn a_file_against_itself_goes_through_everything() {
    for path in files("ok") {
        let nodes = [given("a", &path), given("b", &path)];
        let report = simulate(&nodes, &Segments::default(), &[]).expect("no fault is named");
        hold(&report, &path.display().to_string());
    }
}
