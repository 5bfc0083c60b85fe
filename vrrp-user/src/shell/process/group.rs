//! One command as a process group: started, watched, terminated.

use super::{
    identity::Identity,
    inspect::{explain_refusal, program},
    protocol::Outcome,
    shell_line::{leading_path, shell_for},
};
use crate::config::model::CommandLine;
use nix::{
    fcntl::OFlag,
    sys::{
        prctl,
        signal::{Signal, killpg},
    },
    unistd::{Pid, pipe2, setgroups, setresgid, setresuid},
};
use std::{
    io,
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::AsyncReadExt as _,
    net::unix::pipe,
    process::{Child, Command},
    sync::mpsc,
    time::timeout,
};

/// From TERM to KILL, as in keepalived.
const GRACE: Duration = Duration::from_secs(2);
/// How long to wait for the last words of a process that has exited. What it left
/// running may hold its output open for ever.
const LAST_WORDS: Duration = Duration::from_millis(20);
/// Longest line kept, in bytes.
const LINE_MAX: usize = 256;

/// A command that is about to run.
#[derive(Debug)]
pub(super) struct Launch {
    path: PathBuf,
    arguments: Vec<String>,
    identity: Identity,
}

impl Launch {
    /// Checks everything that can be checked before; the error is for the operator.
    pub(super) fn prepare(
        command: &CommandLine,
        arguments: &[String],
        identity: Identity,
        secure: bool,
    ) -> Result<Self, String> {
        let (word, mut all) = match command {
            CommandLine::Argv(argv) => {
                let (word, rest) = argv.split_first().ok_or("the command is empty")?;
                (word.as_str(), rest.to_vec())
            }
            CommandLine::Shell(line) => {
                if let Some(path) = leading_path(line) {
                    program(path, &identity, secure)?;
                }
                // The word after the line is $0.
                let name = if arguments.is_empty() {
                    vec![]
                } else {
                    vec!["sh".to_owned()]
                };
                (
                    shell_for(line)?,
                    [vec!["-c".to_owned(), with_arguments(line, arguments)], name].concat(),
                )
            }
        };
        all.extend_from_slice(arguments);
        let path = program(word, &identity, secure)?;
        Ok(Self {
            path,
            arguments: all,
            identity,
        })
    }

    fn start(&self) -> Result<(Child, pipe::Receiver), String> {
        let failed = |error: io::Error| explain_refusal(&self.path, &error);
        let (read_end, write_end) =
            pipe2(OFlag::O_CLOEXEC).map_err(|errno| failed(errno.into()))?;
        let output = pipe::Receiver::from_owned_fd(read_end).map_err(failed)?;
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(write_end.try_clone().map_err(failed)?)
            .stderr(write_end)
            .process_group(0);
        let identity = (!self.identity.is_us()).then(|| self.identity.clone());
        let become_user = move || {
            if let Some(identity) = &identity {
                setgroups(&identity.groups)?;
                setresgid(identity.gid, identity.gid, identity.gid)?;
                setresuid(identity.uid, identity.uid, identity.uid)?;
            }
            // After the change of user, which clears it.
            prctl::set_pdeathsig(Signal::SIGKILL)?;
            Ok(())
        };
        // SAFETY: between fork and exec it makes four system calls on memory that was
        // prepared before; it neither allocates nor takes a lock.
        unsafe { command.pre_exec(become_user) };
        Ok((command.spawn().map_err(failed)?, output))
    }
}

/// keepalived appends arguments to a line's last command; a shell needs to be told.
fn with_arguments(line: &str, arguments: &[String]) -> String {
    if arguments.is_empty() {
        line.to_owned()
    } else {
        format!("{line} \"$@\"")
    }
}

/// A running group. Dropping this neither stops nor reaps it.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    tail: Arc<Mutex<Tail>>,
    reader: tokio::task::JoinHandle<()>,
    /// Process group, equal to its first process.
    pub(super) group: i32,
}

/// How it ended, and what is left of it.
#[derive(Debug)]
pub(super) enum End {
    /// The first process is gone. Others of its group may live on, by intention.
    Over(Outcome, Option<String>),
    /// The group was told to terminate, and may take a while.
    Lingers(Outcome, Option<String>, Lingering),
    /// As above, at our caller's wish: there is nothing to report.
    Stopped(Lingering),
}

/// A group that was told to terminate.
#[derive(Debug)]
pub(super) struct Lingering {
    child: Child,
    group: i32,
}

