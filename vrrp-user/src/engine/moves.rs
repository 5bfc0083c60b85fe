//! From one state to another, and what follows from it.

use super::{
    Engine,
    action::{Action, Level},
    announce::{Announcer, Share},
    handover::Handover,
    notify::Told,
    team::Check,
};
use crate::{
    config::model::Config,
    election::transition::{Event, State},
    ownership::{
        command::{Epoch, GateId, VrId},
        lease::MAX_LEASE_ADVERTS,
        standing::Closing,
    },
    time::Instant,
};
use core::time::Duration;

/// How long a shutdown waits for addresses to be gone.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(2);

impl Engine {
    /// What is due for one group.
    pub(super) fn team_timeout(&mut self, gate: GateId, now: Instant) {
        let Some(team) = self.teams.get_mut(&gate) else {
            return;
        };
        if core::mem::take(&mut team.stamped) {
            self.decide(gate, now);
            self.handover_due(gate, now);
        }
        self.announce_due(gate, now);
    }

    /// What only fresh stamps can decide.
    fn decide(&mut self, gate: GateId, now: Instant) {
        let lead = self.lead();
        let Some(team) = self.teams.get_mut(&gate) else {
            return;
        };
        match team.check {
            Check::Confirm { at } if at <= now => {
                team.check = Check::Nothing;
                let epoch = team.epoch;
                self.actions.push_back(Action::Confirm { gate, epoch });
            }
            Check::Lapse { at, last_sent } if at <= now => {
                team.check = Check::Nothing;
                let known = team.members.iter().filter_map(|vr| self.instances.get(vr));
                let known = known.map(|it| it.known_interval).min().unwrap_or_default();
                if team.group.lapsed_lately(last_sent, known, now) {
                    self.apply(
                        gate,
                        Event::LapseLately,
                        now,
                        "the lease lapsed, claiming again",
                    );
                } else {
                    self.apply(gate, Event::Lapse, now, "the lease lapsed");
                }
            }
            _ => {}
        }
        let Some(team) = self.teams.get(&gate) else {
            return;
        };
        if let Some((at, vr)) = team.group.claim_at(lead)
            && at <= now
        {
            self.log_of(vr, Level::Info, "Receive advertisement timeout");
            self.apply(gate, Event::Expire, now, "advertisement timeout");
        }
    }

    /// Applies an event; what follows from a change of state follows.
    pub(super) fn apply(&mut self, gate: GateId, event: Event, now: Instant, why: &str) {
        let Some(team) = self.teams.get_mut(&gate) else {
            return;
        };
        let before = team.group.state();
        if team.group.handle(event, now) {
            let closing = match event {
                Event::Stop if self.stopping.is_some() => Closing::Stopped,
                Event::Stop => Closing::Unconfigured,
                Event::Fault if self.maintenance.on => Closing::Maintenance,
                Event::Fault => Closing::Fault,
                Event::Yield => Closing::Handover,
                Event::Lapse | Event::LapseLately => Closing::Lapsed,
                _ => Closing::Beaten,
            };
            self.entered(gate, before, now, (why, closing));
        }
    }

    /// The group has come from `before` into its state; why, in words and as the gate
    /// record says it if a claim ends by it.
    pub(super) fn entered(
        &mut self,
        gate: GateId,
        before: State,
        now: Instant,
        (why, closing): (&str, Closing),
    ) {
        let Some(team) = self.teams.get_mut(&gate) else {
            return;
        };
        let state = team.group.state();
        let resigning = team.handover.as_ref().is_some_and(Handover::is_resigning);
        team.check = Check::Nothing;
        if before == State::Active && state != State::Active {
            team.times_released += 1;
        }
        for vr in team.members.clone() {
            if let Some(instance) = self.instances.get_mut(&vr) {
                why.clone_into(&mut instance.reason);
            }
        }
        if before.is_claimed() && !state.is_claimed() {
            // A fault or a stop is ours to announce; a winner needs no telling.
            let resign = resigning || matches!(state, State::Fault | State::Initialize);
            self.cease(gate, before, resign, closing);
        }
        self.handover_entered(gate, before, now, why);
        match state {
            State::Claiming => self.claim(gate),
            State::Active => self.opened(gate, now),
            State::Backup => {
                self.tell_state(gate, Told::Backup, before);
            }
            State::Fault => self.tell_state(gate, Told::Fault, before),
            State::Initialize => self.tell_state(gate, Told::Stop, before),
        }
        self.tell_members(gate);
        if before.is_claimed() && !state.is_claimed() && state != State::Initialize {
            let leader = self.parts(gate).first().copied().unwrap_or(gate);
            self.part_ended(gate, now, (why, closing));
            if self.unite(leader, now) {
                self.reweigh(leader, now);
            }
        }
    }

    fn claim(&mut self, gate: GateId) {
        self.last_epoch = Epoch(self.last_epoch.0 + 1);
        let epoch = self.last_epoch;
        let Some(team) = self.teams.get_mut(&gate) else {
            return;
        };
        team.epoch = epoch;
        let previous_interval = team.group.previous_interval();
        let members = team.members.clone();
        let mut adverts = Vec::with_capacity(members.len());
        // A reload's count from the next claim.
        let lease = self.config.global.lease;
        let mut lease_adverts = lease.adverts.min(MAX_LEASE_ADVERTS);
        for vr in &members {
            let Some(instance) = self.instances.get_mut(vr) else {
                continue;
            };
            lease_adverts = lease_adverts.min(instance.config.down_timer_adverts);
            instance.advert = instance.build_advert(&self.links);
            instance.updating = false;
            instance.conceding = None;
            instance.peers_know();
            adverts.extend(instance.advert.clone());
        }
        let announcements = Announcer::first_burst(&self.shares(gate));
        self.actions.push_back(Action::Claim {
            gate,
            epoch,
            hold: lease.claim_hold,
            loss_tolerance: lease.loss_tolerance,
            lease_adverts,
            previous_interval,
            adverts,
            announcements,
        });
        self.desired.addresses_stale = true;
    }

