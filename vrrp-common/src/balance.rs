//! `virtual_server` in the kernel: every map, and what both sides make of it.
//!
//! The maps are the balancer's own object's and are made when the first
//! `virtual_server` is configured. Byte order and padding are as in
//! [`maps`](crate::maps).
//!
//! | map (kernel name) | kind | key | value | written by |
//! |---|---|---|---|---|
//! | `XVRRP_KEYS` | hash | [`ServiceKey`] | service id | director |
//! | `XVRRP_SERVICES` | mmapable array | service id | [`Service`] | director |
//! | `XVRRP_SERVERS` | mmapable array | server id | [`Server`] | director |
//! | `XVRRP_HOPS` | mmapable array | hop id | [`Hop`] | director |
//! | `XVRRP_RINGS` | mmapable array | page | [`RingPage`] | director |
//! | `XVRRP_RULES` | mmapable array | 0 | [`Rules`] | director |
//! | `XVRRP_LOAD` | mmapable array | server id | [`Load`] | XDP; set right by the director |
//! | `XVRRP_TURNS` | array | service id | [`Turn`] | XDP |
//! | `XVRRP_CONNS` | LRU hash | [`FlowKey`] | [`Connection`] | XDP; swept by the director |
//! | `XVRRP_REVERSE` | LRU hash | [`FlowKey`] | [`FlowKey`] | XDP; swept by the director |
//! | `XVRRP_STICKY` | LRU hash | [`StickyKey`] | [`Sticky`] | XDP; swept by the director |
//! | `XVRRP_FRAGMENTS` | LRU hash | [`FragmentKey`] | [`Fragment`] | XDP |
//! | `XVRRP_TRAFFIC` | per-CPU array | server id | [`Traffic`] | XDP |
//! | `XVRRP_LB_COUNT` | per-CPU array | 0 | [`Counters`] | XDP |
//! | `XVRRP_WATCHED` | mmapable array | 0 | [`Watched`] | director; the VRRP object's |
//! | `XVRRP_NEXT` | program array | `NEXT_*` | program | director; the VRRP object's |
//! | `XVRRP_NEXT_OLD` | program array | `NEXT_*` | program without fragments | the same |
//! | `XVRRP_LB_WORK` | per-CPU array | 0 | what one program tells the next | XDP; of no use outside |
//!
//! The balancer's programs use maps of the VRRP object as well: [`SHARED`]. A program
//! array takes programs of one kind, so there are two, and the programs that take packets
//! in fragments (kernel 5.18) go by the one, those that do not by the other.
//!
//! # How a change becomes whole
//!
//! The director writes mapped memory, one aligned word at a time, while programs read
//! it. So whatever belongs together is written where nobody looks yet, and then named by
//! one word: a ring by [`Service::ring`], a next hop by [`Server::hop`]. What was
//! replaced is used again no sooner than [`GRACE_NS`] later, when no program can still
//! be reading it. A server's record is written once in its life, but for `weight`, `hop`
//! and `flags`; an id that is given to another server has another `generation`, and
//! connections carry the one they were made with.

#![allow(clippy::inline_always, reason = "the BPF side has to see through it")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_lossless,
    reason = "halves of a word; and `From` is not const"
)]

use crate::counter::causes;

/// Kernel name of each map: at most 15 characters, or the kernel cuts it.
pub mod name {
    #![allow(missing_docs)]
    pub const KEYS: &str = "XVRRP_KEYS";
    pub const SERVICES: &str = "XVRRP_SERVICES";
    pub const SERVERS: &str = "XVRRP_SERVERS";
    pub const HOPS: &str = "XVRRP_HOPS";
    pub const RINGS: &str = "XVRRP_RINGS";
    pub const RULES: &str = "XVRRP_RULES";
    pub const LOAD: &str = "XVRRP_LOAD";
    pub const TURNS: &str = "XVRRP_TURNS";
    pub const CONNECTIONS: &str = "XVRRP_CONNS";
    pub const REVERSE: &str = "XVRRP_REVERSE";
    pub const STICKY: &str = "XVRRP_STICKY";
    pub const FRAGMENTS: &str = "XVRRP_FRAGMENTS";
    pub const TRAFFIC: &str = "XVRRP_TRAFFIC";
    pub const COUNT: &str = "XVRRP_LB_COUNT";
    pub const WATCHED: &str = "XVRRP_WATCHED";
    pub const NEXT: &str = "XVRRP_NEXT";
    pub const NEXT_OLD: &str = "XVRRP_NEXT_OLD";
    pub const WORK: &str = "XVRRP_LB_WORK";
}

