//! The event loop: what happened goes into the engine, what it asks for comes out.
//!
//! One thread, one timer. [`run`] owns every shell; nothing here decides anything
//! about an election. `hearing` puts the kernel's news into the engine's terms,
//! `execute` carries its actions out, `permission` is the loop's word to the
//! transmit thread that it is alive.

mod asked;
mod deadline;
mod differences;
mod dumps;
mod execute;
mod gate_writer;
mod hearing;
mod hooks;
mod network;
mod permission;
mod proving;
mod rejections;
mod report;
mod watch;

use self::{
    asked::Tickets,
    deadline::Deadline,
    differences::Differences,
    dumps::{Counts, Dump},
    gate_writer::MappedGates,
    hearing::Hearing,
    permission::{Permission, RENEWAL},
    proving::Proving,
    rejections::Rejections,
    watch::Watch,
};
use crate::{
    config::model::{Config, Hook},
    engine::{Engine, input::Input, settings::Settings},
    ownership::command::{Epoch, GateId, Report, VrId},
    shell::{
        balance::{self, Balancer},
        bpf::{
            Dataplane, Diagnostics, Events, Instance, LoopGates, Tables, Unprovens, Variant,
            dataplane::Loaded,
        },
        clock,
        control::{Request, Requests},
        dbus::Dbus,
        installed::Record,
        listen::Listener,
        netlink,
        notify::{Fifos, Mailer},
        process::{self, Finished, RunnerHandle},
        reload::{Kept, Schedule},
        signals::{Signal, Signals},
        tracking::{Found, Tracking},
        transmit::{self, TransmitHandle, thread::Reports},
    },
};
use anyhow::{Context, Result};
use std::{collections::BTreeMap, time::Duration};
use tokio::{
    sync::mpsc::{Receiver, UnboundedReceiver},
    time::{Interval, MissedTickBehavior},
};
use vrrp_common::counter::Counters;

/// How often what failed is tried again, and lost news looked for.
const UPKEEP: Duration = Duration::from_secs(1);
/// Ticks of [`UPKEEP`] between two looks for peers to forget.
const PRUNE_EVERY: u32 = 60;
/// A peer not heard for this long is forgotten.
const FORGET_PEER: Duration = Duration::from_hours(1);
/// How long a stop waits for addresses to go and for notify scripts to end.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// How long it waits for whoever reads FIFOs.
const FIFO_LIMIT: Duration = Duration::from_secs(1);
/// How long it waits for D-Bus to take the last signals.
const DBUS_LIMIT: Duration = Duration::from_secs(1);
/// How long it waits for the last alerts to be sent.
const MAIL_LIMIT: Duration = Duration::from_secs(3);
/// How long it waits for the balancer's thread.
const BALANCE_LIMIT: Duration = Duration::from_secs(2);
/// Ring records taken in before anything else gets its turn again.
const EVENTS_AT_ONCE: usize = 256;

/// Reads the configuration again; an error says what is wrong with it.
pub type Reload = Box<dyn FnMut() -> Result<Config>>;

/// What a daemon is started with.
pub struct Options {
    /// Its identity on this host; the caller holds its lock.
    pub instance: Instance,
    /// Which programs to load.
    pub variant: Variant,
    /// Whether they log what is rare.
    pub diagnostics: Diagnostics,
    /// Engine settings.
    pub settings: Settings,
    /// The configuration it starts with.
    pub config: Config,
    /// For HUP and `xvrrpd reload`.
    pub reload: Reload,
    /// The script process, started before anything else was opened.
    pub runner: process::Runner,
    /// What `global_defs` says about scripts.
    pub scripts: process::Settings,
    /// `-u`, for the files that are made.
    pub umask: Option<u32>,
}

