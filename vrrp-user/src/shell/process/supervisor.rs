//! The daemon's side: keeps a runner alive and knows what it owes us.

use super::{
    SUBCOMMAND,
    protocol::{FromRunner, Outcome, Settings, ToRunner, VERSION, encode},
    service::Services,
};
use crate::{
    config::model::{CommandLine, User},
    engine::input::{Input, ScriptResult},
};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    io,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream as StdUnixStream, process::CommandExt as _},
    },
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixStream, unix::OwnedReadHalf},
    sync::{mpsc, oneshot},
};

/// Between attempts to start a runner.
const RESTART_DELAY: Duration = Duration::from_millis(500);
/// A notify script that runs longer holds up its queue noticeably: say so.
const SLOW_NOTIFY: Duration = Duration::from_secs(30);

/// What came of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finished {
    /// A `vrrp_script` ended, or could not run.
    Check {
        /// Its name.
        script: String,
        /// How it ended.
        result: ScriptResult,
        /// The last line it wrote.
        output: Option<String>,
    },
    /// A notify script failed. The others need no word.
    NotifyFailed {
        /// What ran.
        what: String,
        /// How it failed.
        why: String,
    },
}

impl Finished {
    /// What the engine needs to know of it.
    #[must_use]
    pub fn into_input(self) -> Input {
        match self {
            Self::Check { script, result, .. } => Input::ScriptDone { script, result },
            Self::NotifyFailed { what, why } => Input::ActionFailed {
                what,
                why,
                vr: None,
            },
        }
    }
}

/// A runner process, started but not yet served.
#[derive(Debug)]
pub struct Runner {
    command: Command,
    process: Process,
}

impl Runner {
    /// Starts the runner: this executable with the hidden subcommand. To be called
    /// before the daemon opens or acquires anything, by a thread that lives as long
    /// as the daemon.
    pub fn start() -> io::Result<Self> {
        let mut command = Command::new("/proc/self/exe");
        command.arg0("xvrrpd").arg(SUBCOMMAND);
        Self::start_as(command)
    }

    /// Starts another program as the runner; its standard input will be the socket.
    pub fn start_as(mut command: Command) -> io::Result<Self> {
        let process = Process::start(&mut command)?;
        Ok(Self { command, process })
    }

    /// Serves it from now on; must be called inside a runtime. Results come out of
    /// the receiver, which ends after the last handle was dropped.
    pub fn serve(self) -> (RunnerHandle, mpsc::Receiver<Finished>) {
        let (requests, requests_out) = mpsc::unbounded_channel();
        let (finished, finished_out) = mpsc::channel(1024);
        let supervisor = Supervisor {
            command: self.command,
            requests: requests_out,
            finished,
            settings: Settings::default(),
            next_id: 0,
            runs: HashMap::new(),
            queues: BTreeMap::new(),
            groups: HashMap::new(),
            told: HashMap::new(),
            waiting: Vec::new(),
            services: Services::default(),
        };
        tokio::spawn(supervisor.run(self.process));
        (RunnerHandle { requests }, finished_out)
    }

    /// [`Self::start`] and [`Self::serve`].
    pub fn spawn() -> io::Result<(RunnerHandle, mpsc::Receiver<Finished>)> {
        Ok(Self::start()?.serve())
    }
}

/// Asks for scripts to be run. Nothing here blocks.
#[derive(Clone, Debug)]
pub struct RunnerHandle {
    requests: mpsc::UnboundedSender<Request>,
}

#[derive(Debug)]
enum Request {
    Settings(Settings),
    Check {
        script: String,
        command: CommandLine,
        user: Option<User>,
        timeout: Duration,
    },
    StopCheck(String),
    Notify {
        queue: String,
        notify: Notify,
    },
    Drain(oneshot::Sender<()>),
    Once {
        what: Notify,
        timeout: Duration,
        done: oneshot::Sender<Result<(), String>>,
    },
    Service {
        name: String,
        what: Notify,
    },
    StopService(String),
    ServicesEnd(oneshot::Sender<()>),
}

#[derive(Clone, Debug)]
pub(super) struct Notify {
    command: CommandLine,
    arguments: Vec<String>,
    user: Option<User>,
}

