//! When to ask the kernel for what: the wanted addresses, requests under way,
//! and restraint towards whoever keeps deleting them. No clock, no socket.

use super::{
    kernel::{AddressKey, KernelAddress, Standing, Table},
    reconcile::{Change, diff, key_of},
    trouble::Trouble,
};
use crate::{
    config::model::{VirtualAddress, routing::Origin},
    engine::action::PlacedAddress,
    time::Instant,
};
use core::{net::IpAddr, time::Duration};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// A request that has shown no effect for this long calls for a fresh dump.
const EFFECT_TIMEOUT: Duration = Duration::from_secs(2);

/// What the reconciler has to say besides requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The stack answers for the address now, or no longer.
    Placed {
        /// Interface.
        ifindex: u32,
        /// The address.
        address: IpAddr,
        /// Whether it answers.
        present: bool,
    },
    /// Something else deleted or changed a wanted address.
    Disturbed {
        /// The address.
        key: AddressKey,
        /// How long until it is put back.
        wait: Duration,
    },
    /// Something else deleted an address that is not to be put back (`no_track`).
    Abandoned {
        /// The address.
        key: AddressKey,
    },
    /// A request was refused, for a reason not reported before.
    Failed {
        /// What was tried.
        what: String,
        /// Why it was refused.
        why: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Appear,
    Vanish,
}

/// The wanted addresses and what stands between them and the kernel.
///
/// Work is proportional to what changed: a new declaration or a resync compares
/// everything, an event only the address it is about.
#[derive(Debug, Default)]
pub struct Reconciler {
    wanted: Vec<PlacedAddress>,
    wanted_by_key: HashMap<AddressKey, VirtualAddress>,
    managed: HashMap<AddressKey, VirtualAddress>,
    /// Placed by us, and the interface's own all the same.
    statics: BTreeSet<AddressKey>,
    /// What we placed and have not taken away yet, under this configuration or an
    /// earlier one.
    placed: HashMap<AddressKey, PlacedAddress>,
    under_way: HashMap<AddressKey, (Effect, Instant)>,
    trouble: HashMap<AddressKey, Trouble>,
    abandoned: BTreeSet<AddressKey>,
    /// Compare everything.
    check_all: bool,
    /// Compare these, in this order.
    check: VecDeque<AddressKey>,
    /// Compare these at their time.
    check_later: BTreeSet<(Instant, AddressKey)>,
    told: BTreeMap<Place, bool>,
    /// Places whose presence may have changed since it was told.
    touched: BTreeSet<Place>,
}

type Place = (u32, IpAddr);

impl Reconciler {
    /// Replaces what is wanted and what is managed.
    pub fn set(&mut self, wanted: Vec<PlacedAddress>, managed: &[PlacedAddress]) {
        let by_key = |list: &[PlacedAddress]| -> HashMap<AddressKey, VirtualAddress> {
            list.iter()
                .map(|placed| (key_of(placed), placed.address.clone()))
                .collect()
        };
        self.wanted_by_key = by_key(&wanted);
        self.managed = by_key(managed);
        self.wanted = wanted;
        // What is no longer wanted and comes back later starts with a clean slate.
        let wanted = &self.wanted_by_key;
        self.trouble.retain(|key, _| wanted.contains_key(key));
        self.abandoned.retain(|key| wanted.contains_key(key));
        let places: BTreeSet<Place> = self
            .wanted_by_key
            .keys()
            .chain(self.managed.keys())
            .map(place)
            .collect();
        self.told.retain(|place, _| places.contains(place));
        for place in &places {
            self.told.entry(*place).or_insert(false);
        }
        self.touched.extend(places);
        self.check_all = true;
    }

    /// Addresses that are the interface's own although we place them.
    pub fn set_statics(&mut self, statics: BTreeSet<AddressKey>) {
        self.statics = statics;
    }

    /// An address counts as virtual or as the interface's own.
    #[must_use]
    pub fn standing(&self, address: &KernelAddress) -> Standing {
        if self.statics.contains(&address.key) {
            Standing::Own
        } else if address.is_marked() || self.placed.contains_key(&address.key) {
            Standing::Virtual
        } else if self.managed.contains_key(&address.key) {
            Standing::OwnersOwn
        } else {
            Standing::Own
        }
    }

    /// An address appeared or changed.
    pub fn appeared(&mut self, key: &AddressKey) {
        if matches!(self.under_way.get(key), Some((Effect::Appear, _))) {
            self.under_way.remove(key);
        }
        self.touch(key);
    }

