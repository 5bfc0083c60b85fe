//! Single runs, played by hand.

use crate::{
    fixture,
    mutation::Mutation,
    schedule::Schedule,
    world::{World, ns},
};
use core::time::Duration;

/// Kill the Active at any moment: the other's gate opens within its down interval
/// and the hold, and never within the dead one's lease.
#[test]
fn a_killed_active_is_replaced_in_time() {
    for (interval_ms, seeds) in [(10, 0..60), (100, 0..60), (1000, 0..20)] {
        let interval = Duration::from_millis(interval_ms);
        for seed in seeds {
            let config = |priority| {
                fixture::config(
                    vec![fixture::instance(1, priority, interval)],
                    Vec::new(),
                    false,
                )
            };
            let schedule = Schedule::quiet(seed, vec![config(150), config(100)], interval);
            let mut world = World::new(schedule, Mutation::None);
            let kill_at = 10 * ns(interval) + seed * ns(interval) / 60;
            world.run_until(kill_at);
            assert_eq!(world.open_vips(0).len(), 1, "{interval_ms} ms, seed {seed}");
            world.kill(0);
            let last = world.adverts.last().expect("adverts").0;
            world.run_until(kill_at + 6 * ns(interval));
            assert_eq!(world.violations, []);
            let (opened, by, _) = *world.openings.last().expect("an opening");
            assert_eq!(by, 2);
            // §6.1: 3 x 1 + 156/256 intervals; the hold is inside, not on top.
            let gap = Duration::from_nanos(opened - last);
            let down = interval * 3 + interval * 156 / 256;
            let slack = Duration::from_micros(900) + down / 5000;
            assert!(gap >= interval * 3, "{gap:?}");
            assert!(
                gap <= down + slack,
                "{interval_ms} ms, seed {seed}: {gap:?} after {down:?}"
            );
        }
    }
}
