//! Full tables, and events that strangers must not multiply.

use crate::kernel::{Entry, Kernel};
use vrrp_common::{
    counter::Cause,
    event::{Event, NEWS_UNRECORDED},
    maps::{EVENT_RING_BYTES, MAX_PEERS, Peer, PeerKey},
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
    for i in 0..MAX_PEERS {
        let mut source = [0xfe; 16];
        source[..8].copy_from_slice(&i.to_ne_bytes());
        let key = PeerKey {
            source,
            ..PeerKey::default()
        };
        kernel.peers.insert(key, Peer::default(), 0).expect("room");
    }
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

#[test]
fn a_full_ring_is_counted_and_stops_nobody() {
    let mut kernel = Kernel::load();
    let case = case("steady loser while we own is told every time");
    kernel.enter(&case.scene);
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

#[test]
fn a_flood_of_junk_is_told_of_once_in_a_while() {
    let mut kernel = Kernel::load();
    let case = case("one bit of an address");
    kernel.enter(&case.scene);
    kernel.run_often(Entry::Ingress, &case.frame, 1000);
    assert_eq!(kernel.take_counts(), [(Cause::DropChecksum, 1000)]);
    let told = kernel.take_events().len();
    // A thousand runs take less than a millisecond; a machine that is busy
    // elsewhere may stretch that, and the CPU may change.
    assert!((1..=20).contains(&told), "{told} events");
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
