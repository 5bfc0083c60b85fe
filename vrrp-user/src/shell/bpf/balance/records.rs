//! The balancer's maps, written as the director says and read for the sweep.

use super::mapped::Mapped;
use crate::{balance::Inheritance, shell::bpf::syscall};
use anyhow::{Context, Result, bail};
use aya::{
    maps::{HashMap, IterableMap, Map, MapData, MapError, PerCpuArray, PerCpuValues},
    util::nr_cpus,
};
use std::{collections::BTreeMap, os::fd::AsFd};
use vrrp_common::balance::{
    Connection, Counters, FlowKey, Hop, Load, MAX_HOPS, MAX_RING_PAGES, MAX_SERVERS, MAX_SERVICES,
    PAGE_SLOTS, RingPage, Rules, SERVICE_LIVE, Server, Service, ServiceKey, Sticky, StickyKey,
    Traffic, Watched, name,
};

/// Words of a [`Service`]: the two that name rings come last.
const SERVICE_ORDER: [usize; 8] = [5, 6, 7, 4, 3, 2, 1, 0];
/// Its flags and its gate.
const SERVICE_FLAGS: usize = 2;
/// Words of a [`Server`] that may change while connections name it: weight and hop,
/// flags and generation.
const SERVER_CHANGES: [usize; 2] = [4, 5];
/// Those written before them in a new server.
const SERVER_REST: [usize; 7] = [0, 1, 2, 3, 6, 7, 8];
/// Its flags and its generation.
const SERVER_FLAGS: usize = 5;

const _: () = {
    assert!(core::mem::offset_of!(Service, ring) == 0);
    assert!(core::mem::offset_of!(Service, members) == 8);
    assert!(core::mem::offset_of!(Service, flags) / 8 == SERVICE_FLAGS);
    assert!(core::mem::offset_of!(Server, weight) / 8 == SERVER_CHANGES[0]);
    assert!(core::mem::offset_of!(Server, hop) / 8 == SERVER_CHANGES[0]);
    assert!(core::mem::offset_of!(Server, flags) / 8 == SERVER_FLAGS);
    assert!(core::mem::offset_of!(Server, generation) / 8 == SERVER_FLAGS);
    assert!(size_of::<Service>() == SERVICE_ORDER.len() * 8);
    assert!(size_of::<Server>() == (SERVER_REST.len() + SERVER_CHANGES.len()) * 8);
};

/// Words of a [`Load`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadWord {
    /// [`Load::active`].
    Active = 0,
    /// [`Load::inactive`].
    Inactive = 1,
    /// [`Load::sticky`].
    Sticky = 2,
}

/// Word of [`Load::overloaded`].
const OVERLOADED: usize = 3;

/// The balancer's maps. One thread writes them.
pub struct Records {
    keys: HashMap<MapData, ServiceKey, u32>,
    services: Mapped<Service>,
    servers: Mapped<Server>,
    hops: Mapped<Hop>,
    rings: Mapped<RingPage>,
    rules: Mapped<Rules>,
    load: Mapped<Load>,
    watched: Mapped<Watched>,
    connections: HashMap<MapData, FlowKey, Connection>,
    /// Not there where the programs know no NAT.
    reverse: Option<HashMap<MapData, FlowKey, FlowKey>>,
    sticky: HashMap<MapData, StickyKey, Sticky>,
    traffic: PerCpuArray<MapData, Traffic>,
    count: PerCpuArray<MapData, Counters>,
}

