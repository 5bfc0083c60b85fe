//! What the engine wants sent -> bytes, and how they leave.
//!
//! Multicast adverts and announcements are whole Ethernet frames, so that nothing
//! of the host's routing or ARP state can stop them. Unicast adverts are IP
//! packets, because only the kernel knows the next hop.

use crate::{
    config::model::{Authentication, ChecksumPolicy, Version},
    election::timers::wire_interval_cs,
    engine::action::{Advert, Announcement},
    ownership::{command::Member, lease::counted_interval},
    packet::{advert, arp, ethernet, ipv4, ipv6, ndisc},
    shell::transmit::seal::{Seal, Sequence},
};
use std::{fmt, net::IpAddr, sync::Arc};
use vrrp_common::wire::{
    AH_LEN, AUTH_AH, AUTH_NONE, AUTH_SIMPLE, IPPROTO_AH, IPPROTO_VRRP, PRIORITY_RESIGN, TRAILER_LEN,
};

/// Bytes to send, any number of times. A copy shares them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Frame {
    pub(super) bytes: Arc<[u8]>,
    pub(super) way: Way,
    /// With which it leaves.
    pub(super) seal: Option<Seal>,
}

/// How a frame leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// A whole Ethernet frame, by this interface.
    Link {
        /// Its index.
        ifindex: u32,
    },
    /// A whole IP packet; the kernel finds the next hop.
    Routed {
        /// Interface it must leave by; 0: any.
        ifindex: u32,
        /// Source, as in the packet.
        source: IpAddr,
        /// Destination, as in the packet.
        destination: IpAddr,
    },
}

/// Why an advert cannot be put into a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsendable {
    /// An address, the source or a peer is of another family than the instance.
    MixedFamilies,
    /// The one octet that counts addresses holds up to 255.
    AddressCount(usize),
    /// Version 2 has no IPv6.
    Version2OverIpv6,
}

impl fmt::Display for Unsendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MixedFamilies => f.write_str("an advert cannot carry both IPv4 and IPv6"),
            Self::AddressCount(n) => write!(f, "an advert carries up to 255 addresses, not {n}"),
            Self::Version2OverIpv6 => f.write_str("VRRP version 2 has no IPv6"),
        }
    }
}

impl std::error::Error for Unsendable {}

/// An instance's frames: its adverts, and the same with priority 0.
pub fn member(advert: &Advert) -> Result<Member<Frame>, Unsendable> {
    Ok(Member {
        vr: advert.vr,
        adverts: adverts(advert, advert.priority)?,
        resigns: adverts(advert, PRIORITY_RESIGN)?,
        interval: counted_interval(advert.version, advert.interval),
    })
}

/// Priority 0 for one router alone: to the group, but in a frame for that station. From
/// our own MAC: the winner's may be the same virtual one, which the switches must not
/// believe to be here.
pub fn concession(advert: &Advert, winner: IpAddr, mac: [u8; 6]) -> Result<Vec<Frame>, Unsendable> {
    let mut frames = adverts(advert, PRIORITY_RESIGN)?;
    frames.retain_mut(|frame| match frame.way {
        Way::Link { .. } => {
            let mut bytes = frame.bytes.to_vec();
            bytes[..mac.len()].copy_from_slice(&mac);
            bytes[mac.len()..2 * mac.len()].copy_from_slice(&advert.own);
            frame.bytes = bytes.into();
            true
        }
        Way::Routed { destination, .. } => destination == winner,
    });
    Ok(frames)
}

