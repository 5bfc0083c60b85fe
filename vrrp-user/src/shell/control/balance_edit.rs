//! `lvs drain` and the others, as they go over the socket.

use crate::{
    balance::{Edit, ServiceName},
    config::model::balance::{Method, Tunnel},
};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// A change of what is balanced. A server's port may be left 0 where only one has the
/// address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "edit", rename_all = "snake_case")]
pub enum BalanceEdit {
    /// No new connections.
    Drain {
        /// As the daemon names it.
        service: String,
        /// Address and port.
        server: (IpAddr, u16),
    },
    /// Another weight.
    Weight {
        /// As the daemon names it.
        service: String,
        /// Address and port.
        server: (IpAddr, u16),
        /// 0 to 65535.
        weight: u32,
    },
    /// One server more.
    Add {
        /// As the daemon names it.
        service: String,
        /// Address and port.
        server: (IpAddr, u16),
        /// 0 to 65535.
        weight: u32,
        /// `dr`, `nat` or `tun`; the service's if none.
        #[serde(default)]
        method: Option<String>,
    },
    /// One server less.
    Remove {
        /// As the daemon names it.
        service: String,
        /// Address and port.
        server: (IpAddr, u16),
    },
    /// All edits undone.
    Restore {
        /// As the daemon names it.
        service: String,
    },
}

impl BalanceEdit {
    /// The service it is about.
    pub fn service_mut(&mut self) -> &mut String {
        match self {
            Self::Drain { service, .. }
            | Self::Weight { service, .. }
            | Self::Add { service, .. }
            | Self::Remove { service, .. }
            | Self::Restore { service } => service,
        }
    }

    /// What is so once it is done.
    #[must_use]
    pub fn in_words(&self) -> String {
        let name = |&(address, port): &(IpAddr, u16)| match port {
            0 => address.to_string(),
            port => SocketAddr::new(address, port).to_string(),
        };
        match self {
            Self::Drain { service, server } => {
                format!("{service}: no new connections for {}", name(server))
            }
            Self::Weight {
                service,
                server,
                weight,
            } => format!("{service}: {} has weight {weight}", name(server)),
            Self::Add {
                service,
                server,
                weight,
                ..
            } => format!("{service}: {} added with weight {weight}", name(server)),
            Self::Remove { service, server } => format!("{service}: {} removed", name(server)),
            Self::Restore { service } => format!("{service}: as the file has it"),
        }
    }

    /// For the director.
    pub fn into_edit(self) -> Result<Edit, String> {
        Ok(match self {
            Self::Drain { service, server } => Edit::Drain {
                service: ServiceName(service),
                server,
            },
            Self::Weight {
                service,
                server,
                weight,
            } => Edit::Weight {
                service: ServiceName(service),
                server,
                weight,
            },
            Self::Add {
                service,
                server,
                weight,
                method,
            } => Edit::Add {
                service: ServiceName(service),
                server,
                weight,
                method: method.as_deref().map(method_of).transpose()?,
            },
            Self::Remove { service, server } => Edit::Remove {
                service: ServiceName(service),
                server,
            },
            Self::Restore { service } => Edit::Restore {
                service: ServiceName(service),
            },
        })
    }
}

fn method_of(word: &str) -> Result<Method, String> {
    match word {
        "dr" => Ok(Method::Dr),
        "nat" => Ok(Method::Nat),
        "tun" => Ok(Method::Tun(Tunnel::Ipip)),
        _ => Err(format!("there is no method {word}: write dr, nat or tun")),
    }
}
