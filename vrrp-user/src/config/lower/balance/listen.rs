//! Addresses, ranges and ports; groups of them.

use super::super::{body, named};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    model::balance::Listen,
    nearest_name,
    tree::Statement,
    value::{address, bad, number, prefix, surplus},
    words::Word,
};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::collections::BTreeMap;

/// What `virtual_server_group`s say.
pub(super) struct Groups(BTreeMap<String, Vec<Listen>>);

impl Groups {
    pub(super) fn read(root: &[Statement], diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut groups = BTreeMap::new();
        for (name, statement) in named(root, "virtual_server_group", diagnostics) {
            let rows = body(statement).iter();
            let listens = rows.filter_map(|it| row(it, diagnostics)).collect();
            groups.insert(name.text.clone(), listens);
        }
        Self(groups)
    }

    /// What a group lists; `None`: nothing that could be listened on, which is told.
    pub(super) fn get(
        &self,
        name: &Word,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Vec<Listen>> {
        let Some(listens) = self.0.get(&name.text) else {
            let found = Diagnostic::error(
                Code::Undefined,
                name.span,
                format!("there is no `virtual_server_group {}`", name.text),
            );
            let near = nearest_name(self.0.keys().map(String::as_str), &name.text);
            diagnostics.push(found.help(match near {
                Some(near) => format!("write `virtual_server group {near} {{`"),
                None => format!(
                    "write `virtual_server_group {} {{`, and in it rows of `ADDRESS PORT`",
                    name.text
                ),
            }));
            return None;
        };
        if listens.is_empty() {
            let found = Diagnostic::error(
                Code::Incomplete,
                name.span,
                format!("`virtual_server_group {}` has no address", name.text),
            );
            diagnostics.push(found.help("write rows of `ADDRESS PORT` in it"));
            return None;
        }
        Some(listens.clone())
    }
}

/// `ADDRESS [PORT]`, after `virtual_server` or `real_server`. No port is 0.
pub(super) fn endpoint(
    keyword: &str,
    words: &[Word],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(IpAddr, u16)> {
    let first = words.first()?;
    if let Ok(both) = first.text.parse::<SocketAddr>() {
        let found = bad(first, format!("`{}` is no address", first.text));
        diagnostics.push(found.help(format!(
            "address and port are two words: write `{keyword} {} {} {{`",
            both.ip(),
            both.port()
        )));
        return None;
    }
    let address = address(first, diagnostics);
    let port = port(words.get(1), diagnostics);
    surplus(words, 2, diagnostics);
    address.zip(port)
}

fn port(word: Option<&Word>, diagnostics: &mut Vec<Diagnostic>) -> Option<u16> {
    let Some(word) = word else { return Some(0) };
    number(word, 0..=65535, diagnostics).and_then(|n| u16::try_from(n).ok())
}

/// Why there is no `fwmark`, and what to do.
pub(super) fn no_mark(word: &Word, help: String) -> Diagnostic {
    Diagnostic::error(
        Code::BadValue,
        word.span,
        "packets are balanced before a firewall marks them: there is no `fwmark` to go by",
    )
    .help(help)
}

/// `ADDRESS[-LAST|/BITS] [PORT]`.
fn row(statement: &Statement, diagnostics: &mut Vec<Diagnostic>) -> Option<Listen> {
    let first = statement.words.first()?;
    if first.text == "fwmark" {
        diagnostics.push(no_mark(
            first,
            "write the addresses and ports that get this mark, as rows of `ADDRESS PORT`"
                .to_owned(),
        ));
        return None;
    }
    let range = range(first, diagnostics);
    let port = port(statement.words.get(1), diagnostics);
    surplus(&statement.words, 2, diagnostics);
    let ((first, last), port) = range.zip(port)?;
    Some(Listen {
        first,
        last,
        first_port: port,
        last_port: port,
    })
}

fn range(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<(IpAddr, IpAddr)> {
    let text = word.text.as_str();
    if text.contains('/') {
        let (address, bits) = prefix(word, diagnostics)?;
        return block(word, address, bits, diagnostics);
    }
    let Some((start, end)) = text.split_once('-') else {
        return address(word, diagnostics).map(|it| (it, it));
    };
    let part = |text: &str| Word {
        text: text.to_owned(),
        span: word.span,
    };
    let first = address(&part(start), diagnostics)?;
    let Some(last) = end.parse().ok().or_else(|| last_piece(first, end)) else {
        let found = bad(word, format!("`{end}` is no end of a range"));
        diagnostics.push(found.help(match first {
            IpAddr::V4(_) => {
                format!("write `{first}-9` for the last number, or a whole address")
            }
            IpAddr::V6(_) => {
                format!("write `{first}-f` for the last group of digits, or a whole address")
            }
        }));
        return None;
    };
    if first.is_ipv4() != last.is_ipv4() || last < first {
        let found = bad(word, format!("no range goes from {first} to {last}"));
        diagnostics.push(found.help("write the lower address first, and both of one family"));
        return None;
    }
    Some((first, last))
}

/// `10.0.0.1-9`, `2001:db8::1-f`: only the last piece is another.
fn last_piece(first: IpAddr, end: &str) -> Option<IpAddr> {
    match first {
        IpAddr::V4(first) => {
            let [a, b, c, _] = first.octets();
            let last = end.parse().ok()?;
            Some(Ipv4Addr::new(a, b, c, last).into())
        }
        IpAddr::V6(first) => {
            let mut segments = first.segments();
            segments[7] = u16::from_str_radix(end, 16).ok()?;
            Some(Ipv6Addr::from(segments).into())
        }
    }
}

/// All addresses of a prefix, from the one that is written on.
fn block(
    word: &Word,
    address: IpAddr,
    bits: u8,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(IpAddr, IpAddr)> {
    let (first, last): (IpAddr, IpAddr) = match address {
        IpAddr::V4(address) => {
            let host = u32::MAX.checked_shr(bits.into()).unwrap_or(0);
            let bits = address.to_bits();
            (
                Ipv4Addr::from(bits & !host).into(),
                Ipv4Addr::from(bits | host).into(),
            )
        }
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(bits.into()).unwrap_or(0);
            let bits = address.to_bits();
            (
                Ipv6Addr::from(bits & !host).into(),
                Ipv6Addr::from(bits | host).into(),
            )
        }
    };
    if first != address {
        let found = bad(
            word,
            format!("{address} is in the middle of a /{bits}, which begins at {first}"),
        );
        diagnostics.push(found.help(format!(
            "write `{first}/{bits}` for all of it, or `{address}-{last}`"
        )));
        return None;
    }
    Some((first, last))
}

/// How many addresses and ports it is.
pub(super) fn size(listen: &Listen) -> u128 {
    let addresses = match (listen.first, listen.last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            u128::from(last.to_bits().saturating_sub(first.to_bits()))
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => last.to_bits().saturating_sub(first.to_bits()),
        _ => 0,
    };
    let ports = u128::from(listen.last_port.saturating_sub(listen.first_port)) + 1;
    addresses.saturating_add(1).saturating_mul(ports)
}
