//! Another daemon's maps, read-only: for `status`, `top`, the lab. Needs nothing
//! from the daemon itself, so it works while that is stopped.

use super::{
    bpffs,
    instance::Instance,
    pins, syscall,
    tables::{self, address},
};
use crate::{ownership::standing::Standing, shell::clock, time::Instant};
use anyhow::{Context, Result, anyhow, bail};
use aya::maps::{Array, HashMap, Map, MapData, PerCpuArray};
use core::{net::IpAddr, time::Duration};
use std::{
    fs,
    path::{Path, PathBuf},
};
use vrrp_common::{
    counter::{Cause, Counters},
    gate::Gate,
    maps::{
        Peer, PeerKey, Talker, TalkerKey, VIP_IN_STACK, Vip, VipKey, VirtualRouter, VrKey, name,
    },
};

/// The pinned maps of one daemon.
pub struct Reader {
    instance: Instance,
    routers: HashMap<MapData, VrKey, VirtualRouter>,
    peers: HashMap<MapData, PeerKey, Peer>,
    gates: Array<MapData, Gate>,
    vips: HashMap<MapData, VipKey, Vip>,
    talkers: HashMap<MapData, TalkerKey, Talker>,
    count: PerCpuArray<MapData, Counters>,
    judged: Array<MapData, Counters>,
}

/// Everything in the maps, at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// When it was read.
    pub at: Instant,
    /// Virtual routers, by key.
    pub routers: Vec<RouterView>,
    /// Virtual addresses, by key.
    pub vips: Vec<VipView>,
    /// Whose packets were refused, most of them first.
    pub talkers: Vec<TalkerView>,
    /// Counters summed over all CPUs.
    pub counters: Counters,
}

/// A virtual router, its gate and its peers.
#[derive(Clone, Debug, PartialEq)]
pub struct RouterView {
    /// Its key.
    pub key: VrKey,
    /// Its record.
    pub router: VirtualRouter,
    /// Source of its adverts.
    pub own_address: IpAddr,
    /// Its group's gate.
    pub gate: Gate,
    /// How the gate stood when it was read.
    pub standing: Standing,
    /// The gate was open when it was read.
    pub open: bool,
    /// What is left of the lease; zero when it is over.
    pub lease_left: Duration,
    /// Everybody heard, by source.
    pub peers: Vec<PeerView>,
}

/// A source of adverts.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerView {
    /// Its address.
    pub source: IpAddr,
    /// Its record.
    pub peer: Peer,
    /// Time since its last advert.
    pub age: Duration,
}

/// A sender of packets that were refused.
#[derive(Clone, Debug, PartialEq)]
pub struct TalkerView {
    /// Interface they came in by.
    pub ifindex: u32,
    /// Its IP address, as it says.
    pub source: IpAddr,
    /// Its Ethernet address, as it says.
    pub mac: [u8; 6],
    /// How many; an estimate where they came in a flood.
    pub dropped: u64,
    /// Why the last of them was refused.
    pub cause: Option<Cause>,
    /// Virtual router ID in the last of them.
    pub vrid: u32,
    /// Time since the last of them.
    pub age: Duration,
}

/// A virtual address.
#[derive(Clone, Debug, PartialEq)]
pub struct VipView {
    /// Interface that carries it.
    pub ifindex: u32,
    /// The address.
    pub address: IpAddr,
    /// Its record.
    pub vip: Vip,
    /// It is on the interface.
    pub in_stack: bool,
    /// Its gate was open when it was read.
    pub open: bool,
}

impl Reader {
    /// Daemons with pinned maps, of every network namespace of this host. A daemon
    /// that crashed is among them: its fence stands.
    pub fn list() -> Result<Vec<Instance>> {
        Ok(directories()?
            .into_iter()
            .map(|(instance, _)| instance)
            .collect())
    }

    /// Opens the maps of `instance`.
    pub fn open(instance: &Instance) -> Result<Self> {
        let dir = directories()?
            .into_iter()
            .find_map(|(found, dir)| (found == *instance).then_some(dir))
            .ok_or_else(|| {
                anyhow!(
                    "no xvrrpd {instance} has maps below {}/xvrrp; is it running?",
                    bpffs::MOUNT_POINT
                )
            })?;
        Self::open_directory(instance.clone(), &dir)
    }

