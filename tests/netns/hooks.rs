//! `startup_script` and `shutdown_script`.

use std::{
    fs,
    time::{Duration, Instant},
};

use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon::{self, Keepalived, Xvrrpd},
    net::Lab,
    observe, place,
    trial::{HIGH, PATIENCE, Profile},
};

const PROFILE: Profile = Profile::V3At100ms;

/// The first runs before anything is decided, the second when the addresses are gone.
fn around_everything(daemon: Daemon) {
    let lab = Lab::new(1);
    let node = lab.router(0);
    let said = place::scratch("hooks").join(node.ns.name());
    let _ = fs::remove_file(&said);
    let at = said.display();
    let mut conf = PROFILE.conf(HIGH);
    conf.globals = vec![
        "script_user root".into(),
        format!("startup_script \"/bin/sh -c 'sleep 1; ip -o addr >>{at}; echo started >>{at}'\""),
        format!("shutdown_script \"/bin/sh -c 'ip -o addr >>{at}; echo stopped >>{at}'\""),
    ];
    let start = Instant::now();
    let mut running = daemon.start(node, &conf);
    running
        .log()
        .wait(PATIENCE, Stamp::default(), "Entering MASTER STATE");
    assert!(
        start.elapsed() > Duration::from_secs(1) + PROFILE.down(HIGH),
        "it was MASTER before its script had ended"
    );
    assert!(observe::has(node, PROFILE.vip()));
    running.terminate();
    running.left();
    let text = fs::read_to_string(&said).expect("both have run");
    let vip = PROFILE.vip().to_string();
    assert!(!text.contains(&vip), "{text}");
    assert!(
        text.contains("started\n") && text.ends_with("stopped\n"),
        "{text}"
    );
    let _ = fs::remove_file(said);
}

#[test]
fn xvrrpd_runs_them_before_and_after_everything() {
    around_everything(Xvrrpd);
}

#[test]
fn keepalived_does() {
    around_everything(Keepalived);
}

/// One that hangs is terminated at its timeout, one that fails is told of; neither
/// keeps the daemon from its work. TERM is heard while it runs.
#[test]
fn a_startup_script_that_hangs_or_fails_is_outlived() {
    let lab = Lab::new(1);
    let node = lab.router(0);
    let mut conf = PROFILE.conf(HIGH);
    conf.globals = vec![
        "script_user root".into(),
        "startup_script \"/bin/sleep 60\"".into(),
        "startup_script_timeout 1".into(),
        "shutdown_script /bin/false".into(),
    ];
    let mut running = Xvrrpd.start(node, &conf);
    let log = running.log().clone();
    let start = Stamp::default();
    log.wait(PATIENCE, start, "startup script failed: timed out");
    log.wait(PATIENCE, start, "Entering MASTER STATE");
    running.terminate();
    running.left();
    log.wait(
        PATIENCE,
        start,
        "shutdown script failed: exited with status 1",
    );
    conf.globals[2] = "startup_script_timeout 60".into();
    let mut running = Xvrrpd.start(node, &conf);
    running
        .log()
        .wait(PATIENCE, Stamp::default(), "Running startup script");
    let asked = running.terminate();
    running.left();
    assert!(Stamp::now().since(asked) < Duration::from_secs(2));
}
