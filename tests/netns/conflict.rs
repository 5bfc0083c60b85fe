//! A partition, and its end: who is followed then, and what is said of it.

use std::{net::IpAddr, time::Duration};

use serde_json::Value;
use xvrrp_tests::{
    capture::{Stamp, Tap, Way},
    daemon::Daemon::{Keepalived, Xvrrpd},
    frame::{Mac, Packet},
    net::{Lab, Node},
    probe::{Kind, Probe},
    speaker::Speaker,
    trial::{HIGH, LOW, PATIENCE, Pair, Profile, Trial},
    wait::eventually,
};

use crate::handover::{done, status};

const VRID: u8 = 51;
/// From the first advert that crosses.
const FOLLOWED_WITHIN: Duration = Duration::from_millis(100);

/// Ends of a partition in one test; which side speaks first is chance.
const ROUNDS: u32 = 12;

/// Routers hear each other, or only everybody else.
fn part(lab: &Lab, parted: bool) {
    let state = if parted { "on" } else { "off" };
    for router in &lab.nodes[..lab.routers()] {
        let port = format!("p-{}", router.role);
        lab.bridge.ip(&format!(
            "link set dev {port} type bridge_slave isolated {state}"
        ));
    }
}

/// Whom the client takes for the owner.
pub(crate) fn believed(client: &Node, vip: IpAddr) -> Option<Mac> {
    let mut command = client.ns.command("ip");
    let output = command.args(["-j", "neigh", "show", "to", &vip.to_string()]);
    let output = output.output().expect("ip");
    let all: Value = serde_json::from_slice(&output.stdout).ok()?;
    let text = all[0]["lladdr"].as_str()?.to_owned();
    let mut mac = [0; 6];
    for (octet, digits) in mac.iter_mut().zip(text.split(':')) {
        *octet = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(mac)
}

#[test]
fn hosts_follow_the_survivor() {
    heals([Xvrrpd, Xvrrpd], Profile::V3At100ms);
}
#[test]
fn hosts_follow_the_survivor_beside_keepalived() {
    heals([Xvrrpd, Keepalived], Profile::V3At100ms);
}
#[test]
fn hosts_follow_the_survivor_over_ipv6() {
    heals([Xvrrpd, Xvrrpd], Profile::V6At100ms);
}

/// Both own what the client has learned from the loser; then they hear each other.
/// Again and again: whoever speaks first, and whatever the last time left pending.
fn heals(pair: Pair, profile: Profile) {
    let mut low = profile.conf(LOW);
    if pair[1] == Keepalived {
        // Without it, it falls silent and the survivor never hears of it.
        low.instances[0]
            .extra
            .push("higher_prio_send_advert on".into());
    }
    let trial = Trial::settled(pair, [profile.conf(HIGH), low]);
    let (lab, vip) = (&trial.lab, profile.vip());
    let client = lab.client();
    let macs = [lab.router(0).mac, lab.router(1).mac];
    let traffic = Probe::start(lab, Kind::Echo, vip, Duration::from_millis(5));
    let mut first_spoke = [0, 0];
    for round in 0..ROUNDS {
        part(lab, true);
        eventually(
            PATIENCE,
            "both own it, the client believes the loser",
            || {
                let owners = trial.advertisers(VRID, profile.interval());
                let whom = believed(client, vip);
                if owners == [0, 1] && whom == Some(macs[1]) {
                    Ok(())
                } else {
                    Err(format!("{owners:?}, {whom:?}"))
                }
            },
        );
        // Anywhere between two adverts.
        std::thread::sleep(profile.interval() * round / ROUNDS);
        let healed = Stamp::now();
        part(lab, false);
        // The first advert that crosses, and whose it is.
        let (first, winner_first) = trial.tap.wait(PATIENCE, "an advert", healed, |it| {
            let advert = it.frame.advert().filter(|it| it.priority > 0);
            let crossed = advert.is_some() && it.way == Way::To && it.node < 2;
            crossed.then_some((it.at, it.node == 1))
        });
        first_spoke[usize::from(winner_first)] += 1;
        let told = trial.tap.wait(PATIENCE, "an announcement", first, |it| {
            let names = match &it.frame.packet {
                Packet::Arp(arp) => vip == arp.sender && vip == arp.target,
                Packet::Neighbor { target, .. } => vip == *target,
                _ => false,
            };
            let heard = it.node == lab.routers() && it.way == Way::To && it.frame.from == macs[0];
            (names && heard).then_some(it.at)
        });
        // What the client sends shows whom it believes.
        std::thread::sleep(FOLLOWED_WITHIN * 2);
        let sent = traffic.questions(&trial.tap, first);
        let believed_wrongly = sent.iter().filter(|it| it.to == macs[1]);
        let followed = believed_wrongly.map(|it| it.at.since(first)).max();
        let followed = followed.unwrap_or_default();
        let told = told.since(first);
        eprintln!(
            "{pair:?} {profile:?} round {round}, the {} first: told {told:?}, followed {followed:?} after the first advert that crossed",
            if winner_first { "winner" } else { "loser" }
        );
        assert!(
            told <= FOLLOWED_WITHIN && followed <= FOLLOWED_WITHIN,
            "round {round}: told after {told:?}, followed after {followed:?}"
        );
        let last = sent.last().expect("it sends");
        assert_eq!(last.to, macs[0], "round {round}");
    }
    assert!(
        first_spoke.iter().all(|times| *times > 0),
        "not both of them spoke first once: {first_spoke:?}"
    );
}

/// A third router, backup of both: it alone can see the split brain, and says so.
#[test]
fn a_backup_tells_of_two_owners() {
    let profile = Profile::V3At100ms;
    let IpAddr::V4(vip) = profile.vip() else {
        panic!("IPv4");
    };
    let lab = Lab::new(3);
    let tap = Tap::new(&lab);
    let interval = profile.interval();
    let mut conf = profile.conf(LOW);
    let script = xvrrp_tests::place::scratch("notify").join(format!("{}-split", lab.bridge.name()));
    conf.instances[0]
        .extra
        .push(format!("notify_conflict {}", recorder(&script).display()));
    let backup = Xvrrpd.start(lab.router(2), &conf);
    let first = Speaker::start(lab.router(0), VRID, HIGH, interval, vip);
    backup
        .log()
        .wait(PATIENCE, Stamp::default(), "Following 10.77.0.1");
    let second = Speaker::start(lab.router(1), VRID, HIGH - 10, interval, vip);
    let line = backup.log().wait(PATIENCE, Stamp::default(), "Split brain");
    for part in [
        "10.77.0.1 (00:00:5e:00:01:33, priority 200)",
        "10.77.0.2 (00:00:5e:00:01:33, priority 190)",
        "VRID 51",
        "on eth0",
    ] {
        assert!(line.contains(part), "{line}");
    }
    let want = format!(
        "INSTANCE {} CONFLICT two_active 00:00:5e:00:01:33 10.77.0.2 eth0",
        conf.instances[0].name
    );
    eventually(PATIENCE, "notify_conflict has run", || {
        let text = std::fs::read_to_string(&script).unwrap_or_default();
        if text.lines().any(|line| line == want) {
            Ok(())
        } else {
            Err(text)
        }
    });
    let engine = status(lab.router(2));
    let conflicts = &engine["instances"][0]["conflicts"];
    assert!(conflicts["two_active"].as_u64() >= Some(1), "{conflicts}");
    let page = done(lab.router(2), "status");
    assert!(page.contains("two_active by 00:00:5e:00:01:33"), "{page}");
    // It takes sides with nobody.
    let since = Stamp::now();
    drop((first, second));
    let adverts = tap.adverts(Stamp::default());
    let spoke = adverts
        .iter()
        .find(|(at, node, _)| *node == 2 && *at < since);
    assert!(spoke.is_none(), "{spoke:?}");
}

/// A script that appends its arguments to `file`.
fn recorder(file: &std::path::Path) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let _ = std::fs::remove_file(file);
    let script = file.with_extension("sh");
    let text = format!("#!/bin/sh\necho \"$@\" >>{}\n", file.display());
    std::fs::write(&script, text).expect("the scratch directory");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("ours");
    script
}

