//! IPv6 headers (RFC 8200).

use super::{Error, array};
use core::net::Ipv6Addr;

/// Octets of the fixed header.
pub const HEADER_LEN: usize = 40;
/// DSCP CS6: what adverts carry.
pub const CLASS_CONTROL: u8 = 0xc0;
/// Every node on the link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// The fixed header. Extension headers are payload here: neither adverts nor
/// neighbour discovery carry any. The flow label is written as zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// Source.
    pub source: Ipv6Addr,
    /// Destination.
    pub destination: Ipv6Addr,
    /// Protocol of the payload.
    pub next_header: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Traffic class: DSCP and ECN.
    pub traffic_class: u8,
    /// Octets after the header.
    pub payload_len: u16,
}

impl Repr {
    /// The header and its payload, cut to the length the header gives.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), Error> {
        let header: [u8; HEADER_LEN] = array(bytes, 0).ok_or(Error::Truncated)?;
        if header[0] >> 4 != 6 {
            return Err(Error::Version);
        }
        let payload_len = u16::from_be_bytes([header[4], header[5]]);
        let payload = bytes[HEADER_LEN..]
            .get(..usize::from(payload_len))
            .ok_or(Error::Truncated)?;
        let repr = Self {
            source: array::<16>(&header, 8).ok_or(Error::Truncated)?.into(),
            destination: array::<16>(&header, 24).ok_or(Error::Truncated)?.into(),
            next_header: header[6],
            hop_limit: header[7],
            traffic_class: header[0] << 4 | header[1] >> 4,
            payload_len,
        };
        Ok((repr, payload))
    }

    /// Writes [`HEADER_LEN`] octets.
    pub fn emit(&self, buffer: &mut [u8]) {
        let header = &mut buffer[..HEADER_LEN];
        header[0] = 0x60 | self.traffic_class >> 4;
        header[1] = self.traffic_class << 4;
        header[2..4].copy_from_slice(&[0, 0]);
        header[4..6].copy_from_slice(&self.payload_len.to_be_bytes());
        header[6] = self.next_header;
        header[7] = self.hop_limit;
        header[8..24].copy_from_slice(&self.source.octets());
        header[24..40].copy_from_slice(&self.destination.octets());
    }
}

/// The group a neighbour solicitation for `address` goes to (RFC 4291 §2.7.1).
#[must_use]
pub const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = address.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | high & 0xff, low)
}

#[cfg(test)]
mod tests {
    use super::{CLASS_CONTROL, HEADER_LEN, Repr, solicited_node};
    use crate::packet::{Error, fixtures};
    use core::net::Ipv6Addr;
    use proptest::prelude::*;

    #[test]
    fn reads_and_writes_a_captured_header() {
        let bytes = &fixtures::KEEPALIVED_V3_IPV6[14..];
        let (repr, payload) = Repr::parse(bytes).unwrap();
        let want = Repr {
            source: "fe80::ff:fe00:a01".parse().unwrap(),
            destination: "ff02::12".parse().unwrap(),
            next_header: 112,
            hop_limit: 255,
            traffic_class: CLASS_CONTROL,
            payload_len: 40,
        };
        assert_eq!(repr, want);
        assert_eq!(payload, &bytes[40..]);
        let mut buffer = [0xa5; HEADER_LEN];
        repr.emit(&mut buffer);
        // The kernel chose a flow label for keepalived.
        assert_eq!(buffer[..4], [0x6c, 0, 0, 0]);
        assert_eq!(buffer[4..], bytes[4..40]);
    }

    #[test]
    fn names_what_is_wrong() {
        let bytes = &fixtures::KEEPALIVED_V3_IPV6[14..];
        assert_eq!(Repr::parse(&bytes[..39]), Err(Error::Truncated));
        assert_eq!(Repr::parse(&bytes[..79]), Err(Error::Truncated));
        assert_eq!(Repr::parse(&[0x45; 40]), Err(Error::Version));
    }

    #[test]
    fn solicited_node_keeps_24_bits() {
        let address: Ipv6Addr = "2001:db8::1:2345:6789".parse().unwrap();
        assert_eq!(
            solicited_node(address),
            "ff02::1:ff45:6789".parse::<Ipv6Addr>().unwrap()
        );
    }

    proptest! {
        #[test]
        fn comes_back(source: [u8; 16], destination: [u8; 16], next_header: u8, hop_limit: u8, traffic_class: u8, payload_len in 0u16..200) {
            let repr = Repr { source: source.into(), destination: destination.into(), next_header, hop_limit, traffic_class, payload_len };
            let mut buffer = [0xa5; HEADER_LEN + 200];
            repr.emit(&mut buffer);
            prop_assert_eq!(Repr::parse(&buffer), Ok((repr, &[0xa5; 200][..usize::from(payload_len)])));
        }

        #[test]
        fn never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..120), likely: bool) {
            if likely && !bytes.is_empty() {
                bytes[0] = 0x60;
            }
            let _ = Repr::parse(&bytes);
        }
    }
}
