//! What the kernel says of its links and addresses, as far as we use it.

use crate::engine::input::Link;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use netlink_packet_route::{
    AddressFamily,
    address::{AddressAttribute, AddressFlags, AddressMessage},
    link::{InfoData, InfoVrf, LinkAttribute, LinkFlags, LinkInfo, LinkMessage},
};
use std::collections::{BTreeMap, HashMap};

/// `IFA_PROTO` of every address we place: what `ip address` prints as keepalived's
/// routing protocol number. Kernels before 5.18 ignore it and report none.
pub const ADDRESS_PROTOCOL: u8 = 18;

/// Which address the kernel means. IPv4 tells addresses apart by prefix and peer
/// as well; IPv6 has one entry per address on an interface, so there `peer` is
/// the address itself and `prefix_len` is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressKey {
    /// Interface.
    pub ifindex: u32,
    /// The address itself.
    pub local: IpAddr,
    /// IPv4: the other end, or the address itself.
    pub peer: IpAddr,
    /// IPv4: prefix length in bits.
    pub prefix_len: u8,
}

impl AddressKey {
    /// The kernel's identity of an address.
    #[must_use]
    pub fn new(ifindex: u32, local: IpAddr, peer: Option<IpAddr>, prefix_len: u8) -> Self {
        match local {
            IpAddr::V4(_) => Self {
                ifindex,
                local,
                peer: peer.unwrap_or(local),
                prefix_len,
            },
            IpAddr::V6(_) => Self {
                ifindex,
                local,
                peer: local,
                prefix_len: 0,
            },
        }
    }
}

/// An address on an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelAddress {
    /// Its identity.
    pub key: AddressKey,
    /// Prefix length in bits, for both families.
    pub prefix_len: u8,
    /// The other end, where it differs from the address.
    pub peer: Option<IpAddr>,
    /// As the kernel numbers it.
    pub scope: u8,
    /// IPv4 only.
    pub label: Option<String>,
    /// IPv4 only.
    pub broadcast: Option<Ipv4Addr>,
    /// `IFA_F_*`.
    pub flags: AddressFlags,
    /// Remaining preferred lifetime in seconds; `u32::MAX` is forever.
    pub preferred_lifetime_s: u32,
    /// `IFA_PROTO`; none on kernels before 5.18.
    pub protocol: Option<u8>,
}

impl KernelAddress {
    /// Reads a kernel message; `None` for families other than IP.
    #[must_use]
    pub fn parse(message: &AddressMessage) -> Option<Self> {
        if !matches!(
            message.header.family,
            AddressFamily::Inet | AddressFamily::Inet6
        ) {
            return None;
        }
        let (mut local, mut remote) = (None, None);
        let mut found = Self {
            key: AddressKey::new(
                message.header.index,
                IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                None,
                0,
            ),
            prefix_len: message.header.prefix_len,
            peer: None,
            scope: message.header.scope.into(),
            label: None,
            broadcast: None,
            flags: AddressFlags::from_bits_retain(u32::from(message.header.flags.bits())),
            preferred_lifetime_s: u32::MAX,
            protocol: None,
        };
        for attribute in &message.attributes {
            match attribute {
                AddressAttribute::Local(address) => local = Some(*address),
                AddressAttribute::Address(address) => remote = Some(*address),
                AddressAttribute::Label(label) => found.label = Some(label.clone()),
                AddressAttribute::Broadcast(address) => found.broadcast = Some(*address),
                AddressAttribute::Flags(flags) => found.flags = *flags,
                AddressAttribute::CacheInfo(info) => {
                    found.preferred_lifetime_s = info.ifa_preferred;
                }
                AddressAttribute::Protocol(protocol) => found.protocol = Some((*protocol).into()),
                _ => {}
            }
        }
        // IPv6 sends IFA_LOCAL only where there is a peer.
        let own = local.or(remote)?;
        found.peer = remote.filter(|peer| *peer != own);
        found.key = AddressKey::new(message.header.index, own, found.peer, found.prefix_len);
        Some(found)
    }

