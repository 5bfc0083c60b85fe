//! Says what a router that is heard has otherwise than this one, once when it is news.

use super::Driver;
use crate::{
    explain::differences,
    shell::{bpf::tables, clock},
    time::Instant,
};
use std::{collections::BTreeMap, time::Duration};
use vrrp_common::{
    event::{Event, KIND_ADVERT, NEWS_ADDRESSES, NEWS_FORM, NEWS_INTERVAL, NEWS_PEER},
    maps::{PeerKey, VrKey},
};

/// Between two lines about the same virtual router.
const SPACING: Duration = Duration::from_secs(10);
/// What of an advert's news may be a difference.
const MAY_DIFFER: u32 = NEWS_PEER | NEWS_INTERVAL | NEWS_FORM | NEWS_ADDRESSES;

/// Which virtual routers a line was written about, and when.
#[derive(Default)]
pub(super) struct Differences(BTreeMap<VrKey, Instant>);

impl Differences {
    fn may_say(&mut self, vr: VrKey, now: Instant) -> bool {
        let said = self.0.get(&vr);
        if said.is_some_and(|&at| now < at + SPACING) {
            return false;
        }
        self.0.insert(vr, now);
        true
    }
}

impl Driver {
    /// `status` says it for as long as it lasts.
    pub(super) fn log_differences(&mut self, event: &Event) {
        if event.kind != KIND_ADVERT || event.news & MAY_DIFFER == 0 {
            return;
        }
        let (vr, source) = (event.vr, event.source);
        let found = self
            .tables
            .router(&vr)
            .and_then(|ours| Ok(ours.zip(self.tables.peer(&PeerKey { vr, source })?)));
        let Ok(Some((ours, theirs))) = found else {
            return;
        };
        let words = differences(vr.family, &ours, &theirs);
        if words.is_empty() || !self.differences.may_say(vr, clock::now()) {
            return;
        }
        let name = self.names.get(&vr.ifindex).map_or("?", String::as_str);
        tracing::warn!(
            "{name}: {} and this router differ in VRID {}: {}",
            tables::address(vr.family, source),
            vr.vrid,
            words.join("; ")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_in_a_while_about_each_virtual_router() {
        let mut differences = Differences::default();
        let vr = |vrid| VrKey {
            vrid,
            ..VrKey::default()
        };
        let at = |s: u64| Instant::from_ns(s * 1_000_000_000);
        let mut say = |vrid, s| differences.may_say(vr(vrid), at(s));
        assert!(say(1, 5) && say(2, 5));
        assert!(!say(1, 14));
        assert!(say(1, 15));
        assert!(!say(1, 16));
    }
}
