//! One router: its kernel, and a daemon of two threads that run step by step, so
//! that anything can happen between any two steps.

use crate::{
    fixture,
    kernel::{Kernel, Wire},
    mutation::Mutation,
    rng::Rng,
};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use vrrp_common::maps::VrKey;
use vrrp_user::{
    config::model::{Config, Version},
    election::timers,
    engine::{
        Engine,
        action::{Action, Advert, PlacedAddress},
        input::{Heard, Input, ScriptResult},
        settings::Settings,
    },
    ownership::{
        command::{Command, Epoch, GateId, Member, VrId},
        lease,
        sender::{Effect, GateView, SendKind, Sender, Ticket},
    },
    time::Instant,
};

/// A frame as the simulation sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Advert(Wire),
    Announce,
}

/// Its `CLOCK_MONOTONIC`: not the true time, and not as fast.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) offset_ns: u64,
    pub(crate) ppm: i64,
}

impl Clock {
    pub(crate) fn local(&self, true_ns: u64) -> Instant {
        let skewed = i128::from(true_ns) * i128::from(1_000_000 + self.ppm) / 1_000_000;
        Instant::from_ns(self.offset_ns + u64::try_from(skewed).unwrap_or(0))
    }

    /// The first true time at which the clock shows at least `local`.
    pub(crate) fn true_ns(&self, local: Instant) -> u64 {
        let since = i128::from(local.as_ns().saturating_sub(self.offset_ns));
        let exact = since * 1_000_000 / i128::from(1_000_000 + self.ppm);
        u64::try_from(exact).unwrap_or(0) + 1
    }
}

/// Where the event loop stands.
#[derive(Debug)]
enum LoopStep {
    Gather,
    Stamps { now: Instant, needed: Vec<VrId> },
    Decide { now: Instant, heard: Vec<Heard> },
    Act { actions: VecDeque<Action> },
}

/// Where the transmit thread stands.
#[derive(Debug)]
enum SendStep {
    Next,
    Drain,
    Wire {
        ticket: Ticket,
        frames: Vec<Frame>,
        sent_at: Instant,
    },
    Sent {
        ticket: Ticket,
        sent_at: Instant,
    },
}

/// The process.
#[derive(Debug)]
pub(crate) struct Daemon {
    pub(crate) engine: Engine,
    sender: Sender<Frame>,
    loop_step: LoopStep,
    send_step: SendStep,
    inbox: VecDeque<Input>,
    commands: VecDeque<Command<Frame>>,
    permit_at: Instant,
    keys: BTreeMap<VrId, VrKey>,
    placed: BTreeSet<PlacedKey>,
    last_sent: BTreeMap<GateId, Instant>,
    pub(crate) finished: bool,
}

type PlacedKey = (u32, core::net::IpAddr);

/// When a thread wants to run next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Right after this step.
    Soon,
    /// When its clock shows this, or something comes in.
    At(Instant),
    /// When something comes in.
    Asleep,
}

/// What a step did to the rest of the world.
#[derive(Debug, Default)]
pub(crate) struct Out {
    pub(crate) wire: Vec<Wire>,
    pub(crate) wake_loop: bool,
    pub(crate) wake_sender: bool,
    /// A `vrrp_script` was started.
    pub(crate) scripts: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: u8,
    pub(crate) clock: Clock,
    pub(crate) kernel: Kernel,
    pub(crate) config: Config,
    pub(crate) daemon: Option<Daemon>,
    pub(crate) link_up: bool,
    pub(crate) script_ok: bool,
    settings: Settings,
    permit: Duration,
    mutation: Mutation,
}

impl Node {
    pub(crate) fn new(
        id: u8,
        clock: Clock,
        config: Config,
        settings: Settings,
        permit: Duration,
        mutation: Mutation,
    ) -> Self {
        Self {
            id,
            clock,
            kernel: Kernel::default(),
            config,
            daemon: None,
            link_up: true,
            script_ok: true,
            settings,
            permit,
            mutation,
        }
    }

