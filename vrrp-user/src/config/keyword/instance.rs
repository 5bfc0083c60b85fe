//! `vrrp_instance` and `vrrp_sync_group`.

use super::{Keyword, Kind, block, idle, later, old, served};

/// Why nothing follows from `higher_prio_send_advert`.
pub(super) const TOLD_ANYWAY: &str =
    "whoever beats a MASTER is always told, by priority 0 to it alone";

pub(super) const INSTANCE: &[Keyword] = &[
    served("state", 1, "MASTER|BACKUP"),
    served("interface", 1, "INTERFACE"),
    served("virtual_router_id", 1, "1-255"),
    served("priority", 1, "1-255"),
    served("advert_int", 1, "SECONDS"),
    served("version", 1, "2|3"),
    served("native_ipv6", 0, ""),
    block(served("authentication", 0, ""), Kind::Authentication),
    block(served("auth_hmac", 0, ""), Kind::Hmac),
    block(served("virtual_ipaddress", 0, ""), Kind::Addresses),
    block(served("virtual_ipaddress_excluded", 0, ""), Kind::Addresses),
    served("no_virtual_ipaddress", 0, ""),
    block(served("virtual_routes", 0, ""), Kind::Free),
    block(served("virtual_rules", 0, ""), Kind::Free),
    served("promote_secondaries", 0, ""),
    served("nopreempt", 0, ""),
    served("preempt", 0, ""),
    served("preempt_delay", 1, "SECONDS"),
    served("garp_master_delay", 1, "SECONDS"),
    served("garp_master_repeat", 1, "NUMBER"),
    served("garp_master_refresh", 1, "SECONDS"),
    served("garp_master_refresh_repeat", 1, "NUMBER"),
    served("garp_lower_prio_delay", 1, "SECONDS"),
    served("garp_lower_prio_repeat", 1, "NUMBER"),
    served("garp_extra_if", 1, "[all] SECONDS"),
    old("vmac_garp_intvl", 1, "[all] SECONDS", "garp_extra_if"),
    served("mcast_src_ip", 1, "ADDRESS"),
    served("mcast_dst_ip", 1, "ADDRESS"),
    served("unicast_src_ip", 1, "ADDRESS"),
    block(served("unicast_peer", 0, ""), Kind::Addresses),
    served("check_unicast_src", 0, ""),
    // On one line, because keepalived stumbles over a block it does not know.
    served("advert_sources", 1, "ADDRESS ..."),
    served("unicast_ttl", 1, "0-255"),
    served("unicast_fault_no_peer", 0, ""),
    served("old_unicast_checksum", 0, "[never]"),
    served("v3_checksum_as_v2", 0, "[on|off]"),
    served("accept", 0, ""),
    served("no_accept", 0, ""),
    served("strict_mode", 0, "[on|off]"),
    served("skip_check_adv_addr", 0, "[on|off]"),
    served("lower_prio_no_advert", 0, "[on|off]"),
    idle("higher_prio_send_advert", 0, "[on|off]", TOLD_ANYWAY),
    served("owner_ignore_adverts", 0, "[on|off]"),
    served("down_timer_adverts", 1, "NUMBER"),
    served("oneway_fault", 0, "[on|off]"),
    idle(
        "timer_expired_backup",
        0,
        "[PRIORITY]",
        "a late wake-up reads first what XDP has heard meanwhile",
    ),
    old(
        "thread_timer_expired",
        0,
        "[PRIORITY]",
        "timer_expired_backup",
    ),
    served("use_vmac", 0, "[NAME] [MAC]"),
    served("use_vmac_addr", 0, ""),
    served("vmac_xmit_base", 0, ""),
    later("use_ipvlan", 0, "[NAME] [ADDRESS]", "no ipvlan is made"),
    idle(
        "vrf",
        1,
        "INTERFACE",
        "the instance's `interface` says in which VRF it is",
    ),
    idle(
        "kernel_rx_buf_size",
        1,
        "BYTES",
        "adverts are received in XDP",
    ),
    idle(
        "debug",
        0,
        "[NUMBER]",
        "the log level is set for the whole daemon",
    ),
    idle(
        "linkbeat_use_polling",
        0,
        "",
        "link state comes from netlink events",
    ),
    later(
        "lvs_sync_daemon_interface",
        1,
        "INTERFACE",
        "connections are not told to another director",
    ),
];

pub(super) const NOTIFY: &[Keyword] = &[
    served("notify_master", 1, "COMMAND [USER [GROUP]]"),
    served("notify_backup", 1, "COMMAND [USER [GROUP]]"),
    served("notify_fault", 1, "COMMAND [USER [GROUP]]"),
    served("notify_stop", 1, "COMMAND [USER [GROUP]]"),
    served("notify", 1, "COMMAND [USER [GROUP]]"),
    served("notify_master_rx_lower_pri", 1, "COMMAND [USER [GROUP]]"),
    served("notify_conflict", 1, "COMMAND [USER [GROUP]]"),
    served("notify_deleted", 0, "[COMMAND [USER [GROUP]]]"),
    served("notify_priority_changes", 0, "[on|off]"),
    served("smtp_alert", 0, "[on|off]"),
];

pub(super) const TRACK: &[Keyword] = &[
    block(served("track_interface", 0, ""), Kind::Names),
    block(served("track_script", 0, ""), Kind::Names),
    block(served("track_file", 0, ""), Kind::Names),
    block(served("track_process", 0, ""), Kind::Names),
    // Ours.
    block(served("track_tcp", 0, ""), Kind::Names),
    block(served("track_http", 0, ""), Kind::Names),
    block(
        later("track_bfd", 0, "", "no BFD session is run"),
        Kind::Names,
    ),
    served("dont_track_primary", 0, ""),
    served("track_src_ip", 0, ""),
];

pub(super) const AUTHENTICATION: &[Keyword] = &[
    served("auth_type", 1, "PASS|AH"),
    served("auth_pass", 1, "PASSWORD"),
];

pub(super) const HMAC: &[Keyword] = &[
    served("key", 2, "1-255 SECRET|hex:DIGITS|file:PATH"),
    served("active_key", 1, "1-255"),
    served("time_window", 1, "SECONDS"),
    served("anti_replay", 1, "time|monotonic"),
    served("mode", 1, "enforce|permissive|receive-only"),
];

pub(super) const SYNC_GROUP: &[Keyword] = &[
    block(served("group", 0, ""), Kind::Names),
    served("notify_master", 1, "COMMAND [USER [GROUP]]"),
    served("notify_backup", 1, "COMMAND [USER [GROUP]]"),
    served("notify_fault", 1, "COMMAND [USER [GROUP]]"),
    served("notify_stop", 1, "COMMAND [USER [GROUP]]"),
    served("notify", 1, "COMMAND [USER [GROUP]]"),
    served("sync_group_tracking_weight", 0, ""),
    old("global_tracking", 0, "", "sync_group_tracking_weight"),
    block(served("track_interface", 0, ""), Kind::Names),
    block(served("track_script", 0, ""), Kind::Names),
    block(served("track_file", 0, ""), Kind::Names),
    block(served("track_process", 0, ""), Kind::Names),
    // Ours.
    block(served("track_tcp", 0, ""), Kind::Names),
    block(served("track_http", 0, ""), Kind::Names),
    block(
        later("track_bfd", 0, "", "no BFD session is run"),
        Kind::Names,
    ),
    served("notify_priority_changes", 0, "[on|off]"),
    served("smtp_alert", 0, "[on|off]"),
];
