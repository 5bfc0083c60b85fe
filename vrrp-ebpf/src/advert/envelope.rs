//! Where a VRRP message starts, and which virtual router it names.

use crate::{
    address::Address,
    link::{Link, is_group},
    view::{View, be16, bits_of, word},
};
use vrrp_common::{
    counter::Cause,
    maps::{CAST_MULTICAST, CAST_UNICAST, FAMILY_V4, FAMILY_V6, VrKey},
    wire::{
        ADVERT_HEADER_LEN, AH_LEN, AH_LENGTH_WORDS, GROUP_V4, GROUP_V6, IPPROTO_AH, IPPROTO_VRRP,
    },
};

/// What the headers around a VRRP message say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The virtual router named. Its cast follows from the destination.
    pub vr: VrKey,
    /// IP source.
    pub source: Address,
    /// IP destination.
    pub destination: Address,
    /// Offset of the message.
    pub message: usize,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Advertised priority, unchecked.
    pub priority: u8,
    /// Advertised version, unchecked.
    pub version: u8,
    /// The message is behind an Authentication Header.
    pub ah: bool,
}

/// What a packet of protocol 112 is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// No VRRP message starts in it, and it is not sent to VRRP's own group.
    Nothing,
    /// Sent to VRRP's own group, but no receiver could find its way in it.
    Broken(Envelope, Cause),
    /// A VRRP message.
    Advert(Envelope),
}

/// Later fragments have no VRRP header (RFC 791 §3.1).
const FRAGMENT_OFFSET: u16 = 0x1fff;

// As numbers: to compare with, they need not be read from anywhere.
const GROUP_ADDRESS_V4: Address = Address([u32::from_ne_bytes(GROUP_V4), 0, 0, 0]);
const GROUP_ADDRESS_V6: Address = Address::of(&GROUP_V6);
const BROADCAST: u64 = bits_of(&[0xff; 6]);

/// Finds the message of an IPv4 packet of protocol 112, or of protocol 51 if what it
/// authenticates is VRRP.
#[inline(always)]
pub fn locate_v4<V: View>(frame: &V, link: &Link, ifindex: u32) -> Found {
    let Some(header) = frame.window::<20>(link.payload) else {
        return Found::Nothing;
    };
    let destination = Address::v4(header, 16);
    let group = destination == GROUP_ADDRESS_V4;
    // Other groups and broadcast are wrong for a multicast virtual router and never
    // meant for a unicast one.
    let cast = if destination.first_octet() >= 224 {
        CAST_MULTICAST
    } else {
        CAST_UNICAST
    };
    let mut envelope = Envelope {
        vr: key(ifindex, link.vlan, 0, FAMILY_V4, cast),
        source: Address::v4(header, 12),
        destination,
        ttl: header[8],
        ..Envelope::default()
    };
    let broken = |envelope, cause| {
        if group {
            Found::Broken(envelope, cause)
        } else {
            Found::Nothing
        }
    };
    // Options are tolerated, as keepalived and FRR do.
    let header_len = ((header[0] & 0x0f) as usize) << 2;
    if header[0] >> 4 != 4 || header_len < 20 {
        return broken(envelope, Cause::DropIpHeader);
    }
    if be16(header, 6) & FRAGMENT_OFFSET != 0 {
        return Found::Nothing;
    }
    envelope.message = link.payload + header_len;
    if header[9] == IPPROTO_AH {
        // Other IPsec is none of ours (RFC 2402 §2).
        match frame.window::<4>(envelope.message) {
            Some(ah) if ah[0] == IPPROTO_VRRP && ah[1] == AH_LENGTH_WORDS => {}
            _ => return Found::Nothing,
        }
        envelope.message += AH_LEN;
        envelope.ah = true;
    }
    let Some(vrrp) = frame.window::<ADVERT_HEADER_LEN>(envelope.message) else {
        return broken(envelope, Cause::DropTruncated);
    };
    envelope.vr = key(ifindex, link.vlan, vrrp[1], FAMILY_V4, cast);
    Found::Advert(envelope.saying(*vrrp))
}

