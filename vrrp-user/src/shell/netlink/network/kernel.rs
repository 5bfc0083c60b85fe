//! Asking the kernel about routes and rules: events, dumps, requests.

use super::{
    Item, Notice, Plan,
    plan::Change,
    shape::{Devices, Shape, family},
};
use crate::{
    config::model::routing::Placing,
    shell::netlink::monitor::{Message, Requests, Subscription},
    time::Instant,
};
use futures_util::StreamExt;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::{
    RouteNetlinkMessage,
    route::{RouteAttribute, RouteMessage},
    rule::RuleMessage,
};
use rtnetlink::MulticastGroup;
use std::{collections::HashSet, io, time::Duration};

/// The kernel answers while it takes the request, so this only guards against a bug.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// A dump that takes longer than this has failed.
const DUMP_TIMEOUT: Duration = Duration::from_secs(5);
/// Requests in one datagram.
const BATCH: usize = 64;

/// The sockets. Opened when the first route or rule is configured: a router with
/// many routes of others and none of ours is told of none.
pub(in super::super) struct Kernel {
    requests: Requests,
    events: Subscription,
    /// Protocols of what we look at.
    protocols: HashSet<u8>,
}

impl Kernel {
    /// Subscribes. Must run inside a runtime, which drives the sockets.
    pub(in super::super) fn open() -> io::Result<Self> {
        Ok(Self {
            requests: Requests::strict()?,
            events: Subscription::open(&[
                MulticastGroup::Ipv4Route,
                MulticastGroup::Ipv6Route,
                MulticastGroup::Ipv4Rule,
                MulticastGroup::Ipv6Rule,
            ])?,
            protocols: HashSet::new(),
        })
    }

    /// Waits for events that concern us, and takes all there are, at most `limit`.
    /// `false`: they concern others.
    pub(in super::super) async fn changed(&mut self, limit: usize) -> io::Result<bool> {
        let messages = self.events.next(limit).await;
        let messages = messages.ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(messages.iter().any(|message| self.concerns_us(message)))
    }

    fn concerns_us(&self, message: &Message) -> bool {
        match &message.payload {
            NetlinkPayload::InnerMessage(
                RouteNetlinkMessage::NewRoute(route) | RouteNetlinkMessage::DelRoute(route),
            ) => self.protocols.contains(&u8::from(route.header.protocol)),
            NetlinkPayload::Overrun(_)
            | NetlinkPayload::InnerMessage(
                RouteNetlinkMessage::NewRule(_) | RouteNetlinkMessage::DelRule(_),
            ) => true,
            _ => false,
        }
    }

    /// Reads what there is of the plan's kinds.
    pub(in super::super) async fn read(
        &mut self,
        plan: &mut Plan,
        devices: &dyn Devices,
        now: Instant,
    ) -> io::Result<Vec<Notice>> {
        let concerned = plan.concerned();
        self.protocols = concerned.iter().map(|(protocol, ..)| *protocol).collect();
        let mut present = Vec::new();
        let mut rules_of = HashSet::new();
        for &(protocol, v6, is_rule) in &concerned {
            let request = if is_rule {
                if !rules_of.insert(v6) {
                    continue;
                }
                let mut request = RuleMessage::default();
                request.header.family = family(v6);
                RouteNetlinkMessage::GetRule(request)
            } else {
                let mut request = RouteMessage::default();
                request.header.address_family = family(v6);
                request.header.protocol = protocol.into();
                RouteNetlinkMessage::GetRoute(request)
            };
            let of = |shape: &Shape| match shape {
                Shape::Route(route) => {
                    route.header.address_family == family(v6)
                        && u8::from(route.header.protocol) == protocol
                }
                Shape::Rule(rule) => rule.header.family == family(v6),
            };
            let dumped = self.dump(request).await?;
            present.extend(dumped.into_iter().filter(of));
        }
        Ok(plan.read(present, devices, now))
    }