/// A gratuitous ARP or an unsolicited neighbour advertisement. `router`: this host
/// forwards IPv6, see [`is_ipv6_router`]; RFC 9568 §6.4.2 has R=1, but a host that
/// is no router must not say it is one (RFC 4861 §4.4), nor does keepalived.
#[must_use]
pub fn announcement(announcement: &Announcement, router: bool) -> Frame {
    let &Announcement {
        ifindex,
        mac,
        address,
    } = announcement;
    match address {
        IpAddr::V4(address) => {
            let repr = arp::Repr::gratuitous(mac, address);
            link(
                ifindex,
                mac,
                ethernet::BROADCAST,
                ethernet::TYPE_ARP,
                arp::LEN,
                |body| {
                    repr.emit(body);
                },
            )
        }
        IpAddr::V6(address) => {
            let repr = ndisc::Repr::unsolicited(address, mac, router);
            let destination = ipv6::ALL_NODES;
            let header = ipv6::Repr {
                source: address,
                destination,
                next_header: ndisc::NEXT_HEADER,
                hop_limit: ndisc::HOP_LIMIT,
                traffic_class: 0,
                payload_len: payload_len(repr.buffer_len()),
            };
            let len = ipv6::HEADER_LEN + repr.buffer_len();
            let group = ethernet::multicast_v6(destination);
            link(ifindex, mac, group, ethernet::TYPE_IPV6, len, |body| {
                header.emit(body);
                repr.emit(address, destination, &mut body[ipv6::HEADER_LEN..]);
            })
        }
    }
}

/// Whether this host forwards IPv6 that arrives by `interface` (its name).
pub fn is_ipv6_router(interface: &str) -> std::io::Result<bool> {
    let path = format!("/proc/sys/net/ipv6/conf/{interface}/forwarding");
    Ok(std::fs::read_to_string(path)?.trim() != "0")
}

/// One multicast advert, or one for each unicast peer.
fn adverts(advert: &Advert, priority: u8) -> Result<Vec<Frame>, Unsendable> {
    let repr = message(advert, priority)?;
    let checksum = match advert.checksum {
        ChecksumPolicy::Plain => advert::Checksum::Plain,
        ChecksumPolicy::Pseudo | ChecksumPolicy::Learn | ChecksumPolicy::Group => {
            advert::Checksum::Pseudo
        }
    };
    let seal = seal_of(advert);
    let packet = |destination: IpAddr| {
        // What the pseudo-header names.
        let named = match advert.checksum {
            ChecksumPolicy::Group => advert.group,
            _ => destination,
        };
        packet(
            &repr,
            seal.as_ref(),
            (advert.source, destination),
            named,
            advert.ttl,
            checksum,
        )
    };
    if advert.unicast.is_empty() {
        let (mac, ethertype) = match advert.group {
            IpAddr::V4(group) => (ethernet::multicast_v4(group), ethernet::TYPE_IPV4),
            IpAddr::V6(group) => (ethernet::multicast_v6(group), ethernet::TYPE_IPV6),
        };
        let packet = packet(advert.group)?;
        let mut frame = link(
            advert.ifindex,
            advert.mac,
            mac,
            ethertype,
            packet.len(),
            |body| {
                body.copy_from_slice(&packet);
            },
        );
        frame.seal = seal;
        return Ok(vec![frame]);
    }
    let routed = |&destination: &IpAddr| {
        let way = Way::Routed {
            ifindex: advert.ifindex,
            source: advert.source,
            destination,
        };
        Ok(Frame {
            bytes: packet(destination)?.into(),
            way,
            seal: seal.clone(),
        })
    };
    advert.unicast.iter().map(routed).collect()
}

fn message(advert: &Advert, priority: u8) -> Result<advert::Repr, Unsendable> {
    let ipv6 = advert.source.is_ipv6();
    let mut others = advert.addresses.iter().chain([&advert.group]);
    if others.any(|address| address.is_ipv6() != ipv6) {
        return Err(Unsendable::MixedFamilies);
    }
    // None: `no_virtual_ipaddress`.
    if advert.addresses.len() > 255 {
        return Err(Unsendable::AddressCount(advert.addresses.len()));
    }
    let interval_cs = wire_interval_cs(advert.version, advert.interval);
    let form = match (advert.version, &advert.authentication) {
        (Version::V2, _) if ipv6 => return Err(Unsendable::Version2OverIpv6),
        (Version::V2, authentication) => {
            let (auth_type, auth_data) = match authentication {
                Some(Authentication::Pass(password)) => (AUTH_SIMPLE, *password),
                Some(Authentication::Header(_)) => (AUTH_AH, [0; 8]),
                Some(Authentication::Trailer(_)) | None => (AUTH_NONE, [0; 8]),
            };
            let interval_s = u8::try_from(interval_cs / 100).unwrap_or(u8::MAX);
            advert::Form::V2 {
                interval_s,
                auth_type,
                auth_data,
            }
        }
        (Version::V3, _) => advert::Form::V3 {
            interval_cs: u16::try_from(interval_cs).unwrap_or(u16::MAX),
        },
    };
    Ok(advert::Repr {
        vrid: advert.vrid,
        priority,
        form,
        addresses: advert.addresses.clone(),
    })
}

