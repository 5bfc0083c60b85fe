//! One row of `virtual_routes` or `static_routes`.

use super::{
    Cursor, Reader, encap,
    names::{Of, number},
    values::Wide,
};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    model::encap::Encap,
    model::routing::{
        Metric, Metrics, NextHop, Origin, PROTOCOL, Placing, Prefix, Route, TABLE_MAIN, Table,
    },
    words::Word,
};
use core::net::IpAddr;

/// `RTN_UNICAST`.
const UNICAST: u8 = 1;
/// `RTAX_FEATURE_ECN`.
const FEATURE_ECN: u32 = 1;
/// `RTAX_CC_ALGO`.
const CONGESTION: u16 = 16;

pub(super) const OPTIONS: &[&str] = &[
    "inet",
    "inet6",
    "to",
    "from",
    "src",
    "via",
    "dev",
    "oif",
    "table",
    "vrf",
    "protocol",
    "scope",
    "metric",
    "priority",
    "preference",
    "tos",
    "dsfield",
    "onlink",
    "mtu",
    "advmss",
    "hoplimit",
    "rtt",
    "rttvar",
    "reordering",
    "window",
    "cwnd",
    "ssthresh",
    "realms",
    "rto_min",
    "initcwnd",
    "initrwnd",
    "features",
    "quickack",
    "congctl",
    "pref",
    "expires",
    "fastopen_no_cookie",
    "encap",
    "ttl-propagate",
    "nexthop",
    "add",
    "append",
    "prepend",
    "no_track",
    "track_group",
    "blackhole",
    "unreachable",
    "prohibit",
    "throw",
];

const HOP_OPTIONS: &[&str] = &[
    "via", "dev", "weight", "onlink", "realms", "encap", "nexthop",
];

/// What a row says, before its family is known.
#[derive(Default)]
struct Draft {
    kind: Option<u8>,
    destination: Option<Wide>,
    from: Option<Prefix>,
    source: Option<IpAddr>,
    via: Option<IpAddr>,
    dev: Option<String>,
    on_link: bool,
    table: Option<Table>,
    tos: u8,
    protocol: Option<u8>,
    scope: u8,
    metric: Option<u32>,
    realms: Option<u32>,
    expires_s: Option<u32>,
    preference: Option<u8>,
    encap: Option<Encap>,
    metrics: Metrics,
    next_hops: Vec<NextHop>,
    placing: Placing,
    no_track: bool,
    track_group: Option<String>,
}

pub(super) fn read(reader: &Reader<'_>, row: &mut Cursor<'_>) -> Option<Route> {
    let mut draft = Draft::default();
    while let Some(word) = row.next() {
        option(&mut draft, reader, row, word)?;
    }
    finish(draft, reader.origin(row.row), row)
}

