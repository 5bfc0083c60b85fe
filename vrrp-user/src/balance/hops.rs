//! Ways to servers, each written once for all who share it.

use super::{Action, ids::Ids};
use crate::time::Instant;
use std::collections::BTreeMap;
use vrrp_common::balance::{Hop, MAX_HOPS};

type Content = ([u8; 6], [u8; 6], u16, u32, u32);

#[derive(Debug)]
pub(super) struct Hops {
    ids: Ids,
    by_content: BTreeMap<Content, u32>,
    /// Of each id: what it says, and how many servers go by it.
    used: BTreeMap<u32, (Content, usize)>,
}

impl Hops {
    pub(super) fn new() -> Self {
        Self {
            ids: Ids::new(MAX_HOPS, 0),
            by_content: BTreeMap::new(),
            used: BTreeMap::new(),
        }
    }

    pub(super) fn wake(&mut self, now: Instant) {
        self.ids.wake(now);
    }

    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.ids.next_wake()
    }

    /// The id of a hop for one server more, written first if it is new. `None`: no id is
    /// free yet.
    pub(super) fn take(&mut self, hop: &Hop, actions: &mut impl Extend<Action>) -> Option<u32> {
        let content = (hop.to, hop.from, hop.vlan, hop.ifindex, hop.mtu);
        if let Some(&id) = self.by_content.get(&content) {
            self.used.entry(id).or_insert((content, 0)).1 += 1;
            return Some(id);
        }
        let (id, _) = self.ids.take()?;
        self.by_content.insert(content, id);
        self.used.insert(id, (content, 1));
        actions.extend([Action::WriteHop { id, hop: *hop }]);
        Some(id)
    }

    /// One server more goes by a hop that is there already.
    pub(super) fn inherit(&mut self, id: u32, hop: &Hop) {
        let content = (hop.to, hop.from, hop.vlan, hop.ifindex, hop.mtu);
        self.by_content.entry(content).or_insert(id);
        self.used.entry(id).or_insert((content, 0)).1 += 1;
        let used = self.used.keys().copied().collect();
        self.ids.inherit(self.used.keys().map(|&id| (id, 0)), &used);
    }

    /// One server less goes by it. 0 is none.
    pub(super) fn leave(&mut self, id: u32, now: Instant) {
        let Some((content, users)) = self.used.get_mut(&id) else {
            return;
        };
        *users -= 1;
        if *users == 0 {
            self.by_content.remove(content);
            self.used.remove(&id);
            self.ids.give_back(id, now);
        }
    }
}
