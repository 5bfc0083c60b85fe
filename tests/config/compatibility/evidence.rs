//! Which tests show that a keyword is served: that it is read into the model, and,
//! where more than the model depends on it, that it does what it says.
//!
//! One of a row's tests must name each of its keywords.

mod balance;
mod global;
mod group;
mod hash;
mod instance;
mod root;
mod tracker;
mod words;

/// Tests of some keywords of a block.
pub(crate) struct Evidence {
    /// As messages call it.
    pub(crate) block: &'static str,
    pub(crate) keywords: &'static [&'static str],
    /// `FILE::FUNCTION`.
    pub(crate) tests: &'static [&'static str],
}

/// Of these keywords of a block.
const fn of(
    block: &'static str,
    keywords: &'static [&'static str],
    tests: &'static [&'static str],
) -> Evidence {
    Evidence {
        block,
        keywords,
        tests,
    }
}

/// A test of the `config` room.
macro_rules! config {
    ($file:literal, $test:literal) => {
        concat!("vrrp-user/src/config/tests/", $file, ".rs::", $test)
    };
}

/// A test of the `engine` room.
macro_rules! engine {
    ($file:literal, $test:literal) => {
        concat!("vrrp-user/src/engine/tests/", $file, ".rs::", $test)
    };
}

/// A test in namespaces.
macro_rules! netns {
    ($file:literal, $test:literal) => {
        concat!("tests/netns/", $file, ".rs::", $test)
    };
}

use {config, engine, netns};

/// All of it.
pub(crate) fn evidence() -> impl Iterator<Item = &'static Evidence> {
    [
        root::ROOT,
        global::GLOBAL,
        instance::INSTANCE,
        group::SYNC_GROUP,
        tracker::TRACKERS,
        words::WORDS,
        hash::HASH,
        balance::BALANCE,
    ]
    .into_iter()
    .flatten()
}
