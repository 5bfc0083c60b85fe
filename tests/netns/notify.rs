//! Who is told of a change, with which words.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use xvrrp_tests::{
    conf::Conf,
    daemon::Daemon::{self, Keepalived, Xvrrpd},
    net::Lab,
    place,
    trial::{HIGH, PATIENCE, Profile},
    wait::eventually,
};

const PROFILE: Profile = Profile::V3At100ms;

/// What keepalived says through one life of a lone router: see
/// [`keepalived_says_so`].
const SPECIFIC: &[&str] = &["backup", "master", "stop"];
const GENERIC: &[&str] = &[
    "any INSTANCE VI_1 BACKUP 200",
    "any INSTANCE VI_1 MASTER 200",
    "any INSTANCE VI_1 STOP 200",
];

#[test]
fn xvrrpd_says_what_keepalived_says() {
    one_life(Xvrrpd);
}

/// What is expected of the other one is what this one does.
#[test]
fn keepalived_says_so() {
    one_life(Keepalived);
}

fn one_life(daemon: Daemon) {
    let lab = Lab::new(1);
    let node = lab.router(0);
    let (script, said) = listener(node.ns.name());
    let instance = PROFILE
        .instance(HIGH)
        .line(format!("notify_master \"{} master\"", script.display()))
        .line(format!("notify_backup \"{} backup\"", script.display()))
        .line(format!("notify_fault \"{} fault\"", script.display()))
        .line(format!("notify_stop \"{} stop\"", script.display()))
        .line(format!("notify \"{} any\"", script.display()));
    let conf = Conf {
        globals: vec!["script_user root".into()],
        ..Conf::of(3, instance)
    };
    let mut running = daemon.start(node, &conf);
    let heard = |wanted: usize| {
        eventually(PATIENCE, &format!("{wanted} calls"), || {
            let text = fs::read_to_string(&said).unwrap_or_default();
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            if lines.len() >= wanted {
                Ok(lines)
            } else {
                Err(format!("{lines:?}"))
            }
        })
    };
    heard(4);
    running.terminate();
    running.left();
    let lines = heard(6);
    // Specific and generic calls are made one after the other but run side by
    // side: only within each kind is the order theirs to keep.
    let (generic, specific): (Vec<_>, Vec<_>) =
        lines.iter().partition(|line| line.starts_with("any "));
    assert_eq!(specific, SPECIFIC);
    assert_eq!(generic, GENERIC);
    let _ = fs::remove_file(said);
}

/// A script that writes its arguments down, and where it writes them.
fn listener(name: &str) -> (PathBuf, PathBuf) {
    let dir = place::scratch("notify");
    let (script, said) = (
        dir.join(format!("{name}.sh")),
        dir.join(format!("{name}.said")),
    );
    let _ = fs::remove_file(&said);
    let text = format!("#!/bin/sh\necho \"$@\" >>{}\n", said.display());
    fs::write(&script, text).expect("the scratch directory");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("the file just made");
    (script, said)
}
