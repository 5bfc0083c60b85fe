//! Composes the pure rooms: inputs in, actions out, one deadline.
//!
//! The contract of [`Engine`]:
//!
//! * Links are reported before the first [`Input::Config`], so that start-up does
//!   not pass through a FAULT nobody has.
//! * After each [`Engine::handle`] and [`Engine::handle_timeout`] the driver drains
//!   [`Engine::poll_action`] to `None`, in order, and arms its one sleep from
//!   [`Engine::poll_timeout`].
//! * On waking it reads the clock, feeds what has come in, asks
//!   [`Engine::stamps_needed`], reads those stamps, feeds them as
//!   [`Input::Advert`]s and calls [`Engine::handle_timeout`] with the time it read
//!   first. A late daemon so never mistakes its own lateness for a dead Active,
//!   and a claim is confirmed against what the kernel accepted before it knew of
//!   the claim.
//! * Once the actions are carried out that make the kernel listen, it says so
//!   ([`Input::InPlace`]): attaching a program may take longer than a peer waits.
//! * `now` never goes back.

pub mod action;
mod announce;
pub mod answer;
mod assess;
pub mod conflict;
mod debounce;
mod desired;
mod handover;
mod hearing;
pub mod inherit;
pub mod input;
mod instance;
mod limit;
mod losers;
mod maintenance;
mod moves;
mod notify;
mod parts;
mod regroup;
mod reload;
mod reports;
pub mod settings;
pub mod status;
mod team;
mod trackers;
pub mod why;

use crate::{
    config::model::{Config, LeaseMode},
    ownership::command::{Epoch, GateId, VrId},
    time::Instant,
    tracking::trackers::Trackers,
};
use action::{Action, Level};
use debounce::Unsettled;
use desired::Desired;
use input::{Input, Link, Unwatched};
use instance::{Instance, Links};
use maintenance::Maintenance;
use settings::Settings;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use team::{Check, Team};

/// What the next deadline is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// This instance, the last of its group, has waited long enough. Stamps first.
    ActiveDown(VrId),
    /// A claim's burst has left: did a winner come before the epoch began? Stamps first.
    ConfirmClaim(GateId),
    /// The lease ended unasked: has anybody claimed since? Stamps first.
    Lapse(GateId),
    /// Nobody has claimed what is offered. Stamps first.
    Handover(GateId),
    /// Announcements are due.
    Announce(GateId),
    /// A script is to be started.
    Script(String),
    /// A service is to be asked.
    Probe(String),
    /// What happened to a process counts.
    Process(String),
    /// A link has stayed up, or down, long enough (`interface_up_down_delays`).
    Link,
    /// Not all is out and gone, but the daemon is to end.
    ShutdownOverdue,
}

impl Reason {
    /// Peer stamps must be read before this deadline is handled.
    #[must_use]
    pub const fn needs_stamps(&self) -> bool {
        matches!(
            self,
            Self::ActiveDown(_) | Self::ConfirmClaim(_) | Self::Lapse(_) | Self::Handover(_)
        )
    }
}

/// Everything one daemon decides.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    config: Config,
    /// What the driver was last told that shut gates do.
    lease_mode: Option<LeaseMode>,
    /// Instances wait for this before they start (`vrrp_startup_delay`).
    start_at: Option<Instant>,
    last_epoch: Epoch,
    paces: announce::Paces,
    links: Links,
    unsettled: Unsettled,
    unwatched: Unwatched,
    instances: BTreeMap<VrId, Instance>,
    teams: BTreeMap<GateId, Team>,
    trackers: Trackers,
    /// Addresses found on interfaces.
    placed: BTreeSet<(u32, core::net::IpAddr)>,
    /// Virtual routers that the kernel has not listened for yet.
    unlistened: BTreeSet<VrId>,
    /// Gates whose `Report::Ceased` is awaited, and how many of them.
    ceasing: BTreeMap<GateId, u32>,
    desired: Desired,
    maintenance: Maintenance,
    actions: VecDeque<Action>,
    /// Of a predecessor, until the first configuration settles it.
    inherited: Vec<inherit::Inherited>,
    has_heirloom: bool,
    /// Shutdown ends at the latest then.
    stopping: Option<Instant>,
    finished: bool,
}