struct Driver {
    instance: Instance,
    engine: Engine,
    dataplane: Dataplane,
    tables: Tables,
    events: Events,
    unprovens: Unprovens,
    proving: Proving,
    permission: Permission,
    transmit: TransmitHandle,
    listener: Listener,
    netlink: netlink::Handle,
    runner: RunnerHandle,
    tracking: Tracking,
    fifos: Fifos,
    dbus: Dbus,
    mailer: Mailer,
    balancer: Balancer,
    hearing: Hearing,
    watch: Watch,
    reload: Reload,
    schedule: Schedule,
    kept: Kept,
    tickets: Tickets,
    installed: Record,
    /// Interface names, for messages and sysctls.
    names: BTreeMap<u32, String>,
    /// As it stood when all peers were last read.
    events_missed: Missed,
    rejections: Rejections,
    differences: Differences,
    /// Leases the transmit thread saw end.
    leases_over: u64,
    upkeeps: u32,
    finished: Option<Ending>,
    shutdown_script: Option<Hook>,
    counts: Counts,
}

/// What wakes the event loop, besides time.
struct Inbox {
    reports: Reports,
    links: Receiver<Input>,
    finished: Receiver<Finished>,
    found: Receiver<Found>,
    control: Requests,
    /// What D-Bus asks.
    calls: Requests,
    balance: UnboundedReceiver<balance::News>,
    signals: Signals,
    /// `reload_time_file` says it is time.
    due: Receiver<()>,
}

/// How the daemon ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// With nothing left behind.
    Clean,
    /// With everything in place for a successor.
    Left,
}

/// Runs until TERM, INT or `xvrrpd stop`. `ready` is called once everything is
/// in place and the configuration is running.
pub async fn run(
    options: Options,
    control: Requests,
    mut signals: Signals,
    ready: impl FnOnce() -> std::io::Result<()>,
) -> Result<()> {
    let Options {
        instance,
        variant,
        diagnostics,
        settings,
        config,
        reload,
        runner,
        scripts,
        umask,
    } = options;
    let (runner, finished) = runner.serve();
    runner.configure(scripts);
    if let Some(hook) = &config.global.startup
        && !hooks::start_up(&runner, hook, &mut signals).await
    {
        return Ok(());
    }
    let Loaded {
        dataplane,
        tables,
        events,
        unprovens,
        sender_gates,
        loop_gates,
        notes,
    } = Dataplane::load(&instance, variant, diagnostics)?;
    for note in notes {
        tracing::warn!("{note}");
    }
    let inherited = tables.inherited(|gate| loop_gates.read(gate))?;
    let epochs = epochs(&loop_gates);
    let (transmit, reports) = transmit::start(
        MappedGates(sender_gates),
        transmit::thread::Settings::from(&config.global.transmit),
    )
    .context("start the transmit thread")?;
    let (netlink, mut links) = netlink::spawn().context("watch links and addresses")?;
    let mut listener = Listener::open().context("open the VRRP sockets")?;
    listener.inherit(tables.station_places(), tables.group_places()?);
    let (tracking, found) = Tracking::new();
    let (dbus, calls) = Dbus::new();
    let (schedule, due) = Schedule::new();
    let (balancer, balance) = Balancer::new(instance.clone(), variant);
    let mut driver = Driver {
        engine: Engine::new(settings, epochs),
        dataplane,
        tables,
        events,
        unprovens,
        proving: Proving::default(),
        permission: Permission::new(loop_gates),
        transmit,
        listener,
        netlink,
        runner,
        tracking,
        fifos: Fifos::new(umask),
        dbus,
        mailer: Mailer::default(),
        balancer,
        hearing: Hearing::default(),
        watch: Watch::default(),
        reload,
        schedule,
        kept: Kept::default(),
        tickets: Tickets::default(),
        installed: Record::of(&instance),
        instance,
        names: BTreeMap::new(),
        events_missed: Missed::default(),
        rejections: Rejections::default(),
        differences: Differences::default(),
        leases_over: 0,
        upkeeps: 0,
        finished: None,
        shutdown_script: None,
        counts: Counts::default(),
    };
    driver.engine.inherit(inherited);
    driver.begin(&mut links, config)?;
    ready().context("tell whoever waits for the daemon")?;

    let inbox = Inbox {
        reports,
        links,
        finished,
        found,
        control,
        calls,
        balance,
        signals,
        due,
    };
    driver.serve(inbox).await?;
    Box::pin(driver.end()).await
}

