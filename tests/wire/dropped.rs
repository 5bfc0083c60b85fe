//! V7: what the kernel did not put on the wire extends no lease.

use std::time::Duration;

use vrrp_user::{
    engine::action::Advert,
    ownership::command::{GateId, Report},
    shell::clock,
};
use xvrrp_tests::{
    capture::{Seen, Stamp, Tap, Way},
    net::{INTERFACE, Lab},
    trial::{HIGH, Profile},
    wait::eventually,
};

use crate::{
    owner::{Owner, PATIENCE, advert},
    turn,
};

/// A queueing discipline that drops everything, as the egress program does when
/// the gate is shut.
fn drop_everything(lab: &Lab) {
    let mut tc = lab.router(0).ns.command("tc");
    tc.args([
        "qdisc", "add", "dev", INTERFACE, "root", "tbf", "rate", "8kbit", "burst", "1", "limit",
        "1",
    ]);
    assert!(tc.status().expect("tc, from iproute2").success());
}

fn dropped(profile: Profile, unicast: bool) {
    let _turn = turn::shared();
    let lab = Lab::new(2);
    let tap = Tap::new(&lab);
    let since = Stamp::now();
    let mut owner = Owner::on(lab.router(0));
    // A lease that a machine busy with other tests does not outsleep.
    let interval = Duration::from_secs(1);
    let advert = Advert {
        interval,
        ..advert(lab.router(0), &profile.conf(HIGH))
    };
    let advert = if unicast {
        let vip = profile.vip();
        let peer = lab.router(1).address_like(vip);
        Advert {
            source: lab.router(0).address_like(vip),
            unicast: vec![peer],
            ..advert
        }
    } else {
        advert
    };
    owner.own(0, &[advert], &[]);
    // Arrived: the next hop is known, so that none waits for its resolution.
    tap.wait(PATIENCE, "an advert at the peer", since, |seen| {
        (seen.node == 1 && seen.way == Way::To).then(|| seen.frame.advert().cloned())?
    });
    assert!(owner.gates.lease_end_ns(GateId(0)) > clock::now().as_ns());
    drop_everything(&lab);
    let Report::SendFailed { errno, vr, .. } = owner.wait("a failed send", |report| {
        matches!(report, Report::SendFailed { .. })
    }) else {
        unreachable!("picked by kind")
    };
    assert_eq!((errno, vr.is_some()), (libc::ENOBUFS, true));
    owner.wait("the end of the lease", |report| {
        matches!(report, Report::LeaseOver { .. })
    });
    assert!(owner.gates.lease_end_ns(GateId(0)) <= clock::now().as_ns());
    assert!(owner.handle.summary().frames_failed >= 2);
}

#[test]
fn multicast() {
    dropped(Profile::V3At100ms, false);
}

/// A raw socket hides this error unless it is asked not to.
#[test]
fn unicast() {
    dropped(Profile::V3At100ms, true);
}

#[test]
fn unicast_ipv6() {
    dropped(Profile::V6At100ms, true);
}

/// No such interface: the claim fails, and says why.
#[test]
fn a_claim_on_no_interface_ends() {
    let _turn = turn::shared();
    let lab = Lab::new(1);
    let mut owner = Owner::on(lab.router(0));
    let advert = advert(lab.router(0), &Profile::V3At100ms.conf(HIGH));
    owner.claim(
        0,
        &[Advert {
            ifindex: 9999,
            ..advert
        }],
        &[],
    );
    let failed = |report: &Report| {
        matches!(
            report,
            Report::SendFailed {
                errno: libc::ENXIO,
                ..
            }
        )
    };
    owner.wait("a failed send", failed);
    owner.wait("a failed send of the second", failed);
    owner.wait("the end", |report| {
        matches!(report, Report::LeaseOver { .. })
    });
    assert_eq!(owner.gates.lease_end_ns(GateId(0)), 0, "never opened");
}

/// One peer that nothing can be sent to may take over: nothing is opened.
#[test]
fn a_claim_that_misses_a_peer_ends() {
    let _turn = turn::shared();
    let lab = Lab::new(2);
    let tap = Tap::new(&lab);
    let since = Stamp::now();
    let mut owner = Owner::on(lab.router(0));
    let advert = advert(lab.router(0), &Profile::V3At100ms.conf(HIGH));
    // A broadcast address, which a raw socket may not send to.
    let nowhere = "10.77.0.255".parse().expect("an address");
    let unicast = vec![lab.router(1).v4.into(), nowhere, lab.router(1).v4.into()];
    owner.claim(0, &[Advert { unicast, ..advert }], &[]);
    let failed = |report: &Report| {
        matches!(
            report,
            Report::SendFailed {
                errno: libc::EACCES,
                ..
            }
        )
    };
    owner.wait("a failed send", failed);
    owner.wait("the end", |report| {
        matches!(report, Report::LeaseOver { .. })
    });
    assert_eq!(owner.gates.lease_end_ns(GateId(0)), 0, "never opened");
    assert_eq!(owner.handle.summary().frames_failed, 2);
    // Those before and after it in the batch left all the same, twice, though the
    // kernel may have kept them until it knew the next hop.
    eventually(PATIENCE, "four adverts at the peer", || {
        let arrived = tap.with(|seen| {
            let at_peer = |seen: &&Seen| seen.at >= since && seen.node == 1 && seen.way == Way::To;
            seen.iter()
                .filter(at_peer)
                .filter(|seen| seen.frame.advert().is_some())
                .count()
        });
        if arrived == 4 {
            Ok(())
        } else {
            Err(format!("{arrived}"))
        }
    });
}