impl Records {
    /// From the maps by kernel name, whose shapes were checked.
    pub(super) fn new(mut maps: BTreeMap<&'static str, Map>) -> Result<Self> {
        let mut take = |name: &str| {
            maps.remove(name)
                .with_context(|| format!("there is no map {name}"))
        };
        Ok(Self {
            services: mapped(take(name::SERVICES)?, MAX_SERVICES, name::SERVICES)?,
            servers: mapped(take(name::SERVERS)?, MAX_SERVERS, name::SERVERS)?,
            hops: mapped(take(name::HOPS)?, MAX_HOPS, name::HOPS)?,
            rings: mapped(take(name::RINGS)?, MAX_RING_PAGES, name::RINGS)?,
            rules: mapped(take(name::RULES)?, 1, name::RULES)?,
            load: mapped(take(name::LOAD)?, MAX_SERVERS, name::LOAD)?,
            watched: mapped(take(name::WATCHED)?, 1, name::WATCHED)?,
            keys: take(name::KEYS)?.try_into()?,
            connections: take(name::CONNECTIONS)?.try_into()?,
            reverse: take(name::REVERSE)
                .ok()
                .map(HashMap::try_from)
                .transpose()?,
            sticky: take(name::STICKY)?.try_into()?,
            traffic: take(name::TRAFFIC)?.try_into()?,
            count: take(name::COUNT)?.try_into()?,
        })
    }

    /// Slots from a page on; what is left of the last page is nobody.
    pub fn write_ring(&self, page: u32, slots: &[u16]) -> Result<()> {
        for (page, chunk) in (page..).zip(slots.chunks(PAGE_SLOTS)) {
            let mut value = RingPage {
                slots: [0; PAGE_SLOTS],
            };
            value.slots[..chunk.len()].copy_from_slice(chunk);
            self.rings.write(page, &value).context(name::RINGS)?;
        }
        Ok(())
    }

    /// A record that no server names yet.
    pub fn write_hop(&self, id: u32, hop: &Hop) -> Result<()> {
        self.hops.write(id, hop).context(name::HOPS)
    }

    /// Weight, hop, flags and generation last; of the others nothing is another while
    /// somebody may look.
    pub fn write_server(&self, id: u32, server: &Server) -> Result<()> {
        let before = self.servers.read(id);
        let write = || {
            if before.generation != server.generation {
                // Whoever comes by meanwhile finds neither the old one nor the new.
                self.servers.store(id, &Server::default(), [SERVER_FLAGS])?;
            }
            self.servers.store(id, server, SERVER_REST)?;
            self.servers.store(id, server, SERVER_CHANGES)
        };
        write().context(name::SERVERS)
    }

    /// Its rings last: they are in place by then.
    pub fn write_service(&self, id: u32, service: &Service) -> Result<()> {
        let before = self.services.read(id);
        let write = || {
            if before.generation != service.generation {
                let none = Service {
                    gate: service.gate,
                    ..Service::default()
                };
                self.services.store(id, &none, [SERVICE_FLAGS])?;
            }
            self.services.store(id, service, SERVICE_ORDER)
        };
        write().context(name::SERVICES)
    }

    /// What is listened on; `None`: no more.
    pub fn set_key(&mut self, key: &ServiceKey, service: Option<u32>) -> Result<()> {
        let done = match service {
            Some(id) => self.keys.insert(key, id, 0),
            None => gone_is_well(self.keys.remove(key)),
        };
        done.context(name::KEYS)
    }

    /// What holds for all.
    pub fn write_rules(&self, rules: &Rules) -> Result<()> {
        self.rules.write(0, rules).context(name::RULES)
    }

    /// What is worth the balancer's while.
    pub fn write_watched(&self, watched: &Watched) -> Result<()> {
        self.watched.write(0, watched).context(name::WATCHED)
    }

    /// A server's counters begin at zero.
    pub fn clear_traffic(&mut self, server: u32) -> Result<()> {
        let cpus = nr_cpus().map_err(|(_, error)| error)?;
        let zero = PerCpuValues::try_from(vec![Traffic::default(); cpus])?;
        self.traffic.set(server, zero, 0).context(name::TRAFFIC)
    }

