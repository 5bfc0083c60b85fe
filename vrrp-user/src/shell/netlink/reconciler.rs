//! When to ask the kernel for what: the wanted addresses, requests under way,
//! and restraint towards whoever keeps deleting them. No clock, no socket.

use super::{
    kernel::{AddressKey, KernelAddress, Standing, Table},
    reconcile::{Change, diff, key_of},
};
use crate::{config::model::VirtualAddress, engine::action::PlacedAddress, time::Instant};
use core::{net::IpAddr, time::Duration};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A request that has shown no effect for this long calls for a fresh dump.
const EFFECT_TIMEOUT: Duration = Duration::from_secs(2);
/// An address that stays this long is forgiven its earlier disappearances.
const FORGIVEN_AFTER: Duration = Duration::from_secs(30);
/// Second restoration in a row waits this long, each further one twice as long.
const RESTORE_DELAY: Duration = Duration::from_millis(100);
/// Longest wait before an address is restored.
const RESTORE_DELAY_MAX: Duration = Duration::from_secs(5);
/// First retry of a refused request.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// Longest wait between retries of a refused request.
const RETRY_DELAY_MAX: Duration = Duration::from_secs(30);

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

#[derive(Clone, Debug, Default)]
struct Trouble {
    /// Disturbances or refusals in a row.
    times: u32,
    last: Instant,
    not_before: Instant,
    /// Reason last reported.
    reported: Option<String>,
}

/// The wanted addresses and what stands between them and the kernel.
#[derive(Debug, Default)]
pub struct Reconciler {
    wanted: Vec<PlacedAddress>,
    wanted_by_key: HashMap<AddressKey, VirtualAddress>,
    managed: Vec<PlacedAddress>,
    /// Addresses that count as virtual: managed ones, and what we placed under an
    /// earlier configuration and have not taken away yet.
    placed: HashMap<AddressKey, PlacedAddress>,
    managed_keys: HashMap<AddressKey, VirtualAddress>,
    under_way: HashMap<AddressKey, (Effect, Instant)>,
    trouble: HashMap<AddressKey, Trouble>,
    abandoned: BTreeSet<AddressKey>,
    told: BTreeMap<(u32, IpAddr), bool>,
}

impl Reconciler {
    /// Replaces what is wanted and what is managed.
    pub fn set(&mut self, wanted: Vec<PlacedAddress>, managed: Vec<PlacedAddress>) {
        let by_key = |list: &[PlacedAddress]| -> HashMap<AddressKey, VirtualAddress> {
            list.iter()
                .map(|placed| (key_of(placed), placed.address.clone()))
                .collect()
        };
        self.wanted_by_key = by_key(&wanted);
        self.managed_keys = by_key(&managed);
        self.wanted = wanted;
        self.managed = managed;
        // What is no longer wanted and comes back later starts with a clean slate.
        let wanted = &self.wanted_by_key;
        self.trouble.retain(|key, _| wanted.contains_key(key));
        self.abandoned.retain(|key| wanted.contains_key(key));
        let told: Vec<_> = self
            .wanted_by_key
            .keys()
            .chain(self.managed_keys.keys())
            .collect();
        let told: Vec<_> = told
            .into_iter()
            .map(|key| (key.ifindex, key.local))
            .collect();
        for place in told {
            self.told.entry(place).or_insert(false);
        }
    }

