//! Whatever happens, in whatever order: what must hold all the same.

use super::fixture::{T0, advert, config, host, instance, link, ms, notify, script, tracked};
use crate::{
    config::model::{Config, SyncGroup},
    engine::{
        Engine,
        action::Action,
        input::{ConflictKind, Heard, Input, Link, ScriptResult, Ticket, Unwatched},
        settings::Settings,
    },
    ownership::command::{Epoch, GateId, Report, VrId},
    time::Instant,
};
use core::{net::IpAddr, time::Duration};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// One thing that happens; numbers are reduced to what exists.
#[derive(Clone, Debug)]
enum Step {
    /// Time passes, and every deadline of it is obeyed.
    Pass(Duration),
    /// Time passes, and nobody runs.
    Stall(Duration),
    /// `(who, from, priority, centiseconds, revoked, how long ago)`.
    Advert(u32, u8, u8, u32, bool, Duration),
    /// The transmit thread answers what it was last asked.
    Claimed(u32),
    Opened(u32),
    Beaten(u32),
    /// How long ago the last advert left.
    LeaseOver(u32, Duration),
    Updated(u32, u32),
    Ceased(u32),
    SendFailed(u32),
    Link(bool, bool),
    LinkGone,
    Script(i32),
    Placed(u8, bool),
    Conflict(u32, u8),
    Unwatched(bool, u32),
    Reload(u8),
    /// `(name, force)`.
    Handover(u8, bool),
    Release(u8),
    /// `(on, force)`.
    Maintenance(bool, bool),
    Surveyed(u32),
    Shutdown,
}

fn spans() -> impl Strategy<Value = Duration> {
    prop_oneof![0..2_000u64, 0..40_000_000u64].prop_map(Duration::from_micros)
}

fn steps() -> impl Strategy<Value = Step> {
    let priorities = || prop_oneof![Just(0u8), Just(255), 90..111u8, any::<u8>()];
    let centiseconds = prop_oneof![Just(100u32), Just(1), 0..5_000u32];
    prop_oneof![
        8 => spans().prop_map(Step::Pass),
        2 => spans().prop_map(Step::Stall),
        6 => (0..4u32, 0..20u8, priorities(), centiseconds, prop::bool::weighted(0.1), spans())
            .prop_map(|(vr, from, p, cs, revoked, ago)| Step::Advert(vr, from, p, cs, revoked, ago)),
        6 => (0..6u32).prop_map(Step::Claimed),
        6 => (0..6u32).prop_map(Step::Opened),
        1 => (0..4u32).prop_map(Step::Beaten),
        2 => (0..4u32, spans()).prop_map(|(gate, ago)| Step::LeaseOver(gate, ago)),
        2 => (0..4u32, 0..4u32).prop_map(|(gate, vr)| Step::Updated(gate, vr)),
        3 => (0..4u32).prop_map(Step::Ceased),
        1 => (0..4u32).prop_map(Step::SendFailed),
        1 => any::<(bool, bool)>().prop_map(|(up, addressed)| Step::Link(up, addressed)),
        1 => Just(Step::LinkGone),
        2 => (0..2i32).prop_map(Step::Script),
        2 => (1..5u8, any::<bool>()).prop_map(|(n, present)| Step::Placed(n, present)),
        1 => (0..4u32, 1..5u8).prop_map(|(gate, n)| Step::Conflict(gate, n)),
        1 => (any::<bool>(), 0..8u32).prop_map(|(all, vr)| Step::Unwatched(all, vr)),
        3 => (0..10u8).prop_map(Step::Reload),
        2 => (1..4u8, any::<bool>()).prop_map(|(n, force)| Step::Handover(n, force)),
        1 => (1..4u8).prop_map(Step::Release),
        1 => any::<(bool, bool)>().prop_map(|(on, force)| Step::Maintenance(on, force)),
        2 => (0..4u32).prop_map(Step::Surveyed),
        1 => prop::bool::weighted(0.1).prop_map(|stop| {
            if stop { Step::Shutdown } else { Step::Pass(ms(3_700)) }
        }),
    ]
}

