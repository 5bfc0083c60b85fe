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
    /// USR1: write the state to the log.
    DumpData,
    /// USR2: write the counters to the log.
    DumpStats,
}

/// All of them as one stream.
pub struct Signals {
    terminate: Stream,
    interrupt: Stream,
    quit: Stream,
    hangup: Stream,
    data: Stream,
    stats: Stream,
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
        }
    }
}
