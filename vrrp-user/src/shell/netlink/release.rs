//! Addresses a dead daemon left, removed without one.

use super::{addresses, kernel::KernelAddress, monitor::Requests, reconcile::Change};
use crate::{engine::action::Network, shell::bpf::kernel::Version};
use anyhow::{Context, Result, bail};
use std::{collections::BTreeSet, net::IpAddr, time::Duration};

/// What became of them.
#[derive(Debug, Default)]
pub struct Removed {
    /// They were a daemon's, and are gone.
    pub removed: Vec<KernelAddress>,
    /// The host's own, by somebody else's hand: an address owner's.
    pub kept: Vec<KernelAddress>,
}

/// This kernel says who placed an address (`IFA_PROTO`).
#[must_use]
pub fn marks_addresses() -> bool {
    let since = Version {
        major: 5,
        minor: 18,
    };
    Version::running().is_ok_and(|version| version >= since)
}

/// Removes those of `recorded`, as (interface, address), that are there. `tells_apart`:
/// this kernel says who placed an address (5.18), and what was not placed by a daemon
/// stays. In the network namespace of the calling thread.
pub fn remove_addresses(recorded: &[(u32, IpAddr)], tells_apart: bool) -> Result<Removed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("ask the kernel for addresses")?;
    runtime.block_on(remove(recorded, tells_apart))
}

/// For the kernel to take away what a dead daemon installed.
const REMOVED_WITHIN: Duration = Duration::from_secs(5);

/// Removes the routes, rules and static addresses among `left` that are there. In the
/// network namespace of the calling thread.
pub fn remove_network(left: Network) -> Result<()> {
    if left.is_empty() {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("ask the kernel for routes")?;
    let (handle, mut inputs) = super::spawn().context("a netlink socket")?;
    handle.set_network(Network::default(), left);
    let settled = runtime.block_on(async {
        tokio::select! {
            settled = handle.settled(REMOVED_WITHIN) => settled,
            // What it has to say of links is of no interest.
            () = async { while inputs.recv().await.is_some() {} } => false,
        }
    });
    if settled {
        return Ok(());
    }
    bail!(
        "routes and rules are still there after {REMOVED_WITHIN:?}; see `ip route show table all proto keepalived` and `ip rule`"
    )
}

async fn remove(recorded: &[(u32, IpAddr)], tells_apart: bool) -> Result<Removed> {
    let requests = Requests::open().context("a netlink socket")?;
    let found = requests.dump().await.context("list the addresses")?;
    let recorded: BTreeSet<(u32, IpAddr)> = recorded.iter().copied().collect();
    let ours = found
        .addresses
        .into_iter()
        .filter(|it| recorded.contains(&(it.key.ifindex, it.key.local)));
    let (removed, kept): (Vec<_>, Vec<_>) = ours.partition(|it| it.is_marked() || !tells_apart);
    let changes: Vec<Change> = removed.iter().cloned().map(Change::Remove).collect();
    let results = addresses::apply(&requests, &changes)
        .await
        .context("remove addresses")?;
    for (address, result) in removed.iter().zip(results) {
        if let Err(error) = result {
            bail!("cannot remove {}: {error}", address.key.local);
        }
    }
    Ok(Removed { removed, kept })
}
