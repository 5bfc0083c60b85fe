//! `xvrrpd`: the command line, then the event loop.

use anyhow::{Context as _, Result};
use std::process::ExitCode;
use vrrp_user::{
    cli::{self, Started},
    engine::settings::Settings,
    shell::{
        bpf::{Instance, Lock, Variant},
        control, driver,
        process::Settings as ScriptSettings,
        signals::Signals,
    },
};

fn main() -> ExitCode {
    cli::main(serve)
}

/// Runs the daemon until it is told to stop.
fn serve(started: Started) -> Result<()> {
    let instance = Instance::here(started.instance_name.as_deref())?;
    let lock = Lock::take(&instance)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the event loop")?;
    // The pid files go after the event loop.
    let Started {
        config,
        reload,
        runner,
        diagnostics,
        ready,
        pid_files: _pid_files,
        umask,
        ..
    } = started;
    let scripts = ScriptSettings::from(&config.global);
    runtime.block_on(async {
        let signals = Signals::new().context("listen for signals")?;
        let (_control, requests) =
            control::serve(&control::socket_path(&instance)).context("open the control socket")?;
        let options = driver::Options {
            instance: instance.clone(),
            variant: Variant::from_environment()?,
            diagnostics,
            settings: Settings::default(),
            config,
            reload,
            runner,
            scripts,
            umask,
        };
        Box::pin(driver::run(options, requests, signals, || ready.tell())).await
    })?;
    lock.release()
}
