//! One virtual router changes hands, for every reason and in every version.

use std::time::Duration;

use xvrrp_tests::{
    conf::Conf,
    for_pairs, observe,
    trial::{HIGH, LOW, PATIENCE, Pair, Profile, Trial, assert_took},
    wait::{eventually, throughout},
};

const VRID: u8 = 51;

/// All of the events for one way of speaking.
macro_rules! every_event {
    ($name:ident, $profile:expr) => {
        mod $name {
            use super::*;
            const PROFILE: Profile = $profile;
            for_pairs!(election, |pair| super::super::election(PROFILE, pair));
            for_pairs!(terminate, |pair| super::super::terminate(PROFILE, pair));
            for_pairs!(kill, |pair| super::super::kill(PROFILE, pair));
            for_pairs!(link_down, |pair| super::super::link_down(PROFILE, pair));
            for_pairs!(preempt, |pair| super::super::preempt(PROFILE, pair));
            for_pairs!(nopreempt, |pair| super::super::nopreempt(PROFILE, pair));
        }
    };
}

every_event!(v2_pass_1s, Profile::V2Pass1s);
every_event!(v3_100ms, Profile::V3At100ms);
every_event!(v3_10ms, Profile::V3At10ms);
every_event!(ipv6_100ms, Profile::V6At100ms);
// What differs from both of the above is the timer alone.
mod v3_1s {
    use super::*;
    for_pairs!(terminate, |pair| super::terminate(Profile::V3At1s, pair));
    for_pairs!(kill, |pair| super::kill(Profile::V3At1s, pair));
}

/// Both start together: the higher priority wins, says what was configured, and
/// the other one stays silent.
fn election(profile: Profile, pair: Pair) {
    let trial = Trial::of(pair, profile);
    let since = xvrrp_tests::capture::Stamp::now();
    throughout(profile.interval() * 6, "the loser stays silent", || {
        let sent = trial.tap.adverts(since);
        match sent.iter().find(|(_, node, _)| *node != 0) {
            Some((_, node, _)) => Err(format!("an advert from router {node}")),
            None => Ok(()),
        }
    });
    let sent = trial.tap.adverts(since);
    assert!(sent.len() >= 4, "{} adverts in six intervals", sent.len());
    let Conf {
        version, instances, ..
    } = &trial.confs[0];
    for (_, _, advert) in sent {
        assert_eq!(
            (advert.version, advert.vrid, advert.priority),
            (*version, VRID, HIGH)
        );
        assert_eq!(advert.interval, profile.interval());
        assert_eq!(advert.ttl, 255);
        assert_ne!(advert.checksum, xvrrp_tests::frame::Checksum::Wrong);
        let mut want = instances[0].addresses();
        let mut got = advert.addresses.clone();
        // Version 2 and 3 leave the order to the sender, but for a link-local
        // first IPv6 address (RFC 9568 §5.2.9).
        assert_eq!(got[0], want[0]);
        want.sort_unstable();
        got.sort_unstable();
        assert_eq!(got, want);
        let password = instances[0].password.as_ref().map(|text| {
            let mut octets = [0; 8];
            octets[..text.len()].copy_from_slice(text.as_bytes());
            octets
        });
        assert_eq!(advert.password, password);
    }
}

/// A polite leave: priority 0, and the other one waits only its skew.
fn terminate(profile: Profile, pair: Pair) {
    let mut trial = Trial::of(pair, profile);
    let asked = trial.terminate(0);
    let takeover = trial.takeover(VRID, 1, asked);
    let resigned = takeover.resigned.expect("priority 0 was sent");
    assert_took(
        "takeover",
        takeover.first.since(resigned),
        profile.skew(LOW),
    );
    trial.await_owner(1);
    // Gone politely: it took its addresses with it.
    for ip in trial.confs[0].instances[0].addresses() {
        assert!(
            !observe::has(trial.lab.router(0), ip),
            "{ip} is still on the router that left"
        );
    }
}

/// Every process of the owner is gone at once; later it starts again, among
/// what it left behind.
fn kill(profile: Profile, pair: Pair) {
    let mut trial = Trial::of(pair, profile);
    let killed = trial.kill(0);
    let takeover = trial.takeover(VRID, 1, killed);
    assert_eq!(takeover.resigned, None, "a killed daemon says nothing");
    assert_took(
        "takeover",
        takeover.first.since(takeover.last),
        profile.down(LOW),
    );
    trial.await_owner(1);
    trial.start(0);
    trial.await_owner(0);
}

/// The owner's cable is pulled, and plugged in again.
fn link_down(profile: Profile, pair: Pair) {
    let trial = Trial::of(pair, profile);
    let cut = xvrrp_tests::capture::Stamp::now();
    trial.lab.unplug(0);
    let takeover = trial.takeover(VRID, 1, cut);
    assert_took(
        "takeover",
        takeover.first.since(takeover.last),
        profile.down(LOW),
    );
    trial.await_owner(1);
    trial.lab.plug(0);
    trial.await_owner(0);
}

/// The better router comes back and takes over again.
fn preempt(profile: Profile, pair: Pair) {
    let mut trial = Trial::of(pair, profile);
    trial.terminate(0);
    trial.await_owner(1);
    trial.start(0);
    trial.await_owner(0);
}

/// The better router comes back, and leaves things as they are until the owner
/// is gone.
fn nopreempt(profile: Profile, pair: Pair) {
    let conf = |priority| {
        let mut conf = profile.conf(priority);
        conf.instances[0].extra.push("nopreempt".into());
        conf
    };
    // Started together, the one whose start takes longer would follow for good.
    let mut trial = Trial::new(pair, [conf(HIGH), conf(LOW)]);
    trial.start(0);
    trial.await_owner(0);
    trial.start(1);
    trial.await_listener(1);
    trial.kill(0);
    trial.await_owner(1);
    let back = xvrrp_tests::capture::Stamp::now();
    trial.start(0);
    // Longer than it would wait for a dead owner, twice; and it must have begun.
    let span = profile.down(HIGH) * 2 + Duration::from_millis(500);
    throughout(span, "the owner stays", || {
        match trial
            .tap
            .adverts(back)
            .iter()
            .find(|(_, node, _)| *node == 0)
        {
            Some((_, _, advert)) => Err(format!("the better one advertises {advert:?}")),
            None => Ok(()),
        }
    });
    let vip = profile.vip();
    eventually(PATIENCE, "the address is on the owner alone", || {
        match (
            observe::has(trial.lab.router(0), vip),
            observe::has(trial.lab.router(1), vip),
        ) {
            (false, true) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let killed = trial.kill(1);
    let takeover = trial.takeover(VRID, 0, killed);
    assert_took(
        "takeover",
        takeover.first.since(takeover.last),
        profile.down(HIGH),
    );
    trial.await_owner(0);
}
