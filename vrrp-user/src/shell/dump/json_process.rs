//! `track_process` of `json_version 2`, as keepalived 2.3 and later have it.

use crate::{
    config::model::{Config, Parameters, TrackProcess},
    engine::status::{ProcessStatus, Status},
    tracking::effective::Standing,
};
use serde::Serialize;

#[derive(Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    clippy::struct_field_names,
    reason = "keepalived's"
)]
pub(super) struct Process {
    process: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<String>,
    param_match: &'static str,
    min_processes: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_processes: Option<u32>,
    current_processes: u32,
    have_quorum: bool,
    weight: i16,
    terminate_delay: f64,
    fork_delay: f64,
    fork_delay_timer_running: bool,
    terminate_delay_timer_running: bool,
    full_command: bool,
}

impl Process {
    /// In the order of the file.
    pub(super) fn all(config: &Config, status: &Status) -> Vec<Self> {
        let found = |name: &str| status.processes.iter().find(|it| it.name == name);
        let all = config.processes.iter();
        all.map(|it| Self::of(it, found(&it.name))).collect()
    }

    fn of(process: &TrackProcess, status: Option<&ProcessStatus>) -> Self {
        let (param_match, words) = match &process.pattern.parameters {
            None => ("none", None),
            Some(Parameters::Exactly(words)) => ("exact", Some(words)),
            Some(Parameters::StartWith(words)) => ("partial", Some(words)),
            Some(Parameters::BeginWith(words)) => ("initial", Some(words)),
        };
        let have_quorum = status.is_some_and(|it| it.standing == Standing::Up);
        let delayed = status.is_some_and(|it| it.delayed);
        Self {
            process: process.name.clone(),
            parameters: words.filter(|it| !it.is_empty()).map(|it| it.join(" ")),
            param_match,
            min_processes: process.quorum,
            max_processes: process.quorum_max,
            current_processes: status.and_then(|it| it.count).unwrap_or(0),
            have_quorum,
            weight: process.weight,
            terminate_delay: process.terminate_delay.as_secs_f64(),
            fork_delay: process.fork_delay.as_secs_f64(),
            // With the quorum a delay ends in its loss, without it in its gain.
            fork_delay_timer_running: delayed && !have_quorum,
            terminate_delay_timer_running: delayed && have_quorum,
            full_command: process.pattern.full_command,
        }
    }
}