impl Engine {
    /// Nothing configured. `seen_epochs` are the epochs, `revoked_epoch`s and
    /// `closed_epoch`s of every pinned gate record: new claims exceed them all.
    #[must_use]
    pub fn new(settings: Settings, seen_epochs: impl IntoIterator<Item = Epoch>) -> Self {
        Self {
            settings,
            config: Config::default(),
            lease_mode: None,
            start_at: None,
            last_epoch: seen_epochs.into_iter().max().unwrap_or_default(),
            paces: announce::Paces::default(),
            links: Links::default(),
            unsettled: Unsettled::default(),
            unwatched: Unwatched::default(),
            instances: BTreeMap::new(),
            teams: BTreeMap::new(),
            trackers: Trackers::default(),
            placed: BTreeSet::new(),
            unlistened: BTreeSet::new(),
            ceasing: BTreeMap::new(),
            desired: Desired::default(),
            maintenance: Maintenance::default(),
            actions: VecDeque::new(),
            inherited: Vec::new(),
            has_heirloom: false,
            stopping: None,
            finished: false,
        }
    }

    /// One thing that happened.
    pub fn handle(&mut self, input: Input, now: Instant) {
        match input {
            Input::Config(config) => self.reload(*config, now),
            Input::Link(link) => {
                let link = self.settled(link, now);
                self.put_link(link, now);
            }
            Input::LinkGone { ifindex } => {
                self.unsettled.forget(ifindex);
                if let Some(gone) = self.links.remove(ifindex) {
                    self.placed.retain(|&(on, _)| on != ifindex);
                    self.desired.all_stale();
                    self.reassess_mentioning(&gone.name, now);
                }
            }
            Input::Advert(heard) => self.hear(&heard, now),
            Input::Sender(report) => self.report(&report, now),
            Input::Conflict {
                kind,
                gate,
                ifindex,
                address,
                mac,
            } => self.conflict(gate, (ifindex, address), mac, kind, now),
            Input::Surveyed { vr } => self.surveyed(vr, now),
            Input::ScriptDone { script, result } => self.script_done(&script, result, now),
            Input::Probed { kind, name, answer } => self.probed(kind, &name, answer, now),
            Input::FileRead { name, content } => self.file_read(&name, content, now),
            Input::ProcessesCounted { name, count, cause } => {
                self.processes_counted(&name, count, cause, now);
            }
            Input::AddressPlaced {
                ifindex,
                address,
                present,
            } => {
                let changed = if present {
                    self.placed.insert((ifindex, address))
                } else {
                    self.placed.remove(&(ifindex, address))
                };
                self.desired.vips_stale |= changed;
                if changed {
                    self.reassess_where(now, |it| it.tracks_source(address));
                }
            }
            Input::Unwatched(unwatched) => {
                if core::mem::replace(&mut self.unwatched, unwatched) != self.unwatched {
                    self.reassess_where(now, |_| true);
                }
            }
            Input::InPlace => self.in_place(now),
            Input::ActionFailed { what, why, vr } => {
                let name = vr.and_then(|vr| self.instances.get(&vr));
                let of = name.map_or(String::new(), |it| format!("({}) ", it.config.name));
                self.log(Level::Error, format!("{of}{what} failed: {why}"));
            }
            Input::Handover {
                ticket,
                name,
                force,
            } => self.hand_over(ticket, &name, force, now),
            Input::Release { ticket, name } => self.release(ticket, &name, now),
            Input::Announce { ticket, name } => {
                let answer = self.announce_again(&name);
                self.answer(ticket, answer);
            }
            Input::Maintenance { ticket, on, force } => self.maintain(ticket, on, force, now),
            Input::Shutdown => self.shutdown(now),
            Input::Leave => self.leave(),
        }
        self.settle(now);
    }

