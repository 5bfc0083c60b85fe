//! A better router takes over from an owner that is well: the owner is silent
//! before the better one speaks.

use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon::{Keepalived, Xvrrpd},
    question::assert_one_answerer,
    trial::{HIGH, LOW, Pair, Profile, Trial},
};

use crate::probes::Probes;

macro_rules! preempted {
    ($name:ident, $profile:expr) => {
        mod $name {
            use super::*;
            #[test]
            fn by_xvrrpd_that_starts() {
                starts([Xvrrpd, Xvrrpd], $profile);
            }
            #[test]
            fn by_keepalived_that_starts() {
                starts([Xvrrpd, Keepalived], $profile);
            }
            #[test]
            fn by_xvrrpd_that_was_killed() {
                returns([Xvrrpd, Xvrrpd], $profile);
            }
            #[test]
            fn by_xvrrpd_whose_link_returns() {
                plugged_in([Xvrrpd, Xvrrpd], $profile);
            }
            #[test]
            fn by_keepalived_whose_link_returns() {
                plugged_in([Xvrrpd, Keepalived], $profile);
            }
        }
    };
}

preempted!(v3_100ms, Profile::V3At100ms);
preempted!(v3_10ms, Profile::V3At10ms);
preempted!(ipv6_100ms, Profile::V6At100ms);

/// The first router owns, and the better one has never been there.
fn starts(pair: Pair, profile: Profile) {
    let mut trial = Trial::new(pair, [profile.conf(LOW), profile.conf(HIGH)]);
    trial.start(0);
    trial.await_owner(0);
    judge(&mut trial, profile, |trial| trial.start(1));
}

/// The better one was the owner, was killed, and starts among what it left: its
/// addresses, its pinned programs and its old gate.
fn returns(pair: Pair, profile: Profile) {
    let mut trial = Trial::new(pair, [profile.conf(LOW), profile.conf(HIGH)]);
    trial.start(0);
    trial.start(1);
    trial.await_owner(1);
    trial.kill(1);
    trial.await_owner(0);
    judge(&mut trial, profile, |trial| trial.start(1));
}

/// The better one was the owner until its cable was pulled. (A keepalived, too:
/// one that was killed instead would never have been silent.)
fn plugged_in(pair: Pair, profile: Profile) {
    let mut trial = Trial::new(pair, [profile.conf(LOW), profile.conf(HIGH)]);
    trial.start(0);
    trial.start(1);
    trial.await_owner(1);
    trial.await_listener(0);
    trial.lab.unplug(1);
    trial.await_owner(0);
    judge(&mut trial, profile, |trial| trial.lab.plug(1));
}

fn judge(trial: &mut Trial, profile: Profile, comes: impl FnOnce(&mut Trial)) {
    let start = Stamp::now();
    let probes = Probes::start(trial, profile.vip());
    let since = Stamp::now();
    comes(trial);
    let spoke = probes.await_new_speaker(trial, since);
    probes.await_new_owner(trial, spoke);
    probes.assert_old_silent(trial, spoke);
    assert_one_answerer(&probes.who(trial, start));
    let speakers: Vec<_> = probes.speakers(trial, start);
    let order: Vec<_> = speakers.iter().map(|(_, node)| *node).collect();
    assert_eq!(order, [0, 1], "who spoke for the address: {speakers:?}");
    trial.await_owner(1);
}
