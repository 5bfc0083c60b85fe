//! More news than the ring buffer holds, or told to a predecessor: what was not told
//! is read from the maps before anything is decided.

use std::{net::Ipv4Addr, thread};

use xvrrp_tests::{
    capture::{Stamp, Tap},
    daemon::{Daemon::Xvrrpd, Running},
    net::Lab,
    speaker::{Speaker, crowd},
    trial::{HIGH, LOW, PATIENCE, Profile},
    wait::throughout,
};

const PROFILE: Profile = Profile::V3At100ms;
const VRID: u8 = 51;
const VIP: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 50);
const SUCCESSOR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 9);

/// A backup sleeps while its owner is replaced by another and a crowd of strangers
/// fills the ring first. Awake again, it follows the new owner it was never told of.
fn follows_whom_it_was_not_told_of(strangers: u32) {
    let lab = Lab::new(2);
    let tap = Tap::new(&lab);
    let interval = PROFILE.interval();
    let other = lab.router(0);
    let owner = Speaker::start(other, VRID, HIGH, interval, VIP);
    let mut backup = Xvrrpd.start(lab.router(1), &PROFILE.conf(LOW));
    backup
        .log()
        .wait(PATIENCE, Stamp::default(), "Following 10.77.0.1");
    backup.stop();
    let sources = (0..strangers).map(|n| Ipv4Addr::from(0x0a4d_8000 + n));
    crowd(sources, other, VRID, 1, interval, VIP);
    drop(owner);
    let successor = Speaker::as_if_from(SUCCESSOR, other, VRID, HIGH, interval, VIP);
    // The owner is long dead, and its successor has been heard, when it wakes.
    thread::sleep(PROFILE.down(LOW) + interval * 2);
    let awake = Stamp::now();
    backup.resume();
    says_nothing(&tap, &mut backup, awake);
    drop(successor);
    takes_over(&tap);
}

fn says_nothing(tap: &Tap, backup: &mut Running, since: Stamp) {
    throughout(
        PROFILE.down(LOW) * 3,
        "the backup says nothing",
        || match tap.adverts(since).iter().find(|(_, node, _)| *node == 1) {
            Some((_, _, advert)) => Err(format!("it advertises {advert:?}")),
            None => Ok(()),
        },
    );
    assert!(backup.is_running());
}

/// It was no deaf one: nobody left, it takes over.
fn takes_over(tap: &Tap) {
    let silent = Stamp::now();
    tap.wait(PATIENCE, "an advert of the backup", silent, |seen| {
        let advert = seen.advert_sent()?;
        (seen.node == 1 && advert.priority == LOW).then_some(())
    });
}

/// Killed and started again, a backup finds its owner in the maps that it took over.
/// The owner says nothing new, so nobody will tell of it.
#[test]
fn told_to_a_predecessor() {
    let lab = Lab::new(2);
    let tap = Tap::new(&lab);
    let owner = Speaker::start(lab.router(0), VRID, HIGH, PROFILE.interval(), VIP);
    let conf = PROFILE.conf(LOW);
    let mut killed = Xvrrpd.start(lab.router(1), &conf);
    killed
        .log()
        .wait(PATIENCE, Stamp::default(), "Following 10.77.0.1");
    killed.kill();
    let restarted = Stamp::now();
    let mut backup = Xvrrpd.start(lab.router(1), &conf);
    says_nothing(&tap, &mut backup, restarted);
    drop(owner);
    takes_over(&tap);
}

/// More than it takes in at a time, less than the ring holds.
#[test]
fn behind_a_queue() {
    follows_whom_it_was_not_told_of(2000);
}

/// More than the ring holds, and more than is told of in a second.
#[test]
fn lost_for_want_of_room() {
    follows_whom_it_was_not_told_of(4000);
}