/// Maps that the balancer's object shares with the VRRP object, by kernel name: whoever
/// loads it gives it those of the VRRP object.
pub const SHARED: [&str; 5] = [
    crate::maps::name::GATES,
    crate::maps::name::VIPS,
    crate::maps::name::COUNT,
    name::NEXT,
    name::NEXT_OLD,
];

/// Addresses, ports and protocols served, all services together.
pub const MAX_KEYS: usize = 16384;
/// Services.
pub const MAX_SERVICES: usize = 4096;
/// Servers, one for each service they stand in; id 0 is nobody.
pub const MAX_SERVERS: usize = 8192;
/// Ways to reach servers; id 0 is none.
pub const MAX_HOPS: usize = 8192;
/// Pages of ring slots.
pub const MAX_RING_PAGES: usize = 4096;
/// Connections, unless the configuration says otherwise.
pub const MAX_CONNECTIONS: usize = 1 << 20;
/// Clients that stay with a server.
pub const MAX_STICKY: usize = 1 << 17;
/// Packets in fragments at a time.
pub const MAX_FRAGMENTS: usize = 1 << 14;
/// Servers whose load an exact scheduler compares; of more it compares two.
pub const MAX_SCAN: usize = 64;

/// What was replaced is left alone for so long.
pub const GRACE_NS: u64 = 1_000_000_000;

/// `XVRRP_NEXT`: IPv4, from XDP.
pub const NEXT_V4: u32 = 0;
/// `XVRRP_NEXT`: IPv6, from XDP.
pub const NEXT_V6: u32 = 1;
/// `XVRRP_NEXT`: a packet of nobody's connection, which may begin one.
pub const NEXT_BEGIN: u32 = 2;
/// `XVRRP_NEXT`: what is to be answered.
pub const NEXT_ANSWER: u32 = 3;
/// Slots of `XVRRP_NEXT`; what follows the first two is between the balancer's own
/// programs.
pub const MAX_NEXT: usize = 16;

/// What a service listens on.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceKey {
    /// Destination address.
    pub address: [u8; 16],
    /// Destination port; 0: every port that has no service of its own.
    pub port: u16,
    /// IP protocol.
    pub protocol: u8,
    /// [`FAMILY_V4`](crate::maps::FAMILY_V4) or [`FAMILY_V6`](crate::maps::FAMILY_V6).
    pub family: u8,
}

/// Schedulers, as `lb_algo` names them.
pub mod scheduler {
    #![allow(missing_docs)]
    pub const RR: u8 = 0;
    pub const WRR: u8 = 1;
    pub const LC: u8 = 2;
    pub const WLC: u8 = 3;
    pub const SED: u8 = 4;
    pub const NQ: u8 = 5;
    pub const SH: u8 = 6;
    pub const DH: u8 = 7;
    pub const MH: u8 = 8;
    pub const FO: u8 = 9;
    pub const OVF: u8 = 10;
    pub const LBLC: u8 = 11;
    pub const LBLCR: u8 = 12;
    pub const TWOS: u8 = 13;
    /// Weighted Maglev over 65537 slots; ours.
    pub const MAGLEV: u8 = 14;
}

/// [`Service::gate`]: its address is no virtual address of ours; it forwards always.
pub const NO_GATE: u32 = u32::MAX;

/// [`Service::flags`]: the record is one. Cleared first when a service goes.
pub const SERVICE_LIVE: u32 = 1 << 0;
/// [`Service::flags`]: clients stay with a server (`persistence_timeout`).
pub const SERVICE_STICKY: u32 = 1 << 1;
/// [`Service::flags`]: every packet is scheduled by itself (`ops`).
pub const SERVICE_ONE_PACKET: u32 = 1 << 2;
/// [`Service::flags`]: the hash takes in the port (`sh-port`, `mh-port`).
pub const SERVICE_HASH_PORT: u32 = 1 << 3;
/// [`Service::flags`]: a hash that ends at a server that takes nobody goes on to the
/// next (`sh-fallback`, `mh-fallback`).
pub const SERVICE_FALLBACK: u32 = 1 << 4;
/// [`Service::flags`]: a packet in the middle of an unknown TCP connection is scheduled.
pub const SERVICE_SLOPPY: u32 = 1 << 5;
/// [`Service::flags`]: it has no server that could be chosen.
pub const SERVICE_EMPTY: u32 = 1 << 6;

