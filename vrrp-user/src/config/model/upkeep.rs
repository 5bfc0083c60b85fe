//! What the daemon writes about itself, and what makes it read its configuration again.

use serde::{Deserialize, Serialize};

/// Where dump files go, and how they look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dumps {
    /// `dump_directory`; the daemon's own below `/run` when absent.
    pub directory: Option<String>,
    /// `state_dump_file`, in that directory unless absolute.
    pub data: Option<String>,
    /// `stats_dump_file`.
    pub stats: Option<String>,
    /// `json_dump_file`.
    pub json: Option<String>,
    /// `data_use_instance`: the state's file has namespace and instance in its name.
    pub named: bool,
    /// `json_version`.
    pub json_version: JsonVersion,
}

/// `json_version`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum JsonVersion {
    /// `1`: an array of instances.
    #[default]
    One,
    /// `2`: an object with that array, and with what is tracked.
    Two,
}

/// When the configuration is read, and what is kept of that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// `reload_time_file`: it says when to read it again.
    pub time_file: Option<String>,
    /// `reload_repeat`: every day at that time.
    pub repeat: bool,
    /// `reload_file`: there as long as the files are being read.
    pub marker: Option<Marker>,
    /// `config_save_dir`: what was read is kept here, and the state before and after.
    pub save_directory: Option<String>,
}

/// `reload_file`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Marker {
    /// keepalived's own place.
    Usual,
    /// Here.
    Path(String),
}

impl Reading {
    /// Where the marker is, for a daemon of this name.
    #[must_use]
    pub fn marker_path(&self, instance: Option<&str>) -> Option<String> {
        match (self.marker.as_ref()?, instance) {
            (Marker::Path(path), _) => Some(path.clone()),
            (Marker::Usual, None) => Some("/run/keepalived.reload".to_owned()),
            (Marker::Usual, Some(name)) => {
                Some(format!("/run/keepalived/keepalived_{name}.reload"))
            }
        }
    }
}
