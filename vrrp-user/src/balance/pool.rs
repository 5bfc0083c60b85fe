//! A service's servers as configured, as edited, and as they are.

use super::{Edit, ring::Place};
use crate::config::model::balance::{Method, RealServer, VirtualServer};
use core::net::IpAddr;

/// A service and those who serve it.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub(super) service: VirtualServer,
    /// In file order, those added by hand after them; removed ones keep their place.
    pub(super) members: Vec<Member>,
}

/// A server of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) address: IpAddr,
    pub(super) port: u16,
    pub(super) method: Method,
    pub(super) upper: u32,
    pub(super) lower: u32,
    /// What the file says of its weight; `None`: the file does not know it.
    pub(super) configured: Option<u32>,
    pub(super) weight: u32,
    /// The last weight that was not 0.
    pub(super) last_weight: u32,
    pub(super) mark: Option<Mark>,
}

/// How a server is not as the file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is drained.
    Drained,
    /// It has another weight.
    Weight,
    /// The file does not have it.
    Added,
    /// It is taken out.
    Removed,
}

impl Mark {
    /// As pages show it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Drained => "drained",
            Self::Weight => "weight",
            Self::Added => "added",
            Self::Removed => "removed",
        }
    }
}

impl Pool {
    /// As the file has it.
    pub(super) fn new(service: VirtualServer) -> Self {
        let members = service.servers.iter().map(Member::configured).collect();
        Self { service, members }
    }

    /// Those who are in, in file order.
    pub(super) fn live(&self) -> impl DoubleEndedIterator<Item = &Member> {
        self.members
            .iter()
            .filter(|member| member.mark != Some(Mark::Removed))
    }

    /// Carries out an edit that names this service. An error says why it cannot be.
    pub(super) fn edit(&mut self, edit: &Edit) -> Result<(), String> {
        match *edit {
            Edit::Drain { server, .. } => {
                let member = self.find(server)?;
                member.weight = 0;
                member.mark = member.edited(Mark::Drained);
            }
            Edit::Weight { server, weight, .. } => {
                within(weight)?;
                let member = self.find(server)?;
                member.set_weight(weight);
                member.mark = member.edited(Mark::Weight);
            }
            Edit::Remove { server, .. } => {
                let member = self.find(server)?;
                if member.configured.is_some() {
                    member.mark = Some(Mark::Removed);
                } else {
                    let gone = member.clone();
                    self.members.retain(|member| *member != gone);
                }
            }
            Edit::Add {
                server,
                weight,
                method,
                ..
            } => self.add(server, weight, method)?,
            Edit::Restore { .. } => *self = Self::new(self.service.clone()),
        }
        Ok(())
    }

    fn add(
        &mut self,
        (address, port): (IpAddr, u16),
        weight: u32,
        method: Option<Method>,
    ) -> Result<(), String> {
        within(weight)?;
        let method = method.unwrap_or(self.service.method);
        let port = self.port_of_new(port, method);
        self.fits(address, method)?;
        let same = |member: &&mut Member| (member.address, member.port) == (address, port);
        match self.members.iter_mut().find(same) {
            Some(member) if member.mark == Some(Mark::Removed) => {
                member.method = method;
                member.set_weight(weight);
                member.mark = member.edited(Mark::Weight);
            }
            Some(_) => {
                return Err(format!(
                    "{} has {} already: change it with `weight`",
                    self.service.name,
                    endpoint(address, port)
                ));
            }
            None => self.members.push(Member {
                address,
                port,
                method,
                upper: 0,
                lower: 0,
                configured: None,
                weight,
                last_weight: weight,
                mark: Some(Mark::Added),
            }),
        }
        Ok(())
    }

    /// Only NAT can change the port.
    fn port_of_new(&self, port: u16, method: Method) -> u16 {
        match self.service.listens.first() {
            Some(listen) if port == 0 || method != Method::Nat => listen.first_port,
            _ => port,
        }
    }

    fn fits(&self, address: IpAddr, method: Method) -> Result<(), String> {
        let alike = self
            .service
            .listens
            .first()
            .is_none_or(|listen| listen.first.is_ipv4() == address.is_ipv4());
        if alike || matches!(method, Method::Tun(_)) {
            return Ok(());
        }
        Err(format!(
            "{address} is of another family than {}: only a tunnel leads there",
            self.service.name
        ))
    }

    /// The server that is meant; with port 0 the only one with the address.
    fn find(&mut self, (address, port): (IpAddr, u16)) -> Result<&mut Member, String> {
        let name = &self.service.name;
        let mut found = None;
        for (at, member) in self.members.iter().enumerate() {
            if member.address != address || member.mark == Some(Mark::Removed) {
                continue;
            }
            if member.port == port {
                found = Some(at);
                break;
            }
            if port == 0 {
                if found.is_some() {
                    return Err(format!(
                        "{name} has {address} with several ports: say which, as ADDRESS:PORT"
                    ));
                }
                found = Some(at);
            }
        }
        if let Some(at) = found {
            return Ok(&mut self.members[at]);
        }
        let has: Vec<String> = self
            .live()
            .map(|member| endpoint(member.address, member.port))
            .collect();
        let wanted = if port == 0 {
            address.to_string()
        } else {
            endpoint(address, port)
        };
        Err(format!(
            "{name} has no real server {wanted}; it has {}",
            if has.is_empty() {
                "none".to_owned()
            } else {
                has.join(", ")
            }
        ))
    }
}

impl Member {
    fn configured(server: &RealServer) -> Self {
        Self {
            address: server.address,
            port: server.port,
            method: server.method,
            upper: server.upper,
            lower: server.lower,
            configured: Some(server.weight),
            weight: server.weight,
            last_weight: server.weight,
            mark: None,
        }
    }

    fn set_weight(&mut self, weight: u32) {
        self.weight = weight;
        if weight > 0 {
            self.last_weight = weight;
        }
    }

    /// What it is marked as now; nothing if it is again what the file says.
    fn edited(&self, mark: Mark) -> Option<Mark> {
        match self.configured {
            None => Some(Mark::Added),
            Some(weight) if weight == self.weight => None,
            Some(_) => Some(mark),
        }
    }

    /// As a ring sees it.
    pub(super) fn place(&self, id: u16) -> Place {
        Place {
            id,
            weight: self.weight,
            last_weight: self.last_weight,
            address: self.address,
            port: self.port,
        }
    }
}

fn within(weight: u32) -> Result<(), String> {
    if weight > 65_535 {
        return Err(format!("weight {weight} is more than 65535"));
    }
    Ok(())
}

/// `10.0.0.1:80`, `[2001:db8::1]:80`.
pub(super) fn endpoint(address: IpAddr, port: u16) -> String {
    core::net::SocketAddr::new(address, port).to_string()
}
