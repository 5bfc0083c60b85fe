//! `v3_checksum_as_v2` and `old_unicast_checksum`: how version 3 is summed over IPv4.

use super::{global::Globals, instance::Draft};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    model::{ChecksumPolicy, Family, Version},
};

/// What an instance sends. Where nothing is written, it sends what it hears.
pub(super) fn policy(
    draft: &Draft,
    family: Family,
    version: Version,
    globals: &Globals,
    diagnostics: &mut Vec<Diagnostic>,
) -> ChecksumPolicy {
    let plain = draft.checksum_plain.or(globals.checksum_plain);
    if let Some(at) = draft.places.get("old_unicast_checksum") {
        let mut overruled = |message: &str, help: &str| {
            diagnostics.push(Diagnostic::warning(Code::Overruled, at, message).help(help));
        };
        if !draft.old_checksum {
            overruled(
                "`never` is not heeded: adverts with the old checksum are accepted, and answered in kind",
                "remove it",
            );
        } else if draft.peers.is_empty() || version != Version::V3 || family != Family::V4 {
            overruled(
                "`old_unicast_checksum` is for version 3 over IPv4 in unicast: it is ignored",
                "remove it",
            );
        } else if plain == Some(true) {
            overruled(
                "with `v3_checksum_as_v2` the checksum names no destination: `old_unicast_checksum` is ignored",
                "remove one of them",
            );
        } else {
            return ChecksumPolicy::Group;
        }
    }
    match plain {
        None => ChecksumPolicy::Learn,
        Some(true) => ChecksumPolicy::Plain,
        Some(false) => ChecksumPolicy::Pseudo,
    }
}