    /// An address is gone. `by_us`: in the course of a request of ours, which for an
    /// IPv4 primary address takes its secondaries along.
    pub fn vanished(&mut self, key: &AddressKey, by_us: bool, now: Instant) -> Option<Notice> {
        self.touch(key);
        match self.under_way.get(key) {
            Some((Effect::Vanish, _)) => {
                self.under_way.remove(key);
                return None;
            }
            // The first half of a replacement; kernels do not say whose for IPv6.
            Some((Effect::Appear, _)) => return None,
            None => {}
        }
        let wanted = self.wanted_by_key.get(key)?;
        if by_us {
            return None;
        }
        if wanted.no_track {
            self.abandoned.insert(*key);
            return Some(Notice::Abandoned { key: *key });
        }
        let wait = self.trouble.entry(*key).or_default().disturbed(now);
        Some(Notice::Disturbed { key: *key, wait })
    }

    fn touch(&mut self, key: &AddressKey) {
        self.check.push_back(*key);
        self.touched.insert(place(key));
    }

    /// An interface is gone, and with it every address on it.
    pub fn link_gone(&mut self, ifindex: u32) {
        self.under_way.retain(|key, _| key.ifindex != ifindex);
        self.placed.retain(|key, _| key.ifindex != ifindex);
        self.trouble.retain(|key, _| key.ifindex != ifindex);
        self.touched
            .extend(self.told.keys().filter(|place| place.0 == ifindex));
    }

    /// An interface appeared or changed: what was refused may be accepted now.
    pub fn link_changed(&mut self, ifindex: u32) {
        self.trouble
            .retain(|key, trouble| key.ifindex != ifindex || trouble.reported.is_none());
        self.check_all |= self.wanted.iter().any(|placed| placed.ifindex == ifindex);
    }

    /// The kernel's state was read afresh; requests under way count for nothing.
    pub fn resynced(&mut self) {
        self.under_way.clear();
        self.check_all = true;
    }

    /// Up to `limit` requests that are due. Each must be answered by [`Self::accepted`]
    /// or [`Self::refused`].
    pub fn due(&mut self, table: &Table, now: Instant, limit: usize) -> Vec<Change> {
        while self.check_later.first().is_some_and(|(at, _)| *at <= now) {
            self.check
                .extend(self.check_later.pop_first().map(|(_, key)| key));
        }
        if std::mem::take(&mut self.check_all) {
            self.adopt(table);
            self.check = self.outstanding(table).iter().map(Change::key).collect();
            self.check_later.clear();
        }
        let mut changes = Vec::new();
        while changes.len() < limit
            && let Some(key) = self.check.pop_front()
        {
            let Some(change) = self.change_for(&key, table) else {
                continue;
            };
            if self.may_ask(&change, table, now) {
                self.ask(&change, now);
                changes.push(change);
            }
        }
        changes
    }

    /// What one address lacks.
    fn change_for(&self, key: &AddressKey, table: &Table) -> Option<Change> {
        let as_placed = |address: &VirtualAddress| PlacedAddress {
            ifindex: key.ifindex,
            address: address.clone(),
        };
        let lookup = |key: &AddressKey| table.address(key);
        let changes = if let Some(wanted) = self.wanted_by_key.get(key) {
            diff(lookup, &[as_placed(wanted)], [])
        } else if let Some(placed) = self.placed.get(key) {
            diff(lookup, &[], [placed])
        } else {
            diff(lookup, &[], [&as_placed(self.managed.get(key)?)])
        };
        changes.into_iter().next()
    }

    fn may_ask(&mut self, change: &Change, table: &Table, now: Instant) -> bool {
        let key = change.key();
        let is_removal = matches!(change, Change::Remove(_));
        if self.under_way.contains_key(&key)
            || !is_removal && (table.link(key.ifindex).is_none() || self.abandoned.contains(&key))
        {
            // Looked at again when its effect, its link or a declaration comes.
            return false;
        }
        match self.trouble.get(&key) {
            Some(trouble) if trouble.not_before > now => {
                self.check_later.insert((trouble.not_before, key));
                false
            }
            _ => true,
        }
    }

    fn ask(&mut self, change: &Change, now: Instant) {
        let key = change.key();
        let effect = match change {
            Change::Remove(_) => Effect::Vanish,
            Change::Add(new) | Change::Replace { new, .. } => {
                self.placed.insert(key, new.clone());
                Effect::Appear
            }
        };
        self.under_way.insert(key, (effect, now));
        if matches!(change, Change::Replace { .. }) {
            // Should the kernel not show what we asked for, this keeps us from
            // replacing it without end.
            self.trouble.entry(key).or_default().disturbed(now);
        }
    }

