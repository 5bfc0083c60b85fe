//! Adverts with a hash: XDP has made every check but that one and stamped nobody.
//!
//! What is genuine is stamped with the time XDP saw it and told to the engine; what is
//! not is counted, attributed and logged like any other refusal. Nothing of it touches a
//! timer. Before a peer is believed dead, all that waits is judged.

use super::Driver;
use crate::{
    config::model::Authentication,
    engine::action::RouterRecord,
    ownership::command::VrId,
    proof::{self, Received, Refusal},
    shell::{clock, transmit::seal::Sequence},
};
use anyhow::Result;
use std::collections::BTreeMap;
use vrrp_common::{
    counter::Cause,
    event::{Event, KIND_ADVERT, KIND_REJECTED, NEWS_ADDRESSES},
    maps::{CAST_UNICAST, CHECKSUM_PLAIN, FAMILY_V4, Talker, TalkerKey, VrKey},
    unproven::Unproven,
};

/// Adverts judged before anything else gets its turn again.
const AT_ONCE: usize = 64;
/// Adverts judged before a peer is believed dead: more than the ring holds.
const ALL: usize = 4096;
/// How far ahead sequence numbers are reserved for a successor: more than a virtual
/// router signs in two intervals of upkeep.
const RESERVE: u64 = 64;

/// Virtual routers whose adverts carry a hash.
#[derive(Default)]
pub(super) struct Proving {
    authentications: BTreeMap<VrKey, Authentication>,
    sequences: BTreeMap<VrId, Numbers>,
}

struct Numbers {
    key: VrKey,
    sequence: Sequence,
    reserved: u64,
}

impl Driver {
    /// `Action::SetRouter`: from now on its adverts are judged by these keys.
    pub(super) fn prove_router(&mut self, vr: VrId, record: Option<&RouterRecord>) {
        let record = record.and_then(|it| Some((it, it.authentication.as_ref()?)));
        let record = record.filter(|(_, authentication)| authentication.verifies());
        let key = record.map(|(record, _)| record.key);
        let before = self.proving.sequences.get(&vr).map(|numbers| numbers.key);
        if let Some(before) = before
            && Some(before) != key
        {
            self.proving.authentications.remove(&before);
            self.proving.sequences.remove(&vr);
        }
        let Some((record, authentication)) = record else {
            return;
        };
        let authentication = authentication.clone();
        if record.key.cast == CAST_UNICAST
            && matches!(authentication, Authentication::Header(_))
            && let Err(error) = self.listener.swallow_headers()
        {
            self.failed("open a socket for AH", &error.to_string(), None);
        }
        self.proving
            .authentications
            .insert(record.key, authentication);
        if before == key {
            return;
        }
        let sequence = Sequence::default();
        match self.tables.sequence(&record.key) {
            Ok(last) => sequence.raise(last.unwrap_or_default()),
            Err(error) => self.failed("read XVRRP_SEQUENCE", &format!("{error:#}"), Some(vr)),
        }
        let numbers = Numbers {
            key: record.key,
            sequence,
            reserved: 0,
        };
        self.proving.sequences.insert(vr, numbers);
        self.reserve_sequences();
    }

    /// What an instance's adverts are numbered with.
    pub(super) fn sequence_of(&self, vr: VrId) -> Sequence {
        let numbers = self.proving.sequences.get(&vr);
        numbers.map(|it| it.sequence.clone()).unwrap_or_default()
    }

