//! Full tables, and events that strangers must not multiply.

use crate::kernel::{Entry, Kernel};
use vrrp_common::{
    counter::Cause,
    event::{Event, NEWS_UNRECORDED},
    maps::{EVENT_RING_BYTES, LOSERS_IN_WINDOW, MAX_TALKERS, PEER_SPACING_NS, TALKER_SAMPLE},
};
use vrrp_ebpf::testing::cases::{self, Case, Verdict};

/// What the ring buffer adds to each record.
const RECORD_HEADER: usize = 8;

fn case(name: &str) -> Case {
    cases::all()
        .into_iter()
        .find(|case| case.name == name)
        .expect("such a case")
}

#[test]
fn a_full_peer_table_is_counted_and_told_and_stops_nobody() {
    let mut kernel = Kernel::load();
    let case = case("higher priority");
    kernel.enter(&case.scene);
    kernel.fill_peers();
    for _ in 0..2 {
        assert_eq!(
            kernel.run(Entry::Ingress, &case.frame).verdict,
            Verdict::Pass
        );
        assert!(kernel.take_counts().contains(&(Cause::PeerTableFull, 1)));
        let events = kernel.take_events();
        assert_eq!(events.len(), 1);
        assert_ne!(events[0].news & NEWS_UNRECORDED, 0);
    }
    // The gate is shut all the same.
    assert_eq!(kernel.gate(cases::GATE_V3).revoked_epoch, 7);
}

/// Each is news: a source without a record that beats us.
#[test]
fn a_full_ring_is_counted_and_stops_nobody() {
    let mut kernel = Kernel::load();
    let case = case("after we were beaten");
    kernel.enter(&case.scene);
    kernel.fill_peers();
    let room = EVENT_RING_BYTES / (size_of::<Event>() + RECORD_HEADER);
    let times = u32::try_from(room + 100).expect("few");
    let outcome = kernel.run_often(Entry::Ingress, &case.frame, times);
    assert_eq!(outcome.verdict, Verdict::Pass);
    let counts = kernel.take_counts();
    assert!(
        counts.contains(&(Cause::AdvertAccepted, u64::from(times))),
        "{counts:?}"
    );
    let lost = counts
        .iter()
        .find(|(cause, _)| *cause == Cause::EventLost)
        .expect("some")
        .1;
    assert!((100..=102).contains(&lost), "{lost} lost of {times}");
    assert_eq!(kernel.take_events().len() as u64, u64::from(times) - lost);
}

/// Told of every 10 ms, which a hundred thousand runs may take a few of.
#[test]
fn a_flood_of_one_loser_is_told_of_now_and_then() {
    let mut kernel = Kernel::load();
    let case = case("steady loser while we own");
    kernel.enter(&case.scene);
    kernel.run_often(Entry::Ingress, &case.frame, 100_000);
    let events = kernel.take_events();
    let told = events.len() as u64;
    assert!((1..=50_000).contains(&told), "{told} told");
    for pair in events.windows(2) {
        let apart_ns = pair[1].at_ns - pair[0].at_ns;
        assert!(apart_ns >= PEER_SPACING_NS, "{apart_ns} ns apart");
    }
    let counts = kernel.take_counts();
    assert!(
        counts.contains(&(Cause::EventSpared, 100_000 - told)),
        "{counts:?}"
    );
    assert_eq!(kernel.heard()[0].1.adverts, 3 + 100_000);
}

/// Each without a record, which is as many new ones as there may be.
#[test]
fn a_flood_of_unrecorded_losers_is_told_of_a_thousand_times_a_second() {
    let mut kernel = Kernel::load();
    let case = case("steady loser while we own");
    kernel.enter(&case.scene);
    kernel.fill_peers();
    kernel.run_often(Entry::Ingress, &case.frame, 5000);
    let told = kernel.take_events().len();
    // The CPU may change meanwhile.
    let budget = usize::try_from(LOSERS_IN_WINDOW).expect("few");
    assert!((budget..=2 * budget).contains(&told), "{told} told");
    let counts = kernel.take_counts();
    let spared = u64::try_from(5000 - told).expect("few");
    assert!(counts.contains(&(Cause::EventSpared, spared)), "{counts:?}");
}

/// Whoever was silent for longest makes room: the record never fills up.
#[test]
fn more_senders_of_junk_than_are_remembered() {
    let mut kernel = Kernel::load();
    let case = case("one bit of an address");
    kernel.enter(&case.scene);
    for sender in 0..2 * MAX_TALKERS {
        let mut frame = case.frame.clone();
        frame[6..8].copy_from_slice(&[2, 0xee]);
        frame[8..12].copy_from_slice(&u32::try_from(sender).expect("few").to_be_bytes());
        kernel.allow_events(); // no flood
        kernel.run(Entry::Ingress, &frame);
    }
    let remembered = kernel.talkers().len();
    assert!(
        (MAX_TALKERS / 4..=MAX_TALKERS).contains(&remembered),
        "{remembered}"
    );
}

#[test]
fn a_flood_of_junk_is_told_of_once_in_a_while() {
    let mut kernel = Kernel::load();
    let case = case("one bit of an address");
    kernel.enter(&case.scene);
    kernel.run_often(Entry::Ingress, &case.frame, 1000);
    assert_eq!(kernel.take_counts(), [(Cause::DropChecksum, 1000)]);
    let told = kernel.take_events().len();
    // A thousand runs take less than a millisecond; the CPU may change meanwhile.
    assert!((1..=2).contains(&told), "{told} events");
    let talkers = kernel.talkers();
    let [(key, talker)] = talkers.as_slice() else {
        panic!("one sender: {talkers:?}")
    };
    assert_eq!((key.ifindex, key.mac), (1, [2, 0, 0, 0, 0, 1]));
    assert_eq!(talker.cause, Cause::DropChecksum as u32);
    // Some wait for the next to be attributed.
    let left_out = u64::from(TALKER_SAMPLE) * 2;
    assert!(
        (1000 - left_out..=1000).contains(&talker.dropped),
        "{talker:?}"
    );
    kernel.allow_events();
    kernel.run(Entry::Ingress, &case.frame);
    assert_eq!(kernel.take_events().len(), 1);
}

#[test]
fn a_steady_peer_wakes_nobody() {
    let mut kernel = Kernel::load();
    let case = case("nothing new");
    kernel.enter(&case.scene);
    kernel.run_often(Entry::Ingress, &case.frame, 100_000);
    assert_eq!(kernel.take_events().len(), 0);
    assert_eq!(kernel.heard()[0].1.adverts, 3 + 100_000);
}