    /// Starts a daemon: it shuts what its predecessor left and starts from the
    /// epochs it finds.
    pub(crate) fn start(&mut self) {
        for gate in self.kernel.gates.values_mut() {
            gate.closed_epoch = gate.epoch;
        }
        let seen = self
            .kernel
            .gates
            .values()
            .flat_map(|gate| [gate.epoch, gate.revoked_epoch, gate.closed_epoch].map(Epoch));
        let engine = Engine::new(self.settings, seen);
        self.daemon = Some(Daemon {
            engine,
            sender: Sender::new(),
            loop_step: LoopStep::Gather,
            send_step: SendStep::Next,
            inbox: VecDeque::from([
                Input::Link(fixture::link(self.id, self.link_up)),
                Input::Config(Box::new(self.config.clone())),
            ]),
            commands: VecDeque::new(),
            permit_at: Instant::default(),
            keys: BTreeMap::new(),
            placed: BTreeSet::new(),
            last_sent: BTreeMap::new(),
            finished: false,
        });
    }

    pub(crate) fn tell(&mut self, input: Input) {
        if let Some(daemon) = &mut self.daemon {
            daemon.inbox.push_back(input);
        }
    }

    pub(crate) fn script_result(&self) -> ScriptResult {
        ScriptResult::Exited(i32::from(!self.script_ok))
    }

    /// One step of the event loop.
    pub(crate) fn loop_step(&mut self, now: Instant, out: &mut Out) -> Next {
        let Some(daemon) = &mut self.daemon else {
            return Next::Asleep;
        };
        match core::mem::replace(&mut daemon.loop_step, LoopStep::Gather) {
            LoopStep::Gather => {
                if now >= daemon.permit_at {
                    daemon.permit_at = now + self.permit / 2;
                    for gate in self.kernel.gates.values_mut() {
                        gate.permit_end_ns = (now + self.permit).as_ns();
                    }
                }
                for (key, mut heard) in self.kernel.ring.drain(..) {
                    if let Some(vr) = daemon.engine.router_of(&key) {
                        heard.vr = vr;
                        daemon.inbox.push_back(Input::Advert(heard));
                    }
                }
                while let Some(input) = daemon.inbox.pop_front() {
                    daemon.engine.handle(input, now);
                }
                let needed = daemon.engine.stamps_needed(now);
                daemon.loop_step = LoopStep::Stamps { now, needed };
            }
            LoopStep::Stamps { now, needed } => {
                let mut heard = Vec::new();
                for vr in needed {
                    if let Some(key) = daemon.keys.get(&vr) {
                        heard.extend(self.kernel.stamps(vr, key.vrid));
                    }
                }
                daemon.loop_step = LoopStep::Decide { now, heard };
            }
            LoopStep::Decide { now, heard } => {
                for heard in heard {
                    daemon.engine.handle(Input::Advert(heard), now);
                }
                daemon.engine.handle_timeout(now);
                let mut actions = VecDeque::new();
                while let Some(action) = daemon.engine.poll_action() {
                    actions.push_back(action);
                }
                daemon.loop_step = LoopStep::Act { actions };
            }
            LoopStep::Act { mut actions } => {
                if let Some(action) = actions.pop_front() {
                    self.act(action, now, &mut actions, out);
                    if let Some(daemon) = &mut self.daemon {
                        daemon.loop_step = LoopStep::Act { actions };
                    }
                    return Next::Soon;
                }
                if !daemon.inbox.is_empty() || !self.kernel.ring.is_empty() {
                    return Next::Soon;
                }
                let engine = daemon.engine.poll_timeout().map(|(at, _)| at);
                return Next::At(engine.map_or(daemon.permit_at, |at| at.min(daemon.permit_at)));
            }
        }
        Next::Soon
    }

