//! `use_vmac`: the client knows one hardware address for the virtual one, whoever
//! owns it, and no router of ours ever puts it to another.

use std::{net::IpAddr, time::Duration};

use xvrrp_tests::{
    capture::{Seen, Stamp, Way},
    conf::Conf,
    daemon::Daemon::{self, Frr, Keepalived, Xvrrpd},
    frame::{Mac, Packet},
    net::{INTERFACE, Node},
    probe::{Kind, Probe},
    question::longest_gap,
    trial::{HIGH, LOW, PATIENCE, Pair, Profile, SLACK, Trial},
    wait::eventually,
};

use crate::{conflict::believed, handover::done};

/// Of the interfaces the lab makes for FRR.
const VRID: u8 = 5;
const ECHO_EVERY: Duration = Duration::from_millis(2);

macro_rules! lives {
    ($name:ident, $profile:expr) => {
        mod $name {
            use super::*;
            #[test]
            fn beside_xvrrpd() {
                whole_life([Xvrrpd, Xvrrpd], $profile);
            }
            #[test]
            fn before_keepalived() {
                whole_life([Xvrrpd, Keepalived], $profile);
            }
            #[test]
            fn after_keepalived() {
                whole_life([Keepalived, Xvrrpd], $profile);
            }
            #[test]
            fn before_frr() {
                whole_life([Xvrrpd, Frr], $profile);
            }
            #[test]
            fn after_frr() {
                whole_life([Frr, Xvrrpd], $profile);
            }
        }
    };
}

lives!(ipv4, Profile::V3At100ms);
lives!(ipv6, Profile::V6At100ms);

fn virtual_mac(vip: IpAddr) -> Mac {
    [0, 0, 0x5e, 0, if vip.is_ipv4() { 1 } else { 2 }, VRID]
}

fn conf(pair: Pair, profile: Profile, priority: u8, lines: &[&str]) -> Conf {
    let mut conf = profile.conf(priority);
    let instance = &mut conf.instances[0];
    instance.vrid = VRID;
    if pair.contains(&Frr) {
        // FRR advertises the addresses it was given, without a link-local one first.
        let last = instance.vips.pop();
        instance.vips = last.into_iter().collect();
    }
    for line in lines {
        instance.extra.push((*line).to_owned());
    }
    conf
}

