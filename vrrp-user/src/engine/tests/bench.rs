//! The world around one engine: a faithful transmit thread and reconciler that
//! answer at once, peers whose adverts are stamps or news, and a clock.

use super::{
    fixture::{HOLD, T0, link, ms},
    words::words,
};
use crate::{
    config::model::Config,
    engine::{
        Engine,
        action::Action,
        input::{Heard, Input, Link, ScriptResult},
        settings::Settings,
        status::InstanceStatus,
    },
    ownership::command::{Epoch, GateId, Report, VrId},
    time::Instant,
};
use core::{net::IpAddr, time::Duration};
use std::collections::{BTreeMap, BTreeSet};

/// Wakes in one [`Bench::until`]; more is a busy loop.
const MANY: u32 = 20_000;

/// An engine and all that surrounds it.
pub(super) struct Bench {
    pub(super) engine: Engine,
    pub(super) now: Instant,
    /// The transmit thread and the reconciler answer.
    pub(super) answering: bool,
    seen: Vec<(Duration, Action)>,
    /// Accepted adverts the engine has not been told of.
    stamps: Vec<Heard>,
    answers: Vec<(Instant, Input)>,
    claims: BTreeMap<GateId, Instant>,
    placed: BTreeSet<(u32, IpAddr)>,
}

impl Bench {
    /// eth0 is there.
    pub(super) fn new(config: Config) -> Self {
        let mut bench = Self::without_links();
        bench.link(link(2, "eth0"));
        bench.configure(config);
        bench
    }

    pub(super) fn without_links() -> Self {
        // What threads take is no matter of the tables: times are round without.
        Self::with(Settings {
            overhead: Duration::ZERO,
        })
    }

    pub(super) fn with(settings: Settings) -> Self {
        Self {
            engine: Engine::new(settings, []),
            now: T0,
            answering: true,
            seen: Vec::new(),
            stamps: Vec::new(),
            answers: Vec::new(),
            claims: BTreeMap::new(),
            placed: BTreeSet::new(),
        }
    }

    /// One instance that has become Active, with nobody else there; its trace is empty.
    pub(super) fn active(config: Config) -> Self {
        let mut bench = Self::new(config);
        bench.until(ms(60_000));
        for it in bench.engine.status().instances {
            assert_eq!(it.state, "MASTER", "{}", it.name);
        }
        bench.seen.clear();
        bench
    }

