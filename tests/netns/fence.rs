//! Nobody answers for an address without being its owner, however the daemon died.
//!
//! This is what keepalived cannot do: `harness.rs` shows that these probes see
//! it when a router does not let go.

use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon::{self, Keepalived, Xvrrpd},
    question::assert_one_answerer,
    trial::{Pair, Profile, Trial},
    wait::throughout,
};

use crate::probes::Probes;

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
    probes.assert_old_tried(takeover.first);
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
    probes.assert_old_tried(takeover.first);
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
