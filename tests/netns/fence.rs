//! Nobody answers for an address without being its owner, however the daemon died.
//!
//! This is what keepalived cannot do: `harness.rs` shows that these probes see
//! it when a router does not let go.

use std::{net::IpAddr, time::Duration};

use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon::{self, Keepalived, Xvrrpd},
    frame::Mac,
    probe::{Kind, Probe},
    question::{Question, assert_one_answerer, assert_silent},
    trial::{PATIENCE, Pair, Profile, Trial},
    wait::{eventually, throughout},
};

const VRID: u8 = 51;

macro_rules! fenced {
    ($name:ident, $profile:expr) => {
        mod $name {
            use super::*;
            #[test]
            fn killed_beside_xvrrpd() {
                killed([Xvrrpd, Xvrrpd], $profile);
            }
            #[test]
            fn killed_beside_keepalived() {
                killed([Xvrrpd, Keepalived], $profile);
            }
            #[test]
            fn stopped_beside_xvrrpd() {
                stopped([Xvrrpd, Xvrrpd], $profile);
            }
            #[test]
            fn stopped_beside_keepalived() {
                stopped([Xvrrpd, Keepalived], $profile);
            }
        }
    };
}

fenced!(v3_100ms, Profile::V3At100ms);
fenced!(v3_10ms, Profile::V3At10ms);
fenced!(ipv6_100ms, Profile::V6At100ms);

/// What a client asks while a trial goes on.
pub(crate) struct Probes {
    who: Probe,
    each: Probe,
    old: Mac,
    new: Mac,
}

impl Probes {
    /// Starts asking, and sees the first router answer both ways.
    pub(crate) fn start(trial: &Trial, vip: IpAddr) -> Self {
        let since = Stamp::now();
        let probes = Self {
            who: Probe::start(&trial.lab, Kind::Resolve, vip, Duration::from_millis(5)),
            each: Probe::start(&trial.lab, Kind::EchoEach, vip, Duration::from_millis(2)),
            old: trial.lab.router(0).mac,
            new: trial.lab.router(1).mac,
        };
        eventually(PATIENCE, "the owner answers both probes", || {
            let answered = |questions: &[Question]| questions.iter().any(|q| q.answerers() == [0]);
            match (
                answered(&probes.who(trial, since)),
                answered(&probes.each(trial, since)),
            ) {
                (true, true) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        probes
    }

    pub(crate) fn who(&self, trial: &Trial, since: Stamp) -> Vec<Question> {
        self.who.questions(&trial.tap, since)
    }

    pub(crate) fn each(&self, trial: &Trial, since: Stamp) -> Vec<Question> {
        self.each.questions(&trial.tap, since)
    }

    /// The new owner answers, and has done so for a while.
    fn await_new_owner(&self, trial: &Trial, since: Stamp) {
        eventually(
            PATIENCE,
            "the new owner answers 50 questions of each kind",
            || {
                let count = |questions: Vec<Question>| {
                    questions.iter().filter(|q| q.answerers() == [1]).count()
                };
                match (
                    count(self.who(trial, since)),
                    count(self.each(trial, since)),
                ) {
                    (who, each) if who >= 50 && each >= 50 => Ok(()),
                    other => Err(format!("{other:?}")),
                }
            },
        );
    }

    /// Since `since` the old owner has answered nothing; it was asked.
    fn assert_old_silent(&self, trial: &Trial, since: Stamp) {
        let (who, each) = (self.who(trial, since), self.each(trial, since));
        assert!(
            each.iter().filter(|q| q.to == self.old).count() >= 50,
            "nobody asked it"
        );
        assert!(
            each.iter().any(|q| q.to == self.new),
            "nobody asked the new one"
        );
        assert_silent(&who, 0);
        assert_silent(&each, 0);
    }
}

/// Killed: from the moment the other one first advertises, the dead router's
/// kernel answers nothing.
fn killed(pair: Pair, profile: Profile) {
    let mut trial = Trial::of(pair, profile);
    let start = Stamp::now();
    let probes = Probes::start(&trial, profile.vip());
    let killed = trial.kill(0);
    let takeover = trial.takeover(VRID, 1, killed);
    probes.await_new_owner(&trial, takeover.first);
    probes.assert_old_silent(&trial, takeover.first);
    assert_one_answerer(&probes.who(&trial, start));
}

/// Stopped: the same; and when it goes on it does not believe itself the owner
/// still.
fn stopped(pair: Pair, profile: Profile) {
    let mut trial = Trial::of(pair, profile);
    let start = Stamp::now();
    let probes = Probes::start(&trial, profile.vip());
    let stopped = trial.daemon(0).stop();
    let takeover = trial.takeover(VRID, 1, stopped);
    probes.await_new_owner(&trial, takeover.first);
    probes.assert_old_silent(&trial, takeover.first);
    assert_one_answerer(&probes.who(&trial, start));

    let resumed = Stamp::now();
    trial.daemon(0).resume();
    // It must hear the new owner out before it preempts (RFC 9568 §6.4.2).
    throughout(
        profile.down(xvrrp_tests::trial::HIGH) / 2,
        "it listens first",
        || match trial
            .tap
            .adverts(resumed)
            .iter()
            .find(|(_, node, _)| *node == 0)
        {
            Some((_, _, advert)) => Err(format!("{advert:?}")),
            None => Ok(()),
        },
    );
    trial.await_owner(0);
    // keepalived lets go of its addresses a little after it was beaten.
    if pair[1] == Daemon::Xvrrpd {
        assert_one_answerer(&probes.who(&trial, start));
    }
}
