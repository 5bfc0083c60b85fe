//! The network: it delays, loses, doubles and reorders, within what the ownership
//! design assumes unless it is cut.

use super::{Event, TrueNs, Wire, World};
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
}

impl World {
    pub(super) fn broadcast(&mut self, from: usize, wire: Wire) {
        self.note(|| {
            format!(
                "{} sends vrid {} priority {}",
                wire.source, wire.vrid, wire.priority
            )
        });
        self.adverts.push((self.now, wire.source, wire.priority));
        if self.nodes.get(from).is_some_and(|node| !node.link_up) {
            return;
        }
        self.wires.push(wire);
        let index = self.wires.len() - 1;
        for to in 0..self.nodes.len() + self.peers.len() {
            if to != from && !self.loses(from, to, wire.vrid) {
                self.deliver(to, index);
                if self.rng.chance(self.schedule.duplicate_percent) {
                    self.deliver(to, index);
                }
            }
        }
    }

    pub(super) fn deliver(&mut self, to: usize, wire: usize) {
        let at = self.now + self.rng.within(20_000, self.schedule.delay_ns);
        let event = match to.checked_sub(self.nodes.len()) {
            None => Event::Arrive { to, wire },
            Some(peer) => Event::PeerArrive { peer, wire },
        };
        self.push(at, event);
    }

    /// Never more than m in a row on a path that is whole.
    pub(super) fn loses(&mut self, from: usize, to: usize, vrid: u8) -> bool {
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
        *lost > 0
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
    }

    /// Are these two within what the design assumes of a network?
    pub(super) fn assumed(&self, a: usize, b: usize) -> bool {
        let whole = |key| {
            self.paths.get(&key).is_none_or(|path: &Path| {
                path.cuts == 0
                    && (path.changed == 0 || self.now >= path.changed + self.schedule.grace_ns)
            })
        };
        whole((a, b)) && whole((b, a))
    }
}