/// keepalived with another password: it does not heed us, and stays MASTER beside us. We
/// cannot hear it either, so it is a speaker that plays the deaf one here.
#[test]
fn a_deaf_owner_is_named_and_yielded_to() {
    let profile = Profile::V3At100ms;
    let IpAddr::V4(vip) = profile.vip() else {
        panic!("IPv4");
    };
    let lab = Lab::new(2);
    let tap = Tap::new(&lab);
    let mut conf = profile.conf(HIGH);
    conf.instances[0].extra.push("oneway_fault".into());
    let owner = Xvrrpd.start(lab.router(0), &conf);
    owner
        .log()
        .wait(PATIENCE, Stamp::default(), "Entering MASTER STATE");
    let began = Stamp::now();
    let deaf = Speaker::start(lab.router(1), VRID, LOW, profile.interval(), vip);
    let line = owner.log().wait(PATIENCE, began, "goes on as MASTER");
    assert!(
        line.contains("10.77.0.2 (00:00:5e:00:01:33 on eth0)"),
        "{line}"
    );
    owner.log().wait(PATIENCE, began, "Entering FAULT STATE");
    let took = Stamp::now().since(began);
    assert!(took >= profile.down(LOW) * 2, "{took:?}");
    let page = done(lab.router(0), "status");
    assert!(page.contains("fault: oneway: 10.77.0.2"), "{page}");
    // As long as it goes on, and no longer.
    let yielded = Stamp::now();
    std::thread::sleep(Duration::from_secs(3));
    let adverts = tap.adverts(yielded);
    let spoke = adverts.iter().find(|(_, node, _)| *node == 0);
    assert!(spoke.is_none(), "{spoke:?}");
    drop(deaf);
    owner.log().wait(PATIENCE, yielded, "Entering MASTER STATE");
}
