//! From what the kernel says of routes, links and neighbours to how a server is reached.
//! Nothing here asks; `resolver` does.

use crate::balance::Path;
use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};
use netlink_packet_route::{
    AddressFamily,
    link::{
        InfoData, InfoKind, InfoVlan, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType,
        LinkMessage, VlanProtocol,
    },
    neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState},
    route::{RouteAddress, RouteAttribute, RouteMessage, RouteMetric, RouteType, RouteVia},
};
use std::collections::BTreeMap;
use vrrp_common::balance::Hop;

/// Where the kernel would send what is for an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Nowhere, in its words.
    Nowhere(String),
    /// To itself.
    Local,
    /// To a next hop.
    Via(Via),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Via {
    /// The interface.
    pub(super) ifindex: u32,
    /// Whose hardware address is needed.
    pub(super) next: IpAddr,
    pub(super) source: Option<IpAddr>,
    /// The route's own limit, octets.
    pub(super) mtu: Option<u32>,
}

/// An interface, as far as frames leave by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) name: String,
    pub(super) up: bool,
    pub(super) loopback: bool,
    pub(super) ethernet: bool,
    pub(super) mac: [u8; 6],
    pub(super) mtu: u32,
    /// The interface it is a VLAN on, and its number.
    pub(super) vlan: Option<Tag>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) lower: u32,
    pub(super) id: u16,
    /// Not 802.1Q.
    pub(super) service: bool,
}

/// A neighbour's hardware address, where the kernel would use it.
pub(super) type Neighbour = Option<[u8; 6]>;

/// Why a server cannot be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unreachable {
    NoRoute(String),
    NoLink,
    Down(String),
    NoEthernet(String),
    Stacked(String),
    /// Its next hop says nothing.
    Silent {
        next: IpAddr,
        name: String,
    },
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoute(why) => write!(f, "the kernel has no route to it: {why}"),
            Self::NoLink => f.write_str("the interface of its route is gone"),
            Self::Down(name) => write!(f, "{name} is down"),
            Self::NoEthernet(name) => {
                write!(
                    f,
                    "{name} is no Ethernet interface, and XDP makes Ethernet frames"
                )
            }
            Self::Stacked(name) => {
                write!(
                    f,
                    "{name} is a VLAN in a VLAN, or 802.1ad; one 802.1Q tag is served"
                )
            }
            Self::Silent { next, name } => {
                let asks = if next.is_ipv4() { "ARP" } else { "ND" };
                write!(f, "{next} does not answer {asks} on {name}")
            }
        }
    }
}

/// How `address` is reached.
pub(super) fn path(
    address: IpAddr,
    route: &Route,
    ports: &BTreeMap<u32, Port>,
    neighbour: impl Fn(u32, IpAddr) -> Neighbour,
) -> Result<Path, Unreachable> {
    let via = match route {
        Route::Nowhere(why) => return Err(Unreachable::NoRoute(why.clone())),
        Route::Local => {
            return Ok(Path {
                hop: Hop::default(),
                local: true,
                source: address,
            });
        }
        Route::Via(via) => via,
    };
    let port = ports.get(&via.ifindex).ok_or(Unreachable::NoLink)?;
    let (lower, vlan) = match port.vlan {
        None => (via.ifindex, 0),
        Some(tag) => {
            let below = ports.get(&tag.lower).ok_or(Unreachable::NoLink)?;
            if tag.service || below.vlan.is_some() {
                return Err(Unreachable::Stacked(port.name.clone()));
            }
            (tag.lower, tag.id)
        }
    };
    if !port.up {
        return Err(Unreachable::Down(port.name.clone()));
    }
    if !port.ethernet {
        return Err(Unreachable::NoEthernet(port.name.clone()));
    }
    let to = neighbour(via.ifindex, via.next).ok_or_else(|| Unreachable::Silent {
        next: via.next,
        name: port.name.clone(),
    })?;
    let unspecified = match address {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    Ok(Path {
        hop: Hop {
            to,
            vlan,
            from: port.mac,
            pad: 0,
            ifindex: lower,
            mtu: via.mtu.map_or(port.mtu, |mtu| mtu.min(port.mtu)),
        },
        local: false,
        source: via.source.unwrap_or(unspecified),
    })
}

impl Route {
    /// From the answer to a request for `address`.
    pub(super) fn parse(address: IpAddr, message: &RouteMessage) -> Self {
        match message.header.kind {
            RouteType::Local => return Self::Local,
            RouteType::Unicast => {}
            other => {
                let kind = format!("{other:?}").to_lowercase();
                return Self::Nowhere(format!("it is {kind}"));
            }
        }
        let mut via = Via {
            ifindex: 0,
            next: address,
            source: None,
            mtu: None,
        };
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Oif(ifindex) => via.ifindex = *ifindex,
                RouteAttribute::Gateway(RouteAddress::Inet(it))
                | RouteAttribute::Via(RouteVia::Inet(it)) => via.next = (*it).into(),
                RouteAttribute::Gateway(RouteAddress::Inet6(it))
                | RouteAttribute::Via(RouteVia::Inet6(it)) => via.next = (*it).into(),
                RouteAttribute::PrefSource(RouteAddress::Inet(it)) => {
                    via.source = Some((*it).into());
                }
                RouteAttribute::PrefSource(RouteAddress::Inet6(it)) => {
                    via.source = Some((*it).into());
                }
                RouteAttribute::Metrics(metrics) => {
                    via.mtu = metrics.iter().find_map(|it| match it {
                        RouteMetric::Mtu(mtu) if *mtu > 0 => Some(*mtu),
                        _ => None,
                    });
                }
                _ => {}
            }
        }
        if via.ifindex == 0 {
            return Self::Nowhere("the route names no interface".into());
        }
        Self::Via(via)
    }
}

