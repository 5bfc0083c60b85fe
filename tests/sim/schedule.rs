//! What happens in one run, all of it drawn from a seed.

use crate::{
    fixture,
    peer::StockPeer,
    rng::Rng,
    world::{TrueNs, ns},
};
use core::time::Duration;
use vrrp_user::{
    config::model::{Config, Version},
    engine::settings::Settings,
};

/// Something that goes wrong, for `ns` nanoseconds.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    StallLoop {
        node: usize,
        ns: u64,
    },
    StallSender {
        node: usize,
        ns: u64,
    },
    /// SIGKILL; started again later.
    Kill {
        node: usize,
        ns: u64,
    },
    /// SIGTERM; started again later.
    Terminate {
        node: usize,
        ns: u64,
    },
    LinkDown {
        node: usize,
        ns: u64,
    },
    /// One or both directions between some stations.
    Cut {
        pairs: Vec<(usize, usize)>,
        ns: u64,
    },
    /// The tracked script fails.
    Script {
        node: usize,
        ns: u64,
    },
    Reload {
        node: usize,
        config: Config,
    },
    PeerRestart {
        peer: usize,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) seed: u64,
    pub(crate) settings: Settings,
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
        let interval = Duration::from_millis(rng.pick(&[10, 100, 100, 100, 1000]));
        let version = if interval.as_millis() == 1000 && rng.chance(50) {
            Version::V2
        } else {
            Version::V3
        };
        let nodes = usize::try_from(rng.pick(&[2, 2, 3, 3, 4, 5])).unwrap_or(2);
        let vrids = rng.pick(&[1, 1, 2]);
        let with_peer = vrids == 1 && rng.chance(12);
        let grouped = vrids > 1 && rng.chance(60);
        let tie = rng.chance(15);
        let scripted = rng.chance(40);
        let nopreempt = rng.chance(25);
        let preempt_delay = if rng.chance(15) {
            interval * 5
        } else {
            Duration::ZERO
        };
        let base = rng.pick(&[1, 60, 100, 200]);
        let config = |rng: &mut Rng, node: usize| {
            let step = u64::try_from(node).unwrap_or(0) * rng.pick(&[1, 1, 10]);
            let priority =
                u8::try_from(if tie { base } else { (base + step).min(254) }).unwrap_or(1);
            let instances = (1..=vrids).map(|vrid| {
                let mut it = fixture::instance(vrid, priority, interval);
                it.version = version;
                it.nopreempt = nopreempt;
                it.preempt_delay = preempt_delay;
                if scripted {
                    it.track_scripts = vec![fixture::tracked([0, 40, -40, 25][node % 4])];
                }
                it
            });
            let scripts = if scripted {
                vec![fixture::script(interval * 2)]
            } else {
                Vec::new()
            };
            fixture::config(instances.collect(), scripts, grouped)
        };
        let configs: Vec<Config> = (0..nodes).map(|node| config(&mut rng, node)).collect();
        let peers = if with_peer {
            let number = if version == Version::V2 { 2 } else { 3 };
            vec![StockPeer::new(
                fixture::host(99),
                1,
                101,
                number,
                ns(interval),
            )]
        } else {
            Vec::new()
        };
        let skew = if version == Version::V2 {
            Duration::from_secs(1)
        } else {
            interval
        };
        let down = ns(interval * 3 + skew);
        let mut schedule = Self {
            seed,
            settings: Settings::default(),
            permit: (interval * 2).max(Duration::from_millis(20)),
            interval,
            configs,
            peers,
            faults: Vec::new(),
            start_spread_ns: if rng.chance(50) { 0 } else { 6 * ns(interval) },
            delay_ns: rng.within(50_000, 450_000),
            loss_percent: rng.pick(&[0, 10, 30, 50]),
            duplicate_percent: rng.pick(&[0, 5]),
            grace_ns: 8 * ns(interval),
            calm_from_ns: 0,
            end_ns: 0,
        };
        let mut at = schedule.start_spread_ns + down;
        let mut latest = at;
        for _ in 0..rng.within(1, 6) {
            at += rng.within(0, 3 * ns(interval));
            let (fault, lasts) = schedule.fault(&mut rng);
            latest = latest.max(at + lasts);
            schedule.faults.push((at, fault));
            if rng.chance(35) {
                // Trouble comes in pairs: something else in the middle of it.
                let (fault, lasts) = schedule.fault(&mut rng);
                let soon = at + rng.within(0, ns(interval));
                latest = latest.max(soon + lasts);
                schedule.faults.push((soon, fault));
            }
            at += rng.within(0, down);
        }
        schedule.calm_from_ns = latest.max(at);
        schedule.end_ns = schedule.calm_from_ns + 4 * down + ns(preempt_delay) + 6 * ns(interval);
        schedule
    }

    /// No faults: two nodes, for timing.
    pub(crate) fn quiet(seed: u64, configs: Vec<Config>, interval: Duration) -> Self {
        Self {
            seed,
            settings: Settings::default(),
            permit: (interval * 2).max(Duration::from_millis(20)),
            interval,
            configs,
            peers: Vec::new(),
            faults: Vec::new(),
            start_spread_ns: 0,
            delay_ns: 100_000,
            loss_percent: 0,
            duplicate_percent: 0,
            grace_ns: 8 * ns(interval),
            calm_from_ns: 0,
            end_ns: 20 * ns(interval),
        }
    }

    fn fault(&self, rng: &mut Rng) -> (Fault, u64) {
        let interval = ns(self.interval);
        let nodes = self.configs.len();
        let node = usize::try_from(rng.within(0, nodes as u64 - 1)).unwrap_or(0);
        // Most stalls are about as long as what they could break.
        let stall = match rng.within(0, 3) {
            0 => rng.within(10_000, 3_000_000),
            1 => rng.within(0, interval),
            2 => rng.within(interval, 4 * interval),
            _ => rng.within(2 * interval, 8 * interval),
        };
        let fault = match rng.within(0, 19) {
            0..=3 => Fault::StallLoop { node, ns: stall },
            4..=7 => Fault::StallSender { node, ns: stall },
            8..=10 => Fault::Kill { node, ns: stall },
            11..=13 => Fault::Terminate {
                node,
                ns: stall.max(interval),
            },
            14 => Fault::LinkDown { node, ns: stall },
            15 => Fault::Cut {
                pairs: self.one_way(rng, node),
                ns: stall,
            },
            16 => Fault::Cut {
                pairs: self.isolate(node),
                ns: stall,
            },
            17 => Fault::Script { node, ns: stall },
            18 if !self.peers.is_empty() => Fault::PeerRestart { peer: 0 },
            _ => {
                let mut config = self.configs[node].clone();
                let priority = u8::try_from(rng.within(1, 254)).unwrap_or(1);
                for instance in &mut config.instances {
                    instance.priority = priority;
                }
                return (Fault::Reload { node, config }, 0);
            }
        };
        (fault, stall.max(interval))
    }

    fn stations(&self) -> usize {
        self.configs.len() + self.peers.len()
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
