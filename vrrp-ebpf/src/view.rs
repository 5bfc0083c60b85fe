//! Bounds-checked reads and writes of a frame. Every packet pointer in the
//! programs is dereferenced in this file and nowhere else.
//!
//! The verifier accepts a packet access only through the very register whose
//! bound was compared with the end of the packet. So a window is checked once,
//! as a whole, and handed out as an array reference: what lies inside it needs
//! no further check, and indices into it are constants.

use crate::{advert, checksum::Sum, station, tables::Tables};
use vrrp_common::unproven::PACKET_ROOM;

/// No header or message this program reads ends beyond this many octets. Tells
/// the verifier that an offset is small enough to be added to a packet pointer.
/// One less than a power of two, so that it is a mask as well.
pub const MAX_OFFSET: usize = 0x1fff;

/// Two sums over the same words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sums {
    /// Ones' complement sum.
    pub sum: Sum,
    /// Wrapping sum of the words read in network order.
    pub wrapping: u32,
}

/// A frame to read.
pub trait View {
    /// The `N` octets from `at`, or nothing if the frame ends before.
    fn window<const N: usize>(&self, at: usize) -> Option<&[u8; N]>;

    /// Whether the frame has `len` octets from `at`. `at` and `len` are at most
    /// [`MAX_OFFSET`], or the answer is no.
    fn holds(&self, at: usize, len: usize) -> bool;

    /// Sums `len` octets from `at`, a multiple of 4 and at most 4 times
    /// [`MAX_WORDS`](crate::checksum::MAX_WORDS). `None` if the frame ends before.
    fn sums(&self, at: usize, len: usize) -> Option<Sums>;

    /// Hands up the draft with `len` octets from `at`, a multiple of 4 and at most
    /// [`MAX_PACKET_LEN`](vrrp_common::unproven::MAX_PACKET_LEN). False if there is no room.
    fn hand_up<T: Tables>(&self, tables: &T, at: usize, len: usize) -> bool
    where
        Self: Sized,
    {
        advert::copy_and_submit(self, tables, at, len)
    }
}

/// A frame to rewrite.
pub trait ViewMut: View {
    /// As [`View::window`], to write.
    fn window_mut<const N: usize>(&mut self, at: usize) -> Option<&mut [u8; N]>;

    /// Appends (zeroed or not) or cuts octets at the end; false if impossible.
    fn resize_by(&mut self, octets: i32) -> bool;

    /// As [`station::admit`], which is a call of its own where that spares the stack.
    fn admit<T: Tables>(&mut self, tables: &T, ifindex: u32) -> bool
    where
        Self: Sized,
    {
        station::admit(self, tables, ifindex)
    }
}

/// Four octets as they lie in memory.
#[inline(always)]
#[must_use]
pub fn word<const N: usize>(window: &[u8; N], at: usize) -> u32 {
    debug_assert!(at + 4 <= N);
    #[cfg(target_arch = "bpf")]
    {
        bpf::load_word(window, at)
    }
    #[cfg(not(target_arch = "bpf"))]
    u32::from_ne_bytes([window[at], window[at + 1], window[at + 2], window[at + 3]])
}

/// Two octets in network order, as a number.
#[inline(always)]
#[must_use]
pub const fn be16<const N: usize>(window: &[u8; N], at: usize) -> u16 {
    u16::from_be_bytes([window[at], window[at + 1]])
}

/// Six octets.
#[inline(always)]
#[must_use]
pub const fn mac<const N: usize>(window: &[u8; N], at: usize) -> [u8; 6] {
    [
        window[at],
        window[at + 1],
        window[at + 2],
        window[at + 3],
        window[at + 4],
        window[at + 5],
    ]
}

/// [`mac_bits`] of a constant.
#[must_use]
pub const fn bits_of(mac: &[u8; 6]) -> u64 {
    let first = u32::from_ne_bytes([mac[0], mac[1], mac[2], mac[3]]);
    (u16::from_ne_bytes([mac[4], mac[5]]) as u64) << 32 | first as u64
}

/// Six octets as one number, to compare with another of the kind.
#[inline(always)]
#[must_use]
pub fn mac_bits<const N: usize>(window: &[u8; N], at: usize) -> u64 {
    let last = u16::from_ne_bytes([window[at + 4], window[at + 5]]);
    (last as u64) << 32 | word(window, at) as u64
}

/// Overwrites `octets.len()` octets of a window from `at`.
#[inline(always)]
pub const fn put<const N: usize, const M: usize>(window: &mut [u8; N], at: usize, octets: [u8; M]) {
    let mut i = 0;
    while i < M {
        window[at + i] = octets[i];
        i += 1;
    }
}

/// Writes word number `index` of a record's packet, as it lies in memory.
#[inline(always)]
pub fn put_word(packet: &mut [u8; PACKET_ROOM], index: usize, word: u32) {
    let (words, _) = packet.as_chunks_mut::<4>();
    if let Some(to) = words.get_mut(index) {
        *to = word.to_ne_bytes();
    }
}

/// Hides a value's history from the optimiser, so that it cannot drop or move a
/// comparison that the verifier has to see.
#[inline(always)]
#[must_use]
pub fn opaque(value: usize) -> usize {
    #[cfg(target_arch = "bpf")]
    {
        bpf::opaque(value)
    }
    #[cfg(not(target_arch = "bpf"))]
    value
}

