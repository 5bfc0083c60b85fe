//! What instances and sync groups track, and what looks at it.

use super::Instance;
use core::{net::IpAddr, time::Duration};
use serde::{Deserialize, Serialize};

/// What kind of thing is tracked; each has names of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrackerKind {
    /// `track_interface`.
    Interface,
    /// `track_script`.
    Script,
    /// `track_file`.
    File,
    /// `track_process`.
    Process,
    /// `track_tcp`, which is ours.
    Tcp,
    /// `track_http`, which is ours.
    Http,
}

/// A line of `track_interface`, `track_script` and the other `track_*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracked {
    /// Name of the interface, or of the block that says what to look at.
    pub name: String,
    /// -254..=254; 0: down means FAULT. The block's own weight where the line has none.
    pub weight: i16,
    /// `reverse`.
    pub reverse: bool,
}

/// `track_file`, once `vrrp_track_file`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackFile {
    /// Its name.
    pub name: String,
    /// The file, by an absolute path.
    pub path: String,
    /// `init_file`.
    pub init: Option<InitFile>,
}

/// `init_file`: what is written to a tracked file when the daemon starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitFile {
    /// The value.
    pub value: i32,
    /// `overwrite`: also to a file that exists.
    pub overwrite: bool,
}

/// `vrrp_track_process`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackProcess {
    /// Its name.
    pub name: String,
    /// Which processes count.
    pub pattern: ProcessPattern,
    /// `quorum`: fewer are a failure.
    pub quorum: u32,
    /// `quorum_max`: more are a failure.
    pub quorum_max: Option<u32>,
    /// `fork_delay`: what a fork brought about counts after this.
    pub fork_delay: Duration,
    /// `terminate_delay`: what an exit brought about counts after this.
    pub terminate_delay: Duration,
    /// `weight`, as dumps show it: negative if it is reversed.
    pub weight: i16,
}

/// `process`, `full_command` and `param_match`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessPattern {
    /// The name in `/proc/PID/comm`, or with `full_command` the first word of
    /// `/proc/PID/cmdline`.
    pub command: String,
    /// `full_command`, or any parameters.
    pub full_command: bool,
    /// Which parameters; any where absent.
    pub parameters: Option<Parameters>,
}

/// Parameters a process must have been started with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Parameters {
    /// These and no others.
    Exactly(Vec<String>),
    /// `partial`: these first.
    StartWith(Vec<String>),
    /// `initial`: these first, of which the last may go on.
    BeginWith(Vec<String>),
}

/// `vrrp_track_tcp` and `vrrp_track_http`: a service that is asked, without a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Its name.
    pub name: String,
    /// `host`.
    pub address: IpAddr,
    /// `port`.
    pub port: u16,
    /// What is asked; a connection is enough where absent.
    pub request: Option<HttpRequest>,
    /// Time between starts.
    pub interval: Duration,
    /// `connect_timeout` or `timeout`: an answer that takes longer is none.
    pub timeout: Duration,
    /// Successes in a row until it counts as up.
    pub rise: u32,
    /// Failures in a row until it counts as down.
    pub fall: u32,
    /// `init_fail`: down until it has succeeded.
    pub init_fail: bool,
}

/// One GET over HTTP/1.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// `virtualhost`, or host and port.
    pub host: String,
    /// `path`.
    pub path: String,
    /// `status_code`: each range from the first to the last code that is good.
    pub good: Vec<(u16, u16)>,
}

impl Probe {
    /// [`TrackerKind::Tcp`] or [`TrackerKind::Http`].
    #[must_use]
    pub const fn kind(&self) -> TrackerKind {
        match self.request {
            None => TrackerKind::Tcp,
            Some(_) => TrackerKind::Http,
        }
    }
}

impl TrackerKind {
    /// What it is called in sentences.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Interface => "interface",
            Self::Script => "script",
            Self::File => "file",
            Self::Process => "process",
            Self::Tcp => "TCP service",
            Self::Http => "HTTP service",
        }
    }
}

impl Instance {
    /// Everything it tracks, its sync group's trackers included.
    pub fn tracked(&self) -> impl Iterator<Item = (TrackerKind, &Tracked)> {
        [
            (TrackerKind::Interface, &self.track_interfaces),
            (TrackerKind::Script, &self.track_scripts),
            (TrackerKind::File, &self.track_files),
            (TrackerKind::Process, &self.track_processes),
            (TrackerKind::Tcp, &self.track_tcp),
            (TrackerKind::Http, &self.track_http),
        ]
        .into_iter()
        .flat_map(|(kind, all)| all.iter().map(move |tracked| (kind, tracked)))
    }

    /// It tracks this.
    #[must_use]
    pub fn tracks(&self, kind: TrackerKind, name: &str) -> bool {
        self.tracked()
            .any(|(of, tracked)| of == kind && tracked.name == name)
    }
}
