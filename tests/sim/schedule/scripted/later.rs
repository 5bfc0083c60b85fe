//! Situations about intervals, priorities, groups, unicast and stalls.

use super::super::{Cluster, Fault, Schedule, Trouble, Who, chaos};
use crate::{
    fault::{Death, Held},
    fixture,
    node::{Refused, Stage},
    rng::Rng,
    world::{TrueNs, ns},
};
use core::time::Duration;

impl Schedule {
    /// V2. The owner's interval becomes a tenth, at any moment of its reign or of
    /// its claim. It stalls after the first advert that says so has left, or dies
    /// soon after that: a peer counts the short interval from there.
    pub(super) fn retimed(&mut self, rng: &mut Rng, mut at: TrueNs) -> TrueNs {
        let interval = ns(self.interval);
        let short = (self.interval / 10).max(Duration::from_millis(10));
        let nodes = self.configs.len();
        if rng.chance(20) {
            return self.lengthened(rng, at);
        }
        if rng.chance(70) {
            // In the middle of a claim: before the event loop knows that the burst
            // has left, or before it is told that the claim may open.
            let gone = rng.within(6 * interval, 8 * interval);
            self.meet(at, Who::Active, Trouble::Kill, gone);
            let slow = rng.within(interval / 2, interval);
            for node in 0..nodes {
                let stage = rng.pick(&[Stage::Report, Stage::Report, Stage::StoreLease]);
                let trap = Trouble::Trap(stage, Held::Thread, None);
                self.meet(at, Who::Node(node), trap, slow);
            }
            at += rng.within(2 * interval, 5 * interval);
        }
        for node in 0..nodes {
            self.meet(at, Who::Node(node), Trouble::Retime(short), 0);
            let stage = rng.pick(&[Stage::Results, Stage::Results, Stage::SendFirst]);
            let death = Death {
                after_ns: rng.within(0, 2 * ns(short)),
                gone_ns: rng.within(3 * interval, 5 * interval),
            };
            let stall = rng.within(ns(short), 4 * interval);
            if rng.chance(50) {
                let trap = Trouble::Trap(stage, Held::Thread, Some(death));
                self.meet(at, Who::Node(node), trap, stall);
            }
        }
        self.interval = short;
        at + 14 * interval
    }

    /// V2. Everybody's interval becomes ten times as long, and the owner dies at some
    /// moment of the change.
    fn lengthened(&mut self, rng: &mut Rng, at: TrueNs) -> TrueNs {
        let interval = ns(self.interval);
        let dies = at + rng.within(0, 6 * interval);
        for node in 0..self.configs.len() {
            let reads = at + rng.within(0, interval);
            self.meet(
                reads,
                Who::Node(node),
                Trouble::Retime(self.interval * 10),
                0,
            );
        }
        self.interval *= 10;
        let gone = rng.within(4 * ns(self.interval), 7 * ns(self.interval));
        self.meet(dies, Who::Active, Trouble::Kill, gone);
        dies + gone + 2 * ns(self.interval)
    }

    /// V2. The strongest router advertises a tenth as often as the others. It starts
    /// again, and claims while the owner still speaks: a third may hear the owner's
    /// last advert after the claim, and counts the short interval from there.
    pub(super) fn slower(&mut self, cluster: &Cluster, rng: &mut Rng, at: TrueNs) -> TrueNs {
        let strongest = cluster.nodes - 1;
        let down = ns(cluster.down(strongest));
        if cluster.slow_nodes > 1 {
            // It goes: the second and the third, which is fast, claim together.
            let at = at + 2 * down;
            let gone = rng.within(2 * down, 3 * down);
            self.meet(at, Who::Node(strongest), chaos::goes(rng), gone);
            return at + gone;
        }
        let gone = rng.within(down, down + 5 * ns(self.interval));
        self.meet(at, Who::Node(strongest), Trouble::Kill, gone);
        at + gone + 2 * down
    }

