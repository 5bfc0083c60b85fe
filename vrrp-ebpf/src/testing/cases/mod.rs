//! What becomes of a frame, case by case: in, verdict, counters, event, answer.

#![allow(clippy::too_many_lines, reason = "tables are as long as they are")]

mod advert;
mod egress;
mod neighbor;
mod news;
mod scene;
mod traffic;
mod virtual_mac;

#[cfg(test)]
pub(crate) use advert::ah;
pub use advert::{unicast, v2, v3, v6};
use scene::GATE_UNICAST;
pub use scene::{
    GATE_V2, GATE_V3, GATE_V6, GATE_VLAN, GATE_VMAC, GATE_VMAC_VLAN, GATE_VMAC6, IFINDEX, Scene,
    address_sum,
};

use crate::{
    egress as out, ingress,
    testing::{World, frames::rewritten},
};
use vrrp_common::{counter::Cause, event::Event};

/// What becomes of a frame, either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Goes on.
    Pass,
    /// Gone.
    Drop,
    /// Sent back, rewritten.
    Reply,
}

impl From<ingress::Verdict> for Verdict {
    fn from(verdict: ingress::Verdict) -> Self {
        match verdict {
            // Nobody balances in these scenes.
            ingress::Verdict::Pass | ingress::Verdict::Balance => Self::Pass,
            ingress::Verdict::Drop | ingress::Verdict::BalanceOnly => Self::Drop,
            ingress::Verdict::Reply => Self::Reply,
        }
    }
}

/// The event expected, as far as it does not depend on the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// `KIND_*`.
    pub kind: u32,
    /// `NEWS_*`.
    pub news: u32,
    /// Of a rejection or a conflict.
    pub cause: Option<Cause>,
    /// Our epoch.
    pub epoch: u64,
}

impl Told {
    /// What an event says of these.
    #[must_use]
    pub fn by(event: &Event) -> Self {
        let cause = Cause::ALL
            .get(event.cause as usize)
            .copied()
            .filter(|_| event.cause != 0);
        Self {
            kind: event.kind,
            news: event.news,
            cause,
            epoch: event.epoch,
        }
    }
}

/// One frame in one scene.
pub struct Case {
    /// What it shows; unique.
    pub name: &'static str,
    /// It leaves; otherwise it arrives.
    pub leaving: bool,
    /// Where it happens.
    pub scene: Scene,
    /// The frame.
    pub frame: Vec<u8>,
    /// What becomes of it.
    pub verdict: Verdict,
    /// Counted, each once, in any order.
    pub counts: Vec<Cause>,
    /// Told, or nothing.
    pub told: Option<Told>,
    /// What is sent back, or what goes on in its place.
    pub answer: Option<Vec<u8>>,
    /// The gate the kernel shuts, and by which priority.
    pub revoked: Option<(u32, u8)>,
}

impl Case {
    fn new(name: &'static str, leaving: bool, frame: Vec<u8>) -> Self {
        Self {
            name,
            leaving,
            scene: Scene::default(),
            frame,
            verdict: Verdict::Pass,
            counts: Vec::new(),
            told: None,
            answer: None,
            revoked: None,
        }
    }

    fn arriving(name: &'static str, frame: Vec<u8>) -> Self {
        Self::new(name, false, frame)
    }

    fn leaving(name: &'static str, frame: Vec<u8>) -> Self {
        Self::new(name, true, frame)
    }

    fn in_scene(mut self, change: impl FnOnce(&mut Scene)) -> Self {
        change(&mut self.scene);
        self
    }

    fn counts(mut self, counts: &[Cause]) -> Self {
        self.counts.extend(counts);
        self
    }

    fn drops(mut self, cause: Cause) -> Self {
        self.verdict = Verdict::Drop;
        self.counts(&[cause])
    }

    fn tells(mut self, kind: u32, news: u32, cause: Option<Cause>, epoch: u64) -> Self {
        self.told = Some(Told {
            kind,
            news,
            cause,
            epoch,
        });
        self
    }

    fn answers(mut self, frame: Vec<u8>) -> Self {
        self.verdict = Verdict::Reply;
        self.answer = Some(frame);
        self
    }

    fn becomes(mut self, frame: Vec<u8>) -> Self {
        self.answer = Some(frame);
        self
    }

