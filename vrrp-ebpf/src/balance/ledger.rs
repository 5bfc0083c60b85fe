//! The balancer's maps and clocks, as its decisions see them.

use crate::balance::{
    schedule,
    seen::{Flow, Seen},
};
use vrrp_common::{
    balance::{
        Cause, Connection, Fragment, FragmentKey, Hop, Load, Server, Service, ServiceKey, Sticky,
        StickyKey,
    },
    gate::Gate,
    maps::{Vip, VipKey},
};

/// What became of a new connection's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// It is there.
    New,
    /// Another CPU was faster.
    Exists,
    /// There is no room.
    Full,
}

/// A connection in the table.
pub trait Held {
    /// As it is now.
    fn read(&self) -> Connection;
    /// Its last packet was now.
    fn touch(&self, now_ns: u64);
    /// Puts another state and other flags in the place of those of `old`, unless they
    /// are others by now. Whoever succeeds counts what it means.
    fn turn(&self, old: &Connection, state: u8, flags: u8) -> bool;
    /// Makes it another connection.
    fn replace(&self, new: &Connection);
}

/// Everything a decision may ask or change. It cannot open a gate, nor change one.
pub trait Ledger {
    /// A connection in the table.
    type Held: Held;

    /// `CLOCK_MONOTONIC`, in nanoseconds.
    fn now_ns(&self) -> u64;
    /// The same as it was at the last tick, and cheap.
    fn coarse_ns(&self) -> u64;
    /// Any number.
    fn random(&self) -> u32;
    /// A gate as it is now.
    fn gate(&self, index: u32) -> Option<Gate>;
    /// The virtual address, if it is managed here.
    fn vip(&self, key: &VipKey) -> Option<Vip>;
    /// Counts one packet.
    fn count(&self, cause: Cause);
    /// Counts one with the VRRP programs' counters: to an address that accepts nothing.
    fn count_not_accepted(&self);
    /// The id of the service that listens there.
    fn service_at(&self, key: &ServiceKey) -> Option<u32>;
    /// A service.
    fn service(&self, id: u32) -> Option<Service>;
    /// Its gate and its flags.
    fn standing(&self, id: u32) -> Option<(u32, u32)>;
    /// A server.
    fn server(&self, id: u32) -> Option<Server>;
    /// A way to servers.
    fn hop(&self, id: u32) -> Option<Hop>;
    /// The server in a slot of a ring; 0: nobody.
    fn slot(&self, ring: u64, index: u32) -> u32;
    /// Flags of the rules.
    fn rules(&self) -> u32;
    /// What goes into hashes of our own.
    fn seed(&self) -> u32;
    /// How long a connection in a state lives without a packet.
    fn timeout_ns(&self, state: u8) -> u64;
    /// A server's load.
    fn load(&self, server: u32) -> Option<Load>;
    /// Adds to it.
    fn add_load(&self, server: u32, active: i64, inactive: i64, sticky: i64);
    /// Says that a server takes no more connections, or does again.
    fn set_overloaded(&self, server: u32, overloaded: bool);
    /// Adds to a service's turn, and gives what it was.
    fn turn(&self, service: u32, by: u32) -> u64;
    /// The connection of a packet.
    fn connection(&self, flow: &Flow) -> Option<Self::Held>;
    /// Enters a connection that is not there yet.
    fn enter(&self, flow: &Flow, new: &Connection) -> Entered;
    /// The server a client stays with.
    fn sticky(&self, key: &StickyKey) -> Option<Sticky>;
    /// Has a client stay with a server; false if there is no room.
    fn stick(&self, key: &StickyKey, sticky: &Sticky) -> bool;
    /// The ports of a packet in fragments.
    fn fragment(&self, key: &FragmentKey) -> Option<Fragment>;
    /// Remembers them.
    fn remember(&self, key: &FragmentKey, fragment: &Fragment);
    /// As [`schedule::choose`], which is a call of its own where that spares the verifier.
    fn choose(&self, service: &Service, id: u32, seen: &Seen) -> u32
    where
        Self: Sized,
    {
        schedule::choose(self, service, id, seen)
    }
    /// As [`schedule::weight`], as above.
    fn weight(&self, server: u32) -> u32
    where
        Self: Sized,
    {
        schedule::weight(self, server)
    }
    /// As [`schedule::burden`], as above.
    fn burden(&self, server: u32, algorithm: u8) -> u64
    where
        Self: Sized,
    {
        schedule::burden(self, server, algorithm)
    }
    /// As [`schedule::slot`] of the service with this id, as above.
    fn hashed(&self, service: &Service, id: u32, seen: &Seen, on: u32) -> u32
    where
        Self: Sized,
    {
        let _ = id;
        schedule::slot(self, service, seen, on)
    }
    /// Counts a packet to a server, and whether it began a connection.
    fn serve(&self, server: u32, connections: u32, octets: u32);
}