    fn act(&mut self, action: Action, now: Instant, rest: &mut VecDeque<Action>, out: &mut Out) {
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        match action {
            Action::SetRouter { vr, record } => {
                let key = record.as_ref().map(|record| record.key);
                let old = daemon.keys.remove(&vr);
                key.map(|key| daemon.keys.insert(vr, key));
                self.kernel.set_router(old, record);
            }
            Action::SetVips(vips) => self.kernel.set_vips(vips),
            Action::SetAddresses { wanted, .. } => daemon.place(&wanted),
            Action::Claim {
                gate,
                epoch,
                hold,
                loss_tolerance,
                lease_adverts,
                previous_interval,
                adverts,
                announcements,
            } => {
                // The permission goes with the claim.
                let record = self.kernel.gates.entry(gate).or_default();
                record.permit_end_ns = (now + self.permit).as_ns();
                daemon.commands.push_back(Command::Claim {
                    gate,
                    epoch,
                    hold: if self.mutation == Mutation::NoHold {
                        Duration::ZERO
                    } else {
                        hold
                    },
                    loss_tolerance,
                    lease_adverts,
                    previous_interval,
                    members: adverts.iter().map(member).collect(),
                    announcements: announcements.iter().map(|_| Frame::Announce).collect(),
                });
                if self.mutation == Mutation::ConfirmedUnseen {
                    daemon.commands.push_back(Command::Confirm { gate, epoch });
                }
                out.wake_sender = true;
            }
            Action::Confirm { gate, epoch } => {
                daemon.commands.push_back(Command::Confirm { gate, epoch });
                out.wake_sender = true;
            }
            Action::UpdateAdvert { gate, advert } => {
                if self.mutation == Mutation::RecordFirst
                    && let Some(key) = daemon.keys.get(&advert.vr)
                {
                    self.kernel.set_priority(key, advert.priority);
                }
                daemon.commands.push_back(Command::Update {
                    gate,
                    member: member(&advert),
                });
                out.wake_sender = true;
            }
            Action::AdvertiseNow { gate, vr } => {
                daemon
                    .commands
                    .push_back(Command::AdvertiseNow { gate, vr });
                out.wake_sender = true;
            }
            Action::Announce {
                gate,
                epoch,
                announcements,
            } => {
                let frames = announcements.iter().map(|_| Frame::Announce).collect();
                daemon.commands.push_back(Command::Announce {
                    gate,
                    epoch,
                    frames,
                });
                out.wake_sender = true;
            }
            Action::Cease {
                gate,
                epoch,
                resign,
            } => {
                if self.mutation == Mutation::ResignFirst && resign {
                    rest.push_front(Action::Cease {
                        gate,
                        epoch,
                        resign: false,
                    });
                } else {
                    let record = self.kernel.gates.entry(gate).or_default();
                    record.closed_epoch = record.closed_epoch.max(epoch.0);
                }
                daemon.commands.push_back(Command::Cease { gate, resign });
                out.wake_sender = true;
            }
            Action::RunScript { script, .. } => out.scripts.push(script),
            Action::Finished => daemon.finished = true,
            Action::AttachInterfaces(_)
            | Action::StopScript { .. }
            | Action::Notify { .. }
            | Action::Log(..) => {}
        }
    }

