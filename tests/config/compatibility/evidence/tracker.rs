//! `vrrp_script`, `track_file`, `vrrp_track_process`, `vrrp_track_tcp`,
//! `vrrp_track_http`.

use super::{Evidence, config, netns, of};

const SCRIPT: &str = "`vrrp_script`";
const FILE: &str = "`track_file`";
const PROCESS: &str = "`vrrp_track_process`";
const TCP: &str = "`vrrp_track_tcp`";
const HTTP: &str = "`vrrp_track_http`";
const PROBES: &str = config!("tracking", "a_track_tcp_and_a_track_http");

pub(super) const TRACKERS: &[Evidence] = &[
    of(
        SCRIPT,
        &[
            "script",
            "interval",
            "weight",
            "rise",
            "fall",
            "user",
            "init_fail",
        ],
        &[
            config!("lowering", "scripts_have_keepaliveds_defaults"),
            "vrrp-user/src/tracking/scripts.rs::rise_fall_and_the_first_result",
        ],
    ),
    of(
        SCRIPT,
        &["timeout"],
        &[
            config!("lowering", "scripts_have_keepaliveds_defaults"),
            "vrrp-user/src/shell/process/group_test.rs::a_timeout_ends_the_whole_group",
        ],
    ),
    of(
        FILE,
        &["file", "weight", "init_file"],
        &[
            config!("tracking", "a_track_file"),
            netns!("tracking", "file_moves_the_owner"),
        ],
    ),
    of(
        PROCESS,
        &[
            "process",
            "param_match",
            "weight",
            "quorum",
            "quorum_max",
            "delay",
            "terminate_delay",
            "fork_delay",
            "full_command",
        ],
        &[
            config!("tracking", "a_track_process"),
            "vrrp-user/src/tracking/processes.rs::quorum_and_delays",
        ],
    ),
    of(
        TCP,
        &[
            "host",
            "port",
            "interval",
            "weight",
            "rise",
            "fall",
            "init_fail",
            "connect_timeout",
        ],
        &[PROBES, netns!("tracking", "tcp_service_stops")],
    ),
    of(
        HTTP,
        &[
            "host",
            "port",
            "interval",
            "weight",
            "rise",
            "fall",
            "init_fail",
            "timeout",
            "url",
            "path",
            "virtualhost",
            "status_code",
        ],
        &[PROBES, netns!("tracking", "http_service_is_unwell")],
    ),
];
