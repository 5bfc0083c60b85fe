//! Who takes part in a schedule, and how they are configured.

use super::Kind;
use crate::{fixture, peer::StockPeer, rng::Rng, world::ns};
use core::time::Duration;
use vrrp_user::{
    config::model::{Config, Version},
    election::timers,
};

/// The last node has the greatest address, and mostly the highest priority.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    pub(super) interval: Duration,
    pub(super) version: Version,
    pub(super) nodes: usize,
    pub(super) preempt_delay: Duration,
    pub(super) vrids: u8,
    pub(super) peers: Vec<StockPeer>,
    grouping: Grouping,
    scripted: bool,
    nopreempt: bool,
    unicast: bool,
    /// So many of the strongest advertise a tenth as often.
    pub(super) slow_nodes: usize,
    pub(super) priorities: Vec<u8>,
    /// `down_timer_adverts`.
    pub(super) down_adverts: u8,
    /// m.
    pub(super) loss_tolerance: u8,
}

/// How instances belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grouping {
    Alone,
    Group,
    /// A group whose members have unlike priorities.
    Mixed,
}

impl Cluster {
    pub(super) fn random(kind: Kind, rng: &mut Rng) -> Self {
        let (version, interval) = pace(kind, rng);
        let chaos = kind == Kind::Chaos;
        let nodes = usize::try_from(match kind {
            Kind::Slower => rng.pick(&[2, 3, 4, 4]),
            Kind::Mixed | Kind::Drift => rng.pick(&[2, 2, 3]),
            Kind::Raised => 2,
            Kind::OnePeer => rng.pick(&[3, 3, 4]),
            _ => rng.pick(&[2, 2, 3, 3, 4, 5]),
        });
        let nodes = nodes.unwrap_or(2);
        let vrids = match kind {
            Kind::Mixed => 2,
            Kind::Slower | Kind::Drift | Kind::Raised => 1,
            _ => rng.pick(&[1, 1, 2]),
        };
        let (down_adverts, loss_tolerance) = match kind {
            Kind::Drift => (3, 0),
            Kind::Slower | Kind::Raised | Kind::Stalled | Kind::LateResult | Kind::Silenced => {
                (3, 1)
            }
            _ => rng.pick(&[
                (3, 1),
                (3, 1),
                (3, 1),
                (3, 1),
                (3, 0),
                (2, 0),
                (2, 0),
                (3, 2),
            ]),
        };
        let unicast = kind == Kind::OnePeer || chaos && rng.chance(20);
        let stock = match kind {
            Kind::Chaos | Kind::LastWords | Kind::LateResult | Kind::Silenced => rng.chance(15),
            Kind::Slower => nodes == 2 || rng.chance(50),
            _ => false,
        };
        let stock = stock && vrids == 1 && !unicast && down_adverts == 3;
        Self {
            interval,
            version,
            nodes,
            vrids,
            priorities: priorities(kind, nodes, rng),
            down_adverts,
            loss_tolerance,
            peers: if stock {
                vec![peer(kind, version, interval, rng)]
            } else {
                Vec::new()
            },
            grouping: match kind {
                Kind::Mixed => Grouping::Mixed,
                _ if vrids > 1 && rng.chance(60) => Grouping::Group,
                _ => Grouping::Alone,
            },
            scripted: chaos && rng.chance(40),
            nopreempt: match kind {
                Kind::Return | Kind::Demotion | Kind::Slower | Kind::Raised => false,
                Kind::Stalled => true,
                _ => rng.chance(25),
            },
            unicast,
            slow_nodes: match kind {
                Kind::Slower if nodes > 3 => 2,
                Kind::Slower => 1,
                _ => 0,
            },
            preempt_delay: if chaos && rng.chance(15) {
                interval * 5
            } else {
                Duration::ZERO
            },
        }
    }

    pub(super) fn configs(&self) -> Vec<Config> {
        (0..self.nodes).map(|node| self.config(node)).collect()
    }

