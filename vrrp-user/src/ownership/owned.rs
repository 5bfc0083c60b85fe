//! One group's claim, from its burst to its end.

use super::{
    command::{Command, Epoch, GateId, Member, Report, VrId},
    keeping::Keeping,
    lease::{self, Sent},
    sender::{Effect, SendKind, Ticket},
};
use crate::time::Instant;
use core::time::Duration;
use std::collections::VecDeque;
use vrrp_common::gate::Gate;

/// How often a claim that has no permission yet looks again.
const PERMISSION_RETRY: Duration = Duration::from_millis(1);

/// Where a claim stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The epoch has begun; the burst has not left.
    Begun { look_at: Instant, give_up: Instant },
    /// The burst is leaving; this many results are missing.
    Bursting { missing: usize },
    /// The burst has left; winning adverts have until `opens_at` to arrive.
    Held { opens_at: Instant },
    /// A predecessor opened it, until `lease_end`; our first burst has not left.
    Resuming { lease_end: Instant },
    /// The gate was opened, until `lease_end` so far.
    Open { lease_end: Instant },
    /// The lease ran out, or the event loop shut the gate: silent until told.
    Over,
}

/// A claim and what keeps it.
#[derive(Clone, Debug)]
pub(super) struct Owned<F> {
    pub(super) epoch: Epoch,
    /// Where the sender's schedule has it.
    pub(super) scheduled: Option<Instant>,
    gate: GateId,
    hold: Duration,
    loss_tolerance: u8,
    lease_adverts: u8,
    previous_interval: Duration,
    /// The event loop saw no winner before this epoch; from then on the kernel has
    /// watched.
    confirmed: bool,
    members: Vec<Keeping<F>>,
    announcements: Vec<F>,
    announce_at: Option<Instant>,
    /// A burst is wanted although the gate is open.
    prolong_at: Option<Instant>,
    first_sent: Option<Instant>,
    /// Before the burst: by the predecessor whose claim was resumed, or by us in the
    /// lease that ended.
    sent_before: Instant,
    /// The lease ended then, and is claimed again.
    lapsed_at: Option<Instant>,
    /// As it was read before the last adverts were sent.
    permit_end: Instant,
    phase: Phase,
}

impl<F: Clone> Owned<F> {
    /// From a [`Command::Resume`]; the record's epoch and lease stand.
    pub(super) fn resume(command: Command<F>, now: Instant) -> Option<Self> {
        let Command::Resume {
            gate,
            epoch,
            lease_end,
            last_sent,
            hold,
            loss_tolerance,
            lease_adverts,
            members,
        } = command
        else {
            return None;
        };
        let keep = |form: Member<F>| {
            let interval = form.interval;
            Keeping::new(form, loss_tolerance, lease_adverts, interval, now)
        };
        Some(Self {
            epoch,
            scheduled: None,
            gate,
            hold,
            loss_tolerance,
            lease_adverts,
            previous_interval: Duration::ZERO,
            confirmed: true,
            members: members.into_iter().map(keep).collect(),
            announcements: Vec::new(),
            announce_at: None,
            prolong_at: None,
            first_sent: None,
            sent_before: last_sent,
            lapsed_at: None,
            permit_end: Instant::default(),
            phase: Phase::Resuming { lease_end },
        })
    }

    /// From a [`Command::Claim`].
    pub(super) fn claim(command: Command<F>, now: Instant) -> Option<Self> {
        let Command::Claim {
            gate,
            epoch,
            hold,
            loss_tolerance,
            lease_adverts,
            previous_interval,
            members,
            announcements,
        } = command
        else {
            return None;
        };
        let members: Vec<_> = members
            .into_iter()
            .map(|form| Keeping::new(form, loss_tolerance, lease_adverts, previous_interval, now))
            .collect();
        let patience = members
            .iter()
            .map(|member| member.form.interval)
            .max()
            .unwrap_or_default();
        Some(Self {
            epoch,
            scheduled: None,
            gate,
            hold,
            loss_tolerance,
            lease_adverts,
            previous_interval,
            confirmed: false,
            members,
            announcements,
            announce_at: None,
            prolong_at: None,
            first_sent: None,
            sent_before: Instant::default(),
            lapsed_at: None,
            permit_end: Instant::default(),
            phase: Phase::Begun {
                look_at: now,
                give_up: now + patience,
            },
        })
    }

