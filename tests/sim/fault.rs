//! What goes wrong in a schedule.

use crate::node::{Refused, Stage};
use core::time::Duration;

/// Whom a fault meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Node(usize),
    /// Whoever owns the address at that moment; nobody, if nobody does.
    Active,
}

/// Which threads a stall meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// The one that stands there.
    Thread,
    /// Both: SIGSTOP, or no CPU.
    Node,
}

/// What happens to a node, for some time.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    StallLoop,
    StallSender,
    StallNode,
    /// A stall the next time the node gets there, and perhaps its end after that.
    Trap(Stage, Held, Option<Death>),
    /// The kernel refuses what the node sends.
    SendsFail(Refused),
    /// SIGKILL; started again later.
    Kill,
    /// A power cut: what was pinned is gone as well; started again later.
    Reboot,
    /// SIGTERM; started again later.
    Terminate,
    /// SIGQUIT; started again later.
    Quit,
    LinkDown,
    /// The tracked script fails.
    Script,
    /// The configuration is read again, with this priority.
    Reload(u8),
    /// The same, with this interval.
    Retime(Duration),
    /// The same: its instances are a sync group from now on, or are one no more.
    Regroup,
}

/// SIGKILL so long after a stall has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Death {
    pub(crate) after_ns: u64,
    /// Then started again.
    pub(crate) gone_ns: u64,
}

/// What happens to a stock peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StockTrouble {
    /// Killed and started again at once: it forgets.
    Restart,
    /// Stopped, with a priority 0 if it is the Active; started again later.
    Stop,
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
    Peer {
        peer: usize,
        trouble: StockTrouble,
        ns: u64,
    },
    /// A stranger resigns, who owns nothing.
    Stray {
        vrid: u8,
    },
}
