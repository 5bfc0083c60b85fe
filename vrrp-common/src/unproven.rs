//! An advert that passed every check but the one of its hash, on its way to the
//! daemon, which makes that one.

use crate::maps::{Peer, PeerKey};

/// Most octets of the IP packet: what an Ethernet frame of ordinary size holds.
pub const MAX_PACKET_LEN: usize = 1500;
/// Octets a record has room for: [`MAX_PACKET_LEN`] in words of eight.
pub const PACKET_ROOM: usize = 1504;

/// Octets of a record ahead of the packet.
pub const HEAD_LEN: usize = size_of::<Unproven>() - PACKET_ROOM;

/// One record of `XVRRP_UNPROVEN`: so much of it as the packet needs.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Unproven {
    /// What it would stamp; `last_seen_ns` is when it was seen.
    pub heard: Peer,
    /// Whom.
    pub key: PeerKey,
    /// Octets of the packet, from the IP header on.
    pub len: u16,
    /// Where in it the VRRP message begins.
    pub message_at: u16,
    /// The packet.
    pub packet: [u8; PACKET_ROOM],
}
