//! Who is connected to whom: segments, addresses, and which instances are one
//! virtual router.

use super::Given;
use crate::{
    config::model::{Family, Instance},
    engine::input::Link,
};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::BTreeSet;

/// Interfaces that are one segment although they are called differently, or on all
/// nodes together. Interfaces of one name are one segment unless they stand here.
#[derive(Clone, Debug, Default)]
pub struct Segments(Vec<Segment>);

#[derive(Clone, Debug)]
struct Segment {
    text: String,
    /// Node, by name, and interface; no node: of every node.
    members: Vec<(Option<String>, String)>,
}

impl Segments {
    /// Adds `NODE:INTERFACE,NODE:INTERFACE,...`; without a node the interface of
    /// that name of every node is meant.
    ///
    /// # Errors
    ///
    /// It names nothing, or a node that is not there.
    pub fn add(&mut self, text: &str, nodes: &[String]) -> Result<(), String> {
        let mut members = Vec::new();
        for word in text.split(',').map(str::trim) {
            let (node, interface) = match word.split_once(':') {
                Some((node, interface)) => (Some(node.to_owned()), interface),
                None => (None, word),
            };
            if interface.is_empty() {
                return Err(format!(
                    "`{text}` is no segment: write `NODE:INTERFACE,NODE:INTERFACE`"
                ));
            }
            if let Some(node) = node.as_ref().filter(|node| !nodes.contains(node)) {
                return Err(format!(
                    "`{word}`: there is no node `{node}`; there are {}",
                    nodes.join(", ")
                ));
            }
            members.push((node, interface.to_owned()));
        }
        self.0.push(Segment {
            text: text.to_owned(),
            members,
        });
        Ok(())
    }

    fn of(&self, node: &str, interface: &str) -> String {
        let has = |segment: &&Segment| {
            segment
                .members
                .iter()
                .any(|(of, name)| name == interface && of.as_ref().is_none_or(|of| of == node))
        };
        let found = self.0.iter().find(has);
        found.map_or_else(|| interface.to_owned(), |segment| segment.text.clone())
    }
}

/// Instances of several nodes that are to be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualRouter {
    /// Where; of unicast instances the first's.
    pub segment: String,
    /// Address family of its adverts.
    pub family: Family,
    /// `virtual_router_id`.
    pub vrid: u8,
    /// Node, and index of the instance in its configuration.
    pub parts: Vec<(usize, usize)>,
}

/// What is around the nodes.
pub(super) struct Network {
    pub(super) routers: Vec<VirtualRouter>,
    /// Of each node, every interface its configuration names.
    links: Vec<Vec<(Link, String)>>,
    /// Of each node and instance, an address its peers know it by that no keyword says.
    sources: Vec<Vec<Option<IpAddr>>>,
}

impl Network {
    pub(super) fn new(given: &[Given], segments: &Segments) -> Self {
        let links = given
            .iter()
            .enumerate()
            .map(|(node, it)| links(node, it, segments))
            .collect();
        let mut network = Self {
            routers: Vec::new(),
            links,
            sources: given
                .iter()
                .map(|it| vec![None; it.config.instances.len()])
                .collect(),
        };
        network.routers = network.virtual_routers(given);
        network.deduce_sources(given);
        network
    }

    /// Interfaces of a node.
    pub(super) fn links(&self, node: usize) -> impl Iterator<Item = &Link> {
        self.links
            .get(node)
            .into_iter()
            .flatten()
            .map(|(link, _)| link)
    }

    /// The segment an interface is on.
    pub(super) fn segment(&self, node: usize, ifindex: u32) -> Option<&str> {
        let found = self
            .links
            .get(node)?
            .iter()
            .find(|(link, _)| link.ifindex == ifindex);
        found.map(|(_, segment)| segment.as_str())
    }

    pub(super) fn segment_named(&self, node: usize, name: &str) -> &str {
        let links = self.links.get(node).into_iter().flatten();
        let mut found = links.filter(|(link, _)| link.name == name);
        found.next().map_or("", |(_, segment)| segment.as_str())
    }

    /// What an instance advertises from, where its configuration says it or its peers'
    /// do.
    pub(super) fn source(&self, given: &[Given], node: usize, instance: usize) -> Option<IpAddr> {
        let configured = given.get(node)?.config.instances.get(instance)?.source;
        configured.or(*self.sources.get(node)?.get(instance)?)
    }

