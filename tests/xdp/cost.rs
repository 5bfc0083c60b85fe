//! What a frame costs. Run by hand, alone: `cargo test --test xdp cost -- --ignored --nocapture`.
//!
//! `XVRRP_COST=NAME` takes one of the frames only, for a profiler.

use crate::{
    empty::Empty,
    kernel::{Entry, Kernel},
};
use std::{env, time::Duration};
use vrrp_ebpf::testing::cases;

/// Runs that are averaged, and how often.
const RUNS: u32 = 100_000;
const ROUNDS: u32 = 20;

#[test]
#[ignore = "prints figures; a busy machine makes them meaningless"]
fn cost() {
    let only = env::var("XVRRP_COST").ok();
    let mut kernel = Kernel::load();
    let empty = [Entry::Ingress, Entry::Egress].map(|entry| (entry, Empty::load(entry)));
    println!("gross  net: without what an empty program reads; least of {ROUNDS} x {RUNS} runs");
    for (entry, name) in [
        (Entry::Ingress, "neither IP nor ARP"),
        (Entry::Ingress, "to another address"),
        (Entry::Ingress, "IPv6 to another address"),
        (Entry::Ingress, "to a virtual address, gate open"),
        (Entry::Ingress, "unknown VRID"),
        (Entry::Ingress, "nothing new"),
        (Entry::Ingress, "steady loser while we own"),
        (Entry::Ingress, "steady loser while we own, just told of"),
        (Entry::Ingress, "one bit of an address"),
        (Entry::Ingress, "another password"),
        (Entry::Ingress, "frame ends in the addresses"),
        (Entry::Ingress, "TTL 254"),
        (Entry::Ingress, "from a source not listed"),
        (Entry::Ingress, "255 other addresses"),
        (Entry::Ingress, "ARP, gate shut"),
        (Entry::Egress, "neither IP nor ARP leaves"),
        (Entry::Egress, "from another address"),
        (Entry::Egress, "from a virtual address, gate open"),
        (Entry::Egress, "our advert while we own"),
    ] {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let case = cases::all()
            .into_iter()
            .find(|case| case.name == name)
            .expect("such a case");
        let (_, empty) = empty
            .iter()
            .find(|(kind, _)| *kind == entry)
            .expect("both kinds");
        kernel.enter(&case.scene);
        // The two in turn, so that both meet the same machine.
        let (mut took, mut nothing) = (Duration::MAX, Duration::MAX);
        for _ in 0..ROUNDS {
            nothing = nothing.min(empty.run_often(&case.frame, RUNS));
            took = took.min(kernel.run_often(entry, &case.frame, RUNS).took);
        }
        println!(
            "{:4} {:4} ns  {entry:?}: {name}",
            took.as_nanos(),
            took.saturating_sub(nothing).as_nanos()
        );
    }
}
