//! What the engine runs with, apart from keepalived.conf.

use core::time::Duration;

/// Defaults are the product's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What a claim takes besides its hold: waking, sending, confirming.
    pub overhead: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // Measured: a quarter to wake and send, a quarter to confirm and open.
            overhead: Duration::from_micros(500),
        }
    }
}
