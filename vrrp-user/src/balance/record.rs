//! Records of the maps, made from the model.

use super::{
    Path,
    pool::{Member, Pool},
};
use crate::config::model::balance::{
    Balance, Gone, Listen, Method, Protocol, SchedulerKind, Tunnel, VirtualServer,
};
use core::net::IpAddr;
use vrrp_common::{
    balance::{
        METHOD_DR, METHOD_NAT, METHOD_TUN, RULES_RESET_GONE, Rules, SERVER_LIVE, SERVER_LOCAL,
        SERVER_TUNNEL_CHECKSUM, SERVICE_EMPTY, SERVICE_FALLBACK, SERVICE_HASH_PORT, SERVICE_LIVE,
        SERVICE_ONE_PACKET, SERVICE_STICKY, STATES, Server, Service, ServiceKey, TUNNEL_GRE,
        TUNNEL_GUE, TUNNEL_IPIP, scheduler, state,
    },
    maps::{FAMILY_V4, FAMILY_V6},
};

/// An address as the maps have it.
pub(super) fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&address.octets());
            octets
        }
        IpAddr::V6(address) => address.octets(),
    }
}

/// The last octet of an address, as [`Watched`](vrrp_common::balance::Watched) has it.
pub(super) fn last_octet(octets: &[u8; 16], family: u8) -> u8 {
    octets[if family == FAMILY_V4 { 3 } else { 15 }]
}

const fn family(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => FAMILY_V4,
        IpAddr::V6(_) => FAMILY_V6,
    }
}

const fn protocol(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Sctp => 132,
    }
}

/// Every key a service listens on, with its address.
pub(super) fn keys(service: &VirtualServer) -> impl Iterator<Item = (IpAddr, ServiceKey)> {
    let protocol = protocol(service.protocol);
    service.listens.iter().flat_map(move |listen| {
        addresses(listen).flat_map(move |address| {
            (listen.first_port..=listen.last_port).map(move |port| {
                let key = ServiceKey {
                    address: octets(address),
                    port,
                    protocol,
                    family: family(address),
                };
                (address, key)
            })
        })
    })
}

fn addresses(listen: &Listen) -> Box<dyn Iterator<Item = IpAddr>> {
    match (listen.first, listen.last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            Box::new((first.to_bits()..=last.to_bits()).map(|bits| IpAddr::V4(bits.into())))
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            Box::new((first.to_bits()..=last.to_bits()).map(|bits| IpAddr::V6(bits.into())))
        }
        (first, _) => Box::new(core::iter::once(first)),
    }
}

const fn scheduler(kind: SchedulerKind) -> u8 {
    match kind {
        SchedulerKind::Rr => scheduler::RR,
        SchedulerKind::Wrr => scheduler::WRR,
        SchedulerKind::Lc => scheduler::LC,
        SchedulerKind::Wlc => scheduler::WLC,
        SchedulerKind::Sed => scheduler::SED,
        SchedulerKind::Nq => scheduler::NQ,
        SchedulerKind::Sh => scheduler::SH,
        SchedulerKind::Dh => scheduler::DH,
        SchedulerKind::Mh => scheduler::MH,
        SchedulerKind::Fo => scheduler::FO,
        SchedulerKind::Ovf => scheduler::OVF,
        SchedulerKind::Lblc => scheduler::LBLC,
        SchedulerKind::Lblcr => scheduler::LBLCR,
        SchedulerKind::Twos => scheduler::TWOS,
        SchedulerKind::Maglev => scheduler::MAGLEV,
    }
}

