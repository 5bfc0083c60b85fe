//! The owner's daemon is stopped for so long that its lease ends, and not so long
//! that a backup takes over: its transmit thread claims again at once.

use std::{net::IpAddr, time::Duration};

use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon::{Keepalived, Xvrrpd},
    trial::{PATIENCE, Pair, Profile, Trial},
    wait::pass,
};

use crate::probes::Probes;

/// From its last advert to its first after the stop: the lease is over two intervals
/// after the last, the peer waits for three.
const LEAST: Duration = Duration::from_millis(230);
const MOST: Duration = Duration::from_millis(295);
/// The lease is shorter by what clocks may differ; the capture's clock may lag.
const LEASED: Duration = Duration::from_millis(202);
/// Burst and hold; the burst takes time too, with a machine that is busy.
const HOLD: Duration = Duration::from_millis(1);
const ROUNDS: usize = 6;
/// Stops that a busy machine made longer or shorter show nothing.
const ENOUGH: usize = 2;

#[test]
fn beside_xvrrpd() {
    renewed([Xvrrpd, Xvrrpd], Profile::V3At100ms);
}

#[test]
fn beside_keepalived() {
    renewed([Xvrrpd, Keepalived], Profile::V3At100ms);
}

#[test]
fn ipv6() {
    renewed([Xvrrpd, Xvrrpd], Profile::V6At100ms);
}

fn renewed(pair: Pair, profile: Profile) {
    let mut trial = Trial::of(pair, profile);
    let probes = Probes::start(&trial, profile.vip());
    let start = Stamp::now();
    let mut shown = 0;
    for _ in 0..ROUNDS {
        shown += usize::from(stop_for_a_lease(&mut trial, &probes, profile.vip()));
        pass(profile.interval() * 3);
        if shown == ENOUGH {
            break;
        }
    }
    assert!(shown >= ENOUGH, "{shown} stops of the right length");
    let adverts = trial.tap.adverts(start);
    assert!(
        adverts.iter().all(|(_, node, _)| *node == 0),
        "the other one stays a backup: {adverts:?}"
    );
    let speakers = probes.speakers(&trial, start);
    assert!(
        speakers.iter().all(|(_, node)| *node == 0),
        "one speaks for the address: {speakers:?}"
    );
}

/// One stop; `false` if it was not as long as it had to be.
fn stop_for_a_lease(trial: &mut Trial, probes: &Probes, vip: IpAddr) -> bool {
    let own = |trial: &Trial, since| {
        trial
            .tap
            .wait(PATIENCE, "an advert of the owner", since, |seen| {
                (seen.node == 0 && seen.advert_sent().is_some()).then_some(seen.at)
            })
    };
    let last = own(trial, Stamp::now());
    trial.daemon(0).stop();
    pass(Duration::from_millis(250).saturating_sub(Stamp::now().since(last)));
    let resumed = Stamp::now();
    trial.daemon(0).resume();
    let first = own(trial, resumed);
    let between = first.since(last);
    if between < LEAST || between > MOST {
        return false;
    }
    let reopened = first.plus(HOLD);
    let early = probes.in_its_name(trial, 0, last.plus(LEASED));
    let early: Vec<_> = early.iter().filter(|seen| seen.at < reopened).collect();
    assert!(early.is_empty(), "{vip} while the gate is shut: {early:?}");
    // And it goes on: with the hold, what the client waits for after the stop.
    let again = trial
        .tap
        .wait(PATIENCE, "it speaks again", resumed, |seen| {
            (seen.node == 0 && seen.speaks_for(vip)).then_some(seen.at)
        });
    let after = again.since(first);
    println!("stopped for {between:?}, open again {after:?} after the first advert");
    assert!(after < Duration::from_millis(30), "open again: {after:?}");
    true
}
