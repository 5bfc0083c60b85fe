//! What services and servers were sent, in all and a second: as IPVS counts and
//! estimates it.

use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vrrp_common::balance::Traffic;

/// Between two looks.
pub(super) const TICK: Duration = Duration::from_secs(2);

/// Totals or rates, by what they count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts {
    /// Connections.
    pub connections: u64,
    /// Packets to servers.
    pub packets_in: u64,
    /// Packets from them.
    pub packets_out: u64,
    /// Octets to servers.
    pub bytes_in: u64,
    /// Octets from them.
    pub bytes_out: u64,
}

impl Amounts {
    /// What this and that are together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.with(other, u64::wrapping_add)
    }

    fn with(self, other: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            connections: f(self.connections, other.connections),
            packets_in: f(self.packets_in, other.packets_in),
            packets_out: f(self.packets_out, other.packets_out),
            bytes_in: f(self.bytes_in, other.bytes_in),
            bytes_out: f(self.bytes_out, other.bytes_out),
        }
    }
}

impl From<Traffic> for Amounts {
    fn from(it: Traffic) -> Self {
        Self {
            connections: it.connections,
            packets_in: it.packets_in,
            packets_out: it.packets_out,
            bytes_in: it.bytes_in,
            bytes_out: it.bytes_out,
        }
    }
}

/// IPVS's estimator (`ip_vs_est.c`): a quarter of the way to the last two seconds' rate,
/// every two seconds, in fixed point.
#[derive(Clone, Copy, Debug, Default)]
struct Estimate {
    last: Amounts,
    /// Of connections and packets times 1024, of octets times 32.
    scaled: Amounts,
}

impl Estimate {
    fn tick(&mut self, total: Amounts) {
        let grown = total.with(self.last, u64::saturating_sub);
        // Over two seconds: half of the scale.
        let rate = Amounts {
            connections: grown.connections << 9,
            packets_in: grown.packets_in << 9,
            packets_out: grown.packets_out << 9,
            bytes_in: grown.bytes_in << 4,
            bytes_out: grown.bytes_out << 4,
        };
        self.scaled = self.scaled.with(rate, |average, rate| {
            let step = (rate.cast_signed() - average.cast_signed()) >> 2;
            average.wrapping_add_signed(step)
        });
        self.last = total;
    }

    fn rate(&self) -> Amounts {
        let it = self.scaled;
        Amounts {
            connections: (it.connections + 0x1ff) >> 10,
            packets_in: (it.packets_in + 0x1ff) >> 10,
            packets_out: (it.packets_out + 0x1ff) >> 10,
            bytes_in: (it.bytes_in + 0xf) >> 5,
            bytes_out: (it.bytes_out + 0xf) >> 5,
        }
    }
}

/// Whose counters a server's are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owner {
    service: u32,
    generation: u32,
    /// What was there when it became his, and is not his.
    foreign: Amounts,
}

/// Rates of services and servers, and what servers that are no more have left to their
/// services' totals.
#[derive(Debug, Default)]
pub(super) struct Rates {
    owners: BTreeMap<u32, Owner>,
    servers: BTreeMap<u32, Estimate>,
    services: BTreeMap<u32, Estimate>,
    left: BTreeMap<u32, Amounts>,
}

impl Rates {
    /// A server's record is written: `counted` is what its counters say now.
    pub(super) fn server(&mut self, id: u32, service: u32, generation: u32, counted: Amounts) {
        let same = |it: &Owner| it.generation == generation && it.service == service;
        if self.owners.get(&id).is_some_and(same) {
            return;
        }
        let before = self.bequeath(id, counted);
        // Not cleared yet: what is in it is its predecessor's.
        let foreign = if before { counted } else { Amounts::default() };
        self.servers.remove(&id);
        let owner = Owner {
            service,
            generation,
            foreign,
        };
        self.owners.insert(id, owner);
    }

    /// A server's counters, which say `counted`, are about to be cleared.
    pub(super) fn cleared(&mut self, id: u32, counted: Amounts) {
        match self.owners.get_mut(&id) {
            // Written before it was cleared.
            Some(owner) if owner.foreign != Amounts::default() => {
                owner.foreign = Amounts::default();
            }
            _ => {
                self.bequeath(id, counted);
            }
        }
        self.servers.remove(&id);
    }