fn option<'a>(
    draft: &mut Draft,
    reader: &Reader<'_>,
    row: &mut Cursor<'a>,
    word: &'a Word,
) -> Option<()> {
    match word.text.as_str() {
        "inet" => row.of_family(false, word)?,
        "inet6" => row.of_family(true, word)?,
        "src" => {
            let (source, at) = row.address(word)?;
            row.of_address(source, at)?;
            draft.source = Some(source);
        }
        "from" => {
            let at = row.value(word)?;
            row.of_family(true, word)?;
            draft.from = Some(row.wide(at)?.resolved(true));
        }
        "via" | "gw" => draft.via = Some(gateway(row, word)?),
        "dev" | "oif" => draft.dev = Some(row.device(word)?),
        "table" => {
            let at = row.value(word)?;
            draft.table = Some(Table::Number(row.named(
                reader,
                Of::Tables,
                at,
                u32::MAX,
            )?));
        }
        "vrf" => draft.table = Some(Table::Vrf(row.device(word)?)),
        "protocol" => draft.protocol = Some(row.octet(reader, Of::Protocols, word)?),
        "scope" => draft.scope = row.octet(reader, Of::Scopes, word)?,
        "tos" | "dsfield" => draft.tos = row.octet(reader, Of::DsFields, word)?,
        "metric" | "priority" | "preference" => draft.metric = Some(row.number(word, u32::MAX)?),
        "onlink" => draft.on_link = true,
        "realms" => draft.realms = Some(row.realms(reader, word)?),
        "expires" => {
            row.of_family(true, word)?;
            draft.expires_s = Some(row.number(word, u32::MAX)?);
        }
        "pref" => {
            row.of_family(true, word)?;
            draft.preference = Some(preference(row, word)?);
        }
        "add" => draft.placing = Placing::Alone,
        "append" => draft.placing = Placing::Append,
        "prepend" => draft.placing = Placing::Prepend,
        "no_track" => draft.no_track = true,
        "track_group" => draft.track_group = Some(row.track_group(word)?),
        "nexthop" => draft.next_hops.push(next_hop(reader, row)?),
        "or" => {
            // Before there was `nexthop`: the gateway above, or this one.
            row.warn(
                word,
                "`or` is an old spelling".to_owned(),
                "write `nexthop via ADDRESS nexthop via ADDRESS`",
            );
            let (address, at) = row.address(word)?;
            row.of_address(address, at)?;
            for via in [draft.via.take(), Some(address)].into_iter().flatten() {
                draft.next_hops.push(NextHop {
                    via: Some(via),
                    dev: draft.dev.clone(),
                    ..NextHop::default()
                });
            }
        }
        "encap" => draft.encap = Some(encap::read(reader, row, word)?),
        "ttl-propagate" => ttl_propagate(row, word)?,
        "as" => return new_destination(row, word),
        "congctl" => {
            if row.is_next("lock") {
                draft.metrics.lock |= 1 << CONGESTION;
            }
            draft.metrics.congestion = Some(row.value(word)?.text.clone());
        }
        text => match metric(text) {
            Some(metric) => path(&mut draft.metrics, metric, row, word)?,
            None => to(draft, row, word)?,
        },
    }
    Some(())
}

/// The kernel reads it of routes of MPLS labels alone, and there are none of these here.
fn ttl_propagate(row: &mut Cursor<'_>, keyword: &Word) -> Option<()> {
    let at = row.value(keyword)?;
    if !matches!(at.text.as_str(), "enabled" | "disabled") {
        let message = format!("`{}` cannot follow `ttl-propagate`", at.text);
        return row.refuse(at, message, "write `enabled` or `disabled`");
    }
    let message = "`ttl-propagate` has nothing to rule here: the kernel heeds it for routes of MPLS labels alone";
    row.diagnostics
        .push(Diagnostic::note(Code::Meaningless, keyword.span, message).help("remove it"));
    Some(())
}

/// `as [to]`, which keepalived and the kernel have for MPLS labels alone.
fn new_destination<T>(row: &mut Cursor<'_>, keyword: &Word) -> Option<T> {
    let message = "`as` is for routes of MPLS labels, which there are none of".to_owned();
    row.refuse(keyword, message, "remove it, and what follows it")
}

/// What a word says of the path, and whether `lock` may follow.
fn metric(word: &str) -> Option<(Metric, bool)> {
    Some(match word {
        "mtu" => (Metric::Mtu, true),
        "advmss" => (Metric::AdvMss, true),
        "hoplimit" => (Metric::HopLimit, false),
        "rtt" => (Metric::Rtt, true),
        "rttvar" => (Metric::RttVar, true),
        "reordering" => (Metric::Reordering, true),
        "window" => (Metric::Window, false),
        "cwnd" => (Metric::Cwnd, true),
        "ssthresh" => (Metric::SsThresh, true),
        "rto_min" => (Metric::RtoMin, true),
        "initcwnd" => (Metric::InitCwnd, false),
        "initrwnd" => (Metric::InitRwnd, false),
        "features" => (Metric::Features, false),
        "quickack" => (Metric::QuickAck, false),
        "fastopen_no_cookie" => (Metric::FastopenNoCookie, false),
        _ => return None,
    })
}

