//! `virtual_server` and what belongs to it.

use core::{net::IpAddr, time::Duration};
use serde::{Deserialize, Serialize};

/// Everything that is balanced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// `virtual_server`, in file order; no two listen on the same.
    pub services: Vec<VirtualServer>,
    /// `lvs_timeouts`.
    pub timeouts: Timeouts,
    /// What becomes of connections whose server is gone.
    pub gone: Gone,
}

/// `lvs_timeouts`: how long a connection lives without a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeouts {
    /// `tcp`: established.
    pub tcp: Duration,
    /// `tcpfin`: after a FIN.
    pub tcp_fin: Duration,
    /// `udp`.
    pub udp: Duration,
}

impl Default for Timeouts {
    /// IPVS's.
    fn default() -> Self {
        Self {
            tcp: Duration::from_mins(15),
            tcp_fin: Duration::from_mins(2),
            udp: Duration::from_mins(5),
        }
    }
}

/// `lvs_gone_servers` (ours): what becomes of connections whose server was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gone {
    /// A packet that may begin a connection is scheduled anew, any other is answered by a
    /// reset: the client knows at once.
    #[default]
    Reset,
    /// They are dropped until they time out, as IPVS does.
    Drop,
}

/// A `virtual_server`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VirtualServer {
    /// As operators name it: `TCP 10.0.0.1:80`, `UDP [2001:db8::1]:53`, or `TCP group NAME`.
    pub name: String,
    /// What it listens on.
    pub listens: Vec<Listen>,
    /// `protocol`.
    pub protocol: Protocol,
    /// `lb_algo`, with its flags.
    pub scheduler: Scheduler,
    /// `lb_kind`: of servers that do not say otherwise.
    pub method: Method,
    /// `persistence_timeout` and `persistence_granularity`.
    pub persistence: Option<Persistence>,
    /// `ops`: every UDP packet by itself.
    pub one_packet: bool,
    /// `ha_suspend`: not checked while its address is not ours.
    pub ha_suspend: bool,
    /// `real_server`, in file order.
    pub servers: Vec<RealServer>,
}

impl VirtualServer {
    /// What of it the programs do not know yet; a service with any of that is not
    /// balanced at all.
    #[must_use]
    pub fn unserved(&self) -> Option<&'static str> {
        if self.protocol == Protocol::Sctp {
            return Some("`protocol SCTP`");
        }
        let methods = self.servers.iter().map(|server| server.method);
        methods.chain([self.method]).find_map(Method::unserved)
    }
}

impl Method {
    /// As [`VirtualServer::unserved`].
    #[must_use]
    pub const fn unserved(self) -> Option<&'static str> {
        match self {
            Self::Dr => None,
            Self::Nat => Some("`lb_kind NAT`"),
            Self::Tun(_) => Some("`lb_kind TUN`"),
        }
    }
}

/// One address and port, or many, that a service listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Listen {
    /// First address.
    pub first: IpAddr,
    /// Last address; the same for one.
    pub last: IpAddr,
    /// First port; 0: all.
    pub first_port: u16,
    /// Last port; the same for one.
    pub last_port: u16,
}

/// `protocol`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum Protocol {
    #[default]
    Tcp,
    Udp,
    Sctp,
}

/// `lb_algo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduler {
    /// Which.
    pub kind: SchedulerKind,
    /// `sh-port`, `mh-port`.
    pub port: bool,
    /// `sh-fallback`, `mh-fallback`.
    pub fallback: bool,
}

/// Names of `lb_algo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum SchedulerKind {
    Rr,
    Wrr,
    Lc,
    Wlc,
    Sed,
    Nq,
    Sh,
    Dh,
    Mh,
    Fo,
    Ovf,
    Lblc,
    Lblcr,
    Twos,
    /// Weighted Maglev over 65537 slots; ours.
    Maglev,
}

/// `lb_kind`, `lvs_method`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum Method {
    Nat,
    Dr,
    Tun(Tunnel),
}

/// What a tunnel is made of: `tun`'s words after `lvs_method TUN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tunnel {
    /// `type ipip`.
    Ipip,
    /// `type gue port N [csum|nocsum]`.
    Gue {
        /// Destination port.
        port: u16,
        /// The outer UDP checksum is filled in.
        checksum: bool,
    },
    /// `type gre [csum|nocsum]`.
    Gre {
        /// The GRE checksum is filled in.
        checksum: bool,
    },
}

/// A client stays with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Persistence {
    /// `persistence_timeout`.
    pub timeout: Duration,
    /// `persistence_granularity`, as a prefix length.
    pub prefix: u8,
}

/// A `real_server`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RealServer {
    /// Its address; of the service's family, or with a tunnel of the other.
    pub address: IpAddr,
    /// Its port; of DR and TUN the service's.
    pub port: u16,
    /// `weight`; 0: no new connections.
    pub weight: u32,
    /// `lvs_method`, or the service's.
    pub method: Method,
    /// `uthreshold`; 0: no limit.
    pub upper: u32,
    /// `lthreshold`.
    pub lower: u32,
}
