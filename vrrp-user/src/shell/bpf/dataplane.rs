//! Everything together: load once, reconcile interfaces, tear down.

use super::{
    attach::{self, Attached, Attachment, Programs},
    diagnostics::Diary,
    events::Events,
    gates::{self, LoopGates, SenderGates},
    instance::Instance,
    kernel::{Variant, Version},
    object::{self, Diagnostics},
    pins::{Fence, Pins},
    shapes,
    tables::Tables,
};
use anyhow::{Context, Error, Result, anyhow};
use aya::{
    Ebpf,
    maps::{Map, MapData, RingBuf},
    programs::{ProgramFd, SchedClassifier, Xdp},
};
use std::collections::BTreeMap;
use vrrp_common::maps::name;

/// The loaded programs and where they are attached.
///
/// Dropped without [`teardown`](Self::teardown), as in a crash, it leaves
/// everything that is pinned in place: the fence outlives the daemon.
pub struct Dataplane {
    ebpf: Ebpf,
    xdp: ProgramFd,
    pins: Pins,
    variant: Variant,
    interfaces: BTreeMap<u32, Attached>,
}

/// What [`Dataplane::load`] makes: each part belongs to somebody else.
pub struct Loaded {
    /// Programs and interfaces.
    pub dataplane: Dataplane,
    /// Typed maps, for the event loop.
    pub tables: Tables,
    /// News, for the event loop.
    pub events: Events,
    /// For the transmit thread.
    pub sender_gates: SenderGates,
    /// For the event loop.
    pub loop_gates: LoopGates,
    /// What an operator may want to know, for the log.
    pub notes: Vec<String>,
}

/// An interface that could not be served, with advice.
#[derive(Debug)]
pub struct AttachFailure {
    /// Interface.
    pub ifindex: u32,
    /// Why, and what to do.
    pub error: Error,
}

impl Dataplane {
    /// Loads the programs for `instance`, whose [`Lock`](super::Lock) the caller
    /// holds. Maps an earlier daemon pinned are taken over with what is in them:
    /// the caller shuts its gates ([`LoopGates::close_all`]) and clears its tables.
    ///
    /// With diagnostics, what the programs log is copied to the log from now on.
    ///
    /// Must be called inside a tokio runtime, in the network namespace to serve.
    pub fn load(instance: &Instance, variant: Variant, diagnostics: Diagnostics) -> Result<Loaded> {
        Self::load_with(Pins::open(instance), variant, diagnostics)
    }

    /// The same with a given place for pins.
    pub fn load_with(pins: Pins, variant: Variant, diagnostics: Diagnostics) -> Result<Loaded> {
        let mut notes = Vec::new();
        if let Ok(version) = Version::running()
            && version < Version::OLDEST
        {
            notes.push(format!(
                "kernel {version} is older than {}, the oldest xvrrpd is written for",
                Version::OLDEST
            ));
        }
        if let Fence::DaemonLifetime { why } = pins.fence() {
            notes.push(format!(
                "the fence lasts only as long as this daemon: {why}"
            ));
        }
        notes.extend(shapes::drop_misshapen(&pins)?.map(|what| format!("{what}; maps made anew")));
        let mut ebpf = load_object(&pins, diagnostics)?;
        let xdp = load_xdp(&mut ebpf, variant, &mut notes)?;
        egress(&mut ebpf)?
            .load()
            .with_context(|| format!("the kernel refuses {}", object::EGRESS))?;
        // After the last program is loaded: they need the log's map until then.
        if diagnostics == Diagnostics::On {
            Diary::open(&mut ebpf)?.read_along();
        }
        let maps = Maps::take(&mut ebpf)?;
        let (sender_gates, loop_gates) = gates::map(maps.gates.fd())?;
        Ok(Loaded {
            dataplane: Self {
                ebpf,
                xdp,
                pins,
                variant,
                interfaces: BTreeMap::new(),
            },
            tables: maps.tables,
            events: Events::new(maps.events)?,
            sender_gates,
            loop_gates,
            notes,
        })
    }