    /// Time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.now.since(T0)
    }

    pub(super) fn feed(&mut self, input: Input) {
        self.engine.handle(input, self.now);
        self.drain();
    }

    pub(super) fn configure(&mut self, config: Config) {
        self.feed(Input::Config(Box::new(config)));
    }

    pub(super) fn link(&mut self, link: Link) {
        self.feed(Input::Link(link));
    }

    pub(super) fn script_done(&mut self, name: &str, status: i32) {
        let script = name.into();
        let result = ScriptResult::Exited(status);
        self.feed(Input::ScriptDone { script, result });
    }

    pub(super) fn report(&mut self, report: Report) {
        self.feed(Input::Sender(report));
    }

    /// News: an advert accepted now.
    pub(super) fn hear(&mut self, heard: Heard) {
        let at = self.now;
        self.feed(Input::Advert(Heard { at, ..heard }));
    }

    /// No news: an advert accepted at `at`, found when stamps are read.
    pub(super) fn stamp(&mut self, at: Duration, heard: Heard) {
        self.stamps.push(Heard {
            at: T0 + at,
            ..heard
        });
    }

    /// Heard now and then every `every`, until `end`.
    pub(super) fn hear_every(&mut self, every: Duration, end: Duration, heard: Heard) {
        while self.elapsed() <= end {
            self.hear(heard);
            self.until(self.elapsed() + every);
        }
    }

    /// What a driver does when its timer fires.
    pub(super) fn wake(&mut self) {
        let now = self.now;
        let needed = self.engine.stamps_needed(now);
        let (read, left) = core::mem::take(&mut self.stamps)
            .into_iter()
            .partition(|heard| needed.contains(&heard.vr) && heard.at <= now);
        self.stamps = left;
        let mut read: Vec<Heard> = read;
        read.sort_by_key(|heard| heard.at);
        for heard in read {
            self.engine.handle(Input::Advert(heard), now);
        }
        self.engine.handle_timeout(now);
        self.drain();
    }

    /// Obeys every deadline and carries every answer back, up to `end`.
    pub(super) fn until(&mut self, end: Duration) {
        let end = T0 + end;
        for _ in 0..MANY {
            let deadline = self.engine.poll_timeout().map(|(at, _)| at);
            let answer = self.answers.iter().map(|(at, _)| *at).min();
            let next = [deadline, answer].into_iter().flatten().min();
            let Some(next) = next.filter(|at| *at <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            let due = self.answers.iter().position(|(at, _)| *at == next);
            if let Some(due) = due {
                let (_, input) = self.answers.remove(due);
                self.feed(input);
            } else {
                self.wake();
            }
        }
        panic!("busy loop: {:?}", self.engine.poll_timeout());
    }

    /// The event loop does not run; the transmit thread's answers wait.
    pub(super) fn stall(&mut self, end: Duration) {
        self.now = T0 + end;
    }

    fn drain(&mut self) {
        while let Some(action) = self.engine.poll_action() {
            self.seen.push((self.elapsed(), action.clone()));
            if self.answering {
                self.answer(&action);
            }
        }
    }

    fn answer(&mut self, action: &Action) {
        let now = self.now;
        match *action {
            Action::Claim { gate, epoch, .. } => {
                self.claims.insert(gate, now);
                let at = now;
                self.later(now, Report::Claimed { gate, epoch, at });
            }
            Action::Confirm { gate, epoch } => {
                let at = now.max(self.claims[&gate] + HOLD);
                self.later(at, Report::Opened { gate, epoch, at });
            }
            Action::Cease { gate, .. } => {
                self.answers.retain(
                    |(_, it)| !matches!(it, Input::Sender(report) if gate_of(report) == gate),
                );
                self.later(now, Report::Ceased { gate });
            }
            Action::UpdateAdvert { gate, ref advert } => {
                let epoch = self.epoch(advert.vr);
                let (vr, at) = (advert.vr, now + advert.interval);
                self.later(at, Report::Updated { gate, epoch, vr });
            }
            Action::SetAddresses { ref wanted, .. } => {
                let wanted = wanted.iter().map(|it| (it.ifindex, it.address.address));
                let wanted: BTreeSet<_> = wanted.collect();
                for &(ifindex, address) in self.placed.symmetric_difference(&wanted) {
                    let present = wanted.contains(&(ifindex, address));
                    let placed = Input::AddressPlaced {
                        ifindex,
                        address,
                        present,
                    };
                    self.answers.push((now, placed));
                }
                self.placed = wanted;
            }
            _ => {}
        }
    }

    fn later(&mut self, at: Instant, report: Report) {
        self.answers.push((at, Input::Sender(report)));
    }

    pub(super) fn status(&self, n: u8) -> InstanceStatus {
        let status = self.engine.status();
        let found = status.instances.into_iter().find(|it| it.vrid == n);
        found.expect("an instance of that VRID")
    }

    /// keepalived's name of the state of `VI_n`.
    pub(super) fn state(&self, n: u8) -> &'static str {
        self.status(n).state
    }

    /// Of the claim of a router's group.
    pub(super) fn epoch(&self, vr: VrId) -> Epoch {
        let status = self.engine.status();
        let found = status.instances.iter().find(|it| it.vr == vr);
        found.map(|it| it.epoch).expect("an instance")
    }

    /// Forgets what has been seen.
    pub(super) fn clear(&mut self) {
        self.seen.clear();
    }

    pub(super) fn actions(&self) -> impl Iterator<Item = &Action> {
        self.seen.iter().map(|(_, action)| action)
    }

    /// What was seen of these kinds, as words; the kind is the first of them.
    pub(super) fn trace(&self, kinds: &[&str]) -> Vec<String> {
        let all = self.actions().map(words);
        all.filter(|it| kinds.iter().any(|kind| it.split(' ').next() == Some(*kind)))
            .collect()
    }

    /// When actions of a kind were seen, since the start.
    pub(super) fn times(&self, kind: &str) -> Vec<Duration> {
        let of_kind = self
            .seen
            .iter()
            .filter(|(_, it)| words(it).split(' ').next() == Some(kind));
        of_kind.map(|(at, _)| *at).collect()
    }
}

fn gate_of(report: &Report) -> GateId {
    match *report {
        Report::Claimed { gate, .. }
        | Report::Opened { gate, .. }
        | Report::Beaten { gate, .. }
        | Report::LeaseOver { gate, .. }
        | Report::Renewed { gate, .. }
        | Report::Updated { gate, .. }
        | Report::Ceased { gate }
        | Report::SendFailed { gate, .. } => gate,
    }
}
