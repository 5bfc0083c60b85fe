//! The transmit thread's machine against a gate record and a clock of its own.

use super::{Effect, GateView, SendKind, Sender};
use crate::{
    ownership::command::{Command, Epoch, GateId, Member, Report, VrId},
    time::Instant,
};
use core::time::Duration;
use std::cell::RefCell;
use vrrp_common::gate::Gate;

const GATE: GateId = GateId(3);
const EPOCH: Epoch = Epoch(7);
const INTERVAL: Duration = Duration::from_millis(100);
/// 200 ppm of three intervals.
const DRIFT: Duration = Duration::from_micros(60);

fn at(ms: u64) -> Instant {
    Instant::from_ns(ms * 1_000_000)
}

/// The record, as the shell would write it.
struct Record(RefCell<Gate>);

impl GateView for Record {
    fn gate(&self, _: GateId) -> Gate {
        *self.0.borrow()
    }
}

struct World {
    sender: Sender<&'static str>,
    record: Record,
    /// Sends fail while this is set.
    failing: bool,
    now: Instant,
    /// What was done: adverts by frame, leases as milliseconds, reports by name.
    seen: Vec<String>,
}

impl World {
    fn new(gate: Gate) -> Self {
        Self {
            sender: Sender::new(),
            record: Record(RefCell::new(gate)),
            failing: false,
            now: Instant::default(),
            seen: Vec::new(),
        }
    }

    /// Permitted for a long time.
    fn permitted() -> Self {
        Self::new(Gate {
            permit_end_ns: at(1_000_000).as_ns(),
            ..Gate::default()
        })
    }

    fn command(&mut self, ms: u64, command: Command<&'static str>) {
        self.now = at(ms);
        self.sender.handle(command, self.now);
        self.carry_out();
    }

    /// Wakes at its deadlines, up to `end` and with it.
    fn until(&mut self, end: u64) {
        while let Some(due) = self.sender.poll_timeout().filter(|due| *due <= at(end)) {
            self.now = self.now.max(due);
            self.sender.handle_timeout(self.now, &self.record);
            self.carry_out();
        }
    }

    /// Wakes once, late.
    fn wake(&mut self, ms: u64) {
        self.now = at(ms);
        self.sender.handle_timeout(self.now, &self.record);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        let (now, ms) = (self.now, self.now.as_ns() / 1_000_000);
        while let Some(effect) = self.sender.poll_effect() {
            match effect {
                Effect::BeginEpoch { epoch, .. } => {
                    let mut gate = self.record.0.borrow_mut();
                    (gate.lease_end_ns, gate.epoch) = (0, epoch.0);
                }
                Effect::Send { ticket, frames } => {
                    let result = if self.failing { Err(100) } else { Ok(()) };
                    let kind = match ticket.kind {
                        SendKind::Advert => "advert",
                        SendKind::Resign => "resign",
                        SendKind::Announcement => "announce",
                    };
                    self.seen.push(format!("{ms} {kind} {}", frames.join(" ")));
                    self.sender.sent(ticket, now, result, now, &self.record);
                }
                Effect::WriteLease {
                    epoch,
                    lease_end,
                    last_sent,
                    ..
                } => {
                    let mut gate = self.record.0.borrow_mut();
                    if gate.epoch == epoch.0 {
                        gate.lease_end_ns = lease_end.as_ns();
                        gate.last_sent_ns = last_sent.as_ns();
                    }
                    let end = (lease_end + DRIFT).as_ns() / 1_000_000;
                    let last = last_sent.as_ns() / 1_000_000;
                    self.seen
                        .push(format!("{ms} lease to {end}, last sent {last}"));
                }
                Effect::Report(report) => {
                    let name = format!("{report:?}");
                    let name = name.split(' ').next().unwrap_or_default().to_lowercase();
                    self.seen.push(format!("{ms} {name}"));
                }
            }
        }
    }

    fn take(&mut self) -> Vec<String> {
        core::mem::take(&mut self.seen)
    }