fn path(
    metrics: &mut Metrics,
    (metric, lockable): (Metric, bool),
    row: &mut Cursor<'_>,
    word: &Word,
) -> Option<()> {
    if lockable && row.is_next("lock") {
        metrics.lock |= 1 << metric.number();
    }
    let value = match metric {
        // The kernel counts eighths, quarters and whole milliseconds.
        Metric::Rtt => row.time(word, 8)?,
        Metric::RttVar => row.time(word, 4)?,
        Metric::RtoMin => row.time(word, 1)?,
        Metric::HopLimit => row.number(word, 255)?,
        Metric::QuickAck | Metric::FastopenNoCookie => row.number(word, 1)?,
        Metric::Features => {
            let at = row.value(word)?;
            if at.text != "ecn" {
                let message = format!("`{}` is no feature of a route", at.text);
                return row.refuse(at, message, "write `ecn`");
            }
            FEATURE_ECN
        }
        _ => row.number(word, u32::MAX)?,
    };
    metrics.values.insert(metric, value);
    Some(())
}

/// `[to] [TYPE] PREFIX`.
fn to<'a>(draft: &mut Draft, row: &mut Cursor<'a>, word: &'a Word) -> Option<()> {
    let mut at = word;
    if at.text == "to" {
        at = row.value(word)?;
    }
    if let Some(kind) = kind(&at.text) {
        draft.kind = Some(kind);
        at = row.value(at)?;
    }
    let looks_like_one = at
        .text
        .starts_with(|c: char| c.is_ascii_hexdigit() || c == ':')
        && at.text.contains(['.', ':', '/'])
        || matches!(at.text.as_str(), "default" | "any" | "all" | "default6");
    if !looks_like_one {
        return row.unknown(at, "route", OPTIONS);
    }
    if draft.destination.is_some() {
        let message = format!("`{}`: the route has a destination already", at.text);
        return row.refuse(at, message, "write one route a line");
    }
    draft.destination = Some(row.wide(at)?);
    Some(())
}

/// `RTN_*`.
fn kind(word: &str) -> Option<u8> {
    Some(match word {
        "unicast" => UNICAST,
        "local" => 2,
        "broadcast" | "brd" => 3,
        "anycast" => 4,
        "multicast" => 5,
        "blackhole" => 6,
        "unreachable" => 7,
        "prohibit" => 8,
        "throw" => 9,
        "nat" => 10,
        "xresolve" => 11,
        _ => return None,
    })
}

/// `[inet|inet6] ADDRESS`. With the family said, it may be another than the route's.
fn gateway<'a>(row: &mut Cursor<'a>, keyword: &'a Word) -> Option<IpAddr> {
    if keyword.text == "gw" {
        row.warn(keyword, "`gw` is an old spelling".to_owned(), "write `via`");
    }
    let said = if row.is_next("inet") {
        Some(false)
    } else if row.is_next("inet6") {
        Some(true)
    } else {
        None
    };
    let (via, at) = row.address(keyword)?;
    match said {
        Some(v6) if v6 != via.is_ipv6() => {
            let other = if via.is_ipv6() { "inet6" } else { "inet" };
            let message = format!("`{via}` is not of the family said before it");
            row.refuse(at, message, &format!("write `{other} {via}`"))
        }
        Some(v6) => {
            if row.family.is_none() {
                row.of_family(v6, at)?;
            }
            Some(via)
        }
        None => {
            row.of_address(via, at)?;
            Some(via)
        }
    }
}

