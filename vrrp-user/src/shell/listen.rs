//! Sockets that are open so that the network and the kernel treat us as a VRRP
//! router, although the XDP program does all the reading.
//!
//! * Multicast groups stay joined, or a switch that snoops forwards nothing: the
//!   VRRP groups, and each IPv6 virtual address's solicited-node group, so that
//!   solicitations arrive before the address is in place.
//! * The VRRP groups' stations stay in the interface's filter also when these
//!   sockets are gone (`station_filter`), until a clean stop.
//! * Virtual MACs are in the interface's filter likewise (`unicast_filter`).
//! * A socket of protocol 112 is open, or a unicast advert that reaches the stack
//!   draws an ICMP error. Its filter drops everything.

use super::{
    station_filter::{self, station},
    unicast_filter::{self, Held},
};
use crate::packet::ipv6;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockFilter, Socket, Type};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{IpAddr, Ipv6Addr},
};
use vrrp_common::wire::{IPPROTO_AH, IPPROTO_VRRP};

/// A group joined on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Membership {
    /// The interface's index.
    pub ifindex: u32,
    /// The group.
    pub group: IpAddr,
}

impl Membership {
    /// A group adverts are sent to.
    #[must_use]
    pub const fn adverts(ifindex: u32, group: IpAddr) -> Self {
        Self { ifindex, group }
    }

    /// A group adverts are sent to, and no solicitations (RFC 4291 section 2.7.1).
    #[must_use]
    pub fn is_for_adverts(&self) -> bool {
        match self.group {
            IpAddr::V4(_) => true,
            IpAddr::V6(group) => {
                let prefix = ipv6::solicited_node(Ipv6Addr::UNSPECIFIED).octets();
                group.octets()[..13] != prefix[..13]
            }
        }
    }

    /// Where solicitations for `address` go.
    #[must_use]
    pub fn solicited_node(ifindex: u32, address: Ipv6Addr) -> Self {
        Self {
            ifindex,
            group: ipv6::solicited_node(address).into(),
        }
    }
}

/// A group that could not be joined. Asking again is harmless.
#[derive(Debug)]
pub struct NotJoined {
    /// Which one.
    pub membership: Membership,
    /// Why.
    pub error: io::Error,
}

/// A virtual MAC, and the interface that is to take frames to it.
pub type Station = (u32, [u8; 6]);

/// A virtual MAC whose frames the interface will not take. Asking again is harmless.
#[derive(Debug)]
pub struct NotTaken {
    /// Which, and where.
    pub station: Station,
    /// Why.
    pub error: io::Error,
}

/// The sockets. Closing them leaves every group, but not the stations held.
pub struct Listener {
    /// Held, never read.
    _swallow: Vec<Socket>,
    /// Likewise; only where it is needed.
    swallow_ah: Option<Socket>,
    ipv4: Members,
    ipv6: Members,
    /// Interfaces and stations in their filters.
    held: BTreeSet<(u32, [u8; 6])>,
    /// Virtual MACs in their filters, and how.
    virtual_macs: BTreeMap<Station, Held>,
    /// What a predecessor may have left there.
    inherited: BTreeSet<Station>,
    /// The same of groups.
    inherited_groups: BTreeSet<Station>,
}