    /// One member, claimed at 0, confirmed at once, open from 1 ms on.
    fn open() -> Self {
        let mut world = Self::permitted();
        world.command(0, claim(vec![member(0)]));
        world.until(0);
        world.command(
            0,
            Command::Confirm {
                gate: GATE,
                epoch: EPOCH,
            },
        );
        world.until(1);
        world.take();
        world
    }

    fn gate(&mut self, change: impl FnOnce(&mut Gate)) {
        change(&mut self.record.0.borrow_mut());
    }
}

fn member(vr: u32) -> Member<&'static str> {
    Member {
        vr: VrId(vr),
        adverts: vec![["a", "b"][vr as usize]],
        resigns: vec![["a0", "b0"][vr as usize]],
        interval: INTERVAL,
    }
}

fn claim(members: Vec<Member<&'static str>>) -> Command<&'static str> {
    Command::Claim {
        gate: GATE,
        epoch: EPOCH,
        hold: Duration::from_millis(1),
        loss_tolerance: 1,
        lease_adverts: 3,
        previous_interval: INTERVAL,
        members,
        announcements: vec!["garp"],
    }
}

/// A predecessor's: opened until 250 ms, last advertised at 50 ms.
fn resume(members: Vec<Member<&'static str>>) -> Command<&'static str> {
    Command::Resume {
        gate: GATE,
        epoch: EPOCH,
        lease_end: at(250),
        last_sent: at(50),
        hold: Duration::from_millis(1),
        loss_tolerance: 1,
        lease_adverts: 3,
        members,
    }
}

fn left_behind() -> World {
    World::new(Gate {
        epoch: EPOCH.0,
        lease_end_ns: at(250).as_ns(),
        last_sent_ns: at(50).as_ns(),
        permit_end_ns: at(1_000_000).as_ns(),
        ..Gate::default()
    })
}

#[test]
fn a_claim_bursts_holds_opens_and_announces() {
    let mut world = World::permitted();
    world.command(0, claim(vec![member(0)]));
    world.until(0);
    assert_eq!(world.take(), ["0 advert a", "0 advert a", "0 claimed"]);
    world.until(50);
    assert_eq!(world.take(), [] as [&str; 0], "never opens unconfirmed");
    world.command(
        50,
        Command::Confirm {
            gate: GATE,
            epoch: EPOCH,
        },
    );
    world.until(50);
    assert_eq!(
        world.take(),
        [
            "50 lease to 300, last sent 0",
            "50 opened",
            "50 announce garp"
        ]
    );
}

/// V1: the lease counts from the advert before the last; the gate stays open two
/// intervals past the last.
#[test]
fn every_advert_extends_the_lease_by_the_one_before_it() {
    let mut world = World::open();
    world.until(200);
    assert_eq!(
        world.take(),
        [
            "100 advert a",
            "100 lease to 300, last sent 100",
            "200 advert a",
            "200 lease to 400, last sent 200"
        ]
    );
}

#[test]
fn a_failed_advert_extends_nothing_and_the_lease_ends() {
    let mut world = World::open();
    world.failing = true;
    world.until(299);
    let leases = world.take();
    assert!(leases.iter().all(|it| !it.contains("lease")), "{leases:?}");
    world.until(300);
    assert_eq!(world.take(), ["299 leaseover"]);
    world.failing = false;
    world.until(1_000);
    assert_eq!(world.take(), [] as [&str; 0], "silent until told");
}

#[test]
fn one_that_wakes_after_its_lease_sends_nothing() {
    let mut world = World::open();
    world.wake(301);
    assert_eq!(world.take(), ["301 leaseover"]);
}

/// Nobody can have claimed before 500 ms: the last advert left at 200.
#[test]
fn a_lease_that_ended_is_claimed_again_while_peers_still_wait() {
    let mut world = World::open();
    world.until(200);
    world.take();
    world.wake(450);
    assert_eq!(
        world.take(),
        ["450 advert a", "450 advert a"],
        "a burst, and the gate stays shut"
    );
    assert_eq!(world.record.0.borrow().lease_end_ns, 0);
    world.until(451);
    assert_eq!(
        world.take(),
        ["451 lease to 750, last sent 450", "451 renewed"]
    );
    // And on as before: the schedule never drifts.
    world.until(550);
    assert_eq!(
        world.take(),
        ["550 advert a", "550 lease to 750, last sent 550"]
    );
    // As often as it takes.
    world.wake(800);
    world.until(801);
    assert_eq!(
        world.take(),
        [
            "800 advert a",
            "800 advert a",
            "801 lease to 1100, last sent 800",
            "801 renewed"
        ]
    );
}

#[test]
fn a_lease_that_ended_longer_ago_is_not_claimed_again() {
    let mut world = World::open();
    world.until(200);
    world.take();
    world.wake(500);
    assert_eq!(world.take(), ["500 leaseover"]);
    world.until(2_000);
    assert_eq!(world.take(), [] as [&str; 0]);
}

#[test]
fn claiming_again_ends_with_the_peers_patience() {
    // Without permission: it waits, not longer than they do.
    for (permitted_at, want) in [
        (490, &["489 advert a", "489 advert a"][..]),
        (600, &["499 leaseover"]),
    ] {
        let mut world = World::open();
        world.until(200);
        world.gate(|gate| gate.permit_end_ns = at(300).as_ns());
        world.take();
        world.until(permitted_at - 1);
        world.gate(|gate| gate.permit_end_ns = at(1_000_000).as_ns());
        world.until(permitted_at);
        assert_eq!(world.take(), want, "permitted at {permitted_at}");
    }
    // A burst that does not leave is no claim.
    let mut world = World::open();
    world.until(200);
    world.take();
    world.failing = true;
    world.wake(450);
    let seen = world.take();
    assert_eq!(seen.last().map(String::as_str), Some("450 leaseover"));
    assert!(seen.iter().all(|it| !it.contains("lease to")), "{seen:?}");
}

#[test]
fn what_was_beaten_or_never_open_is_not_claimed_again() {
    let mut world = World::open();
    world.until(200);
    world.take();
    world.gate(|gate| gate.revoked_epoch = EPOCH.0);
    world.wake(450);
    assert_eq!(world.take(), ["450 beaten"]);
    // While it is held again as well.
    let mut world = World::open();
    world.until(200);
    world.wake(450);
    world.take();
    world.gate(|gate| gate.revoked_epoch = EPOCH.0);
    world.until(451);
    assert_eq!(world.take(), ["451 beaten"]);
    // The event loop never looked at what was heard before it; or it did, and does
    // not know of an open gate yet.
    for confirmed in [false, true] {
        let mut world = World::permitted();
        world.command(0, claim(vec![member(0)]));
        world.until(200);
        world.take();
        if confirmed {
            let (gate, epoch) = (GATE, EPOCH);
            world.command(220, Command::Confirm { gate, epoch });
        }
        world.wake(450);
        assert_eq!(world.take(), ["450 leaseover"], "{confirmed}");
    }
}

#[test]
fn what_was_revoked_or_given_up_is_left_alone() {
    let mut world = World::open();
    world.gate(|gate| gate.revoked_epoch = EPOCH.0);
    world.until(100);
    assert_eq!(world.take(), ["100 beaten"]);
    let mut world = World::open();
    world.gate(|gate| gate.closed_epoch = EPOCH.0);
    world.until(1_000);
    assert_eq!(world.take(), [] as [&str; 0]);
    world.command(
        1_000,
        Command::Cease {
            gate: GATE,
            resign: true,
        },
    );
    assert_eq!(world.take(), ["1000 resign a0", "1000 ceased"]);
}

#[test]
fn without_permission_nothing_leaves() {
    let mut world = World::open();
    world.gate(|gate| gate.permit_end_ns = at(50).as_ns());
    world.until(300);
    assert_eq!(world.take(), ["299 leaseover"]);
}

/// V13: the predecessor's lease stands, and is extended only when all m+1 adverts
/// of every member have left.
#[test]
fn a_resumed_claim_bursts_first_and_extends_after_it() {
    let mut world = left_behind();
    world.command(200, resume(vec![member(0), member(1)]));
    assert_eq!(world.take(), [] as [&str; 0]);
    world.until(200);
    assert_eq!(
        world.take(),
        [
            "200 advert a",
            "200 advert b",
            "200 advert a",
            "200 advert b",
            "200 lease to 500, last sent 200"
        ]
    );
    world.until(300);
    assert_eq!(
        world.take(),
        [
            "300 advert a",
            "300 advert b",
            "300 lease to 500, last sent 200",
            "300 lease to 500, last sent 300"
        ]
    );
}

#[test]
fn a_resumed_claim_whose_burst_fails_lives_by_the_old_lease() {
    let mut world = left_behind();
    world.failing = true;
    world.command(200, resume(vec![member(0)]));
    world.until(249);
    let seen = world.take();
    assert!(seen.iter().all(|it| !it.contains("lease")), "{seen:?}");
    world.until(250);
    assert_eq!(world.take(), ["250 leaseover"]);
}

#[test]
fn a_claim_that_was_beaten_meanwhile_is_not_resumed() {
    for (what, change) in [
        (
            "revoked",
            (|gate| gate.revoked_epoch = EPOCH.0) as fn(&mut Gate),
        ),
        ("another's", |gate| gate.epoch = EPOCH.0 + 1),
    ] {
        let mut world = left_behind();
        world.gate(change);
        world.command(200, resume(vec![member(0)]));
        world.until(1_000);
        assert_eq!(world.take(), ["200 beaten"], "{what}");
    }
}

#[test]
fn a_resumed_claim_waits_for_permission_but_not_beyond_its_lease() {
    let mut world = left_behind();
    world.gate(|gate| gate.permit_end_ns = 0);
    world.command(200, resume(vec![member(0)]));
    world.until(220);
    assert_eq!(world.take(), [] as [&str; 0]);
    world.gate(|gate| gate.permit_end_ns = at(1_000).as_ns());
    world.until(221);
    assert_eq!(
        world.take(),
        [
            "221 advert a",
            "221 advert a",
            "221 lease to 521, last sent 221"
        ]
    );
    let mut world = left_behind();
    world.gate(|gate| gate.permit_end_ns = 0);
    world.command(200, resume(vec![member(0)]));
    world.until(1_000);
    assert_eq!(world.take(), ["250 leaseover"]);
}

/// The last thing a process does that leaves its claim to a successor.
#[test]
fn prolonging_makes_the_lease_as_long_as_it_can_be() {
    let mut world = World::open();
    world.until(100);
    world.take();
    world.command(
        150,
        Command::Prolong {
            gate: GATE,
            epoch: EPOCH,
        },
    );
    world.until(150);
    assert_eq!(
        world.take(),
        [
            "150 advert a",
            "150 advert a",
            "150 lease to 400, last sent 150",
            "150 lease to 450, last sent 150"
        ]
    );
    world.command(
        160,
        Command::Prolong {
            gate: GATE,
            epoch: Epoch(6),
        },
    );
    world.until(161);
    assert_eq!(world.take(), [] as [&str; 0], "another claim's");
    world.wake(460);
    world.take();
    world.command(
        470,
        Command::Prolong {
            gate: GATE,
            epoch: EPOCH,
        },
    );
    world.until(480);
    assert_eq!(world.take(), [] as [&str; 0], "the lease is over");
}

#[test]
fn an_epoch_is_claimed_once() {
    let mut world = World::open();
    world.command(2, claim(vec![member(0)]));
    world.until(3);
    assert_eq!(world.take(), [] as [&str; 0]);
    assert!(matches!(
        world.sender.poll_effect(),
        None::<Effect<&str>> | Some(Effect::Report(Report::Ceased { .. }))
    ));
}
