//! What a stall with an advert in hand must not do: the intervals and permissions
//! that change meanwhile. The shell is a few lines: every send leaves, at once.

use super::*;
use crate::ownership::command::Member;
use core::{cell::RefCell, time::Duration};

const GATE: GateId = GateId(0);
const VR: VrId = VrId(0);
const EPOCH: Epoch = Epoch(1);
const MS: Duration = Duration::from_millis(1);

fn at(ms: u64) -> Instant {
    Instant::from_ns(1_000_000_000 + ms * 1_000_000)
}

/// One gate, and what was written to it.
#[derive(Default)]
struct Bench {
    sender: Sender<&'static str>,
    gate: RefCell<Gate>,
    sent: Vec<(Instant, &'static str)>,
    /// The next send ends then, and the permission is renewed just before.
    send_ends: Option<Instant>,
}

impl GateView for RefCell<Gate> {
    fn gate(&self, _: GateId) -> Gate {
        *self.borrow()
    }
}

impl Bench {
    /// With permission for as long as a test takes.
    fn new() -> Self {
        let bench = Self::default();
        bench.gate.borrow_mut().permit_end_ns = u64::MAX;
        bench
    }

    fn command(&mut self, command: Command<&'static str>, now: Instant) {
        self.sender.handle(command, now);
        self.drain(now);
    }

    /// Wakes at every deadline up to `now`.
    fn run_until(&mut self, now: Instant) {
        while let Some(due) = self.sender.poll_timeout().filter(|due| *due <= now) {
            self.sender.handle_timeout(due, &self.gate);
            self.drain(due);
        }
    }

    fn drain(&mut self, now: Instant) {
        while let Some(effect) = self.sender.poll_effect() {
            match effect {
                Effect::BeginEpoch { epoch, .. } => {
                    let mut gate = self.gate.borrow_mut();
                    gate.lease_end_ns = 0;
                    gate.epoch = epoch.0;
                }
                Effect::Send { ticket, frames } => {
                    self.sent.extend(frames.iter().map(|frame| (now, *frame)));
                    let ends = self.send_ends.take();
                    if ends.is_some() {
                        self.gate.borrow_mut().permit_end_ns = u64::MAX;
                    }
                    let ends = ends.unwrap_or(now);
                    self.sender.sent(ticket, now, Ok(()), ends, &self.gate);
                }
                Effect::WriteLease { lease_end, .. } => {
                    self.gate.borrow_mut().lease_end_ns = lease_end.as_ns();
                }
                Effect::Report(_) => {}
            }
        }
    }

