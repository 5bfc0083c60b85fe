//! A lab: a bridge, routers and a client, each in a namespace of its own.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::{
    frame::Mac,
    namespace::{Namespace, next_lab},
};

/// What the one interface of each router and client is called.
pub const INTERFACE: &str = "eth0";

/// A router or client: a namespace with an `eth0` on the bridge.
pub struct Node {
    /// Its namespace.
    pub ns: Namespace,
    /// `r1`, `r2`, ..., `c`.
    pub role: String,
    /// Hardware address of its `eth0`.
    pub mac: Mac,
    /// Its address in 10.77.0.0/24.
    pub v4: Ipv4Addr,
    /// Its address in `fd77::/64`.
    pub v6: Ipv6Addr,
    /// Its link-local address.
    pub link_local: Ipv6Addr,
    /// Interface index of its port in the bridge's namespace.
    pub port_index: u32,
}

impl Node {
    /// Its own address in the family of `like`.
    #[must_use]
    pub fn address_like(&self, like: IpAddr) -> IpAddr {
        if like.is_ipv4() {
            self.v4.into()
        } else {
            self.v6.into()
        }
    }

    fn port(&self) -> String {
        format!("p-{}", self.role)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.role)
    }
}

/// The whole network. All labs use the same addresses; none sees another.
pub struct Lab {
    /// Routers first, in order, then the client.
    pub nodes: Vec<Node>,
    /// Where the bridge `br0` and its ports are.
    pub bridge: Namespace,
}

impl Lab {
    /// A bridge with IPv6 and multicast snooping as the kernel has them, and
    /// `routers` routers and one client on it, up and addressed.
    #[must_use]
    pub fn new(routers: u8) -> Self {
        let lab = next_lab();
        let bridge = Namespace::new(lab, "br");
        let mut lines = vec!["link add br0 type bridge".into(), "link set br0 up".into()];
        let mut nodes = Vec::new();
        for number in 1..=routers + 1 {
            let client = number > routers;
            let host = if client { 100 } else { number };
            let role = if client {
                "c".to_owned()
            } else {
                format!("r{number}")
            };
            let ns = Namespace::new(lab, &role);
            let node = Node {
                role,
                mac: [2, 0, 0, 0, 0, host],
                v4: Ipv4Addr::new(10, 77, 0, host),
                v6: Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, host.into()),
                // EUI-64 of the hardware address (RFC 4291 appendix A).
                link_local: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, host.into()),
                port_index: 0,
                ns,
            };
            lines.push(format!(
                "link add {} type veth peer name {INTERFACE} address 02:00:00:00:00:{host:02x} netns {}",
                node.port(),
                node.ns.name(),
            ));
            lines.push(format!("link set {} master br0 up", node.port()));
            nodes.push(node);
        }
        bridge.ip_batch(&lines);
        for node in &mut nodes {
            address(node);
            let port = node.port();
            node.port_index =
                bridge.run(|| nix::net::if_::if_nametoindex(port.as_str()).expect("the port"));
        }
        Self { nodes, bridge }
    }

    /// Router `index`, from 0.
    #[must_use]
    pub fn router(&self, index: usize) -> &Node {
        &self.nodes[..self.nodes.len() - 1][index]
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Node {
        self.nodes.last().expect("a lab has a client")
    }

    /// How many routers there are; also the client's index among the nodes.
    #[must_use]
    pub fn routers(&self) -> usize {
        self.nodes.len() - 1
    }

    /// Which node has this hardware address.
    #[must_use]
    pub fn node_of(&self, mac: Mac) -> Option<usize> {
        self.nodes.iter().position(|node| node.mac == mac)
    }

    /// Pulls the cable of a router at the bridge's end: it loses its carrier.
    pub fn unplug(&self, router: usize) {
        self.bridge
            .ip(&format!("link set {} down", self.router(router).port()));
    }

    /// Plugs it in again.
    pub fn plug(&self, router: usize) {
        self.bridge
            .ip(&format!("link set {} up", self.router(router).port()));
    }
}

/// Addresses without the second that duplicate address detection would cost.
fn address(node: &Node) {
    let v6 = |key: &str| format!("ipv6/conf/{INTERFACE}/{key}");
    node.ns.sysctl(&[
        (v6("accept_dad"), "0"),
        (v6("dad_transmits"), "0"),
        (v6("accept_ra"), "0"),
        (v6("router_solicitations"), "0"),
    ]);
    node.ns.ip_batch(&[
        format!("addr add {}/24 dev {INTERFACE}", node.v4),
        format!("addr add {}/64 dev {INTERFACE} nodad", node.v6),
        format!("link set {INTERFACE} up"),
    ]);
}
