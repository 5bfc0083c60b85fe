//! Ethernet II headers, and where multicast goes.

use super::{Error, Mac, array, word};
use core::net::{Ipv4Addr, Ipv6Addr};

/// Octets of a header.
pub const HEADER_LEN: usize = 14;
/// Everybody.
pub const BROADCAST: Mac = [0xff; 6];
/// `EtherType` of IPv4.
pub const TYPE_IPV4: u16 = 0x0800;
/// `EtherType` of ARP.
pub const TYPE_ARP: u16 = 0x0806;
/// `EtherType` of IPv6.
pub const TYPE_IPV6: u16 = 0x86dd;

/// A header without a VLAN tag: a VLAN device adds its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// Destination.
    pub destination: Mac,
    /// Source.
    pub source: Mac,
    /// `EtherType`, `TYPE_*`.
    pub ethertype: u16,
}

impl Repr {
    /// The header and what follows it.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), Error> {
        let payload = bytes.get(HEADER_LEN..).ok_or(Error::Truncated)?;
        let repr = Self {
            destination: array(bytes, 0).ok_or(Error::Truncated)?,
            source: array(bytes, 6).ok_or(Error::Truncated)?,
            ethertype: word(bytes, 12).ok_or(Error::Truncated)?,
        };
        // Below 0x600 the field is an 802.3 length.
        if repr.ethertype < 0x600 {
            return Err(Error::Type);
        }
        Ok((repr, payload))
    }

    /// Writes [`HEADER_LEN`] octets.
    pub fn emit(&self, buffer: &mut [u8]) {
        buffer[0..6].copy_from_slice(&self.destination);
        buffer[6..12].copy_from_slice(&self.source);
        buffer[12..14].copy_from_slice(&self.ethertype.to_be_bytes());
    }
}

/// Where IPv4 multicast goes (RFC 1112 §6.4).
#[must_use]
pub const fn multicast_v4(group: Ipv4Addr) -> Mac {
    let [_, b, c, d] = group.octets();
    [0x01, 0x00, 0x5e, b & 0x7f, c, d]
}

/// Where IPv6 multicast goes (RFC 2464 §7).
#[must_use]
pub const fn multicast_v6(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::{Repr, TYPE_IPV4, multicast_v4, multicast_v6};
    use crate::packet::{Error, fixtures};
    use proptest::prelude::*;
    use vrrp_common::wire::{GROUP_V4, GROUP_V6};

    #[test]
    fn reads_and_writes_a_captured_header() {
        let (repr, payload) = Repr::parse(fixtures::KEEPALIVED_V2_PASS).unwrap();
        assert_eq!(
            repr,
            Repr {
                destination: [1, 0, 0x5e, 0, 0, 0x12],
                source: fixtures::MAC,
                ethertype: TYPE_IPV4
            }
        );
        assert_eq!(payload, &fixtures::KEEPALIVED_V2_PASS[14..]);
        let mut buffer = [0xa5; 14];
        repr.emit(&mut buffer);
        assert_eq!(buffer, fixtures::KEEPALIVED_V2_PASS[..14]);
    }

    #[test]
    fn refuses_a_length_field_and_a_stump() {
        assert_eq!(Repr::parse(&[0; 14]), Err(Error::Type));
        assert_eq!(
            Repr::parse(&fixtures::KEEPALIVED_V2_PASS[..13]),
            Err(Error::Truncated)
        );
    }

    #[test]
    fn maps_the_vrrp_groups() {
        assert_eq!(
            multicast_v4(GROUP_V4.into()),
            [0x01, 0x00, 0x5e, 0, 0, 0x12]
        );
        assert_eq!(multicast_v6(GROUP_V6.into()), [0x33, 0x33, 0, 0, 0, 0x12]);
        // The bit above the lower 23 is not mapped.
        assert_eq!(
            multicast_v4([239, 0x81, 2, 3].into()),
            [0x01, 0x00, 0x5e, 1, 2, 3]
        );
    }

    proptest! {
        #[test]
        fn comes_back(destination: [u8; 6], source: [u8; 6], ethertype in 0x600u16..) {
            let repr = Repr { destination, source, ethertype };
            let mut buffer = [0xa5; 20];
            repr.emit(&mut buffer);
            prop_assert_eq!(Repr::parse(&buffer), Ok((repr, &[0xa5; 6][..])));
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Repr::parse(&bytes);
        }
    }
}