/// A service.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Its ring ([`ring`]); of a scheduler that compares, its servers in their order.
    pub ring: u64,
    /// Its servers in their order, for what has to look at them all, and whose weights
    /// may be 0 ([`ring`]).
    pub members: u64,
    /// Gate that must be open, or [`NO_GATE`].
    pub gate: u32,
    /// `SERVICE_*`.
    pub flags: u32,
    /// How long a client stays with a server after its last new connection, seconds.
    pub sticky_s: u32,
    /// How many leading bits of its address are the client.
    pub sticky_bits: u32,
    /// `scheduler::*`.
    pub scheduler: u32,
    /// Counts up with each service that gets this id.
    pub generation: u32,
    /// Explicit padding, zero.
    pub pad: [u64; 3],
}

/// [`Service::ring`]: `slots` slots from page `page` on. No slots: nobody.
#[must_use]
pub const fn ring(page: u32, slots: u32) -> u64 {
    (slots as u64) << 32 | page as u64
}

/// First page of a ring.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "the lower half")]
pub const fn ring_page(ring: u64) -> u32 {
    (ring & u32::MAX as u64) as u32
}

/// Slots of a ring.
#[must_use]
pub const fn ring_slots(ring: u64) -> u32 {
    (ring >> 32) as u32
}

/// Slots of a page; a power of two.
pub const PAGE_SLOTS: usize = 512;

/// A piece of a ring. A ring may lie over several pages, which follow each other.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingPage {
    /// Server ids; 0: nobody.
    pub slots: [u16; PAGE_SLOTS],
}

/// [`Server::method`]: same address, other MAC.
pub const METHOD_DR: u8 = 0;
/// [`Server::method`]: the server's address and port instead.
pub const METHOD_NAT: u8 = 1;
/// [`Server::method`]: in a tunnel.
pub const METHOD_TUN: u8 = 2;
/// [`Server::tunnel`]: IP in IP, of either family in either.
pub const TUNNEL_IPIP: u8 = 0;
/// [`Server::tunnel`]: in UDP, with a GUE header.
pub const TUNNEL_GUE: u8 = 1;
/// [`Server::tunnel`]: GRE.
pub const TUNNEL_GRE: u8 = 2;

/// [`Server::flags`]: the record is one. Cleared when the server goes: connections that
/// still name it are scheduled anew or ended.
pub const SERVER_LIVE: u32 = 1 << 0;
/// [`Server::flags`]: this host itself: what is for it goes to the stack.
pub const SERVER_LOCAL: u32 = 1 << 1;
/// [`Server::flags`]: a tunnel's checksum is filled in (GUE, GRE).
pub const SERVER_TUNNEL_CHECKSUM: u32 = 1 << 2;

/// A real server, in one service.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// Where it is.
    pub address: [u8; 16],
    /// What a tunnel's outer source address is.
    pub tunnel_source: [u8; 16],
    /// Weight; 0: no new connections.
    pub weight: u32,
    /// Id in `XVRRP_HOPS`; 0: not resolved, nothing can be sent to it.
    pub hop: u32,
    /// `SERVER_*`.
    pub flags: u32,
    /// Counts up with each server that gets this id.
    pub generation: u32,
    /// From so many connections on it takes no new ones; 0: no limit.
    pub upper: u32,
    /// Below so many it does again; 0: three quarters of `upper`.
    pub lower: u32,
    /// Its service.
    pub service: u32,
    /// Its port, with NAT; 0: the packet's.
    pub port: u16,
    /// Destination port of a GUE tunnel.
    pub tunnel_port: u16,
    /// Family of `address`.
    pub family: u8,
    /// `METHOD_*`.
    pub method: u8,
    /// `TUNNEL_*`.
    pub tunnel: u8,
    /// Explicit padding, zero.
    pub pad: [u8; 5],
}

/// The next hop on the way to servers.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hop {
    /// Its hardware address.
    pub to: [u8; 6],
    /// VLAN on `ifindex`; 0 when untagged.
    pub vlan: u16,
    /// The hardware address frames leave with.
    pub from: [u8; 6],
    /// Explicit padding, zero.
    pub pad: u16,
    /// The interface they leave by: one that XDP can send from, not a VLAN on it.
    pub ifindex: u32,
    /// Largest IP packet, octets; 0: not known, and nothing is too big.
    pub mtu: u32,
}

