//! Typed writers and readers of the maps.

use super::proofs::Proofs;
pub use crate::packet::octets::{address, octets};
use crate::{
    config::model::{Authentication, ChecksumPolicy, TrailerMode, Version},
    engine::{
        action::{RouterRecord, VipRecord},
        inherit::{Inherited, maps::groups},
    },
    ownership::command::{GateId, VrId},
    time::Instant,
};
use anyhow::{Context, Result};
use aya::maps::{Array, HashMap, Map, MapData, MapError, PerCpuArray};
use core::{net::IpAddr, time::Duration};
use std::collections::{BTreeMap, BTreeSet};
use vrrp_common::{
    counter::Counters,
    gate::Gate,
    maps::{
        CAST_MULTICAST, CHECKSUM_GROUP, CHECKSUM_PLAIN, CHECKSUM_PSEUDO, FAMILY_V4, FAMILY_V6,
        Hints, Peer, PeerKey, Source, Station, StationKey, VIP_IN_STACK, VIP_NO_ACCEPT,
        VIP_VIRTUAL_MAC, VR_CHECK_UNICAST_SOURCE, VR_LISTED_SOURCES, VR_SKIP_ADDRESSES, VR_STRICT,
        VR_TRAILER, VR_TRAILER_ONLY, Vip, VipKey, VirtualRouter, VrKey, name,
    },
    wire::{AUTH_AH, AUTH_NONE, AUTH_SIMPLE},
};

/// The maps the event loop writes, and those it reads.
pub struct Tables {
    routers: HashMap<MapData, VrKey, VirtualRouter>,
    pub(super) peers: HashMap<MapData, PeerKey, Peer>,
    vips: HashMap<MapData, VipKey, Vip>,
    sources: HashMap<MapData, PeerKey, Source>,
    stations: HashMap<MapData, StationKey, Station>,
    hints: Array<MapData, Hints>,
    count: PerCpuArray<MapData, Counters>,
    pub(super) proofs: Proofs,
    /// Key of each instance that has a record.
    keys: BTreeMap<VrId, VrKey>,
    /// What `XVRRP_VIPS` holds; the event loop is its only writer.
    vips_written: BTreeMap<VipKey, Vip>,
    /// What `XVRRP_STATIONS` holds; likewise.
    stations_written: BTreeMap<StationKey, Station>,
}

/// What [`Tables::set_vips`] did, in records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VipChanges {
    /// New or different.
    pub written: usize,
    /// No longer wanted.
    pub removed: usize,
}

impl Tables {
    pub(super) fn new(
        routers: Map,
        peers: Map,
        vips: Map,
        sources: Map,
        (stations, hints): (Map, Map),
        count: Map,
        proofs: Proofs,
    ) -> Result<Self> {
        let vips: HashMap<MapData, VipKey, Vip> = vips.try_into()?;
        let vips_written = vips.iter().collect::<Result<_, _>>().context(name::VIPS)?;
        let stations: HashMap<MapData, StationKey, Station> = stations.try_into()?;
        let stations_written = stations.iter().collect::<Result<_, _>>();
        let stations_written = stations_written.context(name::STATIONS)?;
        Ok(Self {
            routers: routers.try_into()?,
            peers: peers.try_into()?,
            vips,
            sources: sources.try_into()?,
            stations,
            hints: hints.try_into()?,
            count: count.try_into()?,
            proofs,
            keys: BTreeMap::new(),
            vips_written,
            stations_written,
        })
    }

    /// `Action::SetRouter`: writes, moves or removes the record of one instance.
    pub fn set_router(&mut self, vr: VrId, record: Option<&RouterRecord>) -> Result<()> {
        let old_key = self.keys.get(&vr).copied();
        if let Some(record) = record {
            let key = record.key;
            // Sources first: the record makes the program look for them.
            let stale = self.set_sources(record)?;
            self.routers
                .insert(key, router(record), 0)
                .context(name::ROUTERS)?;
            self.remove_sources(&stale)?;
            self.keys.insert(vr, key);
        } else {
            self.keys.remove(&vr);
        }
        match old_key {
            // Two instances may swap keys within one change.
            Some(old) if !self.keys.values().any(|key| *key == old) => self.remove_router(&old),
            _ => Ok(()),
        }
    }

    /// Removes records that no [`set_router`](Self::set_router) of this process
    /// wrote: what a predecessor left.
    pub fn remove_unknown_routers(&mut self) -> Result<usize> {
        let known: BTreeSet<VrKey> = self.keys.values().copied().collect();
        let found = self
            .routers
            .keys()
            .collect::<Result<Vec<_>, _>>()
            .context(name::ROUTERS)?;
        let unknown: Vec<VrKey> = found
            .into_iter()
            .filter(|key| !known.contains(key))
            .collect();
        for key in &unknown {
            self.remove_router(key)?;
        }
        Ok(unknown.len())
    }

