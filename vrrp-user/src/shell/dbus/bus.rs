//! The thread that is on the bus.

use super::{
    ROUTER, Shared, Signal,
    objects::{Caller, Instance, Router},
};
use crate::shell::control::Request;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use zbus::{Connection, connection::Builder, object_server::SignalEmitter};

/// For the bus to take us in, and to take a signal. One that does neither is left.
const BUS_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two attempts at a bus that is down.
const RETRY: Duration = Duration::from_secs(5);

/// The thread. It ends with the daemon.
pub(super) fn work(shared: &Arc<Shared>, requests: &mpsc::Sender<Request>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(serve(shared, &Caller(requests.clone()))),
        Err(error) => tracing::error!("no D-Bus: {error}"),
    }
    shared.lock().ended = true;
}

async fn serve(shared: &Arc<Shared>, caller: &Caller) {
    loop {
        let (service, ending) = {
            let state = shared.lock();
            (state.service.clone(), state.ending)
        };
        if ending {
            return;
        }
        let Some(service) = service else {
            shared.news.notified().await;
            continue;
        };
        let mut session = match Session::begin(shared, caller, &service).await {
            Ok(session) => session,
            Err(why) => {
                failed(shared, &format!("connect as {service}: {why}"));
                tokio::select! {
                    () = sleep(RETRY) => {}
                    () = ended(shared) => {}
                }
                continue;
            }
        };
        {
            let mut state = shared.lock();
            state.connected = true;
            if state.outage.take().is_some() {
                state.forget();
            }
        }
        tracing::info!("D-Bus: {service}");
        let done = session.run().await;
        shared.lock().connected = false;
        match done {
            Ok(()) => {
                let _ = timeout(BUS_TIMEOUT, session.connection.graceful_shutdown()).await;
            }
            Err(why) => failed(shared, &why),
        }
    }
}

/// The daemon ends, or its configuration has changed.
async fn ended(shared: &Shared) {
    shared.news.notified().await;
    while !shared.lock().ending {
        shared.news.notified().await;
    }
}

/// One line an outage.
fn failed(shared: &Shared, why: &str) {
    let mut state = shared.lock();
    state.forget();
    if state.outage.is_none() {
        tracing::warn!("D-Bus: {why}; trying again every {RETRY:?}");
    }
    state.outage = Some(why.to_owned());
}

/// One connection.
struct Session<'a> {
    shared: &'a Arc<Shared>,
    caller: &'a Caller,
    service: String,
    connection: Connection,
    /// Paths of the objects that are there.
    served: BTreeSet<String>,
}

impl<'a> Session<'a> {
    async fn begin(
        shared: &'a Arc<Shared>,
        caller: &'a Caller,
        service: &str,
    ) -> Result<Self, String> {
        let router = Router(caller.clone());
        let connection = async {
            Builder::system()
                .serve_at(ROUTER, router)
                .build()
                .await
                .map_err(|error| error.to_string())
        };
        let connection = limited(connection).await?;
        let mut session = Self {
            shared,
            caller,
            service: service.to_owned(),
            connection,
            served: BTreeSet::new(),
        };
        session.reconcile().await?;
        // The name last: who finds it finds the objects.
        limited(async {
            let named = session.connection.request_name(service).await;
            named.map_err(|error| error.to_string())
        })
        .await?;
        let emitter = session.emitter(ROUTER)?;
        limited(told(Router::vrrp_started(&emitter))).await?;
        Ok(session)
    }

    /// Until the daemon ends or wants another name; an error: the bus is gone.
    async fn run(&mut self) -> Result<(), String> {
        loop {
            self.reconcile().await?;
            loop {
                let signal = self.shared.lock().signals.pop();
                let Some(signal) = signal else { break };
                self.tell(signal).await?;
            }
            {
                let state = self.shared.lock();
                let same = state.service.as_ref() == Some(&self.service);
                if state.signals.len() == 0 && (state.ending || !same) {
                    return Ok(());
                }
            }
            tokio::select! {
                () = self.shared.news.notified() => {}
                () = self.connection.closed() => return Err("the connection was closed".into()),
            }
        }
    }

    /// The objects are those of the table.
    async fn reconcile(&mut self) -> Result<(), String> {
        let wanted: BTreeSet<String> = {
            let state = self.shared.lock();
            let all = state.instances.keys().chain(state.leaving.keys());
            all.cloned().collect()
        };
        let server = self.connection.object_server();
        for path in self.served.difference(&wanted) {
            let removed = server.remove::<Instance, _>(path.as_str()).await;
            removed.map_err(|error| format!("{path}: {error}"))?;
        }
        for path in wanted.difference(&self.served) {
            let object = Instance {
                caller: self.caller.clone(),
                shared: Arc::clone(self.shared),
                path: path.clone(),
            };
            let added = server.at(path.as_str(), object).await;
            added.map_err(|error| format!("{path}: {error}"))?;
        }
        self.served = wanted;
        Ok(())
    }

    fn emitter<'p>(&self, path: &'p str) -> Result<SignalEmitter<'p>, String> {
        SignalEmitter::new(&self.connection, path).map_err(|error| error.to_string())
    }

    async fn tell(&mut self, signal: Signal) -> Result<(), String> {
        match signal {
            Signal::Status { path, status } => {
                let emitter = self.emitter(&path)?;
                limited(told(Instance::vrrp_status_change(&emitter, status))).await?;
                let server = self.connection.object_server();
                // Gone meanwhile: nobody has its properties.
                let Ok(object) = server.interface::<_, Instance>(path.as_str()).await else {
                    return Ok(());
                };
                let object = object.get().await;
                limited(told(object.state_changed(&emitter))).await
            }
            Signal::Reloaded => {
                self.shared.lock().leaving.clear();
                self.reconcile().await?;
                limited(told(Router::vrrp_reloaded(&self.emitter(ROUTER)?))).await
            }
            Signal::Stopped => limited(told(Router::vrrp_stopped(&self.emitter(ROUTER)?))).await,
        }
    }
}

async fn told(signal: impl Future<Output = zbus::Result<()>>) -> Result<(), String> {
    signal.await.map_err(|error| error.to_string())
}

async fn limited<T>(what: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let done = timeout(BUS_TIMEOUT, what).await;
    done.unwrap_or_else(|_| Err(format!("no answer within {BUS_TIMEOUT:?}")))
}
