//! The harness itself, by daemons that are known.

use std::{panic, path::Path, time::Duration};

use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon::Keepalived,
    net::Lab,
    observe,
    probe::{Kind, Probe},
    question::longest_gap,
    trial::{LOW, Pair, Profile, Trial, assert_took},
    wait::eventually,
};

use crate::{
    probes::{Probes, datagrams},
    starved::starve_the_owner,
};

const VRID: u8 = 51;
const KEEPALIVED: Pair = [Keepalived, Keepalived];

/// keepalived's owner is killed: the timers are judged right, and the probes see
/// that the dead router goes on answering. Without this, `fence` would prove
/// nothing.
#[test]
fn sees_a_dead_keepalived_answer() {
    let profile = Profile::V3At100ms;
    let mut trial = Trial::of(KEEPALIVED, profile);
    let probes = Probes::start(&trial, profile.vip());
    let killed = trial.kill(0);
    let takeover = trial.takeover(VRID, 1, killed);
    assert_took(
        "takeover",
        takeover.first.since(takeover.last),
        profile.down(LOW),
    );
    eventually(Duration::from_secs(5), "both answer one question", || {
        let who = probes.who(&trial, takeover.first);
        let both = who.iter().filter(|q| q.answerers() == [0, 1]).count();
        if both > 0 {
            Ok(())
        } else {
            Err(format!("{} questions", who.len()))
        }
    });
    eventually(Duration::from_secs(5), "the dead one takes traffic", || {
        let each = probes.each(&trial, takeover.first);
        let dead = each.iter().filter(|q| q.answerers() == [0]).count();
        if dead > 0 {
            Ok(())
        } else {
            Err(format!("{} questions", each.len()))
        }
    });
    eventually(
        Duration::from_secs(5),
        "the dead one sends",
        || match datagrams(&probes.in_its_name(&trial, 0, takeover.first)) {
            0..50 => Err("too little".into()),
            _ => Ok(()),
        },
    );
}

/// A starved keepalived's kernel answers, too: the loop that starves a router
/// leaves the network of its machine alone.
#[test]
fn sees_a_starved_keepalived_answer() {
    let profile = Profile::V3At100ms;
    let mut trial = Trial::of(KEEPALIVED, profile);
    let probes = Probes::start(&trial, profile.vip());
    let (starvation, since) = starve_the_owner(&mut trial, profile);
    let takeover = trial.takeover(VRID, 1, since);
    eventually(Duration::from_secs(5), "both answer one question", || {
        let who = probes.who(&trial, takeover.first);
        if who.iter().any(|q| q.answerers() == [0, 1]) {
            Ok(())
        } else {
            Err(format!("{} questions", who.len()))
        }
    });
    starvation.wait().expect("it was starved");
}

/// Two owners of one address, who do not know of one another: they speak in turn,
/// and both answer. Without this, `tie` and `preempted` would prove nothing.
#[test]
fn sees_two_owners_speak() {
    let profile = Profile::V3At100ms;
    let mut confs = [profile.conf(LOW), profile.conf(LOW)];
    confs[1].instances[0].vrid = VRID + 1;
    let mut trial = Trial::new(KEEPALIVED, confs);
    let start = Stamp::now();
    let probes = Probes::unheard(&trial, profile.vip());
    trial.start(0);
    trial.start(1);
    eventually(Duration::from_secs(10), "both speak and answer", || {
        let turns = probes.speakers(&trial, start).len();
        let who = probes.who(&trial, start);
        let split = who.iter().filter(|q| q.answerers() == [0, 1]).count();
        if turns > 10 && split > 10 {
            Ok(())
        } else {
            Err(format!("{turns} turns, {split} questions with two answers"))
        }
    });
}

/// The same over IPv6, by a stopped one.
#[test]
fn sees_a_stopped_keepalived_answer_over_ipv6() {
    let profile = Profile::V6At100ms;
    let mut trial = Trial::of(KEEPALIVED, profile);
    let probes = Probes::start(&trial, profile.vip());
    let stopped = trial.daemon(0).stop();
    let takeover = trial.takeover(VRID, 1, stopped);
    eventually(Duration::from_secs(5), "both answer one question", || {
        let who = probes.who(&trial, takeover.first);
        let both = who.iter().filter(|q| q.answerers() == [0, 1]).count();
        if both > 0 {
            Ok(())
        } else {
            Err(format!("{} questions", who.len()))
        }
    });
}

