//! What the kernel heard, in the engine's terms.

use crate::{
    engine::{
        action::{RouterRecord, VipRecord},
        input::{ConflictKind, Heard, Input},
    },
    ownership::command::{GateId, VrId},
    shell::bpf::tables::{self, Tables},
    time::Instant,
};
use anyhow::Result;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};
use vrrp_common::{
    counter::Cause,
    event::{Event, KIND_ADVERT, KIND_CONFLICT, NEWS_ADDRESSES, NEWS_REVOKED},
    maps::{FAMILY_V4, FAMILY_V6, Peer, PeerKey, VrKey},
};

/// Which record stands for what, and how far each peer's stamps were told.
#[derive(Default)]
pub(super) struct Hearing {
    routers: BTreeMap<VrKey, VrId>,
    keys: BTreeMap<VrId, VrKey>,
    gates: BTreeMap<VrKey, GateId>,
    vips: BTreeMap<(u32, IpAddr), GateId>,
    /// Sources heard of each virtual router, with the newest stamp the engine knows.
    peers: BTreeMap<VrKey, BTreeMap<[u8; 16], u64>>,
    /// Where the last [`Hearing::crowded`] ended.
    surveyed: Option<VrKey>,
    /// New here, though not to the map: of a source that was heard before us and
    /// says nothing new, nobody will ever tell.
    unread: BTreeSet<VrKey>,
}

impl Hearing {
    /// `Action::SetRouter` was carried out.
    pub(super) fn set_router(&mut self, vr: VrId, record: Option<&RouterRecord>) {
        let key = record.map(|record| record.key);
        if let Some(old) = self.keys.remove(&vr)
            && Some(old) != key
        {
            self.routers.remove(&old);
            self.gates.remove(&old);
            self.peers.remove(&old);
            self.unread.remove(&old);
        }
        if let Some(record) = record {
            self.keys.insert(vr, record.key);
            self.gates.insert(record.key, record.gate);
            if self.routers.insert(record.key, vr).is_none() {
                self.unread.insert(record.key);
            }
        }
    }

    /// `Action::SetVips` was carried out.
    pub(super) fn set_vips(&mut self, vips: &[VipRecord]) {
        self.vips = vips
            .iter()
            .map(|vip| ((vip.ifindex, vip.address), vip.gate))
            .collect();
    }

    /// A ring-buffer record; `None` if it concerns nobody any more.
    pub(super) fn event(&mut self, event: &Event) -> Option<Input> {
        match event.kind {
            KIND_ADVERT => {
                let &vr = self.routers.get(&event.vr)?;
                let told = self
                    .peers
                    .entry(event.vr)
                    .or_default()
                    .entry(event.source)
                    .or_default();
                *told = (*told).max(event.at_ns);
                Some(Input::Advert(Heard {
                    vr,
                    source: tables::address(event.vr.family, event.source),
                    priority: event.priority,
                    interval_cs: event.interval_cs,
                    version: event.version,
                    checksum_form: event.checksum_form,
                    at: Instant::from_ns(event.at_ns),
                    revoked: event.news & NEWS_REVOKED != 0,
                    addresses_differ: event.news & NEWS_ADDRESSES != 0,
                    mac: event.mac,
                }))
            }
            KIND_CONFLICT => self.conflict(event),
            _ => None,
        }
    }

    /// Of an advert, the group of its virtual router; else that of the address.
    fn conflict(&self, event: &Event) -> Option<Input> {
        let kind = match Cause::from_index(event.cause)? {
            Cause::ArpConflict => ConflictKind::ArpClaim,
            Cause::NdConflict => ConflictKind::NdClaim,
            Cause::OwnMac => ConflictKind::OwnMac,
            Cause::DropOwnSource => ConflictKind::OwnSource,
            _ => return None,
        };
        let family = if event.vr.family == FAMILY_V6 {
            FAMILY_V6
        } else {
            FAMILY_V4
        };
        let (ifindex, address) = (event.vr.ifindex, tables::address(family, event.address));
        let gate = if event.vr.vrid == 0 {
            self.vips.get(&(ifindex, address))
        } else {
            self.gates.get(&event.vr)
        };
        Some(Input::Conflict {
            kind,
            gate: *gate?,
            ifindex,
            address,
            mac: event.mac,
        })
    }

    /// Stamps of one virtual router's known sources that the engine has not seen,
    /// oldest first. A source nobody told of yet had its news in the ring buffer;
    /// those from before our time are looked for the first time.
    pub(super) fn stamps(&mut self, vr: VrId, tables: &Tables) -> Result<Vec<Input>> {
        let Some(&key) = self.keys.get(&vr) else {
            return Ok(Vec::new());
        };
        if self.unread.contains(&key) {
            let found = tables.peers_of(&key)?;
            self.unread.remove(&key);
            return Ok(self.fresh(found));
        }
        let mut found = Vec::new();
        for &source in self
            .peers
            .get(&key)
            .map(BTreeMap::keys)
            .into_iter()
            .flatten()
        {
            let key = PeerKey { vr: key, source };
            if let Some(peer) = tables.peer(&key)? {
                found.push((key, peer));
            }
        }
        Ok(self.fresh(found))
    }

