//! A stock peer, as keepalived is: no lease, no gate, no hold. Once it has claimed
//! because nobody was to be heard, no gate of ours may be open; whom it leaves the
//! address to when it is killed is its own affair.

use crate::wire::Wire;
use core::net::IpAddr;

#[derive(Clone, Debug)]
pub(crate) struct StockPeer {
    pub(crate) source: IpAddr,
    pub(crate) vrid: u8,
    pub(crate) priority: u8,
    pub(crate) version: u8,
    pub(crate) interval_ns: u64,
    /// How much faster its clock runs, in parts per million.
    pub(crate) ppm: i64,
    pub(crate) alive: bool,
    pub(crate) active: bool,
    /// It became Active then, having heard nothing for its whole down interval.
    pub(crate) claimed_in_silence: Option<u64>,
    due_ns: u64,
    /// It may not claim in silence before.
    silent_from_ns: u64,
    active_interval_ns: u64,
}

impl StockPeer {
    pub(crate) fn new(
        source: IpAddr,
        vrid: u8,
        priority: u8,
        version: u8,
        interval_ns: u64,
        ppm: i64,
    ) -> Self {
        let mut peer = Self {
            source,
            vrid,
            priority,
            version,
            interval_ns,
            ppm,
            alive: true,
            active: false,
            claimed_in_silence: None,
            due_ns: 0,
            silent_from_ns: 0,
            active_interval_ns: interval_ns,
        };
        peer.restart(0);
        peer
    }

    pub(crate) fn restart(&mut self, now: u64) {
        self.alive = true;
        self.active_interval_ns = self.interval_ns;
        self.back_off(now);
    }

    /// The priority 0 of an Active that is stopped.
    pub(crate) fn stop(&mut self) -> Option<Wire> {
        let resigns = self.active.then(|| self.wire(0));
        self.alive = false;
        self.active = false;
        self.claimed_in_silence = None;
        resigns
    }

    pub(crate) fn due(&self) -> Option<u64> {
        self.alive.then_some(self.due_ns)
    }

    /// Its timer fired.
    pub(crate) fn fire(&mut self, now: u64) -> Wire {
        if !self.active {
            self.active = true;
            self.claimed_in_silence = (now >= self.silent_from_ns).then_some(now);
        }
        self.due_ns = now + self.by_its_clock(self.interval_ns);
        self.wire(self.priority)
    }

    /// `Some`: it advertises at once.
    pub(crate) fn receive(&mut self, wire: &Wire, now: u64) -> Option<Wire> {
        if !self.alive || wire.vrid != self.vrid || wire.version != self.version {
            return None;
        }
        if self.active {
            if wire.priority != 0 && (wire.priority, wire.source) > (self.priority, self.source) {
                self.follow(wire, now);
                return None;
            }
            self.due_ns = now + self.by_its_clock(self.interval_ns);
            return Some(self.wire(self.priority));
        }
        if wire.priority == 0 {
            // keepalived takes it from anybody.
            self.due_ns = now + self.by_its_clock(self.skew_ns());
            self.silent_from_ns = u64::MAX;
        } else if wire.priority >= self.priority {
            self.follow(wire, now);
        } else {
            // It preempts: the timer goes on, but whoever owns was heard.
            self.silent_from_ns = now + self.by_its_clock(self.down_ns());
        }
        None
    }

    fn follow(&mut self, wire: &Wire, now: u64) {
        if self.version == 3 {
            self.active_interval_ns = u64::from(wire.interval_cs) * 10_000_000;
        }
        self.back_off(now);
    }

    fn back_off(&mut self, now: u64) {
        self.active = false;
        self.claimed_in_silence = None;
        self.due_ns = now + self.by_its_clock(self.down_ns());
        self.silent_from_ns = self.due_ns;
    }

    fn skew_ns(&self) -> u64 {
        let base = if self.version == 2 {
            1_000_000_000
        } else {
            self.active_interval_ns
        };
        base * (256 - u64::from(self.priority)) / 256
    }

    fn down_ns(&self) -> u64 {
        3 * self.active_interval_ns + self.skew_ns()
    }

    /// A span as it counts it, in true time.
    fn by_its_clock(&self, span_ns: u64) -> u64 {
        let span = i128::from(span_ns) * 1_000_000 / i128::from(1_000_000 + self.ppm);
        u64::try_from(span).unwrap_or(span_ns)
    }

    fn wire(&self, priority: u8) -> Wire {
        Wire {
            vrid: self.vrid,
            priority,
            interval_cs: u32::try_from(self.interval_ns / 10_000_000).unwrap_or(1),
            version: self.version,
            source: self.source,
            to: None,
        }
    }
}
