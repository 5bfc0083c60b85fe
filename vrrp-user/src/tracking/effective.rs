//! What an instance tracks, added up: effective priority, and why it is in FAULT.

use crate::config::model::{Tracked, TrackerKind};
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
    /// The address it is to advertise from is not on its interface (`track_src_ip`).
    SourceGone(String),
    /// Unicast, with nobody to send to (`unicast_fault_no_peer`).
    NoPeers,
    /// An interface a virtual address is to be placed on does not exist (yet).
    DeviceMissing(String),
    /// A tracked interface is down or missing.
    TrackedInterfaceDown(String),
    /// A tracked script fails.
    ScriptDown(String),
    /// A tracked script has given no result yet.
    ScriptPending(String),
    /// A tracked file says so.
    FileDown(String),
    /// A tracked file has not been read yet.
    FilePending(String),
    /// There are too few processes, or too many.
    ProcessDown(String),
    /// Processes have not been counted yet.
    ProcessPending(String),
    /// A tracked TCP service does not answer.
    TcpDown(String),
    /// A tracked TCP service has not answered yet.
    TcpPending(String),
    /// A tracked HTTP service does not answer as it should.
    HttpDown(String),
    /// A tracked HTTP service has not answered yet.
    HttpPending(String),
    /// The kernel does not watch this interface for us: adverts would not be
    /// heard, or addresses not fenced.
    Unwatched(String),
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
        !matches!(
            self,
            Self::ScriptPending(_)
                | Self::FilePending(_)
                | Self::ProcessPending(_)
                | Self::TcpPending(_)
                | Self::HttpPending(_)
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InterfaceMissing(name) => write!(f, "interface {name} does not exist"),
            Self::InterfaceDown(name) => write!(f, "interface {name} is down"),
            Self::NoSourceAddress(name) => write!(f, "no address to advertise from on {name}"),
            Self::SourceGone(address) => write!(f, "source address {address} is gone"),
            Self::NoPeers => f.write_str("unicast without any unicast_peer"),
            Self::DeviceMissing(name) => write!(f, "interface {name} of an address does not exist"),
            Self::TrackedInterfaceDown(name) => write!(f, "tracked interface {name} is down"),
            Self::ScriptDown(name) => write!(f, "tracked script {name} fails"),
            Self::ScriptPending(name) => write!(f, "tracked script {name} has no result yet"),
            Self::FileDown(name) => write!(f, "tracked file {name} says FAULT"),
            Self::FilePending(name) => write!(f, "tracked file {name} is not read yet"),
            Self::ProcessDown(name) => write!(f, "tracked process {name} has no quorum"),
            Self::ProcessPending(name) => write!(f, "tracked process {name} is not counted yet"),
            Self::TcpDown(name) => write!(f, "tracked TCP service {name} fails"),
            Self::TcpPending(name) => write!(f, "tracked TCP service {name} has no result yet"),
            Self::HttpDown(name) => write!(f, "tracked HTTP service {name} fails"),
            Self::HttpPending(name) => write!(f, "tracked HTTP service {name} has no result yet"),
            Self::Unwatched(name) => write!(f, "{name} is not watched by XDP"),
            Self::Maintenance => f.write_str("maintenance (`xvrrpd maintenance off` ends it)"),
            Self::OneWay(source) => {
                write!(f, "oneway: {source} goes on as MASTER and does not heed us")
            }
            Self::GroupMember(name) => write!(f, "group member {name} is in FAULT"),
        }
    }
}

/// What is known of a tracked thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Up or down.
    Standing(Standing),
    /// Of a file: the number in it; none: not read yet.
    Value(Option<i64>),
}

/// What a tracked thing does to the instance that tracks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// Its priority changes by so much.
    Priority(i32),
    /// It is held out of BACKUP until there is a first result.
    Pending,
    /// It is in FAULT.
    Fault,
}

