//! What the event loop asks of the transmit thread, and what it hears back.
//!
//! `F` is a frame: bytes in the shell, a comparable value in the simulation.

use crate::time::Instant;
use core::time::Duration;

/// Index of a sync group's record in `XVRRP_GATES`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct GateId(pub u32);

/// Index of an instance, stable for as long as it is configured.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct VrId(pub u32);

/// Which claim of a gate; see [`vrrp_common::gate::Gate::epoch`].
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Epoch(pub u64);

/// One instance's part in a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<F> {
    /// The instance.
    pub vr: VrId,
    /// Sent every interval: one multicast advert, or one for each unicast peer.
    pub adverts: Vec<F>,
    /// The same with priority 0.
    pub resigns: Vec<F>,
    /// As advertised: what a peer multiplies by its adverts-to-wait.
    pub interval: Duration,
}

/// From the event loop to the transmit thread, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<F> {
    /// Start to own: burst of `loss_tolerance + 1` adverts of every member, then
    /// hold, then open the gate unless it was revoked, then announce.
    Claim {
        /// The group.
        gate: GateId,
        /// Greater than any epoch the gate has seen.
        epoch: Epoch,
        /// H of the ownership rules: from the burst to the opening.
        hold: Duration,
        /// m of the ownership rules.
        loss_tolerance: u8,
        /// N of the lease, at most 3.
        lease_adverts: u8,
        /// Shortest interval a previous owner may have left the peers with (V2:
        /// history that is missing counts as the previous owner's interval).
        previous_interval: Duration,
        /// Every instance of the group.
        members: Vec<Member<F>>,
        /// Sent once the gate is open.
        announcements: Vec<F>,
    },
    /// Go on owning what a predecessor of this process owned, in its claim: the gate
    /// is open as it stands, until `lease_end`. A burst of `loss_tolerance + 1`
    /// adverts of every member leaves first, and only when all of it has left is the
    /// lease extended (V1, V13).
    Resume {
        /// The group.
        gate: GateId,
        /// The predecessor's; the record's.
        epoch: Epoch,
        /// As the record has it.
        lease_end: Instant,
        /// As the record has it.
        last_sent: Instant,
        /// H of the ownership rules, should the claim have to be made again.
        hold: Duration,
        /// m of the ownership rules.
        loss_tolerance: u8,
        /// N of the lease, at most 3.
        lease_adverts: u8,
        /// Every instance of the group, at the intervals its peers know.
        members: Vec<Member<F>>,
    },
    /// This process is about to end and leave its claim to a successor: a burst of
    /// `loss_tolerance + 1` adverts now makes the lease as long as it can be.
    Prolong {
        /// The group.
        gate: GateId,
        /// The claim.
        epoch: Epoch,
    },
    /// No winning advert was accepted before the claim's epoch began: it may open
    /// once its hold is over. The kernel revokes only a claim it knows of, so
    /// the event loop looks at the stamps once more after [`Report::Claimed`];
    /// a claim that is never confirmed never opens (V4).
    Confirm {
        /// The group.
        gate: GateId,
        /// The claim.
        epoch: Epoch,
    },
    /// Replace one member's frames and interval (V2 governs the change-over).
    Update {
        /// The group.
        gate: GateId,
        /// Its new form.
        member: Member<F>,
    },
    /// Advertise at once, without disturbing the schedule (§6.4.3: a losing
    /// advert was heard).
    AdvertiseNow {
        /// The group.
        gate: GateId,
        /// The instance.
        vr: VrId,
    },
    /// Send these while the gate is open in this epoch.
    Announce {
        /// The group.
        gate: GateId,
        /// Announcements of another epoch are void.
        epoch: Epoch,
        /// Gratuitous ARPs and unsolicited NAs.
        frames: Vec<F>,
    },
    /// Stop sending for the group. The event loop has closed the gate already.
    Cease {
        /// The group.
        gate: GateId,
        /// Send the priority-0 adverts once quiet.
        resign: bool,
    },
    /// These instances leave the claim; the others go on with it. Nothing that comes to
    /// their addresses asks for this gate any more.
    Part {
        /// The group.
        gate: GateId,
        /// Who leaves it; never all of them.
        vrs: Vec<VrId>,
        /// Send their priority-0 adverts.
        resign: bool,
    },
    /// Tell whoever beat us that we know: priority 0, to that router alone.
    Concede {
        /// The group; it has ceased.
        gate: GateId,
        /// The instance.
        vr: VrId,
        /// Priority-0 adverts.
        frames: Vec<F>,
    },
}

/// From the transmit thread to the event loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The burst left.
    Claimed {
        /// The group.
        gate: GateId,
        /// The claim.
        epoch: Epoch,
        /// Just before the first advert was handed to the kernel.
        at: Instant,
    },
    /// The gate is open.
    Opened {
        /// The group.
        gate: GateId,
        /// The claim.
        epoch: Epoch,
        /// When the lease was written.
        at: Instant,
    },
    /// The lease ran out and was claimed again, soon enough for no peer to have
    /// claimed: shut, with burst and hold, in the same epoch.
    Renewed {
        /// The group.
        gate: GateId,
        /// The claim.
        epoch: Epoch,
        /// When the gate shut.
        lapsed_at: Instant,
        /// When the new lease was written.
        at: Instant,
    },
    /// The claim ended without being asked to: beaten before or after it opened.
    Beaten {
        /// The group.
        gate: GateId,
        /// The claim.
        epoch: Epoch,
    },
    /// The lease ran out: sends failed, or this thread did not run in time.
    LeaseOver {
        /// The group.
        gate: GateId,
        /// The claim.
        epoch: Epoch,
        /// Just before the last advert that was sent.
        last_sent: Instant,
    },
    /// m+1 adverts in a member's last updated form have left, so every peer has
    /// accepted one.
    Updated {
        /// The group.
        gate: GateId,
        /// The claim.
        epoch: Epoch,
        /// The instance.
        vr: VrId,
    },
    /// Nothing more leaves for the group; any priority 0 is out.
    Ceased {
        /// The group.
        gate: GateId,
    },
    /// A send failed; it extended nothing.
    SendFailed {
        /// The group.
        gate: GateId,
        /// The instance, for an advert.
        vr: Option<VrId>,
        /// `errno`.
        errno: i32,
    },
}
