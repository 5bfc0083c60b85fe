//! One virtual router: what an advert means to it, and from when it would claim.

use super::{heard::Heard, timers};
use crate::{config::model::Version, time::Instant};
use core::{net::IpAddr, time::Duration};
use std::collections::BTreeMap;
use vrrp_common::wire::{PRIORITY_OWNER, PRIORITY_RESIGN};

/// Sources whose newest advert is remembered; further ones push the oldest out.
const MAX_SOURCES: usize = 32;

/// What the election needs to know about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Protocol version.
    pub version: Version,
    /// Effective priority, 1-255.
    pub priority: u8,
    /// Source of our adverts: ties are decided by it.
    pub source: IpAddr,
    /// Our interval as on the wire.
    pub interval: Duration,
    /// Adverts to wait for (`down_timer_adverts`).
    pub adverts: u8,
    /// Off: `nopreempt`, or held back after a handover.
    pub preempt: bool,
    /// From the first advert of a lower priority to not heeding them.
    pub preempt_delay: Duration,
}

/// The Active as last heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivePeer {
    /// Its address.
    pub source: IpAddr,
    /// Its priority.
    pub priority: u8,
    /// Its interval.
    pub interval: Duration,
    /// When it was last heard.
    pub at: Instant,
}

/// What an advert meant to a Backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heeded {
    /// The sender is the Active; the timer starts again from the advert.
    Adopted {
        /// It was not the recorded Active before.
        changed: bool,
    },
    /// The Active resigned: the timer is down to the skew.
    Resigned,
    /// A lower priority, to be preempted: the timer goes on.
    Discarded,
    /// Known already, or a priority 0 from somebody who is not the Active (V9).
    Nothing,
}

/// What an advert meant to a claimant or an Active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contest {
    /// Theirs wins.
    Beaten,
    /// Ours wins: they shall hear it at once (§6.4.3).
    Loses,
    /// Somebody resigned: all shall hear us at once (§6.4.3).
    Resigned,
    /// Known already.
    Nothing,
}

/// What a Backup waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// N adverts of the Active, counted from here.
    Down(Instant),
    /// Only the skew, counted from a priority 0.
    Skew(Instant),
    /// Nothing: an address owner.
    Owner(Instant),
}

impl Wait {
    const fn from(self) -> Instant {
        match self {
            Self::Down(from) | Self::Skew(from) | Self::Owner(from) => from,
        }
    }
}

/// One virtual router.
#[derive(Clone, Debug)]
pub struct Router {
    params: Params,
    active: Option<ActivePeer>,
    /// Of the Active, learned (§6.1); version 2 has only our own.
    interval: Duration,
    wait: Wait,
    preempt_at: Option<Instant>,
    newest: BTreeMap<IpAddr, Heard>,
    /// A predecessor of this process has dealt with what was heard up to here.
    settled: Instant,
}

impl Router {
    /// A Backup whose timer starts at `now`; an owner waits for nothing (§6.4.1).
    #[must_use]
    pub fn new(params: Params, now: Instant) -> Self {
        let mut router = Self {
            params,
            active: None,
            interval: params.interval,
            wait: Wait::Down(now),
            preempt_at: None,
            newest: BTreeMap::new(),
            settled: Instant::default(),
        };
        router.start(now);
        router
    }

    /// Itself.
    #[must_use]
    pub const fn params(&self) -> &Params {
        &self.params
    }

    /// The Active it follows or followed.
    #[must_use]
    pub const fn active(&self) -> Option<&ActivePeer> {
        self.active.as_ref()
    }

    /// The interval it counts with.
    #[must_use]
    pub const fn learned_interval(&self) -> Duration {
        self.interval
    }

    /// Until when `preempt_delay` makes it heed a weaker Active, once it has begun.
    #[must_use]
    pub const fn preempt_at(&self) -> Option<Instant> {
        self.preempt_at
    }

    /// Shortest interval that anybody may count with once we claim: who has just
    /// heard another router counts with that one's, whether we follow it or not.
    #[must_use]
    pub fn shortest_interval(&self) -> Duration {
        let heard = self.newest.values().map(|heard| heard.interval_cs.max(1));
        heard
            .map(timers::centiseconds)
            .fold(self.interval, Duration::min)
    }

