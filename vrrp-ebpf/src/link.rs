//! Ethernet, and at most one VLAN tag.

use crate::view::{View, be16, mac, mac_bits};

/// Ethertype of IPv4.
pub const IPV4: u16 = 0x0800;
/// Ethertype of ARP.
pub const ARP: u16 = 0x0806;
/// Ethertype of IPv6.
pub const IPV6: u16 = 0x86dd;
/// Ethertype of an 802.1Q tag.
const VLAN: u16 = 0x8100;
/// Ethertype of an 802.1ad tag.
const SERVICE_VLAN: u16 = 0x88a8;
/// VLAN ID within the tag control information (802.1Q §9.6).
const VLAN_ID: u16 = 0x0fff;
/// Octets ahead of the payload, untagged.
pub const HEADER_LEN: usize = 14;
/// Octets of one tag.
pub const TAG_LEN: usize = 4;

/// Where a frame's payload starts, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// VLAN ID; 0 when untagged or only priority-tagged.
    pub vlan: u16,
    /// What follows. A second tag is not looked behind.
    pub ethertype: u16,
    /// Offset of the payload.
    pub payload: usize,
}

impl Link {
    /// Reads the header of a frame. `accelerated`: the tag control information
    /// of a tag that the kernel keeps beside the frame.
    #[inline(always)]
    pub fn read<V: View>(frame: &V, accelerated: Option<u16>) -> Option<Self> {
        let ethertype = be16(frame.window::<HEADER_LEN>(0)?, 12);
        if let Some(tag) = accelerated {
            return Some(Self {
                vlan: tag & VLAN_ID,
                ethertype,
                payload: HEADER_LEN,
            });
        }
        if ethertype != VLAN && ethertype != SERVICE_VLAN {
            return Some(Self {
                vlan: 0,
                ethertype,
                payload: HEADER_LEN,
            });
        }
        let tag = frame.window::<TAG_LEN>(HEADER_LEN)?;
        Some(Self {
            vlan: be16(tag, 0) & VLAN_ID,
            ethertype: be16(tag, 2),
            payload: HEADER_LEN + TAG_LEN,
        })
    }
}

/// Ethernet destination, as [`mac_bits`] has it.
#[inline(always)]
pub fn destination<V: View>(frame: &V) -> Option<u64> {
    Some(mac_bits(frame.window::<12>(0)?, 0))
}

/// Ethernet source.
#[inline(always)]
pub fn source<V: View>(frame: &V) -> Option<[u8; 6]> {
    Some(mac(frame.window::<12>(0)?, 6))
}

/// The Ethernet source is `mac`.
#[inline(always)]
pub fn is_from<V: View>(frame: &V, mac: &[u8; 6]) -> bool {
    frame
        .window::<12>(0)
        .is_some_and(|stations| mac_bits(stations, 6) == mac_bits(mac, 0))
}

/// The Ethernet destination is a group or everybody.
#[inline(always)]
pub fn is_to_group<V: View>(frame: &V) -> bool {
    frame
        .window::<12>(0)
        .is_some_and(|stations| stations[0] & 1 != 0)
}

/// A group or the broadcast address (IEEE 802 §8.2: the first bit on the wire).
#[inline(always)]
#[must_use]
pub const fn is_group(station: u64) -> bool {
    const FIRST: u32 = u32::from_ne_bytes([1, 0, 0, 0]);
    station as u32 & FIRST != 0
}

#[cfg(test)]
mod tests {
    use super::{ARP, IPV4, IPV6, Link};

    fn frame(tail: &[u8]) -> Vec<u8> {
        [&[0; 12], tail].concat()
    }

    #[test]
    fn tags() {
        let cases = [
            ("untagged", frame(&[8, 0]), None, Some((0, IPV4, 14))),
            (
                "802.1Q",
                frame(&[0x81, 0, 0xe0, 5, 8, 6]),
                None,
                Some((5, ARP, 18)),
            ),
            (
                "802.1ad",
                frame(&[0x88, 0xa8, 0x0f, 0xff, 0x86, 0xdd]),
                None,
                Some((4095, IPV6, 18)),
            ),
            (
                "priority tag",
                frame(&[0x81, 0, 0xe0, 0, 8, 0]),
                None,
                Some((0, IPV4, 18)),
            ),
            (
                "two tags",
                frame(&[0x88, 0xa8, 0, 5, 0x81, 0]),
                None,
                Some((5, 0x8100, 18)),
            ),
            (
                "tag beside the frame",
                frame(&[8, 0]),
                Some(0xe007),
                Some((7, IPV4, 14)),
            ),
            ("tag cut short", frame(&[0x81, 0, 0xe0]), None, None),
            ("no type", vec![0; 13], None, None),
        ];
        for (name, frame, accelerated, want) in cases {
            let want = want.map(|(vlan, ethertype, payload)| Link {
                vlan,
                ethertype,
                payload,
            });
            assert_eq!(Link::read(&frame, accelerated), want, "{name}");
        }
    }
}
