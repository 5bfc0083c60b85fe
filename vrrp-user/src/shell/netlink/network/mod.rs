//! Routes and rules: what the kernel has against what it should have.
//!
//! `shape` turns a configured route or rule into the kernel's form of it, `plan`
//! says what is missing, too much, or to be left alone, `kernel` asks and reads.
//! Events only say that something has changed; what there is, is read. The kernel
//! flushes IPv4 routes without a word when their interface or source address goes.

mod encap;
mod kernel;
mod plan;
#[cfg(test)]
mod plan_test;
mod shape;
#[cfg(test)]
mod shape_test;

pub(super) use kernel::Kernel;
pub(super) use plan::{Notice, Plan};

use crate::config::model::routing::{Origin, Route, Rule};
use core::fmt;

/// A route or a rule, as configured.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Item {
    Route(Route),
    Rule(Rule),
}

impl Item {
    fn origin(&self) -> &Origin {
        match self {
            Self::Route(route) => &route.origin,
            Self::Rule(rule) => &rule.origin,
        }
    }

    const fn is_tracked(&self) -> bool {
        match self {
            Self::Route(route) => !route.no_track,
            Self::Rule(rule) => !rule.no_track,
        }
    }

    const fn protocol(&self) -> u8 {
        match self {
            Self::Route(route) => route.protocol,
            Self::Rule(rule) => rule.protocol,
        }
    }

    const fn is_v6(&self) -> bool {
        match self {
            Self::Route(route) => route.v6,
            Self::Rule(rule) => rule.v6,
        }
    }

    const fn is_rule(&self) -> bool {
        matches!(self, Self::Rule(_))
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(route) => write!(f, "route {}", route.destination)?,
            Self::Rule(rule) => {
                write!(f, "rule {}", rule.preference)?;
                for (word, prefix) in [("from", rule.from), ("to", rule.to)] {
                    if let Some(prefix) = prefix {
                        write!(f, " {word} {prefix}")?;
                    }
                }
            }
        }
        f.write_str(&self.origin().in_brackets())
    }
}
