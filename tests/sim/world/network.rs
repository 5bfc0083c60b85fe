//! The network: it delays, loses, doubles and reorders, within what the ownership
//! design assumes unless it is cut.

use super::{Event, TrueNs, Wire, World};
use core::net::IpAddr;
use std::collections::BTreeMap;
use vrrp_user::engine::input::Input;

/// One direction between two stations.
#[derive(Clone, Debug, Default)]
pub(super) struct Path {
    /// Reasons for being cut.
    cuts: u32,
    /// The last cut or heal.
    changed: TrueNs,
    /// Lost in a row, by VRID.
    lost: BTreeMap<u8, u32>,
    /// The last arrival there is.
    arrives: TrueNs,
}

impl World {
    /// A node or a stock peer sends, to all or to one.
    pub(super) fn send(&mut self, from: usize, wire: Wire) {
        self.note(|| {
            let to = wire.to.map_or(String::new(), |to| format!(" to {to}"));
            format!(
                "{} sends vrid {} priority {} interval {} cs{to}",
                wire.source, wire.vrid, wire.priority, wire.interval_cs
            )
        });
        self.adverts.push((self.now, wire.source, wire.priority));
        if self.nodes.get(from).is_some_and(|node| !node.link_up) {
            return;
        }
        self.wires.push(wire);
        let index = self.wires.len() - 1;
        for to in 0..self.nodes.len() + self.peers.len() {
            let meant = wire.to.is_none_or(|it| self.source_of(to) == it);
            if to != from && meant && !self.loses(from, to, wire.vrid) {
                self.deliver(from, to, index);
                if self.rng.chance(self.schedule.duplicate_percent) {
                    self.count("a duplicate");
                    self.deliver(from, to, index);
                }
            }
        }
    }

    fn source_of(&self, station: usize) -> IpAddr {
        match self.nodes.get(station) {
            Some(node) => crate::fixture::host(node.id),
            None => self.peers[station - self.nodes.len()].source,
        }
    }

    fn deliver(&mut self, from: usize, to: usize, wire: usize) {
        // The extremes are where frames overtake one another.
        let takes = match self.rng.within(0, 3) {
            0 => 20_000,
            1 => self.schedule.delay_ns,
            _ => self.rng.within(20_000, self.schedule.delay_ns),
        };
        let at = self.now + takes;
        let path = self.paths.entry((from, to)).or_default();
        let overtakes = at < path.arrives;
        path.arrives = path.arrives.max(at);
        if overtakes {
            self.count("a frame that overtakes another");
        }
        let event = match to.checked_sub(self.nodes.len()) {
            None => Event::Arrive { to, wire },
            Some(peer) => Event::PeerArrive { peer, wire },
        };
        self.push(at, event);
    }

    /// Never more than m in a row on a path that is whole.
    fn loses(&mut self, from: usize, to: usize, vrid: u8) -> bool {
        let lossy = self.rng.chance(self.schedule.loss_percent);
        let tolerated = u32::from(self.schedule.loss_tolerance);
        let path = self.paths.entry((from, to)).or_default();
        if path.cuts > 0 {
            return true;
        }
        let lost = path.lost.entry(vrid).or_default();
        *lost = if lossy && *lost < tolerated {
            *lost + 1
        } else {
            0
        };
        let lost = *lost;
        match lost {
            0 => {}
            1 => self.count("a loss"),
            _ => self.count("two losses in a row"),
        }
        lost > 0
    }

    pub(super) fn set_link(&mut self, node: usize, up: bool) {
        if self.nodes[node].link_up == up {
            return;
        }
        self.note(|| format!("link of {} up: {up}", node + 1));
        self.nodes[node].link_up = up;
        let id = self.nodes[node].id;
        self.nodes[node].tell(Input::Link(crate::fixture::link(id, up)));
        self.wake(node, true, 50_000);
        for other in 0..self.nodes.len() + self.peers.len() {
            if other != node {
                self.cut(node, other, !up);
                self.cut(other, node, !up);
            }
        }
    }

    pub(super) fn cut(&mut self, from: usize, to: usize, cut: bool) {
        let path = self.paths.entry((from, to)).or_default();
        path.cuts = if cut {
            path.cuts + 1
        } else {
            path.cuts.saturating_sub(1)
        };
        path.changed = self.now;
        let whole = path.cuts == 0;
        if whole {
            // What was tolerated before the cut is no matter any more.
            path.lost.clear();
            self.push(self.now + self.schedule.grace_ns, Event::Look);
        }
    }

    /// Since when, or from when on, these two are within what the design assumes of
    /// a network; `None`: they are cut off.
    pub(super) fn assumed_from(&self, a: usize, b: usize) -> Option<TrueNs> {
        let whole_from = |key| match self.paths.get(&key) {
            Some(path) if path.cuts > 0 => None,
            Some(path) if path.changed > 0 => Some(path.changed + self.schedule.grace_ns),
            _ => Some(0),
        };
        Some(whole_from((a, b))?.max(whole_from((b, a))?))
    }
}