impl Port {
    /// From a kernel message, with its index; `None` for bridge-port messages.
    pub(super) fn parse(message: &LinkMessage) -> Option<(u32, Self)> {
        if message.header.interface_family != AddressFamily::Unspec {
            return None;
        }
        let mut port = Self {
            up: message
                .header
                .flags
                .contains(LinkFlags::Up | LinkFlags::Running),
            loopback: message.header.flags.contains(LinkFlags::Loopback),
            ethernet: message.header.link_layer_type == LinkLayerType::Ether,
            ..Self::default()
        };
        let (mut lower, mut elsewhere, mut vlan) = (None, false, None);
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => port.name.clone_from(name),
                LinkAttribute::Address(mac) => {
                    port.mac = mac.as_slice().try_into().unwrap_or_default();
                }
                LinkAttribute::Mtu(mtu) => port.mtu = *mtu,
                LinkAttribute::Link(index) => lower = Some(*index),
                LinkAttribute::LinkNetNsId(_) => elsewhere = true,
                LinkAttribute::LinkInfo(infos)
                    if infos.contains(&LinkInfo::Kind(InfoKind::Vlan)) =>
                {
                    vlan = infos.iter().find_map(tag);
                }
                _ => {}
            }
        }
        if let Some((id, service)) = vlan {
            // An index in another namespace means nothing here: it is found nowhere.
            let lower = lower.filter(|_| !elsewhere).unwrap_or(0);
            port.vlan = Some(Tag { lower, id, service });
        }
        Some((message.header.index, port))
    }
}

fn tag(info: &LinkInfo) -> Option<(u16, bool)> {
    let LinkInfo::Data(InfoData::Vlan(data)) = info else {
        return None;
    };
    let id = data.iter().find_map(|it| match it {
        InfoVlan::Id(id) => Some(*id),
        _ => None,
    })?;
    let service = data.contains(&InfoVlan::Protocol(VlanProtocol::Ieee8021Ad));
    Some((id, service))
}

