//! The sync group: the unit that claims, because its members share one gate.
//! An instance outside any group is a group of one.

use super::{
    heard::Heard,
    router::{Contest, Heeded, Params, Router},
    transition::{Event, State, next},
};
use crate::{ownership::command::VrId, time::Instant};
use core::time::Duration;
use std::collections::BTreeMap;

/// What an advert did to the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Heeded by a Backup.
    Heeded(Heeded),
    /// It met a claimant or an Active, and `Beaten` has made it a Backup.
    Contested(Contest),
    /// The group does not take part.
    Unheard,
}

/// Members and their common state.
#[derive(Clone, Debug)]
pub struct Group {
    state: State,
    since: Instant,
    members: BTreeMap<VrId, Router>,
}

impl Group {
    /// Not started.
    #[must_use]
    pub fn new(members: BTreeMap<VrId, Router>, now: Instant) -> Self {
        Self {
            state: State::Initialize,
            since: now,
            members,
        }
    }

    /// Its state.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// When it came into its state.
    #[must_use]
    pub const fn since(&self) -> Instant {
        self.since
    }

    /// One member.
    #[must_use]
    pub fn member(&self, vr: VrId) -> Option<&Router> {
        self.members.get(&vr)
    }

    /// Changed settings or tracked state of one member. `true`: its claim has ended,
    /// because it is weaker now than an Active whose adverts it had discarded.
    pub fn set_params(&mut self, vr: VrId, params: Params, now: Instant) -> bool {
        let Some(router) = self.members.get_mut(&vr) else {
            return false;
        };
        let weaker = params.priority < router.params().priority;
        router.set_params(params);
        let waits = matches!(self.state, State::Backup | State::Claiming);
        if !(weaker && waits && router.heed_discarded()) {
            return false;
        }
        let beaten = self.state == State::Claiming && router.claim_at(Duration::ZERO) > now;
        if beaten {
            self.beaten(vr, now);
        }
        beaten
    }

    /// Takes over from a predecessor of this process, which last advertised at
    /// `last_sent` and was not beaten: what was heard up to then was its business.
    pub fn inherit(&mut self, last_sent: Instant) {
        self.each(|router| router.ignore_through(last_sent));
    }

    /// These leave it, as a group of their own: in its state, if that is no claim. A claim
    /// stays with the others.
    #[must_use]
    pub fn part(&mut self, leaving: &[VrId], now: Instant) -> Self {
        let mut members = BTreeMap::new();
        for vr in leaving {
            members.extend(self.members.remove_entry(vr));
        }
        let (state, since) = if self.state.is_claimed() {
            (State::Initialize, now)
        } else {
            (self.state, self.since)
        };
        Self {
            state,
            since,
            members,
        }
    }

    /// Another group's members are this one's from now on; neither claims. Who did not
    /// wait as this group does begins to.
    pub fn join(&mut self, other: Self, now: Instant) {
        let waits = other.state == State::Backup;
        for (vr, mut router) in other.members {
            if !waits {
                router.start(now);
            }
            self.members.insert(vr, router);
        }
    }

    /// All members.
    pub fn members(&self) -> impl Iterator<Item = (VrId, &Router)> {
        self.members.iter().map(|(&vr, router)| (vr, router))
    }

    /// When every member may claim, and which of them is the last to (V10).
    /// Only a Backup waits for that.
    #[must_use]
    pub fn claim_at(&self, lead: Duration) -> Option<(Instant, VrId)> {
        if self.state != State::Backup {
            return None;
        }
        self.members()
            .map(|(vr, router)| (router.claim_at(lead), vr))
            .max()
    }

    /// Shortest interval a previous owner may have left the peers with (V2).
    #[must_use]
    pub fn previous_interval(&self) -> Duration {
        let shortest = self.members.values().map(Router::shortest_interval);
        shortest.min().unwrap_or_default()
    }

    /// The kernel listens for this member from now on, and did not before.
    pub fn listens_from(&mut self, vr: VrId, now: Instant) {
        if let Some(router) = self.members.get_mut(&vr) {
            router.listens_from(now);
        }
    }

    /// An event other than an advert. `true`: the state changed (or the claim began anew).
    pub fn handle(&mut self, event: Event, now: Instant) -> bool {
        let Some(state) = next(self.state, event) else {
            return false;
        };
        match event {
            Event::Start | Event::Clear => self.each(|router| router.start(now)),
            Event::Beaten | Event::Lapse | Event::Yield => self.each(|router| router.back_off(now)),
            Event::Open | Event::Resume => self.each(Router::own),
            Event::Expire | Event::LapseLately | Event::Fault | Event::Stop => {}
        }
        self.enter(state, now);
        true
    }

    /// An accepted advert for one member.
    pub fn hear(&mut self, heard: &Heard, now: Instant) -> Outcome {
        let Some(router) = self.members.get_mut(&heard.vr) else {
            return Outcome::Unheard;
        };
        match self.state {
            State::Initialize | State::Fault => Outcome::Unheard,
            State::Backup => Outcome::Heeded(router.heed(heard)),
            State::Claiming | State::Active => {
                let contest = router.contest(heard);
                if contest == Contest::Beaten {
                    self.beaten(heard.vr, now);
                }
                Outcome::Contested(contest)
            }
        }
    }

    /// After the lease ended unasked: has so little time passed since the last
    /// advert that no peer can have claimed, and has nobody else been heard since?
    /// `peers_count`: the shortest interval a peer may still count with.
    #[must_use]
    pub fn lapsed_lately(&self, last_sent: Instant, peers_count: Duration, now: Instant) -> bool {
        self.members.values().all(|router| {
            let params = router.params();
            let interval = params.interval.min(peers_count);
            now < last_sent + interval * u32::from(params.adverts)
                && router.last_heard().is_none_or(|at| at <= last_sent)
        })
    }

    /// The beaten member counts from the advert, the others from now.
    fn beaten(&mut self, beaten: VrId, now: Instant) {
        for (&vr, router) in &mut self.members {
            if vr != beaten {
                router.back_off(now);
            }
        }
        self.enter(State::Backup, now);
    }

    fn enter(&mut self, state: State, now: Instant) {
        self.state = state;
        self.since = now;
    }

    fn each(&mut self, change: impl FnMut(&mut Router)) {
        self.members.values_mut().for_each(change);
    }
}

#[cfg(test)]
mod demotion;
#[cfg(test)]
mod tests;
