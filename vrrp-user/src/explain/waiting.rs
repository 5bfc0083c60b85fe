//! What is being waited for.

use super::{Case, facts::Heard};
use crate::time::in_words;
use core::time::Duration;

impl Case<'_> {
    pub(super) fn waiting(&self) -> Vec<String> {
        let mut told = Vec::new();
        match self.facts.engine.maintenance.as_str() {
            "on" => told.push("The whole node is in maintenance: it takes over nothing until `xvrrpd maintenance off`.".into()),
            "handing over" => told.push("Maintenance has begun: everything is being handed over.".into()),
            _ => {}
        }
        self.handover(&mut told);
        let starts = self.it.why.start_at.and_then(|at| self.facts.until(at));
        if let Some(left) = starts
            && !self.is_master()
        {
            told.push(format!(
                "It begins to count in {}: `vrrp_startup_delay`.",
                in_words(left)
            ));
        }
        if self.is_backup() {
            self.preemption(&mut told);
            self.silence(&mut told);
        }
        told
    }

    fn handover(&self, told: &mut Vec<String>) {
        let why = &self.it.why;
        match why.handover.as_deref() {
            Some("offering") => {
                let left = why.offered_until.and_then(|at| self.facts.until(at));
                let left = left.map_or(String::new(), |left| {
                    format!(" for {} more", in_words(left))
                });
                told.push(format!(
                    "It is being handed over: it waits{left} for another router to take over."
                ));
            }
            Some("resigning") => {
                told.push("It is being handed over by force: it is about to resign.".into());
            }
            Some(_) => {
                told.push("It was handed over, and waits to hear who has taken over.".into());
            }
            None => {}
        }
        if self.it.held {
            told.push(format!(
                "It was handed over and leaves whoever is MASTER in peace, until `xvrrpd handover --release {}` or until that router is silent.",
                self.it.name
            ));
        }
    }

    /// Stronger than the MASTER it heeds, and it does nothing: why?
    fn preemption(&self, told: &mut Vec<String>) {
        let it = self.it;
        let Some((source, priority)) = self.master() else {
            return;
        };
        if priority >= it.effective_priority || priority == 0 {
            return;
        }
        if it.why.nopreempt {
            told.push(format!(
                "Its priority is higher than that of {source} ({priority}), but with `nopreempt` it takes over only when {source} is silent."
            ));
        } else if let Some(left) = it.why.preempt_at.and_then(|at| self.facts.until(at)) {
            told.push(format!(
                "Its priority is higher than that of {source} ({priority}); `preempt_delay` ({}) holds it back for {} more.",
                in_words(Duration::from_millis(it.why.preempt_delay_ms)),
                in_words(left)
            ));
        } else if !it.held {
            told.push(format!(
                "Its priority is higher than that of {source} ({priority}): it no longer heeds its adverts, and takes over as if {source} were silent."
            ));
        }
    }

    fn silence(&self, told: &mut Vec<String>) {
        let it = self.it;
        let Some(left) = self.down_timer() else {
            return;
        };
        let left = in_words(left);
        let group = it.why.last_member.as_ref().map_or(String::new(), |last| {
            format!("; its sync group waits for {last}, the last of its members")
        });
        match self.master() {
            Some((source, 0)) => told.push(format!(
                "{source} has resigned: it becomes MASTER in {left} unless a router with a higher priority is faster{group}."
            )),
            Some((source, priority)) => {
                let heeds = priority >= it.effective_priority || it.why.nopreempt || it.held
                    || it.why.preempt_at.and_then(|at| self.facts.until(at)).is_some();
                if heeds {
                    told.push(format!(
                        "It becomes MASTER if {source} is silent for {left} more{}{group}.",
                        self.patience()
                    ));
                } else {
                    told.push(format!("It takes over in {left}{group}."));
                }
            }
            None => told.push(format!(
                "It becomes MASTER if nobody is heard for {left} more{}{group}.",
                self.patience()
            )),
        }
    }

    fn patience(&self) -> String {
        let why = &self.it.why;
        if why.down_interval_ms == 0 {
            return String::new();
        }
        let all = in_words(Duration::from_millis(why.down_interval_ms));
        let adverts = why.adverts;
        format!(
            " (it waits {all} in all: {adverts} adverts, and the skew that is longer the lower its priority)"
        )
    }

    /// What is left of the down timer. The daemon looks at the maps only when its timer
    /// is over: until then they know of later adverts.
    pub(super) fn down_timer(&self) -> Option<Duration> {
        let claim_at = self.it.claim_at?;
        let told = self.facts.until(claim_at).unwrap_or_default();
        let down = Duration::from_millis(self.it.why.down_interval_ms);
        let heard = self.followed_peer().filter(|it| it.priority != 0);
        let stamped = heard.map(|it| down.saturating_sub(it.age));
        Some(told.max(stamped.unwrap_or_default()))
    }

    pub(super) fn followed_peer(&self) -> Option<Heard> {
        let followed = self.followed()?;
        self.peers().into_iter().find(|it| it.source == followed)
    }

    /// Address and priority of the MASTER it heeds.
    pub(super) fn master(&self) -> Option<(core::net::IpAddr, u8)> {
        let peer = self.followed_peer()?;
        Some((peer.source, peer.priority))
    }
}
