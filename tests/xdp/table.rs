//! The table of cases, in the kernel: both ingress entries, and egress.

use crate::kernel::{Entry, Kernel};
use vrrp_common::maps::{PeerKey, VrKey};
use vrrp_ebpf::testing::cases::{self, Case, Told, Verdict};

fn check(kernel: &mut Kernel, entry: Entry, case: &Case) {
    let name = case.name;
    kernel.enter(&case.scene);
    let outcome = kernel.run(entry, &case.frame);
    assert_eq!(outcome.verdict, case.verdict, "{name}");

    let mut expected: Vec<_> = case.counts.iter().map(|cause| (*cause, 1)).collect();
    expected.sort_by_key(|(cause, _)| *cause as u32);
    assert_eq!(kernel.take_counts(), expected, "{name}");

    let told: Vec<Told> = kernel.take_events().iter().map(Told::by).collect();
    assert_eq!(told, Vec::from_iter(case.told), "{name}");

    let frame = case.answer.as_ref().unwrap_or(&case.frame);
    assert_eq!(&outcome.frame, frame, "{name}: the frame afterwards");

    for (index, before) in (0..).zip(&case.scene.gates) {
        let gate = kernel.gate(index);
        case.check_gate(
            index,
            before.revoked_epoch,
            gate.revoked_epoch,
            gate.revoked_by_priority,
        );
        let untouched = (
            gate.epoch,
            gate.lease_end_ns,
            gate.permit_end_ns,
            gate.closed_epoch,
        );
        let expected = (
            before.epoch,
            before.lease_end_ns,
            before.permit_end_ns,
            before.closed_epoch,
        );
        assert_eq!(untouched, expected, "{name}: the kernel only revokes");
    }
}

fn check_all(entry: Entry, leaving: bool) {
    let mut kernel = Kernel::load();
    for case in cases::all().iter().filter(|case| case.leaving == leaving) {
        check(&mut kernel, entry, case);
    }
}

#[test]
fn arriving() {
    check_all(Entry::Ingress, false);
}

#[test]
fn arriving_without_frags() {
    check_all(Entry::IngressNoFrags, false);
}

#[test]
fn leaving() {
    check_all(Entry::Egress, true);
}

/// Every field of a peer's record and of the event that tells of it.
#[test]
fn a_stamp_says_what_was_heard() {
    let mut kernel = Kernel::load();
    let case = cases::all()
        .into_iter()
        .find(|case| case.name == "in VLAN 5")
        .expect("a case");
    kernel.enter(&case.scene);
    for _ in 0..3 {
        assert_eq!(
            kernel.run(Entry::Ingress, &case.frame).verdict,
            Verdict::Pass
        );
    }
    let heard = kernel.heard();
    let [(key, peer)] = heard.as_slice() else {
        panic!("one peer: {heard:?}")
    };
    let vr = VrKey {
        ifindex: 1,
        vlan: 5,
        vrid: 52,
        family: 4,
        cast: 0,
        pad: [0; 3],
    };
    let mut source = [0; 16];
    source[..4].copy_from_slice(&[10, 5, 0, 2]);
    assert_eq!(*key, PeerKey { vr, source });
    assert_eq!(peer.adverts, 3);
    assert!(peer.first_seen_ns < peer.last_seen_ns);
    assert_eq!(
        (peer.interval_cs, peer.priority, peer.version, peer.ttl),
        (10, 90, 3, 255)
    );
    assert_eq!(
        (
            peer.checksum_form,
            peer.address_count,
            peer.addresses_differ
        ),
        (1, 1, 0)
    );
    assert_eq!(peer.mac, [2, 0, 0, 0, 0, 1]);

    // Three adverts, one piece of news.
    let events = kernel.take_events();
    let [event] = events.as_slice() else {
        panic!("one event: {events:?}")
    };
    assert_eq!(
        (event.at_ns, event.vr, event.source),
        (peer.first_seen_ns, vr, source)
    );
    assert_eq!(
        (event.interval_cs, event.priority, event.version),
        (10, 90, 3)
    );
    assert_eq!(
        (event.checksum_form, event.ttl, event.mac),
        (1, 255, peer.mac)
    );
    assert_eq!((event.pad, event.address, event.cause), ([0; 2], source, 0));
}
