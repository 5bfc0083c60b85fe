//! The event loop's word that it is alive: without it, adverts stop leaving.

use crate::{
    ownership::{
        command::{Epoch, GateId},
        standing::Closing,
    },
    shell::bpf::LoopGates,
    time::Instant,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// P of the ownership rules: how long a hung event loop goes on advertising.
pub(super) const PERMISSION: Duration = Duration::from_millis(500);

/// How often it is renewed.
pub(super) const RENEWAL: Duration = Duration::from_millis(250);

/// The groups that may advertise.
pub(super) struct Permission {
    gates: LoopGates,
    held: BTreeSet<GateId>,
    closures: BTreeMap<Closing, u64>,
}

impl Permission {
    pub(super) fn new(gates: LoopGates) -> Self {
        Self {
            gates,
            held: BTreeSet::new(),
            closures: BTreeMap::new(),
        }
    }

    /// Shuts every gate that a predecessor left, but these.
    pub(super) fn close_others(&self, kept: &[GateId], now: Instant) {
        let why = Closing::Predecessor.code();
        self.gates.close_others(kept, why, now);
    }

    /// Before a claim: its burst is an advert too.
    pub(super) fn grant(&mut self, gate: GateId, now: Instant) {
        self.held.insert(gate);
        self.gates.permit_until(gate, now + PERMISSION);
    }

    /// V8: shuts the gate first of all, and with it goes the permission.
    pub(super) fn close(&mut self, gate: GateId, epoch: Epoch, why: Closing, now: Instant) {
        self.gates.close_through(gate, epoch, why.code(), now);
        self.held.remove(&gate);
        *self.closures.entry(why).or_default() += 1;
    }

    /// How often gates were closed since the start, by reason.
    pub(super) fn closures(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let count = |why| self.closures.get(&why).copied().unwrap_or_default();
        Closing::ALL.map(|why| (why.name(), count(why))).into_iter()
    }

    /// What shut gates do to packets from now on.
    pub(super) fn set_mode(&self, mode: u8) {
        self.gates.set_mode(mode);
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
