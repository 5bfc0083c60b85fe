//! What is tracked, and what it does to whom.

use super::super::{
    Engine,
    input::ScriptResult,
    instance::{Instance, reading},
};
use crate::{
    config::model::TrackerKind,
    tracking::effective::{Effect, Reading, Standing},
};
use serde::Serialize;

/// One `vrrp_script`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScriptStatus {
    /// Its name.
    pub name: String,
    /// Up, down, unknown.
    pub standing: Standing,
    /// How it last ended, in words; none: not run yet.
    pub last: Option<String>,
}

/// One `track_file`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileStatus {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub path: String,
    /// It is there, and can be read.
    pub exists: bool,
    /// What it says; none: not read yet.
    pub value: Option<i64>,
}

/// One `vrrp_track_process`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProcessStatus {
    /// Its name.
    pub name: String,
    /// The quorum is reached and not exceeded; unknown before the first count.
    pub standing: Standing,
    /// How many there are.
    pub count: Option<u32>,
    /// `quorum`.
    pub quorum: u32,
    /// `quorum_max`.
    pub quorum_max: Option<u32>,
    /// It would stand otherwise, were it not for `fork_delay` or `terminate_delay`.
    pub delayed: bool,
}

/// One `vrrp_track_tcp` or `vrrp_track_http`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbeStatus {
    /// TCP or HTTP.
    pub kind: TrackerKind,
    /// Its name.
    pub name: String,
    /// Who is asked.
    pub service: String,
    /// Up, down, unknown.
    pub standing: Standing,
    /// What came of it last, in words; none: not asked yet.
    pub last: Option<String>,
}

/// One thing that an instance tracks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrackedStatus {
    /// What kind of thing.
    pub kind: TrackerKind,
    /// Its name.
    pub name: String,
    /// Up, down, unknown; of a file its value, once it is read.
    pub value: String,
    /// Weight in force here.
    pub weight: i16,
    /// `reverse`.
    pub reverse: bool,
    /// `none`, `priority`, `pending` or `fault`.
    pub effect: &'static str,
    /// By how much it changes the priority.
    pub change: i32,
}

impl Engine {
    pub(super) fn tracked_by(&self, it: &Instance) -> Vec<TrackedStatus> {
        let one = |(kind, tracked): (TrackerKind, &crate::config::model::Tracked)| {
            let reading = reading(kind, &tracked.name, &self.links, &self.trackers);
            let (effect, change) = Effect::of(kind, tracked, reading).told();
            TrackedStatus {
                kind,
                name: tracked.name.clone(),
                value: match reading {
                    Reading::Value(Some(value)) => value.to_string(),
                    Reading::Value(None) | Reading::Standing(Standing::Unknown) => "unknown".into(),
                    Reading::Standing(Standing::Up) => "up".into(),
                    Reading::Standing(Standing::Down) => "down".into(),
                },
                weight: tracked.weight,
                reverse: tracked.reverse,
                effect,
                change,
            }
        };
        it.config.tracked().map(one).collect()
    }

    pub(super) fn scripts(&self) -> Vec<ScriptStatus> {
        let scripts = self.trackers.scripts.iter();
        let one = scripts.map(|it| ScriptStatus {
            name: it.check().name.clone(),
            standing: it.standing(),
            last: it.last().map(words),
        });
        one.collect()
    }

    pub(super) fn files(&self) -> Vec<FileStatus> {
        let files = self.trackers.files.iter();
        let one = files.map(|(file, value, exists)| FileStatus {
            name: file.name.clone(),
            path: file.path.clone(),
            exists,
            value,
        });
        one.collect()
    }

    pub(super) fn processes(&self) -> Vec<ProcessStatus> {
        let processes = self.trackers.processes.iter();
        let one = processes.map(|(process, standing, count, delayed)| ProcessStatus {
            name: process.name.clone(),
            standing,
            count,
            quorum: process.quorum,
            quorum_max: process.quorum_max,
            delayed,
        });
        one.collect()
    }

    pub(super) fn probes(&self) -> Vec<ProbeStatus> {
        let probes = self.trackers.probes.iter();
        let one = probes.map(|it| {
            let probe = it.check();
            let at = core::net::SocketAddr::new(probe.address, probe.port);
            ProbeStatus {
                kind: probe.kind(),
                name: probe.name.clone(),
                service: match &probe.request {
                    None => at.to_string(),
                    Some(request) => format!("http://{at}{}", request.path),
                },
                standing: it.standing(),
                last: it.last().map(ToString::to_string),
            }
        });
        one.collect()
    }
}

fn words(result: &ScriptResult) -> String {
    match result {
        ScriptResult::Exited(status) => format!("exited with status {status}"),
        ScriptResult::Signaled(signal) => format!("ended by signal {signal}"),
        ScriptResult::TimedOut => String::from("timed out"),
        ScriptResult::CannotRun(why) => format!("cannot run: {why}"),
    }
}
