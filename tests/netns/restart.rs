//! A restart of the owner: nobody else may notice, where it comes back in time.

use std::{net::IpAddr, time::Duration};

use crate::handover::done;
use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon::{Keepalived, Xvrrpd},
    observe,
    probe::{Kind, Probe},
    question::{Question, assert_one_answerer},
    trial::{HIGH, PATIENCE, Pair, Profile, Trial},
    wait::{eventually, throughout},
};

const PROBING: Duration = Duration::from_millis(2);

/// How the owner leaves before it is started again.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// As `systemctl restart` does with the unit.
    Quit,
    /// As an operator without systemd does.
    Keep,
    /// As a crash.
    Kill,
}

macro_rules! unnoticed {
    ($name:ident, $profile:expr) => {
        mod $name {
            use super::*;
            #[test]
            fn by_quit_beside_xvrrpd() {
                restarted([Xvrrpd, Xvrrpd], $profile, Way::Quit);
            }
            #[test]
            fn by_quit_beside_keepalived() {
                restarted([Xvrrpd, Keepalived], $profile, Way::Quit);
            }
            #[test]
            fn killed_beside_xvrrpd() {
                restarted([Xvrrpd, Xvrrpd], $profile, Way::Kill);
            }
        }
    };
}

unnoticed!(v2_1s, Profile::V2Pass1s);
unnoticed!(v3_1s, Profile::V3At1s);

mod v3_100ms {
    use super::*;
    #[test]
    fn by_quit_beside_xvrrpd() {
        restarted([Xvrrpd, Xvrrpd], Profile::V3At100ms, Way::Quit);
    }
    #[test]
    fn by_quit_beside_keepalived() {
        restarted([Xvrrpd, Keepalived], Profile::V3At100ms, Way::Quit);
    }
}

fn ask(trial: &Trial, vip: IpAddr) -> Probe {
    let since = Stamp::now();
    let probe = Probe::start(&trial.lab, Kind::Echo, vip, PROBING);
    eventually(PATIENCE, "the owner answers", || {
        let answered = |q: &Question| q.answerers() == [0];
        if probe.questions(&trial.tap, since).iter().any(answered) {
            Ok(())
        } else {
            Err("not yet".into())
        }
    });
    probe
}

fn is_silent(trial: &Trial, router: usize, since: Stamp) -> Result<(), String> {
    let adverts = trial.tap.adverts(since);
    match adverts.iter().find(|(_, node, _)| *node == router) {
        Some((_, _, advert)) => Err(format!("it advertises {advert:?}")),
        None => Ok(()),
    }
}

/// The owner ends and is started again, three times over. The other router stays
/// what it is, every probe is answered, and by the owner alone.
fn restarted(pair: Pair, profile: Profile, way: Way) {
    let mut trial = Trial::of(pair, profile);
    let start = Stamp::now();
    let probe = ask(&trial, profile.vip());
    for _ in 0..3 {
        let at = match way {
            Way::Quit => trial.quit(0),
            Way::Keep => {
                let at = Stamp::now();
                done(trial.lab.router(0), "stop --keep");
                assert!(trial.daemon(0).left().success());
                at
            }
            Way::Kill => trial.kill(0),
        };
        trial.start(0);
        trial
            .daemon(0)
            .log()
            .wait(PATIENCE, at, "(VI_1) Resuming as MASTER");
        throughout(profile.down(HIGH), "the peer stays Backup", || {
            is_silent(&trial, 1, at)
        });
        assert!(observe::has(trial.lab.router(0), profile.vip()));
    }
    let questions = probe.questions(&trial.tap, start);
    // The last ones may still be on their way.
    let asked = questions.len().saturating_sub(10);
    let unanswered = questions[..asked]
        .iter()
        .filter(|q| q.answerers() != [0])
        .count();
    assert!(asked > 100, "{asked} probes");
    assert_eq!(unanswered, 0, "of {asked} probes");
    assert_one_answerer(&questions);
}

