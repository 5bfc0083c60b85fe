//! ipvsadm's pages, column for column.

use super::arguments::Page;
use crate::shell::balance::{
    picture::{ConnectionPicture, Picture, ServerPicture, ServicePicture},
    rates::Amounts,
};
use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr},
};

/// The version of the tables that scripts look for in the first line.
const VERSION: &str = "1.2.1";

/// The page of services and servers.
pub(super) fn services(picture: &Picture, page: Page, exact: bool) -> String {
    let mut out = format!(
        "IP Virtual Server version {VERSION} (size={})\n",
        picture.size
    );
    let figures = |titles: [&str; 5]| {
        let mut line = format!("{:<33}", "Prot LocalAddress:Port");
        for title in titles {
            let _ = write!(line, " {title:>8}");
        }
        line + "\n  -> RemoteAddress:Port\n"
    };
    out += &match page {
        Page::Stats => figures(["Conns", "InPkts", "OutPkts", "InBytes", "OutBytes"]),
        Page::Rate => figures(["CPS", "InPPS", "OutPPS", "InBPS", "OutBPS"]),
        Page::Servers | Page::Connections => "Prot LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n".to_owned(),
    };
    for service in &picture.services {
        for listen in &service.listens {
            let name = format!("{:<4} {listen}", service.protocol);
            match page {
                Page::Stats => out += &amounts(&format!("{name:<33}"), &service.total, exact),
                Page::Rate => out += &amounts(&format!("{name:<33}"), &service.rate, exact),
                Page::Servers | Page::Connections => {
                    let _ = writeln!(out, "{name} {}", flags(service));
                }
            }
        }
        for server in &service.servers {
            // What is out is no line of ipvsadm's.
            if server.is_in() {
                out += &line(server, page, exact);
            }
        }
    }
    out
}

/// What ipvsadm's page has no place for: edits, and what is wrong.
pub(super) fn remarks(picture: &Picture) -> String {
    let mut out = String::new();
    for service in &picture.services {
        let name = service.name.clone().unwrap_or_default();
        for server in &service.servers {
            let endpoint = endpoint(server.address, server.port);
            if let Some(edited) = &server.edited {
                let what = match edited.as_str() {
                    "weight" => format!("weight {} by hand", server.weight),
                    other => format!("{other} by hand"),
                };
                let _ = writeln!(
                    out,
                    "{name}: {endpoint} {what}, until the next reload or `xvrrpd lvs restore '{name}'`"
                );
            }
            if server.overloaded {
                let _ = writeln!(out, "{name}: {endpoint} has as many connections as it may");
            }
        }
    }
    for line in &picture.trouble {
        let _ = writeln!(out, "{line}");
    }
    out
}

fn flags(service: &ServicePicture) -> String {
    let mut out = service.scheduler.clone();
    if !service.scheduler_flags.is_empty() {
        let _ = write!(out, " ({})", service.scheduler_flags.join(","));
    }
    if let Some(seconds) = service.persistent_s {
        let _ = write!(out, " persistent {seconds}");
        match service.listens.first().map(std::net::SocketAddr::ip) {
            Some(IpAddr::V4(_)) if service.prefix != 32 => {
                let mask = u32::MAX
                    .checked_shl(32 - service.prefix.min(32))
                    .unwrap_or(0);
                let _ = write!(out, " mask {}", Ipv4Addr::from(mask));
            }
            Some(IpAddr::V6(_)) if service.prefix != 128 => {
                let _ = write!(out, " mask {}", service.prefix);
            }
            _ => {}
        }
    }
    if service.one_packet {
        out += " ops";
    }
    out
}

fn line(server: &ServerPicture, page: Page, exact: bool) -> String {
    let name = endpoint(server.address, server.port);
    let head = format!("  -> {name:<28}");
    match page {
        Page::Stats => amounts(&head, &server.total, exact),
        Page::Rate => amounts(&head, &server.rate, exact),
        Page::Servers | Page::Connections => format!(
            "{head} {:<7} {:<6} {:<10} {:<10}\n",
            server.forward, server.weight, server.active, server.inactive
        ),
    }
}

fn amounts(head: &str, amounts: &Amounts, exact: bool) -> String {
    let mut out = head.to_owned();
    for number in [
        amounts.connections,
        amounts.packets_in,
        amounts.packets_out,
        amounts.bytes_in,
        amounts.bytes_out,
    ] {
        out += &large(number, exact);
    }
    out + "\n"
}

/// A number in nine columns.
fn large(number: u64, exact: bool) -> String {
    const MILLION: u64 = 1_000_000;
    if exact {
        let text = number.to_string();
        let width = if text.len() <= 8 { 9 } else { text.len() + 1 };
        return format!("{text:>width$}");
    }
    match number {
        0..100_000_000 => format!("{number:>9}"),
        100_000_000..1_000_000_000 => format!("{:>8}K", number / 1000),
        1_000_000_000..100_000_000_000 => format!("{:>8}M", number / MILLION),
        100_000_000_000..100_000_000_000_000 => format!("{:>8}G", number / (1000 * MILLION)),
        _ => format!("{:>8}T", number / (MILLION * MILLION)),
    }
}

