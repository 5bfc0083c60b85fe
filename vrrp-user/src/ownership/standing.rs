//! How a gate stands, and why: from its record to words, in one place.

use crate::time::Instant;
use core::{fmt, time::Duration};
use vrrp_common::gate::{
    CLOSED_BEATEN, CLOSED_FAULT, CLOSED_HANDOVER, CLOSED_LAPSED, CLOSED_MAINTENANCE,
    CLOSED_PREDECESSOR, CLOSED_STOPPED, CLOSED_UNCONFIGURED, CLOSED_WEAKER, Gate, LEASE_ENFORCE,
    LEASE_OBSERVE, LEASE_OFF,
};

/// Why the daemon gives up a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Closing {
    /// It stops.
    Stopped,
    /// A FAULT.
    Fault,
    /// No longer configured, or in another group now.
    Unconfigured,
    /// A winning advert.
    Beaten,
    /// Weaker now than somebody whose adverts it had discarded.
    Weaker,
    /// The lease was over, and others may have claimed since.
    Lapsed,
    /// It is a predecessor's, found at the start.
    Predecessor,
    /// Handed over.
    Handover,
    /// Maintenance.
    Maintenance,
}

impl Closing {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::Stopped,
        Self::Fault,
        Self::Unconfigured,
        Self::Beaten,
        Self::Weaker,
        Self::Lapsed,
        Self::Predecessor,
        Self::Handover,
        Self::Maintenance,
    ];

    /// [`Gate::closed_why`].
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Stopped => CLOSED_STOPPED,
            Self::Fault => CLOSED_FAULT,
            Self::Unconfigured => CLOSED_UNCONFIGURED,
            Self::Beaten => CLOSED_BEATEN,
            Self::Weaker => CLOSED_WEAKER,
            Self::Lapsed => CLOSED_LAPSED,
            Self::Predecessor => CLOSED_PREDECESSOR,
            Self::Handover => CLOSED_HANDOVER,
            Self::Maintenance => CLOSED_MAINTENANCE,
        }
    }

    /// The reverse; none where the record gives no reason, or one of a later build.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.code() == code)
    }

    /// For programs: one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Fault => "fault",
            Self::Unconfigured => "unconfigured",
            Self::Beaten => "beaten",
            Self::Weaker => "weaker",
            Self::Lapsed => "lapsed",
            Self::Predecessor => "predecessor",
            Self::Handover => "handover",
            Self::Maintenance => "maintenance",
        }
    }
}

impl fmt::Display for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped => "the daemon stopped",
            Self::Fault => "a FAULT",
            Self::Unconfigured => "no longer configured as it was",
            Self::Beaten => "a winning advert",
            Self::Weaker => "weaker now than another router",
            Self::Lapsed => "the lease was over",
            Self::Predecessor => "the claim of a daemon before this one",
            Self::Handover => "handed over",
            Self::Maintenance => "maintenance",
        })
    }
}

/// How a gate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Open, for so long unless an advert prolongs it.
    Open {
        /// What is left of the lease.
        left: Duration,
    },
    /// Shut: nothing was ever claimed.
    Unclaimed,
    /// Shut: a claim that is not won yet.
    Claiming,
    /// Shut by the kernel.
    Beaten {
        /// Priority of the advert that did it.
        priority: u8,
        /// When.
        at: Instant,
    },
    /// Shut by the daemon.
    Closed {
        /// Why, where the record says so.
        why: Option<Closing>,
        /// When; none where the record does not say.
        at: Option<Instant>,
    },
    /// Shut: no adverts left in time.
    LeaseOver {
        /// When the lease ended.
        at: Instant,
    },
}

impl Standing {
    /// How a gate stands at `now`.
    #[must_use]
    pub fn of(gate: &Gate, now: Instant) -> Self {
        if gate.is_open(now.as_ns()) {
            let left = Instant::from_ns(gate.lease_end_ns).since(now);
            return Self::Open { left };
        }
        if gate.epoch == 0 {
            return Self::Unclaimed;
        }
        // The daemon closes what the kernel has shut as well; the kernel was first.
        if gate.epoch <= gate.revoked_epoch {
            return Self::Beaten {
                priority: gate.revoked_by_priority,
                at: Instant::from_ns(gate.revoked_at_ns),
            };
        }
        if gate.epoch <= gate.closed_epoch {
            return Self::Closed {
                why: Closing::from_code(gate.closed_why),
                at: Some(Instant::from_ns(gate.permit_end_ns)).filter(|at| at.as_ns() != 0),
            };
        }
        if gate.lease_end_ns == 0 {
            return Self::Claiming;
        }
        Self::LeaseOver {
            at: Instant::from_ns(gate.lease_end_ns),
        }
    }

