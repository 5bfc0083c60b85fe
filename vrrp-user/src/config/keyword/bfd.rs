//! `bfd_instance`.

use super::{Keyword, later, old};

const NO_BFD: &str = "no BFD session is run";

pub(super) const BFD: &[Keyword] = &[
    later("neighbor_ip", 1, "ADDRESS", NO_BFD),
    old("neighbour_ip", 1, "ADDRESS", "neighbor_ip"),
    later("source_ip", 1, "ADDRESS", NO_BFD),
    later("min_rx", 1, "MILLISECONDS", NO_BFD),
    later("min_tx", 1, "MILLISECONDS", NO_BFD),
    later("idle_tx", 1, "MILLISECONDS", NO_BFD),
    later("multiplier", 1, "NUMBER", NO_BFD),
    later("passive", 0, "", NO_BFD),
    later("ttl", 1, "NUMBER", NO_BFD),
    later("hoplimit", 1, "NUMBER", NO_BFD),
    later("max_hops", 1, "NUMBER", NO_BFD),
    later("multihop", 0, "", NO_BFD),
    later("weight", 1, "NUMBER [reverse]", NO_BFD),
    later("vrrp", 0, "", NO_BFD),
    later("checker", 0, "", NO_BFD),
];