/// The page of connections.
pub(super) fn connections(all: &[ConnectionPicture]) -> String {
    let mut out = format!(
        "IPVS connection entries\npro expire {:<11} {:<18} {:<18} destination\n",
        "state", "source", "virtual"
    );
    for it in all {
        let expires = format!("{:02}:{:02}", it.expires_s / 60, it.expires_s % 60);
        let [source, destination, server] =
            [it.source, it.destination, it.server].map(|it| it.to_string());
        let _ = writeln!(
            out,
            "{:<3} {expires:<6} {:<11} {source:<18} {destination:<18} {server}",
            it.protocol, it.state
        );
    }
    out
}

fn endpoint(address: IpAddr, port: u16) -> String {
    std::net::SocketAddr::new(address, port).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(address: &str, weight: u32, edited: Option<&str>) -> ServerPicture {
        ServerPicture {
            edited: edited.map(str::to_owned),
            weight,
            ..ServerPicture::out(address.parse().expect("an address"), 80)
        }
    }

    fn picture() -> Picture {
        let total = Amounts {
            connections: 7,
            packets_in: 123_456_789,
            packets_out: 0,
            bytes_in: 98_765_432_109,
            bytes_out: 100_000_000_000_000,
        };
        Picture {
            size: 4096,
            services: vec![
                ServicePicture {
                    name: Some("TCP 10.0.0.1:80".into()),
                    protocol: "TCP".into(),
                    listens: vec!["10.0.0.1:80".parse().expect("an address")],
                    scheduler: "wlc".into(),
                    persistent_s: Some(360),
                    prefix: 24,
                    total,
                    rate: total,
                    servers: vec![
                        ServerPicture {
                            forward: "Route".into(),
                            active: 3,
                            inactive: 12,
                            total,
                            ..server("10.0.0.11", 1, None)
                        },
                        ServerPicture {
                            forward: "Masq".into(),
                            ..server("10.0.0.12", 0, Some("drained"))
                        },
                        server("10.0.0.13", 0, Some("removed")),
                    ],
                    ..ServicePicture::default()
                },
                ServicePicture {
                    protocol: "UDP".into(),
                    listens: vec!["[2001:db8::1]:53".parse().expect("an address")],
                    scheduler: "mh".into(),
                    scheduler_flags: vec!["mh-fallback".into(), "mh-port".into()],
                    one_packet: true,
                    servers: vec![ServerPicture {
                        forward: "Tunnel".into(),
                        ..server("2001:db8::11", 100, None)
                    }],
                    ..ServicePicture::default()
                },
            ],
            trouble: vec!["real server 10.0.0.12: eth1 is down".into()],
            ..Picture::default()
        }
    }

    /// As `ipvsadm -ln` printed the same services.
    #[test]
    fn the_page_is_ipvsadms() {
        let want = "\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  10.0.0.1:80 wlc persistent 360 mask 255.255.255.0
  -> 10.0.0.11:80                 Route   1      3          12        \n  -> 10.0.0.12:80                 Masq    0      0          0         \nUDP  [2001:db8::1]:53 mh (mh-fallback,mh-port) ops
  -> [2001:db8::11]:80            Tunnel  100    0          0         \n";
        assert_eq!(services(&picture(), Page::Servers, false), want);
    }

    #[test]
    fn figures_fit_their_columns() {
        let text = services(&picture(), Page::Stats, false);
        let want = "\
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  10.0.0.1:80                         7  123456K        0   98765M     100T
  -> 10.0.0.11:80                        7  123456K        0   98765M     100T
";
        assert!(text.contains(want), "{text}");
        let text = services(&picture(), Page::Rate, true);
        let want = "\
Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS
  -> RemoteAddress:Port
TCP  10.0.0.1:80                         7 123456789        0 98765432109 100000000000000
";
        assert!(text.contains(want), "{text}");
    }

    #[test]
    fn connections_are_ipvsadms() {
        let all = [ConnectionPicture {
            protocol: "TCP".into(),
            expires_s: 117,
            state: "TIME_WAIT".into(),
            source: "192.168.56.1:57322".parse().expect("an address"),
            destination: "192.168.56.200:80".parse().expect("an address"),
            server: "192.168.56.102:80".parse().expect("an address"),
        }];
        assert_eq!(
            connections(&all),
            "IPVS connection entries\n\
             pro expire state       source             virtual            destination\n\
             TCP 01:57  TIME_WAIT   192.168.56.1:57322 192.168.56.200:80  192.168.56.102:80\n"
        );
    }

    #[test]
    fn edits_and_trouble_are_told_beside_it() {
        let text = remarks(&picture());
        assert_eq!(
            text,
            "TCP 10.0.0.1:80: 10.0.0.12:80 drained by hand, until the next reload or `xvrrpd lvs restore 'TCP 10.0.0.1:80'`\n\
             TCP 10.0.0.1:80: 10.0.0.13:80 removed by hand, until the next reload or `xvrrpd lvs restore 'TCP 10.0.0.1:80'`\n\
             real server 10.0.0.12: eth1 is down\n"
        );
    }
}
