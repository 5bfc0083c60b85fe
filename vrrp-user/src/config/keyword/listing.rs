//! The tables, for whoever documents them.

use super::{KINDS, Keyword, Kind, Status, all, block_name};

/// A keyword of one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The block, as messages call it: `` `vrrp_instance` ``, `the top level`.
    pub block: &'static str,
    /// The keyword.
    pub name: &'static str,
    /// How to write it.
    pub usage: String,
    /// What becomes of it.
    pub status: Status,
}

/// Every keyword of every block; blocks and keywords in the order of the tables.
#[must_use]
pub fn keywords() -> Vec<Entry> {
    let of_block = |kind: Kind| all(kind).map(move |keyword| entry(kind, keyword));
    KINDS.into_iter().flat_map(of_block).collect()
}

fn entry(kind: Kind, keyword: &Keyword) -> Entry {
    Entry {
        block: block_name(kind),
        name: keyword.name,
        usage: keyword.example(),
        status: keyword.status,
    }
}
