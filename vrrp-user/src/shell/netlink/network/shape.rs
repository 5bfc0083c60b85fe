//! A configured route or rule as the kernel has it. Pure.
//!
//! A [`Shape`] is the message that asks for it; the kernel's own message about it
//! is brought into the same form, so that the two can be compared.

use super::{Item, encap};
use crate::{
    config::model::routing::{self, Metric, NextHop, Prefix, Route, Rule, RuleAction},
    shell::netlink::kernel::Table,
};
use core::{fmt::Write as _, net::IpAddr};
use netlink_packet_route::{
    AddressFamily,
    route::{
        RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteMetric,
        RouteNextHop, RouteNextHopFlags, RoutePreference, RouteRealm, RouteType, RouteVia,
    },
    rule::{
        RuleAction as KernelAction, RuleAttribute, RuleFlags, RuleMessage, RulePortRange,
        RuleUidRange,
    },
};

/// `IP6_RT_PRIO_USER`: metric of an IPv6 route that was given none.
const DEFAULT_METRIC_V6: u32 = 1024;

/// A route or rule, as the kernel speaks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Route(RouteMessage),
    Rule(RuleMessage),
}

/// Interfaces by name, and the tables of VRF devices.
pub(in super::super) trait Devices {
    /// Index of an interface.
    fn index(&self, name: &str) -> Option<u32>;
    /// It exists and is administratively up.
    fn is_enabled(&self, name: &str) -> bool;
    /// Table of a VRF device.
    fn table(&self, name: &str) -> Option<u32>;
}

impl Devices for Table {
    fn index(&self, name: &str) -> Option<u32> {
        self.link_named(name).map(|link| link.ifindex)
    }

    fn is_enabled(&self, name: &str) -> bool {
        self.link_named(name).is_some_and(|link| link.enabled)
    }

    fn table(&self, name: &str) -> Option<u32> {
        self.link_named(name)?.vrf_table
    }
}

/// What asks the kernel for `item`; otherwise the interface that is missing.
pub(super) fn wanted(item: &Item, devices: &dyn Devices) -> Result<Shape, String> {
    match item {
        Item::Route(route) => wanted_route(route, devices).map(Shape::Route),
        Item::Rule(rule) => Ok(Shape::Rule(wanted_rule(rule))),
    }
}

impl Shape {
    /// The same thing in a form to compare: what the kernel adds is gone, what it
    /// fills in stands in it.
    pub(super) fn normal(mut self) -> Self {
        match &mut self {
            Self::Route(route) => normal_route(route),
            Self::Rule(rule) => normal_rule(rule),
        }
        self
    }

    /// `self` is what was asked for, `found` what the kernel has; both normal.
    /// Interfaces that were not asked for are the kernel's choice.
    pub(super) fn is_met_by(&self, found: &Self) -> bool {
        match (self, found) {
            (Self::Route(asked), Self::Route(found)) => route_met(asked, found),
            (Self::Rule(asked), Self::Rule(found)) => {
                asked.header == found.header && same(&asked.attributes, &found.attributes)
            }
            _ => false,
        }
    }

    /// The same, whatever is said of the path: there the kernel cuts values down.
    pub(super) fn is_roughly_met_by(&self, found: &Self) -> bool {
        let without = |shape: &Self| {
            let mut shape = shape.clone();
            if let Self::Route(route) = &mut shape {
                let of_path = |it: &RouteAttribute| matches!(it, RouteAttribute::Metrics(_));
                route.attributes.retain(|it| !of_path(it));
            }
            shape
        };
        without(self).is_met_by(&without(found))
    }

    /// What tells it apart from others: of those with the same, the kernel takes
    /// several only where they lead elsewhere. It must be normal.
    pub(super) fn key(&self) -> String {
        match self {
            Self::Route(route) => {
                let header = &route.header;
                let mut key = format!(
                    "route {:?} {} {} {} {:?} {:?}",
                    header.address_family,
                    header.destination_prefix_length,
                    header.source_prefix_length,
                    header.tos,
                    header.kind,
                    header.protocol
                );
                // In a fixed order, whichever the kernel's is.
                for wanted in 0..4 {
                    for it in &route.attributes {
                        let place = match it {
                            RouteAttribute::Table(_) => 0,
                            RouteAttribute::Destination(_) => 1,
                            RouteAttribute::Source(_) => 2,
                            RouteAttribute::Priority(_) => 3,
                            _ => continue,
                        };
                        if place == wanted {
                            // Writing to a string cannot fail.
                            let _ = write!(key, " {it:?}");
                        }
                    }
                }
                key
            }
            Self::Rule(rule) => {
                let of = |it: &&RuleAttribute| matches!(it, RuleAttribute::Priority(_));
                let priority = rule.attributes.iter().find(of);
                format!("rule {:?} {priority:?}", rule.header.family)
            }
        }
    }

