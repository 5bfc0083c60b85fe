//! The situations in which a rule matters, each with the moments and lengths that
//! matter drawn at random around the critical ones.

mod later;

use super::{Cluster, Kind, Schedule, Trouble, Who, chaos::goes};
use crate::{
    fault::{Death, Held},
    node::{Refused, Stage},
    rng::Rng,
    world::{TrueNs, ns},
};

impl Schedule {
    /// Begins at `at`, when there is an owner. Returns when all has ended.
    pub(super) fn script(&mut self, cluster: &Cluster, rng: &mut Rng, at: TrueNs) -> TrueNs {
        let at = at + rng.within(0, 2 * ns(self.interval));
        match self.kind {
            Kind::Chaos => at,
            Kind::Race => self.race(rng, at),
            Kind::LateResult => self.late_result(rng, at),
            Kind::Resignation => self.resignation(rng, at),
            // The second of them at another pace.
            Kind::LastWords | Kind::Drift => self.last_words(rng, at),
            Kind::Return => self.come_back(cluster, rng, at),
            Kind::Demotion => self.demotion(cluster, rng, at),
            Kind::Retimed => self.retimed(rng, at),
            Kind::Slower => self.slower(cluster, rng, at),
            Kind::Raised => self.raised(rng, at),
            Kind::Stray => self.stray(cluster, rng, at),
            Kind::Mixed => self.mixed(rng, at),
            Kind::OnePeer => self.one_peer(rng, at),
            Kind::Stalled => self.stalled(rng, at),
            Kind::Starting => self.starting(rng, at),
            Kind::Resumed => self.resumed(rng, at),
            Kind::Silenced => self.silenced(rng, at),
        }
    }

    /// V4. W's and L's timers end together. L reads the stamps, W's burst arrives,
    /// L's epoch begins: no gate was claimed for the kernel to revoke. Both burst,
    /// both hold. L hears W again only after an interval, if W's answer is lost or
    /// W does not own yet; only another look at the stamps tells L. The ring buffer
    /// does not, where it is full, or where W was heard in this form before: so
    /// either it has little room, or W is an owner that has just started again.
    fn race(&mut self, rng: &mut Rng, at: TrueNs) -> TrueNs {
        let interval = ns(self.interval);
        let (begins, gone) = match rng.within(0, 2) {
            // at the start
            0 => (0, 0),
            // when the owner goes for good
            1 => (at, rng.within(4 * interval, 7 * interval)),
            // when the owner comes back at once
            _ => (at, rng.within(10_000, interval / 2)),
        };
        let (shortest, longest) = rng.pick(&[(50_000, 1_500_000), (50_000, interval * 9 / 10)]);
        for node in 0..self.configs.len() {
            let stage = rng.pick(&[
                Stage::TakeClaim,
                Stage::EndLease,
                Stage::RaiseEpoch,
                Stage::Decide,
                Stage::QueueClaim,
                Stage::WritePermit,
            ]);
            let stall = rng.within(shortest, longest);
            if rng.chance(60) {
                let trap = Trouble::Trap(stage, Held::Thread, None);
                self.meet(begins, Who::Node(node), trap, stall);
            }
        }
        if gone > 0 {
            self.meet(begins, Who::Active, goes(rng), gone);
        }
        begins + gone + 6 * interval
    }

    /// V7. An advert leaves at w, but its send returns X later. The next advert is
    /// lost. Then the owner dies. Its lease counts from the older of the two: from
    /// before w. Counted from w + X it would outlive the peer's timer, which ends
    /// at w + delay + N x I + skew, whenever X is more than delay, skew and hold.
    /// X is less than two intervals, or the lease has ended before the send has.
    fn late_result(&mut self, rng: &mut Rng, at: TrueNs) -> TrueNs {
        let interval = ns(self.interval);
        let of_a_claim = self.configs.len() > 2 && rng.chance(40);
        let mut trap = |schedule: &mut Self, at, who| {
            let stall = rng.within(interval / 10, interval * 19 / 10);
            let death = Death {
                after_ns: rng.within(0, interval * 12 / 10),
                gone_ns: rng.within(4 * interval, 7 * interval),
            };
            schedule.meet(
                at,
                who,
                Trouble::Trap(Stage::Results, Held::Thread, Some(death)),
                stall,
            );
        };
        if !of_a_claim {
            // any of its adverts
            trap(self, at, Who::Active);
            return at + 11 * interval;
        }
        // one of a claim's burst
        for node in 0..self.configs.len() {
            trap(self, at, Who::Node(node));
        }
        let gone = 5 * interval;
        self.meet(at, Who::Active, Trouble::Kill, gone);
        at + 15 * interval
    }

