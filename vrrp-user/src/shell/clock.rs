//! The only reader of `CLOCK_MONOTONIC`, which the eBPF programs stamp maps with, and of
//! the wall clock.

use crate::{proof::sequence, time::Instant};
use nix::time::{ClockId, clock_gettime};

/// Now.
pub fn now() -> Instant {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every Linux has CLOCK_MONOTONIC");
    // Neither part of this clock is ever negative.
    let seconds = u64::try_from(now.tv_sec()).unwrap_or(0);
    let nanoseconds = u64::try_from(now.tv_nsec()).unwrap_or(0);
    Instant::from_ns(seconds * 1_000_000_000 + nanoseconds)
}

/// The wall clock, as the sequence numbers of adverts have it.
pub fn wall() -> u64 {
    let wall = clock_gettime(ClockId::CLOCK_REALTIME).expect("every Linux has CLOCK_REALTIME");
    let wall = std::time::Duration::from(wall);
    sequence::wall(wall.as_secs(), wall.subsec_nanos())
}

/// The wall clock, since 1970.
pub fn since_1970() -> std::time::Duration {
    let wall = clock_gettime(ClockId::CLOCK_REALTIME).expect("every Linux has CLOCK_REALTIME");
    std::time::Duration::from(wall)
}

/// That moment by the wall clock as it stands now, in seconds since 1970.
pub fn as_wall_time_s(at: Instant) -> f64 {
    let wall = clock_gettime(ClockId::CLOCK_REALTIME).expect("every Linux has CLOCK_REALTIME");
    let wall = std::time::Duration::from(wall);
    let ago = now().since(at);
    wall.saturating_sub(ago).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::now;
    use std::time::Duration;

    #[test]
    fn advances_with_the_world() {
        let before = now();
        std::thread::sleep(Duration::from_millis(5));
        let passed = now().since(before);
        assert!(
            passed >= Duration::from_millis(5) && passed < Duration::from_mins(1),
            "{passed:?}"
        );
    }
}
