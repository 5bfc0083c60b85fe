//! What comes into the engine.

use crate::{
    config::model::Config,
    ownership::command::{GateId, Report, VrId},
};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::BTreeSet;

pub use crate::{
    config::model::TrackerKind,
    election::heard::Heard,
    tracking::{files::Content, probes::Answer, processes::Cause, scripts::ScriptResult},
};

/// One thing that happened. Packets arrive judged: only what the XDP program
/// accepted becomes an [`Input::Advert`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A valid configuration, the first or a new one.
    Config(Box<Config>),
    /// An interface appeared or changed.
    Link(Link),
    /// An interface is gone.
    LinkGone {
        /// Its index.
        ifindex: u32,
    },
    /// News from the ring buffer, or a stamp found in the peer map.
    Advert(Heard),
    /// From the transmit thread.
    Sender(Report),
    /// Somebody else uses what is this group's.
    Conflict {
        /// What they use.
        kind: ConflictKind,
        /// The instance's group.
        gate: GateId,
        /// Interface it came in by.
        ifindex: u32,
        /// The virtual address; of an advert, its source.
        address: IpAddr,
        /// Who claims it; our own where that is what they use.
        mac: [u8; 6],
    },
    /// The newest stamp of every source of this virtual router has been told.
    Surveyed {
        /// The instance.
        vr: VrId,
    },
    /// A `vrrp_script` finished, or could not run.
    ScriptDone {
        /// Its name.
        script: String,
        /// How it ended.
        result: ScriptResult,
    },
    /// A service was asked.
    Probed {
        /// [`TrackerKind::Tcp`] or [`TrackerKind::Http`].
        kind: TrackerKind,
        /// Its name.
        name: String,
        /// What came of it.
        answer: Answer,
    },
    /// A `track_file` was read.
    FileRead {
        /// Its name.
        name: String,
        /// What was found.
        content: Content,
    },
    /// Processes of a `vrrp_track_process` were counted.
    ProcessesCounted {
        /// Its name.
        name: String,
        /// How many there are.
        count: u32,
        /// What made it so many.
        cause: Cause,
    },
    /// A VIP is on the interface now (the netlink reconciler put it there), or no longer.
    AddressPlaced {
        /// Interface.
        ifindex: u32,
        /// The address.
        address: IpAddr,
        /// Present or not.
        present: bool,
    },
    /// What the kernel does not watch for us, all of it: who has a part in it is
    /// held in FAULT.
    Unwatched(Unwatched),
    /// Every `AttachInterfaces` and `SetRouter` so far is carried out. A virtual
    /// router that was new in them has been listened for since this moment, not
    /// since the engine asked for it: its silence counts from here.
    InPlace,
    /// An action failed. Nothing fails silently.
    ActionFailed {
        /// What was tried, in words for the log.
        what: String,
        /// Why.
        why: String,
        /// The instance concerned.
        vr: Option<VrId>,
    },
    /// QUIT: leave, with everything in place for a successor.
    Leave,
    /// `xvrrpd handover`: somebody else is to own this instance, or sync group.
    Handover {
        /// To be answered at the end.
        ticket: Ticket,
        /// Of an instance or a sync group.
        name: String,
        /// Resign where nobody claims against us.
        force: bool,
    },
    /// `xvrrpd handover --release`: it may preempt again.
    Release {
        /// To be answered at once.
        ticket: Ticket,
        /// Of an instance or a sync group.
        name: String,
    },
    /// D-Bus's `SendGarp`: announce the addresses of an instance once more.
    Announce {
        /// To be answered at once.
        ticket: Ticket,
        /// Of an instance.
        name: String,
    },
    /// `xvrrpd maintenance`.
    Maintenance {
        /// To be answered at the end. None: so it was when the last daemon ended.
        ticket: Option<Ticket>,
        /// Begin or end it.
        on: bool,
        /// Resign where nobody claims against us.
        force: bool,
    },
    /// TERM or INT: resign, remove, notify, then [`Action::Finished`](super::action::Action::Finished).
    Shutdown,
}

/// Which request an answer belongs to; chosen by who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// What somebody else uses of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConflictKind {
    /// Their ARP names an address we hold as theirs.
    ArpClaim,
    /// Their neighbour advertisement does.
    NdClaim,
    /// Our MAC is the Ethernet source of an advert, or of ARP or ND about a virtual
    /// address: a loop, or a duplicate MAC.
    OwnMac,
    /// Our address is the source of an advert: a loop, or a duplicate address.
    OwnSource,
}

/// Where we would be MASTER without hearing anybody, or without a fence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unwatched {
    /// Interfaces, by index: no program, no record of an address, or VRRP's
    /// multicast group not joined.
    pub interfaces: BTreeSet<u32>,
    /// Virtual routers the program does not know.
    pub routers: BTreeSet<VrId>,
}

/// An interface as the election needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its index.
    pub ifindex: u32,
    /// Its name.
    pub name: String,
    /// Administratively up and with carrier (`IFF_UP` and `IFF_RUNNING`).
    pub up: bool,
    /// Hardware address; zero where there is none.
    pub mac: [u8; 6],
    /// MTU in octets.
    pub mtu: u32,
    /// Primary IPv4 address, never a VIP.
    pub ipv4: Option<Ipv4Addr>,
    /// Link-local IPv6 address past duplicate address detection, never a VIP.
    pub link_local: Option<Ipv6Addr>,
}
