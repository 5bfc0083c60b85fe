//! Who was heard, when, with what priority.

use super::{Case, facts::Heard};
use crate::time::in_words;
use core::{net::IpAddr, time::Duration};

/// Others that are told of; a network may have many.
const MOST: usize = 5;

impl Case<'_> {
    pub(super) fn heard(&self) -> Vec<String> {
        let mut told = Vec::new();
        let mut others = self.peers();
        others.sort_by_key(|it| (Some(it.source) != self.followed(), it.age));
        for peer in others.iter().take(MOST) {
            told.push(self.peer(peer));
        }
        if others.len() > MOST {
            told.push(format!("{} more were heard.", others.len() - MOST));
        }
        if others.is_empty() {
            let what = if self.it.state == "FAULT" {
                "while it could listen"
            } else {
                "so far"
            };
            told.push(format!("No other router of this VRID was heard {what}."));
        }
        told
    }

    fn peer(&self, peer: &Heard) -> String {
        let Heard {
            source,
            priority,
            interval,
            age,
        } = peer;
        let ago = in_words(*age);
        if *priority == 0 {
            return format!("{source} resigned (priority 0) {ago} ago.");
        }
        let every = in_words(*interval);
        if is_silent(peer) {
            return format!(
                "{source} was last heard {ago} ago, with priority {priority}; it has fallen silent, as every router does that is not MASTER."
            );
        }
        let role = if self.followed() == Some(*source) {
            "; it is the MASTER that this router heeds"
        } else if self.is_master() {
            "; it advertises although this router is MASTER"
        } else {
            ""
        };
        format!(
            "{source} advertises priority {priority} every {every} and was heard {ago} ago{role}."
        )
    }

    /// The maps know best; without them what the daemon was told.
    pub(super) fn peers(&self) -> Vec<Heard> {
        let known = self.kernel.map(|kernel| kernel.heard.clone());
        let mut peers = known.unwrap_or_default();
        if let Some(active) = &self.it.active
            && let Some(source) = active.source
            && !peers.iter().any(|it| it.source == source)
        {
            peers.push(Heard {
                source,
                priority: active.priority,
                interval: Duration::from_millis(active.interval_ms),
                age: self.facts.ago(active.heard),
            });
        }
        peers
    }

    /// The MASTER it heeds.
    pub(super) fn followed(&self) -> Option<IpAddr> {
        self.it.active.as_ref().and_then(|active| active.source)
    }
}

/// A MASTER would have been heard again.
pub(super) fn is_silent(peer: &Heard) -> bool {
    peer.age > peer.interval * 3
}
