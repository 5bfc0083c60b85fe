//! Log lines: from anywhere in the program to standard error, syslog or a file,
//! without ever making the caller wait for any of them.
//!
//! Lines go through a bounded queue to a thread that writes. What does not fit is
//! counted, and the count is logged once there is room again.

use crate::engine::action::Level;
use std::{
    fmt::{self, Write as _},
    fs::{File, OpenOptions},
    io,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tracing::{Event, Metadata, Subscriber, field::Field};
use tracing_subscriber::{Layer, layer::Context, prelude::*};

/// Lines that may wait for the writer.
const QUEUE_LINES: usize = 4096;
/// How long the end of the program waits for the last lines.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);
/// How often a count of lost lines is looked for while nothing is logged.
const IDLE: Duration = Duration::from_secs(1);
/// Where syslog listens.
const SYSLOG_SOCKET: &str = "/dev/log";

/// Where lines go, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Standard error.
    pub console: bool,
    /// Syslog, with this facility (3 is `daemon`, 16 + N is `localN`).
    pub syslog: Option<u8>,
    /// A file, appended to.
    pub file: Option<PathBuf>,
    /// `-D`: [`Level::Detail`] as well.
    pub detail: bool,
}

/// What syslog and journal show as the origin.
const IDENT: &str = "xvrrpd";

/// Starts the writer and routes all `tracing` events to it. Keep the guard until
/// the end; dropping it writes what is left.
pub fn start(options: &Options) -> io::Result<Guard> {
    let (layer, guard) = build(sinks(options)?, options.detail)?;
    tracing_subscriber::registry()
        .with(layer)
        .try_init()
        .map_err(|error| io::Error::other(error.to_string()))?;
    Ok(guard)
}

/// A line from the engine.
pub fn line(level: Level, text: &str) {
    match level {
        Level::Error => tracing::error!("{text}"),
        Level::Warning => tracing::warn!("{text}"),
        Level::Info => tracing::info!("{text}"),
        Level::Detail => tracing::debug!("{text}"),
    }
}

/// Lines that found no room in the queue since the start.
#[derive(Clone, Debug)]
pub struct Lost(Arc<AtomicU64>);

impl Lost {
    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Ends the log when dropped, after the lines that are under way.
#[derive(Debug)]
pub struct Guard {
    lines: SyncSender<Message>,
    ended: Receiver<()>,
    /// Lines lost so far.
    pub lost: Lost,
}

impl Drop for Guard {
    fn drop(&mut self) {
        // A full queue means that the writer is stuck; then there is nothing to wait for.
        if self.lines.try_send(Message::End).is_ok() {
            let _ = self.ended.recv_timeout(FLUSH_TIMEOUT);
        }
    }
}

enum Message {
    Line(tracing::Level, SystemTime, String),
    End,
}

struct ToWriter {
    lines: SyncSender<Message>,
    lost: Lost,
    detail: bool,
}

impl<S: Subscriber> Layer<S> for ToWriter {
    /// Libraries speak of their own affairs below warning level; those stay out.
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let target = metadata.target();
        let ours = target.starts_with("vrrp_user") || target.starts_with("xvrrpd");
        let most = match (ours, self.detail) {
            (false, _) => tracing::Level::WARN,
            (true, false) => tracing::Level::INFO,
            (true, true) => tracing::Level::DEBUG,
        };
        *metadata.level() <= most
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        #[allow(
            clippy::disallowed_methods,
            reason = "a log line carries the wall clock's time"
        )]
        let message = Message::Line(*event.metadata().level(), SystemTime::now(), text.0);
        if self.lines.try_send(message).is_err() {
            self.lost.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The message, then whatever else the event carries, on one line.
#[derive(Default)]
struct Text(String);

impl tracing::field::Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let start = self.0.len();
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
        // One event, one line, whatever a peer or a script made it say.
        if self.0[start..].contains(char::is_control) {
            let clean = self.0[start..].replace(char::is_control, " ");
            self.0.replace_range(start.., &clean);
        }
    }
}

fn build(sinks: Vec<Box<dyn Sink>>, detail: bool) -> io::Result<(ToWriter, Guard)> {
    let (lines, lines_out) = sync_channel(QUEUE_LINES);
    let (end, ended) = sync_channel(1);
    let lost = Lost(Arc::default());
    let writer = Writer {
        sinks,
        lost: lost.clone(),
        lost_told: 0,
    };
    thread::Builder::new().name("log".into()).spawn(move || {
        writer.run(&lines_out);
        let _ = end.send(());
    })?;
    let layer = ToWriter {
        lines: lines.clone(),
        lost: lost.clone(),
        detail,
    };
    Ok((layer, Guard { lines, ended, lost }))
}

