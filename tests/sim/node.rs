//! One router: its kernel, and a daemon of two threads that run effect by effect,
//! so that anything can happen between any two of them.

mod acts;
mod event_loop;
mod stage;
mod transmit;

pub(crate) use stage::Stage;

use crate::{
    fixture, kernel::Kernel, mutation::Mutation, rng::Rng, schedule::Schedule, wire::Wire,
};
use acts::LoopEffect;
use core::{net::IpAddr, time::Duration};
use event_loop::LoopStep;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use transmit::{SendStep, Sending};
use vrrp_common::maps::{PeerKey, VrKey};
use vrrp_user::{
    config::model::Config,
    engine::{
        Engine,
        input::{Input, ScriptResult},
        settings::Settings,
    },
    ownership::{
        command::{Command, Epoch, GateId, VrId},
        sender::Sender,
    },
    time::Instant,
};

/// A frame as the simulation sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Advert(Wire),
    Announce(IpAddr),
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

/// The process.
#[derive(Debug)]
pub(crate) struct Daemon {
    engine: Engine,
    sender: Sender<Frame>,
    loop_step: LoopStep,
    effects: VecDeque<LoopEffect>,
    send_step: SendStep,
    sending: Sending,
    inbox: VecDeque<Input>,
    commands: VecDeque<Command<Frame>>,
    /// Gates whose permission is renewed.
    held: BTreeSet<GateId>,
    permit_at: Instant,
    keys: BTreeMap<VrId, VrKey>,
    /// Sources somebody has told of, with the newest stamp the engine knows.
    known: BTreeMap<PeerKey, Instant>,
    events_lost: u64,
    /// Routers whose stamps nobody has read as a whole since they are ours.
    unread: BTreeSet<VrKey>,
    /// The kernel was told to listen, and the engine not yet that it does.
    listens: bool,
    placed: BTreeSet<PlacedKey>,
    pub(crate) finished: bool,
    /// It ends as soon as its transmit thread has carried out what it was told.
    leaving: bool,
}

type PlacedKey = (u32, IpAddr);

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
    /// Something happened that is worth counting.
    pub(crate) seen: Vec<&'static str>,
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
    /// The kernel refuses what it sends: everything, or what is for one peer.
    pub(crate) refused: Option<Refused>,
    /// When the claim began whose epoch the gates have, on its clock.
    pub(crate) claimed_at: BTreeMap<GateId, Instant>,
    permit: Duration,
    ring_room: usize,
    /// An advert that tc has dropped is reported as sent.
    drops_silently: bool,
    mutation: Mutation,
}

/// What the kernel refuses to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Everything,
    To(IpAddr),
    Vrid(u8),
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
            kernel: Kernel::new(schedule.ring_room, mutation),
            config,
            daemon: None,
            link_up: true,
            script_ok: true,
            refused: None,
            claimed_at: BTreeMap::new(),
            permit: schedule.permit,
            ring_room: schedule.ring_room,
            drops_silently: schedule.drops_silently,
            mutation,
        }
    }

    /// Starts a daemon, which finds the maps as its predecessor left them. What it
    /// makes of them is [`LoopStep::Inherit`].
    pub(crate) fn start(&mut self) {
        self.daemon = Some(Daemon {
            engine: Engine::new(Settings::default(), []),
            sender: Sender::new(),
            loop_step: LoopStep::Inherit,
            effects: VecDeque::new(),
            send_step: SendStep::Next,
            sending: Sending::default(),
            inbox: VecDeque::from([
                Input::Link(fixture::link(self.id, self.link_up)),
                Input::Config(Box::new(self.config_for_engine())),
            ]),
            commands: VecDeque::new(),
            held: BTreeSet::new(),
            permit_at: Instant::default(),
            keys: BTreeMap::new(),
            known: BTreeMap::new(),
            events_lost: 0,
            unread: BTreeSet::new(),
            listens: false,
            placed: BTreeSet::new(),
            finished: false,
            leaving: false,
        });
    }

    /// The kernel is another one: nothing is pinned, and nothing is attached.
    pub(crate) fn forget(&mut self) {
        self.kernel = Kernel::new(self.ring_room, self.mutation);
        self.claimed_at.clear();
    }

    /// An engine that is told what its predecessor left.
    fn inherit(&self) -> Engine {
        let gates = self.kernel.gates().into_values();
        let seen =
            gates.flat_map(|gate| [gate.epoch, gate.revoked_epoch, gate.closed_epoch].map(Epoch));
        let mut engine = Engine::new(Settings::default(), seen);
        engine.inherit(self.kernel.inherited());
        engine
    }

    /// The configuration was read again.
    pub(crate) fn reload(&mut self) {
        let config = Box::new(self.config_for_engine());
        self.tell(Input::Config(config));
    }

    fn config_for_engine(&self) -> Config {
        let mut config = self.config.clone();
        if self.mutation == Mutation::AnyMember {
            config.groups.clear();
        }
        config
    }

    pub(crate) fn tell(&mut self, input: Input) {
        if let Some(daemon) = &mut self.daemon {
            daemon.inbox.push_back(input);
        }
    }

    pub(crate) fn script_result(&self) -> ScriptResult {
        ScriptResult::Exited(i32::from(!self.script_ok))
    }

    /// What this node's event loop or transmit thread is about to do.
    pub(crate) fn stage(&self, of_loop: bool) -> Option<Stage> {
        let daemon = self.daemon.as_ref()?;
        if of_loop {
            daemon.loop_stage()
        } else {
            daemon.sender_stage()
        }
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
        rng.within(1_000, 8_000)
    }
}
