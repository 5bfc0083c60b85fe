//! Unicast adverts: routed by the kernel, and swallowed where we listen.

use std::{net::IpAddr, time::Duration};

use vrrp_user::{engine::action::Advert, ownership::command::Report, shell::listen::Listener};
use xvrrp_tests::{
    capture::{Seen, Stamp, Tap, Way},
    frame::Checksum,
    net::Lab,
    trial::{HIGH, Profile},
    wait::eventually,
};

use crate::{
    owner::{Owner, PATIENCE, advert},
    turn,
};

const PROFILES: [Profile; 2] = [Profile::V3At100ms, Profile::V6At100ms];

/// An advert of router 0 to the unicast peers `peers`.
fn to(lab: &Lab, profile: Profile, peers: Vec<IpAddr>) -> Advert {
    let advert = advert(lab.router(0), &profile.conf(HIGH));
    let node = lab.router(0);
    let source = match peers[0] {
        IpAddr::V4(_) => node.v4.into(),
        IpAddr::V6(peer) if peer.is_unicast_link_local() => node.link_local.into(),
        IpAddr::V6(_) => node.v6.into(),
    };
    Advert {
        source,
        unicast: peers,
        ..advert
    }
}

#[test]
fn each_peer_gets_its_own() {
    let _turn = turn::shared();
    for (profile, peers) in [
        (Profile::V3At100ms, |lab: &Lab| {
            [1, 2].map(|node| lab.router(node).v4.into())
        }),
        (Profile::V6At100ms, |lab: &Lab| {
            [1, 2].map(|node| lab.router(node).v6.into())
        }),
        (Profile::V6At100ms, |lab: &Lab| {
            [1, 2].map(|node| lab.router(node).link_local.into())
        }),
    ] as [(Profile, fn(&Lab) -> [IpAddr; 2]); 3]
    {
        let lab = Lab::new(3);
        let tap = Tap::new(&lab);
        let since = Stamp::now();
        let mut owner = Owner::on(lab.router(0));
        let advert = to(&lab, profile, peers(&lab).to_vec());
        owner.own(0, std::slice::from_ref(&advert), &[]);
        for (node, peer) in [1, 2].into_iter().zip(peers(&lab)) {
            let (found, mac) = tap.wait(PATIENCE, "an advert at the peer", since, |seen| {
                let found = seen.frame.advert()?;
                let here = seen.node == node && seen.way == Way::To;
                (here && found.destination == peer).then(|| (found.clone(), seen.frame.to))
            });
            assert_eq!((found.source, found.ttl), (advert.source, 255));
            assert_eq!(
                (found.checksum, &found.addresses),
                (Checksum::Pseudo, &advert.addresses)
            );
            // The kernel found the next hop.
            assert_eq!(mac, lab.router(node).mac);
        }
    }
}

/// A peer that is not there must not cost the others anything, nor the lease.
#[test]
fn an_absent_peer_costs_the_others_nothing() {
    let _turn = turn::shared();
    for (profile, absent) in [
        (Profile::V3At100ms, "10.77.0.222"),
        (Profile::V6At100ms, "fd77::222"),
    ] {
        let lab = Lab::new(2);
        let tap = Tap::new(&lab);
        let mut owner = Owner::on(lab.router(0));
        let absent = absent.parse().expect("an address");
        let present = lab.router(1).address_like(absent);
        let since = Stamp::now();
        let interval = Duration::from_millis(500);
        owner.own(
            0,
            &[Advert {
                interval,
                ..to(&lab, profile, vec![absent, present])
            }],
            &[],
        );
        // Resolution of the absent one fails after three seconds, and again.
        std::thread::sleep(Duration::from_millis(4500));
        let arrived = tap.with(|seen| {
            let at_peer = |seen: &&Seen| seen.at >= since && seen.node == 1 && seen.way == Way::To;
            seen.iter()
                .filter(at_peer)
                .filter(|seen| seen.frame.advert().is_some())
                .count()
        });
        // Two claim, then one each half second.
        assert!(arrived >= 10, "{arrived} of 10 adverts arrived");
        assert_eq!(owner.hear(), [], "{profile:?}");
    }
}

/// ICMP errors about adverts that router 1 sent.
fn errors(seen: &[Seen]) -> usize {
    let is_error = |seen: &&Seen| {
        let bytes = &seen.bytes;
        let (protocol, kind) = match bytes.get(12..14) {
            Some([0x08, 0x00]) => (bytes[23], bytes[34]),
            Some([0x86, 0xdd]) => (bytes[20], bytes[54]),
            _ => return false,
        };
        // Destination unreachable; for IPv6 also parameter problem.
        let error = matches!((protocol, kind), (1, 3) | (58, 1 | 4));
        error && seen.node == 1 && seen.way == Way::From
    };
    seen.iter().filter(is_error).count()
}

#[test]
fn a_listener_draws_no_icmp_error() {
    let _turn = turn::shared();
    for profile in PROFILES {
        let lab = Lab::new(2);
        let tap = Tap::new(&lab);
        let peer = lab.router(1).address_like(profile.vip());
        let listener = lab
            .router(1)
            .ns
            .run(Listener::open)
            .expect("raw sockets; are you root?");
        let mut owner = Owner::on(lab.router(0));
        owner.own(0, &[to(&lab, profile, vec![peer])], &[]);
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(tap.with(errors), 0, "{profile:?}");
        assert_eq!(
            queued(&lab),
            (0, 0),
            "{profile:?}: something was kept for nobody to read"
        );
        // Without it the stack objects: the test can fail.
        drop(listener);
        eventually(PATIENCE, "an ICMP error", || match tap.with(errors) {
            0 => Err("none".into()),
            _ => Ok(()),
        });
        assert!(
            !owner
                .hear()
                .iter()
                .any(|report| matches!(report, Report::SendFailed { .. }))
        );
    }
}

/// Bytes in the receive queues of router 1's raw sockets, IPv4 and IPv6.
fn queued(lab: &Lab) -> (u64, u64) {
    let queues = |file: &str| -> u64 {
        let path = format!("/proc/thread-self/net/{file}");
        let text = lab
            .router(1)
            .ns
            .run(|| std::fs::read_to_string(path))
            .expect("procfs");
        let rx = |line: &str| {
            let (_, rx) = line.split_ascii_whitespace().nth(4)?.split_once(':')?;
            u64::from_str_radix(rx, 16).ok()
        };
        let lines: Vec<u64> = text
            .lines()
            .skip(1)
            .map(|line| rx(line).expect("rx_queue"))
            .collect();
        assert!(!lines.is_empty(), "no raw socket in {file}");
        lines.iter().sum()
    };
    (queues("raw"), queues("raw6"))
}