    pub(super) const fn is_rule(&self) -> bool {
        matches!(self, Self::Rule(_))
    }
}

fn same<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    one.len() == other.len() && one.iter().all(|it| other.contains(it))
}

fn route_met(asked: &RouteMessage, found: &RouteMessage) -> bool {
    let chosen = |it: &RouteAttribute| matches!(it, RouteAttribute::Oif(_));
    let says_oif = asked.attributes.iter().any(chosen);
    let left: Vec<RouteAttribute> = found
        .attributes
        .iter()
        .filter(|it| says_oif || !chosen(it))
        .cloned()
        .collect();
    let hops = |list: &[RouteAttribute]| {
        list.iter().find_map(|it| match it {
            RouteAttribute::MultiPath(hops) => Some(hops.clone()),
            _ => None,
        })
    };
    let rest = |list: &[RouteAttribute]| -> Vec<RouteAttribute> {
        let others = list
            .iter()
            .filter(|it| !matches!(it, RouteAttribute::MultiPath(_)));
        others.cloned().collect()
    };
    let hops_met = match (hops(&asked.attributes), hops(&left)) {
        (None, None) => true,
        (Some(asked), Some(found)) => {
            asked.len() == found.len() && asked.iter().all(|a| found.iter().any(|f| hop_met(a, f)))
        }
        _ => false,
    };
    asked.header == found.header && hops_met && same(&rest(&asked.attributes), &rest(&left))
}

fn hop_met(asked: &RouteNextHop, found: &RouteNextHop) -> bool {
    (asked.interface_index == 0 || asked.interface_index == found.interface_index)
        && asked.hops == found.hops
        && asked.flags == found.flags
        && same(&asked.attributes, &found.attributes)
}

fn normal_route(route: &mut RouteMessage) {
    let v6 = route.header.address_family == AddressFamily::Inet6;
    let nowhere = matches!(
        route.header.kind,
        RouteType::BlackHole | RouteType::Unreachable | RouteType::Prohibit | RouteType::Throw
    );
    route.header.table = 0;
    route.header.flags &= RouteFlags::Onlink;
    let attributes = core::mem::take(&mut route.attributes);
    for attribute in attributes {
        let attribute = match attribute {
            RouteAttribute::CacheInfo(_)
            | RouteAttribute::Expires(_)
            | RouteAttribute::Uid(_)
            | RouteAttribute::Mark(_)
            | RouteAttribute::MfcStats(_)
            | RouteAttribute::Other(_)
            | RouteAttribute::Preference(RoutePreference::Medium) => continue,
            RouteAttribute::Priority(0) if !v6 => continue,
            // The loopback interface, in IPv6.
            RouteAttribute::Oif(_) if nowhere => continue,
            RouteAttribute::MultiPath(mut hops) => {
                for hop in &mut hops {
                    hop.flags &= RouteNextHopFlags::Onlink;
                    for it in &mut hop.attributes {
                        if let RouteAttribute::Encap(inside) = it {
                            encap::normal(inside);
                        }
                    }
                }
                // Such a route carries the flags of its hops in its own as well.
                route.header.flags = RouteFlags::empty();
                RouteAttribute::MultiPath(hops)
            }
            RouteAttribute::Encap(mut inside) => {
                encap::normal(&mut inside);
                RouteAttribute::Encap(inside)
            }
            RouteAttribute::Metrics(mut metrics) => {
                metrics.retain(|it| !matches!(it, RouteMetric::Lock(0)));
                metrics.sort_by_key(netlink_packet_core::Nla::kind);
                RouteAttribute::Metrics(metrics)
            }
            other => other,
        };
        route.attributes.push(attribute);
    }
    let has_metric = |it: &RouteAttribute| matches!(it, RouteAttribute::Priority(_));
    if v6 && !route.attributes.iter().any(has_metric) {
        route
            .attributes
            .push(RouteAttribute::Priority(DEFAULT_METRIC_V6));
    }
    if v6 {
        route.header.scope = 0.into();
    }
}

fn normal_rule(rule: &mut RuleMessage) {
    rule.header.table = 0;
    rule.header.flags &= RuleFlags::Invert;
    rule.attributes.retain(|it| {
        !matches!(
            it,
            RuleAttribute::SuppressPrefixLen(u32::MAX)
                | RuleAttribute::SuppressIfGroup(u32::MAX)
                | RuleAttribute::Table(0)
                | RuleAttribute::Priority(0)
                | RuleAttribute::Other(_)
        )
    });
}

pub(super) const fn family(v6: bool) -> AddressFamily {
    if v6 {
        AddressFamily::Inet6
    } else {
        AddressFamily::Inet
    }
}

