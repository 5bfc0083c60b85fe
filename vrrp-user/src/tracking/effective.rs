//! What an instance tracks, added up: effective priority, and why it is in FAULT.

use crate::config::model::Tracked;
use core::fmt;
use serde::{Deserialize, Serialize};
use vrrp_common::wire::PRIORITY_OWNER;

/// A tracked thing, as far as known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// No result yet.
    Unknown,
    /// Up.
    Up,
    /// Down.
    Down,
}

/// Why an instance cannot take part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "cause", content = "name")]
pub enum Fault {
    /// Its interface does not exist (yet).
    InterfaceMissing(String),
    /// Its interface is down.
    InterfaceDown(String),
    /// Its interface has no address to advertise from.
    NoSourceAddress(String),
    /// An interface a virtual address is to be placed on does not exist (yet).
    DeviceMissing(String),
    /// A tracked interface is down or missing.
    TrackedInterfaceDown(String),
    /// A tracked script fails.
    ScriptDown(String),
    /// A tracked script has given no result yet.
    ScriptPending(String),
    /// The kernel does not watch this interface for us: adverts would not be
    /// heard, or addresses not fenced.
    Unwatched(String),
    /// Without this keyword, which is not served yet, its peers would not hear it.
    NotServed(String),
    /// `xvrrpd maintenance on`.
    Maintenance,
    /// This router goes on as MASTER whatever we advertise (`oneway_fault`).
    OneWay(String),
    /// Another member of its sync group is in FAULT.
    GroupMember(String),
}

impl Fault {
    /// Something is wrong, rather than not known yet.
    #[must_use]
    pub const fn is_certain(&self) -> bool {
        !matches!(self, Self::ScriptPending(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InterfaceMissing(name) => write!(f, "interface {name} does not exist"),
            Self::InterfaceDown(name) => write!(f, "interface {name} is down"),
            Self::NoSourceAddress(name) => write!(f, "no address to advertise from on {name}"),
            Self::DeviceMissing(name) => write!(f, "interface {name} of an address does not exist"),
            Self::TrackedInterfaceDown(name) => write!(f, "tracked interface {name} is down"),
            Self::ScriptDown(name) => write!(f, "tracked script {name} fails"),
            Self::ScriptPending(name) => write!(f, "tracked script {name} has no result yet"),
            Self::Unwatched(name) => write!(f, "{name} is not watched by XDP"),
            Self::NotServed(keyword) => write!(f, "{keyword} is not served yet"),
            Self::Maintenance => f.write_str("maintenance (`xvrrpd maintenance off` ends it)"),
            Self::OneWay(source) => {
                write!(f, "oneway: {source} goes on as MASTER and does not heed us")
            }
            Self::GroupMember(name) => write!(f, "group member {name} is in FAULT"),
        }
    }
}

/// The kind of a tracked thing decides how its fault is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `track_interface`.
    Interface,
    /// `track_script`.
    Script,
}

/// What all that an instance tracks comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    weight: i32,
    /// Weightless things that are down or unknown.
    pub faults: Vec<Fault>,
}

impl Sum {
    /// Adds one tracked thing. A positive weight adds while up, a negative one
    /// subtracts while down, none is FAULT while down; `reverse` swaps up and down.
    pub fn add(&mut self, kind: Kind, tracked: &Tracked, standing: Standing) {
        let standing = match (standing, tracked.reverse) {
            (Standing::Up, true) => Standing::Down,
            (Standing::Down, true) => Standing::Up,
            (other, _) => other,
        };
        let name = || tracked.name.clone();
        match (standing, tracked.weight) {
            (Standing::Up, weight) if weight > 0 => self.weight += i32::from(weight),
            (Standing::Down, weight) if weight < 0 => self.weight += i32::from(weight),
            (Standing::Down, 0) => self.faults.push(match kind {
                Kind::Interface => Fault::TrackedInterfaceDown(name()),
                Kind::Script => Fault::ScriptDown(name()),
            }),
            // Held out of BACKUP until the first result.
            (Standing::Unknown, 0) => self.faults.push(match kind {
                Kind::Interface => Fault::TrackedInterfaceDown(name()),
                Kind::Script => Fault::ScriptPending(name()),
            }),
            _ => {}
        }
    }

    /// What all weights come to.
    #[must_use]
    pub const fn change(&self) -> i32 {
        self.weight
    }

    /// 1 to 254; an address owner's 255 never changes (§6.1).
    #[must_use]
    pub fn effective(&self, configured: u8) -> u8 {
        if configured == PRIORITY_OWNER {
            return configured;
        }
        u8::try_from((i32::from(configured) + self.weight).clamp(1, 254)).unwrap_or(configured)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracked(weight: i16, reverse: bool) -> Tracked {
        Tracked {
            name: "t".into(),
            weight,
            reverse,
        }
    }

    #[test]
    fn weights_as_keepalived_counts_them() {
        use Standing::{Down, Unknown, Up};
        // (weight, reverse, standing, effective of 100, FAULT)
        let cases = [
            (10, false, Up, 110, false),
            (10, false, Down, 100, false),
            (10, false, Unknown, 100, false),
            (-10, false, Up, 100, false),
            (-10, false, Down, 90, false),
            (0, false, Up, 100, false),
            (0, false, Down, 100, true),
            (0, false, Unknown, 100, true),
            (10, true, Up, 100, false),
            (10, true, Down, 110, false),
            (-10, true, Up, 90, false),
            (0, true, Up, 100, true),
            (0, true, Down, 100, false),
            (253, false, Up, 254, false),
            (-253, false, Down, 1, false),
        ];
        for (weight, reverse, standing, want, fault) in cases {
            let mut sum = Sum::default();
            sum.add(Kind::Script, &tracked(weight, reverse), standing);
            let what = format!("{weight} {reverse} {standing:?}");
            assert_eq!(sum.effective(100), want, "{what}");
            assert_eq!(!sum.faults.is_empty(), fault, "{what}");
            assert_eq!(sum.effective(255), 255, "{what}");
        }
    }

    #[test]
    fn the_sum_is_clamped_not_its_parts() {
        let mut sum = Sum::default();
        sum.add(Kind::Script, &tracked(200, false), Standing::Up);
        sum.add(Kind::Interface, &tracked(-150, false), Standing::Down);
        assert_eq!(sum.effective(100), 150);
    }
}
