//! A world on the host for the decisions to run in, and cases that hold in the
//! kernel as well (`tests/xdp` runs the same table through `BPF_PROG_TEST_RUN`).

pub mod balance;
pub mod cases;
pub mod frames;
mod world;

pub use world::World;

use crate::address::Address;
use core::net::IpAddr;

/// As the decisions hold an address.
#[must_use]
pub fn address(ip: IpAddr) -> Address {
    Address::from_octets(&octets(ip))
}

/// As maps hold an address.
#[must_use]
pub fn octets(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&ip.octets());
            octets
        }
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// A literal address.
#[must_use]
pub fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}
