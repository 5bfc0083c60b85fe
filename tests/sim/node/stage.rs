//! Where a thread can be held up: before each of its effects.

/// What a thread is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Stage {
    // The event loop.
    /// Shut what a predecessor left open.
    Inherit,
    /// A deadline has passed by its clock: take in what was heard since.
    TakeIn,
    /// Read the stamps that decide something.
    ReadStamps,
    /// The stamps were read: decide.
    Decide,
    /// Write the record of a virtual router.
    WriteRouter,
    /// Write the records of the addresses.
    WriteVips,
    /// Place or remove addresses.
    Netlink,
    /// The clock was read for the permission: write it.
    WritePermit,
    /// Hand over a claim.
    QueueClaim,
    /// Hand over its confirmation.
    QueueConfirm,
    /// Hand over another form of an advert.
    QueueUpdate,
    /// Shut the gate.
    Close,
    /// The gate is shut: take the permission away.
    WithdrawPermit,
    /// The gate is shut: hand over the end of the claim.
    QueueCease,
    /// All else that is handed over.
    QueueOther,
    /// Everything of a turn is done.
    TurnEnd,
    // The transmit thread.
    /// Take a claim from the queue.
    TakeClaim,
    /// Take another command from the queue.
    TakeCommand,
    /// Carry out what is due.
    Timeout,
    /// End what is left of an older lease.
    EndLease,
    /// The old lease is over: raise the epoch.
    RaiseEpoch,
    /// Read the clock for a send.
    ReadClock,
    /// The clock was read: hand the first frame to the kernel.
    SendFirst,
    /// Some frames of a send have left: hand over the next.
    SendNext,
    /// All have left: learn the results.
    Results,
    /// Look whether a lease may be written.
    CheckLease,
    /// It may: write it.
    StoreLease,
    /// Report to the event loop.
    Report,
}

impl Stage {
    pub(crate) const OF_LOOP: [Self; 16] = [
        Self::Inherit,
        Self::TakeIn,
        Self::ReadStamps,
        Self::Decide,
        Self::WriteRouter,
        Self::WriteVips,
        Self::Netlink,
        Self::WritePermit,
        Self::QueueClaim,
        Self::QueueConfirm,
        Self::QueueUpdate,
        Self::Close,
        Self::WithdrawPermit,
        Self::QueueCease,
        Self::QueueOther,
        Self::TurnEnd,
    ];
    pub(crate) const OF_SENDER: [Self; 12] = [
        Self::TakeClaim,
        Self::TakeCommand,
        Self::Timeout,
        Self::EndLease,
        Self::RaiseEpoch,
        Self::ReadClock,
        Self::SendFirst,
        Self::SendNext,
        Self::Results,
        Self::CheckLease,
        Self::StoreLease,
        Self::Report,
    ];
}