    /// V8. The owner shuts its gate before it sends priority 0. Were the gate shut
    /// after it, a stall in between of more than the peer's skew and hold, but less
    /// than what is left of the lease, would leave two gates open.
    fn resignation(&mut self, rng: &mut Rng, at: TrueNs) -> TrueNs {
        let interval = ns(self.interval);
        let stall = rng.within(interval / 10, 3 * interval);
        let gone = rng.within(4 * interval, 8 * interval);
        let after_close = rng.pick(&[Stage::Close, Stage::WithdrawPermit, Stage::QueueCease]);
        self.meet(
            at,
            Who::Active,
            Trouble::Trap(after_close, Held::Thread, None),
            stall,
        );
        self.meet(at, Who::Active, Trouble::Terminate, gone);
        at + stall + gone + 2 * interval
    }

    /// V1. The owner dies after an advert that the peers lost: they count from the
    /// one before. V3: whether they wait for three adverts or for two. V7: or its
    /// last sends have failed.
    fn last_words(&mut self, rng: &mut Rng, at: TrueNs) -> TrueNs {
        let interval = ns(self.interval);
        let gone = rng.within(4 * interval, 8 * interval);
        let dies = at + rng.within(0, 4 * interval);
        if rng.chance(40) {
            self.meet(
                at,
                Who::Active,
                Trouble::SendsFail(Refused::Everything),
                dies + interval - at,
            );
        }
        self.meet(dies, Who::Active, Trouble::Kill, gone);
        dies + gone + 2 * interval
    }

    /// V5, V6. The strongest router starts again, and claims after its down
    /// interval. Its adverts shut the gate of whoever owns by then, in the kernel;
    /// a lease that is written after that reopens nothing; and an owner that has
    /// just been made stronger does not judge by a priority nobody has heard of.
    fn come_back(&mut self, cluster: &Cluster, rng: &mut Rng, at: TrueNs) -> TrueNs {
        let interval = ns(self.interval);
        let strongest = cluster.nodes - 1;
        let gone = rng.within(5 * interval, 7 * interval);
        self.meet(at, Who::Node(strongest), goes(rng), gone);
        let claims = at + gone + ns(cluster.down(strongest));
        let stall = rng.within(interval / 2, 2 * interval);
        let trouble = match rng.within(0, 9) {
            0..=3 => {
                let stage = rng.pick(&[Stage::StoreLease, Stage::CheckLease]);
                Trouble::Trap(stage, Held::Thread, None)
            }
            4..=7 => Trouble::Reload(u8::try_from(rng.within(220, 254)).unwrap_or(254)),
            8 => Trouble::StallSender,
            _ => Trouble::StallLoop,
        };
        let busy = claims - rng.within(0, interval * 12 / 10);
        self.meet(busy, Who::Active, trouble, stall);
        claims + stall + 2 * interval
    }

    /// The strongest router starts again and discards the owner's adverts, to
    /// preempt it. Then it is made the weaker one, while the owner is silent but
    /// well within its lease: its claim would not shut the owner's gate, so it has
    /// to wait for the adverts it discarded.
    fn demotion(&mut self, cluster: &Cluster, rng: &mut Rng, at: TrueNs) -> TrueNs {
        let interval = ns(self.interval);
        let strongest = Who::Node(cluster.nodes - 1);
        let gone = rng.within(5 * interval, 7 * interval);
        self.meet(at, strongest, goes(rng), gone);
        let starts = at + gone;
        let claims = starts + ns(cluster.down(cluster.nodes - 1));
        let stall = rng.within(interval, 3 * interval);
        let silent = starts + rng.within(interval, 3 * interval);
        self.meet(silent, Who::Active, Trouble::StallSender, stall);
        if rng.chance(50) {
            let stall = rng.within(interval / 10, interval);
            let trap = Trouble::Trap(Stage::TakeClaim, Held::Thread, None);
            self.meet(starts, strongest, trap, stall);
        }
        let demoted = rng.within(silent, claims.max(silent) + interval / 2);
        let weaker = u64::from(cluster.priorities[0]).saturating_sub(rng.within(0, 20));
        let weaker = u8::try_from(weaker.max(1)).unwrap_or(1);
        self.meet(demoted, strongest, Trouble::Reload(weaker), 0);
        demoted + stall + 4 * interval
    }
}
