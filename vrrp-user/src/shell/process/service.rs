//! Scripts that are to run as long as something else does: those that read a FIFO.

use super::supervisor::Notify;
use std::{collections::BTreeMap, time::Duration};
use tokio::{sync::oneshot, time::Instant};

/// From the end of a service to its next start. keepalived does not start it again.
const PAUSE: Duration = Duration::from_secs(5);

/// By name.
#[derive(Debug, Default)]
pub(super) struct Services {
    all: BTreeMap<String, Service>,
    /// Whoever waits for them to end by themselves.
    waiting: Vec<oneshot::Sender<()>>,
}

#[derive(Debug)]
struct Service {
    what: Notify,
    running: Option<u64>,
    start_at: Instant,
    /// How it ended last, as it was told.
    told: Option<String>,
}

impl Services {
    /// Wanted from now on.
    pub(super) fn add(&mut self, name: String, what: Notify) {
        let service = Service {
            what,
            running: None,
            start_at: Instant::now(),
            told: None,
        };
        self.all.insert(name, service);
    }

    /// Wanted no more; the run that is to be stopped.
    pub(super) fn remove(&mut self, name: &str) -> Option<u64> {
        self.all.remove(name)?.running
    }

    /// When the next one is to be started.
    pub(super) fn next_start(&self) -> Option<Instant> {
        let idle = self.all.values().filter(|it| it.running.is_none());
        idle.map(|it| it.start_at)
            .min()
            .filter(|_| self.waiting.is_empty())
    }

    /// Those that are due.
    pub(super) fn due(&self) -> Vec<(String, Notify)> {
        let now = Instant::now();
        if !self.waiting.is_empty() {
            return Vec::new();
        }
        let due = self
            .all
            .iter()
            .filter(|(_, it)| it.running.is_none() && it.start_at <= now);
        due.map(|(name, it)| (name.clone(), it.what.clone()))
            .collect()
    }

    pub(super) fn started(&mut self, name: &str, id: u64) {
        if let Some(service) = self.all.get_mut(name) {
            service.running = Some(id);
        }
    }

    /// A run is over; `how` in words.
    pub(super) fn ended(&mut self, id: u64, how: &str) {
        let ending = !self.waiting.is_empty();
        let found = self.all.iter_mut().find(|(_, it)| it.running == Some(id));
        if let Some((path, service)) = found {
            service.running = None;
            service.start_at = Instant::now() + PAUSE;
            let news = service.told.as_deref() != Some(how);
            if news && !ending {
                tracing::warn!(
                    "notify FIFO script of {path} ended: {how}; it is started again {} s after each end",
                    PAUSE.as_secs()
                );
                service.told = Some(how.to_owned());
            }
        }
        self.settle();
    }

    /// The runner is gone, and they with it.
    pub(super) fn all_ended(&mut self) {
        for service in self.all.values_mut() {
            service.running = None;
            service.start_at = Instant::now();
        }
        self.settle();
    }

    /// Told once none runs any more; none is started again.
    pub(super) fn wait_for_end(&mut self, waiter: oneshot::Sender<()>) {
        self.waiting.push(waiter);
        self.settle();
    }

    fn settle(&mut self) {
        if self.all.values().all(|it| it.running.is_none()) {
            for waiter in self.waiting.drain(..) {
                let _ = waiter.send(());
                self.all.clear();
            }
        }
    }
}