/// A few configurations to go to and fro between.
fn variant(n: u8) -> Config {
    let mut all = config(vec![
        instance(1, |it| {
            it.notify = notify("n");
            it.garp.refresh = ms(if n == 1 { 0 } else { 700 });
            it.priority = if n == 2 { 255 } else { 100 };
        }),
        instance(2, |it| {
            it.track_scripts = vec![tracked("chk", if n == 3 { 0 } else { -20 })];
            it.advert_interval = ms(if n == 4 { 10 } else { 1_000 });
            it.preempt_delay = ms(3_000);
        }),
        instance(3, |it| {
            it.nopreempt = true;
            it.garp.arp_interval = ms(3);
        }),
    ]);
    all.scripts = vec![script("chk")];
    let members: &[u8] = match n {
        5 => {
            all.instances.remove(0);
            &[]
        }
        6 => &[1, 2, 3],
        7 => &[],
        8 => &[3, 2],
        9 => {
            all.instances.remove(1);
            &[1, 3]
        }
        _ => &[1, 2],
    };
    if !members.is_empty() {
        all.groups.push(SyncGroup {
            name: "G".into(),
            members: members.iter().map(|n| format!("VI_{n}")).collect(),
            notify: notify("G"),
        });
    }
    all
}

/// What a transmit thread and a kernel would hold an engine to.
struct Judge {
    engine: Engine,
    now: Instant,
    /// The last claim of each gate, until it is given up.
    claims: BTreeMap<GateId, Epoch>,
    /// Claims the transmit thread has reported lost, which the engine has not
    /// decided on.
    lost: BTreeSet<Epoch>,
    last_epoch: Epoch,
    /// Claims that were confirmed; only those may open.
    confirmed: BTreeMap<GateId, Epoch>,
    wanted: Vec<IpAddr>,
    /// The gate of each address.
    guarded: BTreeMap<IpAddr, GateId>,
    /// Requests without an answer, and how many there were.
    asked: BTreeSet<Ticket>,
    tickets: u64,
    finished: bool,
}

impl Judge {
    fn new(seen: u64) -> Self {
        let mut judge = Self {
            engine: Engine::new(Settings::default(), [Epoch(seen)]),
            now: T0,
            claims: BTreeMap::new(),
            lost: BTreeSet::new(),
            last_epoch: Epoch(seen),
            confirmed: BTreeMap::new(),
            wanted: Vec::new(),
            guarded: BTreeMap::new(),
            asked: BTreeSet::new(),
            tickets: 0,
            finished: false,
        };
        judge.feed(Input::Link(link(2, "eth0")));
        judge.feed(Input::Config(Box::new(variant(0))));
        judge
    }

    fn feed(&mut self, input: Input) {
        self.engine.handle(input, self.now);
        self.drain();
    }

