//! Everything together: load once, reconcile interfaces, tear down.

use super::{
    attach::{self, Attached, Attachment},
    events::{Events, Unprovens},
    gates::{self, LoopGates, SenderGates},
    instance::Instance,
    kernel::{Variant, Version},
    object::Diagnostics,
    pins::{Fence, Pins},
    programs::{self, Obtained, Programs},
    proofs::Proofs,
    tables::Tables,
};
use anyhow::{Context, Error, Result};
use aya::maps::{Map, MapData, RingBuf};
use std::collections::{BTreeMap, BTreeSet};
use vrrp_common::maps::name;

/// The loaded programs and where they are attached.
///
/// Dropped without [`teardown`](Self::teardown), as in a crash, it leaves
/// everything that is pinned in place: the fence outlives the daemon.
pub struct Dataplane {
    programs: Programs,
    pins: Pins,
    variant: Variant,
    interfaces: BTreeMap<u32, Attached>,
    readdressing: BTreeSet<u32>,
}

/// What [`Dataplane::load`] makes: each part belongs to somebody else.
pub struct Loaded {
    /// Programs and interfaces.
    pub dataplane: Dataplane,
    /// Typed maps, for the event loop.
    pub tables: Tables,
    /// News, for the event loop.
    pub events: Events,
    /// Adverts whose hash is to be verified, for the event loop.
    pub unprovens: Unprovens,
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
    /// the caller shuts those of its gates it does not go on with
    /// ([`LoopGates::close_others`]) and clears its tables.
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
        let Obtained { programs, maps } =
            programs::obtain(&pins, variant, diagnostics, &mut notes)?;
        let maps = Maps::sort(maps)?;
        let (sender_gates, loop_gates) = gates::map(maps.gates.fd())?;
        Ok(Loaded {
            dataplane: Self {
                programs,
                pins,
                variant,
                interfaces: BTreeMap::new(),
                readdressing: BTreeSet::new(),
            },
            tables: maps.tables,
            events: Events::new(maps.events)?,
            unprovens: Unprovens::new(maps.unprovens)?,
            sender_gates,
            loop_gates,
            notes,
        })
    }

    /// The interfaces that take frames to virtual MACs, for the next
    /// [`reconcile`](Self::reconcile). `true`: they are others than before.
    pub fn set_readdressing(&mut self, interfaces: BTreeSet<u32>) -> bool {
        let before = std::mem::replace(&mut self.readdressing, interfaces);
        before != self.readdressing
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
        let mut offload_off = BTreeSet::new();
        for ifindex in served {
            let attached = self.interfaces.get(&ifindex);
            if attached.is_some_and(Attached::is_alive) && wanted.contains(&ifindex) {
                let readdresses = self.readdressing.contains(&ifindex);
                if !attached.is_some_and(|it| it.suits(readdresses)) {
                    // Attached anew below, from what is pinned: the way out stays fenced.
                    let before = self.interfaces.remove(&ifindex);
                    offload_off.extend(
                        before
                            .filter(|it| it.shown.vlan_offload_off)
                            .map(|_| ifindex),
                    );
                }
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
        // Switched off by the attachment before: to be switched on again all the same.
        for ifindex in offload_off {
            if let Some(attached) = self.interfaces.get_mut(&ifindex) {
                attached.shown.vlan_offload_off = true;
            }
        }
        if failures.is_empty() {
            self.pins.remove_other_layouts();
        }
        failures
    }

    fn attach(&mut self, ifindex: u32) -> Result<()> {
        let mut programs = attach::Programs {
            xdp: self.programs.xdp.try_clone().context("a descriptor")?,
            egress: self.programs.egress()?,
            variant: self.variant,
            pins: &self.pins,
            readdresses: self.readdressing.contains(&ifindex),
        };
        let attached = programs.attach(ifindex)?;
        self.interfaces.insert(ifindex, attached);
        Ok(())
    }

    /// Where the programs are, by interface index.
    pub fn attachments(&self) -> impl Iterator<Item = &Attachment> {
        self.interfaces.values().map(|attached| &attached.shown)
    }

    /// Interfaces with programs that a predecessor pinned.
    pub fn left_on(&self) -> impl Iterator<Item = u32> {
        let links = self.pins.links(attach::XDP_PIN).into_iter();
        links.map(|(ifindex, _)| ifindex)
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
            programs,
            pins,
            interfaces,
            ..
        } = self;
        let detached: Vec<Result<()>> = interfaces
            .into_values()
            .map(|attached| attached.detach(&pins))
            .collect();
        let unpinned = pins.remove_all();
        drop(programs);
        detached.into_iter().chain([unpinned]).collect()
    }
}

/// The maps by what they are for.
struct Maps {
    tables: Tables,
    gates: MapData,
    events: RingBuf<MapData>,
    unprovens: RingBuf<MapData>,
}

impl Maps {
    fn sort(mut maps: BTreeMap<&'static str, Map>) -> Result<Self> {
        let mut take = |name: &str| {
            maps.remove(name)
                .with_context(|| format!("there is no map {name}"))
        };
        let Map::Array(gates) = take(name::GATES)? else {
            unreachable!("checked by `shapes`")
        };
        Ok(Self {
            gates,
            events: take(name::EVENTS)?.try_into()?,
            unprovens: take(name::UNPROVEN)?.try_into()?,
            tables: Tables::new(
                take(name::ROUTERS)?,
                take(name::PEERS)?,
                take(name::VIPS)?,
                take(name::SOURCES)?,
                (take(name::STATIONS)?, take(name::HINTS)?),
                take(name::COUNT)?,
                Proofs::new(
                    take(name::PROVEN)?,
                    take(name::JUDGED)?,
                    take(name::SEQUENCE)?,
                    take(name::TALKERS)?,
                )?,
            )?,
        })
    }
}
