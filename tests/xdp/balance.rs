//! The balancer's table of cases, in the kernel: from the VRRP program on, by tail calls.

use crate::{
    agreement::Noise,
    balancer::{Balancer, Kind},
};
use std::time::Duration;
use vrrp_common::balance::{Cause, scheduler};
use vrrp_ebpf::{
    balance::tcp::{ACK, SYN},
    testing::balance::{
        Shop,
        cases::{self, Case, End, Segment},
        scene::{Scene, WEB},
    },
};

fn check(balancer: &mut Balancer, case: &Case) {
    balancer.enter(&case.scene);
    for (at, step) in case.steps.iter().enumerate() {
        let name = format!("{}, packet {at}", case.name);
        let (end, frame) = balancer.run(&step.frame);
        let mut counts: Vec<(Cause, u64)> = step.counts.iter().map(|cause| (*cause, 1)).collect();
        counts.sort_by_key(|(cause, _)| *cause as u32);
        assert_eq!(balancer.take_counts(), counts, "{name}");
        assert_eq!(end, step.end, "{name}");
        let not_accepted = u64::from(step.not_accepted);
        assert_eq!(balancer.take_not_accepted(), not_accepted, "{name}");
        let leaves = step.leaves.as_ref().unwrap_or(&step.frame);
        assert_eq!(&frame, leaves, "{name}: the frame afterwards");
    }
    for (server, active, inactive) in &case.loads {
        let load = balancer.load_of(*server);
        let counted = (load.active, load.inactive);
        assert_eq!(counted, (*active, *inactive), "{}: {server}", case.name);
    }
    for (key, want) in &case.connections {
        let is = balancer.connection(key).map(|is| (is.server, is.state));
        assert_eq!(is, *want, "{}", case.name);
    }
}

fn check_all(kind: Kind) {
    let mut balancer = Balancer::load(kind);
    for case in cases::all() {
        check(&mut balancer, &case);
    }
}

#[test]
fn balanced() {
    check_all(Kind::Frags);
}

#[test]
fn balanced_without_frags() {
    check_all(Kind::NoFrags);
}

/// What is handed over where nobody is to take it goes the way it went before.
#[test]
fn without_a_balancer_everything_is_as_before() {
    let mut balancer = Balancer::load(Kind::Frags);
    let case = cases::all()
        .into_iter()
        .find(|case| case.name == "an address that accepts nothing, and has a service")
        .expect("such a case");
    balancer.enter(&case.scene);
    balancer.leave();
    let frame = &case.steps[0].frame;
    assert_eq!(balancer.run(frame), (End::Drop, frame.clone()));
    assert_eq!(balancer.take_not_accepted(), 1);
    let mut accepting = case.scene.clone();
    for (_, vip) in &mut accepting.vips {
        vip.flags = 0;
    }
    balancer.enter(&accepting);
    balancer.leave();
    assert_eq!(balancer.run(frame), (End::Pass, frame.clone()));
    assert_eq!(balancer.take_counts(), []);
}

/// Connections, packets and octets of a server, from the IP header on.
#[test]
fn servers_are_counted() {
    let mut balancer = Balancer::load(Kind::Frags);
    let case = cases::all()
        .into_iter()
        .find(|case| case.name == "a connection over IPv4, to its end")
        .expect("such a case");
    balancer.enter(&case.scene);
    for step in &case.steps {
        balancer.run(&step.frame);
    }
    let traffic = balancer.traffic(1);
    assert_eq!(
        (traffic.connections, traffic.packets_in, traffic.bytes_in),
        (1, 3, 120)
    );
}

/// The kernel does as the host does, also with packets nobody thought of.
#[test]
fn the_host_and_the_kernel_agree() {
    let mut balancer = Balancer::load(Kind::Frags);
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let (mut runs, mut forwarded) = (0, 0);
    for case in cases::all() {
        for _ in 0..6 {
            balancer.enter(&case.scene);
            let (world, shop) = (cases::world(&case.scene), Shop::of(&case.scene));
            for step in &case.steps {
                let mut frame = step.frame.clone();
                noise.mangle(&mut frame, 14);
                let what = format!("{} as {frame:02x?}", case.name);
                let (end, leaves) = balancer.run(&frame);
                let want = cases::run(&world, &shop, &mut frame);
                let mut counts: Vec<(Cause, u64)> =
                    shop.take_counts().iter().map(|cause| (*cause, 1)).collect();
                counts.sort_by_key(|(cause, _)| *cause as u32);
                assert_eq!(balancer.take_counts(), counts, "{what}");
                assert_eq!(end, want, "{what}");
                assert_eq!(leaves, frame, "{what}");
                runs += 1;
                forwarded += u32::from(end == End::Send);
            }
        }
    }
    assert!(
        forwarded > runs / 4 && forwarded < runs,
        "{forwarded} of {runs}"
    );
}