    /// The stack answers for it: duplicate address detection, if any, is over and passed.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !self
            .flags
            .intersects(AddressFlags::Tentative | AddressFlags::Dadfailed)
            || self.flags.contains(AddressFlags::Optimistic) && !self.duplicate()
    }

    /// Duplicate address detection found another owner.
    #[must_use]
    pub fn duplicate(&self) -> bool {
        self.flags.contains(AddressFlags::Dadfailed)
    }

    /// Placed by a VRRP daemon, this one or another run of it.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.protocol == Some(ADDRESS_PROTOCOL)
    }
}

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelLink {
    /// Its index.
    pub ifindex: u32,
    /// Its name.
    pub name: String,
    /// `IFF_UP` and `IFF_RUNNING`.
    pub up: bool,
    /// `IFF_UP`: carrier or not.
    pub enabled: bool,
    /// Hardware address; zero where there is none.
    pub mac: [u8; 6],
    /// MTU in octets.
    pub mtu: u32,
    /// Routing table of a VRF device.
    pub vrf_table: Option<u32>,
}

impl KernelLink {
    /// Reads a kernel message; `None` for bridge-port messages, which share the
    /// type (leaving a bridge is an `RTM_DELLINK` of family `AF_BRIDGE`).
    #[must_use]
    pub fn parse(message: &LinkMessage) -> Option<Self> {
        if message.header.interface_family != AddressFamily::Unspec {
            return None;
        }
        let running = LinkFlags::Up | LinkFlags::Running;
        let mut link = Self {
            ifindex: message.header.index,
            name: String::new(),
            up: message.header.flags.contains(running),
            enabled: message.header.flags.contains(LinkFlags::Up),
            mac: [0; 6],
            mtu: 0,
            vrf_table: None,
        };
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name.clone_from(name),
                LinkAttribute::Address(mac) => {
                    link.mac = mac.as_slice().try_into().unwrap_or_default();
                }
                LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
                LinkAttribute::LinkInfo(info) => link.vrf_table = vrf_table(info),
                _ => {}
            }
        }
        Some(link)
    }
}

fn vrf_table(info: &[LinkInfo]) -> Option<u32> {
    info.iter().find_map(|it| match it {
        LinkInfo::Data(InfoData::Vrf(data)) => data.iter().find_map(|it| match it {
            InfoVrf::TableId(table) => Some(*table),
            _ => None,
        }),
        _ => None,
    })
}

/// How an address counts when the primary one of an interface is sought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The interface's own.
    Own,
    /// A virtual one by configuration, which we did not place: an address
    /// owner's, used where the interface has no other.
    OwnersOwn,
    /// Virtual.
    Virtual,
}

/// Links and addresses as last reported.
#[derive(Debug, Default)]
pub struct Table {
    links: BTreeMap<u32, KernelLink>,
    interfaces: HashMap<u32, Addresses>,
    arrivals: u64,
}

#[derive(Debug, Default)]
struct Addresses {
    by_key: HashMap<AddressKey, (u64, KernelAddress)>,
    by_local: HashMap<IpAddr, Vec<AddressKey>>,
}

impl Table {
    /// Takes in a link; tells whether anything changed.
    pub fn set_link(&mut self, link: &KernelLink) -> bool {
        self.links.insert(link.ifindex, link.clone()).as_ref() != Some(link)
    }

    /// Forgets a link and what was on it.
    pub fn remove_link(&mut self, ifindex: u32) -> bool {
        self.interfaces.remove(&ifindex);
        self.links.remove(&ifindex).is_some()
    }

    /// Takes in an address. One that was known keeps its place in the order of arrival.
    pub fn set_address(&mut self, address: KernelAddress) {
        self.arrivals += 1;
        let arrival = self.arrivals;
        let interface = self.interfaces.entry(address.key.ifindex).or_default();
        let key = address.key;
        if let Some(known) = interface.by_key.get_mut(&key) {
            known.1 = address;
        } else {
            interface.by_key.insert(key, (arrival, address));
            interface.by_local.entry(key.local).or_default().push(key);
        }
    }