    /// `Action::SetVips`: makes `XVRRP_VIPS` hold exactly these, new ones first, and
    /// `XVRRP_STATIONS` their virtual MACs.
    pub fn set_vips(&mut self, wanted: &[VipRecord]) -> Result<VipChanges> {
        self.set_stations(wanted)?;
        let wanted: BTreeMap<VipKey, Vip> = wanted.iter().map(vip).collect();
        let mut changes = VipChanges::default();
        for (key, vip) in &wanted {
            if self.vips_written.get(key) != Some(vip) {
                self.vips.insert(key, vip, 0).context(name::VIPS)?;
                self.vips_written.insert(*key, *vip);
                changes.written += 1;
            }
        }
        let unwanted: Vec<VipKey> = self
            .vips_written
            .keys()
            .filter(|key| !wanted.contains_key(key))
            .copied()
            .collect();
        for key in unwanted {
            absent_is_fine(self.vips.remove(&key)).context(name::VIPS)?;
            self.vips_written.remove(&key);
            changes.removed += 1;
        }
        Ok(changes)
    }

    fn set_stations(&mut self, wanted: &[VipRecord]) -> Result<()> {
        let virtual_ones = wanted.iter().filter(|record| record.mac != record.own);
        let wanted: BTreeMap<StationKey, Station> = virtual_ones.map(station).collect();
        if wanted == self.stations_written {
            return Ok(());
        }
        // The hints go ahead of what they hint at, and stay until it is gone.
        let both = wanted.keys().chain(self.stations_written.keys());
        self.hints.set(0, hints(both), 0).context(name::HINTS)?;
        for (key, station) in &wanted {
            if self.stations_written.get(key) != Some(station) {
                self.stations
                    .insert(key, station, 0)
                    .context(name::STATIONS)?;
                self.stations_written.insert(*key, *station);
            }
        }
        let all: Vec<StationKey> = self.stations_written.keys().copied().collect();
        for key in all.iter().filter(|key| !wanted.contains_key(key)) {
            absent_is_fine(self.stations.remove(key)).context(name::STATIONS)?;
            self.stations_written.remove(key);
        }
        self.hints
            .set(0, hints(wanted.keys()), 0)
            .context(name::HINTS)
    }

    /// Interface and virtual MAC of every record, a predecessor's among them.
    #[must_use]
    pub fn station_places(&self) -> BTreeSet<(u32, [u8; 6])> {
        let place = |key: &StationKey| (key.ifindex, key.mac);
        self.stations_written.keys().map(place).collect()
    }

    /// Interface and multicast group of every virtual router's record, a predecessor's
    /// among them.
    pub fn group_places(&self) -> Result<BTreeSet<(u32, IpAddr)>> {
        let multicast = self.routers()?.into_iter();
        let multicast = multicast.filter(|(key, _)| key.cast == CAST_MULTICAST);
        let place = |(key, record): (VrKey, VirtualRouter)| {
            (key.ifindex, address(key.family, record.group))
        };
        Ok(multicast.map(place).collect())
    }

    /// Interface and address of every record, a predecessor's among them.
    #[must_use]
    pub fn vip_places(&self) -> BTreeSet<(u32, IpAddr)> {
        let place = |key: &VipKey| (key.ifindex, address(key.family, key.address));
        self.vips_written.keys().map(place).collect()
    }

    /// Interfaces with an address among these that has no record, or an old one.
    #[must_use]
    pub fn interfaces_of_unwritten(&self, wanted: &[VipRecord]) -> BTreeSet<u32> {
        let missing = wanted
            .iter()
            .map(vip)
            .filter(|(key, vip)| self.vips_written.get(key) != Some(vip));
        missing.map(|(key, _)| key.ifindex).collect()
    }

    /// What was last heard from one source; `None` if nothing was.
    pub fn peer(&self, key: &PeerKey) -> Result<Option<Peer>> {
        match self.peers.get(key, 0) {
            Ok(peer) => Ok(Some(peer)),
            Err(MapError::KeyNotFound) => Ok(None),
            Err(e) => Err(e).context(name::PEERS),
        }
    }

    /// How the adverts of one virtual router are judged.
    pub fn router(&self, key: &VrKey) -> Result<Option<VirtualRouter>> {
        match self.routers.get(key, 0) {
            Ok(router) => Ok(Some(router)),
            Err(MapError::KeyNotFound) => Ok(None),
            Err(e) => Err(e).context(name::ROUTERS),
        }
    }

    /// Everybody heard, all virtual routers together.
    pub fn peers(&self) -> Result<Vec<(PeerKey, Peer)>> {
        self.peers
            .iter()
            .collect::<Result<_, _>>()
            .context(name::PEERS)
    }

