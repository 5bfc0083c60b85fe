//! How often each kind is drawn, and what kind of network it gets.

use super::Kind;
use crate::rng::Rng;
use core::time::Duration;

/// As often as they stand here.
pub(super) const KINDS: [Kind; 28] = [
    Kind::Chaos,
    Kind::Chaos,
    Kind::Chaos,
    Kind::Chaos,
    Kind::Chaos,
    Kind::Race,
    Kind::Race,
    Kind::LateResult,
    Kind::LateResult,
    Kind::Resignation,
    Kind::LastWords,
    Kind::Return,
    Kind::Return,
    Kind::Demotion,
    Kind::Drift,
    Kind::Retimed,
    Kind::Slower,
    Kind::Slower,
    Kind::Raised,
    Kind::Stray,
    Kind::Mixed,
    Kind::OnePeer,
    Kind::Stalled,
    Kind::Stalled,
    Kind::Starting,
    Kind::Silenced,
    Kind::Resumed,
    Kind::Resumed,
];

/// D: less than the hold, which is a millisecond.
pub(super) fn delay_ns(kind: Kind, rng: &mut Rng) -> u64 {
    match kind {
        // One frame has to overtake another.
        Kind::Slower | Kind::Raised => 900_000,
        _ => rng.within(50_000, 900_000),
    }
}

pub(super) fn loss_percent(kind: Kind, rng: &mut Rng) -> u64 {
    rng.pick(match kind {
        Kind::Chaos => &[0, 10, 30, 50],
        // One advert has to be lost, or what it says is known in time.
        Kind::LateResult | Kind::Return | Kind::Raised => &[30, 40, 50, 50],
        _ => &[0, 30, 50, 50],
    })
}

/// What was scripted is the point of its kind; a little more may follow, where the
/// script leaves nobody with an interval much shorter than an owner's.
pub(super) fn more_faults(kind: Kind, rng: &mut Rng) -> u64 {
    match kind {
        Kind::Chaos => rng.within(1, 6),
        Kind::Slower | Kind::Stalled => 0,
        _ => rng.pick(&[0, 0, 1, 2]),
    }
}

/// P. The product has half a second, whatever the interval is.
pub(super) fn permit(kind: Kind, interval: Duration, rng: &mut Rng) -> Duration {
    let least = Duration::from_millis(20);
    match kind {
        Kind::Silenced => (interval / 2).max(least),
        _ if interval <= Duration::from_millis(1400) && rng.chance(50) => {
            Duration::from_millis(500)
        }
        _ => (interval * rng.pick(&[1, 2, 2])).max(least),
    }
}
