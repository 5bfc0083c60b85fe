//! What a real server needs for the services it stands in, as steps that can be looked
//! for, taken and taken back.

use crate::config::model::balance::{Balance, Method, Tunnel, VirtualServer};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
};

/// What is known of this host.
#[derive(Clone, Debug, Default)]
pub(super) struct Host {
    /// Interface, address and prefix length.
    pub(super) addresses: Vec<(String, IpAddr, u8)>,
    /// Interfaces by which packets leave that have no better way.
    pub(super) default_routes: BTreeSet<String>,
}

/// One thing that has to be so. The order is that in which they are taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Step {
    /// A sysctl below `net`, with `/`, and what it has to be.
    Sysctl { key: String, value: u8 },
    /// Packets in UDP are taken out of it.
    Gue { port: u16, v6: bool },
    /// A tunnel that takes packets from anybody who sends them to this address.
    Tunnel {
        name: String,
        kind: String,
        local: IpAddr,
    },
    /// A sysctl of a tunnel, which has to be there first.
    TunnelSysctl { key: String, value: u8 },
    /// An address.
    Address { address: IpAddr, device: String },
}

impl Step {
    /// What has to be typed for it; `true` where it may be so by another's hand.
    pub(super) fn commands(&self) -> Vec<String> {
        match self {
            Self::Sysctl { key, value } | Self::TunnelSysctl { key, value } => {
                vec![format!("sysctl -w net.{}={value}", dotted(key))]
            }
            Self::Gue { port, v6 } => {
                vec![format!("ip {}fou add port {port} gue", six(*v6))]
            }
            Self::Tunnel { name, kind, local } => {
                let mode = if kind == "ip6tnl" { " mode any" } else { "" };
                vec![
                    format!("ip link add {name} type {kind}{mode} local {local}"),
                    format!("ip link set {name} up"),
                ]
            }
            Self::Address { address, device } => {
                let (length, nodad) = match address {
                    IpAddr::V4(_) => (32, ""),
                    IpAddr::V6(_) => (128, " nodad"),
                };
                vec![format!(
                    "ip addr add {address}/{length} dev {device}{nodad}"
                )]
            }
        }
    }

    /// What takes it back; `before` is what a sysctl was.
    pub(super) fn undo(&self, before: Option<u8>) -> Option<String> {
        match self {
            // Gone with its tunnel.
            Self::TunnelSysctl { .. } => None,
            Self::Sysctl { key, .. } => {
                before.map(|value| format!("sysctl -w net.{}={value}", dotted(key)))
            }
            Self::Gue { port, v6 } => Some(format!("ip {}fou del port {port}", six(*v6))),
            Self::Tunnel { name, .. } => Some(format!("ip link del {name}")),
            Self::Address { address, device } => {
                let length = if address.is_ipv4() { 32 } else { 128 };
                Some(format!("ip addr del {address}/{length} dev {device}"))
            }
        }
    }

    /// Why it has to be so.
    pub(super) fn why(&self) -> String {
        match self {
            Self::Sysctl { key, .. } if key.ends_with("arp_ignore") => {
                "it answers ARP for the service's address, and takes its traffic from the director"
                    .into()
            }
            Self::Sysctl { .. } => {
                "it asks with the service's address for its gateway, which then sends the service's traffic here"
                    .into()
            }
            Self::Gue { port, .. } => format!("nothing takes packets out of UDP port {port}"),
            Self::Tunnel { name, .. } => format!("there is no tunnel {name} for what the director sends"),
            Self::TunnelSysctl { .. } => {
                "what comes out of the tunnel is dropped: its way back is another".into()
            }
            Self::Address { address, .. } => {
                format!("{address} is not an address of this host: what is for it is dropped")
            }
        }
    }
}

fn dotted(key: &str) -> String {
    // An interface such as eth0.7 has dots of its own: sysctl takes slashes for them.
    key.replace('.', "\u{0}")
        .replace('/', ".")
        .replace('\u{0}', "/")
}

const fn six(v6: bool) -> &'static str {
    if v6 { "-6 " } else { "" }
}

