//! Members that leave a claim others go on with.

use super::*;
use crate::ownership::command::Member;
use core::{cell::RefCell, time::Duration};

const GATE: GateId = GateId(0);
const EPOCH: Epoch = Epoch(1);
const MS: Duration = Duration::from_millis(1);

fn at(ms: u64) -> Instant {
    Instant::from_ns(1_000_000_000 + ms * 1_000_000)
}

/// Everything that is sent leaves at once, but for adverts of who leaves from its end on:
/// their router has another gate by then.
fn drain(
    sender: &mut Sender<&'static str>,
    gate: &RefCell<Gate>,
    now: Instant,
) -> Vec<&'static str> {
    let mut sent = Vec::new();
    while let Some(effect) = sender.poll_effect() {
        match effect {
            Effect::BeginEpoch { epoch, .. } => gate.borrow_mut().epoch = epoch.0,
            Effect::Send { ticket, frames } => {
                let refused = now >= at(200) && frames == ["leaves"];
                sent.extend(frames);
                let result = if refused { Err(105) } else { Ok(()) };
                sender.sent(ticket, now, result, now, gate);
            }
            Effect::WriteLease { lease_end, .. } => {
                gate.borrow_mut().lease_end_ns = lease_end.as_ns();
            }
            Effect::Report(_) => {}
        }
    }
    sent
}

/// What is sent up to `end`.
fn until(
    sender: &mut Sender<&'static str>,
    gate: &RefCell<Gate>,
    end: Instant,
) -> Vec<&'static str> {
    let mut sent = Vec::new();
    while let Some(due) = sender.poll_timeout().filter(|due| *due <= end) {
        sender.handle_timeout(due, gate);
        sent.extend(drain(sender, gate, due));
    }
    sent
}

#[test]
fn the_others_go_on_and_who_leaves_says_so_if_it_is_to() {
    for resign in [true, false] {
        let gate = RefCell::new(Gate {
            permit_end_ns: u64::MAX,
            ..Gate::default()
        });
        let mut sender = Sender::new();
        let member = |vr, adverts, resigns, interval| Member {
            vr: VrId(vr),
            adverts: vec![adverts],
            resigns: vec![resigns],
            interval,
        };
        let claim = Command::Claim {
            gate: GATE,
            epoch: EPOCH,
            hold: MS,
            loss_tolerance: 1,
            lease_adverts: 3,
            previous_interval: 100 * MS,
            members: vec![
                member(0, "stays", "stays: 0", 100 * MS),
                member(1, "leaves", "leaves: 0", 100 * MS),
            ],
            announcements: Vec::new(),
        };
        sender.handle(claim, at(0));
        drain(&mut sender, &gate, at(0));
        assert_eq!(until(&mut sender, &gate, at(0)).len(), 4, "the burst");
        let (of, epoch) = (GATE, EPOCH);
        sender.handle(Command::Confirm { gate: of, epoch }, at(1));
        until(&mut sender, &gate, at(250));
        let lease_end = gate.borrow().lease_end_ns;
        assert!(lease_end <= at(300).as_ns(), "one of two has not left");
        let part = Command::Part {
            gate: GATE,
            vrs: vec![VrId(1)],
            resign,
        };
        sender.handle(part, at(250));
        let farewell = drain(&mut sender, &gate, at(250));
        assert_eq!(
            farewell,
            if resign {
                vec!["leaves: 0"]
            } else {
                Vec::new()
            }
        );
        let lease_end = gate.borrow().lease_end_ns;
        assert!(lease_end > at(399).as_ns(), "of the others alone");
        // On the schedule it had, and alone.
        assert_eq!(until(&mut sender, &gate, at(299)), [""; 0]);
        assert_eq!(until(&mut sender, &gate, at(550)), ["stays"; 3]);
        assert!(gate.borrow().lease_end_ns > at(650).as_ns());
        let cease = Command::Cease {
            gate: GATE,
            resign: true,
        };
        sender.handle(cease, at(550));
        assert_eq!(drain(&mut sender, &gate, at(550)), ["stays: 0"]);
    }
}