    /// Virtual routers that more than one source was heard for, with at most so many
    /// sources altogether; those left out come first the next time.
    pub(super) fn crowded(&mut self, sources_at_most: usize) -> Vec<VrId> {
        let from = self.surveyed.take();
        let after = self.peers.iter().filter(|(key, _)| Some(**key) > from);
        let before = self.peers.iter().filter(|(key, _)| Some(**key) <= from);
        let mut sources_left = sources_at_most;
        let mut found = Vec::new();
        for (key, sources) in after.chain(before).filter(|(_, of)| of.len() > 1) {
            if sources.len() > sources_left && !found.is_empty() {
                break;
            }
            sources_left = sources_left.saturating_sub(sources.len());
            self.surveyed = Some(*key);
            found.extend(self.routers.get(key));
        }
        found
    }

    /// The same for everybody, by a walk over the whole map: at the start, and
    /// after news was lost.
    pub(super) fn all_stamps(&mut self, tables: &Tables) -> Result<Vec<Input>> {
        let found = tables.peers()?;
        for (key, _) in &found {
            if self.routers.contains_key(&key.vr) {
                self.peers
                    .entry(key.vr)
                    .or_default()
                    .entry(key.source)
                    .or_default();
            }
        }
        let alive: BTreeSet<PeerKey> = found.iter().map(|(key, _)| *key).collect();
        for (&vr, sources) in &mut self.peers {
            sources.retain(|&source, _| alive.contains(&PeerKey { vr, source }));
        }
        Ok(self.fresh(found))
    }