    /// Forgets an address; what was known of it.
    pub fn remove_address(&mut self, key: &AddressKey) -> Option<KernelAddress> {
        let interface = self.interfaces.get_mut(&key.ifindex)?;
        if let Some(keys) = interface.by_local.get_mut(&key.local) {
            keys.retain(|known| known != key);
            if keys.is_empty() {
                interface.by_local.remove(&key.local);
            }
        }
        interface.by_key.remove(key).map(|(_, address)| address)
    }

    /// An address, if it is there.
    #[must_use]
    pub fn address(&self, key: &AddressKey) -> Option<&KernelAddress> {
        self.interfaces
            .get(&key.ifindex)?
            .by_key
            .get(key)
            .map(|(_, address)| address)
    }

    /// The stack answers for this address on this interface, whatever its prefix.
    #[must_use]
    pub fn answers(&self, ifindex: u32, local: IpAddr) -> bool {
        let Some(interface) = self.interfaces.get(&ifindex) else {
            return false;
        };
        interface
            .by_local
            .get(&local)
            .into_iter()
            .flatten()
            .any(|key| {
                interface
                    .by_key
                    .get(key)
                    .is_some_and(|(_, address)| address.is_usable())
            })
    }

    /// Every address known.
    pub fn addresses(&self) -> impl Iterator<Item = &KernelAddress> {
        self.interfaces
            .values()
            .flat_map(|interface| interface.by_key.values().map(|entry| &entry.1))
    }

    /// An interface by index.
    #[must_use]
    pub fn link(&self, ifindex: u32) -> Option<&KernelLink> {
        self.links.get(&ifindex)
    }

    /// An interface by name.
    #[must_use]
    pub fn link_named(&self, name: &str) -> Option<&KernelLink> {
        self.links.values().find(|link| link.name == name)
    }

    /// Every interface's index.
    pub fn ifindexes(&self) -> impl Iterator<Item = u32> {
        self.links.keys().copied()
    }

    /// An interface as the engine needs it. Its primary IPv4 address is the first
    /// non-secondary one of the widest scope, its link-local one the first past
    /// duplicate address detection; virtual addresses count for neither.
    pub fn engine_link(
        &self,
        ifindex: u32,
        standing: impl Fn(&KernelAddress) -> Standing,
    ) -> Option<Link> {
        let link = self.links.get(&ifindex)?;
        let (mut ipv4, mut link_local) = (None, None);
        let addresses = self
            .interfaces
            .get(&ifindex)
            .into_iter()
            .flat_map(|i| i.by_key.values());
        for (arrival, address) in addresses {
            let standing = match standing(address) {
                Standing::Own => 0_u8,
                Standing::OwnersOwn => 1,
                Standing::Virtual => continue,
            };
            match address.key.local {
                IpAddr::V4(local) if !address.flags.contains(AddressFlags::Secondary) => {
                    keep_least(&mut ipv4, (standing, address.scope, *arrival), local);
                }
                IpAddr::V6(local) if local.is_unicast_link_local() && address.is_usable() => {
                    keep_least(&mut link_local, (standing, 0, *arrival), local);
                }
                _ => {}
            }
        }
        Some(Link {
            ifindex,
            name: link.name.clone(),
            up: link.up,
            mac: link.mac,
            mtu: link.mtu,
            ipv4: ipv4.map(|(_, local): (_, Ipv4Addr)| local),
            link_local: link_local.map(|(_, local): (_, Ipv6Addr)| local),
        })
    }
}

type Rank = (u8, u8, u64);

fn keep_least<T>(best: &mut Option<(Rank, T)>, rank: Rank, value: T) {
    if best.as_ref().is_none_or(|(least, _)| rank < *least) {
        *best = Some((rank, value));
    }
}
