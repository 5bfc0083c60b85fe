//! What the simulation does not ask of it.

use super::*;
use crate::{ownership::command::Member, time::Instant};
use core::time::Duration;

const GATE: GateId = GateId(3);
const VR: VrId = VrId(5);

fn drain(sender: &mut Sender<&'static str>) -> Vec<Effect<&'static str>> {
    core::iter::from_fn(|| sender.poll_effect()).collect()
}

fn concede(sender: &mut Sender<&'static str>) {
    let frames = vec!["priority 0 for the winner"];
    let (gate, vr) = (GATE, VR);
    sender.handle(
        Command::Concede { gate, vr, frames },
        Instant::from_ns(1_000),
    );
}

/// It leaves once, after the silence it follows, and extends nothing.
#[test]
fn a_concession_is_sent_once() {
    let mut sender = Sender::new();
    sender.handle(
        Command::Cease {
            gate: GATE,
            resign: false,
        },
        Instant::from_ns(1_000),
    );
    concede(&mut sender);
    let [
        Effect::Report(Report::Ceased { .. }),
        Effect::Send { ticket, frames },
    ] = &drain(&mut sender)[..]
    else {
        panic!("silence, then the concession")
    };
    assert_eq!((ticket.kind, ticket.vr), (SendKind::Resign, Some(VR)));
    assert_eq!(frames[..], ["priority 0 for the winner"]);
    assert_eq!(sender.poll_timeout(), None);
}

/// A claim that follows takes back what has not left yet.
#[test]
fn a_claim_takes_a_concession_back() {
    let mut sender = Sender::new();
    concede(&mut sender);
    let claim = Command::Claim {
        gate: GATE,
        epoch: Epoch(1),
        hold: Duration::from_millis(1),
        loss_tolerance: 1,
        lease_adverts: 3,
        previous_interval: Duration::from_millis(100),
        members: vec![Member {
            vr: VR,
            adverts: vec!["advert"],
            resigns: vec!["priority 0"],
            interval: Duration::from_millis(100),
        }],
        announcements: Vec::new(),
    };
    sender.handle(claim, Instant::from_ns(2_000));
    let effects = drain(&mut sender);
    let conceded = |effect: &Effect<_>| matches!(effect, Effect::Send { ticket, .. } if ticket.kind == SendKind::Resign);
    assert!(!effects.iter().any(conceded), "{effects:?}");
    assert!(!effects.is_empty());
}
