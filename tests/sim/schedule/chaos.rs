//! Whatever may happen, in any order.

use super::{Fault, Schedule, Trouble, Who};
use crate::{
    fault::{Held, StockTrouble},
    fixture,
    node::{Refused, Stage},
    rng::Rng,
    world::{TrueNs, ns},
};
use core::time::Duration;
use vrrp_user::config::model::Version;

impl Schedule {
    /// `count` times some trouble from `at` on. Returns when all has ended.
    pub(super) fn chaos(&mut self, rng: &mut Rng, mut at: TrueNs, count: u64, down: u64) -> TrueNs {
        let interval = ns(self.interval);
        let mut latest = at;
        for _ in 0..count {
            at += rng.within(0, 3 * interval);
            let (fault, lasts) = self.fault(rng);
            latest = latest.max(at + lasts);
            self.faults.push((at, fault));
            if rng.chance(35) {
                // Trouble comes in pairs: something else in the middle of it.
                let (fault, lasts) = self.fault(rng);
                let soon = at + rng.within(0, interval);
                latest = latest.max(soon + lasts);
                self.faults.push((soon, fault));
            }
            if rng.chance(40) {
                latest = latest.max(self.handover(rng, at));
            }
            at += rng.within(0, down);
        }
        latest.max(at)
    }

    fn fault(&self, rng: &mut Rng) -> (Fault, u64) {
        let interval = ns(self.interval);
        let nodes = self.configs.len();
        let node = usize::try_from(rng.within(0, nodes as u64 - 1)).unwrap_or(0);
        let who = if rng.chance(35) {
            Who::Active
        } else {
            Who::Node(node)
        };
        let stall = some_stall(rng, interval);
        let trouble = match rng.within(0, 28) {
            0 => Trouble::StallLoop,
            1 => Trouble::StallSender,
            2 => Trouble::StallNode,
            3..=9 => some_trap(rng),
            10..=11 => Trouble::Kill,
            12 => Trouble::Reboot,
            13..=14 => Trouble::Terminate,
            15 => Trouble::LinkDown,
            16..=17 => {
                let pairs = self.one_way(rng, node);
                return (Fault::Cut { pairs, ns: stall }, stall.max(interval));
            }
            18 => {
                let pairs = self.isolate(node);
                return (Fault::Cut { pairs, ns: stall }, stall.max(interval));
            }
            19 => Trouble::Script,
            20 => Trouble::SendsFail(self.refused(rng)),
            21 if !self.peers.is_empty() => {
                let trouble = rng.pick(&[StockTrouble::Restart, StockTrouble::Stop]);
                let fault = Fault::Peer {
                    peer: 0,
                    trouble,
                    ns: stall,
                };
                return (fault, stall.max(interval));
            }
            22 => return (Fault::Stray { vrid: 1 }, interval),
            25..=26 if self.configs[node].instances.len() > 1 => Trouble::Regroup,
            // Version 2 does not speak to other intervals.
            27..=28 => Trouble::Quit,
            23..=24 if !self.is_version_2() => Trouble::Retime(self.other_interval(rng)),
            _ => Trouble::Reload(u8::try_from(rng.within(1, 254)).unwrap_or(1)),
        };
        let fault = Fault::Node {
            who,
            trouble,
            ns: stall,
        };
        (fault, stall.max(interval))
    }

    /// The Active goes, and somebody stalls at a bad moment of it. Returns when
    /// that has ended.
    fn handover(&mut self, rng: &mut Rng, at: TrueNs) -> TrueNs {
        let interval = ns(self.interval);
        let short = rng.pick(&[interval / 20, interval / 2, interval]);
        let claim = rng.pick(&[
            Stage::TakeClaim,
            Stage::RaiseEpoch,
            Stage::Decide,
            Stage::QueueClaim,
        ]);
        let last = rng.pick(&[
            Stage::QueueCease,
            Stage::Results,
            Stage::WithdrawPermit,
            Stage::QueueOther,
        ]);
        for node in 0..self.configs.len() {
            let stall = rng.within(10_000, short);
            let trap = Trouble::Trap(claim, Held::Thread, None);
            self.meet(at, Who::Node(node), trap, stall);
        }
        let stall = rng.within(10_000, short);
        let trap = Trouble::Trap(last, Held::Thread, None);
        self.meet(at, Who::Active, trap, stall);
        let gone = rng.within(interval, 6 * interval);
        let leaves = at + rng.within(0, 2 * interval);
        self.meet(leaves, Who::Active, goes(rng), gone);
        leaves + gone + 2 * interval
    }

    pub(super) fn is_version_2(&self) -> bool {
        self.configs[0].instances[0].version == Version::V2
    }

    /// Not far from what most have: who starts counts its own intervals until it has
    /// heard an advert, and m + 1 of the owner's must fit into N of those.
    fn other_interval(&self, rng: &mut Rng) -> Duration {
        if self.loss_tolerance > 1 {
            return self.interval;
        }
        let shorter = (self.interval * 9 / 10).max(Duration::from_millis(10));
        rng.pick(&[shorter, self.interval, self.interval * 6 / 5])
    }

    fn refused(&self, rng: &mut Rng) -> Refused {
        let node = u8::try_from(rng.within(1, self.configs.len() as u64)).unwrap_or(1);
        rng.pick(&[
            Refused::Everything,
            Refused::To(fixture::host(node)),
            Refused::Vrid(1),
        ])
    }

    fn one_way(&self, rng: &mut Rng, node: usize) -> Vec<(usize, usize)> {
        let outgoing = rng.chance(50);
        let others = (0..self.stations()).filter(|&other| other != node);
        others
            .map(|other| {
                if outgoing {
                    (node, other)
                } else {
                    (other, node)
                }
            })
            .collect()
    }

    fn isolate(&self, node: usize) -> Vec<(usize, usize)> {
        let others = (0..self.stations()).filter(|&other| other != node);
        others
            .flat_map(|other| [(node, other), (other, node)])
            .collect()
    }
}

/// Most stalls are about as long as what they could break.
fn some_stall(rng: &mut Rng, interval: u64) -> u64 {
    match rng.within(0, 3) {
        0 => rng.within(10_000, 3_000_000),
        1 => rng.within(0, interval),
        2 => rng.within(interval, 4 * interval),
        _ => rng.within(2 * interval, 8 * interval),
    }
}

/// A stall before any effect of either thread.
pub(super) fn some_trap(rng: &mut Rng) -> Trouble {
    let stage = if rng.chance(50) {
        rng.pick(&Stage::OF_LOOP)
    } else {
        rng.pick(&Stage::OF_SENDER)
    };
    Trouble::Trap(
        stage,
        rng.pick(&[Held::Thread, Held::Thread, Held::Node]),
        None,
    )
}

/// In one way or another.
pub(super) fn goes(rng: &mut Rng) -> Trouble {
    rng.pick(&[Trouble::Terminate, Trouble::Kill, Trouble::Quit])
}
