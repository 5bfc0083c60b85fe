//! Rules switched off on purpose: the simulation must notice each.

/// Which rule of the ownership design is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// None: the product.
    None,
    /// V1: the lease counts from the last advert, as if none were ever lost.
    LossIgnored,
    /// V3: the lease counts three adverts, however few the peers wait for.
    AlwaysThree,
    /// V4: the gate opens right after the burst.
    NoHold,
    /// V4: the claim is confirmed without another look at the stamps.
    ConfirmedUnseen,
    /// V5: a winning advert shuts nothing in the kernel.
    NoRevocation,
    /// V6: a lease write reopens what the kernel revoked.
    LeaseReopens,
    /// V7: the lease counts from when the send had completed.
    LateStamp,
    /// V7: a send that failed extends the lease.
    FailureExtends,
    /// V8: the priority 0 leaves before the gate is shut.
    ResignFirst,
    /// A raised priority is recorded before any peer has heard of it.
    RecordFirst,
}
