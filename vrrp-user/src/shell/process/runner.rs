//! The runner process: commands in by lines, results out by lines.

use super::{
    group::{End, Launch, Running, signal_group},
    identity::Identities,
    protocol::{FromRunner, Outcome, Settings, ToRunner, VERSION, encode},
};
use nix::sys::{prctl, signal::Signal};
use std::{
    cell::RefCell,
    collections::HashMap,
    io,
    os::{fd::AsFd as _, unix::net::UnixStream as StdUnixStream},
    process::ExitCode,
    rc::Rc,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    task::LocalSet,
};

/// From TERM to KILL once nobody waits for results any more.
const FAREWELL: Duration = Duration::from_millis(200);

/// The `script-runner` subcommand; standard input is the socket to the daemon.
/// Returns when the daemon is gone, and takes every group it started along.
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xvrrpd script-runner: {error} (started by xvrrpd itself, never by hand)");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let parent = nix::unistd::getppid();
    prctl::set_pdeathsig(Signal::SIGUSR1)?;
    // What `ps` and `top` show; otherwise it would be "exe".
    prctl::set_name(c"xvrrpd-scripts")?;
    let socket = StdUnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    socket.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        // A service manager or a terminal signals the whole group or cgroup. Only the
        // daemon knows what is still to run, and its end is the end of this socket.
        let _ignored = [
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
            signal(SignalKind::quit())?,
        ];
        let mut death = signal(SignalKind::user_defined1())?;
        let orphaned = async {
            // The signal tells of the parent's thread; only a new parent tells of its end.
            while nix::unistd::getppid() == parent {
                death.recv().await;
            }
        };
        let groups = Rc::default();
        tokio::select! {
            () = serve(UnixStream::from_std(socket)?, Rc::clone(&groups)) => {}
            () = orphaned => {}
        }
        say_farewell(&groups).await;
        Ok(())
    })
}

type Groups = Rc<RefCell<HashMap<u64, i32>>>;

async fn say_farewell(groups: &Groups) {
    let left: Vec<i32> = groups.borrow().values().copied().collect();
    if left.is_empty() {
        return;
    }
    for group in &left {
        signal_group(*group, Signal::SIGTERM);
    }
    tokio::time::sleep(FAREWELL).await;
    for group in &left {
        signal_group(*group, Signal::SIGKILL);
    }
}

/// Serves a daemon until it hangs up.
async fn serve(socket: UnixStream, groups: Groups) {
    let (input, mut output) = socket.into_split();
    let (answers, mut answers_out) = mpsc::unbounded_channel::<FromRunner>();
    tokio::task::spawn_local(async move {
        while let Some(answer) = answers_out.recv().await {
            if output.write_all(&encode(&answer)).await.is_err() {
                return;
            }
        }
    });
    let _ = answers.send(FromRunner::Hello { version: VERSION });
    let mut runner = Runner {
        answers,
        groups,
        ..Runner::new()
    };
    let mut lines = BufReader::new(input).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(message) => runner.obey(message),
            Err(error) => {
                eprintln!("xvrrpd script-runner: cannot read {line:?}: {error}");
                return;
            }
        }
    }
}

struct Runner {
    settings: Settings,
    identities: Identities,
    answers: mpsc::UnboundedSender<FromRunner>,
    /// Process groups to take along at the end.
    groups: Groups,
    /// To stop a run; the second message kills it at once.
    stops: HashMap<u64, mpsc::Sender<()>>,
}

impl Runner {
    fn new() -> Self {
        Self {
            settings: Settings::default(),
            identities: Identities::default(),
            answers: mpsc::unbounded_channel().0,
            groups: Rc::default(),
            stops: HashMap::new(),
        }
    }

    fn obey(&mut self, message: ToRunner) {
        match message {
            ToRunner::Hello { version } if version == VERSION => {}
            ToRunner::Hello { version } => {
                eprintln!(
                    "xvrrpd script-runner: the daemon speaks version {version}, not {VERSION}"
                );
            }
            ToRunner::Settings(settings) => {
                self.identities = Identities::new(settings.supplementary_groups);
                self.settings = settings;
            }
            ToRunner::Run {
                id,
                command,
                arguments,
                user,
                timeout_us,
            } => {
                let user = user.or_else(|| self.settings.script_user.clone());
                let secure = self.settings.script_security;
                let launch = self
                    .identities
                    .get(user.as_ref())
                    .and_then(|identity| Launch::prepare(&command, &arguments, identity, secure));
                self.stops.retain(|_, stop| !stop.is_closed());
                match launch.and_then(|launch| Running::start(&launch)) {
                    Ok(running) => self.watch(id, running, timeout_us.map(Duration::from_micros)),
                    Err(why) => self.answer(FromRunner::Done {
                        id,
                        outcome: Outcome::CannotRun(why),
                        output: None,
                    }),
                }
            }
            ToRunner::Stop { id } => {
                if let Some(stop) = self.stops.get(&id) {
                    let _ = stop.try_send(());
                }
            }
        }
    }

    fn watch(&mut self, id: u64, running: Running, limit: Option<Duration>) {
        let (stop, mut stopped) = mpsc::channel(2);
        self.stops.insert(id, stop);
        self.groups.borrow_mut().insert(id, running.group);
        self.answer(FromRunner::Started {
            id,
            group: running.group,
        });
        let (answers, groups) = (self.answers.clone(), Rc::clone(&self.groups));
        tokio::task::spawn_local(async move {
            let (report, lingering) = match running.watch(limit, &mut stopped).await {
                End::Over(outcome, output) => (Some((outcome, output)), None),
                End::Lingers(outcome, output, rest) => (Some((outcome, output)), Some(rest)),
                End::Stopped(rest) => (None, Some(rest)),
            };
            if let Some((outcome, output)) = report {
                let _ = answers.send(FromRunner::Done {
                    id,
                    outcome,
                    output,
                });
            }
            if let Some(lingering) = lingering {
                lingering.finish(&mut stopped).await;
            }
            groups.borrow_mut().remove(&id);
            let _ = answers.send(FromRunner::Gone { id });
        });
    }

    fn answer(&self, answer: FromRunner) {
        let _ = self.answers.send(answer);
    }
}