/// What sets a scene up.
type Change = Box<dyn Fn(&mut Scene)>;

/// What a packet costs. Run by hand, alone:
/// `cargo test --test xdp balance::cost -- --ignored --nocapture`.
///
/// A test run does not restore the frame, so it has as many hops to live as can be. What
/// the first runs cost more than the others is taken out by running fewer as well.
#[test]
#[ignore = "prints figures; a busy machine makes them meaningless"]
#[allow(clippy::too_many_lines, reason = "a table is as long as it is")]
fn cost() {
    const FEW: u32 = 50;
    const MANY: u32 = 250;
    const ROUNDS: u32 = 100;
    let mut balancer = Balancer::load(Kind::Frags);
    let alive = |segment: Segment| Segment {
        ttl: 255,
        ..segment
    };
    let compared = |algorithm| {
        move |scene: &mut Scene| {
            scene.serve(WEB, algorithm, (1..=64).map(|id| (id, 1)));
        }
    };
    let none = |_: &mut Scene| {};
    let ungated = |scene: &mut Scene| scene.ungated();
    let unwatched = |scene: &mut Scene| {
        scene.ungated();
        scene.watched = vrrp_common::balance::Watched::default();
    };
    let (hit, fresh) = (true, false);
    let of: [(&str, Segment, bool, Change); 9] = [
        (
            "no service, not watched",
            Segment::udp(),
            hit,
            Box::new(unwatched),
        ),
        (
            "another port of a service's address",
            Segment {
                to_port: 9,
                ..Segment::udp()
            },
            hit,
            Box::new(ungated),
        ),
        (
            "DR hit, UDP, no gate",
            Segment::udp(),
            hit,
            Box::new(ungated),
        ),
        (
            "DR hit, TCP, no gate",
            Segment::tcp(ACK),
            hit,
            Box::new(ungated),
        ),
        (
            "DR hit, TCP, gate open",
            Segment::tcp(ACK),
            hit,
            Box::new(none),
        ),
        (
            "DR hit, TCP, IPv6, gate open",
            Segment::tcp6(ACK),
            hit,
            Box::new(none),
        ),
        ("new flow, rr", Segment::tcp(SYN), fresh, Box::new(ungated)),
        (
            "new flow, wlc of 64",
            Segment::tcp(SYN),
            fresh,
            Box::new(move |scene| {
                compared(scheduler::WLC)(scene);
                scene.ungated();
            }),
        ),
        (
            "new flow, mh",
            Segment::tcp(SYN),
            fresh,
            Box::new(|scene| {
                scene.serve(WEB, scheduler::MH, (1..=8).map(|id| (id, 1)));
                scene.ring(WEB, scheduler::MH, (0..4093).map(|at| at % 8 + 1));
                scene.ungated();
            }),
        ),
    ];
    println!("ns; least of {ROUNDS} rounds: a run of many, gross; of a new flow, of single runs");
    for (name, segment, is_hit, change) in of {
        let mut scene = Scene::default();
        change(&mut scene);
        balancer.enter(&scene);
        let segment = alive(segment);
        if is_hit && segment.flags.is_some() {
            let syn = alive(Segment {
                flags: Some(SYN),
                ..segment.clone()
            });
            balancer.run(&syn.frame());
        }
        let (mut few, mut many) = (Duration::MAX, Duration::MAX);
        for round in 0..ROUNDS {
            if is_hit {
                let frame = segment.frame();
                few = few.min(balancer.run_often(&frame, FEW).2 * FEW);
                many = many.min(balancer.run_often(&frame, MANY).2 * MANY);
            } else {
                let fresh = segment.port(1024 + u16::try_from(round).expect("few"));
                many = many.min(balancer.run_often(&fresh.frame(), 1).2);
            }
        }
        let took = if is_hit {
            many.saturating_sub(few) / (MANY - FEW)
        } else {
            many
        };
        println!("{:5}  {name}", took.as_nanos());
    }
}
