//! `virtual_server`, `virtual_server_group` and what `global_defs` says of them.
//!
//! | file | what is in it |
//! |---|---|
//! | `globals` | `lvs_timeouts`, `lvs_gone_servers` |
//! | `listen` | addresses, ranges and ports; groups of them |
//! | `service` | `virtual_server` |
//! | `server` | `real_server` |
//! | `method` | `lb_kind`, `lvs_method`, with a tunnel's options |
//! | `scheduler` | `lb_algo`, `lvs_sched`, and their flags |

mod globals;
mod listen;
mod method;
mod scheduler;
mod server;
mod service;

use crate::config::{
    diagnostic::{Code, Diagnostic},
    model::balance::{Balance, Listen, Protocol, VirtualServer},
    source::Span,
    tree::Statement,
};
use listen::Groups;
use std::collections::BTreeSet;
use vrrp_common::balance::{MAX_KEYS, MAX_SERVERS, MAX_SERVICES};

/// All of it.
pub(super) fn all(root: &[Statement], diagnostics: &mut Vec<Diagnostic>) -> Balance {
    let mut balance = Balance::default();
    globals::read(root, &mut balance, diagnostics);
    let groups = Groups::read(root, diagnostics);
    let mut services: Vec<(Span, VirtualServer)> = Vec::new();
    for statement in root.iter().filter(|s| s.name() == "virtual_server") {
        let service = service::one(statement, &groups, diagnostics);
        services.extend(service.map(|service| (statement.span(), service)));
    }
    check_distinct(&services, diagnostics);
    check_room(&services, diagnostics);
    tell_of_unserved(&services, diagnostics);
    balance.services = services.into_iter().map(|(_, service)| service).collect();
    balance
}

/// What nobody forwards must not look as if somebody did.
fn tell_of_unserved(services: &[(Span, VirtualServer)], diagnostics: &mut Vec<Diagnostic>) {
    for (span, service) in services {
        if let Some(what) = service.unserved() {
            let name = &service.name;
            let message = format!("`{name}` is not balanced: {what} is not served yet");
            let found = Diagnostic::warning(Code::NotServed, *span, message);
            diagnostics.push(if service.protocol == Protocol::Sctp {
                found
            } else {
                found.help("write `lb_kind DR` where the real servers can take it")
            });
        }
    }
}

/// No two services listen on the same.
fn check_distinct(services: &[(Span, VirtualServer)], diagnostics: &mut Vec<Diagnostic>) {
    let mut listens: Vec<(Protocol, Listen, usize)> = services
        .iter()
        .enumerate()
        .flat_map(|(at, (_, service))| {
            let protocol = service.protocol;
            service
                .listens
                .iter()
                .map(move |&listen| (protocol, listen, at))
        })
        .collect();
    listens.sort_unstable_by_key(|&(protocol, listen, at)| {
        (protocol, listen.first_port, listen.first, listen.last, at)
    });
    let mut told = BTreeSet::new();
    // Of those before it, the one that reaches farthest is the one it may run into.
    let mut farthest: Option<(Protocol, Listen, usize)> = None;
    for (protocol, listen, at) in listens {
        let alike = farthest.filter(|(before_protocol, before, _)| {
            *before_protocol == protocol
                && before.first_port == listen.first_port
                && before.first.is_ipv4() == listen.first.is_ipv4()
        });
        if let Some((_, before, other)) = alike {
            if before.last >= listen.first && other != at {
                let (first, second) = (other.min(at), other.max(at));
                if told.insert((first, second)) {
                    diagnostics.push(listens_twice(&services[first].1, &services[second], listen));
                }
            }
            if before.last >= listen.last {
                continue;
            }
        }
        farthest = Some((protocol, listen, at));
    }
}

fn listens_twice(
    first: &VirtualServer,
    (span, second): &(Span, VirtualServer),
    listen: Listen,
) -> Diagnostic {
    let message = if first.name == second.name {
        format!("`{}` is already defined above", first.name)
    } else {
        format!(
            "`{}` listens on {} port {}, as `{}` does above",
            second.name, listen.first, listen.first_port, first.name
        )
    };
    Diagnostic::error(Code::DuplicateName, *span, message)
        .help("put the real servers of both into one `virtual_server`, or change address, port or protocol of one")
}

/// All that is configured fits the maps.
fn check_room(services: &[(Span, VirtualServer)], diagnostics: &mut Vec<Diagnostic>) {
    let mut keys: u128 = 0;
    let mut servers = 0;
    for (at, (span, service)) in services.iter().enumerate() {
        let before = (keys, servers, at);
        keys += service.listens.iter().map(listen::size).sum::<u128>();
        servers += service.servers.len();
        let most_keys = MAX_KEYS as u128;
        let too_many = if before.0 <= most_keys && keys > most_keys {
            Some((keys.to_string(), "addresses and ports", MAX_KEYS))
        } else if before.1 < MAX_SERVERS && servers >= MAX_SERVERS {
            Some((servers.to_string(), "real servers", MAX_SERVERS - 1))
        } else if at == MAX_SERVICES - 1 {
            Some((
                services.len().to_string(),
                "virtual servers",
                MAX_SERVICES - 1,
            ))
        } else {
            None
        };
        if let Some((has, what, most)) = too_many {
            diagnostics.push(
                Diagnostic::error(
                    Code::BadValue,
                    *span,
                    format!("with this there are {has} {what}; {most} are possible"),
                )
                .help("leave some out, or give them to another director"),
            );
        }
    }
}