fn next_hop(reader: &Reader<'_>, row: &mut Cursor<'_>) -> Option<NextHop> {
    let mut hop = NextHop::default();
    while let Some(word) = row.peek().filter(|word| word.text != "nexthop") {
        row.next();
        match word.text.as_str() {
            "via" => hop.via = Some(gateway(row, word)?),
            "dev" => hop.dev = Some(row.device(word)?),
            "weight" => {
                let weight = row.number(word, 256)?;
                if weight == 0 {
                    let message = "a next hop of weight 0 would never be used".to_owned();
                    return row.refuse(word, message, "write a weight from 1 to 256");
                }
                hop.weight = u16::try_from(weight).ok();
            }
            "onlink" => hop.on_link = true,
            "realms" => hop.realms = Some(row.realms(reader, word)?),
            "encap" => hop.encap = Some(encap::read(reader, row, word)?),
            "as" => return new_destination(row, word),
            text if OPTIONS.contains(&text) => {
                let message = format!("`{text}` stands behind a `nexthop`");
                return row.refuse(word, message, "move it before the first `nexthop`");
            }
            _ => return row.unknown(word, "next hop", HOP_OPTIONS),
        }
    }
    Some(hop)
}

fn preference(row: &mut Cursor<'_>, keyword: &Word) -> Option<u8> {
    let at = row.value(keyword)?;
    match at.text.as_str() {
        "low" => Some(3),
        "medium" => Some(0),
        "high" => Some(1),
        text => {
            let found = number(text).and_then(|n| u8::try_from(n).ok());
            found.or_else(|| {
                let message = format!("`{text}` is no preference of a router");
                row.refuse(at, message, "write `low`, `medium` or `high`")
            })
        }
    }
}

fn finish(draft: Draft, origin: Origin, row: &mut Cursor<'_>) -> Option<Route> {
    let span = row.row.span();
    let Some(destination) = draft.destination else {
        let found = Diagnostic::error(Code::Incomplete, span, "a route without a destination");
        row.diagnostics
            .push(found.help("write `PREFIX via GATEWAY dev INTERFACE`; `default` is all"));
        return None;
    };
    let v6 = row.is_v6();
    let kind = draft.kind.unwrap_or(UNICAST);
    if !draft.next_hops.is_empty() && draft.via.is_some() {
        let message = "a route has one gateway or next hops, not both";
        let found = Diagnostic::error(Code::BadValue, span, message);
        row.diagnostics
            .push(found.help("write every gateway as `nexthop via ADDRESS`"));
        return None;
    }
    let leads_nowhere = draft.via.is_none() && draft.dev.is_none() && draft.next_hops.is_empty();
    if kind == UNICAST && leads_nowhere {
        let message = "a route that leads nowhere: it has no gateway and no interface";
        let found = Diagnostic::error(Code::Incomplete, span, message);
        row.diagnostics
            .push(found.help("write `via GATEWAY` or `dev INTERFACE`, or put `blackhole` first"));
        return None;
    }
    let mut protocol = draft.protocol.unwrap_or(PROTOCOL);
    if !draft.no_track && protocol != PROTOCOL {
        let message =
            format!("a route that is tracked has protocol {PROTOCOL} (keepalived), which is used");
        row.diagnostics.push(
            Diagnostic::warning(Code::Overruled, span, message)
                .help("remove `protocol`, or add `no_track`"),
        );
        protocol = PROTOCOL;
    }
    let has_device = draft.dev.is_some() || draft.next_hops.iter().any(|hop| hop.dev.is_some());
    if draft.track_group.is_some() && !has_device {
        let message = "without an interface there is nothing of this route to track";
        row.diagnostics
            .push(Diagnostic::warning(Code::Overruled, span, message).help("add `dev INTERFACE`"));
    }
    Some(Route {
        origin,
        v6,
        kind,
        destination: destination.resolved(v6),
        from: draft.from,
        source: draft.source,
        via: draft.via,
        dev: draft.dev,
        on_link: draft.on_link,
        table: draft.table.unwrap_or(Table::Number(TABLE_MAIN)),
        tos: draft.tos,
        protocol,
        scope: draft.scope,
        metric: draft.metric,
        realms: draft.realms,
        expires_s: draft.expires_s,
        preference: draft.preference,
        encap: draft.encap,
        metrics: draft.metrics,
        next_hops: draft.next_hops,
        placing: draft.placing,
        no_track: draft.no_track,
        track_group: draft.track_group.filter(|_| has_device),
    })
}
