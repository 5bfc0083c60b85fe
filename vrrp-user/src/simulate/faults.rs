//! What may fail, and how that is written.

use super::Given;
use crate::config::{model::Instance, nearest_name};
use core::fmt;

/// One thing that fails. Nodes are numbers in the order they were given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The whole node, without a word.
    Node(usize),
    /// An interface of a node goes down.
    Link(usize, String),
    /// A script fails on a node.
    Script(usize, String),
}

impl Fault {
    /// Where.
    #[must_use]
    pub const fn node(&self) -> usize {
        match self {
            Self::Node(node) | Self::Link(node, _) | Self::Script(node, _) => *node,
        }
    }

    /// As it is written on the command line.
    #[must_use]
    pub fn words(&self, given: &[Given]) -> String {
        let name = |node: &usize| given.get(*node).map_or("?", |it| &it.name);
        match self {
            Self::Node(node) => format!("node:{}", name(node)),
            Self::Link(node, link) => format!("link:{}:{link}", name(node)),
            Self::Script(node, script) => format!("script:{}:{script}", name(node)),
        }
    }

    /// It has a part in what this instance of that node does.
    #[must_use]
    pub fn concerns(&self, node: usize, instance: &Instance) -> bool {
        if self.node() != node {
            return false;
        }
        match self {
            Self::Node(_) => true,
            Self::Link(_, link) => links(instance).any(|name| name == link),
            Self::Script(_, script) => instance.track_scripts.iter().any(|it| it.name == *script),
        }
    }
}

/// Interfaces whose state counts for an instance.
fn links(instance: &Instance) -> impl Iterator<Item = &str> {
    let own = core::iter::once(instance.interface.as_str());
    own.chain(instance.track_interfaces.iter().map(|it| it.name.as_str()))
}

/// It cannot fail, because it is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultError {
    /// As written.
    pub word: String,
    /// What to write instead.
    pub help: String,
}

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` cannot fail here: {}", self.word, self.help)
    }
}

/// Everything that can fail.
pub(super) struct Faults {
    all: Vec<Fault>,
    words: Vec<String>,
}

impl Faults {
    pub(super) fn new(given: &[Given]) -> Self {
        let mut all = Vec::new();
        for (node, it) in given.iter().enumerate() {
            all.push(Fault::Node(node));
            let instances = &it.config.instances;
            for name in instances.iter().flat_map(links) {
                push_new(&mut all, Fault::Link(node, name.to_owned()));
            }
            for script in instances.iter().flat_map(|it| &it.track_scripts) {
                push_new(&mut all, Fault::Script(node, script.name.clone()));
            }
        }
        let words = all.iter().map(|fault| fault.words(given)).collect();
        Self { all, words }
    }

    /// `node:A`, `link:A:eth0`, `script:A:chk`, or without the kind where that leaves
    /// no doubt; several that fail together are joined by `+`.
    pub(super) fn parse(&self, text: &str) -> Result<Vec<Fault>, FaultError> {
        let mut set = Vec::new();
        for word in text.split('+').map(str::trim) {
            let named = |known: &&String| {
                let short = known.split_once(':').map_or("", |(_, rest)| rest);
                known.as_str() == word || short == word
            };
            let found: Vec<&String> = self.words.iter().filter(named).collect();
            let index = match found[..] {
                [one] => self.words.iter().position(|it| it == one),
                _ => None,
            };
            let Some(fault) = index.and_then(|index| self.all.get(index)) else {
                return Err(self.unknown(word, &found));
            };
            push_new(&mut set, fault.clone());
        }
        Ok(set)
    }

    fn unknown(&self, word: &str, found: &[&String]) -> FaultError {
        let list = |words: &mut dyn Iterator<Item = &str>| words.collect::<Vec<_>>().join(", ");
        let help = if found.len() > 1 {
            let which = list(&mut found.iter().map(|it| it.as_str()));
            format!("write which is meant: {which}")
        } else if let Some(near) = nearest_name(self.words.iter().map(String::as_str), word) {
            format!("write `{near}`")
        } else {
            format!(
                "what can is {}",
                list(&mut self.words.iter().map(String::as_str))
            )
        };
        FaultError {
            word: word.to_owned(),
            help,
        }
    }

    /// Every failure, then every two of them as far as they are not one within the
    /// other; and how many of those were left out.
    pub(super) fn singles_and_pairs(&self, most: usize) -> (Vec<Vec<Fault>>, usize) {
        let mut sets: Vec<Vec<Fault>> = self.all.iter().map(|it| vec![it.clone()]).collect();
        let singles = sets.len();
        let mut left_out = 0;
        for (index, first) in self.all.iter().enumerate() {
            for second in &self.all[index + 1..] {
                let within = |outer: &Fault, inner: &Fault| {
                    matches!(outer, Fault::Node(_)) && outer.node() == inner.node()
                };
                if within(first, second) || within(second, first) {
                    continue;
                }
                if sets.len() < singles + most {
                    sets.push(vec![first.clone(), second.clone()]);
                } else {
                    left_out += 1;
                }
            }
        }
        (sets, left_out)
    }
}

fn push_new(list: &mut Vec<Fault>, fault: Fault) {
    if !list.contains(&fault) {
        list.push(fault);
    }
}
