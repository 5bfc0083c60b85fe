//! Adverts with a hash: XDP has made every check but that one and stamped nobody.
//!
//! What is genuine is stamped with the time XDP saw it and told to the engine; what is
//! not is counted, attributed and logged like any other refusal. Nothing of it touches a
//! timer. Before a peer is believed dead, all that waits is judged.

use super::Driver;
use crate::{
    config::model::{Authentication, Family},
    engine::action::{Advert, RouterRecord},
    ownership::command::VrId,
    proof::{self, Received, Refusal},
    shell::{clock, transmit::seal::Sequence},
};
use anyhow::Result;
use std::collections::BTreeMap;
use vrrp_common::{
    counter::Cause,
    event::{Event, KIND_ADVERT, KIND_REJECTED, NEWS_ADDRESSES},
    maps::{
        CAST_MULTICAST, CAST_UNICAST, CHECKSUM_PLAIN, FAMILY_V4, FAMILY_V6, Talker, TalkerKey,
        VrKey,
    },
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
    routers: BTreeMap<VrId, VrKey>,
    /// Of those that have signed.
    sequences: BTreeMap<VrKey, Numbers>,
    /// Greatest number of AH that was verified.
    heard: BTreeMap<VrKey, u64>,
}

struct Numbers {
    sequence: Sequence,
    reserved: u64,
}

impl Driver {
    /// `Action::SetRouter`: from now on its adverts are judged by these keys.
    pub(super) fn prove_router(&mut self, vr: VrId, record: Option<&RouterRecord>) {
        let record = record.and_then(|it| Some((it, it.authentication.as_ref()?)));
        let record = record.filter(|(_, authentication)| authentication.verifies());
        let key = record.map(|(record, _)| record.key);
        if let Some(before) = self.proving.routers.get(&vr).copied()
            && Some(before) != key
        {
            self.proving.routers.remove(&vr);
            self.proving.authentications.remove(&before);
        }
        let Some((record, authentication)) = record else {
            return;
        };
        if record.key.cast == CAST_UNICAST
            && matches!(authentication, Authentication::Header(_))
            && let Err(error) = self.listener.swallow_headers()
        {
            self.failed("open a socket for AH", &error.to_string(), None);
        }
        self.proving.routers.insert(vr, record.key);
        let authentications = &mut self.proving.authentications;
        authentications.insert(record.key, authentication.clone());
    }

    /// What an instance's adverts are numbered with. It may go on with a predecessor's
    /// claim before it has a record.
    pub(super) fn sequence_of(&mut self, advert: &Advert) -> Sequence {
        if !advert
            .authentication
            .as_ref()
            .is_some_and(Authentication::signs)
        {
            return Sequence::default();
        }
        let key = key_of(advert);
        if let Some(numbers) = self.proving.sequences.get(&key) {
            return numbers.sequence.clone();
        }
        let sequence = Sequence::default();
        match self.tables.sequence(&key) {
            Ok(last) => sequence.raise(last.unwrap_or_default()),
            Err(error) => {
                let why = format!("{error:#}");
                self.failed("read XVRRP_SEQUENCE", &why, Some(advert.vr));
            }
        }
        if matches!(advert.authentication, Some(Authentication::Header(_))) {
            sequence.raise(clock::wall() >> 32);
        }
        // What it has heard, it will not send below.
        sequence.raise(self.proving.heard.get(&key).copied().unwrap_or_default());
        let numbers = Numbers {
            sequence: sequence.clone(),
            reserved: 0,
        };
        self.proving.sequences.insert(key, numbers);
        self.reserve_sequences();
        sequence
    }

    /// Writes down which numbers a successor must not use.
    pub(super) fn reserve_sequences(&mut self) {
        let mut failed = None;
        for (key, numbers) in &mut self.proving.sequences {
            let wanted = numbers.sequence.last().saturating_add(RESERVE / 2);
            if wanted <= numbers.reserved {
                continue;
            }
            let reserved = numbers.sequence.last().saturating_add(RESERVE);
            match self.tables.reserve_sequence(key, reserved) {
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
        let authentication = self.proving.authentications.get(&key.vr);
        if matches!(authentication, Some(Authentication::Header(_))) {
            let heard = self.proving.heard.entry(key.vr).or_default();
            *heard = (*heard).max(sequence);
            if let Some(numbers) = self.proving.sequences.get(&key.vr) {
                numbers.sequence.raise(sequence);
            }
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

fn key_of(advert: &Advert) -> VrKey {
    VrKey {
        ifindex: advert.ifindex,
        vrid: advert.vrid,
        family: match advert.family {
            Family::V4 => FAMILY_V4,
            Family::V6 => FAMILY_V6,
        },
        cast: if advert.unicast.is_empty() {
            CAST_MULTICAST
        } else {
            CAST_UNICAST
        },
        ..VrKey::default()
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
