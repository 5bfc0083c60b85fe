//! Sequence numbers: what comes after what, and what to send next.
//!
//! Those of a trailer are a time: seconds since 1970 in the high 32 bits, then a
//! fraction of 2^-16 s, then a counter; they are compared as RFC 1982 compares, because
//! they wrap. Those of AH are a count of 32 bits that must not wrap, and that all
//! routers of a group have in common: who sends goes on from what it heard.

use crate::config::model::AntiReplay;

/// A time since 1970 as a sequence number.
#[must_use]
pub const fn wall(seconds: u64, nanos: u32) -> u64 {
    let fraction = ((nanos as u64) << 16) / 1_000_000_000;
    seconds << 32 | fraction << 16
}

/// `one` is later than `other`.
#[must_use]
pub const fn is_after(one: u64, other: u64) -> bool {
    one.wrapping_sub(other).cast_signed() > 0
}

/// Their seconds are at most so far apart.
#[must_use]
pub const fn is_near(one: u64, other: u64, window_s: u32) -> bool {
    ahead_s(one, other).unsigned_abs() <= window_s
}

const fn ahead_s(one: u64, other: u64) -> i32 {
    seconds(one).wrapping_sub(seconds(other)).cast_signed()
}

#[allow(clippy::cast_possible_truncation, reason = "32 bits are left")]
const fn seconds(sequence: u64) -> u32 {
    (sequence >> 32) as u32
}

/// What follows `last` in a trailer: the time, or one more than before. Where receivers
/// judge the time, a clock that was set back by more than they allow starts anew.
#[must_use]
pub const fn next_in_trailer(last: u64, wall: u64, anti_replay: AntiReplay) -> u64 {
    // Nothing was sent yet, which is no time.
    if last == 0 || is_after(wall, last) {
        return wall;
    }
    match anti_replay {
        AntiReplay::Time { window_s } if ahead_s(last, wall).unsigned_abs() > window_s => wall,
        _ => last.wrapping_add(1),
    }
}

/// What follows `last` in AH: one more, and at least the seconds since 1970, so that a
/// router that has lost its count does not begin below what its peers have seen.
#[must_use]
pub const fn next_in_header(last: u64, wall: u64) -> u64 {
    // A greater one is that of a trailer, which was configured before.
    let last = if last > u32::MAX as u64 { 0 } else { last };
    let (next, seconds) = (last + 1, wall >> 32);
    let next = if next > seconds { next } else { seconds };
    if next > u32::MAX as u64 {
        u32::MAX as u64
    } else {
        next
    }
}