struct Writer {
    sinks: Vec<Box<dyn Sink>>,
    lost: Lost,
    lost_told: u64,
}

impl Writer {
    fn run(mut self, lines: &Receiver<Message>) {
        loop {
            match lines.recv_timeout(IDLE) {
                Ok(Message::Line(level, at, text)) => self.write(level, at, &text),
                Ok(Message::End) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.tell_lost();
        }
    }

    fn tell_lost(&mut self) {
        let lost = self.lost.count();
        if lost > self.lost_told {
            let count = lost - self.lost_told;
            self.lost_told = lost;
            #[allow(
                clippy::disallowed_methods,
                reason = "a log line carries the wall clock's time"
            )]
            let now = SystemTime::now();
            let text = format!("{count} log lines were lost: the log did not take them in time");
            self.write(tracing::Level::WARN, now, &text);
        }
    }

    fn write(&mut self, level: tracing::Level, at: SystemTime, text: &str) {
        for sink in &mut self.sinks {
            // There is nowhere to complain about a log that fails.
            let _ = sink.write(level, at, text);
        }
    }
}

trait Sink: Send {
    fn write(&mut self, level: tracing::Level, at: SystemTime, text: &str) -> io::Result<()>;
}

fn sinks(options: &Options) -> io::Result<Vec<Box<dyn Sink>>> {
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    if options.console {
        // Set by systemd when standard error is the journal, which has its own clock.
        let journal = std::env::var_os("JOURNAL_STREAM").is_some();
        sinks.push(Box::new(Stream {
            to: io::stderr(),
            journal,
        }));
    }
    if let Some(facility) = options.syslog {
        sinks.push(Box::new(Syslog::new(SYSLOG_SOCKET.into(), facility)));
    }
    if let Some(path) = &options.file {
        let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        let to: File = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .map_err(named)?;
        sinks.push(Box::new(Stream { to, journal: false }));
    }
    Ok(sinks)
}

struct Stream<W> {
    to: W,
    /// Prefixes lines with their syslog priority instead of the time.
    journal: bool,
}

impl<W: io::Write + Send> Sink for Stream<W> {
    fn write(&mut self, level: tracing::Level, at: SystemTime, text: &str) -> io::Result<()> {
        let line = if self.journal {
            format!("<{}>{text}\n", severity(level))
        } else {
            format!("{} {text}\n", timestamp(at))
        };
        self.to.write_all(line.as_bytes())
    }
}

struct Syslog {
    path: PathBuf,
    facility: u8,
    socket: Option<UnixDatagram>,
}

impl Syslog {
    fn new(path: PathBuf, facility: u8) -> Self {
        Self {
            path,
            facility,
            socket: None,
        }
    }

    fn connect(path: &Path) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        Ok(socket)
    }
}

impl Sink for Syslog {
    /// RFC 3164 without a time stamp, which every syslog daemon then adds itself.
    fn write(&mut self, level: tracing::Level, _: SystemTime, text: &str) -> io::Result<()> {
        let priority = u16::from(self.facility) * 8 + u16::from(severity(level));
        let line = format!("<{priority}>{IDENT}[{}]: {text}", std::process::id());
        // A syslog daemon that was started again has another socket: once more.
        for _ in 0..2 {
            let socket = match self.socket.take() {
                Some(socket) => socket,
                None => Self::connect(&self.path)?,
            };
            if socket.send(line.as_bytes()).is_ok() {
                self.socket = Some(socket);
                return Ok(());
            }
        }
        Err(io::ErrorKind::NotConnected.into())
    }
}

/// As syslog numbers it. Detail is information as well, or `-D` would be for nothing
/// where debug messages are thrown away.
fn severity(level: tracing::Level) -> u8 {
    match level {
        tracing::Level::ERROR => 3,
        tracing::Level::WARN => 4,
        _ => 6,
    }
}

/// `2026-03-01T12:00:00.250Z`.
fn timestamp(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        since.subsec_millis()
    )
}

