//! The thread itself: waits, carries out what the pure [`Sender`] says, sleeps.

use super::{
    Frame, GateWriter,
    lateness::{Record, Summary},
    queue::Queue,
    realtime::{self, Shortfall},
    seal,
    sockets::{BATCH, Outcome, Sockets},
};
use crate::{
    config::model::Transmit,
    ownership::{
        command::{Command, Report, VrId},
        sender::{Effect, SendKind, Sender, Ticket},
    },
    shell::clock,
    time::Instant,
};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, ppoll},
    sys::{
        signal::SigSet,
        time::TimeSpec,
        timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
    },
    unistd::{Pid, gettid},
};
use std::{
    io,
    os::fd::AsFd,
    sync::{Arc, mpsc::sync_channel},
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What the transmit thread says, in order. Ends when the thread does.
pub type Reports = UnboundedReceiver<Report>;

/// How the thread is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `SCHED_FIFO` priority, 1-99.
    pub realtime_priority: u8,
    /// The CPUs it may run on; all if empty.
    pub cpus: Vec<u16>,
    /// How long it may compute without waiting.
    pub realtime_limit: Option<Duration>,
}

impl Default for Settings {
    /// Above ordinary work and below the kernel's own threads, which are at 50:
    /// interrupts must be served before there is anything to send for.
    fn default() -> Self {
        Self {
            realtime_priority: 40,
            cpus: Vec::new(),
            realtime_limit: None,
        }
    }
}

impl From<&Transmit> for Settings {
    fn from(wanted: &Transmit) -> Self {
        let usual = Self::default();
        Self {
            realtime_priority: wanted.realtime_priority.unwrap_or(usual.realtime_priority),
            cpus: wanted.cpus.clone(),
            realtime_limit: wanted.realtime_limit,
        }
    }
}

/// The event loop's end. Dropping it stops the thread, after the commands it was given.
pub struct TransmitHandle {
    queue: Arc<Queue>,
    record: Arc<Record>,
    shortfalls: Vec<Shortfall>,
    settings: Settings,
    /// As the kernel names it.
    id: Pid,
    thread: Option<JoinHandle<()>>,
}

/// Starts the thread. Needs `CAP_NET_RAW` here and now, `CAP_SYS_NICE` and
/// `CAP_IPC_LOCK` to run in time; without those two it runs all the same and says so.
pub fn start(
    gates: impl GateWriter + 'static,
    settings: Settings,
) -> io::Result<(TransmitHandle, Reports)> {
    let queue = Arc::new(Queue::new()?);
    let record = Arc::new(Record::default());
    let (reports, received) = unbounded_channel();
    let mut transmitter = Transmitter {
        sender: Sender::new(),
        gates,
        sockets: Sockets::open()?,
        timer: Timer::new()?,
        queue: Arc::clone(&queue),
        record: Arc::clone(&record),
        reports,
        batch: Sends::default(),
    };
    let (ready, prepared) = sync_channel(1);
    let wanted = settings.clone();
    let thread = std::thread::Builder::new()
        .name("transmit".into())
        .stack_size(realtime::STACK_BYTES)
        .spawn(move || {
            // Signals are the event loop's.
            let _ = SigSet::all().thread_block();
            let buffers = transmitter.sockets.buffers();
            let _ = ready.send((gettid(), realtime::prepare(&wanted, buffers)));
            transmitter.run();
        })?;
    let (id, shortfalls) = prepared.recv().map_err(io::Error::other)?;
    for shortfall in &shortfalls {
        tracing::warn!("{shortfall}");
    }
    Ok((
        TransmitHandle {
            queue,
            record,
            shortfalls,
            settings,
            id,
            thread: Some(thread),
        },
        received,
    ))
}

impl TransmitHandle {
    /// Hands a command over. Never waits for the thread.
    pub fn send(&self, command: Command<Frame>) {
        self.queue.push(command);
    }

    /// A reload: the thread is to run otherwise from now on.
    pub fn schedule_as(&mut self, settings: Settings) {
        if settings == self.settings {
            return;
        }
        for shortfall in realtime::schedule_as(self.id.as_raw(), &settings) {
            tracing::warn!("{shortfall}");
        }
        self.settings = settings;
    }

    /// How late the thread was so far, and what it sent.
    pub fn summary(&self) -> Summary {
        self.record.summary()
    }

    /// Adverts of a virtual router that left, and those of them with priority 0.
    pub fn adverts(&self, vr: VrId) -> (u64, u64) {
        self.record.adverts(vr)
    }

    /// What the thread has to do without; empty when it runs as meant.
    pub fn shortfalls(&self) -> &[Shortfall] {
        &self.shortfalls
    }
}

impl Drop for TransmitHandle {
    fn drop(&mut self) {
        self.queue.stop();
        if let Some(thread) = self.thread.take() {
            // Its panic was printed, and its reports ended.
            let _ = thread.join();
        }
    }
}

/// Everything the thread owns.
struct Transmitter<G> {
    sender: Sender<Frame>,
    gates: G,
    sockets: Sockets,
    timer: Timer,
    queue: Arc<Queue>,
    record: Arc<Record>,
    reports: UnboundedSender<Report>,
    batch: Sends,
}

