//! `virtual_server`, `real_server`, `SSL`.

use super::{Keyword, Kind, UNCHECKED, block, idle, later, served};

const NO_MARK: &str = "a service goes by addresses, which have a family";
const NO_SORRY: &str = "no server is taken out of service, so none has to stand in";
const NO_QUORUM: &str = "no server is taken out of service, so none can be too few";
const NO_NEWS: &str = "no server is taken out of service, so there is nothing to tell";
const METHOD: &str = "NAT|DR|TUN [type ipip|gue port NUMBER|gre] [csum|nocsum]";
const SCHEDULERS: &str = "rr|wrr|lc|wlc|lblc|lblcr|dh|sh|mh|fo|ovf|sed|nq|twos|maglev";

pub(super) const VIRTUAL_SERVER: &[Keyword] = &[
    idle("ip_family", 1, "inet|inet6", NO_MARK),
    later("delay_loop", 1, "SECONDS", UNCHECKED),
    later("retry", 1, "NUMBER", UNCHECKED),
    later("delay_before_retry", 1, "SECONDS", UNCHECKED),
    later("warmup", 1, "SECONDS", UNCHECKED),
    later("connect_timeout", 1, "SECONDS", UNCHECKED),
    later("inhibit_on_failure", 0, "", UNCHECKED),
    served("lb_algo", 1, SCHEDULERS),
    served("lvs_sched", 1, SCHEDULERS),
    idle("hashed", 0, "", "every service is found by a hash"),
    served("ops", 0, ""),
    served("flag-1", 0, ""),
    served("flag-2", 0, ""),
    idle("flag-3", 0, "", "no scheduler has a third flag"),
    served("sh-port", 0, ""),
    served("sh-fallback", 0, ""),
    served("mh-port", 0, ""),
    served("mh-fallback", 0, ""),
    served("lb_kind", 1, METHOD),
    served("lvs_method", 1, METHOD),
    idle("nat_mask", 1, "MASK", "keepalived does not use it either"),
    later(
        "persistence_engine",
        1,
        "NAME",
        "clients are known by their addresses alone",
    ),
    served("persistence_timeout", 0, "[SECONDS]"),
    served("persistence_granularity", 1, "MASK"),
    served("protocol", 1, "TCP|UDP|SCTP"),
    later("ha_suspend", 0, "", UNCHECKED),
    later("smtp_alert", 0, "[on|off]", NO_NEWS),
    later("virtualhost", 1, "NAME", UNCHECKED),
    later("snmp_name", 1, "NAME", "there is no SNMP agent"),
    later("alpha", 0, "", UNCHECKED),
    later("omega", 0, "", NO_NEWS),
    later("quorum", 1, "NUMBER", NO_QUORUM),
    later("quorum_up", 1, "COMMAND [USER [GROUP]]", NO_NEWS),
    later("quorum_down", 1, "COMMAND [USER [GROUP]]", NO_NEWS),
    later("hysteresis", 1, "NUMBER", NO_QUORUM),
    served("weight", 1, "NUMBER"),
    later("sorry_server", 1, "ADDRESS PORT", NO_SORRY),
    later("sorry_server_inhibit", 0, "", NO_SORRY),
    later("sorry_server_lvs_method", 1, METHOD, NO_SORRY),
    block(served("real_server", 1, "ADDRESS [PORT]"), Kind::RealServer),
];

pub(super) const REAL_SERVER: &[Keyword] = &[
    served("weight", 1, "NUMBER"),
    served("lvs_method", 1, METHOD),
    served("uthreshold", 1, "NUMBER"),
    served("lthreshold", 1, "NUMBER"),
    later("inhibit_on_failure", 0, "", UNCHECKED),
    later("notify_up", 1, "COMMAND [USER [GROUP]]", NO_NEWS),
    later("notify_down", 1, "COMMAND [USER [GROUP]]", NO_NEWS),
    later("alpha", 0, "[on|off]", UNCHECKED),
    later("retry", 1, "NUMBER", UNCHECKED),
    later("delay_before_retry", 1, "SECONDS", UNCHECKED),
    later("warmup", 1, "SECONDS", UNCHECKED),
    later("connect_timeout", 1, "SECONDS", UNCHECKED),
    later("delay_loop", 1, "SECONDS", UNCHECKED),
    later("smtp_alert", 0, "[on|off]", NO_NEWS),
    later("virtualhost", 1, "NAME", UNCHECKED),
    later("snmp_name", 1, "NAME", "there is no SNMP agent"),
];

pub(super) const TLS: &[Keyword] = &[
    later("password", 1, "PASSWORD", UNCHECKED),
    later("ca", 1, "PATH", UNCHECKED),
    later("certificate", 1, "PATH", UNCHECKED),
    later("key", 1, "PATH", UNCHECKED),
];
