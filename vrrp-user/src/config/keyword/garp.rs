//! `garp_group`.

use super::{Keyword, Kind, block, served};

pub(super) const GARP_GROUP: &[Keyword] = &[
    served("garp_interval", 1, "SECONDS"),
    served("gna_interval", 1, "SECONDS"),
    served("interface", 1, "INTERFACE"),
    block(served("interfaces", 0, ""), Kind::Names),
];