    /// The kernel has listened for it only since `now`: nothing heard before means
    /// nothing. Who owns the addresses waits for nobody.
    pub fn listens_from(&mut self, now: Instant) {
        if let Wait::Down(from) = self.wait {
            self.wait = Wait::Down(from.max(now));
        }
    }

    /// Takes part afresh: start-up, or after FAULT.
    pub fn start(&mut self, now: Instant) {
        self.active = None;
        self.interval = self.params.interval;
        self.preempt_at = None;
        self.wait = if self.params.priority == PRIORITY_OWNER && self.params.preempt {
            Wait::Owner(now)
        } else {
            Wait::Down(now)
        };
    }

    /// A full `Active_Down_Interval` from `now`, whatever its priority: it has just
    /// ceased, and another may be Active.
    pub fn back_off(&mut self, now: Instant) {
        self.wait = Wait::Down(now);
        self.preempt_at = None;
    }

    /// It is the Active now: the peers learn its interval and follow it.
    pub fn own(&mut self) {
        self.active = None;
        self.interval = self.params.interval;
        self.preempt_at = None;
    }

    /// Stamps outlive the process that obeyed them.
    pub fn ignore_through(&mut self, settled: Instant) {
        self.settled = settled;
    }

    /// When anybody was last heard.
    #[must_use]
    pub fn last_heard(&self) -> Option<Instant> {
        self.newest.values().map(|heard| heard.at).max()
    }

    /// Sources that advertise as Active at `now`: each heard within as many of its
    /// intervals as a peer would wait for.
    pub fn advertising(&self, now: Instant) -> impl Iterator<Item = &Heard> {
        let adverts = u32::from(self.params.adverts);
        self.newest.values().filter(move |heard| {
            let span = timers::centiseconds(heard.interval_cs) * adverts;
            heard.priority != PRIORITY_RESIGN && heard.at + span >= now
        })
    }

    /// Changed settings or tracked state. A running timer keeps its beginning.
    pub fn set_params(&mut self, params: Params) {
        if self.active.is_none() || params.version == Version::V2 {
            self.interval = params.interval;
        }
        if let Wait::Owner(from) = self.wait
            && params.priority != PRIORITY_OWNER
        {
            // Only who owns the addresses now waits for nothing (§6.4.1).
            self.wait = Wait::Down(from);
        }
        self.params = params;
    }

    /// Its priority has fallen: whom it discarded as weaker may be an Active it has
    /// to wait for, and who counts on that for as long as its lease runs. `true`:
    /// it claims later.
    pub fn heed_discarded(&mut self) -> bool {
        let no_longer_weaker = |heard: &&Heard| {
            heard.priority != PRIORITY_RESIGN && heard.priority >= self.params.priority
        };
        let discarded: Vec<Heard> = self
            .newest
            .values()
            .filter(no_longer_weaker)
            .copied()
            .collect();
        let mut later = false;
        for heard in discarded {
            let before = (self.active, self.interval, self.wait);
            let claimed_at = self.claim_at(Duration::ZERO);
            self.adopt(&heard);
            if self.claim_at(Duration::ZERO) > claimed_at {
                self.preempt_at = None;
                later = true;
            } else {
                (self.active, self.interval, self.wait) = before;
            }
        }
        later
    }

    /// When the claim may start, `lead` being the time from it to the gate's opening.
    #[must_use]
    pub fn claim_at(&self, lead: Duration) -> Instant {
        self.claims_at(self.wait, self.interval, lead)
    }

    fn claims_at(&self, wait: Wait, interval: Duration, lead: Duration) -> Instant {
        let Params {
            version,
            priority,
            adverts,
            ..
        } = self.params;
        let skew = timers::skew(version, priority, interval);
        match wait {
            Wait::Down(from) => {
                let earliest = from + interval * u32::from(adverts);
                timers::claim_at(earliest + skew, earliest, lead)
            }
            Wait::Skew(from) => timers::claim_at(from + skew, from, lead),
            Wait::Owner(from) => from,
        }
    }

