//! `garp_group`.

use super::{Keyword, Kind, block, later};

const NO_GROUP: &str = "announcements are paced per interface, not per group";

pub(super) const GARP_GROUP: &[Keyword] = &[
    later("garp_interval", 1, "SECONDS", NO_GROUP),
    later("gna_interval", 1, "SECONDS", NO_GROUP),
    later("interface", 1, "INTERFACE", NO_GROUP),
    block(later("interfaces", 0, "", NO_GROUP), Kind::Names),
];
