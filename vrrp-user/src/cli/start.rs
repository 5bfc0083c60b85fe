//! From options to a process that is ready to be the daemon.

use super::{
    PidFile, Ready, RunOptions, daemonize,
    load::{self, Read},
};
use crate::{
    config::model::{Config, Global},
    shell::{bpf::Diagnostics, driver::Reload, log, process, reload::Marker},
};
use anyhow::{Context as _, Result, anyhow, bail};
use nix::{
    sched::{CloneFlags, setns},
    sys::{
        resource::{RLIM_INFINITY, Resource, setrlimit},
        stat::{Mode, umask},
    },
};
use std::{
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Exit status for what is not the configuration's fault.
const EXIT_FAILURE: u8 = 1;

/// Everything the daemon starts with.
pub struct Started {
    /// The configuration; its findings are in the log.
    pub config: Config,
    /// The file it came from, absolute.
    pub config_file: PathBuf,
    /// For HUP and `reload`.
    pub reload: Reload,
    /// The script process, with the configuration's settings to be sent by
    /// [`process::RunnerHandle::configure`].
    pub runner: process::Runner,
    /// Whether the BPF programs log what is rare.
    pub diagnostics: Diagnostics,
    /// `-u`.
    pub umask: Option<u32>,
    /// To be told once the daemon runs.
    pub ready: Ready,
    /// Removed when dropped.
    pub pid_files: Vec<PidFile>,
    /// `instance NAME` of the configuration, or the config-id where `-i` gave one.
    pub instance_name: Option<String>,
}

/// Starts, and reports failure where it is looked for: in the log, on the terminal
/// that started a daemon, and as an exit status.
pub(super) fn run(options: &RunOptions, serve: impl FnOnce(Started) -> Result<()>) -> ExitCode {
    // Before the working directory changes.
    let config_file = match std::path::absolute(&options.config_file) {
        Ok(path) => path,
        Err(error) => return complain(&anyhow!(error), EXIT_FAILURE),
    };
    let ready = if options.foreground {
        Ok(Ready::nobody_waits())
    } else {
        daemonize::detach()
    };
    let ready = match ready {
        Ok(ready) => ready,
        Err(error) => return complain(&anyhow!(error).context("become a daemon"), EXIT_FAILURE),
    };
    // Its namespace is where everything else starts; what it says of it is logged later.
    let read = load::read(&config_file, &options.reading);
    // Ends the log when dropped: after the last word about a failure.
    let (_log, runner) = match before_the_configuration(options, read.config.as_ref()) {
        Ok(done) => done,
        Err(error) => {
            ready.fail(EXIT_FAILURE);
            return complain(&error, EXIT_FAILURE);
        }
    };
    read.log();
    read.keep();
    // A terminal that waits for the daemon should see them as well.
    let terminal = !options.foreground && !options.log.console;
    if terminal {
        read.findings
            .iter()
            .for_each(|(_, text)| drop(io::stderr().write_all(text.as_bytes())));
    }
    let Read {
        config: Some(config),
        ..
    } = read
    else {
        tracing::error!("Not started: {}", read.verdict());
        ready.fail(read.exit_code);
        return ExitCode::from(read.exit_code.max(1));
    };
    let started = after_the_configuration(options, config, config_file, ready, runner);
    match started.and_then(serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            if terminal {
                complain(&error, EXIT_FAILURE)
            } else {
                ExitCode::from(EXIT_FAILURE)
            }
        }
    }
}

fn complain(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("xvrrpd: {error:#}");
    ExitCode::from(code)
}

fn before_the_configuration(
    options: &RunOptions,
    config: Option<&Config>,
) -> Result<(log::Guard, process::Runner)> {
    if let Some(mask) = options.umask {
        umask(Mode::from_bits_truncate(mask));
    }
    if options.core_dump {
        setrlimit(Resource::RLIMIT_CORE, RLIM_INFINITY, RLIM_INFINITY).context("allow cores")?;
    }
    let written = config.and_then(|config| config.global.net_namespace.as_ref());
    if let Some(name) = options.namespace.as_ref().or(written) {
        enter_namespace(name)?;
    }
    let runner = process::Runner::start().context("start the script process")?;
    let log = log::start(&options.log).context("open the log")?;
    tracing::info!("Starting xvrrpd {}", env!("CARGO_PKG_VERSION"));
    for note in &options.notes {
        tracing::warn!("{note}");
    }
    if let (Some(given), Some(written)) = (&options.namespace, written)
        && given != written
    {
        tracing::warn!("`-s {given}` overrules `net_namespace {written}`");
    }
    Ok((log, runner))
}

fn after_the_configuration(
    options: &RunOptions,
    mut config: Config,
    config_file: PathBuf,
    ready: Ready,
    runner: process::Runner,
) -> Result<Started> {
    if options.dump_config {
        for line in format!("{config:#?}").lines() {
            tracing::info!("{line}");
        }
    }
    let pid_files = options.pid_files.iter().map(|path| PidFile::write(path));
    let pid_files = pid_files.collect::<io::Result<Vec<_>>>()?;
    let instance_name = config
        .global
        .instance_name
        .clone()
        .or_else(|| options.reading.config_id.clone());
    // Somebody may be waiting for the file to go since before the start.
    let mut marker = marker(&config.global, options);
    drop(marker.as_deref().map(Marker::of));
    let (file, reading) = (config_file.clone(), options.reading.clone());
    let namespace = config.global.net_namespace.clone();
    in_force(&mut config, options);
    let given = options.clone();
    let reload: Reload = Box::new(move || {
        let made = marker.as_deref().map(|path| {
            Marker::make(path)
                .inspect_err(|error| tracing::error!("reload_file {}: {error}", path.display()))
        });
        let read = load::read(&file, &reading);
        if let Some(config) = &read.config {
            marker = self::marker(&config.global, &given);
        }
        drop(made);
        read.log();
        read.keep();
        let verdict = read.verdict();
        let mut config = read.config.ok_or_else(|| anyhow!("{verdict}"))?;
        if config.global.net_namespace != namespace {
            tracing::warn!("`net_namespace` is obeyed at a start: restart xvrrpd to move it");
        }
        in_force(&mut config, &given);
        Ok(config)
    });
    Ok(Started {
        config,
        config_file,
        reload,
        runner,
        diagnostics: options.diagnostics,
        umask: options.umask,
        ready,
        pid_files,
        instance_name,
    })
}

/// `-s` overrules `net_namespace`.
fn in_force(config: &mut Config, options: &RunOptions) {
    if options.namespace.is_some() {
        config.global.net_namespace.clone_from(&options.namespace);
    }
}

/// `reload_file`.
fn marker(global: &Global, options: &RunOptions) -> Option<PathBuf> {
    let instance = global.instance_name.as_ref();
    let instance = instance.or(options.reading.config_id.as_ref());
    global
        .reading
        .marker_path(instance.map(String::as_str))
        .map(PathBuf::from)
}

/// Joins a network namespace of `ip netns`. Only the network: bpffs stays the host's.
pub(super) fn enter_namespace(name: &str) -> Result<()> {
    if name.is_empty() || name.contains('/') {
        bail!("{name:?} is no name of a network namespace");
    }
    let path = Path::new("/run/netns").join(name);
    let file = File::open(&path).with_context(|| {
        format!(
            "network namespace {name} ({}; `ip netns add` makes one)",
            path.display()
        )
    })?;
    setns(file, CloneFlags::CLONE_NEWNET).with_context(|| format!("enter network namespace {name}"))
}