    /// What a predecessor of this process owned.
    pub fn inherited(&self, gate: impl Fn(GateId) -> Gate) -> Result<Vec<Inherited>> {
        Ok(groups(&self.routers()?, &self.peers()?, gate))
    }

    /// Every virtual router's record, a predecessor's among them.
    fn routers(&self) -> Result<Vec<(VrKey, VirtualRouter)>> {
        self.routers
            .iter()
            .collect::<Result<_, _>>()
            .context(name::ROUTERS)
    }

    /// Everybody heard on one virtual router. Walks the whole map: for a source
    /// that is known already, [`peer`](Self::peer) is one lookup.
    pub fn peers_of(&self, vr: &VrKey) -> Result<Vec<(PeerKey, Peer)>> {
        Ok(self
            .peers()?
            .into_iter()
            .filter(|(key, _)| key.vr == *vr)
            .collect())
    }

    /// Forgets sources not heard for `silence`, and those of virtual routers that
    /// are gone. How many were forgotten.
    pub fn prune_peers(&mut self, now: Instant, silence: Duration) -> Result<usize> {
        let known: BTreeSet<VrKey> = self.keys.values().copied().collect();
        let gone: Vec<PeerKey> = self
            .peers()?
            .into_iter()
            .filter(|(key, peer)| {
                !known.contains(&key.vr)
                    || now.since(Instant::from_ns(peer.last_seen_ns)) >= silence
            })
            .map(|(key, _)| key)
            .collect();
        for key in &gone {
            absent_is_fine(self.peers.remove(key)).context(name::PEERS)?;
        }
        self.proofs.keep_only(&known)?;
        Ok(gone.len())
    }

    /// Counters summed over all CPUs, with what the event loop counted.
    pub fn counters(&self) -> Result<Counters> {
        let mut total = sum(&self.count)?;
        total.add(self.proofs.counted());
        Ok(total)
    }

    /// Writes the listed sources of a record; those of its key it does not name.
    fn set_sources(&mut self, record: &RouterRecord) -> Result<Vec<PeerKey>> {
        let vr = record.key;
        let listed = |address, min_ttl, max_ttl| {
            let source = octets(address);
            let listed = Source {
                min_ttl,
                max_ttl,
                ..Source::default()
            };
            (PeerKey { vr, source }, listed)
        };
        let peers = record.unicast_peers.iter();
        let peers = peers.map(|peer| listed(peer.address, peer.min_ttl, peer.max_ttl));
        let (min_ttl, max_ttl) = record.ttl;
        let sources = record.advert_sources.iter();
        let sources = sources.map(|&address| listed(address, min_ttl, max_ttl));
        let all = peers.chain(sources);
        // Who heeds nobody lists nobody.
        let wanted: BTreeMap<PeerKey, Source> = all.filter(|_| !record.ignores_adverts).collect();
        for (key, source) in &wanted {
            self.sources.insert(key, source, 0).context(name::SOURCES)?;
        }
        Ok(self
            .sources_of(&vr)?
            .into_iter()
            .filter(|key| !wanted.contains_key(key))
            .collect())
    }

    fn sources_of(&self, vr: &VrKey) -> Result<Vec<PeerKey>> {
        let keys = self
            .sources
            .keys()
            .collect::<Result<Vec<_>, _>>()
            .context(name::SOURCES)?;
        Ok(keys.into_iter().filter(|key| key.vr == *vr).collect())
    }

    fn remove_sources(&mut self, keys: &[PeerKey]) -> Result<()> {
        for key in keys {
            absent_is_fine(self.sources.remove(key)).context(name::SOURCES)?;
        }
        Ok(())
    }

    fn remove_router(&mut self, key: &VrKey) -> Result<()> {
        absent_is_fine(self.routers.remove(key)).context(name::ROUTERS)?;
        let sources = self.sources_of(key)?;
        self.remove_sources(&sources)
    }
}

/// One record for all CPUs.
pub(super) fn sum(count: &PerCpuArray<MapData, Counters>) -> Result<Counters> {
    let mut total = Counters::default();
    for counters in count.get(&0, 0).context(name::COUNT)?.iter() {
        total.add(counters);
    }
    Ok(total)
}