fn masked(prefix: Prefix) -> IpAddr {
    match prefix.address {
        IpAddr::V4(address) => {
            let mask = u32::MAX
                .checked_shl(32 - u32::from(prefix.bits))
                .unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX
                .checked_shl(128 - u32::from(prefix.bits))
                .unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}

fn realm(realms: u32) -> RouteRealm {
    let [a, b, c, d] = realms.to_be_bytes();
    RouteRealm {
        source: u16::from_be_bytes([a, b]),
        destination: u16::from_be_bytes([c, d]),
    }
}

fn wanted_route(route: &Route, devices: &dyn Devices) -> Result<RouteMessage, String> {
    let index = |name: &String| devices.index(name).ok_or_else(|| name.clone());
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: family(route.v6),
        destination_prefix_length: route.destination.bits,
        source_prefix_length: route.from.map_or(0, |from| from.bits),
        tos: route.tos,
        table: 0,
        protocol: route.protocol.into(),
        scope: route.scope.into(),
        kind: route.kind.into(),
        flags: RouteFlags::empty(),
    };
    message.header.flags.set(RouteFlags::Onlink, route.on_link);
    let table = match &route.table {
        routing::Table::Number(0) => routing::TABLE_MAIN,
        routing::Table::Number(number) => *number,
        routing::Table::Vrf(name) => devices.table(name).ok_or_else(|| name.clone())?,
    };
    let attributes = &mut message.attributes;
    attributes.push(RouteAttribute::Table(table));
    if route.destination.bits > 0 {
        let to = masked(route.destination);
        attributes.push(RouteAttribute::Destination(to.into()));
    }
    if let Some(from) = route.from.filter(|from| from.bits > 0) {
        attributes.push(RouteAttribute::Source(masked(from).into()));
    }
    if let Some(source) = route.source {
        attributes.push(RouteAttribute::PrefSource(source.into()));
    }
    match route.next_hops.as_slice() {
        // One way is no choice; the kernel drops its weight.
        [only] => {
            message.header.flags.set(RouteFlags::Onlink, only.on_link);
            attributes.extend(gateway(only.via, route.v6));
            if let Some(dev) = only.dev.as_ref().or(route.dev.as_ref()) {
                attributes.push(RouteAttribute::Oif(index(dev)?));
            }
            let realms = only.realms.or(route.realms);
            attributes.extend(realms.map(|realms| RouteAttribute::Realm(realm(realms))));
            attributes.extend(encap::wanted(only.encap.as_ref().or(route.encap.as_ref())));
        }
        [] => {
            attributes.extend(gateway(route.via, route.v6));
            if let Some(dev) = &route.dev {
                attributes.push(RouteAttribute::Oif(index(dev)?));
            }
            let realms = route.realms;
            attributes.extend(realms.map(|realms| RouteAttribute::Realm(realm(realms))));
            attributes.extend(encap::wanted(route.encap.as_ref()));
        }
        several => {
            let mut hops = Vec::with_capacity(several.len());
            for hop in several {
                hops.push(next_hop(hop, route, devices)?);
            }
            attributes.push(RouteAttribute::MultiPath(hops));
        }
    }
    attributes.extend(route.metric.map(RouteAttribute::Priority));
    attributes.extend(route.expires_s.map(RouteAttribute::Expires));
    let preference = route.preference;
    attributes.extend(preference.map(|it| RouteAttribute::Preference(it.into())));
    let metrics = metrics(route);
    if !metrics.is_empty() {
        attributes.push(RouteAttribute::Metrics(metrics));
    }
    Ok(message)
}

fn gateway(via: Option<IpAddr>, v6: bool) -> Option<RouteAttribute> {
    via.map(|via| {
        if via.is_ipv6() == v6 {
            RouteAttribute::Gateway(RouteAddress::from(via))
        } else {
            RouteAttribute::Via(RouteVia::from(via))
        }
    })
}

fn next_hop(hop: &NextHop, route: &Route, devices: &dyn Devices) -> Result<RouteNextHop, String> {
    let mut message = RouteNextHop::default();
    message
        .flags
        .set(RouteNextHopFlags::Onlink, hop.on_link || route.on_link);
    // The kernel counts from nought.
    let weight = hop.weight.unwrap_or(1).saturating_sub(1);
    message.hops = u8::try_from(weight).unwrap_or(u8::MAX);
    if let Some(dev) = hop.dev.as_ref().or(route.dev.as_ref()) {
        message.interface_index = devices.index(dev).ok_or_else(|| dev.clone())?;
    }
    message.attributes.extend(gateway(hop.via, route.v6));
    let realms = hop.realms.or(route.realms);
    let realms = realms.map(|realms| RouteAttribute::Realm(realm(realms)));
    message.attributes.extend(realms);
    let encap = hop.encap.as_ref().or(route.encap.as_ref());
    message.attributes.extend(encap::wanted(encap));
    Ok(message)
}

fn metrics(route: &Route) -> Vec<RouteMetric> {
    let metrics = &route.metrics;
    let mut all = Vec::new();
    for (&metric, &value) in &metrics.values {
        all.push(match metric {
            Metric::Mtu => RouteMetric::Mtu(value),
            Metric::Window => RouteMetric::Window(value),
            Metric::Rtt => RouteMetric::Rtt(value),
            Metric::RttVar => RouteMetric::RttVar(value),
            Metric::SsThresh => RouteMetric::SsThresh(value),
            Metric::Cwnd => RouteMetric::Cwnd(value),
            Metric::AdvMss => RouteMetric::Advmss(value),
            Metric::Reordering => RouteMetric::Reordering(value),
            Metric::HopLimit => RouteMetric::Hoplimit(value),
            Metric::InitCwnd => RouteMetric::InitCwnd(value),
            Metric::Features => RouteMetric::Features(value),
            Metric::RtoMin => RouteMetric::RtoMin(value),
            Metric::InitRwnd => RouteMetric::InitRwnd(value),
            Metric::QuickAck => RouteMetric::QuickAck(value),
            Metric::FastopenNoCookie => RouteMetric::FastopenNoCookie(value),
        });
    }
    if metrics.lock != 0 {
        all.push(RouteMetric::Lock(metrics.lock));
    }
    all.extend(metrics.congestion.clone().map(RouteMetric::CcAlgo));
    all
}

fn wanted_rule(rule: &Rule) -> RuleMessage {
    let mut message = RuleMessage::default();
    let header = &mut message.header;
    header.family = family(rule.v6);
    header.tos = rule.tos;
    header.flags.set(RuleFlags::Invert, rule.invert);
    let attributes = &mut message.attributes;
    if let Some(from) = rule.from.filter(|from| from.bits > 0) {
        header.src_len = from.bits;
        attributes.push(RuleAttribute::Source(from.address));
    }
    if let Some(to) = rule.to.filter(|to| to.bits > 0) {
        header.dst_len = to.bits;
        attributes.push(RuleAttribute::Destination(to.address));
    }
    attributes.push(RuleAttribute::Priority(rule.preference));
    header.action = match rule.action {
        RuleAction::Table(table) => {
            attributes.push(RuleAttribute::Table(table));
            KernelAction::ToTable
        }
        RuleAction::L3mdev => {
            attributes.push(RuleAttribute::L3MDev(true));
            KernelAction::ToTable
        }
        RuleAction::Goto(target) => {
            attributes.push(RuleAttribute::Goto(target));
            KernelAction::Goto
        }
        RuleAction::Nop => KernelAction::Nop,
        RuleAction::Blackhole => KernelAction::Blackhole,
        RuleAction::Unreachable => KernelAction::Unreachable,
        RuleAction::Prohibit => KernelAction::Prohibit,
    };
    if let Some((mark, mask)) = rule.mark {
        let mask = mask.unwrap_or(if mark == 0 { 0 } else { u32::MAX });
        if mark != 0 {
            attributes.push(RuleAttribute::FwMark(mark));
        }
        if mark != 0 || mask != 0 {
            attributes.push(RuleAttribute::FwMask(mask));
        }
    }
    let realms = rule.realms;
    attributes.extend(realms.map(|it| RuleAttribute::Realm(realm(it))));
    let length = rule.suppress_prefix_length;
    attributes.extend(length.map(RuleAttribute::SuppressPrefixLen));
    let group = rule.suppress_group;
    attributes.extend(group.map(RuleAttribute::SuppressIfGroup));
    attributes.extend(rule.iif.clone().map(RuleAttribute::Iifname));
    attributes.extend(rule.oif.clone().map(RuleAttribute::Oifname));
    let tunnel = rule.tunnel_id.filter(|&id| id != 0);
    attributes.extend(tunnel.map(RuleAttribute::TunId));
    let uids = rule.uids;
    attributes
        .extend(uids.map(|(start, end)| RuleAttribute::UidRange(RuleUidRange { start, end })));
    let protocol = rule.ip_protocol.filter(|&it| it != 0);
    attributes.extend(protocol.map(|it| RuleAttribute::IpProtocol(it.into())));
    let range = |(start, end)| RulePortRange { start, end };
    let ports = rule.source_ports.map(range);
    attributes.extend(ports.map(RuleAttribute::SourcePortRange));
    let ports = rule.destination_ports.map(range);
    attributes.extend(ports.map(RuleAttribute::DestinationPortRange));
    attributes.push(RuleAttribute::Protocol(rule.protocol.into()));
    message
}
