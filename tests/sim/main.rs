//! A cluster on a virtual clock: the whole engine, the whole transmit thread, the
//! XDP and tc programs as the host builds them, and everything that may go wrong
//! between any two effects.
//!
//! A seed is a schedule: the same seed is the same run on every machine. Each rule
//! of the ownership design is also a mutation, which must show within a third of
//! the schedules that the product has to survive. From the environment:
//!
//! * `XVRRP_SIM_SEED=n` replays one schedule and prints what happens in it, in
//!   the test that is named:
//!   `XVRRP_SIM_SEED=7 cargo test -p xvrrp-tests --test sim at_most -- --nocapture`.
//!   What failed prints this line with its seed.
//! * `XVRRP_SIM_SCHEDULES=n` runs so many schedules of the unbroken product.
//! * `XVRRP_SIM_FROM=n` begins with that seed instead of 0.
//! * `XVRRP_SIM_CENSUS=1` goes through all schedules instead of ending at the first
//!   that fails, and counts in how many a broken rule is noticed.

mod census;
mod fault;
mod fixture;
mod kernel;
mod mutation;
mod node;
mod peer;
mod rng;
mod schedule;
mod scripted;
mod search;
mod verdict;
mod wire;
mod world;

use core::ops::Range;
use mutation::Mutation;
use search::{Until, search};

/// Schedules of a default run.
const SCHEDULES: u64 = 3000;
/// Schedules within which a broken rule must be noticed.
const MUTANT_SCHEDULES: u64 = SCHEDULES / 3;

fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn until() -> Until {
    match from_env("XVRRP_SIM_CENSUS") {
        Some(_) => Until::End,
        None => Until::First,
    }
}

fn seeds(count: u64) -> Range<u64> {
    let from = from_env("XVRRP_SIM_FROM").unwrap_or(0);
    from..from + count
}

/// What to type to see a schedule again.
fn replay(seed: u64, test: &str) -> String {
    format!("XVRRP_SIM_SEED={seed} cargo test -p xvrrp-tests --test sim {test} -- --nocapture")
}

#[test]
fn at_most_one_open_gate_and_in_the_end_one_owner() {
    if let Some(seed) = from_env("XVRRP_SIM_SEED") {
        let run = search::run(seed, Mutation::None, true);
        assert_eq!(run.verdict, None, "seed {seed}");
        return;
    }
    let count = from_env("XVRRP_SIM_SCHEDULES").unwrap_or(SCHEDULES);
    let seeds = seeds(count);
    let found = search(seeds.clone(), Mutation::None, until());
    for (seed, (kind, why)) in &found.failed {
        println!("seed {seed} ({kind:?}): {why}");
    }
    if let Some((seed, why)) = found.first() {
        panic!("seed {seed}: {why}\nreplay: {}", replay(seed, "at_most"));
    }
    println!("{}", found.census);
    println!(
        "{count} schedules (seeds {seeds:?}), none with two open gates, all settled on one owner"
    );
    if count >= SCHEDULES {
        // What never happens is not shown to be survived.
        assert_eq!(found.census.missing(), Vec::<String>::new());
    }
}

fn must_be_noticed(mutation: Mutation, test: &str) {
    if let Some(seed) = from_env("XVRRP_SIM_SEED") {
        let run = search::run(seed, mutation, true);
        println!("{mutation:?}: {:?}", run.verdict);
        return;
    }
    let count = match until() {
        Until::End => SCHEDULES,
        Until::First => MUTANT_SCHEDULES,
    };
    let seeds = seeds(count);
    let found = search(seeds.clone(), mutation, until());
    let Some((seed, why)) = found.first() else {
        panic!("{mutation:?} went unnoticed in seeds {seeds:?}");
    };
    println!("{mutation:?}: seed {seed} of {seeds:?}: {why}");
    println!("replay: {}", replay(seed, test));
    if until() == Until::End {
        println!(
            "{mutation:?}: noticed in {} of {count}: {:?}",
            found.failed.len(),
            found.by_kind()
        );
    }
}

macro_rules! mutants {
    ($($name:ident => $mutation:ident,)+) => {$(
        #[test]
        fn $name() {
            must_be_noticed(Mutation::$mutation, stringify!($name));
        }
    )+};
}

mutants! {
    v1_loss_ignored_is_noticed => LossIgnored,
    v1_clocks_taken_for_equal_is_noticed => NoDrift,
    v2_shortened_too_late_is_noticed => ShortenedLate,
    v2_previous_interval_forgotten_is_noticed => PreviousForgotten,
    v3_lease_of_three_adverts_is_noticed => AlwaysThree,
    v3_fraction_of_a_second_counted_is_noticed => FractionCounted,
    v4_no_hold_is_noticed => NoHold,
    v4_claim_confirmed_unseen_is_noticed => ConfirmedUnseen,
    v4_one_advert_for_a_burst_is_noticed => OneIsABurst,
    v5_no_revocation_is_noticed => NoRevocation,
    v6_lease_that_reopens_is_noticed => LeaseReopens,
    v7_late_stamp_is_noticed => LateStamp,
    v7_failed_send_extends_is_noticed => FailureExtends,
    v7_stale_advert_is_noticed => StaleAdvert,
    v7_renewed_permission_is_noticed => PermitForGranted,
    v8_resigning_first_is_noticed => ResignFirst,
    v9_anybody_resigns_is_noticed => AnybodyResigns,
    v10_any_member_claims_is_noticed => AnyMember,
    v11_any_peer_counts_is_noticed => AnyPeer,
    claiming_again_however_late_is_noticed => AlwaysAgain,
    resuming_a_lease_that_is_over_is_noticed => ResumedLate,
    timer_obeyed_unseen_is_noticed => TimerObeyed,
    only_the_told_known_is_noticed => OnlyTheTold,
    silence_before_listening_is_noticed => DeafStart,
    record_raised_first_is_noticed => RecordFirst,
}