    /// Writes down which numbers a successor must not use.
    pub(super) fn reserve_sequences(&mut self) {
        let mut failed = None;
        for numbers in self.proving.sequences.values_mut() {
            let wanted = numbers.sequence.last().saturating_add(RESERVE / 2);
            if wanted <= numbers.reserved {
                continue;
            }
            let reserved = numbers.sequence.last().saturating_add(RESERVE);
            match self.tables.reserve_sequence(&numbers.key, reserved) {
                Ok(()) => numbers.reserved = reserved,
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            self.failed("write XVRRP_SEQUENCE", &format!("{error:#}"), None);
        }
    }

    /// Judges what waits, some of it.
    pub(super) fn prove(&mut self) {
        self.prove_up_to(AT_ONCE);
    }

    /// Judges all that waits.
    pub(super) fn prove_all(&mut self) {
        self.prove_up_to(ALL);
    }

    fn prove_up_to(&mut self, most: usize) {
        for _ in 0..most {
            let Some(record) = self.unprovens.try_next() else {
                return;
            };
            self.prove_one(&record);
        }
    }

    pub(super) fn prove_one(&mut self, record: &Unproven) {
        if let Err(error) = self.judge(record) {
            self.failed("judge an advert with a hash", &format!("{error:#}"), None);
        }
    }

    fn judge(&mut self, record: &Unproven) -> Result<()> {
        let Some(authentication) = self.proving.authentications.get(&record.key.vr) else {
            // Configured no more, or not yet.
            return Ok(());
        };
        let received = Received {
            packet: &record.packet[..usize::from(record.len)],
            message_at: record.message_at.into(),
            unicast: record.key.vr.cast == CAST_UNICAST,
        };
        let mark = self.tables.mark(&record.key)?;
        match proof::verify(&received, authentication, mark, clock::wall()) {
            Ok(sequence) => self.genuine(record, sequence),
            Err(refusal) => self.refused(record, refusal),
        }
    }

    fn genuine(&mut self, record: &Unproven, sequence: u64) -> Result<()> {
        let (key, heard) = (record.key, record.heard);
        self.count_genuine(record)?;
        // AH's numbers are common to all routers of a group: a peer that follows
        // another's count refuses ours below it.
        let header = matches!(
            self.proving.authentications.get(&key.vr),
            Some(Authentication::Header(_))
        );
        let ours = self.proving.sequences.values();
        if let Some(numbers) = ours.into_iter().find(|it| header && it.key == key.vr) {
            numbers.sequence.raise(sequence);
        }
        let before = self.tables.prove(&key, &heard, sequence)?;
        let differed = before.is_some_and(|before| before.addresses_differ != 0);
        let news = if heard.addresses_differ != 0 && !differed {
            NEWS_ADDRESSES
        } else {
            0
        };
        self.hear_event(&Event {
            at_ns: heard.last_seen_ns,
            kind: KIND_ADVERT,
            news,
            ..event_of(record)
        });
        Ok(())
    }

    /// As XDP counts what it accepts itself.
    fn count_genuine(&mut self, record: &Unproven) -> Result<()> {
        let heard = &record.heard;
        self.tables.count(Cause::AdvertAccepted)?;
        if record.key.vr.family == FAMILY_V4 && heard.version == 3 {
            let plain = heard.checksum_form == CHECKSUM_PLAIN;
            self.tables.count(if plain {
                Cause::AdvertChecksumPlain
            } else {
                Cause::AdvertChecksumPseudo
            })?;
        }
        if heard.addresses_differ != 0 {
            self.tables.count(Cause::AdvertAddressesDiffer)?;
        }
        Ok(())
    }

    fn refused(&mut self, record: &Unproven, refusal: Refusal) -> Result<()> {
        let cause = refusal.cause();
        self.tables.count(cause)?;
        let vr = record.key.vr;
        let talker = TalkerKey {
            ifindex: vr.ifindex,
            family: vr.family,
            pad: 0,
            mac: record.heard.mac,
            source: record.key.source,
        };
        let one = Talker {
            dropped: 1,
            last_seen_ns: record.heard.last_seen_ns,
            cause: cause as u32,
            vrid: vr.vrid.into(),
        };
        self.tables.talked(&talker, one)?;
        self.log_rejected(&Event {
            at_ns: record.heard.last_seen_ns,
            kind: KIND_REJECTED,
            cause: cause as u32,
            ..event_of(record)
        });
        Ok(())
    }
}

fn event_of(record: &Unproven) -> Event {
    let heard = &record.heard;
    Event {
        vr: record.key.vr,
        source: record.key.source,
        address: record.key.source,
        interval_cs: heard.interval_cs,
        priority: heard.priority,
        version: heard.version,
        checksum_form: heard.checksum_form,
        ttl: heard.ttl,
        mac: heard.mac,
        ..Event::default()
    }
}
