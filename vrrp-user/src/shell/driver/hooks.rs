//! `startup_script` and `shutdown_script`: before everything, and after it.

use crate::{
    config::model::Hook,
    shell::{
        process::RunnerHandle,
        signals::{Signal, Signals},
    },
};

/// Waits for the script at the start; however it ends, the daemon goes on. `false`: it
/// is to stop meanwhile, and has not begun.
pub(super) async fn start_up(runner: &RunnerHandle, hook: &Hook, signals: &mut Signals) -> bool {
    let script = run(runner, "startup", hook);
    tokio::pin!(script);
    loop {
        tokio::select! {
            () = &mut script => return true,
            signal = signals.recv() => match signal {
                Signal::Terminate | Signal::Leave => {
                    tracing::info!("Stopping before the startup script has ended");
                    return false;
                }
                _ => tracing::warn!("the startup script runs: not yet"),
            },
        }
    }
}

/// Runs it to its end or its timeout.
pub(super) async fn run(runner: &RunnerHandle, when: &str, hook: &Hook) {
    tracing::debug!("Running {when} script");
    let done = runner.run_once(hook.command.clone(), hook.user.clone(), hook.timeout);
    match done.await {
        Ok(()) => tracing::debug!("{when} script succeeded"),
        Err(why) => tracing::warn!("{when} script failed: {why}"),
    }
}