    /// All it counted.
    pub fn traffic(&self, server: u32) -> Result<Traffic> {
        let each = self.traffic.get(&server, 0).context(name::TRAFFIC)?;
        let mut sum = Traffic::default();
        for it in each.iter() {
            sum.connections = sum.connections.wrapping_add(it.connections);
            sum.packets_in = sum.packets_in.wrapping_add(it.packets_in);
            sum.bytes_in = sum.bytes_in.wrapping_add(it.bytes_in);
            sum.packets_out = sum.packets_out.wrapping_add(it.packets_out);
            sum.bytes_out = sum.bytes_out.wrapping_add(it.bytes_out);
        }
        Ok(sum)
    }

    /// Counters over all CPUs.
    pub fn counters(&self) -> Result<Counters> {
        let mut sum = Counters::default();
        for it in self.count.get(&0, 0).context(name::COUNT)?.iter() {
            sum.add(it);
        }
        Ok(sum)
    }

    /// What holds for all.
    pub fn rules(&self) -> Rules {
        self.rules.read(0)
    }

    /// A server's record.
    pub fn server(&self, id: u32) -> Server {
        self.servers.read(id)
    }

    /// A service's record.
    pub fn service(&self, id: u32) -> Service {
        self.services.read(id)
    }

    /// A generation that no service and no server had.
    pub fn next_generation(&self) -> u32 {
        let of = |max: usize| 0..u32::try_from(max).unwrap_or(u32::MAX);
        let services = of(MAX_SERVICES).map(|id| self.services.read(id).generation);
        let servers = of(MAX_SERVERS).map(|id| self.servers.read(id).generation);
        services.chain(servers).max().unwrap_or(0).wrapping_add(1)
    }

    /// What a predecessor left.
    pub fn standing(&self) -> Result<Inheritance> {
        let of = |max: usize| 0..u32::try_from(max).unwrap_or(u32::MAX);
        let servers: BTreeMap<u32, Server> = of(MAX_SERVERS)
            .map(|id| (id, self.servers.read(id)))
            .filter(|(_, it)| it.generation != 0)
            .collect();
        let services: BTreeMap<u32, Service> = of(MAX_SERVICES)
            .map(|id| (id, self.services.read(id)))
            .filter(|(_, it)| it.generation != 0)
            .collect();
        let live = services
            .iter()
            .filter(|(_, it)| it.flags & SERVICE_LIVE != 0);
        let rings = live.map(|(&id, it)| (id, [self.ring(it.ring), self.ring(it.members)]));
        let rings = rings.collect();
        let hops = servers.values().filter(|it| it.hop != 0);
        let hops = hops.map(|it| (it.hop, self.hops.read(it.hop))).collect();
        Ok(Inheritance {
            keys: self.keys()?.into_iter().collect(),
            services,
            servers,
            hops,
            rings,
        })
    }

    /// The servers of a ring, in the order of its slots.
    pub fn ring(&self, ring: u64) -> Vec<u16> {
        let (page, slots) = (
            vrrp_common::balance::ring_page(ring),
            vrrp_common::balance::ring_slots(ring) as usize,
        );
        let pages = slots.div_ceil(PAGE_SLOTS);
        let mut all: Vec<u16> = (page..)
            .take(pages)
            .flat_map(|page| self.rings.read(page).slots)
            .collect();
        all.truncate(slots);
        all
    }

    /// How many connections a server has, as the programs count.
    pub fn load(&self, server: u32) -> Load {
        self.load.read(server)
    }

    /// Adds to one of its numbers.
    pub fn add_load(&self, server: u32, word: LoadWord, delta: i64) {
        if delta != 0 {
            self.load.add(server, word as usize, delta);
        }
    }

    /// It takes connections again.
    pub fn relieve(&self, server: u32) -> Result<()> {
        self.load
            .store(server, &Load::default(), [OVERLOADED])
            .context(name::LOAD)
    }

    /// Everything that is listened on.
    pub fn keys(&self) -> Result<Vec<(ServiceKey, u32)>> {
        self.keys
            .iter()
            .collect::<Result<_, _>>()
            .context(name::KEYS)
    }

