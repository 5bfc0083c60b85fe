//! Addresses as the maps hold them: 16 octets, IPv4 in the first four.

use core::net::IpAddr;
use vrrp_common::maps::FAMILY_V4;

/// An address as the maps hold it.
pub fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&address.octets());
            octets
        }
        IpAddr::V6(address) => address.octets(),
    }
}

/// The inverse of [`octets`].
pub fn address(family: u8, octets: [u8; 16]) -> IpAddr {
    let [a, b, c, d, ..] = octets;
    if family == FAMILY_V4 {
        IpAddr::from([a, b, c, d])
    } else {
        IpAddr::from(octets)
    }
}
