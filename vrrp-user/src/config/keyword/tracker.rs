//! `vrrp_script`, `track_file`, `vrrp_track_process`, `track_group`.

use super::{Keyword, Kind, block, later, served};

const NO_FILE: &str = "the file is not watched";
const NO_PROCESS: &str = "the process is not watched";

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
    later("file", 1, "PATH", NO_FILE),
    later("weight", 1, "NUMBER [reverse]", NO_FILE),
    later("init_file", 0, "[VALUE] [overwrite]", NO_FILE),
];

pub(super) const PROCESS: &[Keyword] = &[
    later("process", 1, "NAME [PARAMETER ...]", NO_PROCESS),
    later("param_match", 0, "[initial|partial]", NO_PROCESS),
    later("weight", 1, "NUMBER [reverse]", NO_PROCESS),
    later("quorum", 1, "NUMBER", NO_PROCESS),
    later("quorum_max", 1, "NUMBER", NO_PROCESS),
    later("delay", 1, "SECONDS", NO_PROCESS),
    later("terminate_delay", 1, "SECONDS", NO_PROCESS),
    later("fork_delay", 1, "SECONDS", NO_PROCESS),
    later("full_command", 0, "", NO_PROCESS),
];

pub(super) const GROUP: &[Keyword] = &[block(served("group", 0, ""), Kind::Names)];
