//! What the engine runs with, apart from keepalived.conf.

use core::time::Duration;
use serde::Serialize;

/// Defaults are the product's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// H: from a claim's burst to the opening of its gate. More than the burst
    /// takes plus the one-way delay between nodes.
    pub hold: Duration,
    /// What a claim takes besides: waking, sending, confirming.
    pub overhead: Duration,
    /// m: adverts in a row that may be lost on the way to a peer.
    pub loss_tolerance: u8,
    /// N of the lease, at most 3; `down_timer_adverts` caps it further.
    pub lease_adverts: u8,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hold: Duration::from_millis(1),
            // Measured: a quarter to wake and send, a quarter to confirm and open.
            overhead: Duration::from_micros(500),
            loss_tolerance: 1,
            lease_adverts: 3,
        }
    }
}

impl Settings {
    /// How much earlier than its gate is to open a claim starts.
    #[must_use]
    pub fn lead(&self) -> Duration {
        self.hold + self.overhead
    }
}
