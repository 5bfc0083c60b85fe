//! Everything that touches the outside: clock, maps, netlink, sockets, processes.

pub mod balance;
pub mod bpf;
pub mod clock;
pub mod control;
pub mod dbus;
pub mod driver;
pub mod dump;
pub mod installed;
pub mod listen;
pub mod log;
pub mod netlink;
pub mod notify;
pub mod process;
pub mod reload;
pub mod signals;
mod station_filter;
pub mod tracking;
pub mod transmit;
mod unicast_filter;
