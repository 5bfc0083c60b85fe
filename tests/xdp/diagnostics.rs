//! What `--bpf-log` shows, and that without it nothing is logged.

use crate::kernel::{Entry, Kernel};
use vrrp_common::{counter::Cause, maps::EVENT_RING_BYTES};
use vrrp_ebpf::testing::cases::{self, Case, GATE_V6, Verdict};
use vrrp_user::shell::bpf::Diagnostics;

fn case(name: &str) -> Case {
    cases::all()
        .into_iter()
        .find(|case| case.name == name)
        .expect("such a case")
}

#[test]
fn a_revocation_says_who_and_how_long_the_lease_was() {
    let mut kernel = Kernel::load_with(Diagnostics::On);
    for name in ["higher priority", "IPv6 equal priority, greater address"] {
        let case = case(name);
        kernel.enter(&case.scene);
        // The second finds no claim to revoke.
        for _ in 0..2 {
            kernel.run(Entry::Ingress, &case.frame);
        }
        let lines = kernel.take_lines();
        let [line] = lines.as_slice() else {
            panic!("{name}: {lines:?}")
        };
        assert!(
            line.starts_with("gate shut: ") && line.contains("claim 7 is beaten by"),
            "{line}"
        );
        assert!(
            line.contains("ours is 100") && line.contains(" us left"),
            "{line}"
        );
    }
}

#[test]
fn a_full_ring_is_explained_once_in_a_while() {
    let mut kernel = Kernel::load_with(Diagnostics::On);
    // Each is news: a source without a record that beats us.
    let case = case("after we were beaten");
    kernel.enter(&case.scene);
    kernel.fill_peers();
    let times = u32::try_from(EVENT_RING_BYTES / 64).expect("few");
    kernel.run_often(Entry::Ingress, &case.frame, times);
    let lines = kernel.take_lines();
    // Each ten milliseconds of a run add at most a tenth of a line, for each CPU.
    assert!((1..=20).contains(&lines.len()), "{lines:#?}");
    assert!(lines[0].starts_with("event ring full: "), "{lines:?}");
}

#[test]
fn an_answer_that_cannot_be_made_is_explained() {
    let mut kernel = Kernel::load_with(Diagnostics::On);
    let mut case = case("NS probing for duplicates");
    case.scene.open(GATE_V6);
    // Padding up to the end of the page leaves no room to grow.
    case.frame.resize(3520, 0);
    kernel.enter(&case.scene);
    let outcome = kernel.run(Entry::Ingress, &case.frame);
    assert_eq!(outcome.verdict, Verdict::Pass);
    assert!(
        !kernel
            .take_counts()
            .iter()
            .any(|(cause, _)| *cause == Cause::NdAnswered)
    );
    let lines = kernel.take_lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].starts_with("no answer for 2001:db8::55 ") && lines[0].contains("by 8 octets"),
        "{lines:?}"
    );
}

#[test]
fn switched_off_it_costs_nothing_and_says_nothing() {
    let on = Kernel::load_with(Diagnostics::On);
    let mut off = Kernel::load_with(Diagnostics::Off);
    for entry in [Entry::Ingress, Entry::IngressNoFrags] {
        let (with, without) = (on.size(entry), off.size(entry));
        assert!(without < with, "{entry:?}: {without} octets, not {with}");
    }
    let case = case("higher priority");
    off.enter(&case.scene);
    off.run(Entry::Ingress, &case.frame);
    assert_eq!(off.gate(cases::GATE_V3).revoked_epoch, 7);
    assert_eq!(off.take_lines(), [""; 0]);
}
