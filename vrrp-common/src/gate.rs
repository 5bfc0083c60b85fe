//! The gate: may this node own the addresses of a sync group right now?
//!
//! One record per sync group (an instance outside any group is a group of one),
//! so that revoking one member revokes all. The rule itself is here, so that
//! the XDP program, the tc program, userspace and the simulation run the same
//! code. Every field is a naturally aligned `u64` with exactly one writer;
//! readers on other CPUs see each field whole.

#![allow(clippy::inline_always, reason = "the BPF side has to see through it")]

/// [`Gate::mode`]: a shut gate drops, and counts.
pub const LEASE_ENFORCE: u8 = 0;
/// [`Gate::mode`]: a shut gate counts what it would have dropped.
pub const LEASE_OBSERVE: u8 = 1;
/// [`Gate::mode`]: a shut gate does nothing.
pub const LEASE_OFF: u8 = 2;

/// [`Gate::closed_why`]: no reason was given.
pub const CLOSED_UNSAID: u8 = 0;
/// [`Gate::closed_why`]: the daemon stops.
pub const CLOSED_STOPPED: u8 = 1;
/// [`Gate::closed_why`]: a FAULT; the log says which.
pub const CLOSED_FAULT: u8 = 2;
/// [`Gate::closed_why`]: no longer configured, or its group has other members now.
pub const CLOSED_UNCONFIGURED: u8 = 3;
/// [`Gate::closed_why`]: a winning advert, as the daemon judged it.
pub const CLOSED_BEATEN: u8 = 4;
/// [`Gate::closed_why`]: weaker now than somebody whose adverts it had discarded.
pub const CLOSED_WEAKER: u8 = 5;
/// [`Gate::closed_why`]: the lease was over, and others may have claimed since.
pub const CLOSED_LAPSED: u8 = 6;
/// [`Gate::closed_why`]: a predecessor's claim, found when the daemon started.
pub const CLOSED_PREDECESSOR: u8 = 7;
/// [`Gate::closed_why`]: handed over by request.
pub const CLOSED_HANDOVER: u8 = 8;
/// [`Gate::closed_why`]: maintenance by request.
pub const CLOSED_MAINTENANCE: u8 = 9;

/// One sync group's gate. Times are `CLOCK_MONOTONIC` nanoseconds; 0 means never.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// Counts claims; raised when a claim starts. Written by the transmit thread.
    pub epoch: u64,
    /// Until when the adverts really sent entitle us. Written by the transmit thread.
    pub lease_end_ns: u64,
    /// When the last advert left whose every member sent one: a successor counts
    /// from it what peers wait. Written by the transmit thread, before `lease_end_ns`.
    pub last_sent_ns: u64,
    /// Until when the event loop lets adverts leave; of a closed claim, when it was
    /// closed. Written by the event loop.
    pub permit_end_ns: u64,
    /// Claims up to this epoch were given up by the daemon. Written by the event loop.
    pub closed_epoch: u64,
    /// Claims up to this epoch were beaten by a winning advert. Written by the kernel.
    pub revoked_epoch: u64,
    /// When the kernel last revoked. Written by the kernel.
    pub revoked_at_ns: u64,
    /// Priority of the advert that revoked. Written by the kernel.
    pub revoked_by_priority: u8,
    /// Why the daemon gave up `closed_epoch`; `CLOSED_*`. Written by the event loop.
    pub closed_why: u8,
    /// What a shut gate does to packets; `LEASE_*`. Written by the event loop.
    pub mode: u8,
    /// Explicit padding, zero; keeps a record to one cache line.
    pub pad: [u8; 5],
}

impl Gate {
    /// A claim is under way or won, and nobody has taken it back.
    #[inline(always)]
    #[must_use]
    pub const fn is_claimed(&self) -> bool {
        self.epoch > self.revoked_epoch && self.epoch > self.closed_epoch
    }

    /// The kernel may answer, accept, forward and emit for the addresses.
    #[inline(always)]
    #[must_use]
    pub const fn is_open(&self, now_ns: u64) -> bool {
        now_ns < self.lease_end_ns && self.is_claimed()
    }

    /// An advert of ours with a priority other than 0 may leave. A claim advertises
    /// before its gate opens, while it has no lease; but once it had one that is
    /// over, a peer may own, and what was held up since must not beat it (V7).
    #[inline(always)]
    #[must_use]
    pub const fn may_advertise(&self, now_ns: u64) -> bool {
        let lapsed = self.lease_end_ns != 0 && now_ns >= self.lease_end_ns;
        now_ns < self.permit_end_ns && !lapsed && self.is_claimed()
    }
}

#[cfg(test)]
mod tests {
    use super::Gate;

    #[test]
    fn opens_only_while_leased_and_claimed() {
        let open = Gate {
            epoch: 3,
            lease_end_ns: 100,
            revoked_epoch: 2,
            closed_epoch: 2,
            ..Gate::default()
        };
        let cases = [
            ("leased and claimed", open, 99, true),
            ("the lease ends", open, 100, false),
            (
                "beaten in this epoch",
                Gate {
                    revoked_epoch: 3,
                    ..open
                },
                50,
                false,
            ),
            (
                "given up in this epoch",
                Gate {
                    closed_epoch: 3,
                    ..open
                },
                50,
                false,
            ),
            ("never claimed", Gate::default(), 0, false),
        ];
        for (name, gate, now, want) in cases {
            assert_eq!(gate.is_open(now), want, "{name}");
        }
    }

    #[test]
    fn advertises_by_permission_and_never_after_its_lease() {
        let claiming = Gate {
            epoch: 1,
            permit_end_ns: 10,
            ..Gate::default()
        };
        assert!(claiming.may_advertise(9) && !claiming.is_open(9));
        assert!(!claiming.may_advertise(10));
        let open = Gate {
            lease_end_ns: 5,
            ..claiming
        };
        assert!(open.may_advertise(4) && !open.may_advertise(5));
        assert!(
            !Gate {
                revoked_epoch: 1,
                ..claiming
            }
            .may_advertise(9)
        );
    }
}