    /// A service is no more.
    pub(super) fn service_gone(&mut self, id: u32) {
        self.left.remove(&id);
        self.services.remove(&id);
        self.owners.retain(|_, owner| owner.service != id);
    }

    /// What a server has counted becomes its service's for good; `false`: it is nobody's.
    fn bequeath(&mut self, id: u32, counted: Amounts) -> bool {
        let Some(owner) = self.owners.remove(&id) else {
            return false;
        };
        let own = counted.with(owner.foreign, u64::saturating_sub);
        let left = self.left.entry(owner.service).or_default();
        *left = left.plus(own);
        true
    }

    /// Servers whose counters count.
    pub(super) fn ids(&self) -> impl Iterator<Item = u32> {
        self.owners.keys().copied()
    }

    /// Every two seconds.
    pub(super) fn tick(&mut self, counted: impl Fn(u32) -> Amounts) {
        let mut services: BTreeMap<u32, Amounts> = self.left.clone();
        for (&id, owner) in &self.owners {
            let own = counted(id).with(owner.foreign, u64::saturating_sub);
            self.servers.entry(id).or_default().tick(own);
            let service = services.entry(owner.service).or_default();
            *service = service.plus(own);
        }
        for (id, total) in services {
            self.services.entry(id).or_default().tick(total);
        }
    }

    /// A server's own part of what is counted.
    pub(super) fn own(&self, id: u32, counted: Amounts) -> Amounts {
        let foreign = self.owners.get(&id).map(|it| it.foreign);
        counted.with(foreign.unwrap_or_default(), u64::saturating_sub)
    }

    /// A server's rate.
    pub(super) fn server_rate(&self, id: u32) -> Amounts {
        self.servers
            .get(&id)
            .map(Estimate::rate)
            .unwrap_or_default()
    }

    /// A service's rate.
    pub(super) fn service_rate(&self, id: u32) -> Amounts {
        let estimate = self.services.get(&id);
        estimate.map(Estimate::rate).unwrap_or_default()
    }

    /// A service's total.
    pub(super) fn service_total(&self, id: u32, counted: impl Fn(u32) -> Amounts) -> Amounts {
        let left = self.left.get(&id).copied().unwrap_or_default();
        let members = self.owners.iter().filter(|(_, it)| it.service == id);
        members.fold(left, |sum, (&server, _)| {
            sum.plus(self.own(server, counted(server)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(packets_in: u64) -> Amounts {
        Amounts {
            connections: packets_in / 10,
            packets_in,
            bytes_in: packets_in * 100,
            ..Amounts::default()
        }
    }

    /// As `ip_vs_est.c` does it: 1000 packets a second for a long time are 1000, and one
    /// tick is a quarter of the way.
    #[test]
    fn a_rate_is_approached_by_quarters() {
        let mut estimate = Estimate::default();
        let mut total = 0;
        let mut seen = Vec::new();
        for _ in 0..100 {
            total += 2000;
            estimate.tick(packets(total));
            seen.push(estimate.rate().packets_in);
        }
        assert_eq!(seen[..4], [250, 437, 578, 684]);
        assert_eq!(*seen.last().expect("some"), 1000);
        assert_eq!(estimate.rate().bytes_in, 100_000);
        for _ in 0..60 {
            estimate.tick(packets(total));
        }
        assert_eq!(estimate.rate(), Amounts::default());
    }

    /// A server that goes leaves its service what it did, whether its successor's
    /// counters are cleared before it is written or after.
    #[test]
    fn a_services_total_outlives_its_servers() {
        for cleared_first in [true, false] {
            let mut rates = Rates::default();
            rates.server(1, 7, 1, Amounts::default());
            rates.server(2, 7, 1, Amounts::default());
            let both = |id| packets(if id == 1 { 100 } else { 50 });
            assert_eq!(rates.service_total(7, both).packets_in, 150);
            // The same id for a server of another service.
            if cleared_first {
                rates.cleared(1, packets(100));
                rates.server(1, 8, 2, Amounts::default());
            } else {
                rates.server(1, 8, 2, packets(100));
                assert_eq!(rates.service_total(8, both).packets_in, 0);
                rates.cleared(1, packets(100));
            }
            let then = |id| packets(if id == 1 { 3 } else { 60 });
            assert_eq!(rates.service_total(7, then).packets_in, 160);
            assert_eq!(rates.service_total(8, then).packets_in, 3);
            assert_eq!(rates.ids().collect::<Vec<_>>(), [1, 2]);
        }
    }
}
