//! Reading a configuration, and saying what was found.

use super::FileSystem;
use crate::{
    config::{self, Context, Loaded, Severity, model::Config},
    shell::{clock, reload::Kept},
};
use std::path::Path;

/// What the command line says of reading it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// `-i`: what `@id` is compared with; the host name if absent.
    pub config_id: Option<String>,
    /// `-e`: every file that is included has to be there.
    pub strict_includes: bool,
}

/// A configuration with what was found in it, already rendered.
pub(super) struct Read {
    pub(super) config: Option<Config>,
    /// Severity and text of each finding; the text has several lines.
    pub(super) findings: Vec<(Severity, String)>,
    /// keepalived's exit status for it.
    pub(super) exit_code: u8,
    /// With `config_save_dir`: that, and all that was read.
    copy: Option<(String, String)>,
}

/// Reads `file`; relative paths start where the process does.
pub(super) fn read(file: &Path, reading: &Reading) -> Read {
    let loaded = load(file, reading);
    let findings = loaded.diagnostics.iter();
    let reading = loaded.config.as_ref().map(|it| &it.global.reading);
    Read {
        copy: reading
            .and_then(|it| it.save_directory.clone())
            .map(|directory| (directory, copy(&loaded))),
        findings: findings
            .map(|it| (it.severity, it.render(&loaded.files)))
            .collect(),
        exit_code: config::exit_code(&loaded.diagnostics),
        config: loaded.config,
    }
}

/// The same, with everything that came of it.
pub(super) fn load(file: &Path, reading: &Reading) -> Loaded {
    let given = reading.config_id.clone();
    let context = Context {
        config_id: given.unwrap_or_else(short_host_name),
        strict_includes: reading.strict_includes,
        working_directory: std::env::current_dir().unwrap_or_else(|_| "/".into()),
        environment: environment(),
        random_seed: clock::now().as_ns(),
    };
    config::load(&file.to_string_lossy(), &mut FileSystem, &context)
}

/// Every file that was read, one after the other.
fn copy(loaded: &Loaded) -> String {
    let one = |file: &config::source::File| format!("# {}\n{}\n", file.path.display(), file.text);
    loaded.files.iter().map(one).collect()
}

impl Read {
    /// `config_save_dir`.
    pub(super) fn keep(&self) {
        if let Some((directory, text)) = &self.copy {
            Kept::configuration(directory, text);
        }
    }

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
