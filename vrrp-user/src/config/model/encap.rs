//! `encap`: what a route puts around the packets it carries.

use core::net::IpAddr;
use serde::{Deserialize, Serialize};

/// `encap ...` of a route or of a next hop.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Encap {
    /// `ip`: a tunnel over IPv4.
    Ip(Tunnel),
    /// `ip6`: a tunnel over IPv6.
    Ip6(Tunnel),
    /// `mpls`: labels, the outermost first; at least one.
    Mpls(Vec<u32>),
    /// `ila`: a locator.
    Ila(u64),
}

/// What the interface of a tunnel is told of a packet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tunnel {
    /// `id`.
    pub id: Option<u64>,
    /// `dst`.
    pub destination: Option<IpAddr>,
    /// `src`.
    pub source: Option<IpAddr>,
    /// `tos`, or `tc` over IPv6.
    pub class: Option<u8>,
    /// `ttl`, or `hoplimit` over IPv6.
    pub hop_limit: Option<u8>,
    /// `flags`, as the kernel has them.
    pub flags: Option<u16>,
}
