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
use anyhow::{Context, Result};
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
    let Some(vlan) = vlan_on_top(link, all) else {
        return Ok(false);
    };
    match is_on(&link.name) {
        Ok(false) => return Ok(false),
        Ok(true) => {}
        Err(e) => {
            return Err(e).with_context(|| format!("cannot read the offloads of {}", link.name));
        }
    }
    switch_off(&link.name).with_context(|| advice(link, vlan))?;
    Ok(true)
}

/// It has VLAN devices on top.
pub(super) fn carries_vlans(link: &Link, all: &[Link]) -> bool {
    vlan_on_top(link, all).is_some()
}

fn vlan_on_top<'a>(link: &Link, all: &'a [Link]) -> Option<&'a Link> {
    all.iter()
        .find(|other| other.is_vlan && other.lower == Some(link.ifindex))
}

/// Does the NIC take tags out of frames?
pub fn is_on(interface: &str) -> io::Result<bool> {
    match ethtool(interface, ETHTOOL_GFLAGS, 0) {
        Ok(flags) => Ok(flags & FLAG_RX_VLAN != 0),
        // No offloads at all.
        Err(e) if e.raw_os_error() == Some(libc::EOPNOTSUPP) => Ok(false),
        Err(e) => Err(e),
    }
}

/// Makes the NIC leave tags in frames. A driver that ignores the request fails.
pub fn switch_off(interface: &str) -> io::Result<()> {
    let flags = ethtool(interface, ETHTOOL_GFLAGS, 0)?;
    ethtool(interface, ETHTOOL_SFLAGS, flags & !FLAG_RX_VLAN)?;
    if is_on(interface)? {
        Err(io::ErrorKind::Unsupported.into())
    } else {
        Ok(())
    }
}

/// Switches it on again.
pub fn restore(interface: &str) -> Result<()> {
    ethtool(interface, ETHTOOL_GFLAGS, 0)
        .and_then(|flags| ethtool(interface, ETHTOOL_SFLAGS, flags | FLAG_RX_VLAN))
        .map(drop)
        .with_context(|| format!("cannot switch receive VLAN offload of {interface} on again (`ethtool -K {interface} rxvlan on`)"))
}

fn advice(link: &Link, vlan: &Link) -> String {
    let (name, vlan) = (&link.name, &vlan.name);
    format!(
        "{name} takes VLAN tags out of frames before XDP sees them, and its driver cannot stop (`ethtool -K {name} rxvlan off`). With {vlan} on top, the virtual routers of two VLANs could not be told apart: run VRRP on {vlan} only, or on an interface without VLANs"
    )
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

#[cfg(test)]
mod tests {
    use super::{Link, advice, vlan_on_top};

    fn link(ifindex: u32, name: &str, lower: Option<u32>, is_vlan: bool) -> Link {
        Link {
            ifindex,
            name: name.into(),
            lower,
            is_vlan,
            is_veth: false,
            xdp: Vec::new(),
        }
    }

    #[test]
    fn only_vlan_devices_on_this_interface_count() {
        let nic = link(2, "eth0", None, false);
        let others = [
            nic.clone(),
            link(3, "eth1.7", Some(9), true),
            link(4, "macvlan0", Some(2), false),
        ];
        assert_eq!(vlan_on_top(&nic, &others), None);
        let vlan = link(5, "eth0.100", Some(2), true);
        let all: Vec<Link> = others.into_iter().chain([vlan.clone()]).collect();
        assert_eq!(vlan_on_top(&nic, &all), Some(&vlan));
        let advice = advice(&nic, &vlan);
        assert!(
            advice.contains("ethtool -K eth0 rxvlan off") && advice.contains("eth0.100"),
            "{advice}"
        );
    }
}
