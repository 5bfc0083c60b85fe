//! `xvrrpd explain`: why an instance is in its state, in sentences, and what would
//! change it. From what the daemon says of itself (`facts`) and what the kernel's maps
//! say to words; nothing is decided here.

mod change;
mod differences;
mod facts;
mod gate;
mod heard;
mod priority;
mod state;
#[cfg(test)]
mod tests;
mod waiting;

pub use differences::differences;
pub use facts::{Facts, Heard, Kernel, Key};

use crate::config::nearest_name;
use facts::Instance;
use serde::Serialize;

/// One instance, explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Its name.
    pub instance: String,
    /// keepalived's name of its state.
    pub state: String,
    /// What is said, by what it is about.
    pub sections: Vec<Section>,
}

/// Sentences about one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Section {
    /// `state`, `heard`, `priority`, `waiting`, `gate` or `change`.
    pub about: &'static str,
    /// Whole sentences.
    pub sentences: Vec<String>,
}

/// An instance with all that is known around it.
struct Case<'a> {
    facts: &'a Facts,
    it: &'a Instance,
    /// None where the maps cannot be read, or do not have it.
    kernel: Option<&'a Kernel>,
}

/// Explains one instance, or each of them.
///
/// # Errors
///
/// There is no instance of that name; the text says which there are.
pub fn explain(
    facts: &Facts,
    kernel: &[Kernel],
    name: Option<&str>,
) -> Result<Vec<Explanation>, String> {
    let all = &facts.engine.instances;
    let wanted = |it: &&Instance| {
        let group = facts.group_of(&it.name);
        name.is_none_or(|name| it.name == name || group.is_some_and(|it| it.name == name))
    };
    let chosen: Vec<&Instance> = all.iter().filter(wanted).collect();
    if let Some(name) = name
        && chosen.is_empty()
    {
        let names: Vec<&str> = all.iter().map(|it| it.name.as_str()).collect();
        let help = match nearest_name(names.iter().copied(), name) {
            Some(near) => format!("write `{near}`"),
            None => format!("there are {}", names.join(", ")),
        };
        return Err(format!(
            "there is no instance or sync group `{name}`: {help}"
        ));
    }
    let explained = chosen.into_iter().map(|it| {
        let same = |record: &&Kernel| Some(record.key) == it.key;
        let case = Case {
            facts,
            it,
            kernel: kernel.iter().find(same),
        };
        case.explain()
    });
    Ok(explained.collect())
}

impl Case<'_> {
    fn explain(&self) -> Explanation {
        let sections = [
            ("state", self.state()),
            ("heard", self.heard()),
            ("priority", self.priority()),
            ("waiting", self.waiting()),
            ("gate", self.gate()),
            ("change", self.change()),
        ];
        let told = sections.into_iter().filter(|(_, text)| !text.is_empty());
        Explanation {
            instance: self.it.name.clone(),
            state: self.it.state.clone(),
            sections: told
                .map(|(about, sentences)| Section { about, sentences })
                .collect(),
        }
    }

    fn is_master(&self) -> bool {
        self.it.state == "MASTER"
    }

    fn is_backup(&self) -> bool {
        self.it.state == "BACKUP" && !self.it.claiming
    }
}
