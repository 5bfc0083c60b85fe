//! SipHash-1-3, as the kernel's `hsiphash` computes it on 64-bit machines.

/// The hash of one 32-bit word.
pub(super) fn hsiphash_u32(word: u32, key: [u64; 2]) -> u32 {
    let mut v = begin(key);
    finish(&mut v, 4 << 56 | u64::from(word))
}

/// The hash of 64-bit words.
pub(super) fn siphash_13(words: &[u64], key: [u64; 2]) -> u64 {
    let mut v = begin(key);
    for &word in words {
        absorb(&mut v, word);
    }
    let length = (words.len() as u64 * 8) << 56;
    close(&mut v, length)
}

fn begin([k0, k1]: [u64; 2]) -> [u64; 4] {
    [
        0x736f_6d65_7073_6575 ^ k0,
        0x646f_7261_6e64_6f6d ^ k1,
        0x6c79_6765_6e65_7261 ^ k0,
        0x7465_6462_7974_6573 ^ k1,
    ]
}

fn absorb(v: &mut [u64; 4], word: u64) {
    v[3] ^= word;
    round(v);
    v[0] ^= word;
}

fn close(v: &mut [u64; 4], last: u64) -> u64 {
    absorb(v, last);
    v[2] ^= 0xff;
    for _ in 0..3 {
        round(v);
    }
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "hsiphash is the lower half"
)]
fn finish(v: &mut [u64; 4], last: u64) -> u32 {
    close(v, last) as u32
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The standard library's (deprecated, but there) hasher is SipHash-1-3 with key 0.
    #[test]
    fn agrees_with_the_standard_library_s() {
        use core::hash::Hasher as _;
        for word in [0u64, 1, 0xdead_beef, u64::MAX] {
            let mut theirs = std::collections::hash_map::DefaultHasher::new();
            theirs.write_u64(word);
            assert_eq!(siphash_13(&[word], [0, 0]), theirs.finish());
        }
        for word in [0u32, 1, 0x0a00_0001, u32::MAX] {
            let mut theirs = std::collections::hash_map::DefaultHasher::new();
            theirs.write_u32(word);
            assert_eq!(
                u64::from(hsiphash_u32(word, [0, 0])),
                theirs.finish() & 0xffff_ffff
            );
        }
    }
}