/// What this host has to have, and what is to be said besides. `Err`: it is no real
/// server of any of them.
pub(super) fn plan(
    balance: &Balance,
    host: &Host,
    only: &[String],
) -> Result<(BTreeSet<Step>, Vec<String>), String> {
    let chosen = chosen(balance, only)?;
    let own: BTreeSet<IpAddr> = host.addresses.iter().map(|(_, it, _)| *it).collect();
    let (mut steps, mut notes, mut stands) = (BTreeSet::new(), Vec::new(), false);
    for service in chosen {
        for server in service
            .servers
            .iter()
            .filter(|it| own.contains(&it.address))
        {
            stands = true;
            let vips: BTreeSet<IpAddr> = addresses(service).collect();
            match server.method {
                Method::Nat => notes.push(format!(
                    "{}: NAT needs nothing here but that packets for clients go back through the director: `ip route get CLIENT` has to name it",
                    service.name
                )),
                Method::Dr => direct(host, server.address, &vips, &mut steps),
                Method::Tun(tunnel) => {
                    direct(host, server.address, &vips, &mut steps);
                    through(tunnel, server.address, &vips, &mut steps);
                }
            }
        }
    }
    if stands {
        return Ok((steps, notes));
    }
    let listed: BTreeSet<String> = balance
        .services
        .iter()
        .flat_map(|it| &it.servers)
        .map(|it| it.address.to_string())
        .collect();
    let listed: Vec<String> = listed.into_iter().collect();
    Err(format!(
        "no address of this host is a real_server there; they are {}",
        listed.join(", ")
    ))
}

fn chosen<'a>(balance: &'a Balance, only: &[String]) -> Result<Vec<&'a VirtualServer>, String> {
    let means = |service: &VirtualServer, name: &str| {
        service.name.eq_ignore_ascii_case(name) || service.name.ends_with(&format!(" {name}"))
    };
    for name in only {
        if !balance.services.iter().any(|it| means(it, name)) {
            let names: Vec<&str> = balance.services.iter().map(|it| it.name.as_str()).collect();
            return Err(format!(
                "no virtual_server is named {name}; write one of these: {}",
                names.join(", ")
            ));
        }
    }
    let services = balance.services.iter();
    Ok(services
        .filter(|it| only.is_empty() || only.iter().any(|name| means(it, name)))
        .collect())
}

fn addresses(service: &VirtualServer) -> impl Iterator<Item = IpAddr> {
    service.listens.iter().flat_map(|listen| {
        let all: Vec<IpAddr> = match (listen.first, listen.last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => (first.to_bits()..=last.to_bits())
                .map(|bits| Ipv4Addr::from(bits).into())
                .collect(),
            (IpAddr::V6(first), IpAddr::V6(last)) => (first.to_bits()..=last.to_bits())
                .map(|bits| IpAddr::V6(bits.into()))
                .collect(),
            (first, _) => vec![first],
        };
        all
    })
}

/// The address on the loopback, and nobody is told that it is here. IPv6 answers for an
/// address of another interface to nobody anyway.
fn direct(host: &Host, real: IpAddr, vips: &BTreeSet<IpAddr>, steps: &mut BTreeSet<Step>) {
    for &vip in vips {
        steps.insert(Step::Address {
            address: vip,
            device: "lo".into(),
        });
        if vip.is_ipv6() {
            continue;
        }
        let carries = host.addresses.iter().filter(|(device, address, length)| {
            device != "lo" && (*address == real || is_within(vip, *address, *length))
        });
        let carries = carries.map(|(device, ..)| device);
        for device in carries.chain(&host.default_routes) {
            for (key, value) in [("arp_ignore", 1), ("arp_announce", 2)] {
                steps.insert(Step::Sysctl {
                    key: format!("ipv4/conf/{device}/{key}"),
                    value,
                });
            }
        }
    }
}

fn is_within(vip: IpAddr, address: IpAddr, length: u8) -> bool {
    let (IpAddr::V4(vip), IpAddr::V4(address)) = (vip, address) else {
        return false;
    };
    let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
    length > 0 && vip.to_bits() & mask == address.to_bits() & mask
}

