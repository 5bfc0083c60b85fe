//! The state, and the last transition.

use super::Case;
use crate::time::in_words;

impl Case<'_> {
    pub(super) fn state(&self) -> Vec<String> {
        let it = self.it;
        let name = &it.name;
        let time = in_words(self.facts.ago(it.since));
        let mut told = Vec::new();
        if it.claiming {
            told.push(format!(
                "{name} is about to be MASTER: {time} ago it advertised that it takes over, and is MASTER in a moment unless a better advert objects."
            ));
            told.push(format!("It did that because: {}.", reason(&it.reason)));
            return told;
        }
        let count = match it.times_active {
            0 => String::new(),
            1 => String::from(", once since this daemon started"),
            n => format!(", {n} times since this daemon started"),
        };
        let means = match it.state.as_str() {
            "MASTER" => format!("it owns the virtual addresses{count}"),
            "BACKUP" => String::from("another router owns the virtual addresses, or nobody yet"),
            "FAULT" => String::from("it takes no part and can own nothing"),
            "INIT" => String::from("it has not begun to take part"),
            _ => String::from("a state of a later version"),
        };
        told.push(format!(
            "{name} is {} and has been for {time}: {means}.",
            it.state
        ));
        if !it.reason.is_empty() && it.state != "INIT" {
            told.push(format!("It came to that because: {}.", reason(&it.reason)));
        }
        for fault in &it.fault_text {
            let what = if it.state == "MASTER" || it.state == "BACKUP" {
                "Not known yet, so it stays as it is"
            } else {
                "What keeps it out"
            };
            told.push(format!("{what}: {fault}."));
        }
        if let Some(group) = self.facts.group_of(name)
            && group.members.len() > 1
        {
            let others = group.members.iter().filter(|it| *it != name);
            let others: Vec<&str> = others.map(String::as_str).collect();
            told.push(format!(
                "It is in sync group {} and always in the same state as {}.",
                group.name,
                others.join(", ")
            ));
        }
        told
    }
}

/// The engine's few words of a transition in more of them.
fn reason(words: &str) -> &str {
    match words {
        "start-up" => "this daemon started",
        "advertisement timeout" => {
            "the MASTER was silent for as long as a BACKUP waits (advertisement timeout)"
        }
        "the claim was not contested" => {
            "it advertised that it takes over, and nobody objected with a better advert"
        }
        "a winning advert" | "a winning advert shut the gate" => {
            "an advert with a higher priority arrived, or with the same one from a greater address"
        }
        "weaker now than the Active" => {
            "its own priority fell below that of a router it had not heeded"
        }
        "the lease lapsed" => {
            "its own adverts did not leave in time, and another router may have taken over since"
        }
        "the lease lapsed, claiming again" => {
            "its own adverts did not leave in time, but so shortly that nobody can have taken over"
        }
        "resumed after a restart" => {
            "the daemon before this one was MASTER, and nobody has taken over since"
        }
        other => other,
    }
}