    /// An address counts as virtual or as the interface's own.
    #[must_use]
    pub fn standing(&self, address: &KernelAddress) -> Standing {
        if address.is_marked() || self.placed.contains_key(&address.key) {
            Standing::Virtual
        } else if self.managed_keys.contains_key(&address.key) {
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
    }

    /// An address is gone. `by_us`: in the course of a request of ours, which for an
    /// IPv4 primary address takes its secondaries along.
    pub fn vanished(&mut self, key: &AddressKey, by_us: bool, now: Instant) -> Option<Notice> {
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

    /// An interface is gone, and with it every address on it.
    pub fn link_gone(&mut self, ifindex: u32) {
        self.under_way.retain(|key, _| key.ifindex != ifindex);
        self.placed.retain(|key, _| key.ifindex != ifindex);
        self.trouble.retain(|key, _| key.ifindex != ifindex);
    }

    /// An interface changed: what was refused may be accepted now.
    pub fn link_changed(&mut self, ifindex: u32) {
        self.trouble
            .retain(|key, trouble| key.ifindex != ifindex || trouble.reported.is_none());
    }

    /// The kernel's state was read afresh; requests under way count for nothing.
    pub fn resynced(&mut self) {
        self.under_way.clear();
    }

    /// Up to `limit` requests that are due. Each must be answered by [`Self::accepted`]
    /// or [`Self::refused`].
    pub fn due(&mut self, table: &Table, now: Instant, limit: usize) -> Vec<Change> {
        self.adopt(table);
        let mut changes = self.outstanding(table);
        changes.retain(|change| self.is_due(change, table, now));
        changes.truncate(limit);
        for change in &changes {
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
        changes
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
        let managed = self.managed.iter().chain(self.placed.values());
        diff(|key| table.address(key), &self.wanted, managed)
    }

    fn is_due(&self, change: &Change, table: &Table, now: Instant) -> bool {
        let key = change.key();
        !self.under_way.contains_key(&key)
            && self
                .trouble
                .get(&key)
                .is_none_or(|trouble| trouble.not_before <= now)
            && (matches!(change, Change::Remove(_))
                || table.link(key.ifindex).is_some() && !self.abandoned.contains(&key))
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

    /// The kernel refused a request.
    pub fn refused(
        &mut self,
        change: &Change,
        why: String,
        name: &str,
        now: Instant,
    ) -> Option<Notice> {
        let key = change.key();
        self.under_way.remove(&key);
        let trouble = self.trouble.entry(key).or_default();
        trouble.refused(now);
        if trouble.reported.as_ref() == Some(&why) {
            return None;
        }
        trouble.reported = Some(why.clone());
        let (verb, preposition, prefix_len) = match change {
            Change::Add(new) => ("add", "to", new.address.prefix_len),
            Change::Replace { new, .. } => ("change", "on", new.address.prefix_len),
            Change::Remove(old) => ("remove", "from", old.prefix_len),
        };
        let what = format!("{verb} {}/{prefix_len} {preposition} {name}", key.local);
        Some(Notice::Failed { what, why })
    }

    /// Changes in which managed addresses the stack answers for, since last asked.
    pub fn news(&mut self, table: &Table) -> Vec<Notice> {
        let mut news = Vec::new();
        for (&(ifindex, address), told) in &mut self.told {
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
        let (wanted, managed) = (&self.wanted_by_key, &self.managed_keys);
        if self.told.len() > wanted.len() + managed.len() {
            let current: BTreeSet<_> = wanted
                .keys()
                .chain(managed.keys())
                .map(|key| (key.ifindex, key.local))
                .collect();
            self.told
                .retain(|place, present| *present || current.contains(place));
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
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let retries = self
            .trouble
            .values()
            .map(|trouble| trouble.not_before)
            .filter(|at| *at > now);
        let effects = self
            .under_way
            .values()
            .map(|(_, since)| *since + EFFECT_TIMEOUT);
        retries.chain(effects).min()
    }

    /// A request was accepted long ago and nothing came of it: events were lost.
    #[must_use]
    pub fn missed_an_effect(&self, now: Instant) -> bool {
        self.under_way
            .values()
            .any(|(_, since)| *since + EFFECT_TIMEOUT <= now)
    }
}

impl Trouble {
    /// Something else interfered; how long to wait before the next attempt.
    fn disturbed(&mut self, now: Instant) -> Duration {
        if now.since(self.last) >= FORGIVEN_AFTER {
            self.times = 0;
        }
        let wait = match self.times {
            0 => Duration::ZERO,
            n => doubled(RESTORE_DELAY, n - 1, RESTORE_DELAY_MAX),
        };
        self.set(now, wait);
        wait
    }

    fn refused(&mut self, now: Instant) {
        self.set(now, doubled(RETRY_DELAY, self.times, RETRY_DELAY_MAX));
    }

    fn set(&mut self, now: Instant, wait: Duration) {
        self.times = self.times.saturating_add(1);
        self.last = now;
        self.not_before = now + wait;
    }
}

fn doubled(base: Duration, times: u32, most: Duration) -> Duration {
    base.saturating_mul(1_u32.checked_shl(times.min(16)).unwrap_or(u32::MAX))
        .min(most)
}
