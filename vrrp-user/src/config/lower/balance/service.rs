//! `virtual_server`.

use super::{
    super::{Places, body, told_twice},
    globals::MOST_TIMEOUT_S,
    listen::{self, Groups},
    method, scheduler, server,
};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    keyword::{self, Kind},
    model::balance::{
        Listen, Method, Persistence, Protocol, RealServer, SchedulerKind, VirtualServer,
    },
    source::Span,
    tree::Statement,
    value::{bad, number, surplus},
    words::Word,
};
use core::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

/// keepalived's, where `persistence_timeout` stands alone.
const DEFAULT_PERSISTENCE: Duration = Duration::from_mins(6);

/// As written: `None` is what the file does not say.
struct Draft<'a> {
    places: Places,
    scheduler: Option<SchedulerKind>,
    method: Option<Method>,
    protocol: Option<Protocol>,
    timeout: Option<Duration>,
    granularity: Option<&'a Word>,
    weight: u32,
    one_packet: bool,
    ha_suspend: bool,
    servers: Vec<server::Draft>,
}

pub(super) fn one(
    statement: &Statement,
    groups: &Groups,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<VirtualServer> {
    let listens = listens(statement.arguments(), groups, diagnostics);
    let mut draft = Draft {
        places: Places::new(statement.span()),
        scheduler: None,
        method: None,
        protocol: None,
        timeout: None,
        granularity: None,
        weight: 1,
        one_packet: false,
        ha_suspend: false,
        servers: Vec::new(),
    };
    for inner in body(statement) {
        draft.keyword(inner, diagnostics);
    }
    let (spoken, listens) = listens?;
    draft.finish(&spoken, listens, diagnostics)
}

/// What it listens on, and how that is called.
fn listens(
    words: &[Word],
    groups: &Groups,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(String, Vec<Listen>)> {
    let first = words.first()?;
    match first.text.as_str() {
        "group" => {
            let Some(name) = words.get(1) else {
                let message = "nothing follows `group`";
                let found = Diagnostic::error(Code::MissingParameter, first.span, message);
                diagnostics.push(found.help("write `virtual_server group NAME {`"));
                return None;
            };
            surplus(words, 2, diagnostics);
            let listens = groups.get(name, diagnostics)?;
            Some((format!("group {}", name.text), listens))
        }
        "fwmark" => {
            let mark = words.get(1).map_or("N", |word| &word.text);
            diagnostics.push(listen::no_mark(
                first,
                format!(
                    "write `virtual_server group mark{mark} {{`, and the addresses and ports that get the mark as rows of `virtual_server_group mark{mark} {{`"
                ),
            ));
            None
        }
        _ => {
            let (address, port) = listen::endpoint("virtual_server", words, diagnostics)?;
            let listen = Listen {
                first: address,
                last: address,
                first_port: port,
                last_port: port,
            };
            Some((SocketAddr::new(address, port).to_string(), vec![listen]))
        }
    }
}

impl<'a> Draft<'a> {
    fn keyword(&mut self, statement: &'a Statement, diagnostics: &mut Vec<Diagnostic>) {
        if statement.name() == "real_server" {
            self.servers.extend(server::read(statement, diagnostics));
            return;
        }
        let Some(keyword) = keyword::lookup(Kind::VirtualServer, statement.name()) else {
            return;
        };
        let words = statement.arguments();
        let first = words.first();
        let name = match keyword.name {
            "lvs_sched" => "lb_algo",
            "lvs_method" => "lb_kind",
            name => name,
        };
        let mut takes = 1;
        match (name, first) {
            ("lb_algo", Some(word)) => {
                self.scheduler =
                    scheduler::kind(keyword.name, word, diagnostics).or(self.scheduler);
            }
            ("lb_kind", Some(_)) => {
                self.method = method::method(keyword.name, words, diagnostics).or(self.method);
                takes = words.len();
            }
            ("protocol", Some(word)) => {
                self.protocol = protocol(word, diagnostics).or(self.protocol);
            }
            ("persistence_timeout", None) => self.timeout = Some(DEFAULT_PERSISTENCE),
            ("persistence_timeout", Some(word)) => {
                self.timeout = number(word, 1..=MOST_TIMEOUT_S, diagnostics)
                    .and_then(|n| u64::try_from(n).ok())
                    .map(Duration::from_secs)
                    .or(self.timeout);
            }
            ("persistence_granularity", Some(word)) => self.granularity = Some(word),
            ("weight", Some(word)) => {
                self.weight = server::weight(word, diagnostics).unwrap_or(self.weight);
            }
            ("ops", _) => (self.one_packet, takes) = (true, 0),
            ("ha_suspend", _) => (self.ha_suspend, takes) = (true, 0),
            ("sh-port" | "sh-fallback" | "mh-port" | "mh-fallback" | "flag-1" | "flag-2", _) => {
                takes = 0;
            }
            _ => return,
        }
        if takes > 0 && self.places.get(name).is_some() {
            told_twice(&self.places, statement, false, diagnostics);
        }
        self.places.set(name, statement.span());
        surplus(words, takes, diagnostics);
    }

    fn finish(
        mut self,
        spoken: &str,
        listens: Vec<Listen>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<VirtualServer> {
        let protocol = self.protocol(diagnostics);
        let word = match protocol {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
            Protocol::Sctp => "SCTP",
        };
        let name = format!("{word} {spoken}");
        let kind = self.scheduler.unwrap_or_else(|| {
            self.missing("lb_algo", scheduler::name(scheduler::DEFAULT), diagnostics);
            scheduler::DEFAULT
        });
        let unclear = self.servers.iter().any(server::Draft::goes_by_the_service);
        let method = self.method.unwrap_or_else(|| {
            if unclear {
                self.missing("lb_kind", "NAT", diagnostics);
            }
            Method::Nat
        });
        let one_packet = self.one_packet && protocol == Protocol::Udp;
        if self.one_packet && !one_packet {
            let message = format!("`ops` is for UDP, and this is {word}: it is ignored");
            let found = Diagnostic::warning(Code::Overruled, self.places.at("ops"), message);
            diagnostics.push(found.help("remove it, or write `protocol UDP`"));
        }
        let persistence = self.persistence(&listens, diagnostics);
        let ports: Vec<u16> = listens.iter().map(|listen| listen.first_port).collect();
        let defaults = server::Defaults {
            service: &name,
            method,
            weight: self.weight,
            ports: &ports,
            families: (
                listens.iter().any(|listen| listen.first.is_ipv4()),
                listens.iter().any(|listen| listen.first.is_ipv6()),
            ),
        };
        let drafts = core::mem::take(&mut self.servers);
        if drafts.is_empty() {
            let message = format!("`{name}` has no real server: it is ignored");
            let found = Diagnostic::warning(Code::Incomplete, self.places.at(""), message);
            diagnostics.push(found.help("write `real_server ADDRESS PORT {` in it"));
            return None;
        }
        let servers: Vec<(Span, RealServer)> = drafts
            .into_iter()
            .filter_map(|draft| draft.finish(&defaults, diagnostics))
            .collect();
        let scheduler = scheduler::with_flags(kind, &self.places, diagnostics);
        Some(VirtualServer {
            servers: distinct(servers, &name, diagnostics),
            name,
            listens,
            protocol,
            scheduler,
            method,
            persistence,
            one_packet,
            ha_suspend: self.ha_suspend,
        })
    }

    fn protocol(&self, diagnostics: &mut Vec<Diagnostic>) -> Protocol {
        self.protocol.unwrap_or_else(|| {
            self.missing("protocol", "UDP", diagnostics);
            Protocol::Udp
        })
    }

    /// keepalived's default counts, which is not always what somebody expects.
    fn missing(&self, keyword: &str, default: &str, diagnostics: &mut Vec<Diagnostic>) {
        // A value that is no value has been told already.
        if self.places.get(keyword).is_none() {
            let message = format!("no `{keyword}`: {default} is used, as keepalived does");
            let found = Diagnostic::warning(Code::Incomplete, self.places.at(""), message);
            diagnostics.push(found.help(format!("write `{keyword} {default}`, or what is meant")));
        }
    }

    fn persistence(
        &self,
        listens: &[Listen],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Persistence> {
        let v6 = listens.iter().any(|listen| listen.first.is_ipv6());
        let most = if v6 { 128 } else { 32 };
        let prefix = self
            .granularity
            .map(|word| granularity(word, v6, diagnostics).unwrap_or(most));
        let timeout = match (self.timeout, prefix) {
            (Some(timeout), _) => timeout,
            (None, Some(_)) => DEFAULT_PERSISTENCE,
            (None, None) if listens.iter().any(|listen| listen.first_port == 0) => {
                let message = "all ports (0) are only served with persistence: 360 seconds are used, as keepalived does";
                let found = Diagnostic::warning(Code::Overruled, self.places.at(""), message);
                diagnostics.push(found.help("write `persistence_timeout 360`, or a port"));
                DEFAULT_PERSISTENCE
            }
            (None, None) => return None,
        };
        Some(Persistence {
            timeout,
            prefix: prefix.unwrap_or(most),
        })
    }
}

fn protocol(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<Protocol> {
    match word.text.to_ascii_uppercase().as_str() {
        "TCP" => Some(Protocol::Tcp),
        "UDP" => Some(Protocol::Udp),
        "SCTP" => Some(Protocol::Sctp),
        _ => {
            let found = bad(word, format!("`{}` is not balanced", word.text));
            diagnostics.push(found.help("write `protocol TCP`, `UDP` or `SCTP`"));
            None
        }
    }
}

/// A mask of IPv4, a prefix length of IPv6.
fn granularity(word: &Word, v6: bool, diagnostics: &mut Vec<Diagnostic>) -> Option<u8> {
    if v6 {
        return number(word, 1..=128, diagnostics).and_then(|n| u8::try_from(n).ok());
    }
    let mask = word.text.parse::<Ipv4Addr>().ok().map(Ipv4Addr::to_bits);
    if let Some(mask) = mask
        && mask.leading_ones() + mask.trailing_zeros() == 32
    {
        return u8::try_from(mask.leading_ones()).ok();
    }
    let bits = word.text.trim_start_matches('/').parse::<u32>().ok();
    let suggested = match bits.filter(|&bits| bits <= 32) {
        Some(bits) => Ipv4Addr::from(!u32::MAX.checked_shr(bits).unwrap_or(0)),
        None => Ipv4Addr::new(255, 255, 255, 0),
    };
    let found = bad(
        word,
        format!("`{}` is no mask of an IPv4 network", word.text),
    );
    diagnostics.push(found.help(format!("write `persistence_granularity {suggested}`")));
    None
}

/// No two servers are the same.
fn distinct(
    servers: Vec<(Span, RealServer)>,
    service: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<RealServer> {
    let mut out: Vec<RealServer> = Vec::new();
    for (span, server) in servers {
        let at = (server.address, server.port);
        if out.iter().any(|it| (it.address, it.port) == at) {
            let found = Diagnostic::error(
                Code::DuplicateName,
                span,
                format!(
                    "`{service}` has the real server {} already",
                    SocketAddr::new(at.0, at.1)
                ),
            );
            diagnostics.push(found.help("remove one of them; for a greater share write `weight`"));
        } else {
            out.push(server);
        }
    }
    out
}