#[cfg(not(target_arch = "bpf"))]
mod host {
    use super::{Sums, View, ViewMut};

    impl View for Vec<u8> {
        fn window<const N: usize>(&self, at: usize) -> Option<&[u8; N]> {
            self.get(at..)?.first_chunk()
        }

        fn holds(&self, at: usize, len: usize) -> bool {
            at <= super::MAX_OFFSET && len <= super::MAX_OFFSET && at + len <= self.len()
        }

        fn sums(&self, at: usize, len: usize) -> Option<Sums> {
            crate::checksum::sums(|at| self.window(at), at, len)
        }
    }

    impl ViewMut for Vec<u8> {
        fn window_mut<const N: usize>(&mut self, at: usize) -> Option<&mut [u8; N]> {
            self.get_mut(at..)?.first_chunk_mut()
        }

        fn resize_by(&mut self, octets: i32) -> bool {
            let Ok(len) = i32::try_from(self.len()) else {
                return false;
            };
            let Ok(len) = usize::try_from(len + octets) else {
                return false;
            };
            // Not zero: whoever relies on it must fail its test.
            self.resize(len, 0xa5);
            true
        }
    }
}

#[cfg(target_arch = "bpf")]
pub use bpf::Packet;

#[cfg(target_arch = "bpf")]
mod bpf {
    use super::MAX_OFFSET;
    use core::{arch::asm, ptr::NonNull};

    #[inline(always)]
    pub(super) fn opaque(mut value: usize) -> usize {
        // An instruction, though an idle one: an empty statement leaves a second
        // line number at the next instruction, and the kernel refuses that.
        // SAFETY: copies a register to itself.
        unsafe {
            asm!("{0} = {0}", inout(reg) value, options(pure, nomem, nostack, preserves_flags));
        }
        value
    }

    /// A value that is at most [`MAX_OFFSET`] already. Its comparison may have been
    /// merged with another into one that older verifiers (6.1) learn nothing
    /// from; it learns from the mask.
    #[inline(always)]
    fn bounded(value: usize) -> usize {
        opaque(value) & MAX_OFFSET
    }

    #[inline(always)]
    fn opaque_sum(mut left: usize, right: usize) -> usize {
        // SAFETY: adds two registers.
        unsafe {
            asm!("{0} += {1}", inout(reg) left, in(reg) right,
                options(pure, nomem, nostack, preserves_flags));
        }
        left
    }

    #[inline(always)]
    pub(super) fn load_word<const N: usize>(window: &[u8; N], at: usize) -> u32 {
        let word: u64;
        let from = window.as_ptr().wrapping_add(at);
        // One load instead of four and shifts: the machines that run this read
        // packets at any alignment, which the compiler does not know.
        // SAFETY: the caller's `at` is a constant with `at + 4 <= N`.
        unsafe {
            asm!("{0} = *(u32 *)({1} + 0)", out(reg) word, in(reg) from,
                options(pure, readonly, nostack, preserves_flags));
        }
        // It fills the register with zeroes, and nobody needs to do so again.
        // SAFETY: the load takes 32 bits.
        unsafe { core::hint::assert_unchecked(word <= u32::MAX as u64) };
        word as u32
    }

    /// What the kernel shows of a packet: its linear part.
    #[derive(Clone, Copy)]
    pub struct Packet {
        data: usize,
        end: usize,
    }

    impl Packet {
        /// From the context's `data` and `data_end`.
        ///
        /// # Safety
        /// `data..end` must be what the context says at this moment, and stay so
        /// as long as the value is used.
        #[inline(always)]
        pub unsafe fn new(data: usize, end: usize) -> Self {
            Self { data, end }
        }

        #[inline(always)]
        fn at(&self, at: usize, len: usize) -> Option<NonNull<u8>> {
            if at > MAX_OFFSET {
                return None;
            }
            // One register holds the start: the optimiser must not compute it a
            // second time for the access, where the verifier would not know it.
            let start = opaque_sum(self.data, at);
            if start + len > self.end {
                return None;
            }
            // SAFETY: packets do not lie at zero.
            Some(unsafe { NonNull::new_unchecked(start as *mut u8) })
        }

        /// As [`View::window`](super::View::window).
        #[inline(always)]
        pub fn window<const N: usize>(&self, at: usize) -> Option<&[u8; N]> {
            let start = self.at(at, N)?;
            // SAFETY: `start..start + N` lies within the packet, which nothing
            // else writes while the program runs.
            Some(unsafe { start.cast::<[u8; N]>().as_ref() })
        }

        /// As [`ViewMut::window_mut`](super::ViewMut::window_mut).
        #[inline(always)]
        pub fn window_mut<const N: usize>(&mut self, at: usize) -> Option<&mut [u8; N]> {
            let start = self.at(at, N)?;
            // SAFETY: as in `window`, and `self` is borrowed exclusively.
            Some(unsafe { start.cast::<[u8; N]>().as_mut() })
        }

        /// As [`View::holds`](super::View::holds).
        #[inline(always)]
        pub fn holds(&self, at: usize, len: usize) -> bool {
            at <= MAX_OFFSET && len <= MAX_OFFSET && self.at(bounded(at), bounded(len)).is_some()
        }
    }
}
