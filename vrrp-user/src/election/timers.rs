//! Skew, `Active_Down` and when a claim starts. Every span says what it is made of.

use crate::{config::model::Version, time::Instant};
use core::time::Duration;

/// What a version 3 advert counts its interval in (§5.2.7).
const CENTISECOND: Duration = Duration::from_millis(10);

/// Interval as an advert carries it, in centiseconds. Version 2 has only whole
/// seconds: rounded half up, at least one, as keepalived does.
#[must_use]
pub fn wire_interval_cs(version: Version, configured: Duration) -> u32 {
    let cs = match version {
        Version::V2 => (configured.as_millis() + 500) / 1000 * 100,
        Version::V3 => configured.as_millis() / CENTISECOND.as_millis(),
    };
    let (least, most) = match version {
        Version::V2 => (100, 25_500),
        Version::V3 => (1, u128::from(vrrp_common::wire::MAX_INTERVAL_CS)),
    };
    u32::try_from(cs.clamp(least, most)).unwrap_or(u32::MAX)
}

/// A number of centiseconds as a span.
#[must_use]
pub fn centiseconds(cs: u32) -> Duration {
    CENTISECOND * cs
}

/// How long a lower priority waits longer (§6.1; RFC 3768 §6.1 counts in whole
/// seconds whatever the interval is).
#[must_use]
pub fn skew(version: Version, priority: u8, active_interval: Duration) -> Duration {
    let base = match version {
        Version::V2 => Duration::from_secs(1),
        Version::V3 => active_interval,
    };
    base * (256 - u32::from(priority)) / 256
}

/// `Active_Down_Interval` (§6.1): `adverts` intervals of the Active, then the skew.
#[must_use]
pub fn active_down(
    version: Version,
    priority: u8,
    active_interval: Duration,
    adverts: u8,
) -> Duration {
    active_interval * u32::from(adverts) + skew(version, priority, active_interval)
}

/// When the claim starts that `Active_Down` timing out at `expiry` asks for.
///
/// A claim takes a hold, and the time to wake, send and confirm. It starts early by
/// both, `lead`, so that the address moves when RFC 9568 would have moved it. But
/// never before `earliest`, the moment until which the last owner's lease may
/// run: `adverts` full intervals after the last advert (the lease does not count
/// on skew), or the moment a priority 0 was heard.
#[must_use]
pub fn claim_at(expiry: Instant, earliest: Instant, lead: Duration) -> Instant {
    earliest.max(expiry - lead)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn skew_follows_the_version() {
        // (version, priority, interval, skew): §6.1, RFC 3768 §6.1
        let cases = [
            (Version::V3, 100, 1000 * MS, Duration::from_micros(609_375)),
            (Version::V3, 100, 100 * MS, Duration::from_nanos(60_937_500)),
            (Version::V3, 254, 10 * MS, Duration::from_nanos(78_125)),
            (Version::V3, 1, 10 * MS, Duration::from_nanos(9_960_937)),
            (Version::V2, 100, 1000 * MS, Duration::from_micros(609_375)),
            (Version::V2, 100, 5000 * MS, Duration::from_micros(609_375)),
            (Version::V2, 255, 1000 * MS, Duration::from_nanos(3_906_250)),
        ];
        for (version, priority, interval, want) in cases {
            assert_eq!(
                skew(version, priority, interval),
                want,
                "{version:?} {priority} {interval:?}"
            );
        }
    }

    #[test]
    fn active_down_is_n_intervals_and_the_skew() {
        assert_eq!(
            active_down(Version::V3, 100, 100 * MS, 3),
            Duration::from_nanos(360_937_500)
        );
        assert_eq!(
            active_down(Version::V2, 100, 2000 * MS, 3),
            Duration::from_micros(6_609_375)
        );
        assert_eq!(
            active_down(Version::V3, 100, 100 * MS, 1),
            Duration::from_nanos(160_937_500)
        );
    }

    #[test]
    fn wire_intervals_round_as_keepalived_does() {
        let cases = [
            (Version::V2, 400, 100),
            (Version::V2, 1000, 100),
            (Version::V2, 1499, 100),
            (Version::V2, 1500, 200),
            (Version::V3, 10, 1),
            (Version::V3, 1000, 100),
            (Version::V3, 60_000, 4095),
            (Version::V3, 0, 1),
        ];
        for (version, ms, want) in cases {
            assert_eq!(
                wire_interval_cs(version, ms * MS),
                want,
                "{version:?} {ms} ms"
            );
        }
    }

    #[test]
    fn a_claim_leads_by_the_hold_but_not_into_the_lease() {
        let at = |ms: u64| Instant::from_ns(ms * 1_000_000);
        assert_eq!(claim_at(at(360), at(300), MS), at(359));
        assert_eq!(claim_at(at(300), at(300), MS), at(300));
    }
}