    /// The owner is made weaker, and stronger again before the other has claimed.
    /// Both speak at about the same moment, and neither has heard of it yet.
    pub(super) fn raised(&mut self, rng: &mut Rng, mut at: TrueNs) -> TrueNs {
        let interval = ns(self.interval);
        for _ in 0..12 {
            self.meet(at, Who::Active, Trouble::Reload(100), 0);
            let again = at + rng.within(interval / 2, 3 * interval);
            self.meet(again, Who::Active, Trouble::Reload(254), 0);
            let stage = rng.pick(&[Stage::Timeout, Stage::SendFirst, Stage::QueueUpdate]);
            let busy = again + rng.within(0, 2 * interval);
            let trap = Trouble::Trap(stage, Held::Thread, None);
            self.meet(busy, Who::Active, trap, rng.within(50_000, 1_000_000));
            at = again + rng.within(3 * interval, 6 * interval);
        }
        at
    }

    /// V9. A stranger's priority 0 is no news, though the owner's event loop, which
    /// would contradict at once who claims because of it, is held up.
    pub(super) fn stray(&mut self, cluster: &Cluster, rng: &mut Rng, at: TrueNs) -> TrueNs {
        let interval = ns(self.interval);
        let stall = rng.within(interval, 2 * interval);
        self.meet(at, Who::Active, Trouble::StallLoop, stall);
        for _ in 0..3 {
            let vrid = u8::try_from(rng.within(1, cluster.vrids.into())).unwrap_or(1);
            let when = at + rng.within(0, stall);
            self.faults.push((when, Fault::Stray { vrid }));
        }
        at + stall + interval
    }

    /// V10. Each is the stronger one at something. The owner goes for a while.
    pub(super) fn mixed(&mut self, rng: &mut Rng, at: TrueNs) -> TrueNs {
        let interval = ns(self.interval);
        let gone = rng.within(interval, 8 * interval);
        match rng.within(0, 2) {
            0 => self.meet(at, Who::Active, chaos::goes(rng), gone),
            1 => {
                let refused = Refused::Vrid(rng.pick(&[1, 2]));
                self.meet(at, Who::Active, Trouble::SendsFail(refused), gone);
            }
            _ => self.meet(at, Who::Active, Trouble::StallSender, gone),
        }
        at + gone + 2 * interval
    }

    /// V11. What the owner sends to one of its peers is refused.
    pub(super) fn one_peer(&mut self, rng: &mut Rng, at: TrueNs) -> TrueNs {
        let interval = ns(self.interval);
        let lasts = rng.within(3 * interval, 8 * interval);
        let peer = u8::try_from(rng.within(1, self.configs.len() as u64 - 1)).unwrap_or(1);
        let refused = Refused::To(fixture::host(peer));
        self.meet(at, Who::Active, Trouble::SendsFail(refused), lasts);
        if rng.chance(30) {
            let dies = at + rng.within(0, lasts);
            self.meet(dies, Who::Active, Trouble::Kill, 5 * interval);
        }
        at + lasts + 7 * interval
    }

    /// Nobody preempts. The owner stalls, at any effect or at once, for about as
    /// long as its peers wait.
    pub(super) fn stalled(&mut self, rng: &mut Rng, at: TrueNs) -> TrueNs {
        let interval = ns(self.interval);
        let stall = rng.within(interval, 9 * interval);
        let trouble = match rng.within(0, 5) {
            0 => Trouble::StallSender,
            1 | 2 => Trouble::StallNode,
            // With an advert in hand, while the event loop goes on.
            3 | 4 => Trouble::Trap(Stage::SendFirst, Held::Thread, None),
            _ => chaos::some_trap(rng),
        };
        self.meet(at, Who::Active, trouble, stall);
        at + stall + 2 * interval
    }

    /// V7. The daemon stalls with an advert in hand until it may not send any more,
    /// and is allowed to again before it knows what became of that. Then it dies.
    pub(super) fn silenced(&mut self, rng: &mut Rng, at: TrueNs) -> TrueNs {
        let interval = ns(self.interval);
        let permit = ns(self.permit);
        let death = Death {
            after_ns: rng.within(50_000, interval),
            gone_ns: rng.within(4 * interval, 7 * interval),
        };
        let trap = Trouble::Trap(Stage::SendFirst, Held::Node, Some(death));
        let stall = rng.within(permit / 2, permit + interval / 10);
        self.meet(at, Who::Active, trap, stall);
        at + stall + 10 * interval
    }