    fn lease_end(&self) -> Instant {
        Instant::from_ns(self.gate.borrow().lease_end_ns)
    }
}

fn member(advert: &'static str, interval: Duration) -> Member<&'static str> {
    Member {
        vr: VR,
        adverts: vec![advert],
        resigns: vec!["resigns"],
        interval,
    }
}

fn claim(interval: Duration) -> Command<&'static str> {
    Command::Claim {
        gate: GATE,
        epoch: EPOCH,
        hold: MS,
        loss_tolerance: 1,
        lease_adverts: 3,
        previous_interval: interval,
        members: vec![member("long", interval)],
        announcements: Vec::new(),
    }
}

/// What a peer waits at least that hears an advert sent at `sent` and nothing after.
fn peers_wait_until(sent: Instant, interval: Duration) -> Instant {
    sent + interval * 3
}

#[test]
fn a_lease_is_short_before_the_first_advert_with_a_shorter_interval() {
    let short = member("short", 100 * MS);
    let update = || Command::Update {
        gate: GATE,
        member: short.clone(),
    };
    let confirm = || Command::Confirm {
        gate: GATE,
        epoch: EPOCH,
    };
    // Updated while it waits to be confirmed, and while it owns.
    for (what, first, then) in [("held", update(), confirm()), ("open", confirm(), update())] {
        let mut bench = Bench::new();
        bench.command(claim(1000 * MS), at(0));
        bench.run_until(at(0));
        bench.command(first, at(2));
        bench.run_until(at(2));
        bench.command(then, at(3));
        bench.run_until(at(3));
        assert!(bench.lease_end() > at(3), "{what}: open");
        // The lease that stands when the first short one has left, and nothing more
        // is done: the thread stalls.
        let written = bench.lease_end();
        bench.run_until(at(102));
        let first = bench.sent.iter().find(|(_, frame)| *frame == "short");
        let (sent, _) = *first.expect("an advert in the new form");
        assert!(
            written <= peers_wait_until(sent, 100 * MS),
            "{what}: until {written:?}, sent at {sent:?}"
        );
        // And it goes on, with the short interval.
        bench.run_until(at(1000));
        assert!(bench.lease_end() > at(1000), "{what}: it goes on");
        assert!(bench.lease_end() <= at(1300), "{what}");
    }
}

#[test]
fn an_advert_extends_nothing_if_the_permission_ended_while_it_was_sent() {
    for (permit_ms, counts) in [(150, false), (161, true)] {
        let mut bench = Bench::new();
        bench.command(claim(100 * MS), at(0));
        bench.run_until(at(0));
        let confirm = Command::Confirm {
            gate: GATE,
            epoch: EPOCH,
        };
        bench.command(confirm, at(1));
        bench.run_until(at(99));
        let before = bench.lease_end();
        assert!(before > at(99), "open");
        // Handed over while it may be sent, through only when that was over, or not.
        bench.gate.borrow_mut().permit_end_ns = at(permit_ms).as_ns();
        bench.send_ends = Some(at(160));
        bench.run_until(at(100));
        assert_eq!(bench.sent.len(), 3, "the burst and one more");
        // The burst and the late one: it counts from the burst's last either way.
        bench.run_until(at(200));
        let want = if counts { at(400) } else { at(300) };
        let end = bench.lease_end();
        assert!(
            end <= want && end + MS > want,
            "permitted until {permit_ms} ms: {end:?}"
        );
    }
}

#[test]
fn an_advert_that_may_have_left_shortens_the_lease_it_does_not_extend() {
    let mut bench = Bench::new();
    bench.command(claim(1000 * MS), at(0));
    bench.run_until(at(0));
    // The first short advert is sent while the claim waits to be confirmed, and the
    // permission ends meanwhile: it may have been dropped.
    let update = Command::Update {
        gate: GATE,
        member: member("short", 100 * MS),
    };
    bench.command(update, at(1));
    bench.gate.borrow_mut().permit_end_ns = at(101).as_ns();
    bench.send_ends = Some(at(102));
    bench.run_until(at(100));
    let confirm = Command::Confirm {
        gate: GATE,
        epoch: EPOCH,
    };
    bench.command(confirm, at(190));
    bench.run_until(at(190));
    let open_until = bench.lease_end();
    assert!(open_until > at(190), "open");
    assert!(
        open_until <= at(400),
        "a peer may count from 100 ms: {open_until:?}"
    );
    // One that left is not enough: it is the one that may be lost.
    bench.run_until(at(200));
    assert!(bench.lease_end() <= at(400), "{:?}", bench.lease_end());
    bench.run_until(at(300));
    assert!(bench.lease_end() > at(400), "{:?}", bench.lease_end());
}

#[test]
fn a_resumed_lease_is_short_before_the_first_advert_with_a_shorter_interval() {
    // The predecessor's lease counts on one second; its record says 100 ms, and no
    // advert has said so yet.
    for (lease_ms, interval_ms, want_ms) in [(2000, 100, 300), (200, 100, 200)] {
        let mut bench = Bench::new();
        *bench.gate.borrow_mut() = Gate {
            epoch: EPOCH.0,
            lease_end_ns: at(lease_ms).as_ns(),
            permit_end_ns: u64::MAX,
            ..Gate::default()
        };
        let resume = Command::Resume {
            gate: GATE,
            epoch: EPOCH,
            lease_end: at(lease_ms),
            last_sent: at(0) - 1000 * MS,
            hold: MS,
            loss_tolerance: 1,
            lease_adverts: 3,
            members: vec![member("short", MS * interval_ms)],
        };
        bench.command(resume, at(0));
        let due = bench.sender.poll_timeout().expect("a burst");
        bench.sender.handle_timeout(due, &bench.gate);
        // What is written before the first advert is handed over.
        let mut lease_end = bench.lease_end();
        while let Some(effect) = bench.sender.poll_effect() {
            match effect {
                Effect::WriteLease { lease_end: end, .. } => lease_end = end,
                Effect::Send { .. } => break,
                _ => {}
            }
        }
        let want = at(want_ms);
        assert!(
            lease_end <= want && lease_end + MS > want,
            "{lease_ms} ms: {lease_end:?}"
        );
    }
}
