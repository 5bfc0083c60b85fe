//! Links and addresses: what the kernel reports, and what it should look like.
//!
//! All of it runs on a thread of its own, because a netlink request waits for a
//! lock that any other program may hold for milliseconds.
//!
//! `monitor` hears events, `kernel` keeps the picture they make, `reconcile` says
//! what it lacks, `reconciler` when to ask for it, `addresses` asks.
//! `network` does the same for routes and rules.
//! `release` does without all that what a dead daemon cannot.

pub mod addresses;
pub mod kernel;
pub mod monitor;
mod network;
mod promoted;
pub mod reconcile;
pub mod reconciler;
mod release;
mod task;
mod trouble;

#[cfg(test)]
mod kernel_test;
#[cfg(test)]
mod reconcile_test;
#[cfg(test)]
mod reconciler_test;

pub use release::{Removed, marks_addresses, remove_addresses, remove_network};

use crate::engine::{
    action::{Network, PlacedAddress},
    input::Input,
};
use std::{io, thread, time::Duration};
use task::{End, Task};
use tokio::sync::{mpsc, oneshot};

/// Inputs that may wait for the event loop before this thread stops reading events.
const INPUTS_WAITING: usize = 4096;

/// To the netlink thread. Dropping it ends the thread and leaves addresses as they are.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: mpsc::UnboundedSender<Command>,
}

#[derive(Debug)]
enum Command {
    Set {
        wanted: Vec<PlacedAddress>,
        managed: Vec<PlacedAddress>,
    },
    Network {
        wanted: Network,
        managed: Network,
    },
    Settle(oneshot::Sender<()>),
}

/// Starts the thread, in the network namespace of the calling one. Once this
/// returns, every link that exists is among the inputs: `Link`, `LinkGone`,
/// `AddressPlaced` and `ActionFailed`. The receiver ends only if the kernel's
/// sockets fail, which is logged.
pub fn spawn() -> io::Result<(Handle, mpsc::Receiver<Input>)> {
    let (commands, commands_out) = mpsc::unbounded_channel();
    let (inputs, inputs_out) = mpsc::channel(INPUTS_WAITING);
    let (started, has_started) = std::sync::mpsc::sync_channel(1);
    thread::Builder::new()
        .name("netlink".into())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => return drop(started.send(Err(error))),
            };
            runtime.block_on(async move {
                match Task::start(commands_out, inputs).await {
                    Ok(task) => {
                        let _ = started.send(Ok(()));
                        if let End::Broken(error) = task.run().await {
                            tracing::error!(
                                "netlink: {error}; links and addresses are out of sight"
                            );
                        }
                    }
                    Err(error) => drop(started.send(Err(error))),
                }
            });
        })?;
    has_started
        .recv()
        .map_err(|_| io::Error::other("the netlink thread died at its start"))??;
    Ok((Handle { commands }, inputs_out))
}

impl Handle {
    /// Declares which addresses should be there (`wanted`), and which must not be
    /// there otherwise (`managed`; it may include the wanted ones). The whole list,
    /// each time; never blocks. An address owner's own addresses, which are to
    /// outlive the daemon, belong in neither.
    pub fn set(&self, wanted: Vec<PlacedAddress>, managed: Vec<PlacedAddress>) {
        // The thread being gone shows at the receiver of its inputs.
        let _ = self.commands.send(Command::Set { wanted, managed });
    }

    /// The same for static addresses, routes and rules. They come after the addresses
    /// of [`Self::set`], and go before them where they are declared gone before them.
    pub fn set_network(&self, wanted: Network, managed: Network) {
        let _ = self.commands.send(Command::Network { wanted, managed });
    }

    /// Waits until the addresses are as last declared, as far as the kernel lets
    /// them be; false if that takes longer than `limit`.
    pub async fn settled(&self, limit: Duration) -> bool {
        let (done, is_done) = oneshot::channel();
        self.commands.send(Command::Settle(done)).is_ok()
            && matches!(tokio::time::timeout(limit, is_done).await, Ok(Ok(())))
    }
}
