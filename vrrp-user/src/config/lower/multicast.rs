//! `mcast_dst_ip`, `vrrp_mcast_group4`, `vrrp_mcast_group6`: the group adverts go to.

use super::{global::Globals, instance::Draft};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    model::Family,
    value::address,
    words::Word,
};
use core::net::IpAddr;
use vrrp_common::wire::{GROUP_V4, GROUP_V6};

/// A group that is written. IPv6 is heard on the link alone, as keepalived has it.
pub(super) fn group(
    keyword: &str,
    word: &Word,
    wanted: Option<Family>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<IpAddr> {
    let group = address(word, diagnostics)?;
    let (fits, example) = match (group, wanted) {
        (IpAddr::V4(group), None | Some(Family::V4)) => {
            (group.is_multicast(), "an IPv4 group, as 224.0.0.18")
        }
        // Of any lifetime (RFC 4291 section 2.7).
        (IpAddr::V6(group), None | Some(Family::V6)) => {
            let [first, second, ..] = group.octets();
            let fits = first == 0xff && second & 0x0f == 2;
            (fits, "an IPv6 group of the link, as ff02::12")
        }
        (_, Some(Family::V4)) => (false, "an IPv4 group, as 224.0.0.18"),
        (_, Some(Family::V6)) => (false, "an IPv6 group of the link, as ff02::12"),
    };
    if fits {
        return Some(group);
    }
    let message = format!("`{group}` is no group that `{keyword}` could name");
    let found = Diagnostic::error(Code::BadValue, word.span, message);
    diagnostics.push(found.help(format!("write {example}")));
    None
}

/// The group of an instance: its own, or the one of its family.
pub(super) fn of(
    draft: &Draft,
    family: Family,
    globals: &Globals,
    diagnostics: &mut Vec<Diagnostic>,
) -> IpAddr {
    if let Some(at) = draft
        .places
        .get("mcast_dst_ip")
        .filter(|_| !draft.peers.is_empty())
    {
        let message = "`mcast_dst_ip` is for multicast; with `unicast_peer` it is ignored";
        diagnostics.push(Diagnostic::warning(Code::Overruled, at, message).help("remove it"));
    }
    let (global, usual) = match family {
        Family::V4 => (globals.group_v4, GROUP_V4.into()),
        Family::V6 => (globals.group_v6, GROUP_V6.into()),
    };
    let own = draft.group.filter(|_| draft.peers.is_empty());
    own.or(global).unwrap_or(usual)
}
