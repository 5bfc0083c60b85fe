//! What happens in one run, all of it drawn from a seed.

mod chaos;
mod cluster;
mod scripted;
mod settings;

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
/// everything about it drawn at random; most go on as the first does.
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
    /// V1: clocks as unequal as is assumed, and intervals so long that it shows.
    Drift,
    /// V2: the owner's interval is shortened, and it stalls or dies at once.
    Retimed,
    /// V2: a router with a longer interval takes over from one that still speaks.
    Slower,
    /// V5: the owner is made weaker, and stronger again, while another claims.
    Raised,
    /// V9: a stranger resigns while the owner cannot object.
    Stray,
    /// V10: of two members of a group each node is better at one.
    Mixed,
    /// V11: adverts leave for some unicast peers only.
    OnePeer,
    /// An owner that does not want to preempt stalls for longer than its lease.
    Stalled,
    /// A router starts, or is restarted, and stalls before it listens.
    Starting,
    /// V13: the owner is started again within its lease, or about its end.
    Resumed,
    /// V7: the permission ends while an advert is in hand, and begins again.
    Silenced,
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
    /// What tc drops is reported as sent.
    pub(crate) drops_silently: bool,
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
        let kind = rng.pick(&settings::KINDS);
        let cluster = Cluster::random(kind, &mut rng);
        let down = ns(cluster.longest_down());
        let preempt_delay = ns(cluster.preempt_delay);
        let mut schedule = Self {
            kind,
            loss_tolerance: cluster.loss_tolerance,
            start_spread_ns: if kind != Kind::Chaos || rng.chance(50) {
                0
            } else {
                6 * ns(cluster.interval)
            },
            delay_ns: settings::delay_ns(kind, &mut rng),
            loss_percent: settings::loss_percent(kind, &mut rng),
            duplicate_percent: rng.pick(&[0, 5]),
            ring_room: rng.pick(&[64, 64, 1, 0]),
            drops_silently: rng.chance(50),
            permit: settings::permit(kind, cluster.interval, &mut rng),
            peers: cluster.peers.clone(),
            ..Self::quiet(seed, cluster.configs(), cluster.interval)
        };
        let mut at = schedule.start_spread_ns + down;
        let mut latest = at;
        if kind != Kind::Chaos {
            let ended = schedule.script(&cluster, &mut rng, at);
            latest = ended;
            at = ended;
        }
        // A script may have changed the pace.
        let down = down.max(4 * ns(schedule.interval));
        let more = settings::more_faults(kind, &mut rng);
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
            drops_silently: false,
            grace_ns: 16 * ns(interval),
            calm_from_ns: 0,
            end_ns: 20 * ns(interval),
        }
    }

    /// How much faster than the true time node `index` counts, in parts per million.
    pub(crate) fn ppm(&self, rng: &mut Rng, index: usize) -> i64 {
        let drawn = i64::try_from(rng.within(0, 200)).unwrap_or(0) - 100;
        match self.kind {
            // The strongest is slow.
            Kind::Drift if index + 1 == self.configs.len() => -100,
            Kind::Drift => 100,
            _ => rng.pick(&[-100, 100, drawn, drawn]),
        }
    }

    /// A lease is renewed when it is all but over: its gate shuts for a moment
    /// every interval, which the documentation calls the price.
    pub(crate) fn flaps(&self) -> bool {
        let adverts = self.configs[0].instances[0].down_timer_adverts.min(3);
        adverts < self.loss_tolerance + 2
    }

    /// `trouble` for `who` at `at`, for `ns`.
    fn meet(&mut self, at: TrueNs, who: Who, trouble: Trouble, ns: u64) {
        self.faults.push((at, Fault::Node { who, trouble, ns }));
    }

    fn stations(&self) -> usize {
        self.configs.len() + self.peers.len()
    }
}