impl RunnerHandle {
    /// For all runs that follow.
    pub fn configure(&self, settings: Settings) {
        self.send(Request::Settings(settings));
    }

    /// Runs a `vrrp_script` once. A run of the same name that is still going on is
    /// stopped, and gives no result.
    pub fn run_script(
        &self,
        script: String,
        command: CommandLine,
        user: Option<User>,
        timeout: Duration,
    ) {
        self.send(Request::Check {
            script,
            command,
            user,
            timeout,
        });
    }

    /// Stops a run of this script, if there is one; it gives no result.
    pub fn stop_script(&self, script: &str) {
        self.send(Request::StopCheck(script.to_owned()));
    }

    /// Runs a notify script after all earlier ones of the same queue. Queues do not
    /// wait for each other; use one for each instance or group.
    pub fn notify(
        &self,
        queue: &str,
        command: CommandLine,
        arguments: Vec<String>,
        user: Option<User>,
    ) {
        let notify = Notify {
            command,
            arguments,
            user,
        };
        self.send(Request::Notify {
            queue: queue.to_owned(),
            notify,
        });
    }

    /// Waits until every notify script is over; false if that takes longer than `limit`.
    pub async fn drained(&self, limit: Duration) -> bool {
        let (done, is_done) = oneshot::channel();
        self.send(Request::Drain(done));
        matches!(tokio::time::timeout(limit, is_done).await, Ok(Ok(())))
    }

    /// Runs a command and waits for its end, at most until its process group is
    /// terminated after `timeout`. The error says how it failed.
    pub async fn run_once(
        &self,
        command: CommandLine,
        user: Option<User>,
        timeout: Duration,
    ) -> Result<(), String> {
        let (done, is_done) = oneshot::channel();
        let what = Notify {
            command,
            arguments: Vec::new(),
            user,
        };
        self.send(Request::Once {
            what,
            timeout,
            done,
        });
        let lost = || "the script runner ended while it ran".to_owned();
        is_done.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Keeps a command running until it is stopped, in place of an earlier one of this
    /// name.
    pub fn start_service(
        &self,
        name: &str,
        command: CommandLine,
        arguments: Vec<String>,
        user: Option<User>,
    ) {
        let what = Notify {
            command,
            arguments,
            user,
        };
        self.send(Request::Service {
            name: name.to_owned(),
            what,
        });
    }

    /// Stops it, if there is one.
    pub fn stop_service(&self, name: &str) {
        self.send(Request::StopService(name.to_owned()));
    }

    /// Waits until every service has ended by itself; none is started again. False if
    /// that takes longer than `limit`.
    pub async fn services_ended(&self, limit: Duration) -> bool {
        let (done, is_done) = oneshot::channel();
        self.send(Request::ServicesEnd(done));
        matches!(tokio::time::timeout(limit, is_done).await, Ok(Ok(())))
    }

    /// One that nobody hears.
    #[cfg(test)]
    pub(crate) fn deaf() -> Self {
        Self {
            requests: mpsc::unbounded_channel().0,
        }
    }

    fn send(&self, request: Request) {
        // The supervisor outlives its handles.
        let _ = self.requests.send(request);
    }
}

#[derive(Debug)]
struct Process {
    child: Child,
    socket: StdUnixStream,
}

impl Process {
    fn start(command: &mut Command) -> io::Result<Self> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        command
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null());
        let child = command.spawn();
        // The command keeps what it was given; without this the end of the daemon
        // would be no end of the stream.
        command.stdin(Stdio::null());
        Ok(Self {
            child: child?,
            socket: ours,
        })
    }
}

#[derive(Debug)]
enum Purpose {
    Check {
        script: String,
        argv: CommandLine,
    },
    Notify {
        queue: String,
        argv: CommandLine,
        slow_at: tokio::time::Instant,
    },
    /// Somebody waits for its end.
    Once(oneshot::Sender<Result<(), String>>),
    Service,
    /// Stopped: whatever it still says is of no interest.
    Nothing,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Notify>,
    running: Option<(u64, Notify)>,
    started: bool,
}