    fn open_directory(instance: Instance, dir: &Path) -> Result<Self> {
        let map = |name: &str| open(dir, name);
        let Map::Array(gates) = map(name::GATES)? else {
            bail!("{} is no array", name::GATES)
        };
        Ok(Self {
            instance,
            routers: map(name::ROUTERS)?.try_into()?,
            peers: map(name::PEERS)?.try_into()?,
            gates: Map::Array(gates).try_into()?,
            vips: map(name::VIPS)?.try_into()?,
            talkers: map(name::TALKERS)?.try_into()?,
            count: map(name::COUNT)?.try_into()?,
            judged: map(name::JUDGED)?.try_into()?,
        })
    }

    /// Whose maps these are.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// The process that holds this instance's pid file, if it lives.
    pub fn pid(&self) -> Option<u32> {
        let pid: u32 = fs::read_to_string(self.instance.pid_file())
            .ok()?
            .trim()
            .parse()
            .ok()?;
        Path::new(&format!("/proc/{pid}")).is_dir().then_some(pid)
    }

    /// One gate.
    pub fn gate(&self, index: u32) -> Result<Gate> {
        self.gates
            .get(&index, 0)
            .with_context(|| format!("{}[{index}]", name::GATES))
    }

    /// Reads everything.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let mut routers = self
            .routers
            .iter()
            .collect::<Result<Vec<_>, _>>()
            .context(name::ROUTERS)?;
        let mut peers = self
            .peers
            .iter()
            .collect::<Result<Vec<_>, _>>()
            .context(name::PEERS)?;
        let mut vips = self
            .vips
            .iter()
            .collect::<Result<Vec<_>, _>>()
            .context(name::VIPS)?;
        routers.sort_by_key(|(key, _)| *key);
        peers.sort_by_key(|(key, _)| *key);
        vips.sort_by_key(|(key, _)| *key);
        let mut counters = tables::sum(&self.count)?;
        counters.add(&self.judged.get(&0, 0).context(name::JUDGED)?);
        let mut talkers = self
            .talkers
            .iter()
            .collect::<Result<Vec<_>, _>>()
            .context(name::TALKERS)?;
        talkers.sort_by_key(|(key, talker)| (std::cmp::Reverse(talker.dropped), *key));
        // Last, so that no peer seems to have been heard in the future.
        let at = clock::now();
        let routers = routers
            .into_iter()
            .map(|(key, router)| {
                let gate = self.gate(router.gate)?;
                Ok(RouterView {
                    key,
                    router,
                    own_address: address(key.family, router.own_address),
                    gate,
                    standing: Standing::of(&gate, at),
                    open: gate.is_open(at.as_ns()),
                    lease_left: Instant::from_ns(gate.lease_end_ns).since(at),
                    peers: peers
                        .iter()
                        .filter(|(peer, _)| peer.vr == key)
                        .map(|(key, peer)| peer_view(at, key, peer))
                        .collect(),
                })
            })
            .collect::<Result<_>>()?;
        let vips = vips
            .into_iter()
            .map(|(key, vip)| {
                Ok(VipView {
                    ifindex: key.ifindex,
                    address: address(key.family, key.address),
                    vip,
                    in_stack: vip.flags & VIP_IN_STACK != 0,
                    open: self.gate(vip.gate)?.is_open(at.as_ns()),
                })
            })
            .collect::<Result<_>>()?;
        Ok(Snapshot {
            at,
            routers,
            vips,
            talkers: talkers
                .iter()
                .map(|(key, talker)| talker_view(at, key, talker))
                .collect(),
            counters,
        })
    }
}

fn peer_view(at: Instant, key: &PeerKey, peer: &Peer) -> PeerView {
    PeerView {
        source: address(key.vr.family, key.source),
        peer: *peer,
        age: at.since(Instant::from_ns(peer.last_seen_ns)),
    }
}

fn talker_view(at: Instant, key: &TalkerKey, talker: &Talker) -> TalkerView {
    TalkerView {
        ifindex: key.ifindex,
        source: address(key.family, key.source),
        mac: key.mac,
        dropped: talker.dropped,
        cause: Cause::from_index(talker.cause),
        vrid: talker.vrid,
        age: at.since(Instant::from_ns(talker.last_seen_ns)),
    }
}

fn directories() -> Result<Vec<(Instance, PathBuf)>> {
    pins::list_instances().map_err(|why| anyhow!("{why}"))
}

fn open(dir: &Path, name: &str) -> Result<Map> {
    let fd = syscall::open_pin_read_only(&dir.join(name))
        .with_context(|| format!("cannot read the map {name} in {} (as root?)", dir.display()))?;
    Ok(Map::from_map_data(MapData::from_fd(fd)?)?)
}
