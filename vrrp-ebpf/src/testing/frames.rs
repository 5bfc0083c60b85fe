//! Frames as peers and clients send them, built by other code than they are read by.

use crate::egress::Rewrite;
use core::net::IpAddr;

/// Where the Ethernet payload of an untagged frame starts.
pub const L3: usize = 14;
/// Ethernet source of a peer's frames.
pub const PEER_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];
/// Ethernet source of a client's frames.
pub const CLIENT_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x09];
/// Our hardware address.
pub const OUR_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x02];
/// The virtual MAC of VRID 57, which the interface does not have.
pub const VIRTUAL_MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 57];
/// The same for IPv6.
pub const VIRTUAL_MAC6: [u8; 6] = [0, 0, 0x5e, 0, 2, 57];
/// Everybody.
pub const BROADCAST: [u8; 6] = [0xff; 6];

/// RFC 1071 as it is written.
#[must_use]
pub fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let octets = parts.concat();
    let mut sum = 0u32;
    for pair in octets.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([pair[0], low]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let sum = u16::try_from(sum).expect("folded");
    (!sum).to_be_bytes()
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

fn be(len: usize) -> [u8; 2] {
    u16::try_from(len).expect("fits a packet").to_be_bytes()
}

pub(crate) fn pseudo_header(from: IpAddr, to: IpAddr, protocol: u8, len: usize) -> Vec<u8> {
    let [high, low] = be(len);
    let tail = if from.is_ipv4() {
        vec![0, protocol, high, low]
    } else {
        vec![0, 0, high, low, 0, 0, 0, protocol]
    };
    [octets(from), octets(to), tail].concat()
}

/// An Ethernet frame. `tags`: each 802.1Q tag's ethertype and control information.
#[must_use]
pub fn ethernet(
    to: [u8; 6],
    from: [u8; 6],
    tags: &[(u16, u16)],
    ethertype: u16,
    payload: &[u8],
) -> Vec<u8> {
    let mut frame = [to, from].concat();
    for (tag_type, control) in tags {
        frame.extend(tag_type.to_be_bytes());
        frame.extend(control.to_be_bytes());
    }
    frame.extend(ethertype.to_be_bytes());
    frame.extend(payload);
    frame
}

/// An IP packet of either family.
#[derive(Clone, Debug)]
pub struct Ip<'a> {
    /// Source.
    pub from: IpAddr,
    /// Destination; of the same family.
    pub to: IpAddr,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Protocol or next header.
    pub protocol: u8,
    /// IPv4 options, a multiple of four octets.
    pub options: &'a [u8],
    /// What it carries.
    pub payload: &'a [u8],
}

impl Ip<'_> {
    /// Ethertype and octets.
    #[must_use]
    pub fn build(&self) -> (u16, Vec<u8>) {
        if self.from.is_ipv6() {
            let mut packet = vec![0x60, 0, 0, 0];
            packet.extend(be(self.payload.len()));
            packet.extend([self.protocol, self.ttl]);
            packet.extend(octets(self.from));
            packet.extend(octets(self.to));
            packet.extend(self.payload);
            return (0x86dd, packet);
        }
        let header_len = 20 + self.options.len();
        let mut header = vec![
            0x40 | u8::try_from(header_len / 4).expect("few options"),
            0xc0,
        ];
        header.extend(be(header_len + self.payload.len()));
        header.extend([0, 1, 0, 0, self.ttl, self.protocol, 0, 0]);
        header.extend(octets(self.from));
        header.extend(octets(self.to));
        header.extend(self.options);
        let sum = checksum(&[&header]);
        header[10..12].copy_from_slice(&sum);
        header.extend(self.payload);
        (0x0800, header)
    }
}

/// How an advert is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Summed {
    /// The message alone.
    Plain,
    /// With a pseudo-header.
    Pseudo,
    /// With one that names VRRP's group, as old keepalived did in unicast.
    Group,
}

/// An advert to build. What is not said is valid.
#[derive(Clone, Debug)]
pub struct Advert {
    /// Ethernet destination.
    pub to_mac: [u8; 6],
    /// As for [`ethernet`].
    pub tags: Vec<(u16, u16)>,
    /// IP source.
    pub from: IpAddr,
    /// IP destination.
    pub to: IpAddr,
    /// TTL or hop limit.
    pub ttl: u8,
    /// IPv4 options.
    pub options: Vec<u8>,
    /// First octet: version and type.
    pub version_type: u8,
    /// Virtual router ID.
    pub vrid: u8,
    /// Priority.
    pub priority: u8,
    /// What it counts; as many as there are if `None`.
    pub count: Option<u8>,
    /// Fifth and sixth octet: authentication type and seconds, or centiseconds.
    pub interval: [u8; 2],
    /// Virtual addresses.
    pub addresses: Vec<IpAddr>,
    /// What follows them.
    pub tail: Vec<u8>,
    /// What follows the message: over IPv6 summed with it.
    pub trailer: Vec<u8>,
    /// The header ahead of the message, which makes it protocol 51; or nothing.
    pub ah: Vec<u8>,
    /// Form of its checksum.
    pub summed: Summed,
    /// Changed in the message after it was summed.
    pub spoil: Option<usize>,
    /// Octets of Ethernet padding.
    pub padding: usize,
}