/// [`Rules::flags`]: a packet of a connection whose server is gone is scheduled anew if
/// it may begin one, and answered by a reset if not; otherwise it is dropped.
pub const RULES_RESET_GONE: u32 = 1 << 0;

/// What holds for all services.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// How long a connection lives without a packet, seconds, by its state.
    pub timeout_s: [u32; STATES],
    /// `RULES_*`.
    pub flags: u32,
    /// Mixed into hashes that nobody else has to make alike.
    pub seed: u32,
}

/// States of a connection, as `ipvsadm -lnc` names them.
pub mod state {
    #![allow(missing_docs)]
    pub const NONE: u8 = 0;
    pub const ESTABLISHED: u8 = 1;
    pub const SYN_SENT: u8 = 2;
    pub const SYN_RECV: u8 = 3;
    pub const FIN_WAIT: u8 = 4;
    pub const TIME_WAIT: u8 = 5;
    pub const CLOSE: u8 = 6;
    pub const CLOSE_WAIT: u8 = 7;
    pub const LAST_ACK: u8 = 8;
    pub const LISTEN: u8 = 9;
    pub const SYNACK: u8 = 10;
    pub const UDP: u8 = 11;
    pub const SCTP: u8 = 12;
}

/// How many states there are, with room for more of SCTP's.
pub const STATES: usize = 16;

/// A TCP connection or what is like one: its packets from the client, and in
/// `XVRRP_REVERSE` those from the server.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowKey {
    /// Source address.
    pub source: [u8; 16],
    /// Destination address.
    pub destination: [u8; 16],
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// IP protocol.
    pub protocol: u8,
    /// Family of the addresses.
    pub family: u8,
    /// Explicit padding, zero.
    pub pad: u16,
}

/// [`Connection::flags`]: it counts among its server's active ones, else among the
/// inactive.
pub const CONNECTION_ACTIVE: u8 = 1 << 0;
/// [`Connection::flags`]: it counts nowhere: one packet, or another director's.
pub const CONNECTION_UNCOUNTED: u8 = 1 << 1;

/// Where a connection goes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// `CLOCK_MONOTONIC`, coarse, of its last packet.
    pub last_ns: u64,
    /// Its server's id.
    pub server: u16,
    /// Its service's id.
    pub service: u16,
    /// Its server's generation.
    pub generation: u32,
    /// `state::*`.
    pub state: u8,
    /// `CONNECTION_*`.
    pub flags: u8,
    /// Explicit padding, zero.
    pub pad: [u8; 6],
}

/// How many connections a server has.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Established, or about to be. Signed: a recount and a packet may cross.
    pub active: i64,
    /// Others.
    pub inactive: i64,
    /// Clients that stay with it.
    pub sticky: i64,
    /// 1 from `upper` connections on until they are fewer than `lower`.
    pub overloaded: u64,
}

/// Where schedulers that take turns are.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Next slot, modulo the slots there are.
    pub next: u64,
}

/// A client of a service with persistence.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StickyKey {
    /// Its address, without the bits beyond [`Service::sticky_bits`].
    pub client: [u8; 16],
    /// Its service's id.
    pub service: u32,
    /// Its service's generation.
    pub generation: u32,
}

/// The server it stays with.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sticky {
    /// `CLOCK_MONOTONIC`, coarse, of its last new connection.
    pub last_ns: u64,
    /// Its id.
    pub server: u32,
    /// Its generation.
    pub generation: u32,
}

/// A packet in fragments.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FragmentKey {
    /// Source address.
    pub source: [u8; 16],
    /// Destination address.
    pub destination: [u8; 16],
    /// Identification; of IPv4 the lower half.
    pub id: u32,
    /// IP protocol.
    pub protocol: u8,
    /// Family.
    pub family: u8,
    /// Explicit padding, zero.
    pub pad: u16,
}

/// The ports its first fragment had.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fragment {
    /// `CLOCK_MONOTONIC`, coarse, of the first fragment.
    pub seen_ns: u64,
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Explicit padding, zero.
    pub pad: u32,
}

/// What a server was sent and sent back, as one CPU counted it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Connections scheduled to it.
    pub connections: u64,
    /// Packets to it.
    pub packets_in: u64,
    /// Octets of those, from the IP header on.
    pub bytes_in: u64,
    /// Packets from it (NAT).
    pub packets_out: u64,
    /// Octets of those.
    pub bytes_out: u64,
}

