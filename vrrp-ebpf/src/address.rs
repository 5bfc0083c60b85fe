//! An address of either family, compared and stored as four words.

use crate::view;

/// Four words as they lie in the packet, that is, in network order. An IPv4
/// address fills the first and zeroes the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Address(pub [u32; 4]);

impl Address {
    /// No address.
    pub const NONE: Self = Self([0; 4]);

    /// The four octets of a window from `at`.
    #[inline(always)]
    #[must_use]
    pub fn v4<const N: usize>(window: &[u8; N], at: usize) -> Self {
        Self([view::word(window, at), 0, 0, 0])
    }

    /// The sixteen octets of a window from `at`.
    #[inline(always)]
    #[must_use]
    pub fn v6<const N: usize>(window: &[u8; N], at: usize) -> Self {
        Self([
            view::word(window, at),
            view::word(window, at + 4),
            view::word(window, at + 8),
            view::word(window, at + 12),
        ])
    }

    /// As map keys and values hold it.
    #[inline(always)]
    #[must_use]
    pub fn from_octets(octets: &[u8; 16]) -> Self {
        Self::v6(octets, 0)
    }

    /// [`Address::from_octets`] of a constant.
    #[must_use]
    pub const fn of(octets: &[u8; 16]) -> Self {
        let mut words = [0; 4];
        let mut i = 0;
        while i < 4 {
            let at = i * 4;
            words[i] =
                u32::from_ne_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]]);
            i += 1;
        }
        Self(words)
    }

    /// As map keys and values hold it.
    #[inline(always)]
    #[must_use]
    pub const fn octets(self) -> [u8; 16] {
        // As a whole: put together octet by octet it would be written so, too.
        // SAFETY: sixteen octets, and any of them are a value.
        unsafe { core::mem::transmute(self.0) }
    }

    /// Its leading bits; the others zero.
    #[inline(always)]
    #[must_use]
    pub const fn leading(self, bits: u32) -> Self {
        Self([
            masked(self.0[0], bits),
            masked(self.0[1], bits.saturating_sub(32)),
            masked(self.0[2], bits.saturating_sub(64)),
            masked(self.0[3], bits.saturating_sub(96)),
        ])
    }

    /// All zero.
    #[inline(always)]
    #[must_use]
    pub const fn is_none(self) -> bool {
        (self.0[0] | self.0[1] | self.0[2] | self.0[3]) == 0
    }

    /// As an unsigned number in network order (§6.4.3 compares primary addresses so).
    #[inline(always)]
    #[must_use]
    pub const fn is_greater_than(self, other: Self) -> bool {
        let mut i = 0;
        while i < 4 {
            let (ours, theirs) = (u32::from_be(self.0[i]), u32::from_be(other.0[i]));
            if ours != theirs {
                return ours > theirs;
            }
            i += 1;
        }
        false
    }

    /// First octet.
    #[inline(always)]
    #[must_use]
    pub const fn first_octet(self) -> u8 {
        self.0[0].to_ne_bytes()[0]
    }

    /// `fe80::/10`.
    #[inline(always)]
    #[must_use]
    pub const fn is_link_local_v6(self) -> bool {
        u32::from_be(self.0[0]) >> 22 == 0xfe80_0000 >> 22
    }

    /// No host may send from it: zero, loopback, multicast, reserved or
    /// broadcast (RFC 1122 §3.2.1.3), as the kernel would have checked.
    #[inline(always)]
    #[must_use]
    pub const fn is_martian_v4(self) -> bool {
        let first = self.first_octet();
        first == 0 || first == 127 || first >= 224
    }

    /// The unspecified, the loopback or a multicast address (RFC 4291 §2.5.2, §2.5.3, §2.7).
    #[inline(always)]
    #[must_use]
    pub const fn is_martian_v6(self) -> bool {
        let [a, b, c, d] = self.0;
        self.first_octet() == 0xff || ((a | b | c) == 0 && u32::from_be(d) <= 1)
    }
}

/// The leading bits of a word in network order.
#[inline(always)]
const fn masked(word: u32, bits: u32) -> u32 {
    match bits {
        0 => 0,
        1..32 => word & (u32::MAX << (32 - bits)).to_be(),
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::Address;
    use core::net::{IpAddr, Ipv6Addr};
    use proptest::prelude::*;

    fn address(text: &str) -> Address {
        crate::testing::address(text.parse().expect("an address"))
    }

    #[test]
    fn martians() {
        for (text, martian) in [
            ("0.0.0.0", true),
            ("127.0.0.1", true),
            ("224.0.0.18", true),
            ("255.255.255.255", true),
            ("10.0.0.1", false),
            ("223.255.255.255", false),
        ] {
            assert_eq!(address(text).is_martian_v4(), martian, "{text}");
        }
        for (text, martian) in [
            ("::", true),
            ("::1", true),
            ("ff02::12", true),
            ("fe80::1", false),
            ("::2", false),
        ] {
            assert_eq!(address(text).is_martian_v6(), martian, "{text}");
        }
    }

    #[test]
    fn link_local() {
        for (text, local) in [
            ("fe80::1", true),
            ("febf::", true),
            ("fec0::1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(address(text).is_link_local_v6(), local, "{text}");
        }
    }

    #[test]
    fn leading_bits() {
        for (text, bits, want) in [
            ("10.1.2.255", 32, "10.1.2.255"),
            ("10.1.2.255", 128, "10.1.2.255"),
            ("10.1.2.255", 25, "10.1.2.128"),
            ("10.1.2.255", 8, "10.0.0.0"),
            ("10.1.2.255", 0, "0.0.0.0"),
            ("2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::"),
            ("2001:db8:1:2:3:4:5:6", 100, "2001:db8:1:2:3:4::"),
            ("2001:db8:1:2:3:4:5:6", 128, "2001:db8:1:2:3:4:5:6"),
        ] {
            assert_eq!(address(text).leading(bits), address(want), "{text}/{bits}");
        }
    }

    proptest! {
        #[test]
        fn order_is_that_of_the_octets(a: [u8; 16], b: [u8; 16]) {
            let (left, right) = (Address::from_octets(&a), Address::from_octets(&b));
            prop_assert_eq!(left.is_greater_than(right), Ipv6Addr::from(a) > Ipv6Addr::from(b));
            prop_assert_eq!(left.octets(), a);
            prop_assert_eq!(left, crate::testing::address(IpAddr::from(a)));
        }
    }
}
