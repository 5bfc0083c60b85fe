//! Tags that the XDP program would never see.
//!
//! With receive VLAN offload on, the NIC takes the tag out of the frame, and
//! neither native nor generic XDP is told of it (generic mode runs before the
//! stack would put it back). An advert of VLAN 100 then looks like an untagged
//! one, and two VLANs' VRIDs would merge. So where an interface with our
//! program has VLAN devices on top, the offload is switched off while we are
//! there: frames arrive with their tags, and the stack takes them off later.
//! Where the driver cannot switch it, the interface is refused.
//!
//! A veth passes on what its peer's transmit offload left out of the frame; its
//! own setting has no say in that. Switch off `txvlan` on the peer. VLAN devices
//! moved to another network namespace are not seen from this one.

use super::rtnl::Link;
use anyhow::{Context, Result, bail};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
};

const ETHTOOL_GFLAGS: u32 = 0x25;
const ETHTOOL_SFLAGS: u32 = 0x26;
const FLAG_RX_VLAN: u32 = 1 << 8;

/// Makes tags visible on `link`; whether that took a change, to be undone by
/// [`restore`].
pub(super) fn make_tags_visible(link: &Link, all: &[Link]) -> Result<bool> {
    let Some(vlan) = all
        .iter()
        .find(|other| other.is_vlan && other.lower == Some(link.ifindex))
    else {
        return Ok(false);
    };
    let flags = match flags(&link.name) {
        Ok(flags) => flags,
        // No offloads at all.
        Err(e) if e.raw_os_error() == Some(libc::EOPNOTSUPP) => return Ok(false),
        Err(e) => {
            return Err(e).with_context(|| format!("cannot read the offloads of {}", link.name));
        }
    };
    if flags & FLAG_RX_VLAN == 0 {
        return Ok(false);
    }
    set_flags(&link.name, flags & !FLAG_RX_VLAN)
        .and_then(|()| self::flags(&link.name))
        .with_context(|| advice(link, vlan))
        .and_then(|now| {
            if now & FLAG_RX_VLAN == 0 {
                Ok(true)
            } else {
                bail!(advice(link, vlan))
            }
        })
}

/// Switches receive VLAN offload on again.
pub(super) fn restore(interface: &str) -> Result<()> {
    flags(interface)
        .and_then(|flags| set_flags(interface, flags | FLAG_RX_VLAN))
        .with_context(|| format!("cannot switch receive VLAN offload of {interface} on again (`ethtool -K {interface} rxvlan on`)"))
}

fn advice(link: &Link, vlan: &Link) -> String {
    let (name, vlan) = (&link.name, &vlan.name);
    format!(
        "{name} takes VLAN tags out of frames before XDP sees them, and its driver cannot stop (`ethtool -K {name} rxvlan off`). With {vlan} on top, the virtual routers of two VLANs could not be told apart: run VRRP on {vlan} only, or on an interface without VLANs"
    )
}

fn flags(interface: &str) -> io::Result<u32> {
    ethtool(interface, ETHTOOL_GFLAGS, 0)
}

fn set_flags(interface: &str, flags: u32) -> io::Result<()> {
    ethtool(interface, ETHTOOL_SFLAGS, flags).map(drop)
}

/// `ETHTOOL_GFLAGS` and `ETHTOOL_SFLAGS`: a command and one number.
fn ethtool(interface: &str, command: u32, value: u32) -> io::Result<u32> {
    #[repr(C)]
    struct Value {
        command: u32,
        value: u32,
    }
    let socket: OwnedFd = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let mut value = Value { command, value };
    // SAFETY: all zeroes are a valid ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if interface.len() >= request.ifr_name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: `request` names a NUL-terminated interface and points at a struct
    // of the layout these two commands read and write; both outlive the call.
    if unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(value.value)
}