impl Listener {
    /// Opens the protocol-112 sockets, one for each family the kernel has. Needs
    /// `CAP_NET_RAW`.
    pub fn open() -> io::Result<Self> {
        let mut swallow = Vec::new();
        for domain in [Domain::IPV4, Domain::IPV6] {
            match swallow_all(domain, IPPROTO_VRRP) {
                Ok(socket) => swallow.push(socket),
                Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self {
            _swallow: swallow,
            swallow_ah: None,
            ipv4: Members::new(Domain::IPV4),
            ipv6: Members::new(Domain::IPV6),
            held: BTreeSet::new(),
            virtual_macs: BTreeMap::new(),
            inherited: BTreeSet::new(),
            inherited_groups: BTreeSet::new(),
        })
    }

    /// Adverts in AH to one address arrive: without a socket the kernel would answer that
    /// there is no such protocol here.
    pub fn swallow_headers(&mut self) -> io::Result<()> {
        if self.swallow_ah.is_none() {
            self.swallow_ah = Some(swallow_all(Domain::IPV4, IPPROTO_AH)?);
        }
        Ok(())
    }

    /// Leaves and joins until exactly these groups are joined; gives back what
    /// could not be.
    pub fn set(&mut self, wanted: &BTreeSet<Membership>) -> Vec<NotJoined> {
        let (ipv4, ipv6) = wanted
            .iter()
            .partition(|membership| membership.group.is_ipv4());
        let mut failures = self.ipv4.set(&ipv4);
        failures.extend(self.ipv6.set(&ipv6));
        self.hold(wanted);
        failures
    }

    fn hold(&mut self, wanted: &BTreeSet<Membership>) {
        let stations: BTreeSet<_> = wanted
            .iter()
            .filter(|membership| membership.is_for_adverts())
            .map(|membership| (membership.ifindex, station(membership.group)))
            .collect();
        let inherited = core::mem::take(&mut self.inherited_groups);
        for &(ifindex, station) in self.held.union(&inherited) {
            if stations.contains(&(ifindex, station)) {
                continue;
            }
            // Fails when the interface is gone, and its filter with it.
            let _ = station_filter::release(ifindex, station);
        }
        self.held.retain(|held| stations.contains(held));
        for &(ifindex, station) in &stations {
            if self.held.contains(&(ifindex, station)) {
                continue;
            }
            match station_filter::hold(ifindex, station) {
                Ok(()) => drop(self.held.insert((ifindex, station))),
                // The membership serves for as long as this process lives.
                Err(error) => tracing::warn!(
                    "interface {ifindex} will not take VRRP's multicast station once this daemon is dead: {error}"
                ),
            }
        }
    }

    /// A predecessor may have left these: virtual MACs, and the stations of groups.
    pub fn inherit(&mut self, stations: BTreeSet<Station>, groups: BTreeSet<(u32, IpAddr)>) {
        self.inherited = stations;
        let groups = groups.into_iter();
        self.inherited_groups = groups.map(|(on, group)| (on, station(group))).collect();
    }

    /// Makes the interfaces take frames to exactly these virtual MACs; gives back those
    /// they will not.
    pub fn set_stations(&mut self, wanted: &BTreeSet<Station>) -> Vec<NotTaken> {
        let held: Vec<Station> = self.virtual_macs.keys().copied().collect();
        let inherited = core::mem::take(&mut self.inherited);
        for station in held.into_iter().chain(inherited) {
            if !wanted.contains(&station) {
                let (ifindex, mac) = station;
                self.virtual_macs.remove(&station);
                // Fails when the interface is gone, and its filter with it.
                let _ = unicast_filter::release(ifindex, mac);
            }
        }
        let mut failures = Vec::new();
        for &station in wanted {
            if self.virtual_macs.contains_key(&station) {
                continue;
            }
            let (ifindex, mac) = station;
            match unicast_filter::hold(ifindex, mac) {
                Ok(held) => {
                    if let Held::BySocket { why, .. } = &held {
                        tracing::warn!(
                            "interface {ifindex} will not take a virtual MAC's frames once this daemon is dead: {why}"
                        );
                    }
                    self.virtual_macs.insert(station, held);
                }
                Err(error) => failures.push(NotTaken { station, error }),
            }
        }
        failures
    }

    /// A clean stop: takes the stations out of the filters.
    pub fn release(mut self) {
        self.hold(&BTreeSet::new());
        self.set_stations(&BTreeSet::new());
    }

    /// An interface is gone, or came back under its old index: its memberships are
    /// the kernel's to forget, so the next [`set`](Self::set) joins anew.
    pub fn forget(&mut self, ifindex: u32) {
        self.ipv4.forget(ifindex);
        self.ipv6.forget(ifindex);
        self.held.retain(|(of, _)| *of != ifindex);
        self.virtual_macs.retain(|(of, _), _| *of != ifindex);
    }
}

/// A raw socket that takes every advert the stack delivers, and drops it.
fn swallow_all(domain: Domain, protocol: u8) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(i32::from(protocol))))?;
    // BPF_RET | BPF_K, 0: keep no octet.
    socket.attach_filter(&[SockFilter::new(0x06, 0, 0, 0)])?;
    // The kernel raises it to its minimum.
    socket.set_recv_buffer_size(1)?;
    // An advert may have come ahead of the filter.
    socket.set_nonblocking(true)?;
    while socket.recv(&mut []).is_ok() {}
    Ok(socket)
}

