//! Looks at what instances track: files (`files`), processes (`processes`, told by
//! `connector` or by looking again) and services (`probes`).
//!
//! Files and processes are read by threads of their own, because any of them may
//! hang; services are asked by tasks. None of them decides anything: what was found
//! goes to the engine.

mod connector;
mod files;
mod probes;
mod processes;

#[cfg(test)]
mod files_test;
#[cfg(test)]
mod probes_test;
#[cfg(test)]
mod processes_test;

use crate::{
    config::model::{Probe, ProcessPattern, TrackFile, TrackerKind},
    engine::input::Input,
};
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Once},
};
use tokio::sync::mpsc;

/// Findings that may wait for the event loop.
const QUEUE: usize = 1024;

/// Something that was found.
#[derive(Debug)]
pub struct Found {
    by: By,
    input: Input,
}

/// Who found it; what an earlier one found means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Files(u64),
    Processes(u64),
    Probe(u64),
}

/// All that looks.
#[derive(Debug)]
pub struct Tracking {
    out: mpsc::Sender<Found>,
    generation: u64,
    files: Option<(u64, Stop)>,
    processes: Option<(u64, Stop)>,
    probes: BTreeMap<(TrackerKind, String), (u64, tokio::task::AbortHandle)>,
    /// It was said that processes are counted by looking again.
    told: Arc<Once>,
}

impl Tracking {
    /// Nothing is looked at yet. Findings come out of the receiver.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Found>) {
        let (out, found) = mpsc::channel(QUEUE);
        let tracking = Self {
            out,
            generation: 0,
            files: None,
            processes: None,
            probes: BTreeMap::new(),
            told: Arc::new(Once::new()),
        };
        (tracking, found)
    }

    /// What the engine is to hear of a finding, if that is still of interest.
    pub fn accept(&mut self, found: Found) -> Option<Input> {
        let current = match found.by {
            By::Files(n) => self.files.as_ref().is_some_and(|(now, _)| *now == n),
            By::Processes(n) => self.processes.as_ref().is_some_and(|(now, _)| *now == n),
            By::Probe(n) => {
                let before = self.probes.len();
                self.probes.retain(|_, (now, _)| *now != n);
                self.probes.len() < before
            }
        };
        current.then_some(found.input)
    }

    /// Reads these files, now and whenever they change, and no others. `first`: those
    /// that are to begin with a value are given it.
    pub fn watch_files(&mut self, files: Vec<TrackFile>, first: bool) -> io::Result<()> {
        let generation = self.next();
        self.files = None;
        if files.is_empty() {
            return Ok(());
        }
        let out = self.outlet(By::Files(generation));
        let stop = files::start(files, first, out)?;
        self.files = Some((generation, stop));
        Ok(())
    }

    /// Counts these processes, now and whenever their number changes, and no others.
    pub fn watch_processes(&mut self, wanted: Vec<(String, ProcessPattern)>) -> io::Result<()> {
        let generation = self.next();
        self.processes = None;
        if wanted.is_empty() {
            return Ok(());
        }
        let out = self.outlet(By::Processes(generation));
        let stop = processes::start(wanted, out, Arc::clone(&self.told))?;
        self.processes = Some((generation, stop));
        Ok(())
    }

    /// Asks a service once; must be called inside a runtime.
    pub fn probe(&mut self, probe: Probe) {
        let generation = self.next();
        let out = self.outlet(By::Probe(generation));
        let key = (probe.kind(), probe.name.clone());
        let task = tokio::spawn(async move {
            let (kind, name) = (probe.kind(), probe.name.clone());
            let answer = probes::ask(&probe).await;
            let input = Input::Probed { kind, name, answer };
            // Only the end of the daemon closes this.
            let _ = out.send.send(Found { by: out.by, input }).await;
        });
        let running = (generation, task.abort_handle());
        if let Some((_, before)) = self.probes.insert(key, running) {
            before.abort();
        }
    }

    /// Waits no longer for the answer of this service.
    pub fn stop_probe(&mut self, kind: TrackerKind, name: &str) {
        if let Some((_, task)) = self.probes.remove(&(kind, name.to_owned())) {
            task.abort();
        }
    }

    fn next(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }

    fn outlet(&self, by: By) -> Outlet {
        Outlet {
            send: self.out.clone(),
            by,
        }
    }
}

/// Where a thread leaves what it finds.
#[derive(Debug)]
struct Outlet {
    send: mpsc::Sender<Found>,
    by: By,
}

impl Outlet {
    /// `false`: nobody is interested any more.
    fn tell(&self, input: Input) -> bool {
        let found = Found { by: self.by, input };
        self.send.blocking_send(found).is_ok()
    }
}

/// Ends a thread once this is dropped. Nobody waits for that: it may hang in a file
/// system.
#[derive(Debug)]
struct Stop(Arc<EventFd>);

impl Stop {
    /// And what the thread waits for.
    fn new() -> io::Result<(Self, Arc<EventFd>)> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let event = Arc::new(EventFd::from_flags(flags)?);
        Ok((Self(Arc::clone(&event)), event))
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        let _ = self.0.write(1);
    }
}
