//! Does a pinned map have the layout this daemon expects?
//!
//! aya opens a pinned map without looking. A map of another shape would be read
//! as something it is not, so each is compared with what `vrrp-common` says.

use super::{pins::Pins, syscall};
use anyhow::{Context, Result};
use aya::maps::{MapData, MapType};
use std::io::ErrorKind;
use vrrp_common::{
    balance,
    counter::Counters,
    gate::Gate,
    maps::{
        EVENT_RING_BYTES, Hints, MAX_GATES, MAX_PEERS, MAX_ROUTERS, MAX_SOURCES, MAX_STATIONS,
        MAX_TALKERS, MAX_VIPS, Peer, PeerKey, Proven, Source, Station, StationKey, Talker,
        TalkerKey, UNPROVEN_RING_BYTES, Vip, VipKey, VirtualRouter, VrKey, name,
    },
};

/// Kind, sizes in octets, and capacity of a map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    kind: MapType,
    key_size: usize,
    value_size: usize,
    max_entries: usize,
}

/// Every pinned map, by kernel name.
pub const MAPS: [(&str, Shape); 17] = [
    (name::ROUTERS, hash::<VrKey, VirtualRouter>(MAX_ROUTERS)),
    (name::PEERS, hash::<PeerKey, Peer>(MAX_PEERS)),
    (
        name::GATES,
        Shape {
            kind: MapType::Array,
            ..hash::<u32, Gate>(MAX_GATES)
        },
    ),
    (name::VIPS, hash::<VipKey, Vip>(MAX_VIPS)),
    (name::SOURCES, hash::<PeerKey, Source>(MAX_SOURCES)),
    (name::STATIONS, hash::<StationKey, Station>(MAX_STATIONS)),
    (
        name::HINTS,
        Shape {
            kind: MapType::Array,
            ..hash::<u32, Hints>(1)
        },
    ),
    (
        name::TALKERS,
        Shape {
            kind: MapType::LruHash,
            ..hash::<TalkerKey, Talker>(MAX_TALKERS)
        },
    ),
    (
        name::COUNT,
        Shape {
            kind: MapType::PerCpuArray,
            ..hash::<u32, Counters>(1)
        },
    ),
    (name::EVENTS, ring(EVENT_RING_BYTES)),
    (name::PROVEN, hash::<PeerKey, Proven>(MAX_PEERS)),
    (name::UNPROVEN, ring(UNPROVEN_RING_BYTES)),
    (
        name::JUDGED,
        Shape {
            kind: MapType::Array,
            ..hash::<u32, Counters>(1)
        },
    ),
    (name::SEQUENCE, hash::<VrKey, u64>(MAX_ROUTERS)),
    (
        balance::name::WATCHED,
        of_kind::<u32, balance::Watched>(MapType::Array, 1),
    ),
    (
        balance::name::NEXT,
        of_kind::<u32, u32>(MapType::ProgramArray, balance::MAX_NEXT),
    ),
    (
        balance::name::NEXT_OLD,
        of_kind::<u32, u32>(MapType::ProgramArray, balance::MAX_NEXT),
    ),
];

/// Maps that no program uses, or none of the variant that is loaded: they are made and
/// pinned with the others.
pub(super) const DAEMONS_OWN: [&str; 4] = [
    name::JUDGED,
    name::SEQUENCE,
    balance::name::NEXT,
    balance::name::NEXT_OLD,
];

const fn ring(bytes: usize) -> Shape {
    Shape {
        kind: MapType::RingBuf,
        key_size: 0,
        value_size: 0,
        max_entries: bytes,
    }
}

pub(super) const fn hash<K, V>(max_entries: usize) -> Shape {
    of_kind::<K, V>(MapType::Hash, max_entries)
}

pub(super) const fn of_kind<K, V>(kind: MapType, max_entries: usize) -> Shape {
    Shape {
        kind,
        key_size: size_of::<K>(),
        value_size: size_of::<V>(),
        max_entries,
    }
}

impl Shape {
    /// What differs, in words; `None` when it fits.
    pub(super) fn differs_from(&self, map: &MapData) -> Result<Option<String>> {
        let info = map.info()?;
        let kind = info.map_type()?;
        let found = (
            info.key_size() as usize,
            info.value_size() as usize,
            info.max_entries() as usize,
        );
        let want = (self.key_size, self.value_size, self.max_entries);
        Ok((kind != self.kind || found != want).then(|| {
            format!(
                "it is a {kind:?} with key, value and capacity {found:?}, not a {:?} with {want:?}",
                self.kind
            )
        }))
    }
}

/// Removes this instance's pinned maps if any of them has another shape, and says
/// which. A gate that is made anew is shut, so nothing opens by this.
pub(super) fn drop_misshapen(pins: &Pins) -> Result<Option<String>> {
    drop_misshapen_of(pins, &MAPS)
}

/// The same for these maps.
pub(super) fn drop_misshapen_of(
    pins: &Pins,
    maps: &[(&'static str, Shape)],
) -> Result<Option<String>> {
    let mut wrong = None;
    for &(name, shape) in maps {
        let Some(path) = pins.path(name) else {
            return Ok(None);
        };
        let map = match syscall::open_pin(&path) {
            Ok(fd) => MapData::from_fd(fd)?,
            Err(e) if e.kind() == ErrorKind::NotFound => continue,
            Err(e) => {
                return Err(e).with_context(|| {
                    format!("cannot open the pinned map {name} in {}", pins.shown())
                });
            }
        };
        if let Some(difference) = shape.differs_from(&map)? {
            wrong = Some(format!(
                "the pinned map {name} in {} is not ours: {difference}",
                pins.shown()
            ));
            break;
        }
    }
    if wrong.is_some() {
        for (name, _) in maps {
            if let Some(path) = pins.path(name) {
                Pins::unpin(&path)?;
            }
        }
    }
    Ok(wrong)
}

/// Fails if the object's own maps disagree with `vrrp-common`, which would mean
/// the object was built from another version.
pub(super) fn check(name: &str, map: &MapData) -> Result<()> {
    check_among(&MAPS, name, map)
}

/// The same among these maps.
pub(super) fn check_among(maps: &[(&'static str, Shape)], name: &str, map: &MapData) -> Result<()> {
    let Some((_, shape)) = maps.iter().find(|(known, _)| *known == name) else {
        return Ok(());
    };
    match shape.differs_from(map)? {
        Some(difference) => anyhow::bail!(
            "the BPF object does not fit this daemon: map {name}: {difference}; build both from the same source"
        ),
        None => Ok(()),
    }
}
