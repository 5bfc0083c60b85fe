//! Everything that instances track, but interfaces.

use super::{
    effective::{Reading, Standing},
    files::Files,
    probes::Probes,
    processes::Processes,
    scripts::Scripts,
};
use crate::config::model::TrackerKind;

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Trackers {
    /// `vrrp_script`.
    pub scripts: Scripts,
    /// `track_file`.
    pub files: Files,
    /// `vrrp_track_process`.
    pub processes: Processes,
    /// `vrrp_track_tcp` and `vrrp_track_http`.
    pub probes: Probes,
}

impl Trackers {
    /// What is known of one; interfaces are not known here.
    #[must_use]
    pub fn reading(&self, kind: TrackerKind, name: &str) -> Reading {
        let name = || name.to_owned();
        Reading::Standing(match kind {
            TrackerKind::Interface => Standing::Unknown,
            TrackerKind::Script => self.scripts.standing(&name()),
            TrackerKind::File => return Reading::Value(self.files.value(&name())),
            TrackerKind::Process => self.processes.standing(&name()),
            TrackerKind::Tcp | TrackerKind::Http => self.probes.standing(&(kind, name())),
        })
    }

    /// What is known of it follows from what was found, not from how it began.
    #[must_use]
    pub fn is_settled(&self, kind: TrackerKind, name: &str) -> bool {
        match kind {
            TrackerKind::Interface => true,
            TrackerKind::Script => self.scripts.is_settled(&name.to_owned()),
            TrackerKind::File => self.files.value(name).is_some(),
            TrackerKind::Process => self.processes.standing(name) != Standing::Unknown,
            TrackerKind::Tcp | TrackerKind::Http => {
                self.probes.is_settled(&(kind, name.to_owned()))
            }
        }
    }
}