/// Virtual MACs in the interface's list.
fn filter(node: &Node) -> String {
    let mut command = node.ns.command("bridge");
    let done = command.args(["fdb", "show", "dev", INTERFACE, "self"]);
    let done = done.output().expect("bridge");
    String::from_utf8_lossy(&done.stdout)
        .lines()
        .filter(|line| line.contains("00:00:5e:00:0"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The hardware addresses by which a frame that a router sent puts `vip` somewhere:
/// the Ethernet source, and what ARP and ND say.
fn put_to(seen: &Seen, vip: IpAddr) -> Vec<Mac> {
    if !seen.speaks_for(vip) {
        return Vec::new();
    }
    let mut macs = vec![seen.frame.from];
    match &seen.frame.packet {
        Packet::Arp(arp) => macs.push(arp.sender_mac),
        // Its first option; one of either kind, or none.
        Packet::Neighbor { .. } | Packet::Solicit { .. } => {
            let option = seen.bytes.get(14 + 40 + 24..14 + 40 + 24 + 8);
            if let Some([1 | 2, 1, mac @ ..]) = option {
                macs.push(mac.try_into().expect("six octets"));
            }
        }
        _ => {}
    }
    macs
}

/// Everything a router of ours has sent.
fn assert_never_elsewhere(trial: &Trial, pair: Pair, vip: IpAddr) {
    let mac = virtual_mac(vip);
    let (mut named, mut resolved, mut adverts) = (0, 0, 0);
    trial.tap.with(|all| {
        for seen in all.iter().filter(|it| it.way == Way::From && it.node < 2) {
            if pair[seen.node] != Xvrrpd {
                continue;
            }
            let macs = put_to(seen, vip);
            assert!(macs.iter().all(|it| *it == mac), "{seen:?}");
            named += usize::from(!macs.is_empty());
            resolved += usize::from(macs.len() > 1);
            // Whoever is beaten resigns to the winner alone, from its own.
            if let Some(advert) = seen.frame.advert()
                && (advert.priority > 0 || seen.frame.to[0] & 1 != 0)
            {
                assert_eq!(seen.frame.from, mac, "{seen:?}");
                adverts += 1;
            }
        }
    });
    eprintln!(
        "{named} frames named {vip}, {resolved} in ARP or ND; {adverts} adverts; none from another MAC"
    );
    assert!(named > 100 && resolved > 5 && adverts > 10);
}

/// With keepalived or FRR as the owner, its interface answers with its own address as
/// well as the macvlan, unless somebody sets `arp_ignore`.
fn assert_believed(trial: &Trial, owner: Daemon, vip: IpAddr, when: &str) {
    let whom = believed(trial.lab.client(), vip);
    if owner == Xvrrpd {
        assert_eq!(whom, Some(virtual_mac(vip)), "{when}");
    } else {
        eprintln!("{owner:?} {when}: the client knows {whom:02x?}");
    }
}

/// How long the client waited for the new owner. FRR's macvlan looks for duplicates
/// first, with IPv6.
fn assert_short(gap: Duration, profile: Profile, owner: Daemon) {
    if owner != Frr {
        assert!(gap <= profile.down(LOW) + SLACK, "{gap:?}");
    }
}

/// The owner speaks first, in the name of the address, to a client it does not know.
fn speak(trial: &Trial, router: usize, vip: IpAddr) {
    let (node, client) = (trial.lab.router(router), trial.lab.client());
    node.ns.ip(&format!("neigh flush dev {INTERFACE}"));
    let mut command = node.ns.command("ping");
    let (from, to) = (vip.to_string(), client.address_like(vip).to_string());
    let done = command.args(["-c", "3", "-i", "0.2", "-W", "2", "-I", &from, &to]);
    let done = done.output().expect("ping");
    assert!(done.status.success(), "router {router}: {done:?}");
}

fn longest(trial: &Trial, probe: &Probe, since: Stamp) -> Duration {
    let questions = probe.questions(&trial.tap, since);
    longest_gap(&questions).expect("answers").0
}

fn await_answers(trial: &Trial, probe: &Probe, router: usize, since: Stamp) {
    eventually(PATIENCE, "the owner answers", || {
        let questions = probe.questions(&trial.tap, since);
        let its = questions.iter().filter(|it| it.answerers() == [router]);
        match its.count() {
            0..50 => Err("too little".into()),
            _ => Ok(()),
        }
    });
}

/// The owner is killed, comes back and leaves: each time somebody else answers at the
/// same hardware address.
fn whole_life(pair: Pair, profile: Profile) {
    let vip = profile.vip();
    let confs = [HIGH, LOW].map(|priority| conf(pair, profile, priority, &["use_vmac"]));
    let mut trial = Trial::settled(pair, confs);
    let echoes = Probe::start(&trial.lab, Kind::Echo, vip, ECHO_EVERY);
    let who = Probe::start(&trial.lab, Kind::Resolve, vip, Duration::from_millis(20));
    let start = Stamp::now();
    await_answers(&trial, &echoes, 0, start);
    assert_believed(&trial, pair[0], vip, "at first");
    if pair[0] == Xvrrpd {
        speak(&trial, 0, vip);
        assert!(!filter(trial.lab.router(0)).is_empty(), "not in the list");
        let mut links = trial.lab.router(0).ns.command("ip");
        let links = links.args(["link", "show", "type", "macvlan"]).output();
        assert_eq!(links.expect("ip").stdout, b"", "no macvlan");
    }

    let killed = trial.kill(0);
    let takeover = trial.takeover(VRID, 1, killed);
    await_answers(&trial, &echoes, 1, takeover.first);
    let gap = longest(&trial, &echoes, killed);
    eprintln!("{pair:?}: killed, the client waited {gap:?}");
    assert_short(gap, profile, pair[1]);
    assert_believed(&trial, pair[1], vip, "after the owner's death");
    if pair[1] == Xvrrpd {
        speak(&trial, 1, vip);
    }

    let back = Stamp::now();
    trial.start(0);
    trial.await_owner(0);
    await_answers(&trial, &echoes, 0, Stamp::now());
    let gap = longest(&trial, &echoes, back);
    eprintln!("{pair:?}: preempted, the client waited {gap:?}");
    assert_believed(&trial, pair[0], vip, "after its return");

    let left = trial.terminate(0);
    let takeover = trial.takeover(VRID, 1, left);
    await_answers(&trial, &echoes, 1, takeover.first);
    let gap = longest(&trial, &echoes, left);
    eprintln!("{pair:?}: left, the client waited {gap:?}");
    assert_believed(&trial, pair[1], vip, "after it left");
    if pair[0] == Xvrrpd {
        assert_eq!(filter(trial.lab.router(0)), "", "left in the list");
    }

    drop((echoes, who));
    assert_never_elsewhere(&trial, pair, vip);
    if pair[0] == Frr {
        // It announces the address before its first advert says that it takes over.
        return;
    }
    for running in trial.running.iter().flatten() {
        let said = running.log().since(Stamp::default());
        let conflict = said.iter().find(|line| {
            line.contains("is also claimed by") || line.contains("our own hardware address")
        });
        assert_eq!(conflict, None, "{:?}", running.daemon());
    }
}

/// What is beyond a virtual address: the client routes by way of it, so only the
/// frames' hardware address is the router's.
#[test]
fn routes_what_comes_to_the_virtual_mac() {
    let profile = Profile::V3At100ms;
    let pair = [Xvrrpd, Xvrrpd];
    let confs = [HIGH, LOW].map(|priority| conf(pair, profile, priority, &["use_vmac"]));
    let mut trial = Trial::settled(pair, confs);
    let beyond: IpAddr = [198, 51, 100, 1].into();
    for router in [0, 1] {
        let ns = &trial.lab.router(router).ns;
        ns.ip(&format!("addr add {beyond}/32 dev lo"));
    }
    let client = &trial.lab.client().ns;
    client.ip(&format!("route add {beyond}/32 via {}", profile.vip()));
    let echoes = Probe::start(&trial.lab, Kind::Echo, beyond, ECHO_EVERY);
    await_answers(&trial, &echoes, 0, Stamp::now());
    let killed = trial.kill(0);
    let takeover = trial.takeover(VRID, 1, killed);
    await_answers(&trial, &echoes, 1, takeover.first);
    let gap = longest(&trial, &echoes, killed);
    eprintln!("what is routed waited {gap:?}");
    assert!(gap <= profile.down(LOW) + SLACK, "{gap:?}");
    let after = echoes.questions(&trial.tap, takeover.first);
    let to = virtual_mac(profile.vip());
    assert!(after.iter().all(|it| it.to == to), "the client's next hop");
    let both = after.iter().filter(|it| it.answerers().len() > 1);
    assert_eq!(both.count(), 0);
}

/// The dead owner's list is put right by `stop --release`, and by a successor whose
/// configuration has no virtual MAC any more.
#[test]
fn a_dead_daemons_filter_is_put_right() {
    let profile = Profile::V3At100ms;
    let pair = [Xvrrpd, Xvrrpd];
    let confs = [HIGH, LOW].map(|priority| conf(pair, profile, priority, &["use_vmac"]));
    let mut trial = Trial::settled(pair, confs);
    let killed = trial.kill(0);
    trial.takeover(VRID, 1, killed);
    assert!(!filter(trial.lab.router(0)).is_empty(), "it fences on");
    trial.confs[0] = conf(pair, profile, HIGH, &[]);
    trial.start(0);
    trial.await_owner(0);
    assert_eq!(filter(trial.lab.router(0)), "");

    trial.confs[0] = conf(pair, profile, HIGH, &["use_vmac"]);
    let text = trial.confs[0].keepalived();
    trial.daemon(0).reload_text(&text);
    eventually(PATIENCE, "a reload puts it there", || {
        match filter(trial.lab.router(0)).as_str() {
            "" => Err("not yet".into()),
            _ => Ok(()),
        }
    });
    let killed = trial.kill(0);
    trial.takeover(VRID, 1, killed);
    done(trial.lab.router(0), "stop --release");
    assert_eq!(filter(trial.lab.router(0)), "");
}

/// `vmac_xmit_base`: the adverts come from the interface's own MAC, and nothing else.
#[test]
fn adverts_from_the_base() {
    let profile = Profile::V3At100ms;
    let pair = [Xvrrpd, Keepalived];
    let lines = ["use_vmac", "vmac_xmit_base"];
    let confs = [HIGH, LOW].map(|priority| conf(pair, profile, priority, &lines));
    let mut trial = Trial::settled(pair, confs);
    let (start, vip) = (Stamp::now(), profile.vip());
    let echoes = Probe::start(&trial.lab, Kind::Echo, vip, ECHO_EVERY);
    await_answers(&trial, &echoes, 0, start);
    assert_believed(&trial, Xvrrpd, vip, "at first");
    let mac = trial.lab.router(0).mac;
    trial.tap.with(|all| {
        let ours = all.iter().filter(|it| it.node == 0);
        let adverts = ours.filter(|it| it.advert_sent().is_some());
        let from: Vec<Mac> = adverts.map(|it| it.frame.from).collect();
        assert!(from.len() > 5 && from.iter().all(|it| *it == mac));
    });
    let killed = trial.kill(0);
    let takeover = trial.takeover(VRID, 1, killed);
    await_answers(&trial, &echoes, 1, takeover.first);
    assert_believed(&trial, Keepalived, vip, "after the owner's death");
}

/// `use_vmac_addr` alone: addresses that are not at home on the instance's interface,
/// here one of the other family, have the virtual MAC; the others and the adverts have not.
#[test]
fn of_other_addresses_alone() {
    let profile = Profile::V3At100ms;
    let pair = [Xvrrpd, Xvrrpd];
    let other: IpAddr = "fd77::50".parse().expect("an address");
    let excluded = format!("virtual_ipaddress_excluded {{\n        {other}/64\n    }}");
    let lines = ["use_vmac_addr", &excluded];
    let confs = [HIGH, LOW].map(|priority| conf(pair, profile, priority, &lines));
    let trial = Trial::settled(pair, confs);
    let own = trial.lab.router(0).mac;
    for (ip, mac) in [(profile.vip(), own), (other, virtual_mac(other))] {
        let start = Stamp::now();
        let echoes = Probe::start(&trial.lab, Kind::Echo, ip, ECHO_EVERY);
        await_answers(&trial, &echoes, 0, start);
        assert_eq!(believed(trial.lab.client(), ip), Some(mac), "{ip}");
    }
    trial.tap.with(|all| {
        let ours = all.iter().filter(|it| it.node == 0);
        let adverts = ours.filter(|it| it.advert_sent().is_some());
        let from: Vec<Mac> = adverts.map(|it| it.frame.from).collect();
        assert!(from.len() > 5 && from.iter().all(|it| *it == own));
    });
}
