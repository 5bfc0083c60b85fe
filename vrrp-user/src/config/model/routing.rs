//! Routes, rules and static addresses, as iproute2 has them.

use super::{VirtualAddress, encap::Encap};
use core::{fmt, hash, net::IpAddr};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `RTPROT_KEEPALIVED`: marks what a VRRP daemon has installed.
pub const PROTOCOL: u8 = 18;
/// `RT_TABLE_MAIN`.
pub const TABLE_MAIN: u32 = 254;

/// Where something is written, for messages. Makes no difference otherwise: what
/// only moved in its file is the same.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Origin {
    /// The file.
    pub file: String,
    /// Its line, 1-based.
    pub line: u32,
}

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Origin {}

impl hash::Hash for Origin {
    fn hash<H: hash::Hasher>(&self, _: &mut H) {}
}

impl Origin {
    /// ` (FILE:LINE)`, or nothing where nobody knows.
    #[must_use]
    pub fn in_brackets(&self) -> String {
        match self.line {
            0 => String::new(),
            line => format!(" ({}:{line})", self.file),
        }
    }
}

/// An address with its prefix length in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Prefix {
    /// The address, as written.
    pub address: IpAddr,
    /// Its prefix length in bits.
    pub bits: u8,
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// `table`, or the table of a `vrf`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Table {
    /// By number.
    Number(u32),
    /// That of a VRF device.
    Vrf(String),
}

/// Where among routes to the same destination a route is put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Placing {
    /// Before them: keepalived's way.
    #[default]
    Prepend,
    /// `append`: behind them.
    Append,
    /// `add`: not at all if there is one.
    Alone,
}

/// A TCP or path property of a route (`RTAX_*`), by the kernel's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "iproute2's names")]
pub enum Metric {
    Mtu,
    Window,
    Rtt,
    RttVar,
    SsThresh,
    Cwnd,
    AdvMss,
    Reordering,
    HopLimit,
    InitCwnd,
    Features,
    RtoMin,
    InitRwnd,
    QuickAck,
    FastopenNoCookie,
}

impl Metric {
    /// `RTAX_*`.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Mtu => 2,
            Self::Window => 3,
            Self::Rtt => 4,
            Self::RttVar => 5,
            Self::SsThresh => 6,
            Self::Cwnd => 7,
            Self::AdvMss => 8,
            Self::Reordering => 9,
            Self::HopLimit => 10,
            Self::InitCwnd => 11,
            Self::Features => 12,
            Self::RtoMin => 13,
            Self::InitRwnd => 14,
            Self::QuickAck => 15,
            Self::FastopenNoCookie => 17,
        }
    }
}

/// What a route says of the path (`RTA_METRICS`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Metrics {
    /// As the kernel counts them.
    pub values: BTreeMap<Metric, u32>,
    /// `lock`: one bit for each locked one, by the kernel's number.
    pub lock: u32,
    /// `congctl`.
    pub congestion: Option<String>,
}

/// One way of a multipath route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NextHop {
    /// `via`.
    pub via: Option<IpAddr>,
    /// `dev`.
    pub dev: Option<String>,
    /// `weight`, 1-256.
    pub weight: Option<u16>,
    /// `onlink`.
    pub on_link: bool,
    /// `realms`.
    pub realms: Option<u32>,
    /// `encap`.
    pub encap: Option<Encap>,
}