#[test]
fn by_stop_keep() {
    restarted([Xvrrpd, Xvrrpd], Profile::V3At1s, Way::Keep);
}

/// It comes back too late: the other one owns, and it waits its turn.
#[test]
fn one_that_is_late_resumes_nothing() {
    let profile = Profile::V3At100ms;
    let mut trial = Trial::of([Xvrrpd, Xvrrpd], profile);
    let start = Stamp::now();
    let probe = ask(&trial, profile.vip());
    trial.quit(0);
    trial.await_owner(1);
    let again = Stamp::now();
    trial.start(0);
    trial
        .daemon(0)
        .log()
        .wait(PATIENCE, again, "(VI_1) Entering BACKUP STATE");
    trial.await_owner(0);
    let said = trial.daemon(0).log().since(again);
    assert!(
        !said.iter().any(|line| line.contains("Resuming")),
        "{said:?}"
    );
    assert_one_answerer(&probe.questions(&trial.tap, start));
}

/// Beaten while nobody ran: the kernel has shut the gate, and nothing reopens it.
#[test]
fn one_that_was_beaten_meanwhile_resumes_nothing() {
    let profile = Profile::V3At1s;
    let low = profile.conf(xvrrp_tests::trial::LOW);
    let mut trial = Trial::new([Xvrrpd, Xvrrpd], [low, profile.conf(HIGH)]);
    trial.start(0);
    trial.await_owner(0);
    let start = Stamp::now();
    let probe = ask(&trial, profile.vip());
    trial.quit(0);
    // It preempts at the end of its Active_Down_Interval, before the dead one's lease
    // of three intervals would be over for anybody else: its own adverts keep it away.
    trial.start(1);
    trial.await_owner(1);
    let again = Stamp::now();
    trial.start(0);
    trial
        .daemon(0)
        .log()
        .wait(PATIENCE, again, "(VI_1) Entering BACKUP STATE");
    throughout(profile.interval() * 2, "it stays Backup", || {
        is_silent(&trial, 0, again)
    });
    assert_one_answerer(&probe.questions(&trial.tap, start));
}

/// Configured no more when the daemon is started again: the address goes, or nothing
/// would fence it any longer.
#[test]
fn what_is_configured_no_more_is_removed() {
    let profile = Profile::V3At100ms;
    let mut trial = Trial::of([Xvrrpd, Xvrrpd], profile);
    trial.kill(1);
    trial.kill(0);
    let node = trial.lab.router(0);
    assert!(observe::has(node, profile.vip()));
    let without = Xvrrpd.start_text(node, "global_defs {\n    router_id r1\n}\n");
    eventually(PATIENCE, "the address is removed", || {
        if observe::has(node, profile.vip()) {
            Err("it is still there".into())
        } else {
            Ok(())
        }
    });
    without
        .log()
        .wait(PATIENCE, Stamp::default(), "configured no more");
}

/// VRRP's station stays in the interface's filter when the daemon is dead, or a
/// network card would keep the winning advert from XDP; a clean stop takes it out.
#[test]
fn a_dead_owner_still_hears() {
    let profile = Profile::V3At100ms;
    let mut trial = Trial::of([Xvrrpd, Xvrrpd], profile);
    let filter = |trial: &Trial| {
        let list = trial
            .lab
            .router(0)
            .ns
            .command("ip")
            .args(["maddress", "show", "dev", "eth0"])
            .output()
            .expect("ip");
        String::from_utf8_lossy(&list.stdout).into_owned()
    };
    trial.kill(0);
    let list = filter(&trial);
    assert!(
        list.contains("01:00:5e:00:00:12") && !list.contains("inet  224.0.0.18"),
        "{list}"
    );
    trial.start(0);
    trial.await_owner(0);
    trial.terminate(0);
    let list = filter(&trial);
    assert!(!list.contains("01:00:5e:00:00:12"), "{list}");
}
