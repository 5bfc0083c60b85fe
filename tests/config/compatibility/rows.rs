//! Words inside rows: options of an address, a peer, a route, a rule.
//!
//! They stand in no table of keywords. Those that are served have tests like any
//! keyword; of those that are not, what is said is what loading them says.

use super::config;
use vrrp_user::config::{Code, Severity};

/// Words of one kind of row that are served.
pub(crate) struct Row {
    pub(crate) of: &'static str,
    pub(crate) words: &'static [&'static str],
    /// Each word is named by one of them.
    pub(crate) tests: &'static [&'static str],
}

/// A word that is not, and a row that has it.
pub(crate) struct Unserved {
    pub(crate) of: &'static str,
    pub(crate) word: &'static str,
    block: &'static str,
    row: &'static str,
}

const LOWERING: &str = "vrrp-user/src/config/tests/lowering.rs::addresses_with_all_their_options";
const VMAC: &str = "vrrp-user/src/config/tests/by_name.rs::which_addresses_have_the_virtual_mac";
const INSTALLED: &str = "tests/netns/installed.rs::addresses_with_their_options_are_keepaliveds";
const ROUTES: &str =
    "vrrp-user/src/config/lower/routing/tests.rs::every_word_of_a_route_is_understood";
const SHAPES: &str = "vrrp-user/src/config/lower/routing/tests.rs::routes_of_every_shape";
const AROUND: &str = "vrrp-user/src/config/lower/routing/tests.rs::what_is_put_around_packets";
const ROUTES_INSTALLED: &str = "tests/netns/installed.rs::routes_of_every_kind_are_keepaliveds";
const RULES: &str =
    "vrrp-user/src/config/lower/routing/tests.rs::every_word_of_a_rule_is_understood";
const RULES_INSTALLED: &str = "tests/netns/installed.rs::rules_of_every_kind_are_keepaliveds";
const GROUPS: &str = "vrrp-user/src/config/lower/routing/tests.rs::static_blocks_and_track_groups";

const ADDRESS: &str = "an address";
const ROUTE: &str = "a route";
const HOP: &str = "a next hop";

pub(crate) const SERVED: &[Row] = &[
    Row {
        of: ADDRESS,
        words: &[
            "brd",
            "broadcast",
            "dev",
            "scope",
            "label",
            "peer",
            "home",
            "-nodad",
            "mngtmpaddr",
            "noprefixroute",
            "autojoin",
            "preferred_lft",
            "no_track",
        ],
        tests: &[LOWERING, INSTALLED],
    },
    Row {
        of: ADDRESS,
        words: &["use_vmac"],
        tests: &[VMAC],
    },
    Row {
        of: "a static address, route or rule",
        words: &["track_group"],
        tests: &[GROUPS],
    },
    Row {
        of: "a unicast peer",
        words: &["min_ttl", "max_ttl"],
        tests: &[
            "vrrp-user/src/config/tests/lowering.rs::unicast_needs_peers",
            "tests/xdp/table.rs::arriving",
        ],
    },
    Row {
        of: "what is tracked",
        words: &["weight", "reverse"],
        tests: &[
            "vrrp-user/src/config/tests/lowering.rs::tracking_takes_the_scripts_weight",
            "vrrp-user/src/engine/tests/trackers.rs::all_weights_add_up_and_reverse_turns_them",
        ],
    },
    Row {
        of: ROUTE,
        words: &[
            "inet",
            "src",
            "dev",
            "table",
            "vrf",
            "protocol",
            "scope",
            "metric",
            "priority",
            "preference",
            "tos",
            "dsfield",
            "onlink",
            "mtu",
            "advmss",
            "hoplimit",
            "rtt",
            "rttvar",
            "reordering",
            "window",
            "cwnd",
            "ssthresh",
            "realms",
            "rto_min",
            "initcwnd",
            "initrwnd",
            "features",
            "quickack",
            "congctl",
            "fastopen_no_cookie",
            "add",
            "append",
            "prepend",
            "no_track",
        ],
        tests: &[ROUTES, ROUTES_INSTALLED],
    },
    Row {
        of: ROUTE,
        words: &[
            "inet6",
            "to",
            "from",
            "via",
            "oif",
            "pref",
            "expires",
            "nexthop",
            "blackhole",
            "unreachable",
            "prohibit",
            "throw",
        ],
        tests: &[SHAPES, ROUTES_INSTALLED],
    },
    Row {
        of: ROUTE,
        words: &["encap"],
        tests: &[AROUND, ROUTES_INSTALLED],
    },
    Row {
        of: HOP,
        words: &["via", "dev", "weight", "onlink", "realms"],
        tests: &[SHAPES],
    },
    Row {
        of: HOP,
        words: &["encap"],
        tests: &[AROUND],
    },
    Row {
        of: "a rule",
        words: &[
            "inet6",
            "not",
            "from",
            "to",
            "table",
            "lookup",
            "preference",
            "priority",
            "order",
            "tos",
            "dsfield",
            "fwmark",
            "realms",
            "suppress_prefixlength",
            "suppress_ifgroup",
            "dev",
            "iif",
            "oif",
            "tunnel-id",
            "uidrange",
            "l3mdev",
            "protocol",
            "ipproto",
            "sport",
            "dport",
            "no_track",
            "type",
            "goto",
            "nop",
            "blackhole",
            "unreachable",
            "prohibit",
        ],
        tests: &[RULES, RULES_INSTALLED],
    },
];

pub(crate) const UNSERVED: &[Unserved] = &[Unserved {
    of: ROUTE,
    word: "ttl-propagate",
    block: "virtual_routes",
    row: "198.51.100.0/24 dev eth0 ttl-propagate enabled",
}];

/// What becomes of such a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Refused,
    Ignored,
    NotYet,
}

impl Unserved {
    /// What becomes of it, and what is said of it.
    pub(crate) fn told(&self) -> (Fate, String) {
        let first = match self.block {
            "virtual_ipaddress" => "",
            _ => "virtual_ipaddress {\n192.0.2.1\n}\n",
        };
        let text = format!(
            "vrrp_instance V {{\ninterface eth0\nvirtual_router_id 7\n{first}{} {{\n{}\n}}\n}}\n",
            self.block, self.row
        );
        let loaded = config(&text);
        let [found] = &loaded.diagnostics[..] else {
            panic!("{}: {:?}", self.word, loaded.diagnostics);
        };
        assert!(found.message.contains(self.word), "{}", found.message);
        let fate = match (found.severity, found.code) {
            (Severity::Error, _) => Fate::Refused,
            (_, Code::Meaningless) => Fate::Ignored,
            _ => Fate::NotYet,
        };
        let refused = fate == Fate::Refused;
        assert_eq!(refused, loaded.config.is_none(), "{}", self.word);
        let help = found.help.iter().map(|help| format!("; {help}"));
        (fate, found.message.clone() + &help.collect::<String>())
    }
}
