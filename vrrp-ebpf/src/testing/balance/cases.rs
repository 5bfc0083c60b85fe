//! What becomes of packets, case by case: in, verdict, counters, out; and how the
//! connection and the loads stand afterwards.

#![allow(clippy::too_many_lines, reason = "tables are as long as they are")]

mod answers;
mod connections;
mod frames;
mod links;
mod rest;

pub use frames::{CLIENT, CLIENT6, Segment, flow};

use super::{Shop, scene::Scene};
use crate::{
    balance::{Verdict, answer, begin, known, seen::Seen},
    ingress,
    testing::{World, cases::IFINDEX},
};
use vrrp_common::{
    balance::{Cause, FlowKey, NEXT_V4},
    maps::{FAMILY_V4, FAMILY_V6},
};

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// To the stack.
    Pass,
    /// Gone.
    Drop,
    /// Out of the interface it came by.
    Send,
    /// Out of another.
    Redirect,
}

/// One packet.
#[derive(Clone, Debug)]
pub struct Step {
    /// As it comes.
    pub frame: Vec<u8>,
    /// What becomes of it.
    pub end: End,
    /// As it leaves; untouched if it is not said.
    pub leaves: Option<Vec<u8>>,
    /// What is counted.
    pub counts: Vec<Cause>,
    /// How often the VRRP programs' `drop_not_accepted` is.
    pub not_accepted: u32,
}

/// Some packets in one scene.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it shows; unique.
    pub name: &'static str,
    /// Where it happens.
    pub scene: Scene,
    /// The packets.
    pub steps: Vec<Step>,
    /// Active and inactive connections of servers afterwards.
    pub loads: Vec<(u32, i64, i64)>,
    /// Connections afterwards: server and state, or none.
    pub connections: Vec<(FlowKey, Option<(u16, u8)>)>,
}

impl Case {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            scene: Scene::default(),
            steps: Vec::new(),
            loads: Vec::new(),
            connections: Vec::new(),
        }
    }

    fn scene(mut self, change: impl FnOnce(&mut Scene)) -> Self {
        change(&mut self.scene);
        self
    }

    fn step(mut self, frame: Vec<u8>, end: End, leaves: Option<Vec<u8>>, counts: &[Cause]) -> Self {
        self.steps.push(Step {
            frame,
            end,
            leaves,
            counts: counts.to_vec(),
            not_accepted: 0,
        });
        self
    }

    /// To a server, with its address.
    fn forwards(self, segment: &Segment, server: u32, cause: Cause) -> Self {
        let leaves = frames::forwarded(segment.frame(), super::scene::server_mac(server));
        self.step(segment.frame(), End::Send, Some(leaves), &[cause])
    }

    fn drops(self, frame: Vec<u8>, cause: Cause) -> Self {
        self.step(frame, End::Drop, None, &[cause])
    }

    fn passes(self, frame: Vec<u8>, counts: &[Cause]) -> Self {
        self.step(frame, End::Pass, None, counts)
    }

    fn load(mut self, server: u32, active: i64, inactive: i64) -> Self {
        self.loads.push((server, active, inactive));
        self
    }

    fn connection(mut self, segment: &Segment, is: Option<(u16, u8)>) -> Self {
        self.connections.push((flow(segment), is));
        self
    }
}

/// Every case.
#[must_use]
pub fn all() -> Vec<Case> {
    [
        connections::cases(),
        links::cases(),
        answers::cases(),
        rest::cases(),
    ]
    .concat()
}

/// Shows a frame to the VRRP program, and to the balancer's as they follow each other.
pub fn run(world: &World, shop: &Shop, frame: &mut Vec<u8>) -> End {
    let verdict = ingress::judge(frame, world, IFINDEX);
    let unbalanced = match verdict {
        ingress::Verdict::Pass => return End::Pass,
        ingress::Verdict::Drop => return End::Drop,
        ingress::Verdict::Reply => return End::Send,
        ingress::Verdict::Balance => End::Pass,
        ingress::Verdict::BalanceOnly => End::Drop,
    };
    let Some(slot) = ingress::slot(frame, world) else {
        return unbalanced;
    };
    let family = if slot == NEXT_V4 {
        FAMILY_V4
    } else {
        FAMILY_V6
    };
    // What the last packet left in it must not matter.
    let mut seen = Seen {
        part: 0xa5,
        why: 0xa5,
        tcp: 0xa5,
        answer: 0xa5,
        ..Seen::default()
    };
    let mut verdict = known::judge(frame, shop, &mut seen, IFINDEX, family);
    loop {
        verdict = match verdict {
            Verdict::Pass => return End::Pass,
            Verdict::Drop => return End::Drop,
            Verdict::Send => return End::Send,
            Verdict::Redirect => {
                assert_eq!(seen.leaves_by, super::scene::OTHER_IFINDEX);
                return End::Redirect;
            }
            Verdict::Begin => begin::judge(frame, shop, &mut seen, IFINDEX),
            Verdict::Answer => answer::judge(frame, shop, &seen),
        };
    }
}

/// The VRRP program's world of a scene.
#[must_use]
pub fn world(scene: &Scene) -> World {
    let world = World::new();
    for (key, vip) in &scene.vips {
        world.set_vip(*key, *vip);
    }
    for (index, gate) in &scene.gates {
        world.set_gate(*index, *gate);
    }
    world.set_watched(scene.watched);
    world
}

