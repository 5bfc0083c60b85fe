//! A trial in the kernel, and everything that is looked at afterwards.

use crate::{
    kernel::{Entry, Kernel},
    trial::{Rule, Trial, Way},
};
use vrrp_common::{
    event::KIND_REJECTED,
    maps::{Peer, PeerKey},
};
use vrrp_ebpf::testing::{
    cases::{Scene, Told},
    frames::PEER_MAC,
};

/// What a peer had said before, when it was known.
const BEFORE: Peer = Peer {
    last_seen_ns: 5,
    first_seen_ns: 4,
    adverts: 3,
    turn_ns: 5,
    interval_cs: 10,
    priority: 90,
    version: 3,
    ttl: 255,
    checksum_form: 1,
    mac: PEER_MAC,
    address_count: 1,
    addresses_differ: 0,
};

/// Shows a frame to the programs it can meet.
pub(crate) fn check(kernel: &mut Kernel, rule: &Rule, trial: &Trial) {
    let entries: &[Entry] = match trial.way {
        Way::In => &[Entry::Ingress, Entry::IngressNoFrags],
        Way::Out => &[Entry::Egress],
    };
    for &entry in entries {
        let name = format!(
            "rule {} ({}: {}), {}, {entry:?}",
            rule.number, rule.section, rule.says, trial.what
        );
        let told = show(kernel, entry, trial, &trial.scene, &name);
        assert_eq!(told, Vec::from_iter(trial.told), "{name}: told");
        check_peer_map(kernel, trial, None, &name);
        check_talkers(kernel, trial, &name);

        let Some(key) = trial.sender else { continue };
        let name = format!("{name}, from a known peer");
        let before = trial.heard.map_or(BEFORE, |heard| Peer {
            last_seen_ns: BEFORE.last_seen_ns,
            first_seen_ns: BEFORE.first_seen_ns,
            turn_ns: BEFORE.turn_ns,
            adverts: BEFORE.adverts,
            ..heard
        });
        let mut scene = trial.scene.clone();
        scene.peers.push((key, before));
        show(kernel, entry, trial, &scene, &name);
        check_peer_map(kernel, trial, Some((key, before)), &name);
    }
}

/// Verdict, counters, frame and gates; gives what was told.
fn show(kernel: &mut Kernel, entry: Entry, trial: &Trial, scene: &Scene, name: &str) -> Vec<Told> {
    kernel.enter(scene);
    for _ in 0..trial.times {
        let outcome = kernel.run(entry, &trial.frame);
        assert_eq!(outcome.verdict, trial.verdict, "{name}");
        let afterwards = trial.becomes.as_ref().unwrap_or(&trial.frame);
        assert_eq!(&outcome.frame, afterwards, "{name}: the frame afterwards");
    }
    let mut counts: Vec<_> = trial.counts.iter().map(|it| (*it, trial.times)).collect();
    counts.sort_by_key(|(cause, _)| *cause as u32);
    assert_eq!(kernel.take_counts(), counts, "{name}: counted");

    for (index, before) in (0..).zip(&scene.gates) {
        let mut expected = *before;
        let now = kernel.gate(index);
        if let Some((gate, priority)) = trial.revoked
            && gate == index
        {
            assert!(now.revoked_at_ns > 0, "{name}: when");
            expected.revoked_epoch = before.epoch;
            expected.revoked_by_priority = priority;
            expected.revoked_at_ns = now.revoked_at_ns;
        }
        assert_eq!(now, expected, "{name}: gate {index}");
    }
    kernel.take_events().iter().map(Told::by).collect()
}

/// The sender's record, where the advert was accepted; as it was, where it was not.
/// A record that is missing is a failure like any other.
fn check_peer_map(kernel: &Kernel, trial: &Trial, before: Option<(PeerKey, Peer)>, name: &str) {
    let now = kernel.heard();
    let Some(heard) = trial.heard else {
        assert_eq!(now, Vec::from_iter(before), "{name}: the peer map");
        return;
    };
    let [(key, peer)] = now.as_slice() else {
        panic!("{name}: one peer must be on record: {now:?}");
    };
    assert_eq!(Some(*key), trial.sender, "{name}: who");
    let known = before.map(|(_, peer)| peer);
    assert!(peer.last_seen_ns > BEFORE.last_seen_ns, "{name}: stamped");
    match known {
        Some(known) => assert_eq!(peer.first_seen_ns, known.first_seen_ns, "{name}"),
        None => assert!(peer.first_seen_ns <= peer.last_seen_ns, "{name}"),
    }
    let expected = Peer {
        last_seen_ns: peer.last_seen_ns,
        first_seen_ns: peer.first_seen_ns,
        turn_ns: peer.turn_ns,
        adverts: known.map_or(0, |known| known.adverts) + trial.times,
        ..heard
    };
    assert_eq!(*peer, expected, "{name}: what it said");
}

/// Who sent what was refused is on record too, with the cause.
fn check_talkers(kernel: &Kernel, trial: &Trial, name: &str) {
    let Some(told) = trial.told.filter(|told| told.kind == KIND_REJECTED) else {
        return;
    };
    let talkers = kernel.talkers();
    let [(key, talker)] = talkers.as_slice() else {
        panic!("{name}: one talker must be on record: {talkers:?}");
    };
    assert_eq!(key.mac, PEER_MAC, "{name}");
    assert_eq!(talker.dropped, trial.times, "{name}");
    let cause = told.cause.map(|cause| cause as u32);
    assert_eq!(Some(talker.cause), cause, "{name}");
}
