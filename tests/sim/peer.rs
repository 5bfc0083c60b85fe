//! A stock peer: the RFC's machine, no lease, no gate, no hold. It is there for
//! liveness only; what it owns is its own affair.

use crate::kernel::Wire;
use core::net::IpAddr;

#[derive(Clone, Debug)]
pub(crate) struct StockPeer {
    pub(crate) source: IpAddr,
    pub(crate) vrid: u8,
    pub(crate) priority: u8,
    pub(crate) version: u8,
    pub(crate) interval_ns: u64,
    pub(crate) alive: bool,
    pub(crate) active: bool,
    due_ns: u64,
    active_interval_ns: u64,
}

impl StockPeer {
    pub(crate) fn new(
        source: IpAddr,
        vrid: u8,
        priority: u8,
        version: u8,
        interval_ns: u64,
    ) -> Self {
        let mut peer = Self {
            source,
            vrid,
            priority,
            version,
            interval_ns,
            alive: true,
            active: false,
            due_ns: 0,
            active_interval_ns: interval_ns,
        };
        peer.restart(0);
        peer
    }

    pub(crate) fn restart(&mut self, now: u64) {
        self.alive = true;
        self.active = false;
        self.active_interval_ns = self.interval_ns;
        self.due_ns = now + self.down_ns();
    }

    pub(crate) fn due(&self) -> Option<u64> {
        self.alive.then_some(self.due_ns)
    }

    /// Its timer fired.
    pub(crate) fn fire(&mut self, now: u64) -> Wire {
        self.active = true;
        self.due_ns = now + self.interval_ns;
        self.wire(self.priority)
    }

    /// `Some`: it advertises at once.
    pub(crate) fn receive(&mut self, wire: &Wire, now: u64) -> Option<Wire> {
        if !self.alive || wire.vrid != self.vrid || wire.version != self.version {
            return None;
        }
        if self.active {
            if wire.priority != 0 && (wire.priority, wire.source) > (self.priority, self.source) {
                self.active = false;
                self.follow(wire, now);
                return None;
            }
            self.due_ns = now + self.interval_ns;
            return Some(self.wire(self.priority));
        }
        if wire.priority == 0 {
            self.due_ns = now + self.skew_ns();
        } else if wire.priority >= self.priority {
            self.follow(wire, now);
        }
        None
    }

    fn follow(&mut self, wire: &Wire, now: u64) {
        self.active_interval_ns = u64::from(wire.interval_cs) * 10_000_000;
        self.due_ns = now + self.down_ns();
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

    fn wire(&self, priority: u8) -> Wire {
        Wire {
            vrid: self.vrid,
            priority,
            interval_cs: u32::try_from(self.interval_ns / 10_000_000).unwrap_or(1),
            version: self.version,
            source: self.source,
        }
    }
}