/// Finds the message of an IPv6 packet whose first next header is 112.
#[inline(always)]
pub fn locate_v6<V: View>(frame: &V, link: &Link, ifindex: u32) -> Found {
    let Some(header) = frame.window::<40>(link.payload) else {
        return Found::Nothing;
    };
    let destination = Address::v6(header, 24);
    let group = destination == GROUP_ADDRESS_V6;
    let cast = if destination.first_octet() == 0xff {
        CAST_MULTICAST
    } else {
        CAST_UNICAST
    };
    let mut envelope = Envelope {
        vr: key(ifindex, link.vlan, 0, FAMILY_V6, cast),
        source: Address::v6(header, 8),
        destination,
        message: link.payload + 40,
        ttl: header[7],
        ..Envelope::default()
    };
    let broken = |envelope, cause| {
        if group {
            Found::Broken(envelope, cause)
        } else {
            Found::Nothing
        }
    };
    if header[0] >> 4 != 6 {
        return broken(envelope, Cause::DropIpHeader);
    }
    let Some(vrrp) = frame.window::<ADVERT_HEADER_LEN>(envelope.message) else {
        return broken(envelope, Cause::DropTruncated);
    };
    envelope.vr = key(ifindex, link.vlan, vrrp[1], FAMILY_V6, cast);
    Found::Advert(envelope.saying(*vrrp))
}

/// In words: the map reads it in words, and waits for what was written in octets.
#[inline(always)]
const fn key(ifindex: u32, vlan: u16, vrid: u8, family: u8, cast: u8) -> VrKey {
    let [high, low] = vlan.to_ne_bytes();
    let second = u32::from_ne_bytes([high, low, vrid, family]);
    let third = u32::from_ne_bytes([cast, 0, 0, 0]);
    // SAFETY: as many octets in the same places, and any of them are a value.
    unsafe { core::mem::transmute([ifindex, second, third]) }
}

impl Envelope {
    #[inline(always)]
    const fn saying(mut self, vrrp: [u8; ADVERT_HEADER_LEN]) -> Self {
        self.version = vrrp[0] >> 4;
        self.priority = vrrp[2];
        self
    }

    /// Whether a frame to this station may carry it. To the virtual router's group:
    /// that group's MAC (RFC 1112 §6.4, RFC 2464 §7), the broadcast MAC, which
    /// keepalived and FRR accept, or one station, because bridges turn
    /// multicast into unicast. To one address: one station (RFC 1122 §3.3.6).
    /// `v6` is the family, known to the compiler.
    #[inline(always)]
    pub(super) fn fits_station(&self, v6: bool, group: &[u8; 16], station: u64) -> bool {
        if self.vr.cast == CAST_UNICAST {
            return !is_group(station);
        }
        let is_to_group = if v6 {
            self.destination == Address::from_octets(group)
        } else {
            // The other words of both are zero.
            self.destination.0[0] == word(group, 0)
        };
        is_to_group
            && (!is_group(station)
                || station == group_station(v6, self.destination)
                || station == BROADCAST)
    }
}

/// The Ethernet address of a multicast group.
#[inline(always)]
const fn group_station(v6: bool, group: Address) -> u64 {
    if v6 {
        let [a, b, c, d] = group.0[3].to_ne_bytes();
        bits_of(&[0x33, 0x33, a, b, c, d])
    } else {
        let [_, b, c, d] = group.0[0].to_ne_bytes();
        bits_of(&[0x01, 0x00, 0x5e, b & 0x7f, c, d])
    }
}

#[cfg(test)]
mod tests {
    use super::{BROADCAST, GROUP_ADDRESS_V4, GROUP_ADDRESS_V6, group_station, key};
    use crate::{address::Address, view::mac_bits};
    use vrrp_common::{
        maps::VrKey,
        wire::{GROUP_MAC_V4, GROUP_MAC_V6, GROUP_V6},
    };

    #[test]
    fn constants_are_what_a_packet_would_give() {
        let stations = [(false, GROUP_ADDRESS_V4), (true, GROUP_ADDRESS_V6)];
        let stations = stations.map(|(v6, group)| group_station(v6, group));
        let want = [GROUP_MAC_V4, GROUP_MAC_V6].map(|mac| mac_bits(&mac, 0));
        assert_eq!(stations, want);
        assert_eq!(BROADCAST, mac_bits(&[0xff; 6], 0));
        assert_eq!(GROUP_ADDRESS_V6, Address::from_octets(&GROUP_V6));
    }

    #[test]
    fn a_key_in_words_is_the_key() {
        let want = VrKey {
            ifindex: 0x0102_0304,
            vlan: 0x0506,
            vrid: 7,
            family: 8,
            cast: 9,
            pad: [0; 3],
        };
        assert_eq!(key(0x0102_0304, 0x0506, 7, 8, 9), want);
    }
}
