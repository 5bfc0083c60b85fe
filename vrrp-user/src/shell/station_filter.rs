//! VRRP's multicast stations in an interface's filter, beyond the life of the daemon.
//!
//! A membership ends with the socket that holds it, and then a network card may
//! filter adverts out before XDP sees them: the gate of a dead daemon could no longer
//! be shut by a winning advert, only by the end of its lease. So the stations are
//! put into the interface's list by themselves, as `ip maddress add` does, and stay
//! there until a clean stop.

use nix::net::if_::if_indextoname;
use socket2::{Domain, Socket, Type};
use std::{
    io,
    net::IpAddr,
    os::fd::{AsFd, AsRawFd},
};
use vrrp_common::wire::{GROUP_V4, GROUP_V6};

/// The Ethernet address a group is sent to (RFC 1112 §6.4, RFC 2464 §7).
#[must_use]
pub(super) fn station(group: IpAddr) -> [u8; 6] {
    match group {
        IpAddr::V4(group) => {
            let [_, b, c, d] = group.octets();
            [0x01, 0x00, 0x5e, b & 0x7f, c, d]
        }
        IpAddr::V6(group) => {
            let [.., a, b, c, d] = group.octets();
            [0x33, 0x33, a, b, c, d]
        }
    }
}

/// Lets the interface take frames to the station. Doing so twice is harmless.
pub(super) fn hold(ifindex: u32, station: [u8; 6]) -> io::Result<()> {
    change(ifindex, station, libc::SIOCADDMULTI)
}

/// Takes back what [`hold`] did, whoever did it.
pub(super) fn release(ifindex: u32, station: [u8; 6]) -> io::Result<()> {
    match change(ifindex, station, libc::SIOCDELMULTI) {
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::ENOENT | libc::ENODEV | libc::ENXIO)
            ) =>
        {
            Ok(())
        }
        other => other,
    }
}

/// Takes back what a dead daemon held.
pub(super) fn release_vrrp(ifindex: u32) -> io::Result<()> {
    let groups = [GROUP_V4.into(), GROUP_V6.into()];
    groups
        .into_iter()
        .try_for_each(|group| release(ifindex, station(group)))
}

fn change(ifindex: u32, station: [u8; 6], request: libc::c_ulong) -> io::Result<()> {
    let name = if_indextoname(ifindex)?;
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    // SAFETY: all zeroes is a valid `ifreq`.
    let mut wanted: libc::ifreq = unsafe { std::mem::zeroed() };
    let name = name.as_bytes();
    for (to, from) in wanted.ifr_name.iter_mut().zip(name) {
        *to = from.cast_signed();
    }
    let mut address = libc::sockaddr {
        sa_family: 0, // AF_UNSPEC: an address of the link
        sa_data: [0; 14],
    };
    for (to, from) in address.sa_data.iter_mut().zip(station) {
        *to = from.cast_signed();
    }
    wanted.ifr_ifru.ifru_hwaddr = address;
    // SAFETY: both requests read one `ifreq`, which outlives the call.
    let result = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), request, &raw const wanted) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::station;

    #[test]
    fn groups_as_stations() {
        let cases = [
            ("224.0.0.18", [0x01, 0x00, 0x5e, 0, 0, 0x12]),
            ("239.129.2.3", [0x01, 0x00, 0x5e, 1, 2, 3]),
            ("ff02::12", [0x33, 0x33, 0, 0, 0, 0x12]),
            ("ff02::1:ff12:3456", [0x33, 0x33, 0xff, 0x12, 0x34, 0x56]),
        ];
        for (group, want) in cases {
            assert_eq!(station(group.parse().unwrap()), want, "{group}");
        }
    }
}