    async fn dump(&self, what: RouteNetlinkMessage) -> io::Result<Vec<Shape>> {
        let mut message = NetlinkMessage::from(what);
        message.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        let mut answers = self.requests.send(vec![message])?;
        let read_all = async {
            let mut shapes = Vec::new();
            while let Some(answer) = answers.next().await {
                match answer.payload {
                    NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewRoute(route)) => {
                        shapes.push(Shape::Route(route));
                    }
                    NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewRule(rule)) => {
                        shapes.push(Shape::Rule(rule));
                    }
                    // Without IPv6 there is nothing of it.
                    NetlinkPayload::Error(error) if error.code.is_some() => {
                        let error = error.to_io();
                        if error.raw_os_error() == Some(libc::EOPNOTSUPP)
                            || error.raw_os_error() == Some(libc::EAFNOSUPPORT)
                        {
                            break;
                        }
                        return Err(error);
                    }
                    _ => {}
                }
            }
            Ok(shapes)
        };
        tokio::time::timeout(DUMP_TIMEOUT, read_all)
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the kernel did not answer"))?
    }

    /// Takes away what is too much.
    pub(in super::super) async fn remove(
        &self,
        plan: &mut Plan,
        devices: &dyn Devices,
        now: Instant,
    ) -> io::Result<Vec<Notice>> {
        let changes = plan.removals(devices, now);
        self.apply(plan, &changes, now).await
    }

    /// Adds what is missing.
    pub(in super::super) async fn add(
        &self,
        plan: &mut Plan,
        devices: &dyn Devices,
        now: Instant,
    ) -> io::Result<Vec<Notice>> {
        let mut notices = Vec::new();
        let changes = plan.additions(devices, now, &mut notices);
        notices.extend(self.apply(plan, &changes, now).await?);
        Ok(notices)
    }

    async fn apply(
        &self,
        plan: &mut Plan,
        changes: &[Change],
        now: Instant,
    ) -> io::Result<Vec<Notice>> {
        let mut notices = Vec::new();
        for batch in changes.chunks(BATCH) {
            let messages: Vec<Message> = batch.iter().map(message).collect();
            let results = self.requests.acknowledged(messages, ANSWER_TIMEOUT).await?;
            for (change, result) in batch.iter().zip(results) {
                match result {
                    Ok(()) => plan.accepted(change),
                    Err(error) if !change.add && is_gone(&error) => plan.accepted(change),
                    Err(error) => {
                        let exists = change.add && error.raw_os_error() == Some(libc::EEXIST);
                        let why = explain(&error);
                        notices.extend(plan.refused(change, &why, exists, now));
                    }
                }
            }
        }
        Ok(notices)
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ESRCH | libc::ENOENT | libc::ENODEV)
    )
}

fn message(change: &Change) -> Message {
    let inner = match (&change.shape, change.add) {
        (Shape::Route(route), true) => RouteNetlinkMessage::NewRoute(route.clone()),
        (Shape::Route(route), false) => {
            let mut route = route.clone();
            // What it says of the path does not tell it from others.
            route
                .attributes
                .retain(|it| !matches!(it, RouteAttribute::Metrics(_)));
            RouteNetlinkMessage::DelRoute(route)
        }
        (Shape::Rule(rule), true) => RouteNetlinkMessage::NewRule(rule.clone()),
        (Shape::Rule(rule), false) => RouteNetlinkMessage::DelRule(rule.clone()),
    };
    let mut message = NetlinkMessage::from(inner);
    message.header.flags = NLM_F_REQUEST | NLM_F_ACK;
    if change.add {
        message.header.flags |= NLM_F_CREATE;
        message.header.flags |= match &change.item {
            Item::Rule(_) => NLM_F_EXCL,
            Item::Route(route) => match route.placing {
                Placing::Prepend => 0,
                Placing::Append => NLM_F_APPEND,
                Placing::Alone => NLM_F_EXCL,
            },
        };
    }
    message
}

/// What the usual refusals mean.
fn explain(error: &io::Error) -> String {
    let hint = match error.raw_os_error() {
        Some(libc::EEXIST) => {
            "another one like it is there already; give it a `metric` or `preference` of its own"
        }
        Some(libc::ENETUNREACH | libc::EHOSTUNREACH) => {
            "no interface leads to its gateway; add `dev`, `onlink`, or an address of that network"
        }
        Some(libc::ENETDOWN) => "the interface is down",
        Some(libc::EPERM) => "this needs CAP_NET_ADMIN",
        Some(libc::ENODEV) => "the interface is gone",
        Some(libc::EINVAL) => {
            "the kernel takes no such combination; is its `src` an address of this host?"
        }
        Some(libc::EOPNOTSUPP | libc::EAFNOSUPPORT) => "this kernel has no such routes or rules",
        _ => return error.to_string(),
    };
    format!("{error}: {hint}")
}
