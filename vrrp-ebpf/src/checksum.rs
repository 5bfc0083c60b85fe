//! The internet checksum (RFC 1071), over words as they lie in the packet.

use crate::{
    address::Address,
    view::{self, Sums, View},
};

/// Most words in one sum: the 255 IPv6 addresses that an advert can count.
pub const MAX_WORDS: usize = 255 * 4;

/// A running sum; the order of its 16-bit parts does not matter, nor does the
/// byte order in which they were read (RFC 1071 §2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    /// Nothing summed.
    pub const ZERO: Self = Self(0);

    /// Of words summed already.
    #[inline(always)]
    #[must_use]
    pub const fn from_folded(sum: u16) -> Self {
        Self(sum as u64)
    }

    /// Of an IPv4 header without options.
    #[inline(always)]
    #[must_use]
    pub fn of_five_words(header: &[u8; 20]) -> Self {
        let mut sum = Self::ZERO;
        for at in [0, 4, 8, 12, 16] {
            sum = sum.word(view::word(header, at));
        }
        sum
    }

    /// With one more word.
    #[inline(always)]
    #[must_use]
    pub const fn word(self, word: u32) -> Self {
        Self(self.0 + word as u64)
    }

    /// With the pseudo-header of an upper-layer packet of `len` octets: RFC 793
    /// §3.1 for IPv4, RFC 8200 §8.1 for IPv6. They sum alike, because the other
    /// half of each of IPv6's longer fields is zero.
    #[inline(always)]
    #[must_use]
    pub const fn pseudo_header(self, from: Address, to: Address, protocol: u8, len: u16) -> Self {
        let mut sum = self;
        let mut i = 0;
        while i < 4 {
            sum = sum.word(from.0[i]).word(to.0[i]);
            i += 1;
        }
        sum.word((protocol as u16).to_be() as u32)
            .word(len.to_be() as u32)
    }

    /// In 16 bits, in packet order.
    #[inline(always)]
    #[must_use]
    pub const fn folded(self) -> u16 {
        let mut sum = (self.0 >> 32) + (self.0 & 0xffff_ffff);
        sum = (sum >> 16) + (sum & 0xffff);
        sum = (sum >> 16) + (sum & 0xffff);
        sum = (sum >> 16) + (sum & 0xffff);
        sum as u16
    }

    /// The data summed carried a right checksum.
    #[inline(always)]
    #[must_use]
    pub const fn is_valid(self) -> bool {
        // Not folded to the end: of at most 2^16 words this is below 0x1ffff.
        let sum = (self.0 >> 32) + (self.0 & 0xffff_ffff);
        let sum = (sum >> 16) + (sum & 0xffff);
        sum == 0xffff || sum == 0x1_fffe
    }

    /// What to write into the (so far zero) checksum field, in packet order.
    #[inline(always)]
    #[must_use]
    pub const fn field(self) -> [u8; 2] {
        (!self.folded()).to_ne_bytes()
    }
}

impl Sums {
    /// Of one word.
    #[inline(always)]
    #[must_use]
    pub fn of_word(window: &[u8; 4]) -> Self {
        let word = view::word(window, 0);
        Self {
            sum: Sum::ZERO.word(word),
            wrapping: u32::from_be(word),
        }
    }
}

/// [`View::sums`], one word at a time.
#[inline(always)]
pub fn sums<'a>(
    window: impl Fn(usize) -> Option<&'a [u8; 4]>,
    at: usize,
    len: usize,
) -> Option<Sums> {
    let (mut sum, mut wrapping) = (Sum::ZERO, 0u32);
    // A constant bound, because kernels before 5.17 have no other loops.
    for i in 0..MAX_WORDS {
        if i * 4 >= len {
            break;
        }
        let word = view::word(window(at + i * 4)?, 0);
        sum = sum.word(word);
        wrapping = wrapping.wrapping_add(u32::from_be(word));
    }
    Some(Sums { sum, wrapping })
}

/// Of `len` octets from `at`, as [`View::sums`] takes them.
#[inline(always)]
pub fn of<V: View>(frame: &V, at: usize, len: usize) -> Option<Sum> {
    frame.sums(at, len).map(|sums| sums.sum)
}

#[cfg(test)]
mod tests {
    use super::{MAX_WORDS, Sum, of};
    use proptest::prelude::*;

    /// RFC 1071 as it is written, one 16-bit number at a time.
    fn plainly(octets: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in octets.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], pair[1]]));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !u16::try_from(sum).expect("folded")
    }

    #[test]
    fn header_of_rfc_1071_kind() {
        // A header as Wikipedia works it through: checksum b861.
        let header = [
            0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8,
            0, 0xc7,
        ]
        .to_vec();
        assert!(of(&header, 0, 20).expect("complete").is_valid());
        assert_eq!(of(&header, 4, 20), None, "ends beyond the frame");
    }

    #[test]
    fn valid_is_what_folds_to_ones() {
        let most = (MAX_WORDS as u64 + 16) * u64::from(u32::MAX);
        let sums = (0..=0x3_0000)
            .chain((1 << 32) - 0x2_0000..(1 << 32) + 0x2_0000)
            .chain(most - 0x2_0000..=most);
        let mut valid = 0;
        for sum in sums.map(Sum) {
            assert_eq!(sum.is_valid(), sum.folded() == 0xffff, "{sum:?}");
            valid += u32::from(sum.is_valid());
        }
        assert!(valid > 6, "{valid}");
    }

    proptest! {
        #[test]
        fn agrees_with_the_plain_sum(words in prop::collection::vec(any::<[u8; 4]>(), 1..=32)) {
            let octets: Vec<u8> = words.concat();
            let sum = of(&octets, 0, octets.len()).expect("complete");
            prop_assert_eq!(u16::from_be_bytes(sum.field()), plainly(&octets));
            let closed = Sum::word(sum, u32::from(u16::from_ne_bytes(sum.field())));
            prop_assert!(closed.is_valid());
        }
    }
}
