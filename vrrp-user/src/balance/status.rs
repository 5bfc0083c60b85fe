//! What `xvrrpd lvs` shows.

use super::{Director, pool::Mark, settle::Identity};
use crate::config::model::balance::{Method, VirtualServer};
use core::net::IpAddr;
use vrrp_common::balance::{Load, Server};

/// A service, with what became of it.
#[derive(Clone, Debug)]
pub struct ServiceStatus<'a> {
    /// As the file has it; its servers may have been edited.
    pub service: &'a VirtualServer,
    /// Its ids in `XVRRP_SERVICES`, one for each gate; none while there is no room.
    pub ids: Vec<u32>,
    /// Its servers in file order, then those added by hand.
    pub servers: Vec<ServerStatus>,
}

/// A server of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerStatus {
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// How packets are forwarded to it.
    pub method: Method,
    /// Its ids in `XVRRP_SERVERS`, one for each gate; none if it is out.
    pub ids: Vec<u32>,
    /// What the file says of its weight; `None`: it was added by hand.
    pub configured: Option<u32>,
    /// The weight it has.
    pub weight: u32,
    /// How it is not as the file has it.
    pub mark: Option<Mark>,
    /// `uthreshold`.
    pub upper: u32,
    /// `lthreshold`.
    pub lower: u32,
    /// Whether anything can be sent to it.
    pub reach: Reach,
    /// Its connections, as last counted.
    pub load: Load,
}

/// Whether anything can be sent to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The way there is known.
    Resolved,
    /// It is this host.
    Local,
    /// The way there is not known.
    Unresolved,
}

impl Director {
    /// Every service, in file order.
    pub fn services(&self) -> impl Iterator<Item = ServiceStatus<'_>> {
        self.pools.iter().map(|pool| {
            let of_it = || {
                self.standing
                    .records
                    .iter()
                    .filter(|record| record.name == pool.service.name)
            };
            let servers = pool
                .members
                .iter()
                .map(|member| {
                    let identity = Identity::from(member);
                    let ids: Vec<u32> = of_it()
                        .flat_map(|record| &record.servers)
                        .filter(|(it, _)| *it == identity)
                        .map(|&(_, id)| id)
                        .collect();
                    ServerStatus {
                        address: member.address,
                        port: member.port,
                        method: member.method,
                        configured: member.configured,
                        weight: member.weight,
                        mark: member.mark,
                        upper: member.upper,
                        lower: member.lower,
                        reach: self.reach(member.address),
                        load: self.load(&ids),
                        ids,
                    }
                })
                .collect();
            ServiceStatus {
                service: &pool.service,
                ids: of_it().map(|record| record.id).collect(),
                servers,
            }
        })
    }

    /// What `XVRRP_SERVERS` holds, by id.
    pub fn servers(&self) -> impl Iterator<Item = (u32, &Server)> {
        self.standing
            .servers
            .iter()
            .map(|(&id, server)| (id, server))
    }

    fn reach(&self, address: IpAddr) -> Reach {
        match self.routes.get(&address) {
            Some(path) if path.local => Reach::Local,
            Some(_) => Reach::Resolved,
            None => Reach::Unresolved,
        }
    }

    fn load(&self, ids: &[u32]) -> Load {
        let mut sum = Load::default();
        for load in ids.iter().filter_map(|id| self.loads.get(id)) {
            sum.active += load.active;
            sum.inactive += load.inactive;
            sum.sticky += load.sticky;
            sum.overloaded |= load.overloaded;
        }
        sum
    }
}
