//! IPv4 headers (RFC 791).

use super::{Error, array, checksum::Sum, word};
use core::net::Ipv4Addr;

/// Octets of a header without options.
pub const HEADER_LEN: usize = 20;
/// Precedence "internetwork control", DSCP CS6: what adverts carry.
pub const TOS_CONTROL: u8 = 0xc0;

const DONT_FRAGMENT: u16 = 0x4000;
const FRAGMENT_MASK: u16 = 0x3fff;

/// A header. Options are skipped when read and never written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// Source.
    pub source: Ipv4Addr,
    /// Destination.
    pub destination: Ipv4Addr,
    /// Protocol of the payload.
    pub protocol: u8,
    /// Time to live.
    pub ttl: u8,
    /// The octet that was type of service: DSCP and ECN.
    pub tos: u8,
    /// Octets after the header; at most 65515 when written.
    pub payload_len: u16,
}

impl Repr {
    /// The header and its payload, cut to the length the header gives (Ethernet
    /// pads short frames).
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), Error> {
        let fixed: [u8; HEADER_LEN] = array(bytes, 0).ok_or(Error::Truncated)?;
        if fixed[0] >> 4 != 4 {
            return Err(Error::Version);
        }
        let header_len = usize::from(fixed[0] & 0x0f) * 4;
        if header_len < HEADER_LEN {
            return Err(Error::HeaderLength);
        }
        let header = bytes.get(..header_len).ok_or(Error::Truncated)?;
        let total_len = u16::from_be_bytes([fixed[2], fixed[3]]);
        let payload = bytes
            .get(header_len..usize::from(total_len))
            .ok_or(Error::Truncated)?;
        if !Sum::new().add_bytes(header).is_intact() {
            return Err(Error::Checksum);
        }
        if word(header, 6).ok_or(Error::Truncated)? & FRAGMENT_MASK != 0 {
            return Err(Error::Fragment);
        }
        let repr = Self {
            source: array(header, 12).ok_or(Error::Truncated)?.into(),
            destination: array(header, 16).ok_or(Error::Truncated)?.into(),
            protocol: fixed[9],
            ttl: fixed[8],
            tos: fixed[1],
            payload_len: u16::try_from(payload.len()).map_err(|_| Error::Truncated)?,
        };
        Ok((repr, payload))
    }

    /// Writes [`HEADER_LEN`] octets. The identification is zero and the packet
    /// may not be fragmented, which together are one thing (RFC 6864 §4.1).
    pub fn emit(&self, buffer: &mut [u8]) {
        let header = &mut buffer[..HEADER_LEN];
        header[0] = 0x45;
        header[1] = self.tos;
        let total_len = u16::try_from(HEADER_LEN).unwrap_or_default() + self.payload_len;
        header[2..4].copy_from_slice(&total_len.to_be_bytes());
        header[4..6].copy_from_slice(&[0, 0]);
        header[6..8].copy_from_slice(&DONT_FRAGMENT.to_be_bytes());
        header[8] = self.ttl;
        header[9] = self.protocol;
        header[10..12].copy_from_slice(&[0, 0]);
        header[12..16].copy_from_slice(&self.source.octets());
        header[16..20].copy_from_slice(&self.destination.octets());
        let checksum = Sum::new().add_bytes(header).checksum();
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::{HEADER_LEN, Repr, TOS_CONTROL};
    use crate::packet::{Error, checksum::Sum, fixtures};
    use proptest::prelude::*;

    fn captured() -> Repr {
        Repr {
            source: [198, 51, 100, 1].into(),
            destination: [224, 0, 0, 18].into(),
            protocol: 112,
            ttl: 255,
            tos: TOS_CONTROL,
            payload_len: 28,
        }
    }

    #[test]
    fn reads_a_captured_header() {
        let bytes = &fixtures::KEEPALIVED_V2_PASS[14..];
        let (repr, payload) = Repr::parse(bytes).unwrap();
        assert_eq!(repr, captured());
        assert_eq!(payload, &bytes[20..]);
    }

    #[test]
    fn writes_what_frr_writes_but_for_the_identification() {
        let frr = &fixtures::FRR_V3[14..][..HEADER_LEN];
        let (repr, _) = Repr::parse(&fixtures::FRR_V3[14..]).unwrap();
        let mut buffer = [0xa5; HEADER_LEN];
        repr.emit(&mut buffer);
        assert_eq!(buffer[..4], frr[..4]);
        assert_eq!(buffer[4..6], [0, 0]);
        assert_eq!(buffer[6..10], frr[6..10]);
        assert_eq!(buffer[12..], frr[12..]);
    }

    #[test]
    fn skips_options_and_drops_padding() {
        let mut bytes = [0xa5; 64];
        Repr {
            payload_len: 28,
            ..captured()
        }
        .emit(&mut bytes);
        // Four octets of options (no-operation) ahead of a payload of 24.
        bytes[0] = 0x46;
        bytes[20..24].fill(1);
        bytes[10..12].fill(0);
        let checksum = Sum::new().add_bytes(&bytes[..24]).checksum();
        bytes[10..12].copy_from_slice(&checksum.to_be_bytes());
        let (repr, payload) = Repr::parse(&bytes).unwrap();
        assert_eq!((repr.payload_len, payload), (24, &bytes[24..48]));
    }

    #[test]
    fn names_what_is_wrong() {
        type Mangle = fn(&mut Vec<u8>);
        let cases: &[(&str, Mangle, Error)] = &[
            ("a stump", |b| b.truncate(19), Error::Truncated),
            ("IPv6", |b| b[0] = 0x65, Error::Version),
            ("header of 16 octets", |b| b[0] = 0x44, Error::HeaderLength),
            (
                "options beyond the end",
                |b| {
                    b[0] = 0x4f;
                    b.truncate(50);
                },
                Error::Truncated,
            ),
            (
                "total length beyond the end",
                |b| b[3] += 1,
                Error::Truncated,
            ),
            (
                "total length within the header",
                |b| b[3] = 19,
                Error::Truncated,
            ),
            ("TTL changed on the way", |b| b[8] -= 1, Error::Checksum),
            (
                "more fragments",
                |b| {
                    b[6] |= 0x20;
                    b[10] -= 0x20;
                },
                Error::Fragment,
            ),
            (
                "a later fragment",
                |b| {
                    b[7] |= 1;
                    b[11] -= 1;
                },
                Error::Fragment,
            ),
        ];
        for (name, mangle, want) in cases {
            let mut bytes = fixtures::KEEPALIVED_V2_PASS[14..].to_vec();
            mangle(&mut bytes);
            assert_eq!(Repr::parse(&bytes).unwrap_err(), *want, "{name}");
        }
    }

    proptest! {
        #[test]
        fn comes_back(source: [u8; 4], destination: [u8; 4], protocol: u8, ttl: u8, tos: u8, payload_len in 0u16..200) {
            let repr = Repr { source: source.into(), destination: destination.into(), protocol, ttl, tos, payload_len };
            let mut buffer = [0xa5; HEADER_LEN + 220];
            repr.emit(&mut buffer);
            prop_assert_eq!(Repr::parse(&buffer), Ok((repr, &[0xa5; 220][..usize::from(payload_len)])));
        }

        #[test]
        fn never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..80), likely: bool) {
            if likely && !bytes.is_empty() {
                bytes[0] = 0x40 | bytes[0] & 0x0f;
            }
            let _ = Repr::parse(&bytes);
        }
    }
}