/// A service's record, but for its rings.
pub(super) fn service(pool: &Pool, gate: u32, generation: u32) -> Service {
    let of = &pool.service;
    let when = |condition: bool, flag: u32| if condition { flag } else { 0 };
    Service {
        gate,
        flags: SERVICE_LIVE
            | when(of.persistence.is_some(), SERVICE_STICKY)
            | when(
                of.one_packet && of.protocol == Protocol::Udp,
                SERVICE_ONE_PACKET,
            )
            | when(of.scheduler.port, SERVICE_HASH_PORT)
            | when(of.scheduler.fallback, SERVICE_FALLBACK)
            | when(pool.live().all(|member| member.weight == 0), SERVICE_EMPTY),
        sticky_s: of.persistence.map_or(0, |it| {
            u32::try_from(it.timeout.as_secs()).unwrap_or(u32::MAX)
        }),
        sticky_bits: of.persistence.map_or(0, |it| u32::from(it.prefix)),
        scheduler: u32::from(scheduler(of.scheduler.kind)),
        generation,
        ..Service::default()
    }
}

/// A server's record, but for how it is reached.
pub(super) fn server(member: &Member, service: u32, generation: u32) -> Server {
    let (method, tunnel, tunnel_port, checksum) = match member.method {
        Method::Dr => (METHOD_DR, 0, 0, false),
        Method::Nat => (METHOD_NAT, 0, 0, false),
        Method::Tun(Tunnel::Ipip) => (METHOD_TUN, TUNNEL_IPIP, 0, false),
        Method::Tun(Tunnel::Gue { port, checksum }) => (METHOD_TUN, TUNNEL_GUE, port, checksum),
        Method::Tun(Tunnel::Gre { checksum }) => (METHOD_TUN, TUNNEL_GRE, 0, checksum),
    };
    Server {
        address: octets(member.address),
        weight: member.weight,
        flags: SERVER_LIVE | if checksum { SERVER_TUNNEL_CHECKSUM } else { 0 },
        generation,
        upper: member.upper,
        lower: member.lower,
        service,
        port: member.port,
        tunnel_port,
        family: family(member.address),
        method,
        tunnel,
        ..Server::default()
    }
}

/// What a path makes of a server's record, but for its hop.
pub(super) fn reached(server: &mut Server, path: Option<&Path>) {
    server.flags &= !SERVER_LOCAL;
    if path.is_some_and(|path| path.local) {
        server.flags |= SERVER_LOCAL;
    }
    if let Some(path) = path
        && server.method == METHOD_TUN
    {
        server.tunnel_source = octets(path.source);
    }
}

/// Whether a server's record is of this address: octets alone do not say the family.
pub(super) const fn is_of(server: &Server, address: IpAddr) -> bool {
    server.family == family(address)
}

/// `[10.0.0.2]:tcp:80`, as keepalived's log has it.
pub(super) fn spoken(address: IpAddr, port: u16, pool: &Pool) -> String {
    let protocol = match pool.service.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
    };
    format!("[{address}]:{protocol}:{port}")
}

/// How long connections live in IPVS, in seconds, where no `lvs_timeouts` says otherwise.
const TIMEOUTS: [(u8, u32); 10] = [
    (state::NONE, 2),
    (state::SYN_SENT, 120),
    (state::SYN_RECV, 60),
    (state::TIME_WAIT, 120),
    (state::CLOSE, 10),
    (state::CLOSE_WAIT, 60),
    (state::LAST_ACK, 30),
    (state::LISTEN, 120),
    (state::SYNACK, 120),
    (state::SCTP, 900),
];

/// What holds for all services.
pub(super) fn rules(balance: &Balance, seed: u32) -> Rules {
    let mut timeout_s = [0; STATES];
    for (state, seconds) in TIMEOUTS {
        timeout_s[usize::from(state)] = seconds;
    }
    let timeouts = &balance.timeouts;
    for (state, span) in [
        (state::ESTABLISHED, timeouts.tcp),
        (state::FIN_WAIT, timeouts.tcp_fin),
        (state::UDP, timeouts.udp),
    ] {
        timeout_s[usize::from(state)] = u32::try_from(span.as_secs()).unwrap_or(u32::MAX);
    }
    Rules {
        timeout_s,
        flags: match balance.gone {
            Gone::Reset => RULES_RESET_GONE,
            Gone::Drop => 0,
        },
        seed,
    }
}
