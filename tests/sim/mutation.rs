//! Rules switched off on purpose: the simulation must notice each.

use crate::verdict::Verdict;

/// Which rule of the ownership design is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// None: the product.
    None,
    /// V1: the lease counts from the last advert, as if none were ever lost.
    LossIgnored,
    /// V1: the lease takes no account of clocks that run faster.
    NoDrift,
    /// V2: a shorter interval shortens the lease only after its first advert.
    ShortenedLate,
    /// V2: who takes over counts with its own interval at once.
    PreviousForgotten,
    /// V3: the lease counts three adverts, however few the peers wait for.
    AlwaysThree,
    /// V3: a version 2 lease counts the configured fraction of a second.
    FractionCounted,
    /// V4: the gate opens right after the burst.
    NoHold,
    /// V4: the claim is confirmed without another look at the stamps.
    ConfirmedUnseen,
    /// V4: one advert is called a burst.
    OneIsABurst,
    /// V5: a winning advert shuts nothing in the kernel.
    NoRevocation,
    /// V6: a lease write reopens what the kernel revoked.
    LeaseReopens,
    /// V7: the lease counts from when the send had completed.
    LateStamp,
    /// V7: a send that failed extends the lease.
    FailureExtends,
    /// V7: a permission that holds after a send is taken to have held during it.
    PermitForGranted,
    /// V8: the priority 0 leaves before the gate is shut.
    ResignFirst,
    /// V9: anybody may resign in the owner's place.
    AnybodyResigns,
    /// V10: a sync group claims, and opens, when one member may.
    AnyMember,
    /// V11: an advert that left for one unicast peer counts for all.
    AnyPeer,
    /// V13: a restarted daemon goes on with a lease that is over.
    ResumedLate,
    /// After a stall: the claim is made again however long it took.
    AlwaysAgain,
    /// A down timer is obeyed without a look at the stamps.
    TimerObeyed,
    /// What is not told is not looked for: a predecessor was told.
    OnlyTheTold,
    /// Silence counts before the kernel listens.
    DeafStart,
    /// V7: tc lets an advert out when the lease it was to renew is over.
    StaleAdvert,
    /// A raised priority is recorded before any peer has heard of it.
    RecordFirst,
}

impl Mutation {
    /// A broken rule must show as what it is there to prevent, not merely as a slow
    /// election. The product must not show any of it.
    pub(crate) fn shows_as(self, verdict: &Verdict) -> bool {
        match self {
            Self::None => true,
            Self::AlwaysAgain | Self::StaleAdvert => matches!(verdict, Verdict::TakenBack(_)),
            _ => matches!(verdict, Verdict::TwoOwners(_)),
        }
    }
}
