//! The daemon's end of the control socket.
//!
//! Clients are served by a thread of their own: however they stall or flood, the
//! event loop sees at most [`WAITING`] requests at a time and [`PER_SECOND`] in a
//! second.

use super::{Command, REQUEST_MAX_BYTES, VERSION};
use crate::shell::{balance, signals::Signal};
use serde_json::{Value, json};
use std::{
    fs, io,
    os::unix::{fs::PermissionsExt as _, net::UnixStream as StdUnixStream},
    path::{Path, PathBuf},
    rc::Rc,
    sync::{Arc, mpsc::sync_channel},
    thread,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    sync::{Semaphore, mpsc, oneshot},
    time::{Instant, sleep_until, timeout},
};

/// Connections at a time; further ones are closed at once.
const CONNECTIONS: usize = 16;
/// Requests that may wait for the event loop.
const WAITING: usize = 4;
/// Requests passed to the event loop in a second, all clients together.
const PER_SECOND: u32 = 100;
/// For a client to send its next request, or to take an answer.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(5);
/// For the event loop to answer. A reload reads files and runs no scripts.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// For peers to take over: longer than the engine waits for them at the longest
/// interval there is.
const HANDOVER_TIMEOUT: Duration = Duration::from_hours(6);

/// A request for the event loop.
#[derive(Debug)]
pub enum Request {
    /// Describe yourself.
    Status(Reply<Value>),
    /// Read the configuration again; an error is told to the client as it is.
    Reload(Reply<Result<(), String>>),
    /// Resign and end.
    Stop(Reply<()>),
    /// End, with everything in place for a successor.
    Leave(Reply<()>),
    /// As if this signal had come.
    Signal(Signal, Reply<()>),
    /// For the engine, which answers in its own time.
    Engine(Asked, Reply<Result<Value, String>>),
    /// For the balancer, likewise.
    Balance(balance::Asked, Reply<Result<Value, String>>),
}

/// What the engine is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Somebody else shall own this.
    Handover {
        /// Of an instance or sync group.
        name: String,
        /// Resign where nobody claims.
        force: bool,
    },
    /// It may preempt again.
    Release {
        /// Of an instance or sync group.
        name: String,
    },
    /// Announce the addresses once more.
    Announce {
        /// Of an instance.
        name: String,
    },
    /// Take no part, or take part again.
    Maintenance {
        /// Begin or end.
        on: bool,
        /// Resign where nobody claims.
        force: bool,
    },
}

/// Requests for the event loop; ends with the control thread.
pub type Requests = mpsc::Receiver<Request>;

/// Where the answer to a request goes. Dropping it tells the client that the daemon
/// is ending.
#[derive(Debug)]
pub struct Reply<T>(oneshot::Sender<T>);

impl<T> Reply<T> {
    /// With where it comes out.
    pub(in crate::shell) fn new() -> (Self, oneshot::Receiver<T>) {
        let (reply, answer) = oneshot::channel();
        (Self(reply), answer)
    }

    /// Answers. A client that has left meanwhile is no concern.
    pub fn send(self, answer: T) {
        let _ = self.0.send(answer);
    }
}

/// Keeps the socket; dropping it removes the file and ends the thread.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    _alive: oneshot::Sender<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Listens at `path`, which its owner alone may use. A socket that nobody answers at
/// is replaced; one that somebody does is an error of kind `AddrInUse`.
pub fn serve(path: &Path) -> io::Result<(Server, Requests)> {
    let listener = listen(path)?;
    let (requests, requests_out) = mpsc::channel(WAITING);
    let (alive, ended) = oneshot::channel();
    let (started, has_started) = sync_channel(1);
    thread::Builder::new()
        .name("control".into())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => return drop(started.send(Err(error))),
            };
            tokio::task::LocalSet::new().block_on(&runtime, async move {
                let listener = match UnixListener::from_std(listener) {
                    Ok(listener) => listener,
                    Err(error) => return drop(started.send(Err(error))),
                };
                let _ = started.send(Ok(()));
                tokio::select! {
                    () = accept(listener, requests) => {}
                    _ = ended => {}
                }
            });
        })?;
    has_started
        .recv()
        .map_err(|_| io::Error::other("the control thread died at its start"))??;
    Ok((
        Server {
            path: path.to_owned(),
            _alive: alive,
        },
        requests_out,
    ))
}

