//! The programs and their maps: those a predecessor of the same build pinned, or
//! loaded anew.
//!
//! The verifier takes half a second, which is longer than a lease at 100 ms. A
//! successor that brings the same object has no need of it: the programs are pinned
//! under a name that says what they were made of.

use super::{
    diagnostics::Diary,
    kernel::Variant,
    object::{self, Diagnostics},
    pins::Pins,
    shapes, syscall,
};
use anyhow::{Context, Error, Result, anyhow};
use aya::{
    Ebpf,
    maps::{Map, MapData},
    programs::{ProgramFd, ProgramInfo, SchedClassifier, Xdp},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    io::ErrorKind,
    os::fd::AsFd,
};

/// What pinned programs' names begin with.
const PREFIX: &str = "program-";

/// Both programs, and the maps they use.
pub(super) struct Obtained {
    pub(super) programs: Programs,
    /// By kernel name.
    pub(super) maps: BTreeMap<&'static str, Map>,
}

/// Both programs, whoever loaded them.
pub(super) struct Programs {
    pub(super) xdp: ProgramFd,
    egress: Egress,
}

enum Egress {
    /// Ours; the object holds it.
    Loaded(Box<Ebpf>),
    /// A predecessor's.
    Found(Box<SchedClassifier>),
}

impl Programs {
    pub(super) fn egress(&mut self) -> Result<&mut SchedClassifier> {
        match &mut self.egress {
            Egress::Loaded(ebpf) => classifier(ebpf),
            Egress::Found(program) => Ok(program),
        }
    }
}

/// Finds the programs or loads them. Pinned maps are taken over with what is in
/// them, if they have the shape this daemon expects.
pub(super) fn obtain(
    pins: &Pins,
    variant: Variant,
    diagnostics: Diagnostics,
    notes: &mut Vec<String>,
) -> Result<Obtained> {
    notes.extend(shapes::drop_misshapen(pins)?.map(|what| format!("{what}; maps made anew")));
    let names = Names::of(variant);
    // Programs that log hand their lines to the process that loaded them.
    if diagnostics == Diagnostics::Off {
        match find(pins, &names) {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(error) => notes.push(format!(
                "the programs of an earlier run could not be kept: {error:#}"
            )),
        }
    }
    let mut ebpf = load_object(pins, diagnostics)?;
    let xdp = load_xdp(&mut ebpf, variant, notes)?;
    classifier(&mut ebpf)?
        .load()
        .with_context(|| format!("the kernel refuses {}", object::EGRESS))?;
    // After the last program is loaded: they need the log's map until then.
    if diagnostics == Diagnostics::On {
        Diary::open(&mut ebpf)?.read_along();
    }
    // Links hold what they run; a name is only for finding it again.
    pins.unpin_all(PREFIX)?;
    if diagnostics == Diagnostics::Off {
        pins.pin(xdp.as_fd(), &names.xdp)?;
        pins.pin(classifier(&mut ebpf)?.fd()?.as_fd(), &names.egress)?;
    }
    let maps = shapes::MAPS
        .iter()
        .map(|&(name, _)| {
            let map = ebpf.take_map(name);
            Ok((
                name,
                map.with_context(|| format!("the BPF object has no map {name}"))?,
            ))
        })
        .collect::<Result<_>>()?;
    Ok(Obtained {
        programs: Programs {
            xdp,
            egress: Egress::Loaded(Box::new(ebpf)),
        },
        maps,
    })
}

/// Under which names programs of this build are pinned.
struct Names {
    xdp: String,
    egress: String,
}

impl Names {
    fn of(variant: Variant) -> Self {
        let mut hasher = DefaultHasher::new();
        object::OBJECT.hash(&mut hasher);
        (variant == Variant::Newest).hash(&mut hasher);
        let made_of = hasher.finish();
        Self {
            xdp: format!("{PREFIX}xdp-{made_of:016x}"),
            egress: format!("{PREFIX}egress-{made_of:016x}"),
        }
    }
}