    fn revokes(mut self, gate: u32, priority: u8) -> Self {
        self.revoked = Some((gate, priority));
        self.counts(&[Cause::GateRevoked])
    }
}

/// Every case.
#[must_use]
pub fn all() -> Vec<Case> {
    [
        advert::cases(),
        news::cases(),
        neighbor::cases(),
        traffic::cases(),
        traffic::not_accepted(),
        virtual_mac::cases(),
        egress::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What becomes of a frame that arrives where nobody balances.
pub fn arrive(frame: &mut Vec<u8>, world: &World) -> Verdict {
    let verdict = ingress::judge(frame, world, IFINDEX);
    if verdict == ingress::Verdict::BalanceOnly {
        ingress::not_accepted(world);
    }
    verdict.into()
}

/// Runs a case on the host.
///
/// # Panics
/// Where the outcome is not the one expected.
pub fn check_on_host(case: &Case) {
    let name = case.name;
    let world = case.scene.world();
    let mut frame = case.frame.clone();
    let verdict = if case.leaving {
        match out::judge(&frame, &world, IFINDEX, None) {
            out::Verdict::Drop => Verdict::Drop,
            out::Verdict::Rewrite(rewrite) => {
                frame = rewritten(frame, &rewrite);
                Verdict::Pass
            }
            // The whole frame is visible here: no more to show.
            out::Verdict::Pass | out::Verdict::ShowMore => Verdict::Pass,
        }
    } else {
        arrive(&mut frame, &world)
    };
    assert_eq!(verdict, case.verdict, "{name}");
    let (mut counted, mut expected) = (world.take_counts(), case.counts.clone());
    counted.sort_by_key(|cause| *cause as u32);
    expected.sort_by_key(|cause| *cause as u32);
    assert_eq!(counted, expected, "{name}");
    let told: Vec<Told> = world.take_events().iter().map(Told::by).collect();
    assert_eq!(told, Vec::from_iter(case.told), "{name}");
    match &case.answer {
        Some(answer) => assert_eq!(&frame, answer, "{name}"),
        None => assert_eq!(frame, case.frame, "{name}: left untouched"),
    }
    for (index, before) in case.scene.gates.iter().enumerate() {
        let index = u32::try_from(index).expect("few gates");
        let gate = world.gate_at(index);
        case.check_gate(
            index,
            before.revoked_epoch,
            gate.revoked_epoch,
            gate.revoked_by_priority,
        );
    }
}

impl Case {
    /// Checks what became of a gate's revocation.
    ///
    /// # Panics
    /// Where it is not as expected.
    pub fn check_gate(&self, index: u32, before: u64, revoked_epoch: u64, by_priority: u8) {
        let name = self.name;
        match self.revoked {
            Some((gate, priority)) if gate == index => {
                let epoch = self.scene.gates[index as usize].epoch;
                assert_eq!(revoked_epoch, epoch, "{name}: gate {index} is shut");
                assert_eq!(by_priority, priority, "{name}");
            }
            _ => assert_eq!(revoked_epoch, before, "{name}: gate {index} is left alone"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{all, check_on_host};
    use std::collections::HashSet;
    use vrrp_common::counter::Cause;

    #[test]
    fn every_case_holds() {
        for case in all() {
            check_on_host(&case);
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names = HashSet::new();
        for case in all() {
            assert!(names.insert(case.name), "{} twice", case.name);
        }
    }

    /// A cause without a case is a counter nobody has ever seen move. Some need a full
    /// table or a flood, or are the daemon's to judge, and have tests of their own.
    #[test]
    fn every_cause_has_a_case() {
        let cases = all();
        for cause in Cause::ALL {
            let elsewhere = matches!(
                cause,
                Cause::PeerTableFull
                    | Cause::EventLost
                    | Cause::EventDeferred
                    | Cause::DropOverBudget
                    | Cause::DropUnverified
                    | Cause::DropAuthHash
                    | Cause::DropAuthReplayed
                    | Cause::DropAuthStale
                    | Cause::DropAuthKey
                    | Cause::DropAuthForm
            );
            let seen = cases.iter().any(|case| case.counts.contains(cause));
            assert!(seen != elsewhere, "{cause:?}");
        }
    }
}
