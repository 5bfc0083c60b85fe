//! ARP for IPv4 over Ethernet (RFC 826).

use super::{Error, Mac, array, ethernet, word};
use core::net::Ipv4Addr;

/// Octets of a packet.
pub const LEN: usize = 28;

/// Hardware type Ethernet, protocol type IPv4, address lengths 6 and 4.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// What a packet does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Who has the target address?
    Request,
    /// The sender has its address.
    Reply,
}

/// A packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// Request or reply.
    pub operation: Operation,
    /// Sender's hardware address.
    pub sender_mac: Mac,
    /// Sender's address.
    pub sender: Ipv4Addr,
    /// Target's hardware address.
    pub target_mac: Mac,
    /// Target's address.
    pub target: Ipv4Addr,
}

impl Repr {
    /// A gratuitous request, as keepalived and FRR send it: every neighbour that
    /// knows `address` now knows it at `mac` (RFC 5227 §3 calls it an ARP
    /// announcement). The target's hardware address is the broadcast one.
    #[must_use]
    pub const fn gratuitous(mac: Mac, address: Ipv4Addr) -> Self {
        Self {
            operation: Operation::Request,
            sender_mac: mac,
            sender: address,
            target_mac: ethernet::BROADCAST,
            target: address,
        }
    }

    /// The packet; octets after it are Ethernet padding.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let bytes: [u8; LEN] = array(bytes, 0).ok_or(Error::Truncated)?;
        if !bytes.starts_with(&ETHERNET_IPV4) {
            return Err(Error::AddressKind);
        }
        Ok(Self {
            operation: match word(&bytes, 6) {
                Some(1) => Operation::Request,
                Some(2) => Operation::Reply,
                _ => return Err(Error::Type),
            },
            sender_mac: array(&bytes, 8).ok_or(Error::Truncated)?,
            sender: array(&bytes, 14).ok_or(Error::Truncated)?.into(),
            target_mac: array(&bytes, 18).ok_or(Error::Truncated)?,
            target: array(&bytes, 24).ok_or(Error::Truncated)?.into(),
        })
    }

    /// Writes [`LEN`] octets.
    pub fn emit(&self, buffer: &mut [u8]) {
        buffer[..6].copy_from_slice(&ETHERNET_IPV4);
        let operation = match self.operation {
            Operation::Request => [0, 1],
            Operation::Reply => [0, 2],
        };
        buffer[6..8].copy_from_slice(&operation);
        buffer[8..14].copy_from_slice(&self.sender_mac);
        buffer[14..18].copy_from_slice(&self.sender.octets());
        buffer[18..24].copy_from_slice(&self.target_mac);
        buffer[24..28].copy_from_slice(&self.target.octets());
    }
}

#[cfg(test)]
mod tests {
    use super::{LEN, Operation, Repr};
    use crate::packet::{Error, fixtures};
    use proptest::prelude::*;

    #[test]
    fn announces_as_keepalived_and_frr_do() {
        for (capture, mac, address) in [
            (fixtures::KEEPALIVED_GARP, fixtures::MAC, [198, 51, 100, 20]),
            (fixtures::FRR_GARP, [0, 0, 0x5e, 0, 1, 5], [10, 9, 0, 200]),
        ] {
            let repr = Repr::gratuitous(mac, address.into());
            assert_eq!(Repr::parse(&capture[14..]), Ok(repr));
            let mut buffer = [0xa5; LEN];
            repr.emit(&mut buffer);
            assert_eq!(buffer, capture[14..]);
        }
    }

    #[test]
    fn names_what_is_wrong() {
        let good = &fixtures::KEEPALIVED_GARP[14..];
        assert_eq!(Repr::parse(&good[..27]), Err(Error::Truncated));
        for at in 0..6 {
            let mut bytes = good.to_vec();
            bytes[at] ^= 0x20;
            assert_eq!(Repr::parse(&bytes), Err(Error::AddressKind), "octet {at}");
        }
        let mut reverse = good.to_vec();
        reverse[7] = 3;
        assert_eq!(Repr::parse(&reverse), Err(Error::Type));
    }

    proptest! {
        #[test]
        fn comes_back(reply: bool, sender_mac: [u8; 6], sender: [u8; 4], target_mac: [u8; 6], target: [u8; 4]) {
            let operation = if reply { Operation::Reply } else { Operation::Request };
            let repr = Repr { operation, sender_mac, sender: sender.into(), target_mac, target: target.into() };
            let mut buffer = [0xa5; LEN + 18];
            repr.emit(&mut buffer);
            prop_assert_eq!(Repr::parse(&buffer), Ok(repr));
            prop_assert_eq!(&buffer[LEN..], &[0xa5; 18][..]);
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Repr::parse(&bytes);
        }
    }
}
