//! What the kernel knows of a router's virtual routers and peers, read from the
//! pinned maps: they are there whether the daemon runs, hangs or is dead.

use std::{net::Ipv4Addr, path::PathBuf};

use aya::maps::{Array, HashMap, Map, MapData};
use vrrp_common::{
    gate::Gate,
    maps::{FAMILY_V4, Peer, PeerKey, VirtualRouter, VrKey, name},
};
use xvrrp_tests::namespace::pins_of;

/// One look into a router's maps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// Its virtual router's gate.
    pub(crate) gate: Option<Gate>,
    /// Peers heard, those heard last first.
    pub(crate) peers: Vec<(PeerKey, Peer)>,
}

impl Snapshot {
    /// The maps of the namespace with this cookie; nothing where nothing is
    /// pinned (no daemon yet, or one of another make).
    pub(crate) fn read(cookie: u64) -> Option<Self> {
        let directory = pins_of(cookie).into_iter().next()?;
        let map = |name: &str| pinned(directory.join(name));
        let routers =
            HashMap::<_, VrKey, VirtualRouter>::try_from(Map::HashMap(map(name::ROUTERS)?));
        let peers = HashMap::<_, PeerKey, Peer>::try_from(Map::HashMap(map(name::PEERS)?));
        let gates = Array::<_, Gate>::try_from(Map::Array(map(name::GATES)?));
        let (routers, peers, gates) = (routers.ok()?, peers.ok()?, gates.ok()?);
        let gate = routers
            .iter()
            .flatten()
            .next()
            .and_then(|(_, router)| gates.get(&router.gate, 0).ok());
        let mut peers: Vec<_> = peers.iter().flatten().collect();
        peers.sort_by_key(|(_, peer)| std::cmp::Reverse(peer.last_seen_ns));
        Some(Self { gate, peers })
    }

    /// The kernel lets this router own the address.
    pub(crate) fn is_open(&self, now_ns: u64) -> bool {
        self.gate.is_some_and(|gate| gate.is_open(now_ns))
    }
}

fn pinned(path: PathBuf) -> Option<MapData> {
    MapData::from_pin(path).ok()
}

/// A peer's address as people write it.
pub(crate) fn source(key: &PeerKey) -> String {
    if key.vr.family == FAMILY_V4 {
        let [a, b, c, d, ..] = key.source;
        Ipv4Addr::new(a, b, c, d).to_string()
    } else {
        std::net::Ipv6Addr::from(key.source).to_string()
    }
}