/// Sends that follow one another, gathered into as few system calls as possible.
/// Its buffers keep their capacity.
#[derive(Default)]
struct Sends {
    frames: Vec<Frame>,
    /// Each with the end of its frames in `frames`.
    tickets: Vec<(Ticket, usize)>,
    outcomes: Vec<Outcome>,
}

impl<G: GateWriter> Transmitter<G> {
    fn run(&mut self) {
        let mut commands = Vec::new();
        loop {
            // Before the commands are read, so that none is left behind.
            let last_round = self.queue.is_stopped();
            self.queue.take(&mut commands);
            for command in commands.drain(..) {
                self.sender.handle(command, clock::now());
                self.carry_out();
            }
            let now = clock::now();
            match self.sender.poll_timeout() {
                _ if last_round => {
                    // What the last commands asked for.
                    self.sender.handle_timeout(now, &self.gates);
                    self.carry_out();
                    return;
                }
                Some(due) if due <= now => {
                    self.sender.handle_timeout(now, &self.gates);
                    self.carry_out();
                }
                deadline => self.wait(deadline),
            }
        }
    }

    /// Sleeps until there is a command, or the deadline has come.
    fn wait(&mut self, deadline: Option<Instant>) {
        self.timer.arm(deadline);
        let mut fds = [
            PollFd::new(self.queue.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.timer.fd.as_fd(), PollFlags::POLLIN),
        ];
        match ppoll(&mut fds, None, None) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => unreachable!("cannot wait on an eventfd and a timerfd: {error}"),
        }
        let rang = fds[1].any().unwrap_or(false);
        if let Some(deadline) = deadline.filter(|_| rang) {
            self.record.late(clock::now().since(deadline));
        }
    }

    /// Drains the effects. Sends that follow one another go together: each is
    /// answered before anything that it could bring about is polled for.
    fn carry_out(&mut self) {
        loop {
            let effect = self.sender.poll_effect();
            if let Some(Effect::Send { ticket, frames }) = effect {
                self.batch.push(ticket, frames);
                // A long row must not hold back its first answers.
                if self.batch.frames.len() >= BATCH {
                    self.transmit();
                }
                continue;
            }
            if self.batch.is_empty() && effect.is_none() {
                return;
            }
            self.transmit();
            match effect {
                Some(Effect::BeginEpoch { gate, epoch }) => self.gates.begin_epoch(gate, epoch),
                Some(Effect::WriteLease {
                    gate,
                    epoch,
                    lease_end,
                    last_sent,
                }) => {
                    self.gates.write_lease(gate, epoch, lease_end, last_sent);
                }
                // Nobody listens only while the event loop is on its way out.
                Some(Effect::Report(report)) => drop(self.reports.send(report)),
                Some(Effect::Send { .. }) | None => {}
            }
        }
    }

    /// Sends what was gathered, and tells the machine (V7).
    fn transmit(&mut self) {
        let Sends {
            frames,
            tickets,
            outcomes,
        } = &mut self.batch;
        self.sockets.send(frames, outcomes);
        let now = clock::now();
        let took = outcomes.first().map(|first| now.since(first.at));
        let failed = outcomes.iter().filter(|it| it.result.is_err()).count() as u64;
        let sent = outcomes.len() as u64 - failed;
        self.record.frames(sent, failed, took.unwrap_or_default());
        let mut from = 0;
        for (ticket, to) in tickets.drain(..) {
            let own = &outcomes[from..to];
            from = to;
            // An advert to several peers left when the first of them did, and did
            // not leave if it failed to leave for one: that one may take over.
            let at = own.first().map_or(now, |outcome| outcome.at);
            let result = own
                .iter()
                .map(|outcome| outcome.result)
                .find(Result::is_err);
            if let (Some(vr), None) = (ticket.vr, result) {
                self.record.advert(vr, ticket.kind == SendKind::Resign);
            }
            self.sender
                .sent(ticket, at, result.unwrap_or(Ok(())), now, &self.gates);
        }
        frames.clear();
        outcomes.clear();
    }
}

impl Sends {
    fn push(&mut self, ticket: Ticket, frames: Vec<Frame>) {
        let from = self.frames.len();
        self.frames.extend(frames);
        seal::seal(&mut self.frames[from..], clock::wall);
        self.tickets.push((ticket, self.frames.len()));
    }

    fn is_empty(&self) -> bool {
        self.tickets.is_empty()
    }
}

/// Wakes at absolute moments of `CLOCK_MONOTONIC`, without the slack of a poll timeout.
struct Timer {
    fd: TimerFd,
    armed: Option<Instant>,
}

impl Timer {
    fn new() -> nix::Result<Self> {
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        Ok(Self {
            fd: TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?,
            armed: None,
        })
    }

    /// Readable from `deadline` on, not before; never without one.
    fn arm(&mut self, deadline: Option<Instant>) {
        if self.armed == deadline {
            return;
        }
        let result = match deadline {
            Some(at) => {
                // Zero would disarm it; no deadline lies at boot.
                let at = TimeSpec::from_duration(Duration::from_nanos(at.as_ns().max(1)));
                self.fd.set(
                    Expiration::OneShot(at),
                    TimerSetTimeFlags::TFD_TIMER_ABSTIME,
                )
            }
            None => self.fd.unset(),
        };
        result.expect("a timerfd takes any absolute time");
        self.armed = deadline;
    }
}