impl Running {
    pub(super) fn start(launch: &Launch) -> Result<Self, String> {
        let (child, output) = launch.start()?;
        let tail = Arc::new(Mutex::new(Tail::default()));
        let reader = tokio::spawn(read_all(output, Arc::clone(&tail)));
        let group = child.id().and_then(|id| i32::try_from(id).ok());
        let group = group.ok_or("it was gone before it began")?;
        Ok(Self {
            child,
            tail,
            reader,
            group,
        })
    }

    /// Waits for the end, the time limit or a wish to stop, whichever comes first.
    pub(super) async fn watch(
        mut self,
        limit: Option<Duration>,
        stop: &mut mpsc::Receiver<()>,
    ) -> End {
        let limited = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        let outcome = tokio::select! {
            status = self.child.wait() => Some(match status {
                Ok(status) => match (status.code(), status.signal()) {
                    (Some(code), _) => Outcome::Exited(code),
                    (None, signal) => Outcome::Signaled(signal.unwrap_or_default()),
                },
                Err(error) => Outcome::CannotRun(format!("it cannot be waited for: {error}")),
            }),
            () = limited => Some(Outcome::TimedOut),
            _ = stop.recv() => None,
        };
        match outcome {
            Some(Outcome::TimedOut) => {
                let words = self.last_words();
                End::Lingers(Outcome::TimedOut, words, self.terminate())
            }
            Some(outcome) => {
                // Whoever still holds the pipe keeps being read, so that it never
                // dies of writing.
                let _ = timeout(LAST_WORDS, &mut self.reader).await;
                End::Over(outcome, self.last_words())
            }
            None => End::Stopped(self.terminate()),
        }
    }

    fn last_words(&self) -> Option<String> {
        self.tail
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .last_line()
    }

    fn terminate(self) -> Lingering {
        signal_group(self.group, Signal::SIGTERM);
        Lingering {
            child: self.child,
            group: self.group,
        }
    }
}

impl Lingering {
    /// Kills the group after the grace period, or as soon as `hurry` says so. Its
    /// first process is not reaped before, so that nobody else gets its number.
    pub(super) async fn finish(mut self, hurry: &mut mpsc::Receiver<()>) {
        let _ = timeout(GRACE, hurry.recv()).await;
        signal_group(self.group, Signal::SIGKILL);
        let _ = self.child.wait().await;
    }
}

/// Signals a whole process group; one that is gone already is no error.
pub(super) fn signal_group(group: i32, signal: Signal) {
    let _ = killpg(Pid::from_raw(group), signal);
}

async fn read_all(mut output: pipe::Receiver, tail: Arc<Mutex<Tail>>) {
    let mut chunk = vec![0; 16 << 10];
    while let Ok(length @ 1..) = output.read(&mut chunk).await {
        tail.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .feed(&chunk[..length]);
        // A flood must not keep others from their turn.
        tokio::task::yield_now().await;
    }
}

/// The last line of an output, and no more than that.
#[derive(Debug, Default)]
struct Tail {
    complete: Vec<u8>,
    current: Vec<u8>,
}

impl Tail {
    fn feed(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            let room = LINE_MAX.saturating_sub(self.current.len());
            self.current
                .extend_from_slice(&text[..text.len().min(room)]);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.current);
                if !line.trim_ascii().is_empty() {
                    self.complete = line;
                }
            }
        }
    }

    fn last_line(&self) -> Option<String> {
        let current = self.current.trim_ascii();
        let line = if current.is_empty() {
            self.complete.trim_ascii()
        } else {
            current
        };
        let visible = |c: char| if c.is_control() { ' ' } else { c };
        (!line.is_empty()).then(|| String::from_utf8_lossy(line).chars().map(visible).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_last_line_that_says_something() {
        let long = "x".repeat(LINE_MAX * 3);
        let cases: [(&[&str], Option<&str>); 7] = [
            (&[], None),
            (&["\n\n"], None),
            (&["one\ntwo\n"], Some("two")),
            (&["one\ntw", "o"], Some("two")),
            (&["one\n", "\n  \n"], Some("one")),
            (&["a\tb\u{7}c\n"], Some("a b c")),
            (&[&long, &long, "\n"], Some(&long[..LINE_MAX])),
        ];
        for (chunks, expected) in cases {
            let mut tail = Tail::default();
            for chunk in chunks {
                tail.feed(chunk.as_bytes());
            }
            assert_eq!(tail.last_line().as_deref(), expected, "{chunks:?}");
            assert!(tail.current.len() + tail.complete.len() <= 2 * LINE_MAX);
        }
    }
}
