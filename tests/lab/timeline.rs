//! What happened, in order.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// `CLOCK_MONOTONIC` in nanoseconds: the clock of the maps.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("a clock");
    u64::try_from(Duration::from(now).as_nanos()).unwrap_or(u64::MAX)
}

/// `earlier` to `later`; zero if they come the other way round.
pub(crate) const fn between(earlier_ns: u64, later_ns: u64) -> Duration {
    Duration::from_nanos(later_ns.saturating_sub(earlier_ns))
}

/// Where a line comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// Done to a router by the player.
    Player,
    /// Read from a router's maps, or from its process.
    Router(usize),
    /// Counted at the client.
    Client,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at_ns: u64,
    pub(crate) origin: Origin,
    pub(crate) text: String,
}

/// Entries since the lab began.
pub(crate) struct Timeline {
    start_ns: u64,
    entries: Vec<Entry>,
    /// Print each entry as it comes (without a terminal to draw on).
    pub(crate) echo: bool,
}

impl Timeline {
    pub(crate) fn new() -> Self {
        Self {
            start_ns: now_ns(),
            entries: Vec::new(),
            echo: false,
        }
    }

    pub(crate) fn add(&mut self, origin: Origin, text: impl Into<String>) {
        self.add_at(now_ns(), origin, text);
    }

    pub(crate) fn add_at(&mut self, at_ns: u64, origin: Origin, text: impl Into<String>) {
        let entry = Entry {
            at_ns,
            origin,
            text: text.into(),
        };
        if self.echo {
            println!("{}", self.line(&entry));
        }
        self.entries.push(entry);
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn print(&self) {
        for entry in &self.entries {
            println!("{}", self.line(entry));
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        between(self.start_ns, now_ns())
    }

    /// `  12.345 s  r1      gate open`
    pub(crate) fn line(&self, entry: &Entry) -> String {
        let at = between(self.start_ns, entry.at_ns).as_secs_f64();
        let origin = match entry.origin {
            Origin::Player => ">".to_owned(),
            Origin::Router(index) => format!("r{}", index + 1),
            Origin::Client => "client".to_owned(),
        };
        format!("{at:8.3} s  {origin:<6}  {}", entry.text)
    }
}
