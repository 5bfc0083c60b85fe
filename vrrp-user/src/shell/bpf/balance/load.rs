//! The balancer's programs and maps: those a predecessor of the same build pinned, or
//! loaded anew.
//!
//! They are pinned beside the root's, so that connections survive a restart. The maps
//! the two objects share are the root's; it is called by way of `XVRRP_NEXT`.

use super::{
    records::Records,
    shapes::{self, MAPS, OPTIONAL},
};
use crate::shell::bpf::{
    instance::Instance,
    kernel::Variant,
    object,
    pins::{self, Fence, Pins},
    shapes as root_shapes, syscall,
};
use anyhow::{Context, Error, Result, anyhow, bail};
use aya::{
    Ebpf, EbpfLoader,
    maps::{Map, MapData, ProgramArray},
    programs::{ProgramFd, ProgramInfo, Xdp},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    io::ErrorKind,
    os::fd::AsFd,
    path::PathBuf,
};
use vrrp_common::{
    balance::{SHARED, name},
    maps::{LAYOUT_VERSION, name as root_name},
};

/// What pinned programs' names begin with.
const PREFIX: &str = "balance-";

/// What of the root's the balancer needs.
pub struct Root {
    /// Where its maps are pinned.
    pub pins: Pins,
    /// How its programs were loaded: those it calls have to be of the same kind.
    pub variant: Variant,
}

/// The loaded balancer. Dropped, it leaves in place what is pinned.
pub struct Balancing {
    /// The maps.
    pub records: Records,
    /// The programs were a predecessor's, and so is what the maps hold.
    pub inherited: bool,
    /// Holds the calls from the root, should nothing be pinned.
    _next: ProgramArray<MapData>,
}

/// Finds the programs or loads them, and has the root call them. Pinned maps are taken
/// over with what is in them, if they have the shape this daemon expects.
pub fn obtain(root: &Root, notes: &mut Vec<String>) -> Result<Balancing> {
    let pins = &root.pins;
    if let Fence::DaemonLifetime { why } = pins.fence() {
        bail!("virtual_server needs a bpffs, where its programs meet the others: {why}");
    }
    let misshapen = root_shapes::drop_misshapen_of(pins, &MAPS)?;
    notes
        .extend(misshapen.map(|what| format!("{what}; maps made anew, connections are forgotten")));
    let kinds: &[Kind] = match root.variant {
        Variant::Newest => &[WITH_FRAGS, WITHOUT],
        Variant::Old => &[WITHOUT],
    };
    let mut found = None;
    for kind in kinds {
        found = find(pins, kind).unwrap_or_else(|error| {
            notes.push(format!(
                "the balancer's programs of an earlier run could not be kept: {error:#}"
            ));
            None
        });
        if found.is_some() {
            break;
        }
    }
    let inherited = MAPS
        .iter()
        .filter(|(name, _)| !OPTIONAL.contains(name))
        .all(|(name, _)| pins.path(name).is_some_and(|path| path.exists()));
    let parts = match found {
        Some(found) => found,
        None => load_first(pins, kinds)?,
    };
    let mut maps = parts.maps;
    let watched = Map::from_map_data(pinned(pins, name::WATCHED)?)?;
    maps.insert(name::WATCHED, watched);
    let next = Map::from_map_data(pinned(pins, parts.next)?)?;
    let mut next = ProgramArray::try_from(next)?;
    for (slot, program) in parts.programs {
        next.set(slot, &program, 0)
            .with_context(|| format!("{}[{slot}]", parts.next))?;
    }
    Ok(Balancing {
        records: Records::new(maps)?,
        inherited,
        _next: next,
    })
}

/// The programs of one kind, and the array by which they are called: a program calls
/// only such as take packets in fragments, or only such as do not.
struct Kind {
    programs: &'static [(u32, &'static str)],
    next: &'static str,
}

const WITH_FRAGS: Kind = Kind {
    programs: &object::BALANCE,
    next: name::NEXT,
};
const WITHOUT: Kind = Kind {
    programs: &object::BALANCE_NO_FRAGS,
    next: name::NEXT_OLD,
};

/// A balancer has left its maps.
pub fn has_pins(instance: &Instance) -> bool {
    directory(instance).is_some_and(|dir| dir.join(name::KEYS).exists())
}

/// The maps of a balancer that runs or was left, for whoever only looks.
pub fn open_existing(instance: &Instance) -> Result<Records> {
    let dir = directory(instance).filter(|dir| dir.join(name::KEYS).exists());
    let dir = dir.with_context(|| {
        format!("no xvrrpd {instance} balances anything here: there is no virtual_server")
    })?;
    let own = MAPS.iter().map(|(name, _)| *name);
    let there = |name: &&str| !OPTIONAL.contains(name) || dir.join(name).exists();
    let maps = own.chain([name::WATCHED]).filter(there).map(|name| {
        let fd = syscall::open_pin(&dir.join(name));
        let fd = fd.with_context(|| format!("cannot open the map {name} in {}", dir.display()))?;
        let map = MapData::from_fd(fd)?;
        root_shapes::check_among(&MAPS, name, &map)?;
        Ok((name, Map::from_map_data(map)?))
    });
    Records::new(maps.collect::<Result<_>>()?)
}