    fn config(&self, node: usize) -> Config {
        let instances = (1..=self.vrids).map(|vrid| {
            let mut it = fixture::instance(vrid, self.priorities[node], self.interval);
            it.version = self.version;
            it.nopreempt = self.nopreempt;
            it.down_timer_adverts = self.down_adverts;
            it.preempt_delay = self.preempt_delay;
            if self.grouping == Grouping::Mixed {
                // One is best at the first, the other at the second.
                it.priority = [[150, 150], [100, 200], [120, 180]][node % 3][usize::from(vrid) - 1];
            }
            if self.slow_nodes > 0 {
                it.advert_interval = self.interval_of(node);
            }
            if self.unicast {
                let others = (0..self.nodes).filter(|other| *other != node);
                let numbers = others.map(|other| u8::try_from(other + 1).unwrap_or(0));
                it.unicast = Some(fixture::unicast(numbers));
            }
            if self.scripted {
                it.track_scripts = vec![fixture::tracked([0, 40, -40, 25][node % 4])];
            }
            it
        });
        let scripts = if self.scripted {
            vec![fixture::script(self.interval * 2)]
        } else {
            Vec::new()
        };
        let mut config = fixture::config(
            instances.collect(),
            scripts,
            self.grouping != Grouping::Alone,
        );
        config.global.lease.loss_tolerance = self.loss_tolerance;
        config
    }

    /// `Active_Down_Interval` of one node, counted with its own interval.
    pub(super) fn down(&self, node: usize) -> Duration {
        let own = self.interval_of(node);
        let adverts = self.down_adverts;
        timers::active_down(self.version, self.priorities[node], own, adverts)
    }

    /// No `Active_Down_Interval` is longer.
    pub(super) fn longest_down(&self) -> Duration {
        timers::active_down(self.version, 0, self.interval_of(self.nodes - 1), 3)
    }

    fn interval_of(&self, node: usize) -> Duration {
        if self.slow_nodes > 0 && node + self.slow_nodes >= self.nodes {
            self.interval * 10
        } else {
            self.interval
        }
    }
}

fn pace(kind: Kind, rng: &mut Rng) -> (Version, Duration) {
    let ms = Duration::from_millis;
    match kind {
        // Only version 2 has a skew that does not grow with the interval.
        Kind::Drift => (Version::V2, ms(rng.pick(&[60_000, 120_000, 250_000]))),
        Kind::Slower | Kind::Raised => (Version::V3, ms(10)),
        Kind::Retimed => (Version::V3, ms(rng.pick(&[100, 1000]))),
        _ => {
            let interval = rng.pick(&[10, 100, 100, 100, 1000]);
            if interval == 1000 && rng.chance(50) {
                // Rounded to a second on the wire.
                (Version::V2, ms(rng.pick(&[1000, 1000, 1400])))
            } else {
                (Version::V3, ms(interval))
            }
        }
    }
}

fn priorities(kind: Kind, nodes: usize, rng: &mut Rng) -> Vec<u8> {
    // Equals and neighbours in priority claim at the same moment.
    let tie = match kind {
        Kind::Slower | Kind::Raised | Kind::Stalled => false,
        Kind::Race => rng.chance(50),
        _ => rng.chance(15),
    };
    let base = match kind {
        Kind::Drift => 250,
        Kind::Raised => 252,
        _ => rng.pick(&[1, 60, 100, 200]),
    };
    let steps: &[u64] = match kind {
        Kind::Race | Kind::Drift | Kind::Raised | Kind::Slower => &[1],
        _ => &[1, 1, 10],
    };
    let mut all: Vec<u8> = (0..nodes)
        .map(|node| {
            let step = u64::try_from(node).unwrap_or(0) * rng.pick(steps);
            u8::try_from(if tie { base } else { (base + step).min(254) }).unwrap_or(1)
        })
        .collect();
    // The owner of the addresses waits for nobody.
    let owner = match kind {
        Kind::Chaos | Kind::Race | Kind::Return => rng.chance(8),
        _ => false,
    };
    if owner && let Some(last) = all.last_mut() {
        *last = 255;
    }
    all
}

fn peer(kind: Kind, version: Version, interval: Duration, rng: &mut Rng) -> StockPeer {
    let number = if version == Version::V2 { 2 } else { 3 };
    let priority = match kind {
        Kind::Slower => 1,
        _ => rng.pick(&[1, 50, 101, 101, 253]),
    };
    let wire = ns(timers::centiseconds(timers::wire_interval_cs(
        version, interval,
    )));
    StockPeer::new(
        fixture::host(99),
        1,
        priority,
        number,
        wire,
        rng.pick(&[-100, 0, 100]),
    )
}