/// Ticks that are not made up for.
fn every(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// The last claim of each gate, which the next must exceed.
fn epochs(gates: &LoopGates) -> Vec<Epoch> {
    let last_used = |gate| {
        let record = gates.read(gate);
        record
            .epoch
            .max(record.revoked_epoch)
            .max(record.closed_epoch)
    };
    let gates = 0..u32::try_from(LoopGates::CAPACITY).unwrap_or(u32::MAX);
    gates.map(|index| Epoch(last_used(GateId(index)))).collect()
}

/// News that was not told of, and that only the peer map has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Missed {
    lost: u64,
    deferred: u64,
}

impl Missed {
    const fn of(counters: &Counters) -> Self {
        Self {
            lost: counters.event_lost,
            deferred: counters.event_deferred,
        }
    }
}

impl Driver {
    async fn serve(&mut self, mut inbox: Inbox) -> Result<()> {
        let mut deadline = Deadline::new().context("a timer")?;
        let (mut renewal, mut upkeep) = (every(RENEWAL), every(UPKEEP));
        while self.finished.is_none() {
            deadline.arm(self.engine.poll_timeout().map(|(at, _)| at))?;
            tokio::select! {
                passed = deadline.passed() => {
                    passed.context("wait for a deadline")?;
                    self.expire();
                }
                event = self.events.next() => {
                    let event = event.context("wait for XVRRP_EVENTS")?;
                    self.hear_event(&event);
                }
                record = self.unprovens.next() => {
                    let record = record.context("wait for XVRRP_UNPROVEN")?;
                    self.prove_one(&record);
                }
                report = inbox.reports.recv() => match report {
                    Some(report) => self.take(Input::Sender(report)),
                    None => anyhow::bail!("the transmit thread ended"),
                },
                input = inbox.links.recv() => match input {
                    Some(input) => self.take(input),
                    None => anyhow::bail!("links and addresses are out of sight"),
                },
                done = inbox.finished.recv() => match done {
                    Some(done) => self.take(done.into_input()),
                    None => anyhow::bail!("the script process cannot be kept running"),
                },
                Some(found) = inbox.found.recv() => self.found(found),
                Some(request) = inbox.control.recv() => self.answer(request),
                Some(request) = inbox.calls.recv() => self.answer(request),
                Some(news) = inbox.balance.recv() => self.balance_news(news),
                signal = inbox.signals.recv() => self.signal(signal),
                Some(()) = inbox.due.recv() => self.signal(Signal::Reload),
                _ = renewal.tick(), if !self.permission.is_idle() => {}
                _ = upkeep.tick() => self.upkeep(),
            }
            self.hear();
            self.prove();
            self.execute();
            self.balancer.tell();
            self.dbus.finish_reload();
            self.permission.renew(clock::now());
        }
        Ok(())
    }

    /// The first configuration, which settles what a predecessor left.
    fn begin(&mut self, links: &mut Receiver<Input>, config: Config) -> Result<()> {
        // Every link that exists is there before the first configuration asks for one.
        while let Ok(input) = links.try_recv() {
            self.take(input);
        }
        self.recall_maintenance();
        self.configure_telling(&config);
        self.keep_balanced_interfaces(&config);
        self.take(Input::Config(Box::new(config)));
        self.execute();
        self.balancer.tell();
        // What came while nobody ran.
        self.prove_all();
        self.execute();
        self.nothing_to_guard();
        self.nothing_to_install();
        self.tables.remove_unknown_routers()?;
        self.events_missed = Missed::of(&self.tables.counters()?);
        Ok(())
    }

    fn take(&mut self, input: Input) {
        match &input {
            Input::Link(link) => {
                self.names.insert(link.ifindex, link.name.clone());
            }
            Input::LinkGone { ifindex } => {
                self.names.remove(ifindex);
                self.listener.forget(*ifindex);
            }
            Input::Sender(Report::LeaseOver { .. } | Report::Renewed { .. }) => {
                self.leases_over += 1;
            }
            _ => {}
        }
        self.engine.handle(input, clock::now());
    }

    fn found(&mut self, found: Found) {
        if let Some(input) = self.tracking.accept(found) {
            self.take(input);
        }
    }

