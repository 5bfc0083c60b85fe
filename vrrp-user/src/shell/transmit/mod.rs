//! The transmit thread: sole sender of adverts and announcements, and sole
//! writer of leases.
//!
//! Nothing here can block: the thread shares no lock, no allocator-heavy path and
//! no runtime with the event loop. [`frames`] turns what the engine wants into
//! bytes once; the thread sends the same bytes every interval, or, where they carry a
//! hash, seals them as they leave ([`seal`]).

pub mod frames;
pub mod lateness;
mod queue;
mod realtime;
pub mod seal;
mod sockets;
pub mod thread;

pub use frames::Frame;
pub use thread::{TransmitHandle, start};

use crate::{
    ownership::{
        command::{Epoch, GateId},
        sender::GateView,
    },
    time::Instant,
};

/// The gate records as the transmit thread writes them: the fields that
/// [`Gate`](vrrp_common::gate::Gate) says are its own.
pub trait GateWriter: GateView + Send {
    /// Writes `lease_end_ns = 0`, then `epoch`: in that order, or what is left of
    /// the last lease opens the gate before the claim is held.
    fn begin_epoch(&self, gate: GateId, epoch: Epoch);

    /// Writes `last_sent_ns`, then `lease_end_ns`, unless the record is in another
    /// epoch (V6).
    fn write_lease(&self, gate: GateId, epoch: Epoch, lease_end: Instant, last_sent: Instant);
}
