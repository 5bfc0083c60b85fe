//! Which routes and rules to ask for, to take away and to leave alone. No clock,
//! no socket.

use super::{
    super::trouble::Trouble,
    Item,
    shape::{Devices, Shape, wanted},
};
use crate::time::Instant;
use core::time::Duration;
use std::collections::{HashMap, HashSet};

/// Something happened that may help what was refused: it is tried again this soon
/// after the last attempt.
const RETRY_AFTER_EVENT: Duration = Duration::from_millis(100);

/// What the plan has to say besides requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Notice {
    /// Something else deleted it.
    Disturbed {
        /// Route or rule, with the line that asked for it.
        what: String,
        /// How long until it is put back.
        wait: Duration,
    },
    /// Something else deleted it, and it is not to be put back (`no_track`).
    Abandoned {
        /// Route or rule.
        what: String,
    },
    /// It needs an interface that does not exist.
    Waiting {
        /// Route or rule.
        what: String,
        /// The interface.
        device: String,
    },
    /// A request was refused, for a reason not reported before.
    Failed {
        /// What was tried.
        what: String,
        /// Why it was refused.
        why: String,
    },
}

/// One request to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// What is configured, or was.
    pub(super) item: Item,
    /// To add; or as the kernel has it, to remove.
    pub(super) shape: Shape,
    pub(super) add: bool,
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct State {
    /// It was there when last looked at.
    seen: bool,
    /// The kernel took our request.
    asked: bool,
    /// What the kernel made of it, where that is not what was asked for.
    look: Option<Shape>,
    abandoned: bool,
    /// Told that its interface is missing.
    waiting: bool,
    trouble: Trouble,
}

/// The wanted routes and rules and what stands between them and the kernel.
#[derive(Debug, Default)]
pub(in super::super) struct Plan {
    /// In the order in which they are added.
    wanted: Vec<Item>,
    /// What may be removed where it is found and not wanted.
    managed: Vec<Item>,
    /// What we asked for and have not seen gone yet.
    placed: HashSet<Item>,
    states: HashMap<Item, State>,
    /// As last read, in the form to compare, by what tells them apart.
    present: HashMap<String, Vec<Shape>>,
    /// Protocols and families that `present` is of; whether rules.
    looked_at: HashSet<(u8, bool, bool)>,
    /// `present` is out of date.
    stale: bool,
    /// Something is to be compared.
    work: bool,
    retry_at: Option<Instant>,
}

impl Plan {
    /// Replaces what is wanted and what is managed.
    pub(in super::super) fn set(&mut self, wanted: Vec<Item>, managed: Vec<Item>) {
        self.wanted = wanted;
        self.managed = managed;
        let wanted: HashSet<&Item> = self.wanted.iter().collect();
        self.states.retain(|item, _| wanted.contains(item));
        self.stale |= !self.concerned().is_subset(&self.looked_at);
        self.work = true;
    }

    /// Nothing is wanted, and nothing to be removed.
    pub(in super::super) fn is_idle(&self) -> bool {
        self.wanted.is_empty() && self.managed.is_empty() && self.placed.is_empty()
    }

    /// What the kernel has must be read before anything is asked for.
    pub(in super::super) const fn is_stale(&self) -> bool {
        self.stale
    }

    /// There may be something to ask for.
    pub(in super::super) fn is_due(&self, now: Instant) -> bool {
        self.work || self.retry_at.is_some_and(|at| at <= now)
    }

    /// What is there may have changed.
    pub(in super::super) fn touch(&mut self) {
        self.stale = true;
    }

    /// Routing protocols and families of what there is to look at.
    pub(super) fn concerned(&self) -> HashSet<(u8, bool, bool)> {
        let all = self.wanted.iter().chain(&self.managed).chain(&self.placed);
        all.map(|item| (item.protocol(), item.is_v6(), item.is_rule()))
            .collect()
    }

