//! Signals, with keepalived's meaning.

use std::io;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// What the operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// TERM or INT: resign and stop.
    Terminate,
    /// QUIT: leave everything in place for a successor.
    Leave,
    /// HUP: read the configuration again.
    Reload,
    /// USR1: write the state.
    DumpData,
    /// USR2: write the counters.
    DumpStats,
    /// `--signum=STATS_CLEAR`: write them, and count from 0 again.
    ClearStats,
    /// `--signum=JSON`: write state and counters as JSON.
    DumpJson,
}

/// keepalived's number of the JSON signal.
#[must_use]
pub fn json_number() -> i32 {
    libc::SIGRTMIN() + 2
}

/// keepalived's number of the signal that clears the counters.
#[must_use]
pub fn clear_stats_number() -> i32 {
    libc::SIGRTMAX() - 1
}

/// All of them as one stream.
pub struct Signals {
    terminate: Stream,
    interrupt: Stream,
    quit: Stream,
    hangup: Stream,
    data: Stream,
    stats: Stream,
    clear_stats: Stream,
    json: Stream,
}

impl Signals {
    /// From now on the signals come here instead of ending the process. Must be
    /// called inside a tokio runtime.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hangup: signal(SignalKind::hangup())?,
            data: signal(SignalKind::user_defined1())?,
            stats: signal(SignalKind::user_defined2())?,
            clear_stats: signal(SignalKind::from_raw(clear_stats_number()))?,
            json: signal(SignalKind::from_raw(json_number()))?,
        })
    }

    /// The next one. Nothing is lost when this is cancelled.
    pub async fn recv(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.interrupt.recv() => Signal::Terminate,
            _ = self.quit.recv() => Signal::Leave,
            _ = self.hangup.recv() => Signal::Reload,
            _ = self.data.recv() => Signal::DumpData,
            _ = self.stats.recv() => Signal::DumpStats,
            _ = self.clear_stats.recv() => Signal::ClearStats,
            _ = self.json.recv() => Signal::DumpJson,
        }
    }
}
