//! Reading a configuration, and saying what was found.

use super::FileSystem;
use crate::{
    config::{self, Context, Loaded, Severity, model::Config},
    shell::clock,
};
use std::path::Path;

/// A configuration with what was found in it, already rendered.
pub(super) struct Read {
    pub(super) config: Option<Config>,
    /// Severity and text of each finding; the text has several lines.
    pub(super) findings: Vec<(Severity, String)>,
    /// keepalived's exit status for it.
    pub(super) exit_code: u8,
}

/// Reads `file`; relative paths start where the process does.
pub(super) fn read(file: &Path, config_id: Option<&str>) -> Read {
    let loaded = load(file, config_id);
    let findings = loaded.diagnostics.iter();
    Read {
        findings: findings
            .map(|it| (it.severity, it.render(&loaded.files)))
            .collect(),
        exit_code: config::exit_code(&loaded.diagnostics),
        config: loaded.config,
    }
}

/// The same, with everything that came of it.
pub(super) fn load(file: &Path, config_id: Option<&str>) -> Loaded {
    let context = Context {
        config_id: config_id.map_or_else(short_host_name, str::to_owned),
        working_directory: std::env::current_dir().unwrap_or_else(|_| "/".into()),
        environment: environment(),
        random_seed: clock::now().as_ns(),
    };
    config::load(&file.to_string_lossy(), &mut FileSystem, &context)
}

impl Read {
    /// Errors, in words.
    pub(super) fn verdict(&self) -> String {
        let errors = self
            .findings
            .iter()
            .filter(|(severity, _)| *severity == Severity::Error);
        let first = errors
            .clone()
            .next()
            .and_then(|(_, text)| text.lines().next());
        match (errors.count(), first) {
            (0, _) => "no errors".to_owned(),
            (1, Some(first)) => first.to_owned(),
            (count, first) => format!("{count} errors; {}", first.unwrap_or_default()),
        }
    }

    /// Writes every finding to the log, a line at a time.
    pub(super) fn log(&self) {
        for (severity, text) in &self.findings {
            for line in text.lines() {
                match severity {
                    Severity::Error => tracing::error!("{line}"),
                    Severity::Warning => tracing::warn!("{line}"),
                    Severity::Note => tracing::info!("{line}"),
                }
            }
        }
    }
}

fn environment() -> std::collections::BTreeMap<String, String> {
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    std::env::vars_os()
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

fn short_host_name() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    let name = name.to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}
