//! Keeps servers' addresses resolved: asks the kernel for routes and neighbours, hears
//! of changes, and makes it ask its neighbours again before it forgets them.
//!
//! The kernel says of a neighbour only what somebody made it find out, and nothing that
//! XDP sends does. So each next hop is used by hand (`NTF_USE`) every few seconds: the
//! kernel then probes what has gone stale, as it would for packets of its own.

use super::route::{self, Neighbour, Port, Route};
use crate::{
    balance::Path,
    shell::netlink::monitor::{Message, Requests, Subscription},
    time::Instant,
};
use core::{net::IpAddr, time::Duration};
use futures_util::StreamExt;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressMessage},
    link::LinkMessage,
    neighbour::{NeighbourAttribute, NeighbourFlags, NeighbourMessage},
    route::{RouteAddress, RouteAttribute, RouteMessage},
};
use rtnetlink::MulticastGroup;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

/// Routes are asked for again no sooner than this after something changed.
const ASK_DELAY: Duration = Duration::from_millis(20);
/// And at least this often, should an event have escaped us.
const ASK_EVERY: Duration = Duration::from_secs(30);
/// How often known next hops are used.
const USE_EVERY: Duration = Duration::from_secs(5);
/// How often those that are silent are asked for.
const SEEK_EVERY: Duration = Duration::from_secs(1);
/// Requests in one datagram.
const BATCH: usize = 64;
/// Events taken at once.
const EVENTS_AT_ONCE: usize = 256;
/// The kernel answers while it takes the request, so this only guards against a bug.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How a server is reached, or why not.
pub(super) type Reach = Result<Path, String>;

/// The sockets, and what they have told.
pub(super) struct Resolver {
    events: Subscription,
    requests: Requests,
    targets: BTreeMap<IpAddr, Target>,
    ports: BTreeMap<u32, Port>,
    /// Interfaces by the addresses on them.
    addresses: BTreeSet<(IpAddr, u32)>,
    /// Those of `needed` that have been asked for.
    neighbours: BTreeMap<(u32, IpAddr), Neighbour>,
    /// Links and addresses are to be read again.
    lost: bool,
    ask_at: Instant,
    use_at: Instant,
    /// Something changed that paths follow from.
    dirty: bool,
}

#[derive(Default)]
struct Target {
    route: Option<Route>,
    told: Option<Reach>,
}

