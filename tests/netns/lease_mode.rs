//! `lease enforce|observe|off`: what a shut gate does, and that it says why it is shut.

use std::{net::IpAddr, thread, time::Duration};

use vrrp_common::{counter::Counters, gate::LEASE_OBSERVE};
use vrrp_user::shell::bpf::{
    Instance, Reader,
    reader::{RouterView, Snapshot},
};
use xvrrp_tests::{
    capture::{Stamp, Tap},
    conf::Conf,
    daemon::Daemon::Xvrrpd,
    net::{Lab, Node},
    probe::{Kind, Probe},
    trial::{HIGH, LOW, PATIENCE, Profile},
    wait::eventually,
};

const PROFILE: Profile = Profile::V3At100ms;

fn snapshot(node: &Node) -> Option<Snapshot> {
    let instance = Instance::parse(&node.ns.cookie().to_string())?;
    Reader::open(&instance).ok()?.snapshot().ok()
}

fn router(node: &Node) -> Option<RouterView> {
    snapshot(node)?.routers.into_iter().next()
}

fn with(priority: u8, mode: &str) -> Conf {
    let mut conf = PROFILE.conf(priority);
    conf.globals.push(format!("lease {mode}"));
    conf
}

/// The owner is killed and its lease ends. How many of a client's questions it
/// answered afterwards, of how many, and what was counted.
fn after_a_kill(mode: &str) -> (usize, usize, Counters) {
    let lab = Lab::new(1);
    let tap = Tap::new(&lab);
    let mut owner = Xvrrpd.start(lab.router(0), &with(HIGH, mode));
    let log = owner.log();
    log.wait(PATIENCE, Stamp::default(), "Entering MASTER STATE");
    let vip: IpAddr = PROFILE.vip();
    let probe = Probe::start(&lab, Kind::Resolve, vip, Duration::from_millis(5));
    let answered = |since| {
        let questions = probe.questions(&tap, since);
        let answered = questions.iter().filter(|q| q.answerers() == [0]).count();
        (answered, questions.len())
    };
    eventually(PATIENCE, "the owner answers", || {
        match answered(Stamp::default()) {
            (0, asked) => Err(format!("none of {asked}")),
            _ => Ok(()),
        }
    });
    owner.kill();
    eventually(PATIENCE, "the lease is over", || {
        let router = router(lab.router(0)).ok_or("no maps")?;
        match router.standing.name() {
            "lease_over" => Ok(()),
            other => Err(other.to_owned()),
        }
    });
    let over = Stamp::now();
    thread::sleep(Duration::from_millis(500));
    let (answered, asked) = answered(over);
    let counters = snapshot(lab.router(0)).expect("maps").counters;
    (answered, asked, counters)
}

#[test]
fn enforcing_a_dead_owner_is_silent() {
    let (answered, asked, counters) = after_a_kill("enforce");
    assert!(answered == 0 && asked > 50, "{answered} of {asked}");
    assert!(counters.drop_arp_gate_shut > 50, "{counters:?}");
    assert_eq!(counters.observe_arp_gate_shut, 0, "{counters:?}");
}

#[test]
fn observing_it_answers_and_is_counted() {
    let (answered, asked, counters) = after_a_kill("observe");
    assert!(answered > 50, "{answered} of {asked}");
    assert!(
        counters.observe_arp_gate_shut > 50 && counters.observe_egress_announcement > 50,
        "{counters:?}"
    );
    assert_eq!(counters.drop_arp_gate_shut, 0, "{counters:?}");
}

#[test]
fn switched_off_it_answers_like_any_other() {
    let (answered, asked, counters) = after_a_kill("off");
    assert!(answered > 50, "{answered} of {asked}");
    let (dropped, observed) = (counters.drop_arp_gate_shut, counters.observe_arp_gate_shut);
    assert_eq!((dropped, observed), (0, 0), "{counters:?}");
}

/// A reload's is in force at once, for a claim that stands too, and ends no claim.
#[test]
fn a_reload_changes_it_at_once() {
    let lab = Lab::new(1);
    let owner = Xvrrpd.start(lab.router(0), &with(HIGH, "enforce"));
    let log = owner.log();
    log.wait(PATIENCE, Stamp::default(), "Entering MASTER STATE");
    let before = router(lab.router(0)).expect("maps").gate;
    owner.reload(&with(HIGH, "observe"));
    eventually(PATIENCE, "the gate's record says so", || {
        match router(lab.router(0)).ok_or("no maps")?.gate.mode {
            LEASE_OBSERVE => Ok(()),
            other => Err(format!("{other}")),
        }
    });
    let after = router(lab.router(0)).expect("maps");
    assert_eq!(after.gate.epoch, before.epoch);
    assert!(after.open);
}

/// Beaten, unplugged: the record, `status` and the log say which, and since when.
#[test]
fn a_shut_gate_says_why() {
    let lab = Lab::new(2);
    let tap = Tap::new(&lab);
    let weaker = Xvrrpd.start(lab.router(1), &PROFILE.conf(LOW));
    let log = weaker.log();
    log.wait(PATIENCE, Stamp::default(), "Entering MASTER STATE");
    let since = Stamp::now();
    let stronger = Xvrrpd.start(lab.router(0), &PROFILE.conf(HIGH));
    log.wait(PATIENCE, since, "gate shut: a winning advert");
    let is = |node: usize, words: &str| {
        eventually(PATIENCE, words, || {
            let router = router(lab.router(node)).ok_or("no maps")?;
            let text = router.standing.to_string();
            if text != words {
                return Err(text);
            }
            let since = router.standing.shut_since().expect("a time");
            let ago = router.gate.revoked_at_ns.max(router.gate.permit_end_ns);
            assert!(since.as_ns() <= ago, "{:?}", router.gate);
            Ok(())
        });
    };
    is(1, &format!("beaten by priority {HIGH}"));
    tap.wait(PATIENCE, "the stronger one's advert", since, |seen| {
        (seen.node == 0).then(|| seen.advert_sent().map(|_| ()))?
    });
    stronger
        .log()
        .wait(PATIENCE, since, "Entering MASTER STATE");
    lab.unplug(0);
    is(0, "a FAULT");
    stronger.log().wait(PATIENCE, since, "gate shut: a FAULT");
}