    fn fresh(&mut self, mut found: Vec<(PeerKey, Peer)>) -> Vec<Input> {
        found.sort_by_key(|(_, peer)| peer.last_seen_ns);
        let mut inputs = Vec::new();
        for (key, peer) in found {
            let Some(&vr) = self.routers.get(&key.vr) else {
                continue;
            };
            let told = self
                .peers
                .entry(key.vr)
                .or_default()
                .entry(key.source)
                .or_default();
            if peer.last_seen_ns <= *told {
                continue;
            }
            *told = peer.last_seen_ns;
            inputs.push(Input::Advert(Heard {
                vr,
                source: tables::address(key.vr.family, key.source),
                priority: peer.priority,
                interval_cs: peer.interval_cs,
                version: peer.version,
                checksum_form: peer.checksum_form,
                at: Instant::from_ns(peer.last_seen_ns),
                revoked: false,
                addresses_differ: peer.addresses_differ != 0,
                mac: peer.mac,
            }));
        }
        inputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::Version;
    use vrrp_common::maps::CAST_MULTICAST;

    const VR: VrId = VrId(3);

    fn key(vrid: u8) -> VrKey {
        VrKey {
            ifindex: 2,
            vrid,
            family: FAMILY_V4,
            cast: CAST_MULTICAST,
            ..VrKey::default()
        }
    }

    fn record(vrid: u8) -> RouterRecord {
        RouterRecord {
            key: key(vrid),
            gate: GateId(0),
            source: IpAddr::from([10, 0, 0, 1]),
            group: IpAddr::from([224, 0, 0, 18]),
            priority: 100,
            version: Version::V3,
            interval_cs: 100,
            authentication: None,
            addresses: Vec::new(),
            ttl: (255, 255),
            strict: false,
            skip_check_advert_addresses: false,
            unicast_peers: Vec::new(),
            check_unicast_source: false,
            checksum: crate::config::model::ChecksumPolicy::Pseudo,
            advert_sources: Vec::new(),
            ignores_adverts: false,
            mac: [2, 0, 0, 0, 0, 1],
        }
    }

    fn source(last: u8) -> [u8; 16] {
        tables::octets(IpAddr::from([10, 0, 0, last]))
    }

    fn times(inputs: &[Input]) -> Vec<(VrId, u64)> {
        inputs
            .iter()
            .map(|input| match input {
                Input::Advert(heard) => (heard.vr, heard.at.as_ns()),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_stamp_is_told_once_and_never_after_newer_news() {
        let mut hearing = Hearing::default();
        hearing.set_router(VR, Some(&record(51)));
        let peer = |at| Peer {
            last_seen_ns: at,
            priority: 100,
            ..Peer::default()
        };
        let found = |at| {
            vec![(
                PeerKey {
                    vr: key(51),
                    source: source(2),
                },
                peer(at),
            )]
        };
        assert_eq!(times(&hearing.fresh(found(10))), [(VR, 10)]);
        assert_eq!(times(&hearing.fresh(found(10))), []);
        let event = Event {
            kind: KIND_ADVERT,
            vr: key(51),
            source: source(2),
            at_ns: 30,
            ..Event::default()
        };
        assert!(hearing.event(&event).is_some());
        assert_eq!(times(&hearing.fresh(found(20))), []);
        assert_eq!(times(&hearing.fresh(found(31))), [(VR, 31)]);
    }

    /// Only where there is more than one source, so many at a time, everybody in turn.
    #[test]
    fn crowded_routers_are_looked_at_in_turn() {
        let mut hearing = Hearing::default();
        for (vrid, sources) in [(1, 2), (2, 1), (3, 3), (4, 2)] {
            hearing.set_router(VrId(vrid.into()), Some(&record(vrid)));
            for last in 0..sources {
                let event = Event {
                    kind: KIND_ADVERT,
                    vr: key(vrid),
                    source: source(last),
                    ..Event::default()
                };
                assert!(hearing.event(&event).is_some());
            }
        }
        let all = [VrId(1), VrId(3), VrId(4)];
        assert_eq!(hearing.crowded(256), all);
        let mut seen = Vec::new();
        for _ in 0..3 {
            let some = hearing.crowded(3);
            assert_eq!(some.len(), 1, "two and three sources are more than three");
            seen.extend(some);
        }
        seen.sort();
        assert_eq!(seen, all);
        // One that alone is too many has its turn all the same.
        assert_eq!(hearing.crowded(1).len(), 1);
        assert_eq!(Hearing::default().crowded(256), []);
    }

    #[test]
    fn a_conflict_says_what_is_used_and_whose_it_is() {
        let mut hearing = Hearing::default();
        hearing.set_router(VR, Some(&record(51)));
        hearing.set_vips(&[VipRecord {
            ifindex: 2,
            address: IpAddr::from([10, 0, 0, 9]),
            gate: GateId(7),
            in_stack: true,
            mac: [0; 6],
            own: [0; 6],
            accepts: true,
        }]);
        let event = |cause: Cause, vrid, last| Event {
            kind: KIND_CONFLICT,
            cause: cause as u32,
            vr: VrKey { vrid, ..key(vrid) },
            address: source(last),
            mac: [6; 6],
            ..Event::default()
        };
        let mut told = |cause, vrid, last| match hearing.event(&event(cause, vrid, last)) {
            Some(Input::Conflict {
                kind,
                gate,
                ifindex,
                address,
                mac,
            }) => {
                assert_eq!((ifindex, mac), (2, [6; 6]));
                assert_eq!(address, IpAddr::from([10, 0, 0, last]));
                Some((kind, gate.0))
            }
            other => {
                assert_eq!(other, None);
                None
            }
        };
        // Of ARP and ND, the address's group; of an advert, its virtual router's.
        assert_eq!(
            told(Cause::ArpConflict, 0, 9),
            Some((ConflictKind::ArpClaim, 7))
        );
        assert_eq!(
            told(Cause::NdConflict, 0, 9),
            Some((ConflictKind::NdClaim, 7))
        );
        assert_eq!(told(Cause::OwnMac, 0, 9), Some((ConflictKind::OwnMac, 7)));
        assert_eq!(told(Cause::OwnMac, 51, 3), Some((ConflictKind::OwnMac, 0)));
        assert_eq!(
            told(Cause::DropOwnSource, 51, 1),
            Some((ConflictKind::OwnSource, 0))
        );
        assert_eq!(told(Cause::ArpConflict, 0, 8), None, "no address of ours");
        assert_eq!(told(Cause::DropOwnSource, 52, 1), None, "no router of ours");
        assert_eq!(told(Cause::DropTtl, 51, 1), None, "no conflict");
    }

    #[test]
    fn stamps_come_oldest_first() {
        let mut hearing = Hearing::default();
        hearing.set_router(VR, Some(&record(51)));
        let found = [(2, 40), (3, 20)]
            .map(|(last, at)| {
                (
                    PeerKey {
                        vr: key(51),
                        source: source(last),
                    },
                    Peer {
                        last_seen_ns: at,
                        ..Peer::default()
                    },
                )
            })
            .to_vec();
        assert_eq!(times(&hearing.fresh(found)), [(VR, 20), (VR, 40)]);
    }

    #[test]
    fn what_is_not_ours_any_more_is_not_told() {
        let mut hearing = Hearing::default();
        hearing.set_router(VR, Some(&record(51)));
        hearing.set_router(VR, Some(&record(52)));
        let event = |vrid| Event {
            kind: KIND_ADVERT,
            vr: key(vrid),
            source: source(2),
            ..Event::default()
        };
        assert_eq!(hearing.event(&event(51)), None);
        assert!(hearing.event(&event(52)).is_some());
        hearing.set_router(VR, None);
        assert_eq!(hearing.event(&event(52)), None);
    }
}