impl Resolver {
    /// Subscribes. Must run inside a runtime, which drives the sockets.
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self {
            events: Subscription::open(&[
                MulticastGroup::Link,
                MulticastGroup::Neigh,
                MulticastGroup::Ipv4Ifaddr,
                MulticastGroup::Ipv6Ifaddr,
                MulticastGroup::Ipv4Route,
                MulticastGroup::Ipv6Route,
                MulticastGroup::Ipv4Rule,
                MulticastGroup::Ipv6Rule,
            ])?,
            requests: Requests::open()?,
            targets: BTreeMap::new(),
            ports: BTreeMap::new(),
            addresses: BTreeSet::new(),
            neighbours: BTreeMap::new(),
            lost: true,
            ask_at: Instant::default(),
            use_at: Instant::default(),
            dirty: true,
        })
    }

    /// These addresses, and no others.
    pub(super) fn set(&mut self, addresses: &[IpAddr], now: Instant) {
        let wanted: BTreeSet<IpAddr> = addresses.iter().copied().collect();
        self.targets.retain(|address, _| wanted.contains(address));
        for address in wanted {
            self.targets.entry(address).or_default();
        }
        self.ask_at = now;
    }

    /// When there is something to do, if nothing happens.
    pub(super) fn poll_timeout(&self) -> Instant {
        self.ask_at.min(self.use_at)
    }

    /// Waits for events, and takes in all there are.
    pub(super) async fn changed(&mut self, now: impl Fn() -> Instant) -> io::Result<()> {
        let messages = self.events.next(EVENTS_AT_ONCE).await;
        let messages = messages.ok_or(io::ErrorKind::BrokenPipe)?;
        for message in messages {
            self.hear(message, now());
        }
        Ok(())
    }

    fn hear(&mut self, message: Message, now: Instant) {
        match message.payload {
            NetlinkPayload::Overrun(_) => self.lost = true,
            NetlinkPayload::InnerMessage(
                RouteNetlinkMessage::NewNeighbour(it) | RouteNetlinkMessage::DelNeighbour(it),
            ) => {
                let Some((ifindex, address, found)) = route::neighbour(&it) else {
                    return;
                };
                // Others' are many, and none of ours.
                if let Some(known) = self.neighbours.get_mut(&(ifindex, address)) {
                    self.dirty |= *known != found;
                    if found.is_none() {
                        self.use_at = self.use_at.min(now + SEEK_EVERY);
                    }
                    *known = found;
                }
                return;
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(it)) => self.learn(&it),
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(it)) => {
                if let Some((ifindex, _)) = Port::parse(&it) {
                    self.ports.remove(&ifindex);
                    self.dirty = true;
                }
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewAddress(it)) => {
                self.addresses.extend(address_of(&it));
                self.dirty = true;
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelAddress(it)) => {
                if let Some(key) = address_of(&it) {
                    self.addresses.remove(&key);
                    self.dirty = true;
                }
            }
            _ => {}
        }
        self.ask_at = self.ask_at.min(now + ASK_DELAY);
    }

    fn learn(&mut self, message: &LinkMessage) {
        if let Some((ifindex, port)) = Port::parse(message)
            && self.ports.get(&ifindex) != Some(&port)
        {
            self.ports.insert(ifindex, port);
            self.dirty = true;
        }
    }

    /// Asks for what is due, and gives every address whose answer is another than before.
    pub(super) async fn settle(
        &mut self,
        now: impl Fn() -> Instant,
    ) -> io::Result<Vec<(IpAddr, Reach)>> {
        if self.lost {
            self.read_links().await?;
            self.lost = false;
            self.ask_at = now();
        }
        if now() >= self.ask_at {
            self.ask_routes().await?;
            self.ask_at = now() + ASK_EVERY;
        }
        let needed = self.needed();
        self.neighbours.retain(|key, _| needed.contains(key));
        let new: Vec<_> = needed
            .into_iter()
            .filter(|key| !self.neighbours.contains_key(key))
            .collect();
        if !new.is_empty() {
            self.ask_neighbours(&new).await?;
            self.use_at = now();
        }
        if now() >= self.use_at {
            self.use_neighbours().await?;
            let silent = self.neighbours.values().any(Option::is_none);
            self.use_at = now() + if silent { SEEK_EVERY } else { USE_EVERY };
        }
        Ok(self.news())
    }

    /// Answers that are others than those given.
    fn news(&mut self) -> Vec<(IpAddr, Reach)> {
        if !core::mem::take(&mut self.dirty) {
            return Vec::new();
        }
        let mut news = Vec::new();
        for (&address, target) in &mut self.targets {
            let Some(route) = &target.route else {
                continue;
            };
            let known = |ifindex, next| self.neighbours.get(&(ifindex, next)).copied().flatten();
            let reach =
                route::path(address, route, &self.ports, known).map_err(|why| why.to_string());
            if target.told.as_ref() != Some(&reach) {
                target.told = Some(reach.clone());
                news.push((address, reach));
            }
        }
        news
    }

    /// Why servers cannot be reached, for `status`.
    pub(super) fn complaints(&self) -> impl Iterator<Item = String> {
        self.targets
            .iter()
            .filter_map(|(address, target)| match &target.told {
                Some(Err(why)) => Some(format!("{address}: {why}")),
                _ => None,
            })
    }

    /// Interfaces that packets of services and servers come in by: those that lead to
    /// servers, and those with one of `services`' addresses. An address on none, or on
    /// the loopback, may come by any.
    pub(super) fn interfaces(&self, services: &BTreeSet<IpAddr>) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        for target in self.targets.values() {
            if let Some(Route::Via(via)) = &target.route {
                found.extend(self.lower(via.ifindex));
            }
        }
        for service in services {
            let carriers: Vec<u32> = self
                .addresses
                .range((*service, 0)..=(*service, u32::MAX))
                .map(|(_, ifindex)| *ifindex)
                .filter(|ifindex| self.ports.get(ifindex).is_some_and(|it| !it.loopback))
                .collect();
            if carriers.is_empty() {
                let addressed = self.addresses.iter().map(|(_, ifindex)| *ifindex);
                found.extend(addressed.filter_map(|ifindex| self.lower(ifindex)));
            } else {
                found.extend(carriers.into_iter().filter_map(|it| self.lower(it)));
            }
        }
        found
    }

    /// The Ethernet interface below, or this one.
    fn lower(&self, ifindex: u32) -> Option<u32> {
        let port = self.ports.get(&ifindex)?;
        let ifindex = port.vlan.map_or(ifindex, |tag| tag.lower);
        let port = self.ports.get(&ifindex)?;
        (port.ethernet && !port.loopback).then_some(ifindex)
    }

    fn needed(&self) -> BTreeSet<(u32, IpAddr)> {
        let routes = self.targets.values().filter_map(|it| it.route.as_ref());
        routes
            .filter_map(|route| match route {
                Route::Via(via) => Some((via.ifindex, via.next)),
                _ => None,
            })
            .collect()
    }

    async fn read_links(&mut self) -> io::Result<()> {
        self.ports.clear();
        self.addresses.clear();
        // Events of neighbours were lost as well: all are asked for again.
        self.neighbours.clear();
        self.dirty = true;
        let links = RouteNetlinkMessage::GetLink(LinkMessage::default());
        for answer in self.dump(links).await? {
            if let RouteNetlinkMessage::NewLink(link) = answer {
                self.learn(&link);
            }
        }
        let addresses = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        for answer in self.dump(addresses).await? {
            if let RouteNetlinkMessage::NewAddress(it) = answer {
                self.addresses.extend(address_of(&it));
            }
        }
        Ok(())
    }

    async fn dump(&self, what: RouteNetlinkMessage) -> io::Result<Vec<RouteNetlinkMessage>> {
        let mut message = NetlinkMessage::from(what);
        message.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        let mut answers = self.requests.send(vec![message])?;
        let mut all = Vec::new();
        let read = async {
            while let Some(answer) = answers.next().await {
                match answer.payload {
                    NetlinkPayload::InnerMessage(inner) => all.push(inner),
                    NetlinkPayload::Error(error) if error.code.is_some() => {
                        return Err(error.to_io());
                    }
                    _ => {}
                }
            }
            Ok(())
        };
        within_limit(read).await?;
        Ok(all)
    }

    async fn ask_routes(&mut self) -> io::Result<()> {
        let addresses: Vec<IpAddr> = self.targets.keys().copied().collect();
        for batch in addresses.chunks(BATCH) {
            let requests = batch.iter().map(|address| {
                let mut request = RouteMessage::default();
                request.header.address_family = family(*address);
                request.header.destination_prefix_length = if address.is_ipv4() { 32 } else { 128 };
                let to = RouteAttribute::Destination(RouteAddress::from(*address));
                request.attributes.push(to);
                RouteNetlinkMessage::GetRoute(request)
            });
            let answers = self.ask(requests.collect(), 0).await?;
            for (&address, answer) in batch.iter().zip(answers) {
                let found = match answer {
                    Ok(Some(RouteNetlinkMessage::NewRoute(it))) => Route::parse(address, &it),
                    Ok(_) => Route::Nowhere("it does not say".into()),
                    Err(error) => Route::Nowhere(error.to_string()),
                };
                if let Some(target) = self.targets.get_mut(&address)
                    && target.route.as_ref() != Some(&found)
                {
                    target.route = Some(found);
                    self.dirty = true;
                }
            }
        }
        Ok(())
    }

    async fn ask_neighbours(&mut self, which: &[(u32, IpAddr)]) -> io::Result<()> {
        for batch in which.chunks(BATCH) {
            let requests = batch
                .iter()
                .map(|key| RouteNetlinkMessage::GetNeighbour(neighbour_message(*key)));
            let answers = self.ask(requests.collect(), 0).await?;
            for (&key, answer) in batch.iter().zip(answers) {
                let found = match answer {
                    Ok(Some(RouteNetlinkMessage::NewNeighbour(it))) => {
                        route::neighbour(&it).and_then(|(_, _, found)| found)
                    }
                    // Not there: it is about to be made.
                    _ => None,
                };
                self.neighbours.insert(key, found);
            }
        }
        self.dirty = true;
        Ok(())
    }

    /// As a packet of the kernel's own would.
    async fn use_neighbours(&mut self) -> io::Result<()> {
        let keys: Vec<_> = self.neighbours.keys().copied().collect();
        for batch in keys.chunks(BATCH) {
            let requests = batch.iter().map(|key| {
                let mut message = neighbour_message(*key);
                message.header.flags = NeighbourFlags::Use;
                RouteNetlinkMessage::NewNeighbour(message)
            });
            // An interface that is gone or down says so by events.
            self.ask(requests.collect(), NLM_F_CREATE).await?;
        }
        Ok(())
    }

    /// One answer for each request, in order.
    async fn ask(
        &self,
        requests: Vec<RouteNetlinkMessage>,
        flags: u16,
    ) -> io::Result<Vec<io::Result<Option<RouteNetlinkMessage>>>> {
        let expected = requests.len();
        let messages = requests.into_iter().map(|request| {
            let mut message = NetlinkMessage::from(request);
            message.header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
            message
        });
        let mut answers = self.requests.send(messages.collect())?;
        let mut results = Vec::with_capacity(expected);
        let collect = async {
            // What was found comes before the acknowledgement of the same request.
            let mut found = None;
            while results.len() < expected {
                match answers.next().await.map(|answer| answer.payload) {
                    Some(NetlinkPayload::Error(error)) if error.code.is_some() => {
                        found = None;
                        results.push(Err(error.to_io()));
                    }
                    Some(NetlinkPayload::Error(_)) => results.push(Ok(found.take())),
                    Some(NetlinkPayload::InnerMessage(inner)) => found = Some(inner),
                    Some(_) => {}
                    None => return Err(io::Error::from(io::ErrorKind::BrokenPipe)),
                }
            }
            Ok(())
        };
        within_limit(collect).await?;
        Ok(results)
    }
}

async fn within_limit(work: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    tokio::time::timeout(ANSWER_TIMEOUT, work)
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the kernel did not answer"))?
}

fn neighbour_message((ifindex, address): (u32, IpAddr)) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = family(address);
    message.header.ifindex = ifindex;
    let destination = NeighbourAttribute::Destination(address.into());
    message.attributes.push(destination);
    message
}

fn address_of(message: &AddressMessage) -> Option<(IpAddr, u32)> {
    let (mut local, mut other) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(it) => local = Some(*it),
            AddressAttribute::Address(it) => other = Some(*it),
            _ => {}
        }
    }
    Some((local.or(other)?, message.header.index))
}

const fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}