    /// A link as it counts from now on.
    fn put_link(&mut self, link: Link, now: Instant) {
        let name = link.name.clone();
        let (ifindex, mac) = (link.ifindex, link.mac);
        let moves = |known: &Link| known.mac != mac || known.name != name;
        let before = self.links.indexed(ifindex).is_none_or(moves);
        let before = before.then(|| self.announced());
        let old = self.links.insert(link);
        self.desired.all_stale();
        self.reassess_mentioning(&name, now);
        if let Some(renamed) = old.filter(|old| old.name != name) {
            self.reassess_mentioning(&renamed.name, now);
        }
        if let Some(before) = before {
            self.announce_moved(&before, now);
        }
    }

    /// Carries out what is due; see the contract for what comes first.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.settle_links(now);
        self.trackers_timeout(now);
        let gates: Vec<GateId> = self.teams.keys().copied().collect();
        for gate in gates {
            self.team_timeout(gate, now);
        }
        self.settle(now);
    }

    /// The next action; `None`: all are carried out.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The next deadline and what it is for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        let teams = self.teams.values().flat_map(|team| self.deadlines(team));
        let trackers = self.next_of_trackers();
        let trackers = trackers.filter(|_| self.stopping.is_none());
        let link = self.unsettled.next().map(|at| (at, Reason::Link));
        let end = self
            .stopping
            .filter(|_| !self.finished)
            .map(|at| (at, Reason::ShutdownOverdue));
        teams.chain(trackers).chain(link).chain(end).min()
    }

    /// Instances whose peers' stamps decide what [`Engine::handle_timeout`] does at
    /// `now`. It decides for no others: what came up since waits for the next call.
    #[must_use]
    pub fn stamps_needed(&mut self, now: Instant) -> Vec<VrId> {
        let due = |team: &&Team| {
            self.deadlines(team)
                .any(|(at, reason)| at <= now && reason.needs_stamps())
        };
        let gates: Vec<GateId> = self
            .teams
            .values()
            .filter(due)
            .map(|team| team.gate)
            .collect();
        let mut needed = Vec::new();
        for gate in gates {
            if let Some(team) = self.teams.get_mut(&gate) {
                team.stamped = true;
                needed.extend(&team.members);
            }
        }
        needed
    }

    fn deadlines(&self, team: &Team) -> impl Iterator<Item = (Instant, Reason)> {
        let gate = team.gate;
        let claim = team.group.claim_at(self.lead());
        let claim = claim.map(|(at, vr)| (at, Reason::ActiveDown(vr)));
        let check = match team.check {
            Check::Nothing => None,
            Check::Confirm { at } => Some((at, Reason::ConfirmClaim(gate))),
            Check::Lapse { at, .. } => Some((at, Reason::Lapse(gate))),
        };
        let announce = team
            .announcer
            .next(&self.paces)
            .map(|at| (at, Reason::Announce(gate)));
        let offer = team
            .handover
            .as_ref()
            .and_then(handover::Handover::deadline);
        let offer = offer.map(|at| (at, Reason::Handover(gate)));
        [claim, check, offer, announce].into_iter().flatten()
    }

    /// Emits level-triggered lists that changed, and the end of a shutdown.
    fn settle(&mut self, now: Instant) {
        self.advance_maintenance(now);
        // What is static stays until the last resignation is out.
        self.desired.addresses_stale |= self.stopping.is_some();
        self.emit_desired();
        let Some(end) = self.stopping.filter(|_| !self.finished) else {
            return;
        };
        let all_gone = self.ceasing.is_empty() && !self.any_managed_placed();
        if all_gone || now >= end {
            self.finish();
        }
    }

    /// How much earlier than its gate is to open a claim starts.
    fn lead(&self) -> core::time::Duration {
        self.config.global.lease.claim_hold + self.settings.overhead
    }

    fn log(&mut self, level: Level, line: String) {
        self.actions.push_back(Action::Log(level, line));
    }
}

#[cfg(test)]
mod tests;
