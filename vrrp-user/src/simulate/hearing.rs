//! Does one node heed the advert of another? What the XDP program checks, as far as
//! two configurations can differ in it.

use super::node::Wire;
use crate::{
    config::model::{Authentication, TrailerMode, Version},
    engine::action::RouterRecord,
};
use vrrp_common::maps::CAST_UNICAST;

/// Why an advert is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deaf {
    /// Another protocol version.
    Version,
    /// Version 2, and another interval.
    Interval,
    /// Another password, or only one of them has one.
    Authentication,
    /// Multicast in another group.
    Group,
    /// `owner_ignore_adverts`.
    Ignored,
    /// `check_unicast_src`, and it is none of the peers.
    NotAPeer,
    /// `advert_sources`, and it is none of them.
    NotListed,
    /// It has our own address.
    OwnSource,
}

/// `Ok`: it is heeded.
pub(super) fn judge(record: &RouterRecord, wire: &Wire) -> Result<(), Deaf> {
    if wire.source == record.source {
        return Err(Deaf::OwnSource);
    }
    let unicast = record.key.cast == CAST_UNICAST;
    if !unicast && wire.group != record.group {
        return Err(Deaf::Group);
    }
    if record.ignores_adverts {
        return Err(Deaf::Ignored);
    }
    let mut peers = record.unicast_peers.iter();
    if unicast && record.check_unicast_source && !peers.any(|it| it.address == wire.source) {
        return Err(Deaf::NotAPeer);
    }
    if !unicast
        && !record.advert_sources.is_empty()
        && !record.advert_sources.contains(&wire.source)
    {
        return Err(Deaf::NotListed);
    }
    if wire.version != record.version {
        return Err(Deaf::Version);
    }
    if !admits(record.authentication.as_ref(), wire.authentication.as_ref()) {
        return Err(Deaf::Authentication);
    }
    if record.version == Version::V2 && wire.interval_cs != record.interval_cs {
        return Err(Deaf::Interval);
    }
    Ok(())
}

/// What `theirs` sends is what `ours` accepts.
pub(super) fn admits(ours: Option<&Authentication>, theirs: Option<&Authentication>) -> bool {
    let signed = |theirs: Option<&Authentication>| match theirs {
        Some(Authentication::Trailer(theirs)) if theirs.mode != TrailerMode::ReceiveOnly => {
            Some((theirs.active_key, theirs.key(theirs.active_key)?.to_vec()))
        }
        _ => None,
    };
    match (ours, theirs, signed(theirs)) {
        (Some(Authentication::Trailer(ours)), _, Some((id, key))) => {
            ours.key(id) == Some(key.as_slice())
        }
        (Some(Authentication::Trailer(ours)), None | Some(Authentication::Trailer(_)), None) => {
            ours.mode != TrailerMode::Enforce
        }
        (None, Some(Authentication::Trailer(_)), None) => true,
        _ => ours == theirs,
    }
}