fn listen(path: &Path) -> io::Result<std::os::unix::net::UnixListener> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    match StdUnixStream::connect(path) {
        Ok(_) => {
            let why = format!("{}: another xvrrpd listens here", path.display());
            return Err(io::Error::new(io::ErrorKind::AddrInUse, why));
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
        Err(_) => {}
    }
    // Bound under another name, so that nobody finds it before its mode is right.
    let private = path.with_extension(format!("sock.{}", std::process::id()));
    let _ = fs::remove_file(&private);
    let listener = std::os::unix::net::UnixListener::bind(&private)?;
    fs::set_permissions(&private, fs::Permissions::from_mode(0o600))?;
    fs::rename(&private, path)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn accept(listener: UnixListener, requests: mpsc::Sender<Request>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let gate = Rc::new(Gate {
        requests,
        next: std::cell::Cell::new(Instant::now()),
    });
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, most likely; that passes.
                tracing::warn!("control socket: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        // Of too many clients the newest is turned away: it can try again.
        if let Ok(slot) = Arc::clone(&slots).try_acquire_owned() {
            let gate = Rc::clone(&gate);
            tokio::task::spawn_local(async move {
                talk(stream, &gate).await;
                drop(slot);
            });
        }
    }
}

/// The way to the event loop.
struct Gate {
    requests: mpsc::Sender<Request>,
    /// When the next request may pass.
    next: std::cell::Cell<Instant>,
}

impl Gate {
    async fn ask(&self, command: Command) -> Value {
        let turn = self.next.get().max(Instant::now());
        self.next.set(turn + Duration::from_secs(1) / PER_SECOND);
        sleep_until(turn).await;
        match command {
            // Whoever can describe itself is alive.
            Command::Ping => self.pass(Request::Status, |_| Ok(json!("pong"))).await,
            Command::Status => self.pass(Request::Status, Ok).await,
            Command::Reload => {
                self.pass(Request::Reload, |done| done.map(|()| Value::Null))
                    .await
            }
            Command::Stop => self.pass(Request::Stop, |()| Ok(Value::Null)).await,
            Command::Leave => self.pass(Request::Leave, |()| Ok(Value::Null)).await,
            Command::Handover { name, force } => self.engine(Asked::Handover { name, force }).await,
            Command::Release { name } => self.engine(Asked::Release { name }).await,
            Command::Maintenance { on, force } => {
                self.engine(Asked::Maintenance { on, force }).await
            }
            Command::Lvs => self.balance(balance::Asked::Show).await,
            Command::LvsEdit(edit) => match edit.into_edit() {
                Ok(edit) => self.balance(balance::Asked::Edit(edit)).await,
                Err(why) => error(&why),
            },
        }
    }

    async fn engine(&self, asked: Asked) -> Value {
        let request = |reply| Request::Engine(asked, reply);
        self.pass_within(HANDOVER_TIMEOUT, request, |answer| answer)
            .await
    }

    async fn balance(&self, asked: balance::Asked) -> Value {
        let request = |reply| Request::Balance(asked, reply);
        self.pass(request, |answer| answer).await
    }

    async fn pass<T>(
        &self,
        request: impl FnOnce(Reply<T>) -> Request,
        show: impl FnOnce(T) -> Result<Value, String>,
    ) -> Value {
        self.pass_within(ANSWER_TIMEOUT, request, show).await
    }

    async fn pass_within<T>(
        &self,
        limit: Duration,
        request: impl FnOnce(Reply<T>) -> Request,
        show: impl FnOnce(T) -> Result<Value, String>,
    ) -> Value {
        let (reply, answer) = Reply::new();
        if self.requests.try_send(request(reply)).is_err() {
            return error("the daemon is busy or ending");
        }
        match timeout(limit, answer).await {
            Ok(Ok(answer)) => match show(answer) {
                Ok(value) => json!({ "v": VERSION, "ok": value }),
                Err(why) => error(&why),
            },
            Ok(Err(_)) => error("the daemon is ending"),
            Err(_) => error("the daemon does not answer"),
        }
    }
}

async fn talk(mut stream: UnixStream, gate: &Gate) {
    let mut pending = Vec::new();
    loop {
        let answer = match timeout(CLIENT_TIMEOUT, read_line(&mut stream, &mut pending)).await {
            Ok(Ok(Some(line))) => match parse(&line) {
                Ok(command) => gate.ask(command).await,
                Err(answer) => answer,
            },
            Ok(Ok(None)) => {
                let answer = error(&format!("a request has at most {REQUEST_MAX_BYTES} bytes"));
                let _ = timeout(CLIENT_TIMEOUT, write_line(&mut stream, &answer)).await;
                return;
            }
            Ok(Err(_)) | Err(_) => return,
        };
        match timeout(CLIENT_TIMEOUT, write_line(&mut stream, &answer)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

/// `None`: the line is too long.
async fn read_line(
    stream: &mut (impl AsyncRead + Unpin),
    pending: &mut Vec<u8>,
) -> io::Result<Option<Vec<u8>>> {
    let mut chunk = [0; 1024];
    loop {
        if let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let rest = pending.split_off(end + 1);
            return Ok(Some(std::mem::replace(pending, rest)));
        }
        if pending.len() > REQUEST_MAX_BYTES {
            return Ok(None);
        }
        let length = stream.read(&mut chunk).await?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        pending.extend_from_slice(&chunk[..length]);
    }
}

async fn write_line(stream: &mut UnixStream, answer: &Value) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    stream.write_all(&line).await
}

fn parse(line: &[u8]) -> Result<Command, Value> {
    let request: Value =
        serde_json::from_slice(line).map_err(|why| error(&format!("this is not JSON: {why}")))?;
    match request.get("v").and_then(Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {}
        Some(version) => return Err(error(&format!("version {version} is not spoken here"))),
        None => return Err(error("the request lacks its version, \"v\"")),
    }
    let Some(name) = request.get("cmd").and_then(Value::as_str) else {
        return Err(error("the request lacks its command, \"cmd\""));
    };
    if !Command::NAMES.contains(&name) {
        return Err(error(&format!("there is no command {name:?}")));
    }
    serde_json::from_value(request.clone()).map_err(|why| error(&format!("{name}: {why}")))
}

fn error(why: &str) -> Value {
    json!({ "v": VERSION, "error": why, "supported": { "v": [VERSION], "cmd": Command::NAMES } })
}
