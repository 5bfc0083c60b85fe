//! The kernel decides as the host does, also on frames nobody thought of.

use crate::kernel::{Entry, Kernel};
use std::collections::HashMap;
use vrrp_common::counter::Cause;
use vrrp_ebpf::{
    egress,
    testing::{
        cases::{self, Case, GATE_V6, GATE_VMAC6, IFINDEX, Verdict},
        frames::rewritten,
    },
};

/// Mangled versions of each frame of the table.
const VERSIONS: u32 = 12;

/// Marsaglia's xorshift: the same frames on every run.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).expect("64-bit") % below
    }

    /// Some octets changed, and now and then the end cut off.
    pub(crate) fn mangle(&mut self, frame: &mut Vec<u8>, shortest: usize) {
        for _ in 0..=self.next(3) {
            let at = self.next(frame.len());
            frame[at] = u8::try_from(self.next(256)).expect("an octet");
        }
        if self.next(4) == 0 {
            let cut = self.next(40).min(frame.len().saturating_sub(shortest));
            frame.truncate(frame.len() - cut);
        }
    }
}

fn on_host(case: &Case, frame: &[u8]) -> (Verdict, Vec<(Cause, u64)>, Vec<u8>) {
    let world = case.scene.world();
    let mut frame = frame.to_vec();
    let verdict = if case.leaving {
        match egress::judge(&frame, &world, IFINDEX, None) {
            egress::Verdict::Drop => Verdict::Drop,
            egress::Verdict::Rewrite(rewrite) => {
                frame = rewritten(frame, &rewrite);
                Verdict::Pass
            }
            egress::Verdict::Pass | egress::Verdict::ShowMore => Verdict::Pass,
        }
    } else {
        cases::arrive(&mut frame, &world)
    };
    let mut counts = HashMap::<Cause, u64>::new();
    for cause in world.take_counts() {
        *counts.entry(cause).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(cause, _)| *cause as u32);
    (verdict, counts, frame)
}

fn agree(leaving: bool) {
    let mut kernel = Kernel::load();
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let mut verdicts = [0u32; 3];
    for mut case in cases::all()
        .into_iter()
        .filter(|case| case.leaving == leaving)
    {
        case.scene.open(GATE_V6);
        case.scene.open(GATE_VMAC6);
        for _ in 0..VERSIONS {
            let mut frame = case.frame.clone();
            // Outgoing frames without an IP header are refused by the test run.
            noise.mangle(&mut frame, if leaving { 54 } else { 14 });
            kernel.enter(&case.scene);
            let entry = if leaving {
                Entry::Egress
            } else {
                Entry::Ingress
            };
            let outcome = kernel.run(entry, &frame);
            let (verdict, counts, answer) = on_host(&case, &frame);
            let what = format!("{} as {frame:02x?}", case.name);
            assert_eq!(outcome.verdict, verdict, "{what}");
            assert_eq!(kernel.take_counts(), counts, "{what}");
            // Octets that an answer grew by are all written, whatever they were.
            assert_eq!(outcome.frame, answer, "{what}");
            verdicts[verdict as usize] += 1;
        }
    }
    assert!(
        verdicts[0] > 100 && verdicts[1] > 20,
        "too much alike: {verdicts:?}"
    );
}

#[test]
fn on_what_arrives() {
    agree(false);
}

#[test]
fn on_what_leaves() {
    agree(true);
}
