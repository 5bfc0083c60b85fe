//! What a frame costs. Run by hand, alone: `cargo test --test xdp cost -- --ignored --nocapture`.

use crate::kernel::{Entry, Kernel};
use vrrp_ebpf::testing::cases;

/// Runs that are averaged, and how often.
const RUNS: u32 = 100_000;
const ROUNDS: u32 = 20;

#[test]
#[ignore = "prints figures; a busy machine makes them meaningless"]
fn cost() {
    let mut kernel = Kernel::load();
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
        let case = cases::all()
            .into_iter()
            .find(|case| case.name == name)
            .expect("such a case");
        kernel.enter(&case.scene);
        // The least of many: whatever else the machine does only adds.
        let took = (0..ROUNDS)
            .map(|_| kernel.run_often(entry, &case.frame, RUNS).took)
            .min()
            .expect("some");
        println!("{:4} ns  {entry:?}: {name}", took.as_nanos());
    }
}
