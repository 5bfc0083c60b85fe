//! Settings that routers of one VRID have to agree in.

use super::{Part, Review};
use crate::{
    config::model::{Authentication, InitialState, Version},
    simulate::hearing::admits,
    time::in_words,
};
use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};

impl Review<'_> {
    pub(super) fn settings(&mut self) {
        let network = self.network;
        for router in &network.routers {
            let parts = self.parts(router);
            let Some((first, others)) = parts.split_first() else {
                continue;
            };
            self.priorities(&parts);
            for other in others {
                if other.node == first.node {
                    let message = format!(
                        "{} and {} use VRID {} on one segment ({})",
                        first.words(),
                        other.words(),
                        router.vrid,
                        router.segment
                    );
                    let help = "give each virtual router of a segment a VRID of its own";
                    self.about(*other, &["virtual_router_id"], message, help);
                } else {
                    self.compare(*first, *other);
                }
            }
        }
    }

    fn compare(&mut self, a: Part<'_>, b: Part<'_>) {
        let (first, second) = (a.instance, b.instance);
        let (theirs, ours) = (a.words(), b.words());
        if first.version != second.version {
            let message = format!(
                "{ours} speaks VRRP version {}, {theirs} version {}: they do not heed each other, and both become MASTER",
                number(second.version),
                number(first.version)
            );
            self.about(b, &["version"], message, "write the same `version` on both");
        } else if first.advert_interval != second.advert_interval {
            let [one, other] = [second, first].map(|it| in_words(it.advert_interval));
            let consequence = match first.version {
                Version::V2 => "they do not heed each other, and both become MASTER",
                Version::V3 => "how fast a failure is noticed depends on who is MASTER",
            };
            let message =
                format!("{ours} advertises every {one}, {theirs} every {other}: {consequence}");
            let help = "write the same `advert_int` on both";
            self.about(b, &["advert_int"], message, help);
        }
        let (one, other) = (&first.authentication, &second.authentication);
        let heeded = admits(one.as_ref(), other.as_ref()) && admits(other.as_ref(), one.as_ref());
        if first.version == second.version && !heeded {
            let what = match (one, other) {
                (Some(Authentication::Pass(_)), Some(Authentication::Pass(_))) => {
                    "has another password than"
                }
                (Some(_), Some(_)) => "has another authentication than",
                (None, Some(Authentication::Pass(_))) => "has a password, unlike",
                (Some(Authentication::Pass(_)), None) => "has no password, unlike",
                (None, _) => "has authentication, unlike",
                (_, None) => "has no authentication, unlike",
            };
            let message = format!(
                "{ours} {what} {theirs}: they do not heed each other, and both become MASTER"
            );
            let help =
                "write the same `auth_type` and `auth_pass`, or the same `auth_hmac`, on both";
            self.about(b, &["authentication"], message, help);
        }
        if first.unicast.is_some() != second.unicast.is_some() {
            let (how, not) = if second.unicast.is_some() {
                ("unicast_peer", "multicast")
            } else {
                ("multicast", "unicast_peer")
            };
            let message = format!(
                "{ours} uses {how}, {theirs} {not}: they do not hear each other, and both become MASTER"
            );
            let help = "write `unicast_peer` on both, or on none";
            self.about(b, &["unicast_peer"], message, help);
        } else if first.multicast_group() != second.multicast_group() {
            let message = format!(
                "{ours} speaks in group {}, {theirs} in {}: they do not hear each other, and both become MASTER",
                second.group, first.group
            );
            let help = "write the same group on both";
            self.about(b, &["mcast_dst_ip"], message, help);
        }
        self.addresses(a, b);
    }

    fn addresses(&mut self, a: Part<'_>, b: Part<'_>) {
        let set = |list: &[crate::config::model::VirtualAddress]| -> BTreeSet<IpAddr> {
            list.iter().map(|it| it.address).collect()
        };
        let lists = [
            (
                "virtual_ipaddress",
                set(&a.instance.addresses),
                set(&b.instance.addresses),
            ),
            (
                "virtual_ipaddress_excluded",
                set(&a.instance.excluded_addresses),
                set(&b.instance.excluded_addresses),
            ),
        ];
        for (keyword, theirs, ours) in lists {
            if theirs == ours {
                continue;
            }
            if keyword == "virtual_ipaddress" && theirs.is_disjoint(&ours) {
                let message = format!(
                    "{} and {} use VRID {} for different addresses: one of them owns none",
                    b.words(),
                    a.words(),
                    b.instance.vrid
                );
                let help = "give each virtual router of a segment a VRID of its own, or both the same addresses";
                self.about(b, &["virtual_router_id"], message, help);
                return;
            }
            let only = |these: &BTreeSet<IpAddr>, those: &BTreeSet<IpAddr>, part: Part<'_>| {
                let left = these.difference(those).map(ToString::to_string);
                let left: Vec<String> = left.collect();
                (!left.is_empty()).then(|| format!("only {} has {}", part.words(), left.join(", ")))
            };
            let sides = [only(&ours, &theirs, b), only(&theirs, &ours, a)];
            let sides: Vec<String> = sides.into_iter().flatten().collect();
            let message = format!("`{keyword}` differs: {}", sides.join("; "));
            let help =
                "write the same addresses on both, or some fall silent when the MASTER changes";
            self.about(b, &[keyword], message, help);
        }
    }

    fn priorities(&mut self, parts: &[Part<'_>]) {
        let mut by_priority: BTreeMap<u8, Part<'_>> = BTreeMap::new();
        for part in parts {
            let taken = by_priority.entry(part.instance.priority).or_insert(*part);
            let first = *taken;
            if first.node == part.node {
                continue;
            }
            let message = format!(
                "{} and {} have the same priority {}: the greater address decides",
                first.words(),
                part.words(),
                part.instance.priority
            );
            let help = "write another `priority` on each router";
            self.about(*part, &["priority"], message, help);
        }
    }

    /// `state MASTER` is only a hint; who reads it believes it.
    pub(super) fn hints(&mut self, parts: &[Part<'_>], owner: Part<'_>) {
        for part in parts {
            if part.instance.state != InitialState::Master || part.node == owner.node {
                continue;
            }
            let message = format!(
                "{} says `state MASTER`, but {} becomes MASTER: its priority is {}, not {}",
                part.words(),
                owner.words(),
                owner.instance.priority,
                part.instance.priority
            );
            let help = "write `state BACKUP`, or give it the highest `priority`";
            self.about(*part, &["state"], message, help);
        }
    }
}

const fn number(version: Version) -> u8 {
    match version {
        Version::V2 => 2,
        Version::V3 => 3,
    }
}
