//! Why an instance is as it is: what it tracks, what it waits for, and what would
//! change that. For `xvrrpd explain`.

use super::{Engine, handover::Handover, instance::Instance, team::Team};
use crate::{
    config::model::{Tracked, TrackerKind},
    election::timers,
    time::Instant,
    tracking::effective::{Effect, Reading, Standing},
};
use core::time::Duration;
use serde::Serialize;

/// What a tracked thing would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// As [`TrackedStatus::effect`](super::status::TrackedStatus::effect).
    pub effect: &'static str,
    /// As [`TrackedStatus::change`](super::status::TrackedStatus::change).
    pub change: i32,
}

/// What a tracked thing would do if it stood otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhatIf {
    /// As [`TrackedStatus::kind`](super::status::TrackedStatus::kind).
    pub kind: TrackerKind,
    /// Its name.
    pub name: String,
    /// While it is up.
    pub up: Outcome,
    /// While it is down.
    pub down: Outcome,
}

/// What holds an instance where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Why {
    /// `nopreempt`.
    pub nopreempt: bool,
    /// `preempt_delay`, in milliseconds.
    pub preempt_delay_ms: u64,
    /// Until when it heeds a weaker Active for that.
    pub preempt_at: Option<Instant>,
    /// `vrrp_startup_delay` ends then.
    pub start_at: Option<Instant>,
    /// How long it waits after an advert of the Active, in milliseconds.
    pub down_interval_ms: u64,
    /// Adverts of the Active in that (`down_timer_adverts`).
    pub adverts: u8,
    /// Member of its sync group that is the last to have waited long enough.
    pub last_member: Option<String>,
    /// `offering`, `resigning` or `given`: a handover under way.
    pub handover: Option<&'static str>,
    /// What is offered is offered until then.
    pub offered_until: Option<Instant>,
    /// Priority of the daemon before this one, in force until every script has a result.
    pub inherited_priority: Option<u8>,
    /// What each tracked thing would do.
    pub what_if: Vec<WhatIf>,
}

impl Engine {
    pub(super) fn why(&self, it: &Instance, team: &Team) -> Option<Why> {
        let router = team.group.member(it.vr)?;
        let params = router.params();
        let interval = router.learned_interval();
        let (version, priority) = (params.version, params.priority);
        let down = timers::active_down(version, priority, interval, params.adverts);
        let last = team.group.claim_at(self.lead()).map(|(_, vr)| vr);
        let last = last.filter(|vr| *vr != it.vr);
        let handover = team.handover.as_ref();
        Some(Why {
            nopreempt: it.config.nopreempt,
            preempt_delay_ms: milliseconds(it.config.preempt_delay),
            preempt_at: router.preempt_at(),
            start_at: self.start_at,
            down_interval_ms: milliseconds(down),
            adverts: params.adverts,
            last_member: last
                .and_then(|vr| self.instances.get(&vr))
                .map(|it| it.config.name.clone()),
            handover: handover.map(|it| match it {
                it if it.is_offering() => "offering",
                it if it.is_resigning() => "resigning",
                _ => "given",
            }),
            offered_until: handover.and_then(Handover::deadline),
            inherited_priority: it.inherited_priority,
            what_if: what_if(it),
        })
    }
}

fn would(kind: TrackerKind, tracked: &Tracked, standing: Standing) -> Outcome {
    let (effect, change) = Effect::of(kind, tracked, Reading::Standing(standing)).told();
    Outcome { effect, change }
}

/// A file has too many values for that; what it says now is in [`TrackedStatus`](super::status::TrackedStatus).
fn what_if(it: &Instance) -> Vec<WhatIf> {
    let tracked = it.config.tracked();
    let two = tracked.filter(|(kind, _)| *kind != TrackerKind::File);
    let one = |(kind, tracked): (TrackerKind, &Tracked)| WhatIf {
        kind,
        name: tracked.name.clone(),
        up: would(kind, tracked, Standing::Up),
        down: would(kind, tracked, Standing::Down),
    };
    two.map(one).collect()
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