    fn opened(&mut self, gate: GateId, now: Instant) {
        let shares = self.shares(gate);
        let Some(team) = self.teams.get_mut(&gate) else {
            return;
        };
        team.times_active += 1;
        team.announcer.opened(&shares, &mut self.paces, now);
        self.tell_state(gate, Told::Master, State::Claiming);
        for vr in self.members(gate) {
            self.log_installed(vr, "setting");
            self.log_announcements(vr, &shares);
        }
    }

    /// In keepalived's words.
    fn log_installed(&mut self, vr: VrId, verb: &str) {
        let Some(instance) = self.instances.get(&vr) else {
            return;
        };
        let config = &instance.config;
        let kinds = [
            ("VIPs.", true),
            ("E-VIPs.", !config.excluded_addresses.is_empty()),
            ("Virtual Routes", !config.routes.is_empty()),
            ("Virtual Rules", !config.rules.is_empty()),
        ];
        for (what, _) in kinds.into_iter().filter(|(_, has)| *has) {
            self.log_of(vr, Level::Info, &format!("{verb} {what}"));
        }
    }

    fn log_announcements(&mut self, vr: VrId, shares: &[Share]) {
        let Some(instance) = self.instances.get(&vr) else {
            return;
        };
        let interface = instance.config.interface.clone();
        for announcement in shares
            .iter()
            .filter(|s| s.vr == vr)
            .flat_map(|s| &s.announcements)
        {
            let what = if announcement.address.is_ipv4() {
                "ARP"
            } else {
                "NA"
            };
            let how = if what == "ARP" {
                "gratuitous ARPs"
            } else {
                "Unsolicited Neighbour Adverts"
            };
            let line = format!(
                "Sending/queueing {how} on {interface} for {}",
                announcement.address
            );
            self.log_of(vr, Level::Detail, &line);
        }
    }

    /// V8: the driver shuts the gate, quiesces the transmit thread, then resigns.
    fn cease(&mut self, gate: GateId, before: State, resign: bool, why: Closing) {
        let Some(team) = self.teams.get_mut(&gate) else {
            return;
        };
        let epoch = team.epoch;
        team.announcer.clear();
        *self.ceasing.entry(gate).or_default() += 1;
        self.actions.push_back(Action::Cease {
            gate,
            epoch,
            resign,
            why,
        });
        self.desired.addresses_stale = true;
        for vr in self.members(gate) {
            if let Some(instance) = self.instances.get_mut(&vr) {
                let advert = instance.advert.take();
                instance.conceding = advert.filter(|_| before == State::Active && !resign);
                instance.updating = false;
            }
            if before == State::Active {
                self.log_of(vr, Level::Info, &format!("gate shut: {why}"));
                self.log_installed(vr, "removing");
            }
            if resign {
                self.log_of(vr, Level::Info, "sent 0 priority");
            }
        }
        // The addresses go before anybody is told, as keepalived does it.
        self.emit_desired();
    }

    /// Logs and notifies, unless that is what operators see already.
    fn tell_state(&mut self, gate: GateId, told: Told, before: State) {
        let Some(team) = self.teams.get_mut(&gate) else {
            return;
        };
        if team.told == Some(told) {
            return;
        }
        let first = team.told.replace(told).is_none();
        let sync = team.sync.as_ref().map(|sync| sync.name.clone());
        let line = match told {
            Told::Master => "Entering MASTER STATE",
            Told::Backup if first || before == State::Initialize => "Entering BACKUP STATE (init)",
            Told::Backup => "Entering BACKUP STATE",
            Told::Fault => "Entering FAULT STATE",
            Told::Stop | Told::Deleted => "Stopping",
        };
        if let Some(sync) = sync.filter(|_| told != Told::Stop && !first) {
            let word = told.word();
            let line = format!("VRRP_Group({sync}) Syncing instances to {word} state");
            self.log(Level::Info, line);
        }
        for vr in self.members(gate) {
            self.log_of(vr, Level::Info, line);
        }
        // Who tells of an end knows of all that end with it.
        if told != Told::Stop {
            self.tell_team(gate, told, first);
        }
    }

    /// TERM or INT.
    pub(super) fn shutdown(&mut self, now: Instant) {
        if self.stopping.is_some() {
            return;
        }
        self.stopping = Some(now + SHUTDOWN_PATIENCE);
        let gates: Vec<GateId> = self.teams.keys().copied().collect();
        for gate in gates {
            self.apply(gate, Event::Stop, now, "shutdown");
        }
        self.tell_end();
        self.configure_trackers(&Config::default(), false, now);
    }

    /// Every priority 0 is out and no address is left: only now may the fence go.
    pub(super) fn finish(&mut self) {
        self.finished = true;
        let instances: Vec<VrId> = self.instances.keys().copied().collect();
        for vr in instances {
            self.remove_record(vr);
        }
        self.desired.vips_stale = true;
        self.emit_desired();
        self.actions.push_back(Action::Finished);
    }

    pub(super) fn members(&self, gate: GateId) -> Vec<VrId> {
        self.teams
            .get(&gate)
            .map(|team| team.members.clone())
            .unwrap_or_default()
    }

    pub(super) fn log_of(&mut self, vr: VrId, level: Level, line: &str) {
        if let Some(instance) = self.instances.get(&vr) {
            let line = format!("({}) {line}", instance.config.name);
            self.log(level, line);
        }
    }
}