    /// Takes in what the ring buffer holds. `false`: more than is taken at a time.
    fn hear(&mut self) -> bool {
        for _ in 0..EVENTS_AT_ONCE {
            let Some(event) = self.events.try_next() else {
                return true;
            };
            self.hear_event(&event);
        }
        false
    }

    fn hear_event(&mut self, event: &vrrp_common::event::Event) {
        match self.hearing.event(event) {
            Some(input) => {
                self.log_differences(event);
                self.take(input);
            }
            None => self.log_rejected(event),
        }
    }

    /// A deadline passed. A peer's is only obeyed after a look at the stamps: they
    /// may be newer than what woke us. Of a peer nobody has told us yet, because its
    /// news is lost or still in the queue, only the whole map knows.
    fn expire(&mut self) {
        let now = clock::now();
        let caught_up = self.hear();
        let needed = self.engine.stamps_needed(now);
        if !needed.is_empty() {
            self.prove_all();
            let lost = self.heal();
            if !caught_up && !lost {
                self.look_everywhere();
            }
            for vr in needed {
                self.look(vr);
            }
        }
        self.engine.handle_timeout(now);
    }

    /// Reads all peers if news was lost or held back since the last time, or might
    /// have been; `true` if so. Not for repetitions (`event_spared`): those are of
    /// peers we know, whose stamps are read anyway.
    fn heal(&mut self) -> bool {
        let counters = match self.tables.counters() {
            Ok(counters) => counters,
            Err(error) => {
                self.failed("read XVRRP_COUNT", &format!("{error:#}"), None);
                self.look_everywhere();
                return true;
            }
        };
        let now = Missed::of(&counters);
        let before = std::mem::replace(&mut self.events_missed, now);
        if now == before {
            return false;
        }
        match now.lost.wrapping_sub(before.lost) {
            0 => {}
            lost => {
                tracing::warn!("{lost} events lost, the ring buffer was full: reading all peers");
            }
        }
        self.look_everywhere();
        true
    }

    fn look(&mut self, vr: VrId) {
        match self.hearing.stamps(vr, &self.tables) {
            Ok(inputs) => inputs.into_iter().for_each(|input| self.take(input)),
            Err(error) => self.failed("read XVRRP_PEERS", &format!("{error:#}"), Some(vr)),
        }
    }

    fn look_everywhere(&mut self) {
        match self.hearing.all_stamps(&self.tables) {
            Ok(inputs) => inputs.into_iter().for_each(|input| self.take(input)),
            Err(error) => self.failed("read XVRRP_PEERS", &format!("{error:#}"), None),
        }
    }

    fn signal(&mut self, signal: Signal) {
        match signal {
            Signal::Terminate => {
                tracing::info!("Stopping");
                self.take(Input::Shutdown);
            }
            Signal::Leave => {
                tracing::info!("Leaving, with everything in place for a successor");
                self.take(Input::Leave);
            }
            Signal::Reload => {
                let _ = self.reload();
            }
            Signal::DumpData => self.dump(Dump::Data),
            Signal::DumpStats => self.dump(Dump::Stats),
            Signal::ClearStats => self.dump(Dump::StatsClear),
            Signal::DumpJson => self.dump(Dump::Json),
        }
    }

    /// An invalid file changes nothing.
    fn reload(&mut self) -> Result<()> {
        tracing::info!("Reloading");
        match (self.reload)() {
            Ok(config) => {
                self.keep_before();
                self.runner
                    .configure(process::Settings::from(&config.global));
                self.configure_telling(&config);
                self.transmit
                    .schedule_as(transmit::thread::Settings::from(&config.global.transmit));
                self.take(Input::Config(Box::new(config)));
                self.keep_after();
                Ok(())
            }
            Err(error) => {
                tracing::error!("Configuration not reloaded, the old one goes on: {error:#}");
                Err(error)
            }
        }
    }

    /// `config_save_dir` of the configuration that is to go.
    fn keep_before(&mut self) {
        if let Some(directory) = self.engine.config().global.reading.save_directory.clone() {
            let (_, text) = self.dump_text(Dump::Data);
            self.kept.before(&directory, &text);
        }
    }

