//! The mapped gate page as the transmit thread's machine sees it.

use crate::{
    ownership::{
        command::{Epoch, GateId},
        sender::GateView,
    },
    shell::{bpf::SenderGates, transmit::GateWriter},
    time::Instant,
};
use vrrp_common::gate::Gate;

pub(super) struct MappedGates(pub(super) SenderGates);

impl GateView for MappedGates {
    fn gate(&self, gate: GateId) -> Gate {
        self.0.read(gate)
    }
}

impl GateWriter for MappedGates {
    fn begin_epoch(&self, gate: GateId, epoch: Epoch) {
        self.0.begin_epoch(gate, epoch);
    }

    fn write_lease(&self, gate: GateId, epoch: Epoch, lease_end: Instant, last_sent: Instant) {
        // False: the record is in another epoch, so the lease is void (V6).
        let _ = self.0.write_lease(gate, epoch, lease_end, last_sent);
    }
}
