//! `keepalived.json`, with the names keepalived 2.2.7 gives its fields, in its order;
//! with `json_version 2` in the form of its successors.

use super::{Snapshot, Stats, json_process::Process, state_number};
use crate::{
    config::model::{CommandLine, Config, JsonVersion},
    engine::status::Status,
};
use serde::Serialize;
use std::time::Duration;

/// What stands for a password.
const MASKED: &str = "********";

#[derive(Serialize)]
struct Entry {
    data: Data,
    stats: Stats,
}

#[derive(Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    clippy::struct_field_names,
    reason = "keepalived's"
)]
struct Data {
    iname: String,
    dont_track_primary: u8,
    skip_check_adv_addr: u8,
    strict_mode: u8,
    vmac_ifname: &'static str,
    ifp_ifname: String,
    master_priority: u8,
    last_transition: f64,
    garp_delay: f64,
    garp_refresh: u64,
    garp_rep: u32,
    garp_refresh_rep: u32,
    garp_lower_prio_delay: u64,
    garp_lower_prio_rep: u32,
    lower_prio_no_advert: u8,
    higher_prio_send_advert: u8,
    vrid: u8,
    base_priority: u8,
    effective_priority: u8,
    vipset: bool,
    promote_secondaries: bool,
    adver_int: f64,
    master_adver_int: f64,
    accept: u8,
    nopreempt: bool,
    preempt_delay: u64,
    state: u8,
    wantstate: u8,
    version: u8,
    smtp_alert: bool,
    notify_deleted: bool,
    #[serde(flatten)]
    scripts: Scripts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vips: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evips: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    track_ifp: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    track_script: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    track_process: Vec<String>,
    auth_type: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_data: Option<&'static str>,
}

/// Those that are configured.
#[derive(Serialize)]
struct Scripts {
    #[serde(skip_serializing_if = "Option::is_none")]
    script_backup: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_master: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_fault: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_stop: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_deleted: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_master_rx_lower_pri: Option<String>,
}

/// `json_version 2`.
#[derive(Serialize)]
struct Whole {
    vrrp: Vec<Entry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    track_process: Vec<Process>,
}

/// The whole file.
pub fn json(config: &Config, status: &Status, snapshots: &[Snapshot<'_>]) -> String {
    let version = config.global.dumps.json_version;
    let vrrp: Vec<Entry> = snapshots
        .iter()
        .map(|snapshot| Entry {
            data: data(snapshot, config, version),
            stats: snapshot.stats,
        })
        .collect();
    let text = match version {
        JsonVersion::One => serde_json::to_string(&vrrp),
        JsonVersion::Two => serde_json::to_string(&Whole {
            vrrp,
            track_process: Process::all(config, status),
        }),
    };
    text.unwrap_or_default()
}

fn data(snapshot: &Snapshot<'_>, whole: &Config, version: JsonVersion) -> Data {
    let command = |name: &str| {
        let script = whole.scripts.iter().find(|it| it.name == name)?;
        Some(super::text::command(&script.command))
    };
    let (config, status) = (snapshot.config, snapshot.status);
    let own_interval = seconds(config.advert_interval);
    let active = status.active.as_ref();
    let state = state_number(status.state);
    let addresses = |all: &[crate::config::model::VirtualAddress]| {
        all.iter().map(|it| snapshot.address(it)).collect()
    };
    Data {
        iname: config.name.clone(),
        dont_track_primary: config.dont_track_primary.into(),
        skip_check_adv_addr: config.skip_check_advert_addresses.into(),
        strict_mode: config.strict.into(),
        vmac_ifname: "",
        ifp_ifname: config.interface.clone(),
        master_priority: active.map_or(0, |active| active.priority),
        last_transition: snapshot.last_transition_s,
        garp_delay: seconds(config.garp.delay),
        garp_refresh: config.garp.refresh.as_secs(),
        garp_rep: config.garp.repeat,
        garp_refresh_rep: config.garp.refresh_repeat,
        garp_lower_prio_delay: config.garp.lower_prio_delay.as_secs(),
        garp_lower_prio_rep: config.garp.lower_prio_repeat,
        lower_prio_no_advert: config.lower_prio_no_advert.into(),
        higher_prio_send_advert: config.higher_prio_send_advert.into(),
        vrid: config.vrid,
        base_priority: config.priority,
        effective_priority: status.effective_priority,
        vipset: snapshot.is_master(),
        promote_secondaries: config.promote_secondaries,
        adver_int: own_interval,
        master_adver_int: active.map_or(own_interval, |active| {
            seconds(Duration::from_millis(active.interval_ms))
        }),
        accept: config.accept.into(),
        nopreempt: config.nopreempt,
        preempt_delay: config.preempt_delay.as_secs(),
        state,
        wantstate: state,
        version: snapshot.version(),
        smtp_alert: config.notify.mail,
        notify_deleted: config.notify.tells_deleted,
        scripts: scripts(snapshot),
        vips: addresses(&config.addresses),
        evips: addresses(&config.excluded_addresses),
        track_ifp: config
            .track_interfaces
            .iter()
            .map(|it| it.name.clone())
            .collect(),
        track_script: config
            .track_scripts
            .iter()
            .map(|it| command(&it.name).unwrap_or_else(|| it.name.clone()))
            .collect(),
        // 2.2.7 does not tell them.
        track_process: match version {
            JsonVersion::One => Vec::new(),
            JsonVersion::Two => config
                .track_processes
                .iter()
                .map(|it| it.name.clone())
                .collect(),
        },
        auth_type: snapshot.auth_type(),
        auth_data: (snapshot.auth_type() != 0).then_some(MASKED),
    }
}

fn scripts(snapshot: &Snapshot<'_>) -> Scripts {
    let notify = &snapshot.config.notify;
    let shown = |command: &Option<CommandLine>| command.as_ref().map(super::text::command);
    Scripts {
        script_backup: shown(&notify.backup),
        script_master: shown(&notify.master),
        script_fault: shown(&notify.fault),
        script_stop: shown(&notify.stop),
        script_deleted: shown(&notify.deleted),
        script: shown(&notify.any),
        script_master_rx_lower_pri: shown(&notify.master_rx_lower_priority),
    }
}

fn seconds(span: Duration) -> f64 {
    span.as_secs_f64()
}