/// A row of `virtual_routes` or `static_routes`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Route {
    /// Where it is written.
    pub origin: Origin,
    /// IPv6 rather than IPv4.
    pub v6: bool,
    /// `RTN_*`: unicast, blackhole and the like.
    pub kind: u8,
    /// Where to.
    pub destination: Prefix,
    /// `from`: for packets from there only; IPv6.
    pub from: Option<Prefix>,
    /// `src`: source address the host prefers.
    pub source: Option<IpAddr>,
    /// `via`; of the other family after `inet6`.
    pub via: Option<IpAddr>,
    /// `dev`.
    pub dev: Option<String>,
    /// `onlink`: the next hop is taken to be on the link.
    pub on_link: bool,
    /// `table`.
    pub table: Table,
    /// `tos`.
    pub tos: u8,
    /// `protocol`.
    pub protocol: u8,
    /// `scope`, as the kernel numbers it.
    pub scope: u8,
    /// `metric`.
    pub metric: Option<u32>,
    /// `realms`: source in the upper half.
    pub realms: Option<u32>,
    /// `expires`, in seconds; IPv6.
    pub expires_s: Option<u32>,
    /// `pref`, as `ICMPv6` numbers it; IPv6.
    pub preference: Option<u8>,
    /// `encap`.
    pub encap: Option<Encap>,
    /// Of the path.
    pub metrics: Metrics,
    /// `nexthop`.
    pub next_hops: Vec<NextHop>,
    /// `add`, `append`, `prepend`.
    pub placing: Placing,
    /// `no_track`: its interface is not tracked, and it is not put back when
    /// something else deletes it.
    pub no_track: bool,
    /// `track_group` of a static one.
    pub track_group: Option<String>,
}

impl Route {
    /// Interfaces it names.
    pub fn devices(&self) -> impl Iterator<Item = &str> {
        let hops = self.next_hops.iter().filter_map(|hop| hop.dev.as_deref());
        self.dev.as_deref().into_iter().chain(hops)
    }
}

/// What a rule does with a packet that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RuleAction {
    /// `table`.
    Table(u32),
    /// `l3mdev`: the table of the packet's VRF.
    L3mdev,
    /// `goto`.
    Goto(u32),
    /// `nop`.
    Nop,
    /// `blackhole`.
    Blackhole,
    /// `unreachable`.
    Unreachable,
    /// `prohibit`.
    Prohibit,
}

/// A row of `virtual_rules` or `static_rules`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// Where it is written.
    pub origin: Origin,
    /// IPv6 rather than IPv4.
    pub v6: bool,
    /// `not`.
    pub invert: bool,
    /// `from`.
    pub from: Option<Prefix>,
    /// `to`.
    pub to: Option<Prefix>,
    /// `preference`.
    pub preference: u32,
    /// What it does.
    pub action: RuleAction,
    /// `iif`.
    pub iif: Option<String>,
    /// `oif`.
    pub oif: Option<String>,
    /// `tos`.
    pub tos: u8,
    /// `fwmark`: value and mask.
    pub mark: Option<(u32, Option<u32>)>,
    /// `realms`.
    pub realms: Option<u32>,
    /// `suppress_prefixlength`.
    pub suppress_prefix_length: Option<u32>,
    /// `suppress_ifgroup`.
    pub suppress_group: Option<u32>,
    /// `tunnel-id`.
    pub tunnel_id: Option<u64>,
    /// `uidrange`.
    pub uids: Option<(u32, u32)>,
    /// `ipproto`.
    pub ip_protocol: Option<u8>,
    /// `sport`.
    pub source_ports: Option<(u16, u16)>,
    /// `dport`.
    pub destination_ports: Option<(u16, u16)>,
    /// `protocol`.
    pub protocol: u8,
    /// `no_track`: as of a route.
    pub no_track: bool,
    /// `track_group` of a static one.
    pub track_group: Option<String>,
}

impl Rule {
    /// Interfaces it names.
    pub fn devices(&self) -> impl Iterator<Item = &str> {
        self.iif.as_deref().into_iter().chain(self.oif.as_deref())
    }
}

/// A row of `static_ipaddress`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StaticAddress {
    /// The address; it always names its interface.
    pub address: VirtualAddress,
    /// `track_group`.
    pub track_group: Option<String>,
}

/// `static_ipaddress`, `static_routes` and `static_rules`: there as long as the
/// daemon is, whoever is MASTER.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statics {
    /// `static_ipaddress`.
    pub addresses: Vec<StaticAddress>,
    /// `static_routes`.
    pub routes: Vec<Route>,
    /// `static_rules`.
    pub rules: Vec<Rule>,
}