/// Gregorian date of a day counted from 1970-01-01.
fn date(days: u64) -> (u64, u64, u64) {
    // Years start in March here, so that the leap day is the last of its year.
    let day = days + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + next, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Condvar, Mutex};

    #[derive(Clone, Default)]
    struct Gate(Arc<(Mutex<bool>, Condvar)>, Arc<Mutex<Vec<String>>>);

    impl Gate {
        fn open(&self) {
            *self.0.0.lock().expect("lock") = true;
            self.0.1.notify_all();
        }
    }

    impl Sink for Gate {
        fn write(&mut self, level: tracing::Level, _: SystemTime, text: &str) -> io::Result<()> {
            let closed = self.0.0.lock().expect("lock");
            drop(self.0.1.wait_while(closed, |open| !*open).expect("lock"));
            self.1.lock().expect("lock").push(format!("{level} {text}"));
            Ok(())
        }
    }

    #[test]
    fn a_sink_that_stalls_delays_nobody_and_losses_are_told() {
        let gate = Gate::default();
        let (layer, guard) = build(vec![Box::new(gate.clone())], false).expect("a thread");
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            #[allow(clippy::disallowed_methods, reason = "a test measures")]
            let start = std::time::Instant::now();
            for n in 0..QUEUE_LINES + 1000 {
                line(Level::Info, &format!("line {n}"));
            }
            assert!(
                start.elapsed() < Duration::from_secs(1),
                "{:?}",
                start.elapsed()
            );
            // One may be in the writer's hands.
            assert!(
                (999..=1000).contains(&guard.lost.count()),
                "{}",
                guard.lost.count()
            );
            let lost = guard.lost.count();
            gate.open();
            for _ in 0..200 {
                if gate.1.lock().expect("lock").len() >= QUEUE_LINES {
                    break;
                }
                thread::sleep(Duration::from_millis(10));
            }
            drop(guard);
            let lines = gate.1.lock().expect("lock");
            assert_eq!(lines[0], "INFO line 0");
            let told = format!("WARN {lost} log lines were lost");
            assert!(
                lines.iter().any(|line| line.starts_with(&told)),
                "{:?}",
                lines.last()
            );
        });
    }

    #[test]
    fn detail_is_only_for_those_who_ask_and_strangers_are_quiet() {
        for detail in [false, true] {
            let gate = Gate::default();
            gate.open();
            let (layer, guard) = build(vec![Box::new(gate.clone())], detail).expect("a thread");
            tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
                for level in [Level::Error, Level::Warning, Level::Info, Level::Detail] {
                    line(level, "text\nwith \u{1b}[31mcontrols");
                }
                tracing::info!(target: "netlink_proto", "chatter");
                tracing::warn!(target: "aya", answer = 42, "concern");
            });
            drop(guard);
            let lines = gate.1.lock().expect("lock").clone();
            let mut expected = vec![
                "ERROR text with  [31mcontrols",
                "WARN text with  [31mcontrols",
                "INFO text with  [31mcontrols",
                "DEBUG text with  [31mcontrols",
                "WARN concern answer=42",
            ];
            if !detail {
                expected.remove(3);
            }
            assert_eq!(lines, expected);
        }
    }

    #[test]
    fn syslog_gets_lines_also_after_it_was_started_again() {
        let path = std::env::temp_dir().join(format!("xvn-syslog-{}", std::process::id()));
        let mut syslog = Syslog::new(path.clone(), 16);
        assert!(
            syslog
                .write(tracing::Level::WARN, UNIX_EPOCH, "nobody listens")
                .is_err()
        );
        for _ in 0..2 {
            let listener = UnixDatagram::bind(&path).expect("bind");
            syslog
                .write(tracing::Level::WARN, UNIX_EPOCH, "text")
                .expect("write");
            let mut line = [0; 100];
            let length = listener.recv(&mut line).expect("a line");
            let expected = format!("<132>xvrrpd[{}]: text", std::process::id());
            assert_eq!(String::from_utf8_lossy(&line[..length]), expected);
            std::fs::remove_file(&path).expect("remove");
        }
    }

    #[test]
    fn streams_carry_the_time_or_the_priority() {
        let at = UNIX_EPOCH + Duration::from_millis(1_709_210_096_007);
        for (journal, expected) in [(false, "2024-02-29T12:34:56.007Z x\n"), (true, "<3>x\n")] {
            let mut stream = Stream {
                to: Vec::new(),
                journal,
            };
            stream
                .write(tracing::Level::ERROR, at, "x")
                .expect("memory");
            assert_eq!(String::from_utf8_lossy(&stream.to), expected);
        }
    }

    #[test]
    fn dates() {
        let cases = [
            (0, (1970, 1, 1)),
            (58, (1970, 2, 28)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (20_454, (2026, 1, 1)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ];
        for (days, expected) in cases {
            assert_eq!(date(days), expected, "{days}");
        }
    }
}
