//! D-Bus as keepalived has it: `enable_dbus`.
//!
//! The event loop writes what is so into a table and what has happened into a bounded
//! queue, and never waits. A thread of its own (`bus`) connects, serves the objects
//! (`objects`) and sends the signals; a bus that is down, hangs or is slow holds up
//! nobody but itself.

mod bus;
mod objects;

use super::{control::Request, notify::Backlog};
use crate::config::model::{Config, Family};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};
use tokio::sync::{Notify, mpsc};

/// Signals kept for a bus that is slow.
const SIGNALS_MAX: usize = 1024;
/// Calls that may wait for the event loop.
const CALLS_WAITING: usize = 4;
/// How often the end of the last signal is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Tells the bus, or does nothing where there is no `enable_dbus`.
#[derive(Debug)]
pub struct Dbus {
    shared: Arc<Shared>,
    requests: mpsc::Sender<Request>,
    thread: Option<thread::JoinHandle<()>>,
    /// Reloaded, but not all that follows from it has been told.
    reloaded: bool,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug)]
struct State {
    /// The name to be had; none: not to be on the bus.
    service: Option<String>,
    /// By object path.
    instances: BTreeMap<String, Instance>,
    /// Dropped by a reload that has not been told of yet.
    leaving: BTreeMap<String, Instance>,
    signals: Backlog<Signal>,
    connected: bool,
    /// Why the last attempt failed, until one does not.
    outage: Option<String>,
    ending: bool,
    ended: bool,
}

/// What an instance's object shows.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Instance {
    name: String,
    status: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Signal {
    Status { path: String, status: u32 },
    Reloaded,
    Stopped,
}

impl State {
    /// What was to be told while there was no bus is no news any more.
    fn forget(&mut self) {
        self.signals.forget();
        self.leaving.clear();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dbus {
    /// Nothing is done before [`Dbus::configure`]. What is called comes out here.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Request>) {
        let (requests, calls) = mpsc::channel(CALLS_WAITING);
        let state = State {
            service: None,
            instances: BTreeMap::new(),
            leaving: BTreeMap::new(),
            signals: Backlog::new(SIGNALS_MAX),
            connected: false,
            outage: None,
            ending: false,
            ended: false,
        };
        let dbus = Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                news: Notify::new(),
            }),
            requests,
            thread: None,
            reloaded: false,
        };
        (dbus, calls)
    }

    /// The objects from now on. Those that are no more stay until
    /// [`Dbus::finish_reload`].
    pub fn configure(&mut self, config: &Config) {
        let mut state = self.shared.lock();
        let service = config.global.dbus.as_ref().map(|it| it.service.clone());
        let mut before = std::mem::take(&mut state.instances);
        for it in &config.instances {
            let path = instance_path(&it.interface, it.vrid, it.family);
            let status = before.remove(&path).map_or(0, |old| old.status);
            let name = it.name.clone();
            state.instances.insert(path, Instance { name, status });
        }
        state.leaving.append(&mut before);
        let wanted = service.is_some();
        self.reloaded = self.thread.is_some() && wanted;
        state.service = service;
        drop(state);
        if wanted && self.thread.is_none() {
            let (shared, requests) = (Arc::clone(&self.shared), self.requests.clone());
            let thread = thread::Builder::new().name("xvrrpd-dbus".into());
            match thread.spawn(move || bus::work(&shared, &requests)) {
                Ok(handle) => self.thread = Some(handle),
                Err(error) => tracing::error!("no thread for D-Bus: {error}"),
            }
        }
        self.shared.news.notify_one();
    }

    /// An instance is in another state, by keepalived's number.
    pub fn status(&self, name: &str, status: u32) {
        let mut state = self.shared.lock();
        let state = &mut *state;
        let mut all = state.instances.iter_mut().chain(&mut state.leaving);
        let Some((path, it)) = all.find(|(_, it)| it.name == name) else {
            return;
        };
        it.status = status;
        let path = path.clone();
        self.push(state, Signal::Status { path, status });
    }

    /// All that a reload has changed is told.
    pub fn finish_reload(&mut self) {
        if std::mem::take(&mut self.reloaded) {
            self.push(&mut self.shared.lock(), Signal::Reloaded);
        }
    }

    fn push(&self, state: &mut State, signal: Signal) {
        if state.service.is_none() {
            return;
        }
        if state.signals.push(signal) && state.signals.lost() == 1 {
            tracing::warn!("more than {SIGNALS_MAX} signals wait for D-Bus; the oldest are lost");
        }
        self.shared.news.notify_one();
    }

    /// Tells that the daemon ends, and leaves the bus; gives up after `limit`.
    pub async fn close(&self, limit: Duration) {
        if self.thread.is_none() {
            return;
        }
        {
            let mut state = self.shared.lock();
            self.push(&mut state, Signal::Stopped);
            state.ending = true;
        }
        self.shared.news.notify_one();
        let ended = async {
            while !self.shared.lock().ended {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        if tokio::time::timeout(limit, ended).await.is_err() {
            tracing::info!("D-Bus does not take the last signals");
        }
    }

    /// For `status`.
    #[must_use]
    pub fn describe(&self) -> Value {
        let state = self.shared.lock();
        let Some(service) = &state.service else {
            return Value::Null;
        };
        json!({
            "service": service,
            "connected": state.connected,
            "waiting": state.signals.len(),
            "lost": state.signals.lost(),
            "error": state.outage,
        })
    }
}

/// keepalived's; what no object path may have becomes an underscore.
fn instance_path(interface: &str, vrid: u8, family: Family) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let interface: String = interface.chars().map(safe).collect();
    let family = match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    };
    format!("{INSTANCES}/{interface}/{vrid}/{family}")
}

const ROUTER: &str = "/org/keepalived/Vrrp1/Vrrp";
const INSTANCES: &str = "/org/keepalived/Vrrp1/Instance";

/// keepalived's words for its numbers.
const fn state_word(status: u32) -> &'static str {
    match status {
        0 => "Init",
        1 => "Backup",
        2 => "Master",
        3 => "Fault",
        _ => "Stop",
    }
}