    /// Makes the programs be on exactly these interfaces. Level-triggered: to be
    /// called again when an interface came back, or after a failure. Failures do
    /// not keep the others from being served.
    pub fn reconcile(&mut self, wanted: &[u32]) -> Vec<AttachFailure> {
        let mut failures = Vec::new();
        let mut fail = |ifindex, result: Result<()>| {
            if let Err(error) = result {
                failures.push(AttachFailure { ifindex, error });
            }
        };
        let served: Vec<u32> = self.interfaces.keys().copied().collect();
        for ifindex in served {
            let alive = self
                .interfaces
                .get(&ifindex)
                .is_some_and(Attached::is_alive);
            if alive && wanted.contains(&ifindex) {
                continue;
            }
            if let Some(attached) = self.interfaces.remove(&ifindex) {
                fail(ifindex, attached.detach(&self.pins));
            }
        }
        for (ifindex, _) in [attach::XDP_PIN, attach::EGRESS_PIN]
            .map(|prefix| self.pins.links(prefix))
            .concat()
        {
            if !wanted.contains(&ifindex) {
                fail(ifindex, attach::remove_leftovers(&self.pins, ifindex));
            }
        }
        for &ifindex in wanted {
            if !self.interfaces.contains_key(&ifindex) {
                let attached = self.attach(ifindex);
                fail(ifindex, attached);
            }
        }
        if failures.is_empty() {
            self.pins.remove_other_layouts();
        }
        failures
    }

    fn attach(&mut self, ifindex: u32) -> Result<()> {
        let mut programs = Programs {
            xdp: self.xdp.try_clone().context("a descriptor")?,
            egress: egress(&mut self.ebpf)?,
            variant: self.variant,
            pins: &self.pins,
        };
        let attached = programs.attach(ifindex)?;
        self.interfaces.insert(ifindex, attached);
        Ok(())
    }

    /// Where the programs are, by interface index.
    pub fn attachments(&self) -> impl Iterator<Item = &Attachment> {
        self.interfaces.values().map(|attached| &attached.shown)
    }

    /// What a dead daemon leaves standing.
    pub fn fence(&self) -> &Fence {
        self.pins.fence()
    }

    /// A clean stop: takes the programs off every interface and removes all pins.
    /// The virtual addresses must be gone from the interfaces by then, as nothing
    /// fences them afterwards. All of it is tried; the first error is returned.
    pub fn teardown(self) -> Result<()> {
        let Self {
            ebpf,
            pins,
            interfaces,
            ..
        } = self;
        let detached: Vec<Result<()>> = interfaces
            .into_values()
            .map(|attached| attached.detach(&pins))
            .collect();
        let unpinned = pins.remove_all();
        drop(ebpf);
        detached.into_iter().chain([unpinned]).collect()
    }
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

fn egress(ebpf: &mut Ebpf) -> Result<&mut SchedClassifier> {
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
        | Map::RingBuf(data) => Some(data),
        _ => None,
    }
}

/// The maps, out of aya's hands.
struct Maps {
    tables: Tables,
    gates: MapData,
    events: RingBuf<MapData>,
}

impl Maps {
    fn take(ebpf: &mut Ebpf) -> Result<Self> {
        let mut take = |name: &str| {
            ebpf.take_map(name)
                .with_context(|| format!("the BPF object has no map {name}"))
        };
        let Map::Array(gates) = take(name::GATES)? else {
            unreachable!("checked by `shapes`")
        };
        Ok(Self {
            gates,
            events: take(name::EVENTS)?.try_into()?,
            tables: Tables::new(
                take(name::ROUTERS)?,
                take(name::PEERS)?,
                take(name::VIPS)?,
                take(name::SOURCES)?,
                take(name::COUNT)?,
            )?,
        })
    }
}
