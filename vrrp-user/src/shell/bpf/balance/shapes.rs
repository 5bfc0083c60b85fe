//! What the balancer's maps must look like.

use crate::shell::bpf::shapes::{Shape, hash, of_kind};
use aya::maps::MapType;
use vrrp_common::balance::{
    Connection, Counters, FlowKey, Fragment, FragmentKey, Hop, Load, MAX_CONNECTIONS,
    MAX_FRAGMENTS, MAX_HOPS, MAX_KEYS, MAX_RING_PAGES, MAX_SERVERS, MAX_SERVICES, MAX_STICKY,
    RingPage, Rules, Server, Service, ServiceKey, Sticky, StickyKey, Traffic, Turn, name,
};

use MapType::{Array, LruHash, PerCpuArray};

/// Those that only some of the balancer's programs use, and that may not be there.
pub(super) const OPTIONAL: [&str; 1] = [name::REVERSE];

/// Every map that is the balancer's own, by kernel name.
pub(super) const MAPS: [(&str, Shape); 14] = [
    (name::KEYS, hash::<ServiceKey, u32>(MAX_KEYS)),
    (name::SERVICES, of_kind::<u32, Service>(Array, MAX_SERVICES)),
    (name::SERVERS, of_kind::<u32, Server>(Array, MAX_SERVERS)),
    (name::HOPS, of_kind::<u32, Hop>(Array, MAX_HOPS)),
    (name::RINGS, of_kind::<u32, RingPage>(Array, MAX_RING_PAGES)),
    (name::RULES, of_kind::<u32, Rules>(Array, 1)),
    (name::LOAD, of_kind::<u32, Load>(Array, MAX_SERVERS)),
    (name::TURNS, of_kind::<u32, Turn>(Array, MAX_SERVICES)),
    (
        name::CONNECTIONS,
        of_kind::<FlowKey, Connection>(LruHash, MAX_CONNECTIONS),
    ),
    (
        name::REVERSE,
        of_kind::<FlowKey, FlowKey>(LruHash, MAX_CONNECTIONS),
    ),
    (
        name::STICKY,
        of_kind::<StickyKey, Sticky>(LruHash, MAX_STICKY),
    ),
    (
        name::FRAGMENTS,
        of_kind::<FragmentKey, Fragment>(LruHash, MAX_FRAGMENTS),
    ),
    (
        name::TRAFFIC,
        of_kind::<u32, Traffic>(PerCpuArray, MAX_SERVERS),
    ),
    (name::COUNT, of_kind::<u32, Counters>(PerCpuArray, 1)),
];
