//! What the event loop writes about adverts with a hash, because only it can judge them.

use super::tables::{Tables, absent_is_fine};
use anyhow::{Context, Result};
use aya::maps::{Array, HashMap, Map, MapData, MapError};
use std::collections::BTreeSet;
use vrrp_common::{
    counter::{Cause, Counters},
    maps::{Peer, PeerKey, Proven, Talker, TalkerKey, VrKey, name},
};

/// Their maps.
pub(super) struct Proofs {
    proven: HashMap<MapData, PeerKey, Proven>,
    judged: Array<MapData, Counters>,
    sequence: HashMap<MapData, VrKey, u64>,
    talkers: HashMap<MapData, TalkerKey, Talker>,
    /// What `XVRRP_JUDGED` holds.
    counted: Counters,
}

impl Proofs {
    pub(super) fn new(proven: Map, judged: Map, sequence: Map, talkers: Map) -> Result<Self> {
        let judged: Array<MapData, Counters> = judged.try_into()?;
        let counted = judged.get(&0, 0).context(name::JUDGED)?;
        Ok(Self {
            proven: proven.try_into()?,
            judged,
            sequence: sequence.try_into()?,
            talkers: talkers.try_into()?,
            counted,
        })
    }

    pub(super) const fn counted(&self) -> &Counters {
        &self.counted
    }

    /// Forgets who was verified for virtual routers that are gone. Of the others nobody,
    /// however long it has been silent: what it sent long ago must not be new again.
    pub(super) fn keep_only(&mut self, known: &BTreeSet<VrKey>) -> Result<()> {
        let all = self.proven.keys().collect::<Result<Vec<_>, _>>();
        for key in all.context(name::PROVEN)? {
            if !known.contains(&key.vr) {
                absent_is_fine(self.proven.remove(&key)).context(name::PROVEN)?;
            }
        }
        Ok(())
    }
}

impl Tables {
    /// The sequence number of the last advert of a source that was verified.
    pub fn mark(&self, key: &PeerKey) -> Result<Option<u64>> {
        match self.proofs.proven.get(key, 0) {
            Ok(proven) => Ok(Some(proven.sequence)),
            Err(MapError::KeyNotFound) => Ok(None),
            Err(error) => Err(error).context(name::PROVEN),
        }
    }

    /// An advert was verified: its sequence number will not do again, and its sender has
    /// been heard. What was known of it before.
    pub fn prove(&mut self, key: &PeerKey, heard: &Peer, sequence: u64) -> Result<Option<Peer>> {
        let proven = Proven {
            sequence,
            mac: heard.mac,
            ..Proven::default()
        };
        let written = self.proofs.proven.insert(key, proven, 0);
        written.context(name::PROVEN)?;
        let before = self.peer(key)?;
        let mut peer = Peer {
            adverts: 1,
            ..*heard
        };
        if let Some(before) = before {
            peer.first_seen_ns = before.first_seen_ns;
            peer.adverts = before.adverts + 1;
            // It may have been handed up by another CPU, and be the older of two.
            peer.last_seen_ns = peer.last_seen_ns.max(before.last_seen_ns);
        }
        self.peers.insert(key, peer, 0).context(name::PEERS)?;
        Ok(before)
    }

    /// Counts what the event loop judged.
    pub fn count(&mut self, cause: Cause) -> Result<()> {
        self.proofs.counted.count(cause);
        let counted = self.proofs.counted;
        self.proofs.judged.set(0, counted, 0).context(name::JUDGED)
    }

    /// Adds to the record of whoever sends what is refused.
    pub fn talked(&mut self, key: &TalkerKey, one: Talker) -> Result<()> {
        let talkers = &mut self.proofs.talkers;
        let before = match talkers.get(key, 0) {
            Ok(talker) => talker.dropped,
            Err(MapError::KeyNotFound) => 0,
            Err(error) => return Err(error).context(name::TALKERS),
        };
        let dropped = before + one.dropped;
        let talker = Talker { dropped, ..one };
        talkers.insert(key, talker, 0).context(name::TALKERS)
    }

    /// Up to which number a virtual router of ours may have signed.
    pub fn sequence(&self, key: &VrKey) -> Result<Option<u64>> {
        match self.proofs.sequence.get(key, 0) {
            Ok(sequence) => Ok(Some(sequence)),
            Err(MapError::KeyNotFound) => Ok(None),
            Err(error) => Err(error).context(name::SEQUENCE),
        }
    }

    /// Before it signs with a higher one.
    pub fn reserve_sequence(&mut self, key: &VrKey, sequence: u64) -> Result<()> {
        let written = self.proofs.sequence.insert(key, sequence, 0);
        written.context(name::SEQUENCE)
    }
}