/// A file's value times its weight is FAULT from here down, and counts as
/// [`MOST_OF_A_FILE`] from there up.
const FAULT_OF_A_FILE: i64 = -254;
const MOST_OF_A_FILE: i64 = 253;

impl Effect {
    /// As keepalived counts: a positive weight adds while up, a negative one
    /// subtracts while down, none is FAULT while down, and a file's value is
    /// multiplied. `reverse` turns the direction: what would add subtracts, and FAULT
    /// is while up.
    #[must_use]
    pub fn of(kind: TrackerKind, tracked: &Tracked, reading: Reading) -> Self {
        let Tracked {
            weight, reverse, ..
        } = *tracked;
        let sign: i32 = if reverse { -1 } else { 1 };
        let up = match reading {
            Reading::Value(None) => return Self::Pending,
            Reading::Value(Some(value)) if weight == 0 => (value == 0) != reverse,
            Reading::Value(Some(value)) => {
                let change = value.saturating_mul(i64::from(weight) * i64::from(sign));
                if change <= FAULT_OF_A_FILE {
                    return Self::Fault;
                }
                let change = i32::try_from(change.min(MOST_OF_A_FILE)).unwrap_or(0);
                return Self::changing(change);
            }
            // Counted in no time: who waits for that knows its priority from the start.
            Reading::Standing(Standing::Unknown) if kind == TrackerKind::Process => {
                return Self::Pending;
            }
            Reading::Standing(Standing::Unknown) if weight == 0 => return Self::Pending,
            Reading::Standing(Standing::Unknown) => return Self::None,
            Reading::Standing(standing) if weight == 0 => (standing == Standing::Up) != reverse,
            Reading::Standing(Standing::Up) => {
                return Self::changing(i32::from(weight.max(0)) * sign);
            }
            Reading::Standing(Standing::Down) => {
                return Self::changing(i32::from(weight.min(0)) * sign);
            }
        };
        if up { Self::None } else { Self::Fault }
    }

    /// In a word, and by how much it changes the priority.
    #[must_use]
    pub const fn told(self) -> (&'static str, i32) {
        match self {
            Self::None => ("none", 0),
            Self::Priority(change) => ("priority", change),
            Self::Pending => ("pending", 0),
            Self::Fault => ("fault", 0),
        }
    }

    const fn changing(by: i32) -> Self {
        match by {
            0 => Self::None,
            by => Self::Priority(by),
        }
    }
}

/// What all that an instance tracks comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    change: i32,
    /// Weightless things that are down or unknown.
    pub faults: Vec<Fault>,
}

impl Sum {
    /// Adds one tracked thing.
    pub fn add(&mut self, kind: TrackerKind, tracked: &Tracked, reading: Reading) {
        let name = || tracked.name.clone();
        match Effect::of(kind, tracked, reading) {
            Effect::None => {}
            Effect::Priority(change) => self.change += change,
            Effect::Pending => self.faults.push(match kind {
                TrackerKind::Interface => Fault::TrackedInterfaceDown(name()),
                TrackerKind::Script => Fault::ScriptPending(name()),
                TrackerKind::File => Fault::FilePending(name()),
                TrackerKind::Process => Fault::ProcessPending(name()),
                TrackerKind::Tcp => Fault::TcpPending(name()),
                TrackerKind::Http => Fault::HttpPending(name()),
            }),
            Effect::Fault => self.faults.push(match kind {
                TrackerKind::Interface => Fault::TrackedInterfaceDown(name()),
                TrackerKind::Script => Fault::ScriptDown(name()),
                TrackerKind::File => Fault::FileDown(name()),
                TrackerKind::Process => Fault::ProcessDown(name()),
                TrackerKind::Tcp => Fault::TcpDown(name()),
                TrackerKind::Http => Fault::HttpDown(name()),
            }),
        }
    }

