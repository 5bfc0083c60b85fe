//! The director, from outside: inputs in, and what its actions make of the maps.

mod model;
mod properties;
mod steps;

use super::{Action, Director, Input, Path};
use crate::{
    config::model::balance::{
        Balance, Listen, Method, Protocol, RealServer, Scheduler, SchedulerKind, VirtualServer,
    },
    time::Instant,
};
use core::{net::IpAddr, time::Duration};
use std::collections::BTreeMap;
use vrrp_common::balance::Hop;

const T0: Instant = Instant::from_ns(10_000_000_000);

fn address(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

fn service(name: &str, listens: &[(u8, u16)], servers: Vec<RealServer>) -> VirtualServer {
    VirtualServer {
        name: name.to_owned(),
        listens: listens
            .iter()
            .map(|&(last, port)| Listen {
                first: address(last),
                last: address(last),
                first_port: port,
                last_port: port,
            })
            .collect(),
        protocol: Protocol::Tcp,
        scheduler: Scheduler {
            kind: SchedulerKind::Wrr,
            port: false,
            fallback: false,
        },
        method: Method::Dr,
        persistence: None,
        one_packet: false,
        ha_suspend: false,
        servers,
    }
}

fn real(last: u8, weight: u32) -> RealServer {
    RealServer {
        address: address(last),
        port: 80,
        weight,
        method: Method::Dr,
        upper: 0,
        lower: 0,
    }
}

fn configured(services: Vec<VirtualServer>) -> Input {
    behind(services, &[])
}

fn behind(services: Vec<VirtualServer>, gates: &[(u8, u32)]) -> Input {
    Input::Config {
        balance: Box::new(Balance {
            services,
            ..Balance::default()
        }),
        gates: gates
            .iter()
            .map(|&(last, gate)| (address(last), gate))
            .collect(),
    }
}

fn path(mac: u8) -> Path {
    Path {
        hop: Hop {
            to: [2, 0, 0, 0, 0, mac],
            from: [2, 0, 0, 0, 1, 0],
            ifindex: 3,
            mtu: 1500,
            ..Hop::default()
        },
        local: false,
        source: address(254),
    }
}

fn drain(director: &mut Director) -> Vec<Action> {
    core::iter::from_fn(|| director.poll_action()).collect()
}
