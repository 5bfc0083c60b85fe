//! The event loop's word that it is alive: without it, adverts stop leaving.

use crate::{ownership::command::GateId, shell::bpf::LoopGates, time::Instant};
use std::{collections::BTreeSet, time::Duration};

/// P of the ownership rules: how long a hung event loop goes on advertising.
pub(super) const PERMISSION: Duration = Duration::from_millis(500);

/// How often it is renewed.
pub(super) const RENEWAL: Duration = Duration::from_millis(250);

/// The groups that may advertise.
pub(super) struct Permission {
    gates: LoopGates,
    held: BTreeSet<GateId>,
}

impl Permission {
    pub(super) fn new(gates: LoopGates) -> Self {
        Self {
            gates,
            held: BTreeSet::new(),
        }
    }

    /// Shuts every gate but these.
    pub(super) fn close_others(&self, kept: &[GateId]) {
        self.gates.close_others(kept);
    }

    /// Before a claim: its burst is an advert too.
    pub(super) fn grant(&mut self, gate: GateId, now: Instant) {
        self.held.insert(gate);
        self.gates.permit_until(gate, now + PERMISSION);
    }

    /// V8: shuts the gate first of all, then takes the permission away.
    pub(super) fn close(&mut self, gate: GateId, epoch: crate::ownership::command::Epoch) {
        self.gates.close_through(gate, epoch);
        self.held.remove(&gate);
        self.gates.permit_until(gate, Instant::from_ns(0));
    }

    pub(super) fn renew(&self, now: Instant) {
        for &gate in &self.held {
            self.gates.permit_until(gate, now + PERMISSION);
        }
    }

    /// Nothing to renew.
    pub(super) fn is_idle(&self) -> bool {
        self.held.is_empty()
    }
}
