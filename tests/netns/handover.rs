//! `xvrrpd handover`, `maintenance` and `stop --release`, as an operator types them.

use std::{process::Output, thread, time::Duration};

use serde_json::Value;
use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon::{self, Keepalived, Xvrrpd},
    namespace::{pins_of, run_files_of},
    net::Node,
    observe, place,
    probe::{Kind, Probe},
    question::{Question, assert_one_answerer},
    trial::{HIGH, LOW, PATIENCE, Pair, Profile, Trial},
    wait::{eventually, throughout},
};

const PROFILE: Profile = Profile::V3At100ms;
const VRID: u8 = 51;

/// `xvrrpd` with these words, beside the daemon of a router.
pub(crate) fn xvrrpd(node: &Node, words: &str) -> Output {
    let mut command = node.ns.command(place::xvrrpd());
    command.args(words.split(' '));
    command.output().expect("xvrrpd runs")
}

/// The same, which has to succeed, and what it said.
#[track_caller]
pub(crate) fn done(node: &Node, words: &str) -> String {
    let output = xvrrpd(node, words);
    let said = said(&output);
    assert!(output.status.success(), "{words}: {said}");
    said
}

/// The same, which has to fail, and what it said.
#[track_caller]
fn refused(node: &Node, words: &str) -> String {
    let output = xvrrpd(node, words);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{words}: {said}");
    said
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// What a router's daemon says of itself.
pub(crate) fn status(node: &Node) -> Value {
    let output = xvrrpd(node, "status --json");
    let status: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    status["daemon"]["engine"].clone()
}

fn name(trial: &Trial) -> &str {
    &trial.confs[0].instances[0].name
}

/// Nothing with a priority but 0 comes from this router.
fn silent(trial: &Trial, router: usize, since: Stamp) -> Result<(), String> {
    let adverts = trial.tap.adverts(since);
    match adverts
        .iter()
        .find(|(_, node, it)| *node == router && it.priority > 0)
    {
        Some((_, _, advert)) => Err(format!("router {router} advertises {advert:?}")),
        None => Ok(()),
    }
}

/// From a question to the next answer of anybody, to that or a later one. (The time between
/// two answers also counts what kept the client from asking.)
fn longest_wait(questions: &[Question]) -> Duration {
    let mut next: Option<Stamp> = None;
    let mut longest = Duration::ZERO;
    for question in questions.iter().rev() {
        let own = question.answers.iter().map(|(at, _)| *at);
        next = own.chain(next).min();
        let wait = next.map(|at| at.since(question.at));
        longest = longest.max(wait.unwrap_or_default());
    }
    longest
}

mod a_backup_that_preempts {
    use super::*;

    #[test]
    fn xvrrpd() {
        takes_over([Xvrrpd, Xvrrpd], PROFILE);
    }
    #[test]
    fn keepalived() {
        takes_over([Xvrrpd, Keepalived], PROFILE);
    }
    #[test]
    fn xvrrpd_ipv6() {
        takes_over([Xvrrpd, Xvrrpd], Profile::V6At100ms);
    }
    #[test]
    fn keepalived_v2() {
        takes_over([Xvrrpd, Keepalived], Profile::V2Pass1s);
    }
}

/// No gap for a client, nobody answers beside the owner, no priority 0; afterwards the
/// higher priority holds back, until the survivor dies.
fn takes_over(pair: Pair, profile: Profile) {
    let mut trial = Trial::of(pair, profile);
    let start = Stamp::now();
    let (lab, vip) = (&trial.lab, profile.vip());
    let client = Probe::start(lab, Kind::Echo, vip, Duration::from_millis(2));
    let who = Probe::start(lab, Kind::Resolve, vip, Duration::from_millis(5));
    let enough = || match client.questions(&trial.tap, start).len() {
        0..100 => Err("fewer".into()),
        _ => Ok(()),
    };
    eventually(PATIENCE, "a hundred questions", enough);
    let asked = Stamp::now();
    let said = done(lab.router(0), &format!("handover {}", name(&trial)));
    let took = Stamp::now().since(asked);
    assert!(said.contains(" took over after "), "{said}");
    let by = if vip.is_ipv4() {
        "10.77.0.2"
    } else {
        "fe80::ff:fe00:2"
    };
    assert!(said.contains(by), "{said}");
    let takeover = trial.takeover(VRID, 1, asked);
    assert_eq!(takeover.resigned, None, "nothing is given up");
    // The longest its timer can take, and our own.
    assert!(took <= profile.down(1) + Duration::from_secs(1), "{took:?}");
    trial.await_owner(1);
    // The next second of answers.
    thread::sleep(Duration::from_secs(1));
    let questions = client.questions(&trial.tap, start);
    let wait = longest_wait(&questions);
    let all = who.questions(&trial.tap, start);
    eprintln!(
        "{pair:?} {profile:?}: {said:?}; {} questions, longest wait for an answer {wait:?}",
        questions.len()
    );
    assert!(
        wait <= Duration::from_millis(60),
        "a client waited for {wait:?}"
    );
    if pair[1] == Xvrrpd {
        assert_one_answerer(&all);
    }
    // Its priority is twice the survivor's, and it lets it be.
    let since = Stamp::now();
    throughout(profile.down(LOW) * 3, "it is held back", || {
        silent(&trial, 0, since)
    });
    assert_eq!(status(trial.lab.router(0))["instances"][0]["held"], true);
    let page = done(trial.lab.router(0), "status");
    assert!(
        page.contains("handed over, held back until released"),
        "{page}"
    );
    trial.kill(1);
    trial.await_owner(0);
    assert_eq!(status(trial.lab.router(0))["instances"][0]["held"], false);
}

/// Refused for want of somebody who preempts: the owner never stopped owning. By force
/// it resigns, and is held back all the same.
#[test]
fn a_backup_that_does_not_preempt_takes_over_by_force() {
    for other in [Xvrrpd, Keepalived] {
        let mut low = PROFILE.conf(LOW);
        low.instances[0].extra.push("nopreempt".into());
        let trial = Trial::settled([Xvrrpd, other], [PROFILE.conf(HIGH), low]);
        let asked = Stamp::now();
        let owner = trial.lab.router(0);
        let said = refused(owner, &format!("handover {}", name(&trial)));
        assert!(
            said.contains("nobody took over within ") && said.contains("--force"),
            "{said}"
        );
        silent(&trial, 1, asked).expect("it stays a backup");
        trial.await_owner(0);
        let asked = Stamp::now();
        let said = done(owner, &format!("handover {} --force", name(&trial)));
        assert!(said.contains("10.77.0.2 took over after "), "{said}");
        let takeover = trial.takeover(VRID, 1, asked);
        assert!(takeover.resigned.is_some(), "{other:?}");
        trial.await_owner(1);
    }
}

/// Alone: refused, and taken back where it is forced. What is not ours is not handed over.
#[test]
fn nobody_is_there() {
    let mut trial = Trial::new([Xvrrpd, Xvrrpd], [PROFILE.conf(HIGH), PROFILE.conf(LOW)]);
    trial.start(0);
    trial.await_owner(0);
    let owner = trial.lab.router(0);
    let name = name(&trial);
    let said = refused(owner, &format!("handover {name}"));
    assert!(said.contains("no peer is there"), "{said}");
    let said = refused(owner, &format!("handover {name} --force"));
    assert!(said.contains("it is MASTER here again"), "{said}");
    trial.await_owner(0);
    let said = refused(owner, "handover VI_nowhere");
    assert!(said.contains("no instance or group VI_nowhere"), "{said}");
    let said = refused(owner, &format!("handover --release {name}"));
    assert!(said.contains("not held back"), "{said}");
    let said = refused(trial.lab.router(1), &format!("handover {name}"));
    assert!(said.contains("no xvrrpd answers here"), "{said}");
}

/// Released: it preempts again, as configured. A reload forgets nothing.
#[test]
fn a_release_and_a_reload() {
    let mut trial = Trial::of([Xvrrpd, Xvrrpd], PROFILE);
    let name = name(&trial).to_owned();
    done(trial.lab.router(0), &format!("handover {name}"));
    let conf = PROFILE.conf(HIGH + 10);
    let since = trial.daemon(0).reload(&conf);
    throughout(PROFILE.down(LOW) * 3, "it is held back", || {
        silent(&trial, 0, since)
    });
    done(trial.lab.router(0), &format!("handover --release {name}"));
    trial.await_owner(0);
}

/// Maintenance: all is handed over without a gap; nothing is taken when the survivor
/// dies, nor by a daemon that is started again; `off` ends it.
#[test]
fn maintenance() {
    let mut trial = Trial::of([Xvrrpd, Xvrrpd], PROFILE);
    let said = done(trial.lab.router(0), "maintenance on");
    assert!(said.contains("10.77.0.2 took over after "), "{said}");
    trial.await_owner(1);
    trial.terminate(0);
    trial.start(0);
    let started = |trial: &Trial| match status(trial.lab.router(0))["maintenance"].as_str() {
        Some("on") => Ok(()),
        other => Err(format!("{other:?}")),
    };
    eventually(PATIENCE, "started in maintenance", || started(&trial));
    let page = done(trial.lab.router(0), "status");
    assert!(page.starts_with("MAINTENANCE: "), "{page}");
    trial.kill(1);
    let since = Stamp::now();
    throughout(PROFILE.down(LOW) * 4, "nothing is taken over", || {
        silent(&trial, 0, since)
    });
    done(trial.lab.router(0), "maintenance off");
    trial.await_owner(0);
    // Alone it is refused, and named; by force it goes.
    let said = refused(trial.lab.router(0), "maintenance on");
    assert!(
        said.contains(&format!("{}: nobody", name(&trial))),
        "{said}"
    );
    trial.await_owner(0);
    done(trial.lab.router(0), "maintenance on --force");
    let since = Stamp::now();
    throughout(PROFILE.down(LOW) * 2, "it owns nothing", || {
        silent(&trial, 0, since)
    });
    assert!(!observe::has(trial.lab.router(0), PROFILE.vip()));
}

/// What of ours is in a router's kernel and files.
fn traces(node: &Node) -> Vec<String> {
    let list = |program: &str, words: &[&str]| {
        let mut command = node.ns.command(program);
        let output = command.args(words).output().expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let mut found = Vec::new();
    if observe::has(node, PROFILE.vip()) {
        found.push("the address".into());
    }
    if let Some(mode) = observe::xdp_mode(node, "eth0") {
        found.push(format!("XDP in {mode} mode"));
    }
    let filter = list("tc", &["filter", "show", "dev", "eth0", "egress"]);
    let net = list("bpftool", &["net", "show", "dev", "eth0"]);
    for text in [filter, net] {
        found.extend(
            text.lines()
                .filter(|line| line.contains("xvrrp"))
                .map(str::to_owned),
        );
    }
    for path in pins_of(node.ns.cookie()) {
        found.push(path.display().to_string());
    }
    for path in run_files_of(node.ns.cookie()) {
        found.push(path.display().to_string());
    }
    found
}

/// IDs of all BPF objects of this machine whose names are ours.
fn objects() -> Vec<String> {
    let mut found = Vec::new();
    for kind in ["map", "prog"] {
        let output = std::process::Command::new("bpftool")
            .args(["-j", kind, "show"])
            .output()
            .expect("bpftool");
        let all: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        for one in all.as_array().into_iter().flatten() {
            let name = one["name"].as_str().unwrap_or_default();
            if name.to_lowercase().contains("xvrrp") {
                found.push(format!("{kind} {} {name}", one["id"]));
            }
        }
    }
    found
}

/// An Active is killed: with its links by TCX, and on an older kernel by clsact.
#[test]
fn a_release_leaves_nothing_of_a_dead_daemon() {
    for variant in ["", "old"] {
        let lab = xvrrp_tests::net::Lab::new(1);
        let node = lab.router(0);
        let before = objects();
        let conf = xvrrp_tests::daemon::conf_file(node, &PROFILE.conf(HIGH).keepalived());
        let mut command = node.ns.command(place::xvrrpd());
        command.args(["-n", "-l", "-f"]).arg(&conf);
        command.env("XVRRP_BPF_VARIANT", variant);
        let mut running = xvrrp_tests::daemon::Running::spawn(Xvrrpd, node, conf, &mut command);
        eventually(PATIENCE, "it owns the address", || {
            if observe::has(node, PROFILE.vip()) {
                Ok(())
            } else {
                Err("not yet".into())
            }
        });
        // Hung, it is left alone; and so it is while nobody asks for a release.
        running.stop();
        let said = refused(node, "stop --release");
        assert!(said.contains("kill -KILL"), "{said}");
        running.kill();
        let said = refused(node, "stop");
        assert!(said.contains("xvrrpd stop --release"), "{said}");
        assert!(traces(node).len() >= 4, "{variant}: {:?}", traces(node));
        let ours: Vec<String> = objects()
            .into_iter()
            .filter(|one| !before.contains(one))
            .collect();
        assert!(ours.len() >= 6, "{ours:?}");
        let said = done(node, "stop --release");
        assert!(
            said.contains("10.77.0.50: removed") && said.contains("eth0: programs removed"),
            "{said}"
        );
        assert_eq!(traces(node), [""; 0], "{variant}");
        // The kernel frees maps and programs a moment after their last holder.
        eventually(PATIENCE, "maps and programs are freed", || {
            match objects().iter().find(|one| ours.contains(one)) {
                Some(left) => Err(left.clone()),
                None => Ok(()),
            }
        });
        // Once more: nothing is left to be done, which is no failure.
        done(node, "stop --release");
        // A living one is stopped first, and is gone when the command is.
        let running = Daemon::Xvrrpd.start(node, &PROFILE.conf(HIGH));
        eventually(PATIENCE, "it owns the address", || {
            if observe::has(node, PROFILE.vip()) {
                Ok(())
            } else {
                Err("not yet".into())
            }
        });
        done(node, "stop --release");
        assert_eq!(traces(node), [""; 0], "{variant}");
        drop(running);
    }
}