/// IP header and VRRP message, with room for what the hash is carried in. `named`: the
/// destination that the checksum covers.
fn packet(
    repr: &advert::Repr,
    seal: Option<&Seal>,
    (source, destination): (IpAddr, IpAddr),
    named: IpAddr,
    ttl: u8,
    checksum: advert::Checksum,
) -> Result<Vec<u8>, Unsendable> {
    let (ahead, behind) = match seal.map(|seal| &seal.authentication) {
        Some(Authentication::Header(_)) => (AH_LEN, 0),
        Some(Authentication::Trailer(_)) => (0, TRAILER_LEN),
        Some(Authentication::Pass(_)) | None => (0, 0),
    };
    let len = ahead + repr.buffer_len() + behind;
    let (mut bytes, header_len) = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let mut bytes = vec![0; ipv4::HEADER_LEN + len];
            // §5.1.1
            let header = ipv4::Repr {
                source,
                destination,
                protocol: if ahead == 0 { IPPROTO_VRRP } else { IPPROTO_AH },
                ttl,
                tos: ipv4::TOS_CONTROL,
                payload_len: payload_len(len),
            };
            header.emit(&mut bytes);
            (bytes, ipv4::HEADER_LEN)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let mut bytes = vec![0; ipv6::HEADER_LEN + len];
            // §5.1.2
            let header = ipv6::Repr {
                source,
                destination,
                next_header: IPPROTO_VRRP,
                hop_limit: ttl,
                traffic_class: ipv6::CLASS_CONTROL,
                payload_len: payload_len(len),
            };
            header.emit(&mut bytes);
            (bytes, ipv6::HEADER_LEN)
        }
        _ => return Err(Unsendable::MixedFamilies),
    };
    let message_at = header_len + ahead;
    repr.emit(source, named, checksum, &mut bytes[message_at..]);
    Ok(bytes)
}

/// An Ethernet frame with a body of `len` octets.
fn link(
    ifindex: u32,
    source: [u8; 6],
    destination: [u8; 6],
    ethertype: u16,
    len: usize,
    body: impl FnOnce(&mut [u8]),
) -> Frame {
    let mut bytes = vec![0; ethernet::HEADER_LEN + len];
    ethernet::Repr {
        destination,
        source,
        ethertype,
    }
    .emit(&mut bytes);
    body(&mut bytes[ethernet::HEADER_LEN..]);
    Frame {
        bytes: bytes.into(),
        way: Way::Link { ifindex },
        seal: None,
    }
}

/// How an instance's adverts are sealed.
fn seal_of(advert: &Advert) -> Option<Seal> {
    let authentication = advert.authentication.as_ref().filter(|it| it.signs())?;
    let ip_len = if advert.source.is_ipv4() {
        ipv4::HEADER_LEN
    } else {
        ipv6::HEADER_LEN
    };
    let message_at = match authentication {
        Authentication::Header(_) => ip_len + AH_LEN,
        Authentication::Pass(_) | Authentication::Trailer(_) => ip_len,
    };
    Some(Seal {
        authentication: authentication.clone(),
        message_at,
        sequence: Sequence::default(),
    })
}

/// The longest is an advert with 255 IPv6 addresses: 4088 octets.
fn payload_len(len: usize) -> u16 {
    u16::try_from(len).expect("an advert or announcement is far below 64 KiB")
}

impl Frame {
    /// It leaves with the next number of this sequence, if it has one.
    pub fn count_with(&mut self, sequence: &Sequence) {
        if let Some(seal) = &mut self.seal {
            seal.sequence = sequence.clone();
        }
    }

    /// How it leaves.
    #[must_use]
    pub const fn way(&self) -> Way {
        self.way
    }

    /// What leaves, but for its hash: from the Ethernet header, or from the IP header where it is routed.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Frame {
    // Not the bytes: they may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("len", &self.bytes.len())
            .field("way", &self.way)
            .field("seal", &self.seal)
            .finish()
    }
}

#[cfg(test)]
mod tests;
