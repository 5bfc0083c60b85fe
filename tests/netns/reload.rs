//! A changed configuration, read by SIGHUP while the routers run.

use std::{fs, time::Duration};

use xvrrp_tests::{
    capture::Stamp,
    conf::{Conf, Instance},
    daemon::Daemon::{self, Keepalived, Xvrrpd},
    for_pairs, observe,
    probe::{Kind, Probe},
    question::longest_gap,
    trial::{HIGH, LOW, PATIENCE, Pair, Profile, SLACK, Trial},
    wait::{eventually, throughout},
};

const PROFILE: Profile = Profile::V3At100ms;

for_pairs!(priority_changed, priority);
for_pairs!(address_added_and_removed, address);
for_pairs!(instance_added_and_removed, instance);

/// A broken file changes nothing; only the router under test reads one.
mod broken_file {
    use super::*;
    #[test]
    fn xvrrpd_xvrrpd() {
        broken([Xvrrpd, Xvrrpd]);
    }
    #[test]
    fn xvrrpd_keepalived() {
        broken([Xvrrpd, Keepalived]);
    }
}

fn priority(pair: Pair) {
    let mut trial = Trial::of(pair, PROFILE);
    let before = Stamp::now();
    trial.daemon(0).reload(&PROFILE.conf(50));
    trial.await_owner(1);
    assert_no_resignation(&trial, before);
    trial.daemon(0).reload(&PROFILE.conf(HIGH));
    trial.await_owner(0);
}

/// Both routers are given a second address: it appears, and the first one is
/// never missed. Then it is taken away again.
fn address(pair: Pair) {
    let mut trial = Trial::of(pair, PROFILE);
    let client = Probe::start(
        &trial.lab,
        Kind::Echo,
        PROFILE.vip(),
        Duration::from_millis(5),
    );
    let start = Stamp::now();
    eventually(PATIENCE, "the client has answers", || {
        let answered = client
            .questions(&trial.tap, start)
            .iter()
            .any(|q| q.answerers() == [0]);
        if answered {
            Ok(())
        } else {
            Err("none yet".into())
        }
    });
    let with = |priority| Conf::of(3, PROFILE.instance(priority).vip("10.77.0.51/24"));
    for (router, priority) in [(1, LOW), (0, HIGH)] {
        trial.confs[router] = with(priority);
        let conf = trial.confs[router].clone();
        trial.daemon(router).reload(&conf);
    }
    trial.await_owner(0);
    for (router, priority) in [(1, LOW), (0, HIGH)] {
        trial.confs[router] = PROFILE.conf(priority);
        let conf = trial.confs[router].clone();
        trial.daemon(router).reload(&conf);
    }
    let second = "10.77.0.51".parse().expect("an address");
    eventually(PATIENCE, "the second address is gone", || {
        if observe::has(trial.lab.router(0), second) {
            Err("not yet".into())
        } else {
            Ok(())
        }
    });
    trial.await_owner(0);
    // keepalived 2.2.7 discards adverts with another list until it is reloaded.
    if pair == [Xvrrpd, Xvrrpd] {
        let questions = client.questions(&trial.tap, start);
        let (gap, _) = longest_gap(&questions).expect("answers");
        assert!(
            gap < SLACK,
            "the address that stayed was missed for {gap:?}"
        );
        for (_, node, _) in trial.tap.adverts(start) {
            assert_eq!(node, 0, "no change of owner");
        }
    }
}

/// Both routers are given a second virtual router, the other way round; the
/// first one notices nothing. Then it is taken away again.
fn instance(pair: Pair) {
    let mut trial = Trial::of(pair, PROFILE);
    let start = Stamp::now();
    let second = |priority| Instance {
        name: "VI_2".into(),
        vrid: 52,
        ..Instance::new(priority, PROFILE.interval()).vip("10.77.0.60/24")
    };
    for (router, first, other) in [(0, HIGH, LOW), (1, LOW, HIGH)] {
        let mut conf = PROFILE.conf(first);
        conf.instances.push(second(other));
        trial.daemon(router).reload(&conf);
        trial.confs[router] = conf;
    }
    trial.await_owner_of(1, 1);
    trial.await_owner_of(0, 0);
    for (router, first) in [(0, HIGH), (1, LOW)] {
        let conf = PROFILE.conf(first);
        trial.daemon(router).reload(&conf);
        trial.confs[router] = conf;
    }
    let removed = "10.77.0.60".parse().expect("an address");
    eventually(PATIENCE, "the second virtual router is gone", || {
        let quiet = trial.advertisers(52, PROFILE.interval()).is_empty();
        let bare = (0..2).all(|router| !observe::has(trial.lab.router(router), removed));
        if quiet && bare {
            Ok(())
        } else {
            Err(format!("quiet {quiet}, bare {bare}"))
        }
    });
    trial.await_owner_of(0, 0);
    if pair[0] == Daemon::Xvrrpd {
        for (_, node, advert) in trial.tap.adverts(start) {
            assert!(
                advert.vrid != 51 || (node, advert.priority) == (0, HIGH),
                "{advert:?}"
            );
        }
    }
}

fn broken(pair: Pair) {
    let good = PROFILE.conf(HIGH).keepalived();
    let cut = good[..good.len() * 2 / 3].to_owned();
    let texts = [
        ("cut off", cut),
        (
            "a virtual router ID that cannot be",
            good.replace("virtual_router_id 51", "virtual_router_id 999"),
        ),
        (
            "an address that is none",
            good.replace("10.77.0.50", "10.77.0.500"),
        ),
    ];
    let mut trial = Trial::of(pair, PROFILE);
    for (what, text) in texts {
        assert_ne!(text, good);
        let asked = trial.daemon(0).reload_text(&text);
        throughout(PROFILE.interval() * 10, what, || {
            if !observe::has(trial.lab.router(0), PROFILE.vip()) {
                return Err("the address is gone".into());
            }
            match trial
                .tap
                .adverts(asked)
                .iter()
                .find(|(_, n, a)| (*n, a.priority) != (0, HIGH))
            {
                Some((_, node, advert)) => Err(format!("router {node}: {advert:?}")),
                None => Ok(()),
            }
        });
        let sent = trial.tap.adverts(asked);
        assert!(
            sent.len() >= 8,
            "{what}: {} adverts in ten intervals",
            sent.len()
        );
        let said = trial.daemon(0).log().since(asked);
        assert!(!said.is_empty(), "{what}: it says that the file is broken");
    }
    // It still reads what is right.
    assert!(fs::exists(trial.daemon(0).conf()).expect("the scratch directory"));
    trial.daemon(0).reload(&PROFILE.conf(50));
    trial.await_owner(1);
}

/// Whoever only lowers its priority is still alive: it must not resign. What a loser
/// tells the winner alone is no resignation.
fn assert_no_resignation(trial: &Trial, since: Stamp) {
    let resigned = trial.tap.with(|seen| {
        let mut resigned = seen.iter().filter(|it| {
            let to_all = it.frame.to[0] & 1 != 0;
            let advert = it.advert_sent();
            it.at >= since && to_all && advert.is_some_and(|advert| advert.priority == 0)
        });
        resigned.next().map(|it| it.node)
    });
    assert_eq!(resigned, None, "a router resigned");
}