    /// An interface or an address came, went or changed: what was refused may be
    /// accepted now, and what went with it was not taken away by somebody.
    pub(in super::super) fn world_changed(&mut self, link: bool) {
        self.stale = true;
        for state in self.states.values_mut() {
            if link {
                state.seen = false;
                state.waiting = false;
            }
            if state.trouble.reported.is_some() {
                let soon = state.trouble.last + RETRY_AFTER_EVENT;
                state.trouble.not_before = state.trouble.not_before.min(soon);
                self.work = true;
            }
        }
    }

    /// Takes in what the kernel has now.
    pub(super) fn read(
        &mut self,
        present: Vec<Shape>,
        devices: &dyn Devices,
        now: Instant,
    ) -> Vec<Notice> {
        self.looked_at = self.concerned();
        self.present.clear();
        for shape in present.into_iter().map(Shape::normal) {
            self.present.entry(shape.key()).or_default().push(shape);
        }
        self.stale = false;
        self.work = true;
        let mut notices = Vec::new();
        for item in &self.wanted {
            let state = self.states.entry(item.clone()).or_default();
            let asked = wanted(item, devices).ok().map(Shape::normal);
            let mut found = found(&self.present, asked.as_ref(), state.look.as_ref());
            if found.is_none() && state.asked {
                // Taken, and yet not there as asked for: the kernel's way to say it.
                let kin = asked.as_ref().and_then(|it| self.present.get(&it.key()));
                found = kin.and_then(|kin| kin.iter().find(|it| !it.is_rule()));
                state.look = found.cloned();
            }
            state.asked = false;
            if found.is_some() {
                state.seen = true;
                state.trouble.reported = None;
                self.placed.insert(item.clone());
            } else if core::mem::take(&mut state.seen) {
                if !item.is_tracked() {
                    state.abandoned = true;
                    notices.push(Notice::Abandoned {
                        what: item.to_string(),
                    });
                } else if enabled(item, devices) {
                    let wait = state.trouble.disturbed(now);
                    notices.push(Notice::Disturbed {
                        what: item.to_string(),
                        wait,
                    });
                }
            }
        }
        self.forget(devices);
        notices
    }

    /// What is gone for good is no longer ours.
    fn forget(&mut self, devices: &dyn Devices) {
        let wanted_now: HashSet<&Item> = self.wanted.iter().collect();
        let present = &self.present;
        self.placed.retain(|item| {
            let asked = wanted(item, devices).ok().map(Shape::normal);
            wanted_now.contains(item) || asked.is_some_and(|it| of_ours(present, &it).is_some())
        });
    }

    /// What to take away, in the order in which it goes: rules, then routes, the
    /// last one first.
    pub(super) fn removals(&self, devices: &dyn Devices, now: Instant) -> Vec<Change> {
        let mut changes = self.too_many(devices);
        changes.retain(|change| {
            let state = self.states.get(&change.item);
            state.is_none_or(|state| state.trouble.not_before <= now)
        });
        changes
    }

    fn too_many(&self, devices: &dyn Devices) -> Vec<Change> {
        let kept: Vec<&Shape> = self
            .wanted
            .iter()
            .filter_map(|item| {
                let asked = wanted(item, devices).ok()?.normal();
                let look = self.states.get(item).and_then(|state| state.look.as_ref());
                found(&self.present, Some(&asked), look)
            })
            .collect();
        let wanted_now: HashSet<&Item> = self.wanted.iter().collect();
        let mut seen = HashSet::new();
        let mut changes = Vec::new();
        let candidates = self.managed.iter().chain(&self.placed);
        for item in candidates.filter(|item| !wanted_now.contains(item)) {
            let Some(asked) = wanted(item, devices).ok().map(Shape::normal) else {
                continue;
            };
            let Some(shape) = of_ours(&self.present, &asked) else {
                continue;
            };
            if !kept.iter().any(|it| core::ptr::eq(*it, shape)) && seen.insert(item) {
                changes.push(Change {
                    item: item.clone(),
                    shape: shape.clone(),
                    add: false,
                });
            }
        }
        changes.reverse();
        changes.sort_by_key(|change| !change.item.is_rule());
        changes
    }

