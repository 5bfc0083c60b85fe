//! What an engineer may want to read about, and neither counters nor events say.
//!
//! For the log only: nothing depends on a diagnostic being seen, and none is
//! made unless the daemon was started with `--bpf-log`.

use crate::address::Address;
use vrrp_common::maps::VrKey;

/// Something rare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Diagnostic<'a> {
    /// An advert beat our claim, and the gate is shut.
    Revoked {
        /// Virtual router.
        vr: &'a VrKey,
        /// Who sent the advert.
        source: Address,
        /// Priority in it.
        theirs: u8,
        /// Priority of ours.
        ours: u8,
        /// The claim.
        epoch: u64,
        /// How long the gate would have stayed open; 0 if it was not.
        left_us: u64,
    },
    /// The ring buffer is full: userspace will not hear of this advert by itself.
    Untold {
        /// Virtual router.
        vr: &'a VrKey,
        /// Who sent the advert.
        source: Address,
    },
    /// XDP has to answer a solicitation and cannot make the answer.
    Unanswered {
        /// Interface.
        ifindex: u32,
        /// Who is solicited.
        address: Address,
        /// Octets that the frame had to grow (or shrink) by.
        growth: i32,
    },
}

impl Diagnostic<'_> {
    /// Strangers must not be able to fill the log. A claim is revoked only once,
    /// and only the daemon starts another.
    #[inline(always)]
    #[must_use]
    pub const fn is_limited(&self) -> bool {
        match self {
            Self::Revoked { .. } => false,
            Self::Untold { .. } | Self::Unanswered { .. } => true,
        }
    }
}
