//! `encap` as the kernel has it. Pure.

use crate::config::model::encap::{Encap, Tunnel};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use netlink_packet_core::DefaultNla;
use netlink_packet_route::route::{
    MplsLabel, RouteAttribute, RouteIp6Tunnel, RouteIp6TunnelFlags, RouteIpTunnel,
    RouteIpTunnelFlags, RouteLwEnCapType, RouteLwTunnelEncap, RouteMplsIpTunnel,
};

/// `LWTUNNEL_ENCAP_ILA`.
const ILA: u16 = 3;
/// `ILA_ATTR_LOCATOR`.
const ILA_LOCATOR: u16 = 1;

/// The two attributes that ask for it.
pub(super) fn wanted(encap: Option<&Encap>) -> Vec<RouteAttribute> {
    let (kind, inside) = match encap {
        None => return Vec::new(),
        Some(Encap::Ip(tunnel)) => (RouteLwEnCapType::Ip, over_ipv4(tunnel)),
        Some(Encap::Ip6(tunnel)) => (RouteLwEnCapType::Ip6, over_ipv6(tunnel)),
        Some(Encap::Mpls(labels)) => (RouteLwEnCapType::Mpls, vec![stack(labels)]),
        Some(Encap::Ila(locator)) => (RouteLwEnCapType::from(ILA), vec![ila(*locator)]),
    };
    vec![
        RouteAttribute::EncapType(kind),
        RouteAttribute::Encap(inside),
    ]
}

/// The kernel also tells what nobody asked for.
pub(super) fn normal(inside: &mut Vec<RouteLwTunnelEncap>) {
    inside.retain(|it| match it {
        RouteLwTunnelEncap::Ip(it) => {
            !matches!(
                it,
                RouteIpTunnel::Id(0)
                    | RouteIpTunnel::Destination(Ipv4Addr::UNSPECIFIED)
                    | RouteIpTunnel::Source(Ipv4Addr::UNSPECIFIED)
                    | RouteIpTunnel::Ttl(0)
                    | RouteIpTunnel::Tos(0)
            ) && !matches!(it, RouteIpTunnel::Flags(flags) if flags.is_empty())
        }
        RouteLwTunnelEncap::Ip6(it) => {
            !matches!(
                it,
                RouteIp6Tunnel::Id(0)
                    | RouteIp6Tunnel::Destination(Ipv6Addr::UNSPECIFIED)
                    | RouteIp6Tunnel::Source(Ipv6Addr::UNSPECIFIED)
                    | RouteIp6Tunnel::Hoplimit(0)
                    | RouteIp6Tunnel::Tc(0)
            ) && !matches!(it, RouteIp6Tunnel::Flags(flags) if flags.is_empty())
        }
        RouteLwTunnelEncap::Other(it) => {
            // What else there is to say of a locator.
            netlink_packet_core::Nla::kind(it) == ILA_LOCATOR
        }
        _ => true,
    });
    inside.sort_by_key(netlink_packet_core::Nla::kind);
}

fn over_ipv4(tunnel: &Tunnel) -> Vec<RouteLwTunnelEncap> {
    let address = |it: Option<IpAddr>| match it {
        Some(IpAddr::V4(address)) => Some(address),
        _ => None,
    };
    let flags = tunnel.flags.map(RouteIpTunnelFlags::from_bits_retain);
    let all = [
        tunnel.id.map(RouteIpTunnel::Id),
        address(tunnel.destination).map(RouteIpTunnel::Destination),
        address(tunnel.source).map(RouteIpTunnel::Source),
        tunnel.class.map(RouteIpTunnel::Tos),
        tunnel.hop_limit.map(RouteIpTunnel::Ttl),
        flags.map(RouteIpTunnel::Flags),
    ];
    all.into_iter()
        .flatten()
        .map(RouteLwTunnelEncap::Ip)
        .collect()
}

fn over_ipv6(tunnel: &Tunnel) -> Vec<RouteLwTunnelEncap> {
    let address = |it: Option<IpAddr>| match it {
        Some(IpAddr::V6(address)) => Some(address),
        _ => None,
    };
    let flags = tunnel.flags.map(RouteIp6TunnelFlags::from_bits_retain);
    let all = [
        tunnel.id.map(RouteIp6Tunnel::Id),
        address(tunnel.destination).map(RouteIp6Tunnel::Destination),
        address(tunnel.source).map(RouteIp6Tunnel::Source),
        tunnel.class.map(RouteIp6Tunnel::Tc),
        tunnel.hop_limit.map(RouteIp6Tunnel::Hoplimit),
        flags.map(RouteIp6Tunnel::Flags),
    ];
    all.into_iter()
        .flatten()
        .map(RouteLwTunnelEncap::Ip6)
        .collect()
}

fn stack(labels: &[u32]) -> RouteLwTunnelEncap {
    let last = labels.len().saturating_sub(1);
    let label = |(at, &label)| MplsLabel {
        label,
        traffic_class: 0,
        bottom_of_stack: at == last,
        ttl: 0,
    };
    let labels = labels.iter().enumerate().map(label).collect();
    RouteLwTunnelEncap::Mpls(RouteMplsIpTunnel::Destination(labels))
}

fn ila(locator: u64) -> RouteLwTunnelEncap {
    RouteLwTunnelEncap::Other(DefaultNla::new(ILA_LOCATOR, locator.to_be_bytes().to_vec()))
}