impl Advert {
    /// The message, summed.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let count = u8::try_from(self.addresses.len() & 0xff).expect("masked");
        let mut message = vec![
            self.version_type,
            self.vrid,
            self.priority,
            self.count.unwrap_or(count),
        ];
        message.extend(self.interval);
        message.extend([0, 0]);
        message.extend(self.addresses.iter().flat_map(|ip| octets(*ip)));
        message.extend(&self.tail);
        if self.from.is_ipv6() {
            message.extend(&self.trailer);
        }
        let pseudo = match self.summed {
            Summed::Plain => Vec::new(),
            Summed::Pseudo => pseudo_header(self.from, self.to, 112, message.len()),
            Summed::Group => {
                let group = IpAddr::from([224, 0, 0, 18]);
                pseudo_header(self.from, group, 112, message.len())
            }
        };
        let sum = checksum(&[&pseudo, &message]);
        message[6..8].copy_from_slice(&sum);
        if let Some(at) = self.spoil {
            message[at] ^= 0x01;
        }
        if self.from.is_ipv4() {
            message.extend(&self.trailer);
        }
        message
    }

    /// The frame.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let payload = [self.ah.clone(), self.message()].concat();
        let (ethertype, packet) = Ip {
            from: self.from,
            to: self.to,
            ttl: self.ttl,
            protocol: if self.ah.is_empty() { 112 } else { 51 },
            options: &self.options,
            payload: &payload,
        }
        .build();
        let mut frame = ethernet(self.to_mac, PEER_MAC, &self.tags, ethertype, &packet);
        frame.extend(vec![0xee; self.padding]);
        frame
    }
}

/// What the kernel makes of a frame that has to say another hardware address.
///
/// # Panics
/// Where the frame ends before.
#[must_use]
pub fn rewritten(mut frame: Vec<u8>, rewrite: &Rewrite) -> Vec<u8> {
    let &Rewrite { mac, at, sum } = rewrite;
    frame[6..12].copy_from_slice(&mac);
    if at == 0 {
        return frame;
    }
    if sum != 0 {
        // RFC 1624 section 3: HC' = ~(~HC + ~m + m').
        let word = |octets: &[u8]| u32::from(u16::from_be_bytes([octets[0], octets[1]]));
        let mut new = 0xffff - word(&frame[sum..sum + 2]);
        for pair in 0..3 {
            new += 0xffff - word(&frame[at + 2 * pair..]) + word(&mac[2 * pair..]);
        }
        while new > 0xffff {
            new = (new & 0xffff) + (new >> 16);
        }
        let new = u16::try_from(0xffff - new).expect("folded");
        frame[sum..sum + 2].copy_from_slice(&new.to_be_bytes());
    }
    frame[at..at + 6].copy_from_slice(&mac);
    frame
}

/// The same frame with another Ethernet source.
#[must_use]
pub fn from_mac(mut frame: Vec<u8>, mac: [u8; 6]) -> Vec<u8> {
    frame[6..12].copy_from_slice(&mac);
    frame
}

/// Changes an untagged IPv4 frame's header and sums it anew.
#[must_use]
pub fn with_ipv4_header(mut frame: Vec<u8>, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let header_len = usize::from(frame[L3] & 0x0f) * 4;
    let header = &mut frame[L3..L3 + header_len];
    change(header);
    header[10..12].fill(0);
    let sum = checksum(&[header]);
    header[10..12].copy_from_slice(&sum);
    frame
}

/// An ARP packet for IPv4 over Ethernet.
#[derive(Clone, Copy, Debug)]
pub struct Arp {
    /// 1 asks, 2 answers.
    pub operation: u8,
    /// Sender hardware address; also the frame's source.
    pub sender_mac: [u8; 6],
    /// Sender.
    pub sender: [u8; 4],
    /// Target hardware address.
    pub target_mac: [u8; 6],
    /// Target.
    pub target: [u8; 4],
}

impl Arp {
    /// The frame.
    #[must_use]
    pub fn build(&self, to: [u8; 6], tags: &[(u16, u16)]) -> Vec<u8> {
        let mut packet = vec![0, 1, 8, 0, 6, 4, 0, self.operation];
        packet.extend(self.sender_mac);
        packet.extend(self.sender);
        packet.extend(self.target_mac);
        packet.extend(self.target);
        ethernet(to, self.sender_mac, tags, 0x0806, &packet)
    }
}

/// A neighbour solicitation or advertisement.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// 135 asks, 136 tells.
    pub kind: u8,
    /// Ethernet source and destination.
    pub stations: ([u8; 6], [u8; 6]),
    /// IP source and destination.
    pub ips: (IpAddr, IpAddr),
    /// Hop limit.
    pub hop_limit: u8,
    /// First octet of the flags.
    pub flags: u8,
    /// Target.
    pub target: IpAddr,
    /// Options.
    pub options: Vec<u8>,
}

impl Discovery {
    /// The frame.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let mut message = vec![self.kind, 0, 0, 0, self.flags, 0, 0, 0];
        message.extend(octets(self.target));
        message.extend(&self.options);
        let (from, to) = self.ips;
        let pseudo = pseudo_header(from, to, 58, message.len());
        let sum = checksum(&[&pseudo, &message]);
        message[2..4].copy_from_slice(&sum);
        let (ethertype, packet) = Ip {
            from,
            to,
            ttl: self.hop_limit,
            protocol: 58,
            options: &[],
            payload: &message,
        }
        .build();
        ethernet(self.stations.1, self.stations.0, &[], ethertype, &packet)
    }
}

/// Source or target link-layer address option.
#[must_use]
pub fn mac_option(kind: u8, mac: [u8; 6]) -> Vec<u8> {
    [vec![kind, 1], mac.to_vec()].concat()
}
