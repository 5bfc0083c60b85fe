//! `virtual_server`: which servers a service has, and what the maps must say of them.
//!
//! The contract of the `Director`, which is the engine's in small:
//! [`Input`]s and the time go in, [`Action`]s come out in the order in which they have to
//! be carried out, and `poll_timeout` says when it wants to be called again. It
//! allocates ids, builds rings, and writes nothing itself. It runs in a thread of its
//! own: nothing it does can hold up an advert.
//!
//! | file | what is in it |
//! |---|---|
//! | `director` | composes the others: inputs in, actions out |
//! | `pool` | a service's servers as configured, as edited, and as they are |
//! | `settle` | from what the maps hold to what they must hold |
//! | `record` | records of the maps, made from the model |
//! | `hops` | ways to servers, shared by those who go the same |
//! | `ids` | ids of services, servers and hops, and pages of rings; none reused too soon |
//! | `ring` | what a scheduler's ring looks like, a file for each |
//! | `status` | what `xvrrpd lvs` shows |

pub mod director;
mod hops;
mod ids;
pub mod pool;
mod record;
mod ring;
mod settle;
pub mod status;
#[cfg(test)]
mod tests;

pub use director::Director;
pub use settle::Inheritance;

use crate::config::model::balance::{Balance, Method};
use core::net::IpAddr;
use std::collections::BTreeMap;
use vrrp_common::balance::{Hop, Load, Rules, Server, Service, ServiceKey, Watched};

/// Something happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The configuration, at the start and at each reload, with the gates of virtual
    /// addresses: a service whose address is here forwards only through an open one.
    Config {
        /// `virtual_server` and all that belongs to it.
        balance: Box<Balance>,
        /// Gate index of every virtual address.
        gates: BTreeMap<IpAddr, u32>,
    },
    /// Gates again, because addresses moved between groups.
    Gates(BTreeMap<IpAddr, u32>),
    /// How a server's address is reached now; `None`: not at all, or not known yet.
    Route {
        /// The server's address.
        address: IpAddr,
        /// Where its packets go.
        path: Option<Path>,
    },
    /// An operator's wish (`xvrrpd lvs ...`), in force until the next reload.
    Edit(Edit),
    /// How many connections servers have, by id, as the sweep counted them.
    Counted(BTreeMap<u32, Load>),
}

/// How packets reach a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The next hop; of a server on this host nothing in it counts.
    pub hop: Hop,
    /// The address is one of this host's own.
    pub local: bool,
    /// What this host sends from, for the outside of a tunnel.
    pub source: IpAddr,
}

/// A change by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// No new connections; those there are go on.
    Drain {
        /// Which service.
        service: ServiceName,
        /// Which server; its port may be left 0 where only one has the address.
        server: (IpAddr, u16),
    },
    /// Another weight.
    Weight {
        /// Which service.
        service: ServiceName,
        /// Which server.
        server: (IpAddr, u16),
        /// The weight, 0 to 65535.
        weight: u32,
    },
    /// One server more.
    Add {
        /// Which service.
        service: ServiceName,
        /// Which server.
        server: (IpAddr, u16),
        /// Its weight.
        weight: u32,
        /// How packets reach it; the service's method if none.
        method: Option<Method>,
    },
    /// One server less.
    Remove {
        /// Which service.
        service: ServiceName,
        /// Which server.
        server: (IpAddr, u16),
    },
    /// All edits of a service undone.
    Restore {
        /// Which service.
        service: ServiceName,
    },
}

/// A service as operators name it: `TCP 10.0.0.1:80`, or its group's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(pub String);

/// To be done, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Slots of `XVRRP_RINGS`, from a page on.
    WriteRing {
        /// First page.
        page: u32,
        /// Server ids.
        slots: Vec<u16>,
    },
    /// A record of `XVRRP_HOPS`.
    WriteHop {
        /// Its id.
        id: u32,
        /// What to write.
        hop: Hop,
    },
    /// A record of `XVRRP_SERVERS`: whole where the generation is another, else the words
    /// of it that differ, `flags` and `hop` last. What is never another in one generation:
    /// address, port, method, tunnel and service. `tunnel_source` is another only where
    /// the hop that is written is 0, or the one that is there.
    WriteServer {
        /// Its id.
        id: u32,
        /// What to write.
        server: Server,
    },
    /// A record of `XVRRP_SERVICES`; `ring` and `members` are stored last.
    WriteService {
        /// Its id.
        id: u32,
        /// What to write.
        service: Service,
    },
    /// A key of `XVRRP_KEYS`; `None`: removed.
    SetKey {
        /// What is listened on.
        key: ServiceKey,
        /// The service's id.
        service: Option<u32>,
    },
    /// `XVRRP_RULES`.
    WriteRules(Rules),
    /// `XVRRP_WATCHED`.
    WriteWatched(Watched),
    /// A new server's counters begin at zero.
    ClearCounters {
        /// Its id.
        server: u32,
    },
    /// These addresses, and no others, are to be resolved and kept so.
    Resolve(Vec<IpAddr>),
    /// A line for the log, in keepalived's words where it has some.
    Log(String),
}
