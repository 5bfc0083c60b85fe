//! `XVRRP_GATES` as shared memory: the transmit thread and the event loop write
//! it without a system call, and the programs read what they wrote at once.
//!
//! Every field has one writer (see [`Gate`]). The two handle types give each
//! writer the methods for its own fields and no others; neither can be cloned.

use crate::{
    ownership::command::{Epoch, GateId},
    time::Instant,
};
use anyhow::{Context, Result};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use std::{
    ffi::c_void,
    num::NonZero,
    os::fd::AsFd,
    ptr::NonNull,
    sync::{
        Arc,
        atomic::{
            AtomicU8, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};
use vrrp_common::{gate::Gate, maps::MAX_GATES};

/// [`Gate`] as memory that others write to as well.
#[repr(C)]
struct Record {
    epoch: AtomicU64,
    lease_end_ns: AtomicU64,
    last_sent_ns: AtomicU64,
    permit_end_ns: AtomicU64,
    closed_epoch: AtomicU64,
    revoked_epoch: AtomicU64,
    revoked_at_ns: AtomicU64,
    revoked_by_priority: AtomicU8,
    closed_why: AtomicU8,
    mode: AtomicU8,
    pad: [AtomicU8; 5],
}

const _: () = {
    macro_rules! same_place {
        ($($field:ident),+) => {$(
            assert!(std::mem::offset_of!(Record, $field) == std::mem::offset_of!(Gate, $field));
        )+};
    }
    assert!(size_of::<Record>() == size_of::<Gate>());
    same_place!(
        epoch,
        lease_end_ns,
        last_sent_ns,
        permit_end_ns,
        closed_epoch,
        revoked_epoch,
        revoked_at_ns,
        revoked_by_priority,
        closed_why,
        mode
    );
};

/// The mapping. The one place of unsafe; everything it hands out is an atomic.
struct GatePage {
    records: NonNull<Record>,
}

// SAFETY: the mapping lives until drop, belongs to no thread, and is reached
// through atomics only.
unsafe impl Send for GatePage {}
// SAFETY: as above.
unsafe impl Sync for GatePage {}

impl GatePage {
    const BYTES: usize = MAX_GATES * size_of::<Record>();

    fn map(gates: impl AsFd) -> Result<Self> {
        let length = NonZero::new(Self::BYTES).context("an empty gate table")?;
        // SAFETY: a new mapping at an address of the kernel's choice; the map
        // is an mmapable array of MAX_GATES records (checked by `shapes`).
        let start = unsafe {
            mmap(
                None,
                length,
                ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
                MapFlags::MAP_SHARED,
                gates,
                0,
            )
        };
        Ok(Self {
            records: start.context("cannot map XVRRP_GATES into memory")?.cast(),
        })
    }

    fn records(&self) -> &[Record] {
        // SAFETY: mapped above for MAX_GATES records, page-aligned, unmapped only
        // in drop; any bytes are valid atomics.
        unsafe { std::slice::from_raw_parts(self.records.as_ptr(), MAX_GATES) }
    }

    /// Panics beyond [`MAX_GATES`], which bounds the groups of a configuration.
    fn record(&self, gate: GateId) -> &Record {
        usize::try_from(gate.0)
            .ok()
            .and_then(|index| self.records().get(index))
            .expect("a gate below MAX_GATES")
    }

    fn read(&self, gate: GateId) -> Gate {
        let record = self.record(gate);
        // The epoch first: `begin_epoch` clears the lease before it raises the
        // epoch, so whoever sees the new epoch cannot see the old lease.
        let epoch = record.epoch.load(Acquire);
        Gate {
            epoch,
            lease_end_ns: record.lease_end_ns.load(Acquire),
            last_sent_ns: record.last_sent_ns.load(Acquire),
            permit_end_ns: record.permit_end_ns.load(Acquire),
            closed_epoch: record.closed_epoch.load(Acquire),
            revoked_epoch: record.revoked_epoch.load(Acquire),
            revoked_at_ns: record.revoked_at_ns.load(Relaxed),
            revoked_by_priority: record.revoked_by_priority.load(Relaxed),
            closed_why: record.closed_why.load(Relaxed),
            mode: record.mode.load(Relaxed),
            pad: [0; 5],
        }
    }
}

impl Drop for GatePage {
    fn drop(&mut self) {
        // SAFETY: mapped in `map` with this length, and nothing borrows it any more.
        unsafe { munmap(self.records.cast::<c_void>(), Self::BYTES) }.ok();
    }
}

/// Maps the gates and hands out one handle to each writer. To be called once.
pub(super) fn map(gates: impl AsFd) -> Result<(SenderGates, LoopGates)> {
    let page = Arc::new(GatePage::map(gates)?);
    Ok((SenderGates(Arc::clone(&page)), LoopGates(page)))
}

/// The transmit thread's side: epochs and leases.
pub struct SenderGates(Arc<GatePage>);

impl SenderGates {
    /// The whole record.
    pub fn read(&self, gate: GateId) -> Gate {
        self.0.read(gate)
    }

    /// Starts a claim: no lease yet, adverts allowed while the event loop permits.
    /// `epoch` must be greater than any the gate has seen, or the one whose lease ran
    /// out.
    pub fn begin_epoch(&self, gate: GateId, epoch: Epoch) {
        let record = self.0.record(gate);
        debug_assert!(
            epoch.0 >= record.epoch.load(Relaxed),
            "claims are counted upwards"
        );
        // What is left of an older lease must be gone before the epoch counts:
        // the hold of a claim (V4) is the time without a lease.
        record.lease_end_ns.store(0, Release);
        record.epoch.store(epoch.0, Release);
    }

    /// Writes the lease of the claim `epoch` (V6, V7). False when that claim is not
    /// the current one or has been revoked or closed; nothing is written then. A
    /// revocation that comes in between wins all the same, as it is by epoch.
    #[must_use]
    pub fn write_lease(
        &self,
        gate: GateId,
        epoch: Epoch,
        lease_end: Instant,
        last_sent: Instant,
    ) -> bool {
        let found = self.0.read(gate);
        if found.epoch != epoch.0 || !found.is_claimed() {
            return false;
        }
        let record = self.0.record(gate);
        record.last_sent_ns.store(last_sent.as_ns(), Release);
        record.lease_end_ns.store(lease_end.as_ns(), Release);
        true
    }

    /// Gives up what is left of the lease.
    pub fn end_lease(&self, gate: GateId) {
        self.0.record(gate).lease_end_ns.store(0, Release);
    }
}

/// The event loop's side: permissions and closing.
pub struct LoopGates(Arc<GatePage>);

impl LoopGates {
    /// Gates there are; a configuration with more groups does not fit.
    pub const CAPACITY: usize = MAX_GATES;

    /// The whole record.
    pub fn read(&self, gate: GateId) -> Gate {
        self.0.read(gate)
    }

    /// Lets the transmit thread's adverts leave until then. The past withdraws it.
    pub fn permit_until(&self, gate: GateId, until: Instant) {
        self.0
            .record(gate)
            .permit_end_ns
            .store(until.as_ns(), Release);
    }

    /// Shuts the gate for every claim up to `epoch` (V8: before anything else is
    /// done about ceasing), for the reason `why` (`CLOSED_*`), and withdraws the
    /// permission. Never reopens.
    pub fn close_through(&self, gate: GateId, epoch: Epoch, why: u8, now: Instant) {
        close(self.0.record(gate), epoch.0, why, now);
    }

    /// Shuts every gate but these, and withdraws every permission: what a start does
    /// with the claims of its predecessor that it does not go on with.
    pub fn close_others(&self, kept: &[GateId], why: u8, now: Instant) {
        for (index, record) in (0..).zip(self.0.records()) {
            if !kept.contains(&GateId(index)) {
                close(record, record.epoch.load(Acquire), why, now);
            }
        }
    }

    /// What every shut gate does to packets (`LEASE_*`), those not in use included:
    /// a group that comes later finds it set.
    pub fn set_mode(&self, mode: u8) {
        for record in self.0.records() {
            record.mode.store(mode, Relaxed);
        }
    }
}

/// The event loop is the only writer of these, so nothing comes in between.
fn close(record: &Record, epoch: u64, why: u8, now: Instant) {
    if epoch > record.closed_epoch.load(Relaxed) {
        // The reason first: whoever sees the claim closed sees why.
        record.closed_why.store(why, Release);
        record.closed_epoch.store(epoch, Release);
        record.permit_end_ns.store(now.as_ns(), Release);
    } else if record.permit_end_ns.load(Relaxed) > now.as_ns() {
        record.permit_end_ns.store(now.as_ns(), Release);
    }
}
