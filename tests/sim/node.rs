//! One router: its kernel, and a daemon of two threads that run step by step, so
//! that anything can happen between any two steps.

mod acts;
mod transmit;

use crate::{
    fixture,
    kernel::{Kernel, Wire},
    mutation::Mutation,
    rng::Rng,
    schedule::Schedule,
};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use vrrp_common::maps::VrKey;
use vrrp_user::{
    config::model::Config,
    engine::{
        Engine, Reason,
        action::Action,
        input::{Heard, Input, ScriptResult},
        settings::Settings,
    },
    ownership::{
        command::{Command, Epoch, GateId, VrId},
        sender::{Sender, Ticket},
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
    Stamps {
        now: Instant,
        needed: Vec<VrId>,
    },
    Decide {
        now: Instant,
        heard: Vec<Heard>,
        looked: bool,
    },
    Act {
        actions: VecDeque<Action>,
    },
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
        result: Result<(), i32>,
    },
    Lease {
        gate: GateId,
        epoch: Epoch,
        lease_end: Instant,
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
    just_ceased: bool,
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

/// A point between two steps where a stall hurts most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The clock was read, the advert has not left.
    BeforeWire,
    /// The advert left, its result is not known yet.
    AfterWire,
    /// A claim was asked for, its epoch has not begun.
    BeforeEpoch,
    /// Stamps that decide something were read, nothing is decided.
    AfterStamps,
    /// A `Cease` was carried out, and nothing after it.
    AfterCease,
    /// A lease is to be written: the first, or a longer one.
    BeforeLease,
}

impl Stage {
    pub(crate) const ALL: [Self; 6] = [
        Self::BeforeWire,
        Self::AfterWire,
        Self::BeforeEpoch,
        Self::AfterStamps,
        Self::AfterCease,
        Self::BeforeLease,
    ];
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
    /// The kernel refuses what it sends.
    pub(crate) sends_fail: bool,
    permit: Duration,
    mutation: Mutation,
}

impl Node {
    pub(crate) fn new(
        id: u8,
        clock: Clock,
        config: Config,
        schedule: &Schedule,
        mutation: Mutation,
    ) -> Self {
        Self {
            id,
            clock,
            kernel: Kernel::new(schedule.ring_room),
            config,
            daemon: None,
            link_up: true,
            script_ok: true,
            sends_fail: false,
            permit: schedule.permit,
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
        let engine = Engine::new(Settings::default(), seen);
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
            just_ceased: false,
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

    /// The stages this node's threads (event loop, transmit thread) stand at.
    pub(crate) fn stages(&self) -> [Option<Stage>; 2] {
        let Some(daemon) = &self.daemon else {
            return [None; 2];
        };
        let of_loop = match &daemon.loop_step {
            LoopStep::Decide { looked: true, .. } => Some(Stage::AfterStamps),
            LoopStep::Act { .. } if daemon.just_ceased => Some(Stage::AfterCease),
            _ => None,
        };
        let of_sender = match &daemon.send_step {
            SendStep::Wire { .. } => Some(Stage::BeforeWire),
            SendStep::Sent { .. } => Some(Stage::AfterWire),
            SendStep::Lease { .. } => Some(Stage::BeforeLease),
            SendStep::Next if matches!(daemon.commands.front(), Some(Command::Claim { .. })) => {
                Some(Stage::BeforeEpoch)
            }
            _ => None,
        };
        [of_loop, of_sender]
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
                let confirms = daemon
                    .engine
                    .poll_timeout()
                    .is_some_and(|(_, reason)| matches!(reason, Reason::ConfirmClaim(_)));
                let mut needed = daemon.engine.stamps_needed(now);
                if confirms && self.mutation == Mutation::ConfirmedUnseen {
                    needed.clear();
                }
                daemon.loop_step = LoopStep::Stamps { now, needed };
            }
            LoopStep::Stamps { now, needed } => {
                let looked = !needed.is_empty();
                let mut heard = Vec::new();
                for vr in needed {
                    if let Some(key) = daemon.keys.get(&vr) {
                        heard.extend(self.kernel.stamps(vr, key.vrid));
                    }
                }
                daemon.loop_step = LoopStep::Decide { now, heard, looked };
            }
            LoopStep::Decide { now, heard, .. } => {
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

    /// keepalived's name of the state of an instance.
    pub(crate) fn state(&self, name: &str) -> Option<&'static str> {
        let status = self.daemon.as_ref()?.engine.status();
        status
            .instances
            .into_iter()
            .find(|it| it.name == name)
            .map(|it| it.state)
    }

    /// How long a step takes, in nanoseconds.
    pub(crate) fn gap(rng: &mut Rng) -> u64 {
        rng.within(1_000, 12_000)
    }
}
