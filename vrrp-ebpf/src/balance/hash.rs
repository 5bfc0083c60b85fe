//! Hashes that choose slots. Those of `sh`, `dh` and `mh` are IPVS's, so that two
//! directors, and a director that replaces one of IPVS's, choose alike.

use crate::address::Address;

/// Slots of `sh` and `dh`, as a power of two.
const TABLE_BITS: u32 = 8;
/// What IPVS multiplies by: the golden ratio in 32 bits.
const RATIO: u32 = 0x61c8_8647;
/// Both halves of the key of `mh`.
const MH_KEY: u64 = 2_654_435_761;

/// An address in 32 bits.
#[inline(always)]
#[must_use]
pub const fn folded(address: Address) -> u32 {
    let [a, b, c, d] = address.0;
    u32::from_be(a ^ b ^ c ^ d)
}

/// The slot of `dh`; of `sh`, with a port (or 0) and how far on the search is.
#[inline(always)]
#[must_use]
pub const fn table(address: Address, port: u16, on: u32) -> u32 {
    let hash = folded(address)
        .wrapping_add(port as u32)
        .wrapping_mul(RATIO)
        >> (32 - TABLE_BITS);
    hash.wrapping_add(on) & ((1 << TABLE_BITS) - 1)
}

/// The hash of `mh`, of an address, a port (or 0) and how far on the search is.
#[inline(always)]
#[must_use]
pub const fn mh(address: Address, port: u16, on: u32) -> u32 {
    half_sip(
        folded(address).wrapping_add(port as u32).wrapping_add(on),
        MH_KEY,
    )
}

/// The hash of `maglev`: of the whole address, a port (or 0) and a seed.
#[inline(always)]
#[must_use]
pub const fn maglev(address: Address, port: u16, seed: u32) -> u32 {
    let [a, b, c, d] = address.0;
    let mut key = (seed as u64) << 32 | seed as u64;
    // The words of an IPv4 address but the first are zero, and one round is enough.
    if b | c | d != 0 {
        key ^= (half_sip(u32::from_be(b), key) as u64) << 32
            | half_sip(u32::from_be(c) ^ u32::from_be(d).rotate_left(16), key) as u64;
    }
    half_sip(u32::from_be(a) ^ (port as u32).rotate_left(8), key)
}

/// SipHash-1-3 of four octets, with a key of two equal halves, folded to 32 bits: what
/// 64-bit kernels call `hsiphash`.
#[inline(always)]
const fn half_sip(value: u32, key: u64) -> u32 {
    let message = 4 << 56 | value as u64;
    let mut v = [
        0x736f_6d65_7073_6575 ^ key,
        0x646f_7261_6e64_6f6d ^ key,
        0x6c79_6765_6e65_7261 ^ key,
        0x7465_6462_7974_6573 ^ key,
    ];
    v[3] ^= message;
    v = round(v);
    v[0] ^= message;
    v[2] ^= 0xff;
    v = round(round(round(v)));
    (v[0] ^ v[1] ^ v[2] ^ v[3]) as u32
}

#[inline(always)]
const fn round([mut a, mut b, mut c, mut d]: [u64; 4]) -> [u64; 4] {
    a = a.wrapping_add(b);
    b = b.rotate_left(13) ^ a;
    a = a.rotate_left(32);
    c = c.wrapping_add(d);
    d = d.rotate_left(16) ^ c;
    a = a.wrapping_add(d);
    d = d.rotate_left(21) ^ a;
    c = c.wrapping_add(b);
    b = b.rotate_left(17) ^ c;
    c = c.rotate_left(32);
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::{MH_KEY, half_sip, maglev, mh, table};
    use crate::{address::Address, testing};
    use proptest::prelude::*;
    use std::{
        collections::{HashMap, hash_map::DefaultHasher},
        hash::Hasher,
    };

    fn address(text: &str) -> Address {
        testing::address(testing::ip(text))
    }

    /// The multiplicative hash as the kernel's `hash_32` documents it.
    #[test]
    fn table_slots() {
        // 10.0.0.1 is 0x0a000001.
        let plainly = |number: u64| ((number * 0x61c8_8647) & 0xffff_ffff) >> 24;
        assert_eq!(
            u64::from(table(address("10.0.0.1"), 0, 0)),
            plainly(0x0a00_0001)
        );
        assert_eq!(
            u64::from(table(address("10.0.0.1"), 4660, 0)),
            plainly(0x0a00_0001 + 4660)
        );
        assert_eq!(
            u64::from(table(address("10.0.0.1"), 0, 255)),
            (plainly(0x0a00_0001) + 255) % 256
        );
        assert_eq!(
            u64::from(table(address("2001:db8::1"), 0, 0)),
            plainly(0x2001_0db8 ^ 1)
        );
    }

    #[test]
    fn mh_goes_on_by_one() {
        let (address, next) = (address("10.0.0.1"), address("10.0.0.2"));
        assert_eq!(mh(address, 0, 0), half_sip(0x0a00_0001, MH_KEY));
        assert_eq!(mh(address, 1, 0), mh(next, 0, 0));
        assert_eq!(mh(address, 0, 1), mh(next, 0, 0));
    }

    #[test]
    fn maglev_spreads_clients() {
        let mut slots: HashMap<u32, u32> = HashMap::new();
        for host in 0..=255_u8 {
            for text in [format!("10.0.0.{host}"), format!("2001:db8::{host:x}")] {
                *slots.entry(maglev(address(&text), 0, 7) % 64).or_default() += 1;
            }
        }
        // 512 into 64: 8 each on average.
        assert_eq!(slots.len(), 64);
        assert!(slots.values().all(|count| *count < 24), "{slots:?}");
        let client = address("10.0.0.1");
        assert_ne!(maglev(client, 0, 7), maglev(client, 0, 8));
        assert_ne!(maglev(client, 1, 7), maglev(client, 2, 7));
    }

    proptest! {
        /// The standard library has SipHash-1-3 behind this, with the key 0.
        #[test]
        fn sip_is_sip(value: u32) {
            let mut plainly = DefaultHasher::new();
            plainly.write(&value.to_le_bytes());
            prop_assert_eq!(half_sip(value, 0), (plainly.finish() & 0xffff_ffff) as u32);
        }
    }
}