    /// An advert while Backup (§6.4.2).
    pub fn heed(&mut self, heard: &Heard) -> Heeded {
        if !self.is_news(heard) {
            return Heeded::Nothing;
        }
        if heard.priority == PRIORITY_RESIGN {
            return self.heed_resignation(heard);
        }
        if matches!(self.wait, Wait::Owner(_)) && !self.is_beaten_by(heard.priority, heard.source) {
            // §6.4.1: an owner claims at once, and then beats the sender.
            return Heeded::Discarded;
        }
        let lower = heard.priority < self.params.priority;
        if lower && self.params.preempt && self.preempts(heard.at) {
            // §6.4.2: Preempt_Mode and a lower priority: discard
            return Heeded::Discarded;
        }
        if lower && self.params.preempt {
            self.preempt_at
                .get_or_insert(heard.at + self.params.preempt_delay);
        } else {
            self.preempt_at = None;
        }
        let changed = self
            .active
            .is_none_or(|active| active.source != heard.source);
        let (active, interval, wait) = (self.active, self.interval, self.wait);
        self.adopt(heard);
        let old = heard.at < wait.from();
        let weaker = active.is_some_and(|active| {
            active.source != heard.source
                && active.priority != PRIORITY_RESIGN
                && (active.priority, active.source) > (heard.priority, heard.source)
        });
        if (old || weaker)
            && self.claim_at(Duration::ZERO) <= self.claims_at(wait, interval, Duration::ZERO)
        {
            // A stamp older than what the timer counts from, of a peer that may be
            // dead, or an advert that the Active we follow beats, perhaps on its way
            // since before that one claimed: it may only make us wait longer.
            (self.active, self.interval, self.wait) = (active, interval, wait);
            return Heeded::Nothing;
        }
        Heeded::Adopted { changed }
    }

    /// An advert while Claiming or Active (§6.4.3).
    pub fn contest(&mut self, heard: &Heard) -> Contest {
        if !self.is_news(heard) {
            return Contest::Nothing;
        }
        if heard.priority == PRIORITY_RESIGN {
            return Contest::Resigned;
        }
        if heard.revoked || self.is_beaten_by(heard.priority, heard.source) {
            self.adopt(heard);
            return Contest::Beaten;
        }
        Contest::Loses
    }

    /// The winning advert's sender is the Active now: adopt it (§6.4.2, §6.4.3).
    fn adopt(&mut self, heard: &Heard) {
        if self.params.version == Version::V3 {
            // §6.1: Active_Adver_Interval is learned
            self.interval = timers::centiseconds(heard.interval_cs.max(1));
        }
        self.active = Some(ActivePeer {
            source: heard.source,
            priority: heard.priority,
            interval: timers::centiseconds(heard.interval_cs),
            at: heard.at,
        });
        self.wait = Wait::Down(heard.at);
    }

    /// Ours loses to a higher priority, or to the same and a greater address (§6.4.3).
    #[must_use]
    pub fn is_beaten_by(&self, priority: u8, source: IpAddr) -> bool {
        (priority, source) > (self.params.priority, self.params.source)
    }

    /// V9: only the recorded Active can resign; anybody else's priority 0 would
    /// be a takeover on demand.
    fn heed_resignation(&mut self, heard: &Heard) -> Heeded {
        match &mut self.active {
            Some(active) if active.source == heard.source => {
                active.priority = PRIORITY_RESIGN;
                active.at = heard.at;
                self.wait = Wait::Skew(heard.at);
                self.preempt_at = None;
                Heeded::Resigned
            }
            _ => Heeded::Nothing,
        }
    }

    /// The delay, if there is one, has begun and is over.
    fn preempts(&self, at: Instant) -> bool {
        self.params.preempt_delay.is_zero() || self.preempt_at.is_some_and(|end| end <= at)
    }

    /// Stamps are read again and again, and the ring buffer may lag behind them.
    fn is_news(&mut self, heard: &Heard) -> bool {
        let known = self.newest.get(&heard.source);
        if heard.at <= self.settled || known.is_some_and(|newest| heard.at <= newest.at) {
            return false;
        }
        if self.newest.len() >= MAX_SOURCES && !self.newest.contains_key(&heard.source) {
            let oldest = self
                .newest
                .iter()
                .min_by_key(|(_, heard)| heard.at)
                .map(|(&source, _)| source);
            oldest.map(|source| self.newest.remove(&source));
        }
        self.newest.insert(heard.source, *heard);
        true
    }
}

#[cfg(test)]
mod tests;
