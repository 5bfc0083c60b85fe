//! What the driver knows, in words and as JSON.

use super::Driver;
use crate::shell::{
    bpf::{Fence, tables},
    clock,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use vrrp_common::{
    counter::Cause,
    event::{Event, KIND_REJECTED},
};

impl Driver {
    /// The engine's status, with what the shells add. Instants are
    /// `CLOCK_MONOTONIC` nanoseconds, as in the maps.
    pub(super) fn describe(&self) -> Value {
        let counters = self.tables.counters().map(|counters| {
            Cause::ALL
                .iter()
                .map(|&cause| (cause.name(), counters.get(cause)))
                .collect::<BTreeMap<_, _>>()
        });
        let transmit = self.transmit.summary();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "now_ns": clock::now().as_ns(),
            "engine": self.engine.status(),
            "interfaces": self.dataplane.attachments().map(|it| json!({
                "ifindex": it.ifindex,
                "name": it.interface,
                "xdp": it.mode.to_string(),
                "egress": it.egress.to_string(),
                "notes": it.notes,
            })).collect::<Vec<_>>(),
            "unattached": self.watch.complaints().collect::<Vec<_>>(),
            "fence": match self.dataplane.fence() {
                Fence::Survives { dir } => json!({ "survives_the_daemon": true, "pins": dir }),
                Fence::DaemonLifetime { why } => json!({ "survives_the_daemon": false, "why": why }),
            },
            "transmit": {
                "deadlines": transmit.deadlines,
                "late_max_us": transmit.late_max.as_micros(),
                "frames_sent": transmit.frames_sent,
                "frames_failed": transmit.frames_failed,
                "shortfalls": self.transmit.shortfalls().iter().map(ToString::to_string).collect::<Vec<_>>(),
            },
            "counters": counters.unwrap_or_default(),
        })
    }
}

/// Logs a rejected packet. The kernel limits how often it tells of one.
pub(super) fn rejected(event: &Event, names: &BTreeMap<u32, String>) {
    if event.kind != KIND_REJECTED {
        return;
    }
    let cause = usize::try_from(event.cause)
        .ok()
        .and_then(|index| Cause::ALL.get(index));
    tracing::warn!(
        "{}: VRRP packet from {} for VRID {} refused: {} ({})",
        names.get(&event.vr.ifindex).map_or("?", String::as_str),
        tables::address(event.vr.family, event.source),
        event.vr.vrid,
        cause.map_or("unknown cause", |cause| cause.help().trim()),
        cause.map_or("?", |cause| cause.name()),
    );
}