fn router(record: &RouterRecord) -> VirtualRouter {
    let flag = |on: bool, bit: u32| if on { bit } else { 0 };
    let (auth_type, auth_data, trailer) = match &record.authentication {
        Some(Authentication::Pass(password)) => (AUTH_SIMPLE, *password, 0),
        // The key stays in the daemon.
        Some(Authentication::Header(_)) => (AUTH_AH, [0; 8], 0),
        Some(Authentication::Trailer(trailer)) => {
            let only = flag(trailer.mode == TrailerMode::Enforce, VR_TRAILER_ONLY);
            (AUTH_NONE, [0; 8], VR_TRAILER | only)
        }
        None => (AUTH_NONE, [0; 8], 0),
    };
    VirtualRouter {
        own_address: octets(record.source),
        group: octets(record.group),
        gate: record.gate.0,
        flags: flag(record.strict, VR_STRICT)
            // As keepalived does where there is a trailer.
            | flag(
                record.check_unicast_source || record.ignores_adverts || trailer != 0,
                VR_CHECK_UNICAST_SOURCE,
            )
            | flag(
                !record.advert_sources.is_empty() || record.ignores_adverts,
                VR_LISTED_SOURCES,
            )
            | flag(record.skip_check_advert_addresses, VR_SKIP_ADDRESSES)
            | trailer,
        interval_cs: record.interval_cs,
        address_sum: address_sum(&record.addresses),
        // The advert has one octet for it (§5.2.5).
        address_count: u8::try_from(record.addresses.len()).unwrap_or(u8::MAX),
        priority: record.priority,
        version: match record.version {
            Version::V2 => 2,
            Version::V3 => 3,
        },
        auth_type,
        min_ttl: record.ttl.0,
        max_ttl: record.ttl.1,
        sent_form: match record.checksum {
            ChecksumPolicy::Plain => CHECKSUM_PLAIN,
            ChecksumPolicy::Group => CHECKSUM_GROUP,
            ChecksumPolicy::Pseudo | ChecksumPolicy::Learn => CHECKSUM_PSEUDO,
        },
        pad: 0,
        auth_data,
        mac: record.mac,
        pad2: [0; 2],
    }
}

/// Wrapping sum of the addresses as 32-bit words, whatever their order.
fn address_sum(addresses: &[IpAddr]) -> u32 {
    let words = addresses.iter().flat_map(|address| {
        let length = if address.is_ipv4() { 4 } else { 16 };
        octets(*address)
            .chunks_exact(4)
            .take(length / 4)
            .map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]))
            .collect::<Vec<_>>()
    });
    words.fold(0, u32::wrapping_add)
}

fn vip(record: &VipRecord) -> (VipKey, Vip) {
    let key = VipKey {
        ifindex: record.ifindex,
        family: if record.address.is_ipv4() {
            FAMILY_V4
        } else {
            FAMILY_V6
        },
        pad: [0; 3],
        address: octets(record.address),
    };
    let vip = Vip {
        gate: record.gate.0,
        flags: if record.in_stack { VIP_IN_STACK } else { 0 }
            | if record.mac == record.own {
                0
            } else {
                VIP_VIRTUAL_MAC
            }
            | if record.accepts { 0 } else { VIP_NO_ACCEPT },
        mac: record.mac,
        vlan: 0,
        own: record.own,
        pad: [0; 2],
    };
    (key, vip)
}

fn hints<'a>(stations: impl Iterator<Item = &'a StationKey>) -> Hints {
    let mut hints = Hints::default();
    stations.for_each(|key| hints.add(key.mac));
    hints
}

fn station(record: &VipRecord) -> (StationKey, Station) {
    let key = StationKey {
        ifindex: record.ifindex,
        vlan: 0,
        mac: record.mac,
    };
    let station = Station {
        gate: record.gate.0,
        own: record.own,
        pad: [0; 2],
    };
    (key, station)
}

pub(super) fn absent_is_fine(removed: Result<(), MapError>) -> Result<(), MapError> {
    match removed {
        Err(MapError::KeyNotFound) => Ok(()),
        Err(MapError::SyscallError(e)) if e.io_error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::{address, address_sum, octets};
    use core::net::IpAddr;
    use vrrp_common::maps::{FAMILY_V4, FAMILY_V6};

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn addresses_round_trip() {
        for text in ["192.0.2.1", "fe80::1", "0.0.0.0", "::ffff:1.2.3.4"] {
            let family = if ip(text).is_ipv4() {
                FAMILY_V4
            } else {
                FAMILY_V6
            };
            assert_eq!(address(family, octets(ip(text))), ip(text));
        }
        assert_eq!(octets(ip("192.0.2.1"))[..5], [192, 0, 2, 1, 0]);
    }

    #[test]
    fn the_sum_is_of_words_in_any_order() {
        let (a, b) = (ip("192.0.2.1"), ip("10.0.0.255"));
        assert_eq!(
            address_sum(&[a, b]),
            0xc000_0201_u32.wrapping_add(0x0a00_00ff)
        );
        assert_eq!(address_sum(&[a, b]), address_sum(&[b, a]));
        assert_eq!(address_sum(&[ip("fe80::1")]), 0xfe80_0001);
        assert_eq!(address_sum(&[]), 0);
    }
}