fn through(tunnel: Tunnel, real: IpAddr, vips: &BTreeSet<IpAddr>, steps: &mut BTreeSet<Step>) {
    if let Tunnel::Gue { port, .. } = tunnel {
        steps.insert(Step::Gue {
            port,
            v6: real.is_ipv6(),
        });
    }
    for vip in vips {
        let (name, kind) = match (tunnel, real.is_ipv4(), vip.is_ipv4()) {
            (Tunnel::Gre { .. }, true, _) => ("xvrrp-gre", "gre"),
            (Tunnel::Gre { .. }, false, _) => ("xvrrp-gre6", "ip6gre"),
            (_, true, true) => ("xvrrp-ipip", "ipip"),
            (_, true, false) => ("xvrrp-sit", "sit"),
            (_, false, _) => ("xvrrp-ip6tnl", "ip6tnl"),
        };
        steps.insert(Step::Tunnel {
            name: name.into(),
            kind: kind.into(),
            local: real,
        });
        if vip.is_ipv4() {
            steps.insert(Step::TunnelSysctl {
                key: format!("ipv4/conf/{name}/rp_filter"),
                value: 2,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::balance::{Listen, Protocol, RealServer, Scheduler, SchedulerKind};

    fn service(vip: &str, real: &str, method: Method) -> VirtualServer {
        let vip: IpAddr = vip.parse().expect("an address");
        VirtualServer {
            name: format!("TCP {}", std::net::SocketAddr::new(vip, 80)),
            listens: vec![Listen {
                first: vip,
                last: vip,
                first_port: 80,
                last_port: 80,
            }],
            protocol: Protocol::Tcp,
            scheduler: Scheduler {
                kind: SchedulerKind::Wlc,
                port: false,
                fallback: false,
            },
            method,
            persistence: None,
            one_packet: false,
            ha_suspend: false,
            servers: vec![RealServer {
                address: real.parse().expect("an address"),
                port: 80,
                weight: 1,
                method,
                upper: 0,
                lower: 0,
            }],
        }
    }

    fn host() -> Host {
        let address = |device: &str, text: &str, length| {
            (device.to_owned(), text.parse().expect("an address"), length)
        };
        Host {
            addresses: vec![
                address("lo", "127.0.0.1", 8),
                address("eth0.7", "10.0.0.11", 24),
                address("eth1", "192.0.2.11", 24),
                address("eth2", "172.16.0.1", 16),
                address("eth0.7", "2001:db8::11", 64),
            ],
            default_routes: ["eth0.7".to_owned()].into(),
        }
    }

    fn commands(service: VirtualServer) -> Vec<String> {
        let balance = Balance {
            services: vec![service],
            ..Balance::default()
        };
        let (steps, _) = plan(&balance, &host(), &[]).expect("it stands there");
        steps.iter().flat_map(Step::commands).collect()
    }

    #[test]
    fn direct_routing_needs_the_address_and_silence_about_it() {
        assert_eq!(
            commands(service("192.0.2.100", "10.0.0.11", Method::Dr)),
            [
                "sysctl -w net.ipv4.conf.eth0/7.arp_announce=2",
                "sysctl -w net.ipv4.conf.eth0/7.arp_ignore=1",
                "sysctl -w net.ipv4.conf.eth1.arp_announce=2",
                "sysctl -w net.ipv4.conf.eth1.arp_ignore=1",
                "ip addr add 192.0.2.100/32 dev lo",
            ]
        );
        assert_eq!(
            commands(service("2001:db8::100", "2001:db8::11", Method::Dr)),
            ["ip addr add 2001:db8::100/128 dev lo nodad"]
        );
    }

    #[test]
    fn a_tunnel_needs_its_device_too() {
        let tun = |tunnel| {
            let all = commands(service("10.9.0.1", "10.0.0.11", Method::Tun(tunnel)));
            all[2..].to_vec()
        };
        assert_eq!(
            tun(Tunnel::Ipip),
            [
                "ip link add xvrrp-ipip type ipip local 10.0.0.11",
                "ip link set xvrrp-ipip up",
                "sysctl -w net.ipv4.conf.xvrrp-ipip.rp_filter=2",
                "ip addr add 10.9.0.1/32 dev lo",
            ]
        );
        let gue = tun(Tunnel::Gue {
            port: 5555,
            checksum: false,
        });
        assert_eq!(gue[0], "ip fou add port 5555 gue");
        assert_eq!(gue[1], "ip link add xvrrp-ipip type ipip local 10.0.0.11");
        let gre = tun(Tunnel::Gre { checksum: true });
        assert_eq!(gre[0], "ip link add xvrrp-gre type gre local 10.0.0.11");
        let six = commands(service(
            "10.9.0.1",
            "2001:db8::11",
            Method::Tun(Tunnel::Ipip),
        ));
        assert!(
            six.contains(
                &"ip link add xvrrp-ip6tnl type ip6tnl mode any local 2001:db8::11".into()
            ),
            "{six:?}"
        );
    }

    #[test]
    fn what_was_done_is_undone() {
        let address = Step::Address {
            address: "10.9.0.1".parse().expect("an address"),
            device: "lo".into(),
        };
        assert_eq!(
            address.undo(None).as_deref(),
            Some("ip addr del 10.9.0.1/32 dev lo")
        );
        let sysctl = Step::Sysctl {
            key: "ipv4/conf/eth0/arp_ignore".into(),
            value: 1,
        };
        assert_eq!(
            sysctl.undo(Some(0)).as_deref(),
            Some("sysctl -w net.ipv4.conf.eth0.arp_ignore=0")
        );
        assert_eq!(sysctl.undo(None), None);
    }

    #[test]
    fn a_host_that_stands_nowhere_is_told_who_does() {
        let balance = Balance {
            services: vec![service("10.9.0.1", "10.0.0.99", Method::Dr)],
            ..Balance::default()
        };
        let why = plan(&balance, &host(), &[]).expect_err("not this one");
        assert_eq!(
            why,
            "no address of this host is a real_server there; they are 10.0.0.99"
        );
        let why = plan(&balance, &host(), &["10.9.0.1:81".into()]).expect_err("no such");
        assert!(why.contains("write one of these: TCP 10.9.0.1:80"), "{why}");
    }
}
