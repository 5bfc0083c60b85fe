//! From the addresses there are to the addresses there should be. Pure.

use super::kernel::{AddressKey, KernelAddress};
use crate::{
    config::model::{Broadcast, VirtualAddress},
    engine::action::PlacedAddress,
};
use core::net::{IpAddr, Ipv4Addr};
use netlink_packet_route::address::AddressFlags;
use std::collections::HashSet;

/// One request to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Put it there.
    Add(PlacedAddress),
    /// Take it away.
    Remove(KernelAddress),
    /// It is there, but otherwise configured: take it away and put it back, because
    /// the kernel changes neither label, broadcast, scope nor prefix in place.
    Replace {
        /// As it is.
        old: KernelAddress,
        /// As it should be.
        new: PlacedAddress,
    },
}

impl Change {
    /// The address it is about.
    #[must_use]
    pub fn key(&self) -> AddressKey {
        match self {
            Self::Add(new) | Self::Replace { new, .. } => key_of(new),
            Self::Remove(old) => old.key,
        }
    }
}

/// What turns the kernel's addresses into the wanted ones. Removals come first:
/// an IPv4 address added first would become a secondary of the one to be removed,
/// and leave with it unless `promote_secondaries` is on.
///
/// `kernel` looks an address up. `managed` are addresses that go where they are
/// found and not wanted. An IPv6 address with another prefix that nobody marked
/// as virtual is the host's own: it serves, and it stays.
pub fn diff<'a>(
    kernel: impl Fn(&AddressKey) -> Option<&'a KernelAddress>,
    wanted: &[PlacedAddress],
    managed: impl IntoIterator<Item = &'a PlacedAddress>,
) -> Vec<Change> {
    let mut seen: HashSet<AddressKey> = wanted.iter().map(key_of).collect();
    let removals = managed.into_iter().filter_map(|placed| {
        let key = key_of(placed);
        let old = kernel(&key)?;
        (seen.insert(key) && !is_hosts_own(old, &placed.address))
            .then(|| Change::Remove(old.clone()))
    });
    let removals: Vec<Change> = removals.collect();

    seen.clear();
    let additions = wanted
        .iter()
        .filter(|placed| seen.insert(key_of(placed)))
        .filter_map(|new| match kernel(&key_of(new)) {
            None => Some(Change::Add(new.clone())),
            Some(old) if is_hosts_own(old, &new.address) || matches(old, &new.address) => None,
            Some(old) => Some(Change::Replace {
                old: old.clone(),
                new: new.clone(),
            }),
        });
    let mut changes = removals;
    changes.extend(additions);
    changes
}

/// The kernel's identity of an address to be placed.
#[must_use]
pub fn key_of(placed: &PlacedAddress) -> AddressKey {
    let address = &placed.address;
    AddressKey::new(
        placed.ifindex,
        address.address,
        address.peer,
        address.prefix_len,
    )
}

/// Broadcast address to configure; none unless asked for, as keepalived does.
#[must_use]
pub fn broadcast_of(address: &VirtualAddress) -> Option<Ipv4Addr> {
    let IpAddr::V4(local) = address.peer.unwrap_or(address.address) else {
        return None;
    };
    let host_bits = u32::MAX
        .checked_shr(u32::from(address.prefix_len))
        .unwrap_or(0);
    match address.broadcast? {
        Broadcast::Address(broadcast) => Some(broadcast),
        Broadcast::HostBitsSet => Some(Ipv4Addr::from(u32::from(local) | host_bits)),
        Broadcast::HostBitsCleared => Some(Ipv4Addr::from(u32::from(local) & !host_bits)),
    }
}

/// Scope to configure; the kernel chooses IPv6 scopes itself.
#[must_use]
pub fn scope_of(address: &VirtualAddress) -> u8 {
    /// `RT_SCOPE_HOST`.
    const HOST: u8 = 254;
    match address.scope {
        Some(scope) => scope,
        None if address.address.is_loopback() => HOST,
        None => 0,
    }
}

/// Flags to configure.
#[must_use]
pub fn flags_of(address: &VirtualAddress) -> AddressFlags {
    let mut flags = AddressFlags::empty();
    flags.set(AddressFlags::Noprefixroute, address.no_prefix_route);
    flags.set(AddressFlags::Mcautojoin, address.auto_join);
    if address.address.is_ipv6() {
        flags.set(AddressFlags::Nodad, !address.detect_duplicates);
        flags.set(AddressFlags::Homeaddress, address.home);
        flags.set(AddressFlags::Managetempaddr, address.manage_temporary);
    }
    flags
}

fn is_hosts_own(old: &KernelAddress, new: &VirtualAddress) -> bool {
    new.address.is_ipv6() && old.prefix_len != new.prefix_len && !old.is_marked()
}

/// Everything that can be compared agrees. Not compared: NODAD, which matters only
/// while an address is added, a label nobody asked for (the kernel then uses the
/// interface's name), IPv6 scopes, and how much of a preferred lifetime is left.
fn matches(old: &KernelAddress, new: &VirtualAddress) -> bool {
    let compared = AddressFlags::Noprefixroute
        | AddressFlags::Mcautojoin
        | AddressFlags::Homeaddress
        | AddressFlags::Managetempaddr;
    let deprecated = old.flags.contains(AddressFlags::Deprecated);
    let lifetime = match new.preferred_lifetime_s {
        None | Some(u32::MAX) => !deprecated && old.preferred_lifetime_s == u32::MAX,
        Some(0) => deprecated,
        Some(_) => true,
    };
    let same_for_ipv4 = || {
        old.scope == scope_of(new)
            && old.broadcast == broadcast_of(new)
            && (new.label.is_none() || new.label == old.label)
    };
    old.prefix_len == new.prefix_len
        && old.peer == new.peer.filter(|peer| *peer != new.address)
        && old.flags & compared == flags_of(new) & compared
        && lifetime
        && (new.address.is_ipv6() || same_for_ipv4())
}
