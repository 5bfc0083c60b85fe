//! Two routers of one priority want the address at the same moment: the greater
//! source has it in the end (RFC 9568 §6.4.3), and the other one never speaks
//! beside it.

use std::{net::Ipv4Addr, thread, time::Duration};

use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon::{Keepalived, Xvrrpd},
    question::assert_one_answerer,
    speaker::Speaker,
    trial::{LOW, PATIENCE, Pair, Profile, Trial},
    wait::eventually,
};

use crate::probes::Probes;

const VRID: u8 = 51;
/// Chances for the two to meet.
const ROUNDS: u32 = 4;
/// And how many more where they never do: one may be late on a busy machine.
const MOST_ROUNDS: u32 = 12;
/// How long the third router is heard, in intervals: both have settled on it.
const HEARD_INTERVALS: u32 = 12;

macro_rules! tie {
    ($name:ident, $profile:expr) => {
        mod $name {
            use super::*;
            #[test]
            fn at_start() {
                for _ in 0..ROUNDS {
                    started_at_once([Xvrrpd, Xvrrpd], $profile);
                }
            }
            #[test]
            fn at_start_beside_keepalived() {
                for _ in 0..ROUNDS {
                    started_at_once([Xvrrpd, Keepalived], $profile);
                }
            }
        }
    };
}

tie!(v3_100ms, Profile::V3At100ms);
tie!(v3_10ms, Profile::V3At10ms);
tie!(ipv6_100ms, Profile::V6At100ms);

/// Both wait for the same third router, and it dies: they fire within microseconds
/// of one another.
#[test]
fn after_a_third_at_100ms() {
    after_a_third(Profile::V3At100ms);
}

/// The same at 10 ms, where skew is no longer than a claim.
#[test]
fn after_a_third_at_10ms() {
    after_a_third(Profile::V3At10ms);
}

/// Both are started at once; which of them is ready first is chance.
fn started_at_once(pair: Pair, profile: Profile) {
    let mut trial = Trial::new(pair, [profile.conf(LOW), profile.conf(LOW)]);
    let start = Stamp::now();
    let probes = Probes::unheard(&trial, profile.vip());
    trial.start(0);
    trial.start(1);
    judge(&trial, &probes, start);
}

fn after_a_third(profile: Profile) {
    let mut apart = Vec::new();
    // Both claimed before either had been heard; otherwise this shows nothing.
    let met = |apart: &[Duration]| apart.iter().any(|apart| *apart < profile.interval() / 5);
    for round in 0..MOST_ROUNDS {
        if round >= ROUNDS && met(&apart) {
            break;
        }
        let (trial, probes, start) = third_dies(profile);
        judge(&trial, &probes, start);
        let sent = trial.tap.adverts(start);
        let first = |node| sent.iter().find(|(_, n, _)| *n == node).map(|(at, ..)| *at);
        if let (Some(a), Some(b)) = (first(0), first(1)) {
            apart.push(a.since(b).max(b.since(a)));
        }
    }
    println!("first adverts of the two, apart: {apart:?}");
    assert!(met(&apart), "they never fired together: {apart:?}");
}

/// Two backups of one priority behind a third router, which has just died.
fn third_dies(profile: Profile) -> (Trial, Probes, Stamp) {
    let vip: Ipv4Addr = profile.vip().to_string().parse().expect("IPv4");
    let mut trial = Trial::new([Xvrrpd, Xvrrpd], [profile.conf(LOW), profile.conf(LOW)]);
    let client = trial.lab.client();
    let third = Speaker::start(client, VRID, 254, profile.interval(), vip);
    trial.start(0);
    trial.start(1);
    trial.await_listener(0);
    trial.await_listener(1);
    thread::sleep(profile.interval() * HEARD_INTERVALS);
    let start = Stamp::now();
    let probes = Probes::unheard(&trial, profile.vip());
    drop(third);
    (trial, probes, start)
}

/// One owner in the end; the other one may have spoken before it, never after.
fn judge(trial: &Trial, probes: &Probes, start: Stamp) {
    let settled = eventually(PATIENCE, "one of them has answered for a while", || {
        let answered = probes.who(trial, start);
        let last: Vec<_> = answered
            .iter()
            .rev()
            .filter(|q| !q.answers.is_empty())
            .take(60)
            .collect();
        match last.first().map(|q| q.answerers()) {
            Some(who) if last.len() == 60 && last.iter().all(|q| q.answerers() == who) => Ok(who),
            other => Err(format!("{} answers, the last by {other:?}", last.len())),
        }
    });
    assert_one_answerer(&probes.who(trial, start));
    let speakers = probes.speakers(trial, start);
    let order: Vec<_> = speakers.iter().map(|(_, node)| *node).collect();
    let well = match settled[..] {
        [0] => order == [0],
        _ => order == [1] || order == [0, 1],
    };
    assert!(well, "who spoke for the address: {speakers:?}");
}
