//! `interface_up_down_delays`: a link that goes down or comes up counts so only
//! once it has stayed so for a while.

use super::{Engine, input::Link};
use crate::time::Instant;
use std::collections::BTreeMap;

/// Links that are otherwise than they count, until when they must stay so.
#[derive(Clone, Debug, Default)]
pub(super) struct Unsettled(BTreeMap<u32, Waiting>);

#[derive(Clone, Copy, Debug)]
struct Waiting {
    up: bool,
    until: Instant,
}

impl Unsettled {
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.values().map(|it| it.until).min()
    }

    pub(super) fn forget(&mut self, ifindex: u32) {
        self.0.remove(&ifindex);
    }
}

impl Engine {
    /// The link as it counts. What has changed besides, counts at once.
    pub(super) fn settled(&mut self, link: Link, now: Instant) -> Link {
        let delays = self.config.delays.get(&link.name).copied();
        let known = self.links.indexed(link.ifindex).map(|known| known.up);
        let delay =
            delays.map_or_else(Default::default, |it| if link.up { it.up } else { it.down });
        match known {
            Some(known) if known != link.up && !delay.is_zero() => {
                let up = link.up;
                let waiting = self.unsettled.0.get(&link.ifindex);
                let until = waiting
                    .filter(|waiting| waiting.up == up)
                    .map_or(now + delay, |waiting| waiting.until);
                self.unsettled.0.insert(link.ifindex, Waiting { up, until });
                Link { up: known, ..link }
            }
            _ => {
                self.unsettled.forget(link.ifindex);
                link
            }
        }
    }

    /// Those that have stayed so count now.
    pub(super) fn settle_links(&mut self, now: Instant) {
        let due = self.unsettled.0.iter().filter(|(_, it)| it.until <= now);
        let due: Vec<(u32, bool)> = due.map(|(&ifindex, it)| (ifindex, it.up)).collect();
        for (ifindex, up) in due {
            self.unsettled.forget(ifindex);
            if let Some(link) = self.links.indexed(ifindex).cloned() {
                self.put_link(Link { up, ..link }, now);
            }
        }
    }
}
