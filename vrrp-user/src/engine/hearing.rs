//! Adverts, and what is answered to them.

use super::{
    Engine,
    action::{Action, Level},
    input::Heard,
    limit::more,
    notify::queue,
    reports::QUIET,
};
use crate::{
    election::{
        group::Outcome,
        router::{Contest, Heeded},
        transition::State,
    },
    ownership::{
        command::{GateId, VrId},
        standing::Closing,
    },
    time::Instant,
};

impl Engine {
    /// An accepted advert, from the ring buffer or from a stamp.
    pub(super) fn hear(&mut self, heard: &Heard, now: Instant) {
        let Some(instance) = self.instances.get_mut(&heard.vr) else {
            return;
        };
        if heard.priority == 0 {
            instance.resignations_heard += 1;
        }
        let gate = instance.gate;
        let Some(team) = self.teams.get_mut(&gate) else {
            return;
        };
        let before = team.group.state();
        self.heard_while_yielding(heard);
        let Some(team) = self.teams.get_mut(&gate) else {
            return;
        };
        match team.group.hear(heard, now) {
            Outcome::Heeded(heeded) => self.heeded(heard, heeded, now),
            Outcome::Contested(Contest::Beaten) => {
                self.learn_form(heard);
                let line = self.beaten_line(heard, before);
                self.log(Level::Info, line);
                self.entered(gate, before, now, ("a winning advert", Closing::Beaten));
                self.concede(heard);
            }
            Outcome::Contested(Contest::Loses) if before == State::Active => {
                self.losing(heard, gate, now);
            }
            Outcome::Contested(Contest::Resigned) if before == State::Active => {
                // §6.4.3: priority 0 while Active: advertise at once. Whoever gives up
                // beside us may have been believed by our neighbours.
                let first = self.is_first_loser(heard.vr, now);
                if self.may_answer(heard.vr, now) {
                    self.actions
                        .push_back(Action::AdvertiseNow { gate, vr: heard.vr });
                    self.announce_against(heard.vr, gate, first, now);
                }
            }
            Outcome::Contested(_) | Outcome::Unheard => {}
        }
    }

    fn heeded(&mut self, heard: &Heard, heeded: Heeded, now: Instant) {
        let (source, theirs) = (heard.source, heard.priority);
        match heeded {
            Heeded::Adopted { changed } => {
                self.learn_form(heard);
                let torn = self.instances.get(&heard.vr);
                let torn = torn.is_some_and(|it| it.signs.two_active());
                if changed && !torn {
                    let line = format!("Following {source} with priority {theirs}");
                    self.log_of(heard.vr, Level::Info, &line);
                }
                self.concede(heard);
                self.handover_followed(heard.vr, source, now);
            }
            Heeded::Resigned => {
                self.log_of(
                    heard.vr,
                    Level::Info,
                    "Backup received priority 0 advertisement",
                );
            }
            Heeded::Discarded => {
                let line =
                    format!("received lower priority ({theirs}) advert from {source} - discarding");
                self.log_of(heard.vr, Level::Detail, &line);
            }
            Heeded::Nothing => {}
        }
    }

    /// Only while Backup, from the Active; so the form never changes while Active.
    fn learn_form(&mut self, heard: &Heard) {
        if let Some(instance) = self.instances.get_mut(&heard.vr) {
            instance.learned_form = Some(heard.checksum_form);
        }
    }

    fn beaten_line(&self, heard: &Heard, before: State) -> String {
        let Some(instance) = self.instances.get(&heard.vr) else {
            return String::new();
        };
        let (name, ours) = (&instance.config.name, instance.priority);
        let (source, theirs) = (heard.source, heard.priority);
        let who = if before == State::Active {
            "Master"
        } else {
            "Claimant"
        };
        if theirs == ours {
            format!(
                "({name}) {who} received advert from {source} with same priority {theirs} but higher IP address than ours"
            )
        } else {
            format!(
                "({name}) {who} received advert from {source} with higher priority {theirs}, ours {ours}"
            )
        }
    }

    /// §6.4.3: discard a losing advert and advertise at once; neighbours may have
    /// believed its sender, so announce again too. Once an interval, whatever comes.
    fn losing(&mut self, heard: &Heard, gate: GateId, now: Instant) {
        let Some(instance) = self.instances.get_mut(&heard.vr) else {
            return;
        };
        let no_advert = instance.config.lower_prio_no_advert;
        if let Some(untold) = instance.losers.may_tell(QUIET, now) {
            let line = format!(
                "Received advert from {} with lower priority {}, ours {}, forcing new election{}",
                heard.source,
                heard.priority,
                instance.priority,
                more(untold)
            );
            self.log_of(heard.vr, Level::Info, &line);
        }
        let first = self.is_first_loser(heard.vr, now);
        self.notify_lower(heard.vr, gate, now);
        self.losing_goes_on(heard, gate, now);
        if !self.may_answer(heard.vr, now) {
            return;
        }
        if !no_advert {
            self.actions
                .push_back(Action::AdvertiseNow { gate, vr: heard.vr });
        }
        self.announce_against(heard.vr, gate, first, now);
    }

    fn announce_against(&mut self, vr: VrId, gate: GateId, first: bool, now: Instant) {
        let shares = self.shares(gate);
        let Some(team) = self.teams.get_mut(&gate) else {
            return;
        };
        if let Some(share) = shares.iter().find(|share| share.vr == vr) {
            let announcements = team
                .announcer
                .lower_priority(share, first, &mut self.paces, now);
            self.announce(gate, announcements);
        }
    }

    /// The first losing advert, or priority 0, after a silence.
    fn is_first_loser(&mut self, vr: VrId, now: Instant) -> bool {
        self.instances.get_mut(&vr).is_some_and(|it| {
            let interval = it.config.advert_interval;
            it.losers.is_first(interval, now)
        })
    }

    /// We were Active and are beaten. When a partition heals, the winner's advert may
    /// come first and silence us before we have said anything: it would never know
    /// that hosts followed us. Others must not take this for a resignation of the
    /// Active, so it goes to the winner alone.
    fn concede(&mut self, heard: &Heard) {
        let Some(instance) = self.instances.get_mut(&heard.vr) else {
            return;
        };
        if let Some(advert) = instance.conceding.take()
            && heard.mac != [0; 6]
        {
            let gate = instance.gate;
            self.actions.push_back(Action::Concede {
                gate,
                advert,
                winner: heard.source,
                mac: heard.mac,
            });
        }
    }

    fn may_answer(&mut self, vr: VrId, now: Instant) -> bool {
        self.instances.get_mut(&vr).is_some_and(|it| {
            let interval = it.config.advert_interval;
            it.losers.may_answer(interval, now)
        })
    }

    /// `notify_master_rx_lower_pri`; not more often than a script can be expected
    /// to run, because what is queued is never dropped.
    fn notify_lower(&mut self, vr: VrId, gate: GateId, now: Instant) {
        let (Some(it), Some(team)) = (self.instances.get(&vr), self.teams.get_mut(&gate)) else {
            return;
        };
        if now < team.lower_until {
            return;
        }
        team.lower_until = now + QUIET;
        let notify = &it.config.notify;
        if let Some(command) = notify.master_rx_lower_priority.clone() {
            let user = notify.user.as_ref();
            self.actions.push_back(Action::Notify {
                queue: queue("INSTANCE", &it.config.name),
                command,
                arguments: Vec::new(),
                user: user.or(self.config.global.script_user.as_ref()).cloned(),
            });
        }
        self.tell_line(vr, "MASTER_RX_LOWER_PRI");
    }
}
