//! What is not served yet and without which an instance and its peers would not
//! hear one another. Running it would make two MASTERs, so it is held in FAULT.

use super::{global::Globals, instance::Draft};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    model::{Family, Instance},
    value::address,
    words::Word,
};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// RFC 9568 section 5.1.1.2.
const GROUP_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18));
/// RFC 9568 section 5.1.2.2.
const GROUP_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12));

/// The keywords that hold this instance in FAULT; none, as a rule.
pub(super) fn unheard(instance: &Instance, draft: &Draft, globals: &Globals) -> Vec<String> {
    let mut found = Vec::new();
    if instance.unicast.is_none() {
        if draft.other_group {
            found.push("mcast_dst_ip".to_owned());
        } else if instance.family == Family::V4 && globals.other_group_v4 {
            found.push("vrrp_mcast_group4".to_owned());
        } else if instance.family == Family::V6 && globals.other_group_v6 {
            found.push("vrrp_mcast_group6".to_owned());
        }
    }
    found
}

/// A multicast group is named that is not the one of RFC 9568.
pub(super) fn other_group(keyword: &str, word: &Word, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let Some(group) = address(word, diagnostics) else {
        return false;
    };
    let other = group != GROUP_V4 && group != GROUP_V6;
    if other {
        let message = format!(
            "`{keyword}` is not served yet: who speaks in {group} would not hear this router, which is held in FAULT"
        );
        diagnostics.push(
            Diagnostic::warning(Code::NotServed, word.span, message)
                .help("remove it on every router of the group"),
        );
    }
    other
}