    fn ask(&mut self) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.asked.insert(ticket);
        ticket
    }

    fn wake(&mut self) {
        let _ = self.engine.stamps_needed(self.now);
        self.engine.handle_timeout(self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(action) = self.engine.poll_action() {
            let harmless = match &action {
                Action::Log(..) | Action::Answer { .. } => true,
                Action::SetAddresses { wanted, .. } => wanted.is_empty(),
                _ => false,
            };
            assert!(!self.finished || harmless, "after Finished: {action:?}");
            match action {
                Action::Claim { gate, epoch, .. } => {
                    assert!(epoch > self.last_epoch, "epochs only grow");
                    self.last_epoch = epoch;
                    let before = self.claims.insert(gate, epoch);
                    let over = before.is_none_or(|of| self.lost.contains(&of));
                    assert!(over, "two claims of {gate:?}");
                }
                Action::Confirm { gate, epoch } => {
                    assert_eq!(self.claims.get(&gate), Some(&epoch), "confirms what stands");
                    self.confirmed.insert(gate, epoch);
                }
                Action::Announce { gate, epoch, .. } => {
                    assert_eq!(
                        self.claims.get(&gate),
                        Some(&epoch),
                        "announces what stands"
                    );
                }
                Action::UpdateAdvert { gate, .. } | Action::AdvertiseNow { gate, .. } => {
                    assert!(self.claims.contains_key(&gate), "advertises what stands");
                }
                Action::Cease { gate, epoch, .. } => {
                    assert_eq!(
                        self.claims.remove(&gate),
                        Some(epoch),
                        "gives up what stands"
                    );
                }
                Action::SetVips(vips) => {
                    self.guarded = vips.iter().map(|it| (it.address, it.gate)).collect();
                }
                Action::SetAddresses { wanted, managed } => {
                    assert!(wanted.iter().all(|it| managed.contains(it)));
                    self.wanted = wanted.iter().map(|it| it.address.address).collect();
                }
                Action::Answer { ticket, .. } => {
                    assert!(self.asked.remove(&ticket), "{ticket:?} answered once");
                }
                Action::Finished => self.finished = true,
                _ => {}
            }
        }
        self.check();
    }

    /// What holds whenever all actions are carried out.
    fn check(&self) {
        let status = self.engine.status();
        let mut due = Vec::new();
        for group in &status.groups {
            let of = status.instances.iter();
            let of: Vec<_> = of.filter(|it| group.members.contains(&it.name)).collect();
            let claims = of.iter().any(|it| it.claiming || it.state == "MASTER");
            let one = of.iter().all(|it| it.gate == group.gate);
            let stopped = of.iter().all(|it| it.state == "INIT");
            assert!(
                claims || one || stopped,
                "{} has one gate while it claims nothing",
                group.name
            );
        }
        for it in status.instances {
            for address in &it.addresses {
                let gate = self.guarded.get(address);
                assert!(
                    gate.is_none_or(|gate| *gate == it.gate),
                    "{} by its gate",
                    it.name
                );
            }
            let claimed = it.claiming || it.state == "MASTER";
            if claimed && it.interface == "eth0" && it.key.is_some() {
                due.extend(it.addresses.clone());
            }
            if it.state == "MASTER" {
                let opened = self.confirmed.get(&it.gate);
                assert_eq!(opened, Some(&it.epoch), "{} opened unconfirmed", it.name);
            }
            if claimed {
                assert_eq!(self.claims.get(&it.gate), Some(&it.epoch), "{}", it.name);
            }
        }
        due.sort();
        let mut wanted = self.wanted.clone();
        wanted.sort();
        assert_eq!(
            wanted, due,
            "addresses of those that claim or own, and no others"
        );
    }

    /// Obeys deadlines up to `end`; each wake moves time or changes something.
    fn pass(&mut self, end: Instant) {
        let mut last = None;
        while let Some(next) = self.engine.poll_timeout().filter(|(at, _)| *at <= end) {
            assert_ne!(last.as_ref(), Some(&next), "busy loop");
            self.now = self.now.max(next.0);
            last = Some(next);
            self.wake();
        }
        self.now = self.now.max(end);
        // All that was due is done: nothing may ask to run again at once.
        if let Some((at, reason)) = self.engine.poll_timeout() {
            assert!(at > self.now, "{reason:?} at {at:?}, it is {:?}", self.now);
        }
    }

    fn epoch(&self, gate: GateId) -> Epoch {
        self.claims.get(&gate).copied().unwrap_or_default()
    }

    fn take(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Pass(span) => self.pass(now + span),
            Step::Stall(span) => self.now = now + span,
            Step::Advert(vr, from, priority, interval_cs, revoked, ago) => {
                self.feed(Input::Advert(Heard {
                    vr: VrId(vr),
                    interval_cs,
                    revoked,
                    at: now - ago,
                    ..advert(host(from), priority)
                }));
            }
            Step::Link(up, addressed) => {
                let mut link: Link = link(2, "eth0");
                link.up = up;
                link.ipv4 = link.ipv4.filter(|_| addressed);
                self.feed(Input::Link(link));
            }
            Step::LinkGone => self.feed(Input::LinkGone { ifindex: 2 }),
            Step::Script(status) => self.feed(Input::ScriptDone {
                script: "chk".into(),
                result: ScriptResult::Exited(status),
            }),
            Step::Placed(n, present) => self.feed(Input::AddressPlaced {
                ifindex: 2,
                address: [198, 51, 100, n].into(),
                present,
            }),
            Step::Conflict(gate, n) => self.feed(Input::Conflict {
                gate: GateId(gate),
                ifindex: 2,
                address: [198, 51, 100, n].into(),
                mac: [2; 6],
                kind: [
                    ConflictKind::ArpClaim,
                    ConflictKind::NdClaim,
                    ConflictKind::OwnMac,
                    ConflictKind::OwnSource,
                ][usize::from(n % 4)],
            }),
            Step::Unwatched(interface, vr) => self.feed(Input::Unwatched(Unwatched {
                interfaces: interface.then_some(2).into_iter().collect(),
                routers: [VrId(vr)].into(),
            })),
            Step::Reload(n) => self.feed(Input::Config(Box::new(variant(n)))),
            Step::Handover(n, force) => {
                let ticket = self.ask();
                let name = format!("VI_{n}");
                self.feed(Input::Handover {
                    ticket,
                    name,
                    force,
                });
            }
            Step::Release(n) => {
                let ticket = self.ask();
                let name = format!("VI_{n}");
                self.feed(Input::Release { ticket, name });
            }
            Step::Maintenance(on, force) => {
                let ticket = Some(self.ask());
                self.feed(Input::Maintenance { ticket, on, force });
            }
            Step::Surveyed(vr) => self.feed(Input::Surveyed { vr: VrId(vr) }),
            Step::Shutdown => self.feed(Input::Shutdown),
            report => self.answer(report),
        }
    }

    fn answer(&mut self, step: Step) {
        let at = self.now;
        let of = |gate| (GateId(gate), self.epoch(GateId(gate)));
        let report = match step {
            Step::Claimed(gate) => {
                let (gate, epoch) = of(gate);
                Report::Claimed { gate, epoch, at }
            }
            // The transmit thread opens what was confirmed, and nothing else.
            Step::Opened(gate) => {
                let (gate, epoch) = of(gate);
                if self.confirmed.get(&gate) != Some(&epoch) {
                    return;
                }
                Report::Opened { gate, epoch, at }
            }
            Step::Beaten(gate) => {
                let (gate, epoch) = of(gate);
                Report::Beaten { gate, epoch }
            }
            Step::LeaseOver(gate, ago) => {
                let (gate, epoch) = of(gate);
                if self.confirmed.get(&gate) != Some(&epoch) {
                    return;
                }
                let last_sent = at - ago;
                self.lost.insert(epoch);
                Report::LeaseOver {
                    gate,
                    epoch,
                    last_sent,
                }
            }
            Step::Updated(gate, vr) => {
                let (gate, epoch) = of(gate);
                let vr = VrId(vr);
                Report::Updated { gate, epoch, vr }
            }
            Step::Ceased(gate) => Report::Ceased { gate: GateId(gate) },
            Step::SendFailed(gate) => Report::SendFailed {
                gate: GateId(gate),
                vr: None,
                errno: 100,
            },
            other => unreachable!("{other:?}"),
        };
        self.feed(Input::Sender(report));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_history(seen in 0..u64::MAX / 2, steps in prop::collection::vec(steps(), 0..60)) {
        let mut judge = Judge::new(seen);
        for step in steps {
            judge.take(step);
        }
        // And it ends, whatever is still awaited.
        judge.feed(Input::Shutdown);
        judge.pass(judge.now + ms(10_000));
        prop_assert!(judge.finished);
        prop_assert!(judge.asked.is_empty(), "everybody is answered");
        prop_assert_eq!(judge.engine.poll_timeout(), None);
    }
}