/// Interface, address, and what is known of it.
pub(super) fn neighbour(message: &NeighbourMessage) -> Option<(u32, IpAddr, Neighbour)> {
    let mut address = None;
    let mut mac = None;
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(it)) => {
                address = Some(IpAddr::V4(*it));
            }
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(it)) => {
                address = Some(IpAddr::V6(*it));
            }
            NeighbourAttribute::LinkLayerAddress(it) => mac = it.as_slice().try_into().ok(),
            _ => {}
        }
    }
    // What the kernel itself would send to (NUD_VALID).
    let valid = matches!(
        message.header.state,
        NeighbourState::Reachable
            | NeighbourState::Stale
            | NeighbourState::Delay
            | NeighbourState::Probe
            | NeighbourState::Permanent
            | NeighbourState::Noarp
    );
    Some((message.header.ifindex, address?, mac.filter(|_| valid)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9));
    const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 0, 1));
    const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 0, 2));
    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 9];

    fn port(name: &str, last: u8, vlan: Option<Tag>) -> Port {
        Port {
            name: name.into(),
            up: true,
            loopback: false,
            ethernet: true,
            mac: [2, 0, 0, 0, 1, last],
            mtu: 1500,
            vlan,
        }
    }

    fn ports() -> BTreeMap<u32, Port> {
        let tag = |lower, id, service| Some(Tag { lower, id, service });
        [
            (2, port("eth0", 2, None)),
            (3, port("eth0.7", 2, tag(2, 7, false))),
            (4, port("eth0.7.8", 2, tag(3, 8, false))),
            (5, port("eth0.9", 2, tag(2, 9, true))),
            (6, port("eth0.5", 2, tag(77, 5, false))),
            (
                7,
                Port {
                    up: false,
                    ..port("eth1", 7, None)
                },
            ),
            (
                8,
                Port {
                    ethernet: false,
                    ..port("wg0", 0, None)
                },
            ),
        ]
        .into()
    }

    fn via(ifindex: u32, mtu: Option<u32>) -> Route {
        Route::Via(Via {
            ifindex,
            next: GATEWAY,
            source: Some(OWN),
            mtu,
        })
    }

    #[test]
    fn a_server_is_reached_by_its_next_hop() {
        let known = |ifindex, next| (next == GATEWAY && ifindex != 9).then_some(MAC);
        for (route, ifindex, vlan, mtu) in [
            (via(2, None), 2, 0, 1500),
            (via(2, Some(1400)), 2, 0, 1400),
            (via(2, Some(9000)), 2, 0, 1500),
            (via(3, None), 2, 7, 1500),
        ] {
            let found = path(SERVER, &route, &ports(), known).expect("a path");
            let hop = Hop {
                to: MAC,
                vlan,
                from: [2, 0, 0, 0, 1, 2],
                pad: 0,
                ifindex,
                mtu,
            };
            assert_eq!((found.hop, found.local, found.source), (hop, false, OWN));
        }
        let here = path(SERVER, &Route::Local, &ports(), |_, _| None).expect("itself");
        assert!(here.local);
    }

    #[test]
    fn what_stands_in_the_way_is_said() {
        for (route, words) in [
            (
                Route::Nowhere("it is blackhole".into()),
                "no route to it: it is blackhole",
            ),
            (via(4, None), "eth0.7.8 is a VLAN in a VLAN"),
            (via(5, None), "eth0.9 is a VLAN in a VLAN, or 802.1ad"),
            (via(6, None), "the interface of its route is gone"),
            (via(7, None), "eth1 is down"),
            (via(8, None), "wg0 is no Ethernet interface"),
            (via(99, None), "the interface of its route is gone"),
            (via(2, None), "10.1.0.1 does not answer ARP on eth0"),
        ] {
            let why = path(SERVER, &route, &ports(), |_, _| None).expect_err("no path");
            assert!(why.to_string().contains(words), "{why}");
        }
    }

    #[test]
    fn a_neighbour_counts_while_the_kernel_would_send_to_it() {
        let mut message = NeighbourMessage::default();
        message.header.ifindex = 2;
        message.attributes = vec![
            NeighbourAttribute::Destination(NeighbourAddress::Inet(Ipv4Addr::new(10, 1, 0, 1))),
            NeighbourAttribute::LinkLayerAddress(MAC.to_vec()),
        ];
        for (state, want) in [
            (NeighbourState::Reachable, Some(MAC)),
            (NeighbourState::Stale, Some(MAC)),
            (NeighbourState::Probe, Some(MAC)),
            (NeighbourState::Permanent, Some(MAC)),
            (NeighbourState::Failed, None),
            (NeighbourState::Incomplete, None),
            (NeighbourState::None, None),
        ] {
            message.header.state = state;
            assert_eq!(neighbour(&message), Some((2, GATEWAY, want)), "{state}");
        }
    }
}