/// Which packets are worth the balancer's while: bits for last octets of addresses, as
/// in [`Hints`](crate::maps::Hints). Hardly any other packet pays for more than this.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Of the addresses of services.
    pub destinations: [u64; 4],
    /// Of the addresses of servers whose packets come back this way (NAT).
    pub sources: [u64; 4],
}

/// Bit `octet % 64` of word `octet / 64` is set.
#[inline(always)]
#[must_use]
pub const fn has_octet(octets: &[u64; 4], octet: u8) -> bool {
    octets[(octet >> 6) as usize] & (1 << (octet & 63)) != 0
}

causes! {
    /// Why the balancer counted a packet.
    Cause, Counters;

    /// Packets forwarded to a server, its connection known.
    Forwarded => forwarded,
    /// Packets forwarded to a server that was chosen for it.
    Scheduled => scheduled,
    /// Packets of a server, on their way back (NAT).
    Returned => returned,
    /// Packets left to the stack: the server is this host.
    LeftToStack => left_to_stack,
    /// Packets in the middle of a connection nobody knows, left to the stack.
    UnknownConnection => unknown_connection,
    /// Later fragments whose first was not seen, left to the stack.
    UnknownFragment => unknown_fragment,
    /// Connections whose server is gone, scheduled anew.
    Rescheduled => rescheduled,
    /// Connections whose server is gone, answered by a reset.
    ResetGone => reset_gone,
    /// Connections the table has no room for; forwarded all the same.
    ConnectionTableFull => connection_table_full,
    /// Packets a tunnel makes too long, answered by ICMP.
    TooBigAnswered => too_big_answered,
    /// Packets whose TTL or hop limit ends here, answered by ICMP.
    TtlAnswered => ttl_answered,
    /// Packets for a service without a server, answered by ICMP.
    NoServerAnswered => no_server_answered,
    /// ICMP errors forwarded with their connection.
    IcmpForwarded => icmp_forwarded,
    /// Later fragments forwarded after their first.
    FragmentForwarded => fragment_forwarded,
    /// Dropped: the service's gate is shut.
    DropGateShut => drop_gate_shut,
    /// Dropped: the service has no server that takes connections.
    DropNoServer => drop_no_server,
    /// Dropped: the way to the server is not known yet.
    DropUnresolved => drop_unresolved,
    /// Dropped: the server is gone.
    DropServerGone => drop_server_gone,
    /// Dropped: a header that the frame does not hold whole, or that contradicts itself.
    DropMalformed => drop_malformed,
    /// Dropped: longer than the way to the server carries, and not to be answered.
    DropTooBig => drop_too_big,
    /// Dropped: its TTL or hop limit ends here, and it is not to be answered.
    DropTtl => drop_ttl,
    /// Dropped: the frame could not be made longer or shorter.
    DropResize => drop_resize,
}

#[cfg(feature = "user")]
mod pod {
    //! SAFETY (all of these): `repr(C)`, only integers and arrays of them, no
    //! implicit padding (checked below), so any bytes are a value.
    use super::{
        Connection, Counters, FlowKey, Fragment, FragmentKey, Hop, Load, RingPage, Rules, Server,
        Service, ServiceKey, Sticky, StickyKey, Traffic, Turn, Watched,
    };

    macro_rules! plain {
        ($($ty:ty = $size:literal),+ $(,)?) => {$(
            const _: () = assert!(size_of::<$ty>() == $size);
            // SAFETY: see the module.
            unsafe impl bytemuck::Zeroable for $ty {}
            // SAFETY: see the module.
            unsafe impl bytemuck::Pod for $ty {}
            // SAFETY: see the module.
            unsafe impl aya::Pod for $ty {}
        )+};
    }
    plain!(
        ServiceKey = 20,
        Service = 64,
        Server = 72,
        Hop = 24,
        Rules = 72,
        FlowKey = 40,
        Connection = 24,
        Load = 32,
        Turn = 8,
        StickyKey = 24,
        Sticky = 16,
        FragmentKey = 40,
        Fragment = 16,
        Traffic = 40,
        RingPage = 1024,
        Watched = 64
    );

    // SAFETY: see the module; the struct is nothing but `u64`s.
    unsafe impl bytemuck::Zeroable for Counters {}
    // SAFETY: as above.
    unsafe impl bytemuck::Pod for Counters {}
    // SAFETY: as above.
    unsafe impl aya::Pod for Counters {}
}