    /// When it wants to be looked at.
    pub(super) fn due(&self) -> Option<Instant> {
        let adverts = self.members.iter().map(Keeping::due).min();
        match self.phase {
            Phase::Begun { look_at, .. } => Some(look_at),
            Phase::Bursting { .. } | Phase::Over => None,
            Phase::Resuming { lease_end } => {
                Some(adverts.map_or(lease_end, |at| at.min(lease_end)))
            }
            Phase::Held { opens_at } => {
                let opens = self.confirmed.then_some(opens_at);
                [opens, adverts, self.lease_end()]
                    .into_iter()
                    .flatten()
                    .min()
            }
            Phase::Open { lease_end } => {
                [Some(lease_end), adverts, self.announce_at, self.prolong_at]
                    .into_iter()
                    .flatten()
                    .min()
            }
        }
    }

    /// Does what is due. `false`: beaten, forget it.
    pub(super) fn step(
        &mut self,
        now: Instant,
        gate: &Gate,
        effects: &mut VecDeque<Effect<F>>,
    ) -> bool {
        if self.phase == Phase::Over {
            return true;
        }
        if gate.epoch != self.epoch.0 || gate.revoked_epoch >= self.epoch.0 {
            effects.push_back(Effect::Report(Report::Beaten {
                gate: self.gate,
                epoch: self.epoch,
            }));
            return false;
        }
        if !gate.is_claimed() {
            // The event loop has given it up; its Cease is on the way.
            self.phase = Phase::Over;
            return true;
        }
        let may_send = gate.may_advertise(now.as_ns());
        self.permit_end = Instant::from_ns(gate.permit_end_ns);
        match self.phase {
            Phase::Begun { give_up, .. } => {
                // Somebody may have claimed by now.
                let late = self.lapsed_at.is_some() && now >= give_up;
                // The lease of before this burst is ended, or about to be.
                if now < self.permit_end && !late {
                    self.burst(effects);
                } else if now >= give_up {
                    self.end(effects);
                } else {
                    self.phase = Phase::Begun {
                        look_at: now + PERMISSION_RETRY,
                        give_up,
                    };
                }
            }
            Phase::Held { opens_at } => {
                if self.lease_end().is_none_or(|end| now >= end) {
                    if self.lapsed_at.is_some() {
                        self.lapse(now, effects);
                    } else {
                        self.end(effects);
                    }
                    return true;
                }
                if self.confirmed && now >= opens_at {
                    self.open(now, effects);
                }
                self.advertise(now, may_send, effects);
            }
            Phase::Resuming { lease_end } => {
                if now >= lease_end {
                    self.end(effects);
                } else if may_send {
                    self.phase = Phase::Open { lease_end };
                    let shorter = self.shortened(lease_end, now);
                    if shorter < lease_end {
                        self.write(shorter, effects);
                    }
                    self.burst_again(now, effects);
                } else {
                    for member in &mut self.members {
                        member.next = now + PERMISSION_RETRY;
                    }
                }
            }
            Phase::Open { lease_end } => {
                if now >= lease_end {
                    self.lapse(now, effects);
                    return true;
                }
                if self.prolong_at.take().is_some() && may_send {
                    self.burst_again(now, effects);
                }
                self.advertise(now, may_send, effects);
                if self.announce_at.take().is_some() {
                    self.send_announcements(effects);
                }
            }
            Phase::Bursting { .. } | Phase::Over => {}
        }
        true
    }