    /// Addresses found as wanted and marked as virtual are ours from now on, as if
    /// this run had placed them; those gone for good are no longer ours.
    fn adopt(&mut self, table: &Table) {
        for placed in &self.wanted {
            let key = key_of(placed);
            if !self.placed.contains_key(&key)
                && table.address(&key).is_some_and(KernelAddress::is_marked)
            {
                self.placed.insert(key, placed.clone());
            }
        }
        let (wanted, under_way) = (&self.wanted_by_key, &self.under_way);
        self.placed.retain(|key, _| {
            wanted.contains_key(key) || under_way.contains_key(key) || table.address(key).is_some()
        });
    }

    fn outstanding(&self, table: &Table) -> Vec<Change> {
        let managed: Vec<PlacedAddress> = self
            .managed
            .iter()
            .map(|(key, address)| PlacedAddress {
                ifindex: key.ifindex,
                address: address.clone(),
            })
            .collect();
        diff(
            |key| table.address(key),
            &self.wanted,
            managed.iter().chain(self.placed.values()),
        )
    }

    /// The kernel took a request; its effect is still to be seen.
    pub fn accepted(&mut self, change: &Change) {
        let key = change.key();
        match change {
            Change::Remove(_) => {
                self.placed.remove(&key);
            }
            Change::Add(_) | Change::Replace { .. } => {
                if let Some(trouble) = self.trouble.get_mut(&key) {
                    trouble.reported = None;
                }
            }
        }
    }

    /// The kernel refused a request, made of the interface called `name`.
    pub fn refused(
        &mut self,
        change: &Change,
        why: String,
        name: &str,
        now: Instant,
    ) -> Option<Notice> {
        let key = change.key();
        self.under_way.remove(&key);
        self.check.push_back(key);
        let trouble = self.trouble.entry(key).or_default();
        trouble.refused(now);
        if trouble.reported.as_ref() == Some(&why) {
            return None;
        }
        trouble.reported = Some(why.clone());
        let (verb, preposition, prefix_len, origin) = match change {
            Change::Add(new) => ("add", "to", new.address.prefix_len, &new.address.origin),
            Change::Replace { new, .. } => {
                ("change", "on", new.address.prefix_len, &new.address.origin)
            }
            Change::Remove(old) => ("remove", "from", old.prefix_len, &Origin::default()),
        };
        let origin = origin.in_brackets();
        let what = format!(
            "{verb} {}/{prefix_len} {preposition} {name}{origin}",
            key.local
        );
        Some(Notice::Failed { what, why })
    }

    /// Changes in which managed addresses the stack answers for, since last asked.
    pub fn news(&mut self, table: &Table) -> Vec<Notice> {
        let mut news = Vec::new();
        for place in std::mem::take(&mut self.touched) {
            let (ifindex, address) = place;
            let Some(told) = self.told.get_mut(&place) else {
                continue;
            };
            let present = table.answers(ifindex, address);
            if present != *told {
                *told = present;
                news.push(Notice::Placed {
                    ifindex,
                    address,
                    present,
                });
            }
        }
        news
    }

    /// Nothing is under way, and `table` is as wanted, as far as it can be made so now.
    #[must_use]
    pub fn is_settled(&self, table: &Table) -> bool {
        let impossible = |change: &Change| {
            let key = change.key();
            self.abandoned.contains(&key)
                || table.link(key.ifindex).is_none()
                || self
                    .trouble
                    .get(&key)
                    .is_some_and(|trouble| trouble.reported.is_some())
        };
        self.under_way.is_empty() && self.outstanding(table).iter().all(impossible)
    }

    /// When to look again although nothing happened.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let retry = self.check_later.first().map(|(at, _)| *at);
        let effect = self
            .under_way
            .values()
            .map(|(_, since)| *since + EFFECT_TIMEOUT)
            .min();
        retry.into_iter().chain(effect).min()
    }

    /// A request was accepted long ago and nothing came of it: events were lost.
    #[must_use]
    pub fn missed_an_effect(&self, now: Instant) -> bool {
        self.under_way
            .values()
            .any(|(_, since)| *since + EFFECT_TIMEOUT <= now)
    }
}

fn place(key: &AddressKey) -> Place {
    (key.ifindex, key.local)
}
