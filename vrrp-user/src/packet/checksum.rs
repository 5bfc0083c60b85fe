//! The Internet checksum: RFC 1071, and its incremental update, RFC 1624.

use core::net::{Ipv4Addr, Ipv6Addr};

/// A ones' complement sum of network-order words, not yet folded.
///
/// Pieces may be added in any order, but only the last may have an odd length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    /// Of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(0)
    }

    /// The IPv4 pseudo-header (RFC 768): addresses, protocol, `len` octets of message.
    #[must_use]
    pub fn pseudo_v4(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, len: u16) -> Self {
        Self::new()
            .add_bytes(&source.octets())
            .add_bytes(&destination.octets())
            .add_word(u16::from(protocol))
            .add_word(len)
    }

    /// The IPv6 pseudo-header (RFC 8200 §8.1): addresses, `len` octets of message, next header.
    #[must_use]
    pub fn pseudo_v6(source: Ipv6Addr, destination: Ipv6Addr, next_header: u8, len: u32) -> Self {
        Self::new()
            .add_bytes(&source.octets())
            .add_bytes(&destination.octets())
            .add_bytes(&len.to_be_bytes())
            .add_word(u16::from(next_header))
    }

    /// Adds octets; an odd last one is padded with zero (RFC 1071 §1).
    #[must_use]
    pub fn add_bytes(self, bytes: &[u8]) -> Self {
        let (pairs, odd) = bytes.as_chunks::<2>();
        let mut sum = self.0;
        for pair in pairs {
            sum += u64::from(u16::from_be_bytes(*pair));
        }
        if let [last] = odd {
            sum += u64::from(*last) << 8;
        }
        Self(sum)
    }

    /// Adds one word.
    #[must_use]
    pub const fn add_word(self, word: u16) -> Self {
        Self(self.0 + word as u64)
    }

    /// What goes into the checksum field.
    #[must_use]
    pub const fn checksum(self) -> u16 {
        !self.folded()
    }

    /// Whether a sum that includes the checksum field says the bytes are intact.
    #[must_use]
    pub const fn is_intact(self) -> bool {
        self.folded() == 0xffff
    }

    #[allow(clippy::cast_possible_truncation)] // Folded until it fits.
    const fn folded(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }
}

/// The checksum after one word of what it covers changed (RFC 1624 §3, equation 3).
#[must_use]
pub const fn update(checksum: u16, old: u16, new: u16) -> u16 {
    Sum(!checksum as u64 + !old as u64 + new as u64).checksum()
}

#[cfg(test)]
mod tests {
    use super::{Sum, update};
    use proptest::prelude::*;

    #[test]
    fn adds_up_the_example_of_rfc_1071() {
        let sum = Sum::new().add_bytes(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.checksum(), !0xddf2);
    }

    #[test]
    fn pads_an_odd_octet_on_the_right() {
        assert_eq!(Sum::new().add_bytes(&[0x12]).checksum(), !0x1200);
    }

    #[test]
    fn updates_the_example_of_rfc_1624() {
        // §4: the case that the older equation of RFC 1141 gets wrong.
        assert_eq!(update(0xdd2f, 0x5555, 0x3285), 0x0000);
    }

    #[test]
    fn survives_the_longest_packet() {
        assert_eq!(Sum::new().add_bytes(&vec![0xff; 65_536]).checksum(), 0);
    }

    proptest! {
        #[test]
        fn update_equals_summing_again(mut words in prop::collection::vec(any::<u16>(), 2..64), at: prop::sample::Index, new: u16) {
            let sum = |words: &[u16]| words.iter().fold(Sum::new(), |sum, word| sum.add_word(*word));
            let before = sum(&words).checksum();
            let at = at.index(words.len());
            let after = update(before, words[at], new);
            words[at] = new;
            // Equal as ones' complement numbers: zero has two forms.
            prop_assert!(sum(&words).add_word(after).is_intact());
        }

        #[test]
        fn any_flipped_bit_shows(bytes in prop::collection::vec(any::<u8>(), 1..128), bit: prop::sample::Index) {
            let sum = Sum::new().add_bytes(&bytes);
            let checksum = sum.checksum();
            let mut bytes = bytes;
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!Sum::new().add_word(checksum).add_bytes(&bytes).is_intact());
        }
    }
}
