//! What is on the bus: keepalived's two interfaces, with its names and signatures.

use super::{Shared, state_word};
use crate::shell::{
    control::{Asked, Reply, Request},
    signals::Signal,
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::timeout};
use zbus::{fdo, interface, object_server::SignalEmitter};

/// For the event loop to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The way to the event loop.
#[derive(Clone, Debug)]
pub(super) struct Caller(pub(super) mpsc::Sender<Request>);

impl Caller {
    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> fdo::Result<T> {
        let failed = |why: &str| fdo::Error::Failed(why.to_owned());
        let (reply, answer) = Reply::new();
        if self.0.try_send(request(reply)).is_err() {
            return Err(failed("the daemon is busy or ending"));
        }
        match timeout(ANSWER_TIMEOUT, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(failed("the daemon is ending")),
            Err(_) => Err(failed("the daemon does not answer")),
        }
    }

    async fn signal(&self, signal: Signal) -> fdo::Result<()> {
        self.ask(|reply| Request::Signal(signal, reply)).await
    }
}

/// The daemon.
pub(super) struct Router(pub(super) Caller);

#[interface(name = "org.keepalived.Vrrp1.Vrrp")]
impl Router {
    async fn print_data(&self) -> fdo::Result<()> {
        self.0.signal(Signal::DumpData).await
    }

    async fn print_stats(&self) -> fdo::Result<()> {
        self.0.signal(Signal::DumpStats).await
    }

    async fn print_stats_clear(&self) -> fdo::Result<()> {
        self.0.signal(Signal::ClearStats).await
    }

    async fn reload_config(&self) -> fdo::Result<()> {
        self.0
            .ask(Request::Reload)
            .await?
            .map_err(fdo::Error::Failed)
    }

    #[zbus(signal)]
    pub(super) async fn vrrp_started(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;

    #[zbus(signal)]
    pub(super) async fn vrrp_reloaded(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;

    #[zbus(signal)]
    pub(super) async fn vrrp_stopped(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;
}

/// A virtual router.
pub(super) struct Instance {
    pub(super) caller: Caller,
    pub(super) shared: Arc<Shared>,
    pub(super) path: String,
}

impl Instance {
    fn now(&self) -> fdo::Result<super::Instance> {
        let state = self.shared.lock();
        let found = state.instances.get(&self.path);
        found
            .or_else(|| state.leaving.get(&self.path))
            .cloned()
            .ok_or_else(|| fdo::Error::UnknownObject(self.path.clone()))
    }
}

#[interface(name = "org.keepalived.Vrrp1.Instance")]
impl Instance {
    async fn send_garp(&self) -> fdo::Result<()> {
        let name = self.now()?.name;
        let asked = |reply| Request::Engine(Asked::Announce { name }, reply);
        let answer = self.caller.ask(asked).await?;
        answer.map(drop).map_err(fdo::Error::Failed)
    }

    #[zbus(signal)]
    pub(super) async fn vrrp_status_change(
        emitter: &SignalEmitter<'_>,
        status: u32,
    ) -> zbus::Result<()>;

    /// keepalived declares a string and gives a structure of one. Its clients take what
    /// is given, so that is declared here as well.
    #[zbus(property)]
    fn name(&self) -> fdo::Result<(String,)> {
        Ok((self.now()?.name,))
    }

    #[zbus(property)]
    fn state(&self) -> fdo::Result<(u32, String)> {
        let status = self.now()?.status;
        Ok((status, state_word(status).to_owned()))
    }
}
