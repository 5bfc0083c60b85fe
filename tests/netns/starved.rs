//! The owner's daemon gets no CPU: a busy loop of the highest real-time priority
//! takes it, above the transmit thread's own.
//!
//! Both routers are one machine's, so the owner's threads are bound to one CPU
//! and starved there, and the other router, the client and the capture keep the
//! rest. The owner's kernel goes on receiving: it is the client's frames that make
//! it run.

use std::time::Duration;

use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon::{Keepalived, Xvrrpd},
    frame::Advert,
    question::assert_one_answerer,
    starve::Starvation,
    trial::{HIGH, LOW, Pair, Profile, Trial},
    wait::throughout,
};

use crate::probes::Probes;

const VRID: u8 = 51;

macro_rules! starved {
    ($name:ident, $profile:expr) => {
        mod $name {
            use super::*;
            #[test]
            fn beside_xvrrpd() {
                starved([Xvrrpd, Xvrrpd], $profile);
            }
            #[test]
            fn beside_keepalived() {
                starved([Xvrrpd, Keepalived], $profile);
            }
        }
    };
}

starved!(v3_100ms, Profile::V3At100ms);
starved!(v3_10ms, Profile::V3At10ms);
starved!(ipv6_100ms, Profile::V6At100ms);

/// Takes the first router's CPU for as long as a takeover takes, several times
/// over.
pub(crate) fn starve_the_owner(trial: &mut Trial, profile: Profile) -> (Starvation, Stamp) {
    let length = (profile.down(LOW) * 3).max(Duration::from_millis(500));
    let (owner, other) = (trial.daemon(0).pid(), trial.daemon(1).pid());
    let since = Stamp::now();
    let starvation = Starvation::of(owner, &[other], length).expect("real-time priority");
    (starvation, since)
}

/// From the moment the other one first advertises, the starved router's kernel
/// answers nothing; and when its daemon runs again, that stays so.
fn starved(pair: Pair, profile: Profile) {
    let conf = |priority| {
        let mut conf = profile.conf(priority);
        // So that what it does afterwards is a mistake, whatever it is.
        conf.instances[0].extra.push("nopreempt".into());
        conf
    };
    let mut trial = Trial::new(pair, [conf(HIGH), conf(LOW)]);
    trial.start(0);
    trial.await_owner(0);
    trial.start(1);
    trial.await_listener(1);
    let start = Stamp::now();
    let probes = Probes::start(&trial, profile.vip());
    let (starvation, since) = starve_the_owner(&mut trial, profile);
    let takeover = trial.takeover(VRID, 1, since);
    probes.await_new_speaker(&trial, takeover.first);
    starvation.wait().expect("it was starved");
    assert!(
        takeover.first.since(takeover.last) + xvrrp_tests::trial::EARLY >= profile.down(LOW),
        "the other one took over by itself, {:?} after the last advert",
        takeover.first.since(takeover.last)
    );
    let released = Stamp::now();
    throughout(profile.down(HIGH) * 2, "it stays a backup", || {
        let sent = trial.tap.adverts(released);
        // That it concedes to the new owner alone, with priority 0, claims nothing.
        let claims = |(_, node, advert): &&(_, usize, Advert)| *node == 0 && advert.priority != 0;
        match sent.iter().find(claims) {
            Some((_, _, advert)) => Err(format!("{advert:?}")),
            None => Ok(()),
        }
    });
    probes.await_new_owner(&trial, takeover.first);
    probes.assert_old_silent(&trial, takeover.first);
    assert_one_answerer(&probes.who(&trial, start));
}
