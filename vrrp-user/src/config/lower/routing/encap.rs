//! `encap ip|ip6|mpls|ila ...` of a route or a next hop.

use super::{
    Cursor, Reader,
    names::{Of, number},
};
use crate::config::{
    model::encap::{Encap, Tunnel},
    words::Word,
};
use core::net::IpAddr;

const KINDS: &[&str] = &["ip", "ip6", "mpls", "ila"];
/// As many as keepalived takes; the kernel takes more.
const MOST_LABELS: usize = 16;
const LAST_LABEL: u32 = (1 << 20) - 1;

pub(super) fn read<'a>(
    reader: &Reader<'_>,
    row: &mut Cursor<'a>,
    keyword: &'a Word,
) -> Option<Encap> {
    let kind = row.value(keyword)?;
    match kind.text.as_str() {
        "ip" => tunnel(reader, row, kind, false).map(Encap::Ip),
        "ip6" => tunnel(reader, row, kind, true).map(Encap::Ip6),
        "mpls" => labels(row, kind).map(Encap::Mpls),
        "ila" => locator(row, kind).map(Encap::Ila),
        _ => row.unknown(kind, "route's `encap`", KINDS),
    }
}

/// `id ID dst ADDRESS src ADDRESS`, and `tos TOS ttl TTL` or `tc TC hoplimit LIMIT`, in
/// any order.
fn tunnel<'a>(
    reader: &Reader<'_>,
    row: &mut Cursor<'a>,
    kind: &'a Word,
    v6: bool,
) -> Option<Tunnel> {
    let (class, limit) = if v6 {
        ("tc", "hoplimit")
    } else {
        ("tos", "ttl")
    };
    let mut out = Tunnel::default();
    while let Some(word) = row.peek() {
        let text = word.text.as_str();
        if !matches!(text, "id" | "dst" | "src" | "flags") && text != class && text != limit {
            break;
        }
        row.next();
        match text {
            "id" => out.id = Some(id(row, word)?),
            "dst" => out.destination = Some(end(row, word, v6)?),
            "src" => out.source = Some(end(row, word, v6)?),
            "flags" => out.flags = u16::try_from(row.number(word, u16::MAX.into())?).ok(),
            _ if text == class => out.class = Some(row.octet(reader, Of::DsFields, word)?),
            _ => out.hop_limit = u8::try_from(row.number(word, u8::MAX.into())?).ok(),
        }
    }
    if out.id.is_none() && out.destination.is_none() {
        let message = format!("`encap {}` without an `id` or a `dst`", kind.text);
        return row.refuse(kind, message, "say where the tunnel leads: `dst ADDRESS`");
    }
    Some(out)
}

fn id(row: &mut Cursor<'_>, keyword: &Word) -> Option<u64> {
    let at = row.value(keyword)?;
    let text = at.text.as_str();
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok().filter(|_| !text.starts_with('+')),
    };
    parsed.or_else(|| {
        let message = format!("`{text}` is no number for `id`");
        row.refuse(at, message, "write a whole number")
    })
}

/// An end of the tunnel; its family says nothing of the route's.
fn end(row: &mut Cursor<'_>, keyword: &Word, v6: bool) -> Option<IpAddr> {
    let (address, at) = row.address(keyword)?;
    if address.is_ipv6() == v6 {
        return Some(address);
    }
    let (is, kind) = if v6 { ("IPv4", "ip") } else { ("IPv6", "ip6") };
    let message = format!("`{address}` is {is}");
    row.refuse(
        at,
        message,
        &format!("write `encap {kind}` for such a tunnel"),
    )
}

/// `LABEL[/LABEL ...]`.
fn labels(row: &mut Cursor<'_>, keyword: &Word) -> Option<Vec<u32>> {
    let at = row.value(keyword)?;
    let parts = at
        .text
        .split('/')
        .map(|it| number(it).filter(|n| *n <= LAST_LABEL));
    let all: Option<Vec<u32>> = parts.collect();
    all.filter(|all| all.len() <= MOST_LABELS).or_else(|| {
        let message = format!("`{}` are no MPLS labels", at.text);
        let help =
            format!("write up to {MOST_LABELS} numbers from 0 to {LAST_LABEL}, as in `100/200`");
        row.refuse(at, message, &help)
    })
}

/// The upper half of an IPv6 address: `a:b:c:d`.
fn locator(row: &mut Cursor<'_>, keyword: &Word) -> Option<u64> {
    let at = row.value(keyword)?;
    let quarter = |text: &str| match text.len() {
        1..=4 => u16::from_str_radix(text, 16).ok(),
        _ => None,
    };
    let quarters: Option<Vec<u16>> = at.text.split(':').map(quarter).collect();
    if let Some(&[a, b, c, d]) = quarters.as_deref() {
        let all = [a, b, c, d].into_iter();
        return Some(all.fold(0, |sum, it| sum << 16 | u64::from(it)));
    }
    let message = format!("`{}` is no locator", at.text);
    row.refuse(
        at,
        message,
        "write the upper half of an IPv6 address: `2001:db8:0:1`",
    )
}
