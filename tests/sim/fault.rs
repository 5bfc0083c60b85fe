//! What goes wrong in a schedule.

use crate::node::Stage;
use core::time::Duration;

/// Whom a fault meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Node(usize),
    /// Whoever owns the address at that moment; nobody, if nobody does.
    Active,
}

/// What happens to a node, for some time.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    StallLoop,
    StallSender,
    /// A stall the next time the node gets there, and perhaps its end after that.
    Trap(Stage, Option<Death>),
    /// The kernel refuses whatever the node sends.
    SendsFail,
    /// SIGKILL; started again later.
    Kill,
    /// SIGTERM; started again later.
    Terminate,
    LinkDown,
    /// The tracked script fails.
    Script,
    /// The configuration is read again, with this priority.
    Reload(u8),
    /// The same, with this interval.
    Retime(Duration),
}

/// SIGKILL so long after a stall has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Death {
    pub(crate) after_ns: u64,
    /// Then started again.
    pub(crate) gone_ns: u64,
}

/// Something that goes wrong, for `ns` nanoseconds.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    Node {
        who: Who,
        trouble: Trouble,
        ns: u64,
    },
    /// One or both directions between some stations.
    Cut {
        pairs: Vec<(usize, usize)>,
        ns: u64,
    },
    PeerRestart {
        peer: usize,
    },
}