    /// V13. The owner ends, in some way, and is back within its lease or about its
    /// end, perhaps with another configuration, and stalls at some step of that.
    pub(super) fn resumed(&mut self, rng: &mut Rng, mut at: TrueNs) -> TrueNs {
        let interval = ns(self.interval);
        if interval > 10_000_000 && !self.is_version_2() && rng.chance(40) {
            return self.resumed_shorter(rng, at);
        }
        for _ in 0..rng.within(1, 3) {
            let ends = rng.pick(&[Trouble::Kill, Trouble::Kill, Trouble::Quit]);
            let gone = rng.within(0, 3 * interval);
            if rng.chance(40) {
                let trouble = match rng.within(0, 2) {
                    0 if !self.is_version_2() => {
                        Trouble::Retime((self.interval / 10).max(Duration::from_millis(10)))
                    }
                    _ => Trouble::Reload(u8::try_from(rng.within(1, 254)).unwrap_or(1)),
                };
                let reads = at - rng.within(0, 60_000);
                if let Trouble::Retime(short) = trouble {
                    for node in 0..self.configs.len() {
                        self.meet(reads, Who::Node(node), trouble.clone(), 0);
                    }
                    self.interval = short;
                } else {
                    self.meet(reads, Who::Active, trouble, 0);
                }
            }
            for node in 0..self.configs.len() {
                if rng.chance(40) {
                    let (trap, stall) = (chaos::some_trap(rng), rng.within(10_000, 3 * interval));
                    self.meet(at, Who::Node(node), trap, stall);
                }
            }
            self.meet(at, Who::Active, ends, gone);
            if rng.chance(30) {
                let again = at + gone + rng.within(100_000, interval);
                self.meet(again, Who::Active, Trouble::Kill, 4 * interval);
                at = again + 4 * interval;
            }
            at += gone + rng.within(interval, 6 * interval);
        }
        at + 3 * interval
    }

    /// V2, V13. The owner dies when its record says a shorter interval already and no
    /// advert has. Its successor stalls after the first that does.
    fn resumed_shorter(&mut self, rng: &mut Rng, at: TrueNs) -> TrueNs {
        let interval = ns(self.interval);
        let short = (self.interval / 10).max(Duration::from_millis(10));
        let trap = Trouble::Trap(Stage::QueueUpdate, Held::Thread, None);
        self.meet(at, Who::Active, trap, interval);
        for node in 0..self.configs.len() {
            self.meet(at + 1, Who::Node(node), Trouble::Retime(short), 0);
        }
        let dies = at + rng.within(1_000_000, interval / 2);
        let gone = rng.within(100_000, interval / 2);
        self.meet(dies, Who::Active, Trouble::Kill, gone);
        for node in 0..self.configs.len() {
            let death = Death {
                after_ns: rng.within(50_000, ns(short)),
                gone_ns: 4 * interval,
            };
            let stage = rng.pick(&[Stage::Results, Stage::SendNext]);
            let trap = Trouble::Trap(stage, Held::Thread, Some(death));
            let stall = rng.within(ns(short), 3 * interval);
            self.meet(dies + gone, Who::Node(node), trap, stall);
        }
        self.interval = short;
        dies + gone + 9 * interval
    }

    /// A router starts and stalls before it has told the kernel what to listen to,
    /// or a backup is killed and started again: it knows nobody, and its peers have
    /// nothing new to say.
    pub(super) fn starting(&mut self, rng: &mut Rng, at: TrueNs) -> TrueNs {
        let interval = ns(self.interval);
        let mut latest = at;
        for node in 0..self.configs.len() {
            if rng.chance(60) {
                let gone = rng.within(interval, 5 * interval);
                let stall = rng.within(interval / 2, 7 * interval);
                let starts = at + rng.within(0, 4 * interval);
                let ends = rng.pick(&[Trouble::Kill, Trouble::Reboot]);
                self.meet(starts, Who::Node(node), ends, gone);
                let stage = rng.pick(&[
                    Stage::Inherit,
                    Stage::WriteRouter,
                    Stage::WriteRouter,
                    Stage::WriteVips,
                    Stage::TurnEnd,
                ]);
                let held = rng.pick(&[Held::Thread, Held::Node]);
                if rng.chance(70) {
                    let trap = Trouble::Trap(stage, held, None);
                    self.meet(starts + 1, Who::Node(node), trap, stall);
                }
                latest = latest.max(starts + gone + stall + interval);
            }
        }
        latest
    }
}