    /// The kernel answers, accepts and emits for the addresses.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }

    /// Since when it is shut, where the record says so.
    #[must_use]
    pub const fn shut_since(&self) -> Option<Instant> {
        match *self {
            Self::Beaten { at, .. } | Self::LeaseOver { at } => Some(at),
            Self::Closed { at, .. } => at,
            Self::Open { .. } | Self::Unclaimed | Self::Claiming => None,
        }
    }

    /// For programs: one word.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Unclaimed => "unclaimed",
            Self::Claiming => "claiming",
            Self::Beaten { .. } => "beaten",
            Self::Closed { why: Some(why), .. } => why.name(),
            Self::Closed { why: None, .. } => "closed",
            Self::LeaseOver { .. } => "lease_over",
        }
    }
}

/// Why it is shut, or that it is open.
impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { .. } => f.write_str("open"),
            Self::Unclaimed => f.write_str("never claimed"),
            Self::Claiming => f.write_str("a claim waits for its hold to end"),
            Self::Beaten { priority, .. } => write!(f, "beaten by priority {priority}"),
            Self::Closed { why: Some(why), .. } => why.fmt(f),
            Self::Closed { why: None, .. } => f.write_str("given up"),
            Self::LeaseOver { .. } => f.write_str("the lease is over, no adverts left in time"),
        }
    }
}

/// What a shut gate does to packets, in the configuration's word.
#[must_use]
pub const fn mode_name(mode: u8) -> &'static str {
    match mode {
        LEASE_ENFORCE => "enforce",
        LEASE_OBSERVE => "observe",
        LEASE_OFF => "off",
        _ => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Gate {
        Gate {
            epoch: 5,
            lease_end_ns: 900,
            permit_end_ns: 700,
            closed_epoch: 4,
            revoked_epoch: 3,
            revoked_at_ns: 400,
            revoked_by_priority: 200,
            closed_why: CLOSED_FAULT,
            ..Gate::default()
        }
    }

    #[test]
    fn every_record_has_its_words() {
        let is = |gate: Gate, words: &str, since: Option<u64>| {
            let standing = Standing::of(&gate, Instant::from_ns(500));
            assert_eq!(standing.to_string(), words);
            assert_eq!(standing.shut_since().map(Instant::as_ns), since, "{words}");
            assert_eq!(standing.is_open(), gate.is_open(500), "{words}");
        };
        is(owner(), "open", None);
        is(Gate::default(), "never claimed", None);
        let claiming = Gate {
            lease_end_ns: 0,
            ..owner()
        };
        is(claiming, "a claim waits for its hold to end", None);
        let lapsed = Gate {
            lease_end_ns: 450,
            ..owner()
        };
        let words = "the lease is over, no adverts left in time";
        is(lapsed, words, Some(450));
        let beaten = Gate {
            revoked_epoch: 5,
            ..owner()
        };
        is(beaten, "beaten by priority 200", Some(400));
        // The daemon closes a claim that was beaten too: that is not the reason.
        let both = Gate {
            closed_epoch: 5,
            closed_why: CLOSED_BEATEN,
            ..beaten
        };
        is(both, "beaten by priority 200", Some(400));
        let closed = |closed_why| Gate {
            closed_epoch: 5,
            closed_why,
            permit_end_ns: 480,
            ..owner()
        };
        is(closed(CLOSED_FAULT), "a FAULT", Some(480));
        is(closed(99), "given up", Some(480));
        for why in Closing::ALL {
            is(closed(why.code()), &why.to_string(), Some(480));
        }
    }

    #[test]
    fn reasons_have_codes_of_their_own() {
        for why in Closing::ALL {
            assert_eq!(Closing::from_code(why.code()), Some(why));
        }
        assert_eq!(Closing::from_code(vrrp_common::gate::CLOSED_UNSAID), None);
    }
}
