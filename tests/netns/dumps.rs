//! What exporters read: by signal, with the fields of keepalived 2.2.7.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon::{self, Keepalived, Xvrrpd},
    net::Lab,
    place,
    trial::{HIGH, PATIENCE, Profile},
    wait::eventually,
};

const PROFILE: Profile = Profile::V2Pass1s;
const FILES: [&str; 3] = ["keepalived.data", "keepalived.stats", "keepalived.json"];

/// The number a daemon's own command line names for a signal.
fn number(program: &Path, word: &str) -> i32 {
    let mut command = Command::new(program);
    let output = command.arg(format!("--signum={word}")).output();
    let text = String::from_utf8(output.expect("it runs").stdout).expect("digits");
    text.trim().parse().expect("a number")
}

fn program(daemon: Daemon) -> PathBuf {
    match daemon {
        Keepalived => place::installed("/usr/sbin/keepalived", "keepalived"),
        _ => place::xvrrpd(),
    }
}

/// The three files of a MASTER; where they are is asked with its pid.
fn dumps(
    daemon: Daemon,
    directory: impl Fn(u64, i32) -> PathBuf,
    globals: Vec<String>,
) -> [String; 3] {
    let lab = Lab::new(1);
    let node = lab.router(0);
    let mut conf = PROFILE.conf(HIGH);
    conf.globals = globals;
    let mut running = daemon.start(node, &conf);
    let log = running.log().clone();
    log.wait(PATIENCE, Stamp::default(), "Entering MASTER STATE");
    let directory = directory(node.ns.cookie(), running.pid());
    let program = program(daemon);
    let files = ["DATA", "STATS", "JSON"]
        .map(|word| number(&program, word))
        .into_iter()
        .zip(FILES)
        .map(|(signal, name)| {
            // SAFETY: a signal to a process that this test started and has not reaped.
            assert_eq!(unsafe { libc::kill(running.pid(), signal) }, 0);
            let path = directory.join(name);
            let text = eventually(PATIENCE, name, || match fs::read_to_string(&path) {
                Ok(text) if !text.is_empty() => Ok(text),
                other => Err(format!("{}: {other:?}", path.display())),
            });
            let found = fs::metadata(&path).expect("the file just read");
            assert_eq!((found.mode() & 0o7777, found.uid()), (0o600, 0), "{name}");
            text
        });
    let files: Vec<String> = files.collect();
    running.terminate();
    running.left();
    assert!(
        daemon == Keepalived || !directory.starts_with("/run/xvrrp") || !directory.exists(),
        "{} is left",
        directory.display()
    );
    files.try_into().expect("three files")
}

/// Its own `/tmp`, seen through its root.
fn private_tmp(_: u64, pid: i32) -> PathBuf {
    format!("/proc/{pid}/root/tmp").into()
}

fn names(value: &Value) -> BTreeSet<String> {
    value
        .as_object()
        .map(|object| object.keys().cloned().collect())
        .unwrap_or_default()
}

#[test]
fn the_files_are_those_of_keepalived() {
    let theirs = dumps(Keepalived, private_tmp, vec![]);
    let ours = dumps(
        Xvrrpd,
        |cookie, _| format!("/run/xvrrp/{cookie}").into(),
        vec![],
    );
    let [their_json, our_json] = [&theirs, &ours].map(|files| -> Value {
        serde_json::from_str(&files[2]).unwrap_or_else(|error| panic!("{error}: {}", files[2]))
    });
    for part in ["data", "stats"] {
        assert_eq!(
            names(&our_json[0][part]),
            names(&their_json[0][part]),
            "{part}"
        );
        assert!(!names(&our_json[0][part]).is_empty());
    }
    // What was configured, and what has come of it, is the same.
    let moves = [
        "last_transition",
        "auth_data",
        "master_priority",
        "advert_sent",
        "master_adver_int",
    ];
    for part in ["data", "stats"] {
        for name in names(&our_json[0][part]) {
            if !moves.contains(&name.as_str()) {
                let (ours, theirs) = (&our_json[0][part][&name], &their_json[0][part][&name]);
                let same = match (ours.as_f64(), theirs.as_f64()) {
                    (Some(ours), Some(theirs)) => (ours - theirs).abs() < 1e-9,
                    _ => ours == theirs,
                };
                assert!(same, "{name}: {ours} and {theirs}");
            }
        }
    }
    assert!(our_json[0]["stats"]["advert_sent"].as_u64() > Some(0));
    assert!(our_json[0]["data"]["last_transition"].as_f64() > Some(1.7e9));
    for text in &ours {
        assert!(!text.contains("1111"), "a password: {text}");
    }
    // The same lines but for the numbers.
    let shape = |text: &str| -> Vec<String> {
        let lines = text
            .lines()
            .map(|line| line.split(':').next().unwrap_or(line));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(shape(&ours[1]), shape(&theirs[1]));
    // keepalived goes on with its interfaces, which have a state as well.
    let lines = |text: &str| -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for (what, value) in text.lines().filter_map(|line| line.split_once(" = ")) {
            all.entry(what.to_owned())
                .or_insert_with(|| value.to_owned());
        }
        all
    };
    let (our_lines, their_lines) = (lines(&ours[0]), lines(&theirs[0]));
    for what in [
        " VRRP Instance",
        "   VRRP Version",
        "   State",
        "   Wantstate",
        "   Interface",
        "   Using src_ip",
        "   Gratuitous ARP delay",
        "   Virtual Router ID",
        "   Priority",
        "   Effective priority",
        "   Advert interval",
        "   Accept",
        "   Preempt",
        "   Authentication type",
    ] {
        assert!(our_lines.contains_key(what), "{what}");
        assert_eq!(our_lines.get(what), their_lines.get(what), "{what}");
    }
}

/// The old place, on request.
#[test]
fn dump_directory_names_another_place() {
    let place = place::scratch("dumps").join(std::process::id().to_string());
    let _ = fs::remove_dir_all(&place);
    let there = place.clone();
    let files = dumps(
        Xvrrpd,
        move |_, _| there.clone(),
        vec![format!("dump_directory {}", place.display())],
    );
    assert!(files[0].contains("   State = MASTER\n"), "{}", files[0]);
    assert!(place.exists(), "what lies elsewhere stays");
    let _ = fs::remove_dir_all(&place);
}

#[test]
fn the_numbers_of_signals_are_keepaliveds() {
    for word in ["STOP", "RELOAD", "DATA", "STATS", "STATS_CLEAR", "JSON"] {
        let [ours, theirs] = [Xvrrpd, Keepalived].map(|daemon| number(&program(daemon), word));
        assert_eq!(ours, theirs, "{word}");
    }
}