#[cfg(test)]
mod tests {
    use super::{Case, End, Segment, all, run, world};
    use crate::{
        balance::tcp::SYN,
        testing::balance::{
            Shop,
            scene::{Scene, WEB, server_mac},
        },
    };
    use std::collections::HashSet;
    use vrrp_common::balance::{Cause, SERVICE_STICKY};

    fn check(case: &Case) {
        let (world, shop) = (world(&case.scene), Shop::of(&case.scene));
        for (at, step) in case.steps.iter().enumerate() {
            let name = format!("{}, packet {at}", case.name);
            let mut frame = step.frame.clone();
            let before = shop.not_accepted();
            let end = run(&world, &shop, &mut frame);
            assert_eq!(shop.take_counts(), step.counts, "{name}");
            assert_eq!(end, step.end, "{name}");
            assert_eq!(shop.not_accepted() - before, step.not_accepted, "{name}");
            let leaves = step.leaves.as_ref().unwrap_or(&step.frame);
            assert_eq!(&frame, leaves, "{name}");
        }
        for (server, active, inactive) in &case.loads {
            let load = shop.load_of(*server);
            assert_eq!(
                (load.active, load.inactive),
                (*active, *inactive),
                "{}: load of {server}",
                case.name
            );
        }
        for (key, want) in &case.connections {
            let is = shop.connection_of(key).map(|is| (is.server, is.state));
            assert_eq!(is, *want, "{}", case.name);
        }
    }

    #[test]
    fn every_case_holds() {
        for case in all() {
            check(&case);
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names = HashSet::new();
        for case in all() {
            assert!(names.insert(case.name), "{} twice", case.name);
        }
    }

    /// A cause without a case is a counter nobody has ever seen move. The exceptions have
    /// tests of their own, or are of servers with NAT.
    #[test]
    fn every_cause_has_a_case() {
        let cases = all();
        for cause in Cause::ALL {
            let elsewhere = matches!(
                cause,
                Cause::ConnectionTableFull | Cause::DropResize | Cause::Returned
            );
            let seen = cases
                .iter()
                .flat_map(|case| &case.steps)
                .any(|step| step.counts.contains(cause));
            assert!(seen != elsewhere, "{cause:?}");
        }
    }

    #[test]
    fn a_full_table_stops_nobody() {
        let scene = Scene::default();
        let (world, shop) = (world(&scene), Shop::of(&scene));
        shop.room.set(0);
        let end = run(&world, &shop, &mut Segment::tcp(SYN).frame());
        assert_eq!(end, End::Send);
        let counts = shop.take_counts();
        assert_eq!(counts, [Cause::ConnectionTableFull, Cause::Scheduled]);
        assert_eq!(shop.load_of(1).active, 0);
        assert_eq!(shop.served(1), (1, 1, 40));
    }

    /// Which server the next connection of a client goes to.
    fn next(world: &crate::testing::World, shop: &Shop, port: u16) -> u32 {
        let mut frame = Segment::tcp(SYN).port(port).frame();
        assert_eq!(run(world, shop, &mut frame), End::Send);
        (1..=3)
            .find(|server| frame[..6] == server_mac(*server))
            .expect("one of them")
    }

    #[test]
    fn a_client_stays_until_it_was_silent_for_long() {
        let mut scene = Scene::default();
        let web = scene.service(WEB);
        web.flags |= SERVICE_STICKY;
        (web.sticky_s, web.sticky_bits) = (360, 32);
        let (world, shop) = (world(&scene), Shop::of(&scene));
        assert_eq!(next(&world, &shop, 1), 1);
        assert_eq!(shop.load_of(1).sticky, 1);
        shop.pass_s(359);
        assert_eq!(next(&world, &shop, 2), 1);
        shop.pass_s(359);
        // Who stays, stays with one that takes nobody new as well.
        shop.change_server(1, |server| server.weight = 0);
        assert_eq!(next(&world, &shop, 3), 1);
        shop.pass_s(360);
        assert_eq!(next(&world, &shop, 4), 2);
        assert_eq!((shop.load_of(1).sticky, shop.load_of(2).sticky), (0, 1));
        // And not with one that is gone.
        shop.change_server(2, |server| server.generation += 1);
        assert_eq!(next(&world, &shop, 5), 3);
    }

    #[test]
    fn a_server_with_too_many_takes_some_again_when_they_are_fewer() {
        let mut scene = Scene::default();
        (scene.server(1).upper, scene.server(1).lower) = (4, 0);
        for server in 2..=3 {
            scene.server(server).weight = 0;
        }
        let (world, shop) = (world(&scene), Shop::of(&scene));
        for port in 1..=4 {
            assert_eq!(next(&world, &shop, port), 1);
        }
        assert_eq!(shop.load_of(1).overloaded, 1);
        // All are over, and each counts until its port is used again: 4, 3, 2 of 4.
        shop.pass_s(901);
        let refused = |port| run(&world, &shop, &mut Segment::tcp(SYN).port(port).frame());
        let _ = refused(1);
        assert_eq!(shop.load_of(1).active, 3);
        assert_eq!(
            shop.load_of(1).overloaded,
            1,
            "three quarters are not fewer"
        );
        assert_eq!(next(&world, &shop, 2), 1);
        assert_eq!(shop.load_of(1).overloaded, 0);
    }
}