/// One family's memberships, spread over sockets: a socket holds only
/// `igmp_max_memberships` (20) of IPv4, and of IPv6 what `optmem_max` allows.
struct Members {
    domain: Domain,
    /// Which groups each holds.
    sockets: Vec<(Socket, BTreeSet<Membership>)>,
}

impl Members {
    const fn new(domain: Domain) -> Self {
        Self {
            domain,
            sockets: Vec::new(),
        }
    }

    fn set(&mut self, wanted: &BTreeSet<&Membership>) -> Vec<NotJoined> {
        for (socket, held) in &mut self.sockets {
            held.retain(|membership| {
                let keep = wanted.contains(membership);
                if !keep {
                    // Fails when the interface is gone, and the membership with it.
                    let _ = leave(socket, *membership);
                }
                keep
            });
        }
        self.sockets.retain(|(_, held)| !held.is_empty());
        let mut failures = Vec::new();
        for &&membership in wanted {
            if !self
                .sockets
                .iter()
                .any(|(_, held)| held.contains(&membership))
                && let Err(error) = self.join(membership)
            {
                failures.push(NotJoined { membership, error });
            }
        }
        failures
    }

    fn join(&mut self, membership: Membership) -> io::Result<()> {
        for (socket, held) in &mut self.sockets {
            match join(socket, membership) {
                Ok(()) => {
                    held.insert(membership);
                    return Ok(());
                }
                // This one is full.
                Err(error)
                    if matches!(error.raw_os_error(), Some(libc::ENOBUFS | libc::ENOMEM)) => {}
                Err(error) => return Err(error),
            }
        }
        // Unbound, so it receives nothing.
        let socket = Socket::new(self.domain, Type::DGRAM, None)?;
        join(&socket, membership)?;
        self.sockets.push((socket, BTreeSet::from([membership])));
        Ok(())
    }

    fn forget(&mut self, ifindex: u32) {
        for (socket, held) in &mut self.sockets {
            held.retain(|membership| {
                if membership.ifindex == ifindex {
                    let _ = leave(socket, *membership);
                }
                membership.ifindex != ifindex
            });
        }
        self.sockets.retain(|(_, held)| !held.is_empty());
    }
}

fn join(socket: &Socket, Membership { ifindex, group }: Membership) -> io::Result<()> {
    match group {
        IpAddr::V4(group) => {
            socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(ifindex))
        }
        IpAddr::V6(group) => socket.join_multicast_v6(&group, ifindex),
    }
}

fn leave(socket: &Socket, Membership { ifindex, group }: Membership) -> io::Result<()> {
    match group {
        IpAddr::V4(group) => {
            socket.leave_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(ifindex))
        }
        IpAddr::V6(group) => socket.leave_multicast_v6(&group, ifindex),
    }
}

#[cfg(test)]
mod tests {
    use super::Membership;

    #[test]
    fn groups_of_an_interface() {
        let joined = [
            Membership::adverts(3, "224.0.0.18".parse().unwrap()),
            Membership::adverts(3, "ff02::12".parse().unwrap()),
            Membership::solicited_node(3, "2001:db8::12:3456".parse().unwrap()),
        ];
        let for_adverts = joined.map(|membership| membership.is_for_adverts());
        assert_eq!(for_adverts, [true, true, false]);
        let groups = joined.map(|membership| (membership.ifindex, membership.group.to_string()));
        let want = [(3, "224.0.0.18"), (3, "ff02::12"), (3, "ff02::1:ff12:3456")];
        assert_eq!(
            groups,
            want.map(|(ifindex, group)| (ifindex, group.to_owned()))
        );
    }
}