    /// One step of the transmit thread.
    pub(crate) fn send_step(&mut self, now: Instant, out: &mut Out) -> Next {
        let Some(daemon) = &mut self.daemon else {
            return Next::Asleep;
        };
        match core::mem::replace(&mut daemon.send_step, SendStep::Drain) {
            SendStep::Next => {
                if let Some(command) = daemon.commands.pop_front() {
                    daemon.sender.handle(command, now);
                } else {
                    match daemon.sender.poll_timeout() {
                        Some(at) if at <= now => daemon.sender.handle_timeout(now, &self.kernel),
                        later => {
                            daemon.send_step = SendStep::Next;
                            return later.map_or(Next::Asleep, Next::At);
                        }
                    }
                }
            }
            SendStep::Drain => match daemon.sender.poll_effect() {
                None => daemon.send_step = SendStep::Next,
                Some(Effect::BeginEpoch { gate, epoch }) => {
                    let record = self.kernel.gates.entry(gate).or_default();
                    if self.mutation != Mutation::LeaseKept {
                        record.lease_end_ns = 0;
                    }
                    record.epoch = epoch.0;
                }
                Some(Effect::WriteLease {
                    gate,
                    epoch,
                    lease_end,
                }) => {
                    let record = self.kernel.gates.entry(gate).or_default();
                    if self.mutation == Mutation::LeaseReopens {
                        record.epoch = record.epoch.max(record.revoked_epoch + 1);
                    }
                    if record.epoch == epoch.0 || self.mutation == Mutation::LeaseReopens {
                        let last = daemon.last_sent.get(&gate).copied().unwrap_or_default();
                        record.lease_end_ns = match self.mutation {
                            Mutation::LossIgnored => (last + longest_lease(&self.config)).as_ns(),
                            _ => lease_end.as_ns(),
                        };
                    }
                }
                Some(Effect::Report(report)) => {
                    daemon.inbox.push_back(Input::Sender(report));
                    out.wake_loop = true;
                }
                Some(Effect::Send { ticket, frames }) => {
                    daemon.send_step = SendStep::Wire {
                        ticket,
                        frames,
                        sent_at: now,
                    };
                }
            },
            SendStep::Wire {
                ticket,
                frames,
                sent_at,
            } => {
                for frame in frames {
                    if let Frame::Advert(wire) = frame
                        && self.kernel.lets_out(ticket.gate, &wire, now)
                    {
                        out.wire.push(wire);
                    }
                }
                daemon.send_step = SendStep::Sent { ticket, sent_at };
            }
            SendStep::Sent { ticket, sent_at } => {
                let sent_at = if self.mutation == Mutation::LateStamp {
                    now
                } else {
                    sent_at
                };
                if ticket.kind == SendKind::Advert {
                    daemon.last_sent.insert(ticket.gate, sent_at);
                }
                daemon
                    .sender
                    .sent(ticket, sent_at, Ok(()), now, &self.kernel);
            }
        }
        Next::Soon
    }

    /// keepalived's name of the state of an instance.
    pub(crate) fn state(&self, name: &str) -> Option<&'static str> {
        let status = self.daemon.as_ref()?.engine.status();
        status
            .instances
            .into_iter()
            .find(|it| it.name == name)
            .map(|it| it.state)
    }

    pub(crate) fn gate(&self, gate: GateId) -> vrrp_common::gate::Gate {
        GateView::gate(&self.kernel, gate)
    }

    /// How long a step takes, in nanoseconds.
    pub(crate) fn gap(rng: &mut Rng) -> u64 {
        rng.within(1_000, 12_000)
    }
}

impl Daemon {
    /// The reconciler: what is wanted is there, and it says so.
    fn place(&mut self, wanted: &[PlacedAddress]) {
        let wanted: BTreeSet<PlacedKey> = wanted
            .iter()
            .map(|it| (it.ifindex, it.address.address))
            .collect();
        let report = |present: bool| {
            move |&(ifindex, address): &PlacedKey| Input::AddressPlaced {
                ifindex,
                address,
                present,
            }
        };
        self.inbox
            .extend(wanted.difference(&self.placed).map(report(true)));
        self.inbox
            .extend(self.placed.difference(&wanted).map(report(false)));
        self.placed = wanted;
    }
}

fn longest_lease(config: &Config) -> Duration {
    let counted = |it: &vrrp_user::config::model::Instance| {
        lease::counted_interval(it.version, it.advert_interval)
    };
    config
        .instances
        .iter()
        .map(counted)
        .min()
        .unwrap_or_default()
        * 3
}

fn member(advert: &Advert) -> Member<Frame> {
    let wire = |priority| {
        Frame::Advert(Wire {
            vrid: advert.vrid,
            priority,
            interval_cs: timers::wire_interval_cs(advert.version, advert.interval),
            version: match advert.version {
                Version::V2 => 2,
                Version::V3 => 3,
            },
            source: advert.source,
        })
    };
    Member {
        vr: advert.vr,
        adverts: vec![wire(advert.priority)],
        resigns: vec![wire(0)],
        interval: advert.counted_interval(),
    }
}
