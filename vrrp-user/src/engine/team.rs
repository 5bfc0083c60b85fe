//! A sync group at run time; an instance outside any group is a team of one.

use super::announce::Announcer;
use super::handover::Handover;
use super::limit::Limit;
use super::notify::Told;
use crate::{
    config::model::Notify,
    election::group::Group,
    ownership::command::{Epoch, GateId, VrId},
    time::Instant,
};

/// What is to be decided once the stamps have been read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    Nothing,
    /// May the claim open?
    Confirm {
        at: Instant,
    },
    /// Claim again, or back off?
    Lapse {
        at: Instant,
        last_sent: Instant,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Team {
    pub(super) gate: GateId,
    /// `vrrp_sync_group`; none for an instance alone, and for a part that does not lead.
    pub(super) sync: Option<Sync>,
    /// Whose sync group it belongs to, with a gate and an election of its own until no
    /// part of the group claims.
    pub(super) leader: Option<GateId>,
    /// In configuration order.
    pub(super) members: Vec<VrId>,
    /// The whole sync group, in configuration order.
    pub(super) line_up: Vec<VrId>,
    pub(super) group: Group,
    pub(super) epoch: Epoch,
    pub(super) check: Check,
    /// The driver was asked for stamps since the last decision.
    pub(super) stamped: bool,
    pub(super) announcer: Announcer,
    /// What the notify scripts were last told.
    pub(super) told: Option<Told>,
    /// What the group's last mail told.
    pub(super) mailed: Option<Told>,
    /// Sends that failed since it is configured.
    pub(super) send_failures: u64,
    /// No log line about a failed send before then.
    pub(super) quiet_until: Instant,
    /// No announcement against a conflict before then.
    pub(super) conflict_until: Instant,
    /// No `notify_master_rx_lower_pri` before then.
    pub(super) lower_until: Instant,
    /// On lines about leases that ended.
    pub(super) lapses: Limit,
    /// Claims that opened since it is configured.
    pub(super) times_active: u64,
    /// Claims that ended after they had opened.
    pub(super) times_released: u64,
    /// Somebody else is to take over.
    pub(super) handover: Option<Handover>,
}

/// Of a `vrrp_sync_group`.
#[derive(Clone, Debug)]
pub(super) struct Sync {
    pub(super) name: String,
    pub(super) notify: Notify,
}

impl Team {
    pub(super) fn new(gate: GateId, sync: Option<Sync>, members: Vec<VrId>, group: Group) -> Self {
        Self {
            gate,
            sync,
            leader: None,
            line_up: members.clone(),
            members,
            group,
            epoch: Epoch::default(),
            check: Check::Nothing,
            stamped: false,
            announcer: Announcer::default(),
            told: None,
            mailed: None,
            send_failures: 0,
            quiet_until: Instant::default(),
            conflict_until: Instant::default(),
            lower_until: Instant::default(),
            lapses: Limit::default(),
            times_active: 0,
            times_released: 0,
            handover: None,
        }
    }
}
