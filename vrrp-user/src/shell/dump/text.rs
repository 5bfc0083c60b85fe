//! `keepalived.data` and `keepalived.stats`: keepalived's lines, of those it has a
//! counterpart for.

use super::{Snapshot, Stats};
use crate::{
    config::model::{CommandLine, Config, Tracked},
    engine::status::Status,
    tracking::effective::Standing,
};
use std::fmt::Write as _;
use vrrp_common::wire::{AUTH_AH, AUTH_SIMPLE};

/// `keepalived.stats`.
pub fn stats(snapshots: &[Snapshot<'_>]) -> String {
    let mut text = String::new();
    for snapshot in snapshots {
        let Stats {
            advert_rcvd,
            advert_sent,
            become_master,
            release_master,
            packet_len_err,
            advert_interval_err,
            ip_ttl_err,
            invalid_type_rcvd,
            addr_list_err,
            invalid_authtype,
            authtype_mismatch,
            auth_failure,
            pri_zero_rcvd,
            pri_zero_sent,
        } = snapshot.stats;
        let name = &snapshot.config.name;
        let _ = write!(
            text,
            "VRRP Instance: {name}
  Advertisements:
    Received: {advert_rcvd}
    Sent: {advert_sent}
  Became master: {become_master}
  Released master: {release_master}
  Packet Errors:
    Length: {packet_len_err}
    TTL: {ip_ttl_err}
    Invalid Type: {invalid_type_rcvd}
    Advertisement Interval: {advert_interval_err}
    Address List: {addr_list_err}
  Authentication Errors:
    Invalid Type: {invalid_authtype}
    Type Mismatch: {authtype_mismatch}
    Failure: {auth_failure}
  Priority Zero:
    Received: {pri_zero_rcvd}
    Sent: {pri_zero_sent}
"
        );
    }
    text
}

/// `keepalived.data`.
pub fn data(config: &Config, status: &Status, snapshots: &[Snapshot<'_>]) -> String {
    let mut text = String::new();
    globals(&mut text, config);
    text.push_str("------< VRRP Topology >------\n");
    for snapshot in snapshots {
        instance(&mut text, config, snapshot);
    }
    if !status.groups.is_empty() {
        text.push_str("------< VRRP Sync groups >------\n");
    }
    for group in &status.groups {
        let _ = writeln!(text, " VRRP Sync Group = {}, {}", group.name, group.state);
        text.push_str("   VRRP member instances :\n");
        for member in &group.members {
            let _ = writeln!(text, "     {member}");
        }
        let own = config.groups.iter().find(|it| it.name == group.name);
        let mails = own.is_some_and(|it| it.notify.mail);
        let _ = writeln!(text, "   Using smtp notification = {}", yes(mails));
    }
    if !config.scripts.is_empty() {
        text.push_str("------< VRRP Scripts >------\n");
    }
    for script in &config.scripts {
        let tracker = status.scripts.iter().find(|it| it.name == script.name);
        let good = tracker.is_some_and(|it| it.standing == Standing::Up);
        let _ = write!(
            text,
            " VRRP Script = {}
   Command = {}
   Interval = {} sec
   Timeout = {} sec
   Weight = {}
   Rise = {}
   Fall = {}
   Status = {}
",
            script.name,
            command(&script.command),
            script.interval.as_secs_f64(),
            script.timeout.as_secs_f64(),
            script.weight,
            script.rise,
            script.fall,
            if good { "GOOD" } else { "BAD" },
        );
    }
    text
}

fn globals(text: &mut String, config: &Config) {
    let global = &config.global;
    text.push_str("------< Global definitions >------\n");
    let _ = writeln!(text, " Router ID = {}", global.router_id);
    if let Some(mail) = &global.mail {
        let _ = writeln!(text, " Smtp server = {}", mail.server);
        let _ = writeln!(text, " Smtp server port = {}", mail.port);
        let seconds = mail.timeout.as_secs();
        let _ = writeln!(text, " Smtp server connection timeout = {seconds}");
        for recipient in &mail.recipients {
            let _ = writeln!(text, " Email notification to = {recipient}");
        }
    }
    for fifo in &global.fifos {
        let _ = writeln!(text, " Notify fifo = {}", fifo.path);
    }
    let security = if global.script_security {
        "enabled"
    } else {
        "disabled"
    };
    let _ = writeln!(text, " Script security {security}");
}

fn instance(text: &mut String, config: &Config, snapshot: &Snapshot<'_>) {
    let (own, status) = (snapshot.config, snapshot.status);
    let _ = writeln!(text, " VRRP Instance = {}", own.name);
    let mut line = |what: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(text, "   {what} = {value}");
    };
    let group = config
        .groups
        .iter()
        .find(|group| group.members.contains(&own.name));
    let garp = &own.garp;
    let on = |value| if value { "enabled" } else { "disabled" };
    let told = |value| if value { "true" } else { "false" };
    line("VRRP Version", &snapshot.version());
    if let Some(group) = group {
        line("Sync group", &group.name);
    }
    line("State", &status.state);
    if let Some(active) = &status.active {
        line("Master router", &active.source);
        line("Master priority", &active.priority);
    }
    line("Wantstate", &status.state);
    line(
        "Number of interface and track script faults",
        &status.faults.len(),
    );
    line(
        "Last transition",
        &format_args!("{:.6}", snapshot.last_transition_s),
    );
    line("Interface", &own.interface);
    match status.source {
        Some(source) => line("Using src_ip", &source),
        None => line("Using src_ip", &"(none)"),
    }
    line("Gratuitous ARP delay", &garp.delay.as_secs());
    line("Gratuitous ARP repeat", &garp.repeat);
    line("Gratuitous ARP refresh", &garp.refresh.as_secs());
    line("Gratuitous ARP refresh repeat", &garp.refresh_repeat);
    line(
        "Gratuitous ARP lower priority delay",
        &garp.lower_prio_delay.as_secs(),
    );
    line(
        "Gratuitous ARP lower priority repeat",
        &garp.lower_prio_repeat,
    );
    line("Down timer adverts", &own.down_timer_adverts);
    line(
        "Send advert after receive lower priority advert",
        &told(!own.lower_prio_no_advert),
    );
    line(
        "Send advert after receive higher priority advert",
        &told(own.higher_prio_send_advert),
    );
    line("Virtual Router ID", &own.vrid);
    line("Priority", &own.priority);
    line("Effective priority", &status.effective_priority);
    if snapshot.version() == 2 {
        line(
            "Advert interval",
            &format_args!("{} sec", own.advert_interval.as_secs()),
        );
    } else {
        line(
            "Advert interval",
            &format_args!("{} milli-sec", own.advert_interval.as_millis()),
        );
    }
    line("Accept", &on(own.accept));
    line("Preempt", &on(!own.nopreempt));
    if !own.preempt_delay.is_zero() {
        let delay = own.preempt_delay.as_secs_f64();
        line("Preempt delay", &format_args!("{delay} secs"));
    }
    let kind = match snapshot.auth_type() {
        AUTH_SIMPLE => Some("SIMPLE_PASSWORD"),
        AUTH_AH => Some("IPSEC_AH"),
        _ => None,
    };
    if let Some(kind) = kind {
        line("Authentication type", &kind);
        line("Password", &"********");
    }
    if snapshot.is_ipv6() {
        text.push_str("   Using Native IPv6\n");
    }
    lists(text, snapshot);
}

fn lists(text: &mut String, snapshot: &Snapshot<'_>) {
    let own = snapshot.config;
    let mut list = |title: &str, rows: Vec<String>| {
        if !rows.is_empty() {
            let _ = writeln!(text, "   {title}:");
            for row in rows {
                let _ = writeln!(text, "     {row}");
            }
        }
    };
    let addresses = |all: &[crate::config::model::VirtualAddress]| -> Vec<String> {
        all.iter().map(|it| snapshot.address(it)).collect()
    };
    let vips = addresses(&own.addresses);
    list(&format!("Virtual IP ({})", vips.len()), vips);
    list("Virtual IP Excluded ", addresses(&own.excluded_addresses));
    let peers = own.unicast.iter().flat_map(|unicast| &unicast.peers);
    list(
        "Unicast Peer ",
        peers.map(|peer| peer.address.to_string()).collect(),
    );
    let tracked = |all: &[Tracked]| -> Vec<String> {
        let reverse = |it: &Tracked| if it.reverse { " reverse" } else { "" };
        all.iter()
            .map(|it| format!("{}, weight {}{}", it.name, it.weight, reverse(it)))
            .collect()
    };
    list("Tracked interfaces ", tracked(&own.track_interfaces));
    list("Tracked scripts ", tracked(&own.track_scripts));
    let notify = &own.notify;
    let _ = writeln!(text, "   Using smtp notification = {}", yes(notify.mail));
    let deleted = if notify.tells_deleted {
        "Deleted"
    } else {
        "Fault"
    };
    let _ = writeln!(text, "   Notify deleted = {deleted}");
    let scripts = [
        ("Backup", &notify.backup),
        ("Master", &notify.master),
        ("Fault", &notify.fault),
        ("Stop", &notify.stop),
        ("Deleted", &notify.deleted),
        ("Generic", &notify.any),
        ("Master rx lower pri", &notify.master_rx_lower_priority),
    ];
    for (kind, script) in scripts {
        if let Some(script) = script {
            let _ = writeln!(
                text,
                "   {kind} state transition script = {}",
                command(script)
            );
        }
    }
    let changes = notify.priority_changes;
    let _ = writeln!(text, "   Notify priority changes = {changes}");
}

/// A command as keepalived shows it.
pub fn command(command: &CommandLine) -> String {
    match command {
        CommandLine::Argv(argv) => argv.join(" "),
        CommandLine::Shell(line) => line.clone(),
    }
}

const fn yes(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}