    /// The permission that was read before a send has not ended by `now`. One that
    /// ended may have been renewed since, and says nothing of the time between.
    pub(super) fn was_permitted(&self, now: Instant) -> bool {
        now < self.permit_end
    }

    /// An advert of `vr` left, or failed to.
    pub(super) fn sent(
        &mut self,
        vr: VrId,
        sent_at: Instant,
        ok: bool,
        now: Instant,
        effects: &mut VecDeque<Effect<F>>,
    ) {
        // A send that ended after the lease did may have met a peer that claimed:
        // it extends nothing, and only another burst and hold open the gate again.
        if let Phase::Open { lease_end } = self.phase
            && now >= lease_end
        {
            self.lapse(now, effects);
            return;
        }
        if self.phase == Phase::Over {
            return;
        }
        let bursting = matches!(self.phase, Phase::Bursting { .. });
        let tolerated = self.loss_tolerance;
        let sender = self.members.iter_mut().find(|member| member.form.vr == vr);
        if let Some(member) = sender.filter(|_| !ok) {
            member.may_have_sent(sent_at, tolerated);
        }
        if ok
            && let Some(member) = self.members.iter_mut().find(|member| member.form.vr == vr)
            && member.sent(sent_at, bursting)
        {
            effects.push_back(Effect::Report(Report::Updated {
                gate: self.gate,
                epoch: self.epoch,
                vr,
            }));
        }
        if ok && self.first_sent.is_none() {
            self.first_sent = Some(sent_at);
        }
        match self.phase {
            Phase::Bursting { missing } if missing > 1 => {
                self.phase = Phase::Bursting {
                    missing: missing - 1,
                };
            }
            Phase::Bursting { .. } => self.burst_left(now, effects),
            Phase::Open { lease_end } if ok => self.extend(lease_end, effects),
            Phase::Begun { .. }
            | Phase::Held { .. }
            | Phase::Resuming { .. }
            | Phase::Open { .. }
            | Phase::Over => {}
        }
    }

    /// As long a lease as there can be, now.
    pub(super) fn prolong(&mut self, now: Instant) {
        self.prolong_at = Some(now);
    }

    /// m+1 adverts of every member while the gate is open: one of them arrives, so
    /// the lease counts from them alone.
    fn burst_again(&mut self, now: Instant, effects: &mut VecDeque<Effect<F>>) {
        for _ in 0..=self.loss_tolerance {
            for member in &self.members {
                effects.push_back(self.advert(member));
            }
        }
        for member in &mut self.members {
            member.next = now + member.spacing();
        }
    }

    /// The event loop saw no winner in the stamps.
    pub(super) fn confirm(&mut self) {
        if let Phase::Held { .. } = self.phase {
            self.confirmed = true;
        }
    }

    /// Another form of one member's advert (V2).
    pub(super) fn update(
        &mut self,
        form: Member<F>,
        now: Instant,
        effects: &mut VecDeque<Effect<F>>,
    ) {
        let Some(member) = self
            .members
            .iter_mut()
            .find(|member| member.form.vr == form.vr)
        else {
            return;
        };
        member.update(form, self.loss_tolerance, self.lease_adverts);
        if let Phase::Open { lease_end } = self.phase {
            let shorter = self.shortened(lease_end, now);
            if shorter < lease_end {
                self.write(shorter, effects);
            }
        }
    }

    /// V2: a shorter interval shortens the lease before the first such advert
    /// leaves, because peers will count from that one.
    fn shortened(&self, lease_end: Instant, now: Instant) -> Instant {
        let announced = self.members.iter().filter(|member| member.shortens());
        let ends = announced.map(|member| {
            let interval = member.form.interval;
            lease::entitled_until(Sent { at: now, interval }, self.lease_adverts)
        });
        ends.fold(lease_end, Instant::min)
    }

    /// One advert out of turn, at most one an interval: a flood of losing
    /// adverts must not make a flood of ours.
    pub(super) fn advertise_now(&mut self, vr: VrId, now: Instant) {
        if let Some(member) = self.members.iter_mut().find(|member| member.form.vr == vr)
            && now >= member.extra_after
        {
            member.extra_at = Some(now);
            member.extra_after = now + member.spacing();
        }
    }

