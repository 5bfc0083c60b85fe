//! `vrrp_script`, `track_file`, `vrrp_track_process`, `vrrp_track_tcp`,
//! `vrrp_track_http`, `track_group`.

use super::{Keyword, Kind, block, served};

pub(super) const SCRIPT: &[Keyword] = &[
    served("script", 1, "COMMAND"),
    served("interval", 1, "SECONDS"),
    served("timeout", 1, "SECONDS"),
    served("weight", 1, "NUMBER [reverse]"),
    served("rise", 1, "NUMBER"),
    served("fall", 1, "NUMBER"),
    served("user", 1, "USER [GROUP]"),
    served("init_fail", 0, ""),
];

pub(super) const FILE: &[Keyword] = &[
    served("file", 1, "PATH"),
    served("weight", 1, "NUMBER [reverse]"),
    served("init_file", 0, "[VALUE] [overwrite]"),
];

pub(super) const PROCESS: &[Keyword] = &[
    served("process", 1, "NAME [PARAMETER ...]"),
    served("param_match", 0, "[initial|partial]"),
    served("weight", 1, "NUMBER [reverse]"),
    served("quorum", 1, "NUMBER"),
    served("quorum_max", 1, "NUMBER"),
    served("delay", 1, "SECONDS"),
    served("terminate_delay", 1, "SECONDS"),
    served("fork_delay", 1, "SECONDS"),
    served("full_command", 0, ""),
];

/// What both have; these blocks are ours.
pub(super) const PROBE: &[Keyword] = &[
    served("host", 1, "ADDRESS"),
    served("port", 1, "1-65535"),
    served("interval", 1, "SECONDS"),
    served("weight", 1, "NUMBER [reverse]"),
    served("rise", 1, "NUMBER"),
    served("fall", 1, "NUMBER"),
    served("init_fail", 0, ""),
];

pub(super) const TCP: &[Keyword] = &[served("connect_timeout", 1, "SECONDS")];

pub(super) const HTTP: &[Keyword] = &[
    served("timeout", 1, "SECONDS"),
    served("url", 1, "http://ADDRESS[:PORT]/PATH"),
    served("path", 1, "PATH"),
    served("virtualhost", 1, "NAME"),
    served("status_code", 1, "CODE|FIRST-LAST ..."),
];

pub(super) const GROUP: &[Keyword] = &[block(served("group", 0, ""), Kind::Names)];
