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
    vrids: u8,
    pub(super) peers: Vec<StockPeer>,
    grouped: bool,
    scripted: bool,
    nopreempt: bool,
    pub(super) priorities: Vec<u8>,
    /// `down_timer_adverts`.
    pub(super) down_adverts: u8,
}

impl Cluster {
    pub(super) fn random(kind: Kind, rng: &mut Rng) -> Self {
        let interval = Duration::from_millis(rng.pick(&[10, 100, 100, 100, 1000]));
        let version = if interval.as_millis() == 1000 && rng.chance(50) {
            Version::V2
        } else {
            Version::V3
        };
        let chaos = kind == Kind::Chaos;
        let nodes = usize::try_from(rng.pick(&[2, 2, 3, 3, 4, 5])).unwrap_or(2);
        let vrids = rng.pick(&[1, 1, 2]);
        // Equals and neighbours in priority claim at the same moment.
        let tie = rng.chance(if kind == Kind::Race { 50 } else { 15 });
        let base = rng.pick(&[1, 60, 100, 200]);
        let steps: &[u64] = match kind {
            Kind::Race => &[1],
            _ => &[1, 1, 10],
        };
        let priorities = (0..nodes).map(|node| {
            let step = u64::try_from(node).unwrap_or(0) * rng.pick(steps);
            u8::try_from(if tie { base } else { (base + step).min(254) }).unwrap_or(1)
        });
        let priorities = priorities.collect();
        Self {
            interval,
            version,
            nodes,
            vrids,
            priorities,
            down_adverts: rng.pick(&[3, 3, 3, 3, 3, 2]),
            peers: if chaos && vrids == 1 && rng.chance(12) {
                vec![peer(version, interval)]
            } else {
                Vec::new()
            },
            grouped: vrids > 1 && rng.chance(60),
            scripted: chaos && rng.chance(40),
            nopreempt: rng.chance(match kind {
                Kind::Return | Kind::Demotion => 0,
                _ => 25,
            }),
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
        fixture::config(instances.collect(), scripts, self.grouped)
    }

    /// `Active_Down_Interval` of one node.
    pub(super) fn down(&self, node: usize) -> Duration {
        timers::active_down(
            self.version,
            self.priorities[node],
            self.interval,
            self.down_adverts,
        )
    }

    /// No `Active_Down_Interval` is longer.
    pub(super) fn longest_down(&self) -> Duration {
        timers::active_down(self.version, 0, self.interval, 3)
    }
}

fn peer(version: Version, interval: Duration) -> StockPeer {
    let number = if version == Version::V2 { 2 } else { 3 };
    StockPeer::new(fixture::host(99), 1, 101, number, ns(interval))
}