    /// `config_save_dir` of the one that has come.
    fn keep_after(&mut self) {
        if let Some(directory) = self.engine.config().global.reading.save_directory.clone() {
            let (_, text) = self.dump_text(Dump::Data);
            self.kept.after(&directory, &text);
        }
    }

    /// Before the engine tells of anything.
    fn configure_telling(&mut self, config: &Config) {
        let global = &config.global;
        self.dbus.configure(config);
        self.schedule.configure(&global.reading);
        let script_user = global.script_user.as_ref();
        self.fifos
            .configure(&global.fifos, script_user, &self.runner);
        self.mailer
            .configure(global.mail.as_ref(), &global.router_id);
        self.shutdown_script.clone_from(&global.shutdown);
        self.balancer.configure(config);
    }

    fn answer(&mut self, request: Request) {
        match request {
            Request::Status(reply) => reply.send(self.describe()),
            Request::Reload(reply) => {
                reply.send(self.reload().map_err(|error| format!("{error:#}")));
            }
            Request::Stop(reply) => {
                reply.send(());
                self.signal(Signal::Terminate);
            }
            Request::Leave(reply) => {
                reply.send(());
                self.signal(Signal::Leave);
            }
            Request::Signal(signal, reply) => {
                self.signal(signal);
                reply.send(());
            }
            Request::Engine(asked, reply) => self.ask_engine(asked, reply),
            Request::Balance(asked, reply) => self.balancer.ask(asked, reply),
        }
    }

    /// What no event asks for.
    fn upkeep(&mut self) {
        self.watch_again();
        self.reserve_sequences();
        self.heal();
        if let Ok(counters) = self.tables.counters() {
            self.log_unsaid(&counters);
        }
        self.survey();
        self.upkeeps = self.upkeeps.wrapping_add(1);
        if !self.upkeeps.is_multiple_of(PRUNE_EVERY) {
            return;
        }
        if let Err(error) = self.tables.prune_peers(clock::now(), FORGET_PEER) {
            self.failed("prune XVRRP_PEERS", &format!("{error:#}"), None);
        }
    }

    async fn end_balancer(&mut self) {
        if !self.balancer.end(BALANCE_LIMIT).await {
            tracing::error!("the balancer's thread goes on after {BALANCE_LIMIT:?}");
        }
    }

    async fn end(mut self) -> Result<()> {
        match self.finished {
            Some(Ending::Left) => {
                self.fifos.close(FIFO_LIMIT, true).await;
                self.dbus.close(DBUS_LIMIT).await;
                self.end_balancer().await;
                // The transmit thread ends with its last commands carried out.
                drop(self.transmit);
                tracing::info!("Left");
                Ok(())
            }
            Some(Ending::Clean) | None => self.leave_nothing().await,
        }
    }

    /// A clean stop: nothing is left to fence, so nothing is left attached.
    async fn leave_nothing(mut self) -> Result<()> {
        self.fifos.close(FIFO_LIMIT, false).await;
        self.dbus.close(DBUS_LIMIT).await;
        if !self.netlink.settled(STOP_LIMIT).await {
            tracing::error!("addresses are still being removed after {STOP_LIMIT:?}");
        }
        let (scripts, mail) = tokio::join!(
            self.runner.drained(STOP_LIMIT),
            self.mailer.drained(MAIL_LIMIT)
        );
        if !scripts {
            tracing::error!("notify scripts are still running after {STOP_LIMIT:?}");
        }
        if !mail {
            tracing::error!("alerts are not sent yet after {MAIL_LIMIT:?}, and will not be");
        }
        if !self.runner.services_ended(FIFO_LIMIT).await {
            tracing::info!("the scripts that read FIFOs do not end by themselves");
        }
        self.installed.remove();
        self.end_balancer().await;
        drop(self.transmit);
        self.listener.release();
        self.dataplane.teardown()?;
        // Of a daemon that is no more they would tell of a MASTER that is none.
        let _ = std::fs::remove_dir_all(self.instance.dump_directory());
        if let Some(hook) = &self.shutdown_script {
            hooks::run(&self.runner, "shutdown", hook).await;
        }
        tracing::info!("Stopped");
        Ok(())
    }
}