    fn virtual_routers(&self, given: &[Given]) -> Vec<VirtualRouter> {
        let mut routers: Vec<VirtualRouter> = Vec::new();
        for (node, it) in given.iter().enumerate() {
            for (index, instance) in it.config.instances.iter().enumerate() {
                let segment = self.segment_named(node, &instance.interface);
                let same = |router: &&mut VirtualRouter| {
                    let number = (router.family, router.vrid) == (instance.family, instance.vrid);
                    number
                        && (router.segment == segment
                            || across_segments(router, given, node, instance))
                };
                match routers.iter_mut().find(same) {
                    Some(router) => router.parts.push((node, index)),
                    None => routers.push(VirtualRouter {
                        segment: segment.to_owned(),
                        family: instance.family,
                        vrid: instance.vrid,
                        parts: vec![(node, index)],
                    }),
                }
            }
        }
        routers
    }

    /// The one address that the others of a virtual router list as a peer, and the node
    /// itself does not, is its own.
    fn deduce_sources(&mut self, given: &[Given]) {
        for router in &self.routers {
            let peers = |&(node, index): &(usize, usize)| {
                let instance = given
                    .get(node)
                    .and_then(|it| it.config.instances.get(index));
                let unicast = instance.and_then(|it| it.unicast.as_ref());
                unicast.map(|it| it.peers.iter().map(|peer| peer.address))
            };
            let known: BTreeSet<IpAddr> = router
                .parts
                .iter()
                .filter_map(|&(node, index)| given[node].config.instances[index].source)
                .collect();
            for part in &router.parts {
                let Some(own) = peers(part) else { continue };
                let own: BTreeSet<IpAddr> = own.collect();
                let others = router.parts.iter().filter(|other| *other != part);
                let listed: BTreeSet<IpAddr> = others.filter_map(peers).flatten().collect();
                let mut left = listed
                    .iter()
                    .filter(|it| !own.contains(it) && !known.contains(it));
                let &(node, index) = part;
                if given[node].config.instances[index].source.is_none()
                    && let (Some(address), None) = (left.next(), left.next())
                {
                    self.sources[node][index] = Some(*address);
                }
            }
        }
    }
}

/// Unicast peers need no common segment: with one VRID, and on nodes of their own,
/// they are taken for one.
fn across_segments(
    router: &VirtualRouter,
    given: &[Given],
    node: usize,
    instance: &Instance,
) -> bool {
    let mut unicast = instance.unicast.is_some();
    for &(of, index) in &router.parts {
        let part = given.get(of).and_then(|it| it.config.instances.get(index));
        unicast &= of != node && part.is_some_and(|it| it.unicast.is_some());
    }
    unicast
}

/// Every interface a configuration names, up, and with addresses of ours: which node
/// has the greater one decides between equal priorities, and nothing else.
fn links(node: usize, given: &Given, segments: &Segments) -> Vec<(Link, String)> {
    let mut names: Vec<&str> = Vec::new();
    for instance in &given.config.instances {
        let tracked = instance.track_interfaces.iter().map(|it| it.name.as_str());
        let addresses = instance
            .addresses
            .iter()
            .chain(&instance.excluded_addresses);
        let carriers = addresses.filter_map(|it| it.dev.as_deref());
        let own = core::iter::once(instance.interface.as_str());
        for name in own.chain(tracked).chain(carriers) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let host = u16::try_from(node + 1).unwrap_or(u16::MAX);
    let link = |(ifindex, name): (u16, &str)| {
        let [high, low] = host.to_be_bytes();
        let [_, port] = ifindex.to_be_bytes();
        let link = Link {
            ifindex: u32::from(ifindex),
            name: name.to_owned(),
            up: true,
            mac: [2, 0, 0, port, high, low],
            mtu: 1500,
            // RFC 2544's, for benchmarks.
            ipv4: Some(Ipv4Addr::new(198, 18 + (port & 1), high, low)),
            link_local: Some(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, ifindex, host)),
        };
        (link, segments.of(&given.name, name))
    };
    (1..).zip(names).map(link).collect()
}
