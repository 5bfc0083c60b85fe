//! `real_server`.

use super::{
    super::{Places, body, told_twice},
    listen, method,
};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    keyword::{self, Kind},
    model::balance::{Method, RealServer},
    source::Span,
    tree::Statement,
    value::{number, surplus},
    words::Word,
};
use core::net::IpAddr;

/// As written: `None` is what the file does not say.
pub(super) struct Draft {
    span: Span,
    places: Places,
    address: IpAddr,
    port: u16,
    weight: Option<u32>,
    method: Option<Method>,
    upper: u32,
    lower: u32,
}

/// What the service says where a server does not.
pub(super) struct Defaults<'a> {
    /// Its name, for messages.
    pub(super) service: &'a str,
    pub(super) method: Method,
    pub(super) weight: u32,
    /// Ports it listens on; the first counts where all are the same.
    pub(super) ports: &'a [u16],
    /// Whether it listens on IPv4, and on IPv6.
    pub(super) families: (bool, bool),
}

pub(super) fn read(statement: &Statement, diagnostics: &mut Vec<Diagnostic>) -> Option<Draft> {
    let (address, port) = listen::endpoint("real_server", statement.arguments(), diagnostics)?;
    let mut draft = Draft {
        span: statement.span(),
        places: Places::new(statement.span()),
        address,
        port,
        weight: None,
        method: None,
        upper: 0,
        lower: 0,
    };
    for inner in body(statement) {
        draft.keyword(inner, diagnostics);
    }
    if draft.lower > draft.upper {
        let message = format!(
            "`lthreshold {}` is more than `uthreshold {}`: once it is full it never takes connections again",
            draft.lower, draft.upper
        );
        let at = draft.places.at("lthreshold");
        diagnostics.push(Diagnostic::error(Code::BadValue, at, message).help(
            if draft.upper == 0 {
                "add `uthreshold NUMBER`, or remove `lthreshold`".to_owned()
            } else {
                format!("write `lthreshold` with at most {}", draft.upper)
            },
        ));
    }
    Some(draft)
}

impl Draft {
    /// It does not say itself how it is reached.
    pub(super) const fn goes_by_the_service(&self) -> bool {
        self.method.is_none()
    }

    fn keyword(&mut self, statement: &Statement, diagnostics: &mut Vec<Diagnostic>) {
        let Some(keyword) = keyword::lookup(Kind::RealServer, statement.name()) else {
            return;
        };
        let words = statement.arguments();
        let Some(first) = words.first() else { return };
        let takes = match keyword.name {
            "weight" => {
                self.weight = weight(first, diagnostics).or(self.weight);
                1
            }
            "lvs_method" => {
                self.method = method::method("lvs_method", words, diagnostics).or(self.method);
                words.len()
            }
            "uthreshold" => {
                self.upper = connections(first, diagnostics).unwrap_or(self.upper);
                1
            }
            "lthreshold" => {
                self.lower = connections(first, diagnostics).unwrap_or(self.lower);
                1
            }
            _ => return,
        };
        told_twice(&self.places, statement, false, diagnostics);
        self.places.set(keyword.name, statement.span());
        surplus(words, takes, diagnostics);
    }

    /// With what the service says.
    pub(super) fn finish(
        self,
        of: &Defaults<'_>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<(Span, RealServer)> {
        let method = self.method.unwrap_or(of.method);
        let (v4, v6) = of.families;
        let alike = if self.address.is_ipv4() { !v6 } else { !v4 };
        if !alike && !matches!(method, Method::Tun(_)) {
            let found = Diagnostic::error(
                Code::BadValue,
                self.span,
                format!(
                    "{} is of another family than `{}`",
                    self.address, of.service
                ),
            );
            diagnostics.push(found.help(
                "only a tunnel leads to it: write `lvs_method TUN`, or an address of the service's family",
            ));
            return None;
        }
        let first = of.ports.first().copied().unwrap_or(0);
        let only = of.ports.iter().all(|&port| port == first).then_some(first);
        let port = match (method, only) {
            (Method::Nat, Some(only)) if self.port == 0 => only,
            (Method::Nat, _) => self.port,
            (_, Some(only)) => {
                if self.port != only && self.port != 0 {
                    let found = Diagnostic::warning(
                        Code::Overruled,
                        self.span,
                        format!(
                            "`{}` is on port {only}, and only NAT can change the port: {only} is used",
                            of.service
                        ),
                    );
                    diagnostics.push(found.help(if only == 0 {
                        format!("write `real_server {} {{`", self.address)
                    } else {
                        format!("write `real_server {} {only} {{`", self.address)
                    }));
                }
                only
            }
            (_, None) if self.port == 0 => first,
            (_, None) => self.port,
        };
        let server = RealServer {
            address: self.address,
            port,
            weight: self.weight.unwrap_or(of.weight),
            method,
            upper: self.upper,
            lower: self.lower,
        };
        Some((self.span, server))
    }
}

/// What IPVS and `ipvsadm` take.
pub(super) fn weight(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<u32> {
    number(word, 0..=65535, diagnostics).and_then(|n| u32::try_from(n).ok())
}

fn connections(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<u32> {
    number(word, 0..=i64::from(u32::MAX), diagnostics).and_then(|n| u32::try_from(n).ok())
}
