//! `virtual_server` and what belongs to it.

use super::{Evidence, config, of};

const TOP: &str = "the top level";
const SERVICE: &str = "`virtual_server`";
const SERVER: &str = "`real_server`";
const WHOLE: &str = config!("balance", "a_virtual_server_with_its_real_servers");
const GROUP: &str = config!("balance", "a_virtual_server_group_is_many_addresses");
const METHODS: &str = config!("balance", "lb_kind_and_lvs_method_with_tunnels");
const RINGS: &str = "vrrp-user/src/balance/ring/tests.rs::wrr_is_ipvs_s_sequence";

pub(super) const BALANCE: &[Evidence] = &[
    of(TOP, &["virtual_server"], &[WHOLE]),
    of(TOP, &["virtual_server_group"], &[GROUP]),
    of(
        "`global_defs`",
        &["lvs_timeouts", "lvs_gone_servers"],
        &[config!("balance", "lvs_timeouts_and_lvs_gone_servers")],
    ),
    of(
        SERVICE,
        &["lb_algo", "lvs_sched"],
        &[config!("balance", "every_lb_algo_and_lvs_sched"), RINGS],
    ),
    of(
        SERVICE,
        &[
            "sh-port",
            "sh-fallback",
            "mh-port",
            "mh-fallback",
            "flag-1",
            "flag-2",
        ],
        &[config!("balance", "flags_of_schedulers")],
    ),
    of(SERVICE, &["lb_kind", "lvs_method"], &[METHODS]),
    of(
        SERVICE,
        &["persistence_timeout", "persistence_granularity"],
        &[config!(
            "balance",
            "persistence_timeout_and_persistence_granularity"
        )],
    ),
    of(SERVICE, &["ops"], &[config!("balance", "ops_is_for_udp")]),
    of(SERVICE, &["protocol", "weight", "real_server"], &[WHOLE]),
    of(
        SERVER,
        &["weight", "lvs_method", "uthreshold", "lthreshold"],
        &[WHOLE],
    ),
];
