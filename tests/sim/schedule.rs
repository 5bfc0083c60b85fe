//! What happens in one run, all of it drawn from a seed.

mod chaos;
mod cluster;
mod scripted;

use crate::{
    fault::{Fault, Trouble, Who},
    peer::StockPeer,
    rng::Rng,
    world::{TrueNs, ns},
};
use cluster::Cluster;
use core::time::Duration;
use vrrp_user::config::model::{Config, Lease};

/// What a schedule is mostly about. Each but the first begins with the one
/// situation in which some rule is all that stands between two owners, with
/// everything about it drawn at random, and goes on as the first does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Whatever may happen.
    Chaos,
    /// V4: two claim at once, and one stalls between its last look and its epoch.
    Race,
    /// V7: the result of a send is late, the next advert is lost, the owner dies.
    LateResult,
    /// V8: the owner stalls in the middle of giving up.
    Resignation,
    /// V1, V3, V7: the owner's last adverts are lost, or were refused.
    LastWords,
    /// V5, V6: a stronger router comes back while the owner is busy.
    Return,
    /// V4, V5: a stronger router comes back, and is made a weaker one.
    Demotion,
}

#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) seed: u64,
    pub(crate) kind: Kind,
    /// Adverts in a row that may be lost (m).
    pub(crate) loss_tolerance: u8,
    pub(crate) permit: Duration,
    pub(crate) interval: Duration,
    pub(crate) configs: Vec<Config>,
    pub(crate) peers: Vec<StockPeer>,
    pub(crate) faults: Vec<(TrueNs, Fault)>,
    pub(crate) start_spread_ns: u64,
    /// D.
    pub(crate) delay_ns: u64,
    pub(crate) loss_percent: u64,
    pub(crate) duplicate_percent: u64,
    /// Records the ring buffer takes while the event loop does not look.
    pub(crate) ring_room: usize,
    /// From a heal until two gates must not be open any more.
    pub(crate) grace_ns: u64,
    /// Faults have ended and everybody has been started again.
    pub(crate) calm_from_ns: TrueNs,
    /// By then one and only one must be Active.
    pub(crate) end_ns: TrueNs,
}

impl Schedule {
    /// Between xvrrp nodes, and sometimes a stock peer beside them.
    pub(crate) fn random(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let kind = rng.pick(&[
            Kind::Chaos,
            Kind::Chaos,
            Kind::Chaos,
            Kind::Chaos,
            Kind::Race,
            Kind::Race,
            Kind::LateResult,
            Kind::LateResult,
            Kind::Resignation,
            Kind::LastWords,
            Kind::Return,
            Kind::Return,
            Kind::Demotion,
        ]);
        let cluster = Cluster::random(kind, &mut rng);
        let down = ns(cluster.longest_down());
        let preempt_delay = ns(cluster.preempt_delay);
        let mut schedule = Self {
            kind,
            start_spread_ns: if kind != Kind::Chaos || rng.chance(50) {
                0
            } else {
                6 * ns(cluster.interval)
            },
            delay_ns: rng.within(50_000, 450_000),
            loss_percent: rng.pick(match kind {
                Kind::Chaos => &[0, 10, 30, 50],
                // One advert has to be lost, or what it says is known in time.
                Kind::LateResult | Kind::Return => &[30, 40, 50, 50],
                _ => &[0, 30, 50, 50],
            }),
            duplicate_percent: rng.pick(&[0, 5]),
            ring_room: rng.pick(&[64, 64, 1, 0]),
            ..Self::quiet(seed, cluster.configs(), cluster.interval)
        };
        // A lease of N adverts of which m may be lost is renewed m + 1 intervals
        // after its oldest: with two adverts nothing may be lost.
        schedule.loss_tolerance = cluster.down_adverts - 2;
        for config in &mut schedule.configs {
            config.global.lease.loss_tolerance = schedule.loss_tolerance;
        }
        schedule.peers.clone_from(&cluster.peers);
        let mut at = schedule.start_spread_ns + down;
        let mut latest = at;
        if kind != Kind::Chaos {
            let ended = schedule.script(&cluster, &mut rng, at);
            latest = ended;
            at = ended;
        }
        // What was scripted is the point of its kind; a little more may follow.
        let more = if kind == Kind::Chaos {
            rng.within(1, 6)
        } else {
            rng.pick(&[0, 0, 1, 2])
        };
        latest = latest.max(schedule.chaos(&mut rng, at, more, down));
        schedule.faults.sort_by_key(|(at, _)| *at);
        schedule.calm_from_ns = latest;
        schedule.end_ns =
            schedule.calm_from_ns + 8 * down + preempt_delay + 6 * ns(cluster.interval);
        schedule
    }

    /// No faults: two nodes, for timing.
    pub(crate) fn quiet(seed: u64, configs: Vec<Config>, interval: Duration) -> Self {
        Self {
            seed,
            kind: Kind::Chaos,
            loss_tolerance: Lease::default().loss_tolerance,
            permit: (interval * 2).max(Duration::from_millis(20)),
            interval,
            configs,
            peers: Vec::new(),
            faults: Vec::new(),
            start_spread_ns: 0,
            delay_ns: 100_000,
            loss_percent: 0,
            duplicate_percent: 0,
            ring_room: 64,
            grace_ns: 16 * ns(interval),
            calm_from_ns: 0,
            end_ns: 20 * ns(interval),
        }
    }

    /// `trouble` for `who` at `at`, for `ns`.
    fn meet(&mut self, at: TrueNs, who: Who, trouble: Trouble, ns: u64) {
        self.faults.push((at, Fault::Node { who, trouble, ns }));
    }

    fn stations(&self) -> usize {
        self.configs.len() + self.peers.len()
    }
}