    /// Announcements, sent once the gate is open.
    pub(super) fn announce(&mut self, frames: Vec<F>, now: Instant) {
        if self.phase != Phase::Over {
            self.announcements.extend(frames);
            self.announce_at = Some(now);
        }
    }

    /// The priority-0 adverts of every member (§6.4.3).
    pub(super) fn resigns(self) -> impl Iterator<Item = Effect<F>> {
        let (gate, epoch) = (self.gate, self.epoch);
        let resignation = move |member| resignation(gate, epoch, member);
        self.members.into_iter().map(resignation)
    }

    /// Some members leave. The lease is the others' alone, at once: a last advert of who
    /// leaves may have met the gate it goes to.
    pub(super) fn part(
        &mut self,
        vrs: &[VrId],
        resign: bool,
        now: Instant,
        effects: &mut VecDeque<Effect<F>>,
    ) {
        let all = core::mem::take(&mut self.members).into_iter();
        let (leaving, staying): (Vec<_>, _) = all.partition(|it| vrs.contains(&it.form.vr));
        self.members = staying;
        if let Phase::Open { lease_end } = self.phase
            && now < lease_end
        {
            self.extend(lease_end, effects);
        }
        if resign {
            let (gate, epoch) = (self.gate, self.epoch);
            effects.extend(leaving.into_iter().map(|it| resignation(gate, epoch, it)));
        }
    }

    /// V4: m+1 adverts of every member; one of them arrives.
    fn burst(&mut self, effects: &mut VecDeque<Effect<F>>) {
        let rounds = usize::from(self.loss_tolerance) + 1;
        for _ in 0..rounds {
            for member in &self.members {
                effects.push_back(self.advert(member));
            }
        }
        self.phase = Phase::Bursting {
            missing: rounds * self.members.len(),
        };
        if self.members.is_empty() {
            self.end(effects);
        }
    }

    /// The hold counts from the end of the burst: the advert that arrives may be its last.
    fn burst_left(&mut self, now: Instant, effects: &mut VecDeque<Effect<F>>) {
        let Some(at) = self.first_sent.filter(|_| self.lease_end().is_some()) else {
            return self.end(effects);
        };
        for member in &mut self.members {
            member.next = at + member.spacing();
            member.extra_after = member.extra_after.max(now);
        }
        self.phase = Phase::Held {
            opens_at: now + self.hold,
        };
        if !self.confirmed {
            effects.push_back(Effect::Report(Report::Claimed {
                gate: self.gate,
                epoch: self.epoch,
                at,
            }));
        }
    }

    fn open(&mut self, now: Instant, effects: &mut VecDeque<Effect<F>>) {
        let Some(lease_end) = self.lease_end() else {
            return self.end(effects);
        };
        self.write(self.shortened(lease_end, now), effects);
        let (gate, epoch, at) = (self.gate, self.epoch, now);
        effects.push_back(Effect::Report(match self.lapsed_at.take() {
            Some(lapsed_at) => Report::Renewed {
                gate,
                epoch,
                lapsed_at,
                at,
            },
            None => Report::Opened { gate, epoch, at },
        }));
        self.announce_at = None;
        self.send_announcements(effects);
    }

    fn advertise(&mut self, now: Instant, may_send: bool, effects: &mut VecDeque<Effect<F>>) {
        for index in 0..self.members.len() {
            if self.members[index].take_due(now, may_send) {
                let advert = self.advert(&self.members[index]);
                effects.push_back(advert);
            }
        }
    }

    /// The group's lease is that of the member that has the least.
    fn lease_end(&self) -> Option<Instant> {
        let ends = self
            .members
            .iter()
            .map(|member| member.lease_end(self.lease_adverts));
        ends.collect::<Option<Vec<_>>>()?.into_iter().min()
    }