fn directory(instance: &Instance) -> Option<PathBuf> {
    let found = pins::directories_of(instance).ok()?;
    let ours = |(layout, _): &(u32, PathBuf)| *layout == LAYOUT_VERSION;
    found.into_iter().find(ours).map(|(_, dir)| dir)
}

/// What there is of a kind.
struct Parts {
    /// By their place in `next`, those that are called by others first.
    programs: Vec<(u32, ProgramFd)>,
    next: &'static str,
    /// By kernel name.
    maps: BTreeMap<&'static str, Map>,
}

/// Under which name a program of this build is pinned.
fn pin_name(program: &str) -> String {
    let mut hasher = DefaultHasher::new();
    object::BALANCE_OBJECT.hash(&mut hasher);
    format!("{PREFIX}{program}-{:016x}", hasher.finish())
}

fn pinned(pins: &Pins, name: &str) -> Result<MapData> {
    let path = pins.path(name).context("there is no pin directory")?;
    let fd = syscall::open_pin(&path)
        .with_context(|| format!("cannot open the pinned map {name} in {}", pins.shown()))?;
    Ok(MapData::from_fd(fd)?)
}

/// What a predecessor of the same build left, if all of it is there and belongs together.
fn find(pins: &Pins, kind: &Kind) -> Result<Option<Parts>> {
    let mut programs = Vec::new();
    let mut used = BTreeSet::new();
    for &(slot, program) in kind.programs.iter().rev() {
        let path = pins.path(&pin_name(program)).context("no pin directory")?;
        if !path.exists() {
            return Ok(None);
        }
        let info = ProgramInfo::from_pin(path).with_context(|| program.to_owned())?;
        let ids = info.map_ids()?;
        used.extend(ids.context("the kernel does not say which maps a program uses")?);
        programs.push((slot, info.fd()?));
    }
    let mut maps = BTreeMap::new();
    for (name, _) in MAPS {
        let Some(map) = own(pins, name)? else {
            if OPTIONAL.contains(&name) {
                continue;
            }
            return Ok(None);
        };
        // Made since by somebody who loaded other programs.
        if !used.contains(&map.info()?.id()) {
            return Ok(None);
        }
        root_shapes::check_among(&shapes::MAPS, name, &map)?;
        maps.insert(name, Map::from_map_data(map)?);
    }
    // The root may have made its own anew.
    for shared in [root_name::GATES, root_name::COUNT, kind.next] {
        let id = pinned(pins, shared)?.info()?.id();
        if !used.contains(&id) {
            return Ok(None);
        }
    }
    Ok(Some(Parts {
        programs,
        next: kind.next,
        maps,
    }))
}

fn own(pins: &Pins, name: &str) -> Result<Option<MapData>> {
    let path = pins.path(name).context("there is no pin directory")?;
    match syscall::open_pin(&path) {
        Ok(fd) => Ok(Some(MapData::from_fd(fd)?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| name.to_owned()),
    }
}

/// Of the first kind that this kernel takes.
fn load_first(pins: &Pins, kinds: &[Kind]) -> Result<Parts> {
    let mut refused = None;
    for kind in kinds {
        match load(pins, kind) {
            Ok(parts) => return Ok(parts),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    Err(refused.unwrap_or_else(|| anyhow!("there is no kind of programs")))
}

fn load(pins: &Pins, kind: &Kind) -> Result<Parts> {
    let mut loader = EbpfLoader::new();
    let own = MAPS.iter().map(|(name, _)| *name);
    for name in own.chain(SHARED) {
        loader.map_pin_path(name, pins.path(name).context("no pin directory")?);
    }
    let mut ebpf = loader
        .load(object::BALANCE_OBJECT)
        .map_err(Error::from)
        .with_context(|| format!("cannot create the balancer's maps in {}", pins.shown()))?;
    let mut programs = Vec::new();
    for &(slot, name) in kind.programs.iter().rev() {
        programs.push((slot, name, load_program(&mut ebpf, name)?));
    }
    let mut maps = BTreeMap::new();
    for (name, _) in MAPS {
        let map = ebpf.take_map(name);
        if map.is_none() && OPTIONAL.contains(&name) {
            continue;
        }
        let map = map.with_context(|| format!("the balancer's object has no map {name}"))?;
        root_shapes::check_among(&shapes::MAPS, name, &pinned(pins, name)?)?;
        maps.insert(name, map);
    }
    // Their predecessors', if any, go with the names.
    pins.unpin_all(PREFIX)?;
    for (_, name, program) in &programs {
        pins.pin(program.as_fd(), &pin_name(name))?;
    }
    let programs = programs.into_iter().map(|(slot, _, fd)| (slot, fd));
    Ok(Parts {
        programs: programs.collect(),
        next: kind.next,
        maps,
    })
}

fn load_program(ebpf: &mut Ebpf, name: &str) -> Result<ProgramFd> {
    let program: &mut Xdp = ebpf
        .program_mut(name)
        .with_context(|| format!("the balancer's object has no program {name}"))?
        .try_into()?;
    program
        .load()
        .with_context(|| format!("the kernel refuses {name}"))?;
    Ok(program.fd()?.try_clone()?)
}
