//! What the BPF programs log, to the daemon's log (`--bpf-log`).

use anyhow::{Context, Result};
use aya::Ebpf;
use aya_log::EbpfLogger;
use std::io;
use tokio::io::{Interest, unix::AsyncFd};

/// The programs' records, in the order they were made.
pub(super) struct Diary {
    records: AsyncFd<EbpfLogger<ToTracing>>,
}

impl Diary {
    /// Must be called inside a tokio runtime, after the programs were loaded.
    pub(super) fn open(ebpf: &mut Ebpf) -> Result<Self> {
        let records = EbpfLogger::init_with_logger(ebpf, ToTracing)
            .context("cannot read what the BPF programs log; start without --bpf-log")?;
        // SAFETY: the logger owns its map's descriptor until it is dropped, which
        // is when this is; it never changes or closes it before.
        let records = unsafe { AsyncFd::register_with_interest(records, Interest::READABLE) }
            .context("cannot wait for AYA_LOGS")?;
        Ok(Self { records })
    }

    /// Copies records to the log from now on, beside the event loop. An end of it
    /// is logged and ends nothing else.
    pub(super) fn read_along(self) {
        tracing::info!("The BPF programs log what is rare (--bpf-log)");
        // A task within a task: aya-log panics at a record it cannot read.
        let reading = tokio::spawn(self.read());
        tokio::spawn(async move {
            let why = match reading.await {
                Ok(error) => error.to_string(),
                Err(error) => error.to_string(),
            };
            tracing::warn!("what the BPF programs log is not read any more: {why}");
        });
    }

    async fn read(mut self) -> io::Error {
        loop {
            match self.records.readable_mut().await {
                Ok(mut guard) => {
                    guard.get_inner_mut().flush();
                    guard.clear_ready();
                }
                Err(error) => return error,
            }
        }
    }
}

/// From the `log` crate, which aya-log speaks, to ours.
struct ToTracing;

impl log::Log for ToTracing {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        // IPv4 addresses come mapped; see the programs' `log`.
        let text = record.args().to_string().replace("::ffff:", "");
        match record.level() {
            log::Level::Error => tracing::error!(target: "xvrrpd::bpf", "BPF: {text}"),
            log::Level::Warn => tracing::warn!(target: "xvrrpd::bpf", "BPF: {text}"),
            _ => tracing::info!(target: "xvrrpd::bpf", "BPF: {text}"),
        }
    }

    fn flush(&self) {}
}
