//! What the driver knows, in words and as JSON.

use super::Driver;
use crate::shell::{
    bpf::{Fence, tables},
    clock,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use vrrp_common::{
    counter::{Cause, Counters},
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
            "fifos": self.fifos.describe(),
            "dbus": self.dbus.describe(),
            "mail": self.mailer.describe(),
            "balance": self.balancer.describe(),
            "gate_closures": self.permission.closures().chain([("lease_over", self.leases_over)]).collect::<BTreeMap<_, _>>(),
            "counters": counters.unwrap_or_default(),
        })
    }
}

impl Driver {
    /// Logs a rejected packet, unless enough was said of its kind.
    pub(super) fn log_rejected(&mut self, event: &Event) {
        let Some(cause) = Cause::from_index(event.cause).filter(|_| event.kind == KIND_REJECTED)
        else {
            return;
        };
        // Without counts the line is still worth having.
        let counters = self.tables.counters().unwrap_or_default();
        let Some(unsaid) = self.rejections.may_say(cause, &counters, clock::now()) else {
            return;
        };
        let more = match unsaid {
            0 => String::new(),
            n => format!("; {n} more since the last such line"),
        };
        tracing::warn!(
            "{}: VRRP packet from {} (MAC {}) for VRID {} refused: {} ({}){more}",
            self.names
                .get(&event.vr.ifindex)
                .map_or("?", String::as_str),
            tables::address(event.vr.family, event.source),
            event.mac.map(|octet| format!("{octet:02x}")).join(":"),
            event.vr.vrid,
            cause.help().trim(),
            cause.name(),
        );
    }

    /// Logs what was left out and is over, or goes on.
    pub(super) fn log_unsaid(&mut self, counters: &Counters) {
        for (cause, unsaid) in self.rejections.overdue(counters, clock::now()) {
            tracing::warn!(
                "{unsaid} more VRRP packets refused since the last such line: {} ({})",
                cause.help().trim(),
                cause.name(),
            );
        }
    }
}