    /// Some connections, from where `cursor` is.
    pub fn connections(&self, cursor: &mut Cursor) -> Result<Vec<(FlowKey, Connection)>> {
        cursor
            .next(fd(&self.connections))
            .context(name::CONNECTIONS)
    }

    /// One connection.
    pub fn connection(&self, key: &FlowKey) -> Option<Connection> {
        self.connections.get(key, 0).ok()
    }

    /// Forgets a connection; one that went by itself is forgotten, too.
    pub fn forget(&mut self, key: &FlowKey) -> Result<()> {
        gone_is_well(self.connections.remove(key)).context(name::CONNECTIONS)
    }

    /// Some ways back, from where `cursor` is.
    pub fn returns(&self, cursor: &mut Cursor) -> Result<Vec<(FlowKey, FlowKey)>> {
        let Some(reverse) = &self.reverse else {
            cursor.end();
            return Ok(Vec::new());
        };
        cursor.next(fd(reverse)).context(name::REVERSE)
    }

    /// Forgets a way back.
    pub fn forget_return(&mut self, key: &FlowKey) -> Result<()> {
        let done = self.reverse.as_mut().map(|it| it.remove(key));
        gone_is_well(done.unwrap_or(Ok(()))).context(name::REVERSE)
    }

    /// Some clients that stay with a server, from where `cursor` is.
    pub fn sticky(&self, cursor: &mut Cursor) -> Result<Vec<(StickyKey, Sticky)>> {
        cursor.next(fd(&self.sticky)).context(name::STICKY)
    }

    /// One of them.
    pub fn sticky_of(&self, key: &StickyKey) -> Option<Sticky> {
        self.sticky.get(key, 0).ok()
    }

    /// Forgets one.
    pub fn forget_sticky(&mut self, key: &StickyKey) -> Result<()> {
        gone_is_well(self.sticky.remove(key)).context(name::STICKY)
    }
}

fn fd<K: aya::Pod, V: aya::Pod>(map: &HashMap<MapData, K, V>) -> impl AsFd + use<'_, K, V> {
    IterableMap::map(map).fd()
}

fn mapped<T: bytemuck::Pod>(map: Map, records: usize, name: &str) -> Result<Mapped<T>> {
    let Map::Array(data) = map else {
        bail!("{name} is no array")
    };
    Mapped::map(data.fd(), records, name)
}

/// What is to be removed may be gone: an LRU forgets by itself.
fn gone_is_well(done: Result<(), MapError>) -> Result<(), MapError> {
    match done {
        Err(MapError::KeyNotFound) => Ok(()),
        Err(MapError::SyscallError(error))
            if error.io_error.raw_os_error() == Some(libc::ENOENT) =>
        {
            Ok(())
        }
        done => done,
    }
}

/// How far a map has been read.
#[derive(Debug)]
pub struct Cursor {
    place: syscall::Batch,
    at_once: usize,
}

impl Cursor {
    /// At the beginning; so many entries are read at a time, or a few more.
    pub const fn new(at_once: usize) -> Self {
        Self {
            place: syscall::Batch::Start,
            at_once,
        }
    }

    /// There is nothing to read.
    const fn end(&mut self) {
        self.place = syscall::Batch::End;
    }

    /// Everything has been read.
    pub fn is_at_end(&self) -> bool {
        matches!(self.place, syscall::Batch::End)
    }

    fn next<K: bytemuck::Pod, V: bytemuck::Pod>(
        &mut self,
        map: impl AsFd,
    ) -> std::io::Result<Vec<(K, V)>> {
        loop {
            match syscall::lookup_batch(map.as_fd(), &mut self.place, self.at_once) {
                // A bucket holds more than was room for.
                Err(error) if error.raw_os_error() == Some(libc::ENOSPC) => self.at_once *= 2,
                done => return done,
            }
        }
    }
}
