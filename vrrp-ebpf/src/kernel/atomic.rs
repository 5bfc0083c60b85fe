//! Atomics the BPF instruction set has and `core` does not reach: written out,
//! because LLVM turns a relaxed one whose result is used into a plain one.
//!
//! Those that give a value back are full barriers.

use core::arch::asm;

/// Adds and gives the value before.
///
/// # Safety
/// `at` points to eight octets of a map value, aligned.
#[inline(always)]
pub(super) unsafe fn fetch_add(at: *mut u64, value: u64) -> u64 {
    let mut before = value;
    // SAFETY: the caller vouches for `at`.
    unsafe {
        asm!("{1} = atomic_fetch_add((u64 *)({0} + 0), {1})", in(reg) at, inout(reg) before,
            options(nostack, preserves_flags));
    }
    before
}

/// Writes `new` if `old` is there, and gives what was there.
///
/// # Safety
/// As for [`fetch_add`].
#[inline(always)]
pub(super) unsafe fn compare_exchange(at: *mut u64, old: u64, new: u64) -> u64 {
    let mut before = old;
    // SAFETY: the caller vouches for `at`.
    unsafe {
        asm!("r0 = cmpxchg_64({0} + 0, r0, {1})", in(reg) at, in(reg) new, inout("r0") before,
            options(nostack, preserves_flags));
    }
    before
}
