//! `virtual_server`, `real_server`, `SSL`.

use super::{Keyword, Kind, block, later, old};

const NO_LVS: &str = "no service is balanced";

pub(super) const VIRTUAL_SERVER: &[Keyword] = &[
    later("ip_family", 1, "inet|inet6", NO_LVS),
    later("delay_loop", 1, "SECONDS", NO_LVS),
    later("retry", 1, "NUMBER", NO_LVS),
    later("delay_before_retry", 1, "SECONDS", NO_LVS),
    later("warmup", 1, "SECONDS", NO_LVS),
    later("connect_timeout", 1, "SECONDS", NO_LVS),
    later("inhibit_on_failure", 0, "", NO_LVS),
    later(
        "lb_algo",
        1,
        "rr|wrr|lc|wlc|lblc|lblcr|dh|sh|mh|fo|ovf|sed|nq|twos",
        NO_LVS,
    ),
    old("lvs_sched", 1, "rr|wrr|lc|wlc|...", "lb_algo"),
    later("hashed", 0, "", NO_LVS),
    later("ops", 0, "", NO_LVS),
    later("flag-1", 0, "", NO_LVS),
    later("flag-2", 0, "", NO_LVS),
    later("flag-3", 0, "", NO_LVS),
    later("sh-port", 0, "", NO_LVS),
    later("sh-fallback", 0, "", NO_LVS),
    later("mh-port", 0, "", NO_LVS),
    later("mh-fallback", 0, "", NO_LVS),
    later("lb_kind", 1, "NAT|DR|TUN", NO_LVS),
    old("lvs_method", 1, "NAT|DR|TUN", "lb_kind"),
    later("nat_mask", 1, "MASK", NO_LVS),
    later("persistence_engine", 1, "NAME", NO_LVS),
    later("persistence_timeout", 0, "[SECONDS]", NO_LVS),
    later("persistence_granularity", 1, "MASK", NO_LVS),
    later("protocol", 1, "TCP|UDP|SCTP", NO_LVS),
    later("ha_suspend", 0, "", NO_LVS),
    later("smtp_alert", 0, "[on|off]", NO_LVS),
    later("virtualhost", 1, "NAME", NO_LVS),
    later("snmp_name", 1, "NAME", NO_LVS),
    later("alpha", 0, "", NO_LVS),
    later("omega", 0, "", NO_LVS),
    later("quorum", 1, "NUMBER", NO_LVS),
    later("quorum_up", 1, "COMMAND [USER [GROUP]]", NO_LVS),
    later("quorum_down", 1, "COMMAND [USER [GROUP]]", NO_LVS),
    later("hysteresis", 1, "NUMBER", NO_LVS),
    later("weight", 1, "NUMBER", NO_LVS),
    later("sorry_server", 1, "ADDRESS PORT", NO_LVS),
    later("sorry_server_inhibit", 0, "", NO_LVS),
    later("sorry_server_lvs_method", 1, "NAT|DR|TUN", NO_LVS),
    block(
        later("real_server", 1, "ADDRESS PORT", NO_LVS),
        Kind::RealServer,
    ),
];

pub(super) const REAL_SERVER: &[Keyword] = &[
    later("weight", 1, "NUMBER", NO_LVS),
    later("lvs_method", 1, "NAT|DR|TUN", NO_LVS),
    later("uthreshold", 1, "NUMBER", NO_LVS),
    later("lthreshold", 1, "NUMBER", NO_LVS),
    later("inhibit_on_failure", 0, "", NO_LVS),
    later("notify_up", 1, "COMMAND [USER [GROUP]]", NO_LVS),
    later("notify_down", 1, "COMMAND [USER [GROUP]]", NO_LVS),
    later("alpha", 0, "[on|off]", NO_LVS),
    later("retry", 1, "NUMBER", NO_LVS),
    later("delay_before_retry", 1, "SECONDS", NO_LVS),
    later("warmup", 1, "SECONDS", NO_LVS),
    later("connect_timeout", 1, "SECONDS", NO_LVS),
    later("delay_loop", 1, "SECONDS", NO_LVS),
    later("smtp_alert", 0, "[on|off]", NO_LVS),
    later("virtualhost", 1, "NAME", NO_LVS),
    later("snmp_name", 1, "NAME", NO_LVS),
];

pub(super) const TLS: &[Keyword] = &[
    later("password", 1, "PASSWORD", NO_LVS),
    later("ca", 1, "PATH", NO_LVS),
    later("certificate", 1, "PATH", NO_LVS),
    later("key", 1, "PATH", NO_LVS),
];