/// The client's own gap when a cable is cut is about the takeover's.
#[test]
fn measures_the_gap_a_client_sees() {
    let profile = Profile::V3At100ms;
    let trial = Trial::of(KEEPALIVED, profile);
    let client = Probe::start(
        &trial.lab,
        Kind::Echo,
        profile.vip(),
        Duration::from_millis(1),
    );
    let start = Stamp::now();
    eventually(Duration::from_secs(5), "100 answers", || {
        match client
            .questions(&trial.tap, start)
            .iter()
            .filter(|q| q.answerers() == [0])
            .count()
        {
            0..100 => Err("fewer".into()),
            _ => Ok(()),
        }
    });
    let cut = Stamp::now();
    trial.lab.unplug(0);
    let takeover = trial.takeover(VRID, 1, cut);
    eventually(Duration::from_secs(5), "the new owner answers", || {
        let questions = client.questions(&trial.tap, takeover.first);
        let count = questions.iter().filter(|q| q.answerers() == [1]).count();
        if count >= 20 {
            Ok(())
        } else {
            Err(format!("{count}"))
        }
    });
    let (gap, from) = longest_gap(&client.questions(&trial.tap, start)).expect("answers");
    assert!(from <= takeover.first, "the gap began before the takeover");
    // Cut anywhere between two adverts.
    assert!(gap + profile.interval() >= profile.down(LOW), "{gap:?}");
    assert!(
        gap <= profile.down(LOW) + Duration::from_millis(400),
        "{gap:?}"
    );
}

/// A failing test leaves nothing: no namespace, no process.
#[test]
fn cleans_up_after_a_panic() {
    let mut left = None;
    let failure = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        let mut trial = Trial::of(KEEPALIVED, Profile::V3At100ms);
        let names: Vec<_> = trial
            .lab
            .nodes
            .iter()
            .map(|node| node.ns.name().to_owned())
            .collect();
        left = Some((names, trial.daemon(0).pid()));
        panic!("on purpose");
    }));
    assert!(failure.is_err());
    let (names, pid) = left.expect("it got as far as that");
    for name in names {
        assert!(
            !Path::new("/run/netns").join(&name).exists(),
            "{name} is still there"
        );
    }
    assert!(
        !Path::new("/proc").join(pid.to_string()).exists(),
        "keepalived is still there"
    );
}

/// What a killed test process left is swept by the next one: a namespace that
/// names a process that is no more.
#[test]
fn sweeps_what_a_dead_process_left() {
    let mut dead = std::process::Command::new("true").spawn().expect("true");
    dead.wait().expect("reaped");
    let name = format!("xvt-{}-0-br", dead.id());
    let made = std::process::Command::new("ip")
        .args(["netns", "add", &name])
        .status();
    assert!(made.expect("ip").success());
    xvrrp_tests::namespace::sweep();
    assert!(
        !Path::new("/run/netns").join(&name).exists(),
        "{name} is still there"
    );
}

/// Labs are apart: the same addresses, and neither hears the other.
#[test]
fn labs_do_not_hear_each_other() {
    let [one, two] = [Lab::new(1), Lab::new(1)];
    let cookies: Vec<u64> = [&one, &two]
        .iter()
        .flat_map(|lab| &lab.nodes)
        .map(|node| node.ns.cookie())
        .collect();
    let mut unique = cookies.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), 4, "{cookies:?}");
    let profile = Profile::V3At100ms;
    let lone = Keepalived.start(one.router(0), &profile.conf(LOW));
    lone.log().wait(
        Duration::from_secs(10),
        Stamp::default(),
        "Entering MASTER STATE",
    );
    eventually(Duration::from_secs(5), "it has its address", || {
        if observe::has(one.router(0), profile.vip()) {
            Ok(())
        } else {
            Err("not yet".into())
        }
    });
    assert!(!observe::has(two.router(0), profile.vip()));
}