struct Supervisor {
    command: Command,
    requests: mpsc::UnboundedReceiver<Request>,
    finished: mpsc::Sender<Finished>,
    settings: Settings,
    next_id: u64,
    runs: HashMap<u64, Purpose>,
    queues: BTreeMap<String, Queue>,
    /// Process groups of runs, to be killed should the runner die.
    groups: HashMap<u64, i32>,
    /// What was last said of each script.
    told: HashMap<String, String>,
    waiting: Vec<oneshot::Sender<()>>,
    services: Services,
}

/// The stream to a runner that is alive.
struct Line {
    messages: mpsc::UnboundedSender<Vec<u8>>,
}

impl Line {
    fn open(
        socket: StdUnixStream,
    ) -> io::Result<(Self, tokio::io::Lines<BufReader<OwnedReadHalf>>)> {
        let (input, mut output) = UnixStream::from_std(socket)?.into_split();
        let (messages, mut messages_out) = mpsc::unbounded_channel::<Vec<u8>>();
        tokio::spawn(async move {
            while let Some(message) = messages_out.recv().await {
                if output.write_all(&message).await.is_err() {
                    return;
                }
            }
        });
        Ok((Self { messages }, BufReader::new(input).lines()))
    }

    fn say(&self, message: &ToRunner) {
        // A runner that is gone shows at the reading end.
        let _ = self.messages.send(encode(message));
    }
}

impl Supervisor {
    async fn run(mut self, mut process: Process) {
        loop {
            let Process { mut child, socket } = process;
            let unwanted = match Line::open(socket) {
                Ok((line, lines)) => self.serve(&line, lines).await,
                Err(error) => {
                    tracing::error!("the script runner cannot be reached: {error}");
                    false
                }
            };
            if unwanted {
                // It ends by itself, with what it started, now that the stream is closed.
                tokio::task::spawn_blocking(move || drop(child.wait()));
                return;
            }
            let _ = child.kill();
            let status = tokio::task::spawn_blocking(move || child.wait()).await;
            let how = match status {
                Ok(Ok(status)) => status.to_string(),
                _ => "for reasons unknown".to_owned(),
            };
            tracing::error!("the script runner ended ({how}); starting it again");
            self.runner_died().await;
            process = loop {
                match Process::start(&mut self.command) {
                    Ok(process) => break process,
                    Err(error) => {
                        tracing::error!("the script runner cannot be started: {error}");
                        tokio::time::sleep(RESTART_DELAY).await;
                    }
                }
            };
        }
    }

    /// True: nobody needs it any more. False: the runner is gone.
    async fn serve(
        &mut self,
        line: &Line,
        mut lines: tokio::io::Lines<BufReader<OwnedReadHalf>>,
    ) -> bool {
        line.say(&ToRunner::Hello { version: VERSION });
        line.say(&ToRunner::Settings(self.settings.clone()));
        for queue in self.queues.keys().cloned().collect::<Vec<_>>() {
            self.advance(&queue, line);
        }
        loop {
            for (name, what) in self.services.due() {
                let id = self.start(line, what.command, what.arguments, what.user, None);
                self.runs.insert(id, Purpose::Service);
                self.services.started(&name, id);
            }
            let next_service = self.services.next_start();
            let slow = self.runs.values().filter_map(|run| match run {
                Purpose::Notify { slow_at, .. } => Some(*slow_at),
                _ => None,
            });
            let slow = slow.min();
            let patience = at_or_never(slow);
            tokio::select! {
                request = self.requests.recv() => match request {
                    Some(request) => self.obey(request, line),
                    None => return true,
                },
                message = lines.next_line() => match message {
                    Ok(Some(message)) => match serde_json::from_str(&message) {
                        Ok(message) => self.hear(message, line).await,
                        Err(error) => {
                            tracing::error!("the script runner says {message:?}: {error}");
                            return false;
                        }
                    },
                    Ok(None) | Err(_) => return false,
                },
                () = patience => self.complain_of_slowness(),
                () = at_or_never(next_service) => {}
            }
            if self.queues.is_empty() {
                for waiter in self.waiting.drain(..) {
                    let _ = waiter.send(());
                }
            }
        }
    }