    /// 1 to 254; an address owner's 255 never changes (§6.1).
    #[must_use]
    pub fn effective(&self, configured: u8) -> u8 {
        if configured == PRIORITY_OWNER {
            return configured;
        }
        u8::try_from((i32::from(configured) + self.change).clamp(1, 254)).unwrap_or(configured)
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

    /// As keepalived 2.2.7 does it, by the effective priorities in its data dump.
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
            (10, true, Up, 90, false),
            (10, true, Down, 100, false),
            (-10, true, Up, 100, false),
            (-10, true, Down, 110, false),
            (-10, true, Unknown, 100, false),
            (0, true, Up, 100, true),
            (0, true, Down, 100, false),
            (0, true, Unknown, 100, true),
            (253, false, Up, 254, false),
            (-253, false, Down, 1, false),
        ];
        for kind in [TrackerKind::Script, TrackerKind::Tcp, TrackerKind::Http] {
            for (weight, reverse, standing, want, fault) in cases {
                let mut sum = Sum::default();
                let reading = Reading::Standing(standing);
                sum.add(kind, &tracked(weight, reverse), reading);
                let what = format!("{weight} {reverse} {standing:?}");
                assert_eq!(sum.effective(100), want, "{what}");
                assert_eq!(!sum.faults.is_empty(), fault, "{what}");
                assert_eq!(sum.effective(255), 255, "{what}");
            }
        }
    }

    /// The same of files: value times weight.
    #[test]
    fn values_of_files_as_keepalived_counts_them() {
        // (value, weight, reverse, effective of 100, FAULT)
        let cases = [
            (3, 1, false, 103, false),
            (3, 2, false, 106, false),
            (3, 2, true, 94, false),
            (3, 0, false, 100, true),
            (3, 0, true, 100, false),
            (0, 0, false, 100, false),
            (0, 0, true, 100, true),
            (0, 5, false, 100, false),
            (16, 1, false, 116, false),
            (-300, 1, false, 100, true),
            (-254, 1, false, 100, true),
            (-253, 1, false, 1, false),
            (1, -254, false, 100, true),
            (300, 1, false, 254, false),
            (-300, 1, true, 254, false),
            (3, -254, false, 100, true),
            (i64::MAX, -254, false, 100, true),
        ];
        for (value, weight, reverse, want, fault) in cases {
            let mut sum = Sum::default();
            let reading = Reading::Value(Some(value));
            sum.add(TrackerKind::File, &tracked(weight, reverse), reading);
            let what = format!("{value} {weight} {reverse}");
            assert_eq!(sum.effective(100), want, "{what}");
            assert_eq!(!sum.faults.is_empty(), fault, "{what}");
        }
        // keepalived's total, which another weight may bring down again: 353.
        let mut sum = Sum::default();
        let file = Reading::Value(Some(-300));
        sum.add(TrackerKind::File, &tracked(1, true), file);
        let down = Reading::Standing(Standing::Down);
        sum.add(TrackerKind::Script, &tracked(-200, false), down);
        assert_eq!(sum.effective(100), 153);
    }

    /// Files and processes say what they are within a moment: nobody begins with a
    /// priority without them.
    #[test]
    fn what_is_not_known_yet_holds_back_without_being_wrong() {
        for (kind, reading) in [
            (TrackerKind::File, Reading::Value(None)),
            (TrackerKind::Process, Reading::Standing(Standing::Unknown)),
        ] {
            for weight in [0, 5, -5] {
                let mut sum = Sum::default();
                sum.add(kind, &tracked(weight, false), reading);
                assert_eq!(sum.effective(100), 100);
                assert!(!sum.faults[0].is_certain(), "{kind:?} {weight}");
            }
        }
    }

    #[test]
    fn the_sum_is_clamped_not_its_parts() {
        let mut sum = Sum::default();
        let (up, down) = (Standing::Up, Standing::Down);
        let script = tracked(200, false);
        sum.add(TrackerKind::Script, &script, Reading::Standing(up));
        let interface = tracked(-150, false);
        sum.add(TrackerKind::Interface, &interface, Reading::Standing(down));
        assert_eq!(sum.effective(100), 150);
    }
}