/// What a predecessor of the same build left, if all of it is there and belongs
/// together.
fn find(pins: &Pins, names: &Names) -> Result<Option<Obtained>> {
    let (Some(xdp), Some(egress)) = (pins.path(&names.xdp), pins.path(&names.egress)) else {
        return Ok(None);
    };
    if !xdp.exists() || !egress.exists() {
        return Ok(None);
    }
    let xdp = ProgramInfo::from_pin(xdp).context(object::XDP)?;
    let egress = SchedClassifier::from_pin(egress).context(object::EGRESS)?;
    let used: BTreeSet<u32> = [map_ids(&xdp), map_ids(&egress.info()?)]
        .into_iter()
        .collect::<Result<Vec<_>>>()?
        .concat()
        .into_iter()
        .collect();
    let mut maps = BTreeMap::new();
    for (name, _) in shapes::MAPS {
        let Some(path) = pins.path(name) else {
            return Ok(None);
        };
        let map = match syscall::open_pin(&path) {
            Ok(fd) => MapData::from_fd(fd)?,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).context(name),
        };
        // Pinned since by somebody who loaded other programs.
        if !shapes::DAEMONS_OWN.contains(&name) && !used.contains(&map.info()?.id()) {
            return Ok(None);
        }
        shapes::check(name, &map)?;
        maps.insert(name, Map::from_map_data(map)?);
    }
    Ok(Some(Obtained {
        programs: Programs {
            xdp: xdp.fd()?,
            egress: Egress::Found(Box::new(egress)),
        },
        maps,
    }))
}

fn map_ids(info: &ProgramInfo) -> Result<Vec<u32>> {
    info.map_ids()?
        .context("the kernel does not say which maps a program uses")
}

fn load_object(pins: &Pins, diagnostics: Diagnostics) -> Result<Ebpf> {
    let mut loader = object::loader(diagnostics);
    for (name, _) in shapes::MAPS {
        if let Some(path) = pins.path(name) {
            loader.map_pin_path(name, path);
        }
    }
    let ebpf = loader
        .load(object::OBJECT)
        .map_err(Error::from)
        .with_context(|| {
            format!(
                "cannot create the maps in {} (as root, or with CAP_BPF and CAP_NET_ADMIN?)",
                pins.shown()
            )
        })?;
    for (name, map) in ebpf.maps() {
        if let Some(data) = data(map) {
            shapes::check(name, data)?;
        }
    }
    Ok(ebpf)
}

/// With fragments if the kernel knows them, else without.
fn load_xdp(ebpf: &mut Ebpf, variant: Variant, notes: &mut Vec<String>) -> Result<ProgramFd> {
    let with_frags = match variant {
        Variant::Old => Err(anyhow!("the older variant was asked for")),
        Variant::Newest => load_program(ebpf, object::XDP),
    };
    let why = match with_frags {
        Ok(program) => return Ok(program),
        Err(why) => why,
    };
    let program = load_program(ebpf, object::XDP_NO_FRAGS)
        .with_context(|| format!("{}: {why:#}", object::XDP))?;
    if variant == Variant::Newest {
        notes.push(format!(
            "XDP without fragments, so large MTUs need generic mode: {}",
            root_cause(&why)
        ));
    }
    Ok(program)
}

fn load_program(ebpf: &mut Ebpf, name: &str) -> Result<ProgramFd> {
    let program: &mut Xdp = ebpf
        .program_mut(name)
        .with_context(|| format!("the BPF object has no program {name}"))?
        .try_into()?;
    program
        .load()
        .with_context(|| format!("the kernel refuses {name}"))?;
    Ok(program.fd()?.try_clone()?)
}

/// The error without the verifier's log.
fn root_cause(error: &Error) -> String {
    error
        .root_cause()
        .to_string()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn classifier(ebpf: &mut Ebpf) -> Result<&mut SchedClassifier> {
    Ok(ebpf
        .program_mut(object::EGRESS)
        .with_context(|| format!("the BPF object has no program {}", object::EGRESS))?
        .try_into()?)
}

fn data(map: &Map) -> Option<&MapData> {
    match map {
        Map::Array(data)
        | Map::HashMap(data)
        | Map::LruHashMap(data)
        | Map::PerCpuArray(data)
        | Map::ProgramArray(data)
        | Map::RingBuf(data) => Some(data),
        _ => None,
    }
}