    fn obey(&mut self, request: Request, line: &Line) {
        match request {
            Request::Settings(settings) => {
                line.say(&ToRunner::Settings(settings.clone()));
                self.settings = settings;
                self.told.clear();
            }
            Request::Check {
                script,
                command,
                user,
                timeout,
            } => {
                self.stop_check(&script, line);
                let timeout_us = u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX);
                let argv = command.clone();
                let id = self.start(line, command, vec![], user, Some(timeout_us));
                self.runs.insert(id, Purpose::Check { script, argv });
            }
            Request::StopCheck(script) => {
                self.stop_check(&script, line);
                self.told.remove(&script);
            }
            Request::Notify { queue, notify } => {
                self.queues
                    .entry(queue.clone())
                    .or_default()
                    .waiting
                    .push_back(notify);
                self.advance(&queue, line);
            }
            Request::Drain(waiter) => self.waiting.push(waiter),
            Request::Once {
                what,
                timeout,
                done,
            } => {
                let timeout_us = u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX);
                let Notify {
                    command,
                    arguments,
                    user,
                } = what;
                let id = self.start(line, command, arguments, user, Some(timeout_us));
                self.runs.insert(id, Purpose::Once(done));
            }
            Request::Service { name, what } => {
                self.stop_service(&name, line);
                self.services.add(name, what);
            }
            Request::StopService(name) => self.stop_service(&name, line),
            Request::ServicesEnd(waiter) => self.services.wait_for_end(waiter),
        }
    }

    fn start(
        &mut self,
        line: &Line,
        command: CommandLine,
        arguments: Vec<String>,
        user: Option<User>,
        timeout_us: Option<u64>,
    ) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
        line.say(&ToRunner::Run {
            id,
            command,
            arguments,
            user,
            timeout_us,
        });
        id
    }

    fn stop_check(&mut self, wanted: &str, line: &Line) {
        for (id, purpose) in &mut self.runs {
            if matches!(purpose, Purpose::Check { script, .. } if script == wanted) {
                line.say(&ToRunner::Stop { id: *id });
                *purpose = Purpose::Nothing;
            }
        }
    }

    fn stop_service(&mut self, name: &str, line: &Line) {
        if let Some(id) = self.services.remove(name) {
            line.say(&ToRunner::Stop { id });
            self.runs.insert(id, Purpose::Nothing);
        }
    }

    /// Starts the next notify script of a queue, unless one is running.
    fn advance(&mut self, name: &str, line: &Line) {
        let Some(queue) = self.queues.get_mut(name) else {
            return;
        };
        if queue.running.is_some() {
            return;
        }
        let Some(notify) = queue.waiting.pop_front() else {
            self.queues.remove(name);
            return;
        };
        let Notify {
            command,
            arguments,
            user,
        } = notify.clone();
        let argv = command.clone();
        let id = self.start(line, command, arguments, user, None);
        let slow_at = tokio::time::Instant::now() + SLOW_NOTIFY;
        self.runs.insert(
            id,
            Purpose::Notify {
                queue: name.to_owned(),
                argv,
                slow_at,
            },
        );
        if let Some(queue) = self.queues.get_mut(name) {
            queue.running = Some((id, notify));
            queue.started = false;
        }
    }

    async fn hear(&mut self, message: FromRunner, line: &Line) {
        match message {
            FromRunner::Hello { version } if version == VERSION => {}
            FromRunner::Hello { version } => {
                tracing::error!("the script runner speaks version {version}, not {VERSION}");
            }
            FromRunner::Started { id, group } => {
                self.groups.insert(id, group);
                for queue in self.queues.values_mut() {
                    queue.started |= queue
                        .running
                        .as_ref()
                        .is_some_and(|(running, _)| *running == id);
                }
            }
            FromRunner::Gone { id } => {
                self.groups.remove(&id);
            }
            FromRunner::Done {
                id,
                outcome,
                output,
            } => match self.runs.remove(&id) {
                Some(Purpose::Check { script, argv }) => {
                    self.note(&script, &argv, &outcome, output.as_deref());
                    self.report(Finished::Check {
                        script,
                        result: outcome.into(),
                        output,
                    })
                    .await;
                }
                Some(Purpose::Notify { queue, argv, .. }) => {
                    if let Some(why) = failure(&outcome, output.as_deref()) {
                        let what = format!("notify script {}", shown(&argv));
                        self.report(Finished::NotifyFailed { what, why }).await;
                    }
                    if let Some(queue) = self.queues.get_mut(&queue) {
                        queue.running = None;
                    }
                    self.advance(&queue, line);
                }
                Some(Purpose::Once(done)) => {
                    let failure = failure(&outcome, output.as_deref());
                    let _ = done.send(failure.map_or(Ok(()), Err));
                }
                Some(Purpose::Service) => {
                    let how = failure(&outcome, output.as_deref());
                    self.services
                        .ended(id, &how.unwrap_or_else(|| "exited".into()));
                }
                Some(Purpose::Nothing) | None => {}
            },
        }
    }

    /// Every group that has lost its runner is killed; checks under way failed;
    /// notify scripts that had started are not run twice, the others are run.
    async fn runner_died(&mut self) {
        for (_, group) in self.groups.drain() {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        for (_, run) in std::mem::take(&mut self.runs) {
            if let Purpose::Check { script, .. } = run {
                let result = ScriptResult::CannotRun("the script runner ended meanwhile".into());
                self.report(Finished::Check {
                    script,
                    result,
                    output: None,
                })
                .await;
            }
        }
        self.services.all_ended();
        let mut lost = Vec::new();
        for queue in self.queues.values_mut() {
            match queue.running.take() {
                Some((_, notify)) if queue.started => lost.push(notify),
                Some((_, notify)) => queue.waiting.push_front(notify),
                None => {}
            }
        }
        for notify in lost {
            let what = format!("notify script {}", shown(&notify.command));
            let why = "the script runner ended while it ran".into();
            self.report(Finished::NotifyFailed { what, why }).await;
        }
    }

    /// Says how a check ended and, where that is not for the check to say, why; once.
    fn note(&mut self, script: &str, argv: &CommandLine, outcome: &Outcome, output: Option<&str>) {
        let said = output.map(|line| format!(": {line}")).unwrap_or_default();
        let (cannot, news) = match outcome {
            Outcome::CannotRun(why) => (true, why.clone()),
            Outcome::Exited(status @ (126 | 127)) => (
                true,
                format!("{}: {}{said}", shown(argv), explain_status(*status)),
            ),
            _ => (false, format!("{outcome:?}{said}")),
        };
        if self.told.get(script) == Some(&news) {
            return;
        }
        if cannot {
            tracing::warn!("script {script} cannot run and counts as failed: {news}");
        } else {
            tracing::debug!("script {script}: {news}");
        }
        self.told.insert(script.to_owned(), news);
    }

    fn complain_of_slowness(&mut self) {
        let now = tokio::time::Instant::now();
        for run in self.runs.values_mut() {
            if let Purpose::Notify {
                queue,
                argv,
                slow_at,
            } = run
                && *slow_at <= now
            {
                *slow_at = now + 10 * SLOW_NOTIFY;
                let behind = self
                    .queues
                    .get(queue)
                    .map_or(0, |queue| queue.waiting.len());
                tracing::warn!(
                    "notify script {} still runs after {} s; {behind} more wait for its end",
                    shown(argv),
                    SLOW_NOTIFY.as_secs()
                );
            }
        }
    }

    async fn report(&self, finished: Finished) {
        // Without a receiver the handles are about to go as well.
        let _ = self.finished.send(finished).await;
    }
}

async fn at_or_never(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn explain_status(status: i32) -> &'static str {
    match status {
        126 => "exit status 126, a command in it cannot be executed",
        _ => "exit status 127, a command in it was not found",
    }
}

fn failure(outcome: &Outcome, output: Option<&str>) -> Option<String> {
    let why = match outcome {
        Outcome::Exited(0) => return None,
        Outcome::Exited(status @ (126 | 127)) => explain_status(*status).to_owned(),
        Outcome::Exited(status) => format!("exited with status {status}"),
        Outcome::Signaled(signal) => format!("ended by signal {signal}"),
        Outcome::TimedOut => "timed out".to_owned(),
        Outcome::CannotRun(why) => why.clone(),
    };
    Some(output.map_or(why.clone(), |line| format!("{why}: {line}")))
}

fn shown(command: &CommandLine) -> String {
    match command {
        CommandLine::Argv(argv) => argv.join(" "),
        CommandLine::Shell(line) => line.clone(),
    }
}