    /// What to add, in the order in which it comes.
    pub(super) fn additions(
        &mut self,
        devices: &dyn Devices,
        now: Instant,
        notices: &mut Vec<Notice>,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        self.retry_at = None;
        self.work = false;
        for item in &self.wanted {
            let state = self.states.entry(item.clone()).or_default();
            let shape = match wanted(item, devices) {
                Ok(shape) => shape,
                Err(device) => {
                    if !core::mem::replace(&mut state.waiting, true) {
                        let what = item.to_string();
                        notices.push(Notice::Waiting { what, device });
                    }
                    continue;
                }
            };
            let asked = shape.clone().normal();
            if found(&self.present, Some(&asked), state.look.as_ref()).is_some()
                || state.abandoned
                || !enabled(item, devices)
            {
                continue;
            }
            if state.trouble.not_before > now {
                let at = state.trouble.not_before;
                self.retry_at = Some(self.retry_at.map_or(at, |before| before.min(at)));
                continue;
            }
            changes.push(Change {
                item: item.clone(),
                shape,
                add: true,
            });
        }
        changes
    }

    /// The kernel took a request.
    pub(super) fn accepted(&mut self, change: &Change) {
        self.stale = true;
        if !change.add {
            return;
        }
        self.placed.insert(change.item.clone());
        if let Some(state) = self.states.get_mut(&change.item) {
            state.asked = true;
        }
    }

    /// The kernel refused a request. `exists`: it says that it has such a one, which
    /// the next look may find to be ours.
    pub(super) fn refused(
        &mut self,
        change: &Change,
        why: &str,
        exists: bool,
        now: Instant,
    ) -> Option<Notice> {
        let state = self.states.entry(change.item.clone()).or_default();
        state.trouble.refused(now);
        state.asked |= exists;
        let at = state.trouble.not_before;
        self.retry_at = Some(self.retry_at.map_or(at, |before| before.min(at)));
        self.stale |= exists;
        if exists && state.trouble.times < 2 || state.trouble.reported.as_deref() == Some(why) {
            return None;
        }
        state.trouble.reported = Some(why.to_owned());
        let verb = if change.add { "add" } else { "remove" };
        Some(Notice::Failed {
            what: format!("{verb} {}", change.item),
            why: why.to_owned(),
        })
    }

    /// When to look again although nothing happened.
    pub(in super::super) const fn next_deadline(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Everything is as wanted, or cannot be.
    pub(in super::super) fn is_settled(&self, devices: &dyn Devices) -> bool {
        let missing = |item: &&Item| {
            let state = self.states.get(*item);
            let Ok(asked) = wanted(item, devices) else {
                return false;
            };
            let look = state.and_then(|state| state.look.as_ref());
            let hopeless = state.is_some_and(|it| it.abandoned || it.trouble.reported.is_some());
            !hopeless
                && enabled(item, devices)
                && found(&self.present, Some(&asked.normal()), look).is_none()
        };
        self.is_idle()
            || !self.stale
                && !self.wanted.iter().any(|item| missing(&item))
                && self.too_many(devices).iter().all(|change| {
                    let state = self.states.get(&change.item);
                    state.is_some_and(|state| state.trouble.reported.is_some())
                })
    }
}

fn found<'a>(
    present: &'a HashMap<String, Vec<Shape>>,
    asked: Option<&Shape>,
    look: Option<&Shape>,
) -> Option<&'a Shape> {
    let asked = asked?;
    let candidates = present.get(&asked.key())?;
    candidates
        .iter()
        .find(|it| asked.is_met_by(it) || Some(*it) == look)
}

/// What has been asked for once, by this daemon or a dead one: as it was asked for,
/// or else as the kernel has made it fit.
fn of_ours<'a>(present: &'a HashMap<String, Vec<Shape>>, asked: &Shape) -> Option<&'a Shape> {
    let candidates = present.get(&asked.key())?;
    let exact = candidates.iter().find(|it| asked.is_met_by(it));
    exact.or_else(|| candidates.iter().find(|it| asked.is_roughly_met_by(it)))
}

/// Every interface it names is there and administratively up. A rule needs none.
fn enabled(item: &Item, devices: &dyn Devices) -> bool {
    match item {
        Item::Route(route) => route.devices().all(|name| devices.is_enabled(name)),
        Item::Rule(_) => true,
    }
}
