//! At most one open gate for each address, at every instant of true time.

use super::{Event, TrueNs, World};
use core::net::IpAddr;
use std::collections::BTreeMap;

/// Two gates for one address were open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) at: TrueNs,
    pub(crate) vip: IpAddr,
    /// Their numbers; those of stock peers are above 90.
    pub(crate) nodes: (u8, u8),
}

/// Until when each node's gate for each address is open, as far as is known now.
/// A gate opens only by a write, and shuts by one or when its lease ends; so the
/// intervals are exact, and not a matter of when somebody looks.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    open_until: BTreeMap<(usize, IpAddr), TrueNs>,
}

impl World {
    /// Something was written at this node.
    pub(super) fn look(&mut self, node: usize) {
        let now = self.now;
        let clock = self.nodes[node].clock;
        let open = self.nodes[node].kernel.open(clock.local(now));
        self.ledger
            .open_until
            .retain(|(of, vip), _| *of != node || open.iter().any(|(it, _)| it == vip));
        for &(vip, until) in &open {
            let until = clock.true_ns(until) - 1;
            let before = self.ledger.open_until.insert((node, vip), until);
            if before.is_none_or(|before| before <= now) {
                self.openings.push((now, self.nodes[node].id, vip));
                self.note(|| format!("{} opens {vip} until {until}", node + 1));
            }
        }
        for (vip, _) in open {
            self.compare(node, vip);
        }
    }

    /// The same for everybody.
    pub(super) fn look_at_all(&mut self) {
        for node in 0..self.nodes.len() {
            self.look(node);
        }
    }

    /// Is anybody else's gate open as well, for the address or for another of its
    /// sync group?
    fn compare(&mut self, node: usize, vip: IpAddr) {
        let now = self.now;
        let whole = !self.regroups;
        let grouped = |node: usize| whole && !self.nodes[node].config.groups.is_empty();
        let both: Vec<usize> = self
            .ledger
            .open_until
            .iter()
            .filter(|((other, theirs), until)| {
                let one = *theirs == vip || grouped(node) && grouped(*other);
                *other != node && one && **until > now
            })
            .map(|((other, _), _)| *other)
            .collect();
        for other in both {
            match self.assumed_from(node, other) {
                Some(from) if from <= now => {
                    let nodes = (self.nodes[node].id, self.nodes[other].id);
                    self.violated(vip, nodes);
                }
                Some(from) => self.push(from, Event::Look),
                None => {}
            }
        }
        for peer in 0..self.peers.len() {
            self.compare_with_stock(node, peer);
        }
    }

    /// A stock peer has claimed.
    pub(super) fn stock_claimed(&mut self, peer: usize) {
        self.look_at_all();
        for node in 0..self.nodes.len() {
            self.compare_with_stock(node, peer);
        }
    }

    /// A stock peer that claimed in silence owns. So does none of ours, unless it
    /// claimed at the same moment: who has no hold cannot hear of that in time.
    fn compare_with_stock(&mut self, node: usize, peer: usize) {
        let now = self.now;
        let Some(claimed) = self.peers[peer].claimed_in_silence else {
            return;
        };
        let vip = crate::fixture::vip(self.peers[peer].vrid).address;
        let open = self.ledger.open_until.get(&(node, vip));
        let whole = self
            .assumed_from(node, self.nodes.len() + peer)
            .is_some_and(|from| from <= claimed);
        if !whole || open.is_none_or(|until| *until <= now) {
            return;
        }
        let tolerated = u64::from(self.schedule.loss_tolerance);
        let heard_by = claimed + tolerated * self.peers[peer].interval_ns + self.schedule.delay_ns;
        let ours = &self.nodes[node];
        let began = ours.claimed_at.values().max();
        let began = began.map_or(0, |at| ours.clock.true_ns(*at));
        let raced = now > claimed && began + self.schedule.delay_ns > claimed && began <= heard_by;
        if !raced {
            self.violated(vip, (ours.id, 91));
        }
    }

    fn violated(&mut self, vip: IpAddr, nodes: (u8, u8)) {
        let at = self.now;
        self.violations.push(Violation { at, vip, nodes });
    }

    /// Addresses node `index` answers for now.
    pub(crate) fn open_vips(&self, index: usize) -> Vec<IpAddr> {
        let node = &self.nodes[index];
        let open = node.kernel.open(node.clock.local(self.now));
        open.into_iter().map(|(vip, _)| vip).collect()
    }
}