    fn extend(&mut self, written: Instant, effects: &mut VecDeque<Effect<F>>) {
        // Also where it ends as before: the record says when the last advert left.
        if let Some(lease_end) = self.lease_end()
            && !self.shortened_until_sent(written, lease_end)
        {
            self.write(lease_end, effects);
        }
    }

    /// A lease shortened ahead of a shorter interval stays short until every
    /// member has sent in its new form.
    fn shortened_until_sent(&self, written: Instant, lease_end: Instant) -> bool {
        lease_end > written && self.members.iter().any(Keeping::shortens)
    }

    fn write(&mut self, lease_end: Instant, effects: &mut VecDeque<Effect<F>>) {
        self.phase = Phase::Open { lease_end };
        effects.push_back(Effect::WriteLease {
            gate: self.gate,
            epoch: self.epoch,
            lease_end,
            last_sent: self.last_sent(),
        });
    }

    /// When every member had sent its last advert.
    fn last_sent(&self) -> Instant {
        let last = |member: &Keeping<F>| member.history.last().map_or(self.sent_before, |s| s.at);
        self.members.iter().map(last).min().unwrap_or_default()
    }

    /// The lease of a claim that was open ended unasked. As long as no peer that heard
    /// our last advert can have claimed, the claim is made again, shut, with burst and
    /// hold: in its epoch, because the kernel has watched over that all along. Later it
    /// is not ours to decide.
    fn lapse(&mut self, now: Instant, effects: &mut VecDeque<Effect<F>>) {
        let Some(give_up) = self.peers_wait_until().filter(|until| now < *until) else {
            return self.end(effects);
        };
        let lapsed_at = self.lease_end().unwrap_or(now).min(now);
        self.lapsed_at.get_or_insert(lapsed_at);
        self.sent_before = self.last_sent();
        self.first_sent = None;
        self.prolong_at = None;
        for member in &mut self.members {
            member.begin_again(self.previous_interval, self.lease_adverts, now);
        }
        let (gate, epoch) = (self.gate, self.epoch);
        effects.push_back(Effect::BeginEpoch { gate, epoch });
        self.phase = Phase::Begun {
            look_at: now,
            give_up,
        };
    }

    /// Until then a peer waits that heard the last advert of every member.
    fn peers_wait_until(&self) -> Option<Instant> {
        let lasts = self.members.iter().map(|member| {
            let last = member.history.last()?;
            Some(lease::entitled_until(last, self.lease_adverts))
        });
        lasts.collect::<Option<Vec<_>>>()?.into_iter().min()
    }

    /// The lease is over, or never came to be.
    fn end(&mut self, effects: &mut VecDeque<Effect<F>>) {
        self.phase = Phase::Over;
        effects.push_back(Effect::Report(Report::LeaseOver {
            gate: self.gate,
            epoch: self.epoch,
            last_sent: self.last_sent(),
        }));
    }

    fn send_announcements(&mut self, effects: &mut VecDeque<Effect<F>>) {
        let frames = core::mem::take(&mut self.announcements);
        if !frames.is_empty() {
            let ticket = Ticket {
                gate: self.gate,
                epoch: self.epoch,
                vr: None,
                kind: SendKind::Announcement,
            };
            effects.push_back(Effect::Send { ticket, frames });
        }
    }

    fn advert(&self, member: &Keeping<F>) -> Effect<F> {
        Effect::Send {
            ticket: Ticket {
                gate: self.gate,
                epoch: self.epoch,
                vr: Some(member.form.vr),
                kind: SendKind::Advert,
            },
            frames: member.form.adverts.clone(),
        }
    }
}

fn resignation<F>(gate: GateId, epoch: Epoch, member: Keeping<F>) -> Effect<F> {
    Effect::Send {
        ticket: Ticket {
            gate,
            epoch,
            vr: Some(member.form.vr),
            kind: SendKind::Resign,
        },
        frames: member.form.resigns,
    }
}
