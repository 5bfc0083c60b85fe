//! What the engine asks for. Data to compare in tests; the driver carries it out.

use super::{answer::Answer, input::Ticket};
use crate::{
    config::model::{
        Authentication, ChecksumPolicy, CommandLine, Family, LeaseMode, Probe, ProcessPattern,
        TrackFile, TrackerKind, User, Version, VirtualAddress,
        routing::{Route, Rule},
    },
    ownership::{
        command::{Epoch, GateId, VrId},
        standing::Closing,
    },
    time::Instant,
};
use core::{net::IpAddr, time::Duration};
use serde::{Deserialize, Serialize};
use vrrp_common::maps::VrKey;

/// One effect, to be carried out in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Interfaces that need the programs, by index: the whole list, level-triggered.
    AttachInterfaces(Vec<u32>),
    /// `XVRRP_ROUTERS` record of one instance; `None` removes it.
    SetRouter {
        /// The instance.
        vr: VrId,
        /// Its record.
        record: Option<RouterRecord>,
    },
    /// Every `XVRRP_VIPS` record there should be: the whole list, level-triggered.
    SetVips(Vec<VipRecord>),
    /// What every shut gate does to packets, from now on.
    SetLeaseMode(LeaseMode),
    /// Every address there should be on our interfaces: the whole list, level-triggered.
    /// `ours` are those no longer wanted that may be removed if found.
    SetAddresses {
        /// Wanted now.
        wanted: Vec<PlacedAddress>,
        /// Every address this daemon manages, wanted or not: leftovers among them go.
        managed: Vec<PlacedAddress>,
    },
    /// Static addresses, and every route and rule there should be: the whole lists,
    /// level-triggered.
    SetNetwork {
        /// Wanted now.
        wanted: Network,
        /// Everything this daemon manages, wanted or not: leftovers among them go.
        managed: Network,
    },
    /// To the transmit thread: start to own.
    Claim {
        /// The group.
        gate: GateId,
        /// The claim.
        epoch: Epoch,
        /// H.
        hold: Duration,
        /// m.
        loss_tolerance: u8,
        /// N of the lease.
        lease_adverts: u8,
        /// Shortest interval a previous owner may have left the peers with.
        previous_interval: Duration,
        /// An advert for each instance of the group.
        adverts: Vec<Advert>,
        /// Announced once open.
        announcements: Vec<Announcement>,
    },
    /// Shut every gate a predecessor of this process left, but these (V13).
    CloseOthers {
        /// Those resumed, or about to be claimed again.
        kept: Vec<GateId>,
    },
    /// To the transmit thread: go on owning what a predecessor of this process owned.
    Resume {
        /// The group.
        gate: GateId,
        /// The predecessor's claim.
        epoch: Epoch,
        /// Until when it entitles.
        lease_end: Instant,
        /// When the predecessor last advertised.
        last_sent: Instant,
        /// H, should it have to be claimed again.
        hold: Duration,
        /// m.
        loss_tolerance: u8,
        /// N of the lease.
        lease_adverts: u8,
        /// An advert for each instance of the group.
        adverts: Vec<Advert>,
    },
    /// To the transmit thread: make the lease as long as it can be, for a successor.
    Prolong {
        /// The group.
        gate: GateId,
        /// The claim.
        epoch: Epoch,
    },
    /// To the transmit thread: the claim may open once its hold is over.
    Confirm {
        /// The group.
        gate: GateId,
        /// The claim.
        epoch: Epoch,
    },
    /// To the transmit thread: this instance's advert changed.
    UpdateAdvert {
        /// The group.
        gate: GateId,
        /// Its new form.
        advert: Advert,
    },
    /// To the transmit thread: advertise at once.
    AdvertiseNow {
        /// The group.
        gate: GateId,
        /// The instance.
        vr: VrId,
    },
    /// Close the gate (`closed_epoch`), quiesce the transmit thread, resign. In that order.
    Cease {
        /// The group.
        gate: GateId,
        /// Closed up to this claim.
        epoch: Epoch,
        /// Send priority 0.
        resign: bool,
        /// What for.
        why: Closing,
    },
    /// To the transmit thread: these leave the group's claim, the others go on with it.
    /// Their addresses have another gate by then.
    Part {
        /// The group.
        gate: GateId,
        /// Who leaves.
        vrs: Vec<VrId>,
        /// Send their priority 0.
        resign: bool,
    },
    /// To the transmit thread: priority 0 to the router that beat us, and to nobody
    /// else. It may not have known of us, and hosts believe us until it announces.
    Concede {
        /// The group; it has ceased.
        gate: GateId,
        /// What we advertised.
        advert: Advert,
        /// Who won.
        winner: IpAddr,
        /// Its hardware address.
        mac: [u8; 6],
    },
    /// To the transmit thread: gratuitous ARPs and unsolicited NAs.
    Announce {
        /// The group.
        gate: GateId,
        /// Void in any other claim.
        epoch: Epoch,
        /// What to announce, in order.
        announcements: Vec<Announcement>,
    },
    /// Run a `vrrp_script` once; the answer is `Input::ScriptDone`.
    RunScript {
        /// Its name.
        script: String,
        /// What to run.
        command: CommandLine,
        /// As whom.
        user: Option<User>,
        /// When to terminate its process group.
        timeout: Duration,
    },
    /// Stop a run of a script that is no longer configured.
    StopScript {
        /// Its name.
        script: String,
    },
    /// Ask a service once; the answer is `Input::Probed`.
    Probe(Probe),
    /// Do not wait for the answer of a service that is no longer configured.
    StopProbe {
        /// TCP or HTTP.
        kind: TrackerKind,
        /// Its name.
        name: String,
    },
    /// Every file to read, now and whenever it changes: the whole list, level-triggered.
    /// Each reading is an `Input::FileRead`.
    WatchFiles {
        /// The files.
        files: Vec<TrackFile>,
        /// The daemon starts: `init_file` is to be obeyed.
        first: bool,
    },
    /// All processes to count, by name, now and whenever their number changes: the whole
    /// list, level-triggered. Each count is an `Input::ProcessesCounted`.
    WatchProcesses(Vec<(String, ProcessPattern)>),
    /// Run a notify script. Ordered within its queue, never dropped.
    Notify {
        /// The instance or group it tells of: a slow script holds up only its own.
        queue: String,
        /// What to run.
        command: CommandLine,
        /// Arguments after those of the command.
        arguments: Vec<String>,
        /// As whom.
        user: Option<User>,
    },
    /// A line for `notify_fifo` and `vrrp_notify_fifo`.
    NotifyFifo {
        /// With its line feed.
        line: String,
    },
    /// An instance is in another state, for D-Bus.
    StatusChange {
        /// The instance.
        name: String,
        /// keepalived's number of the state.
        status: u32,
    },
    /// An alert to `notification_email`.
    Mail {
        /// What follows the router's name in the subject.
        subject: String,
        /// Its one line of text.
        body: String,
    },
    /// To whoever asked: done, or why not.
    Answer {
        /// What was asked.
        ticket: Ticket,
        /// What came of it.
        answer: Answer,
    },
    /// A daemon that starts next is to be in maintenance, or is not.
    RememberMaintenance(bool),
    /// A line for the log, in keepalived's words.
    Log(Level, String),
    /// Shutdown is complete.
    Finished,
    /// The daemon may end, and everything it placed, wrote and attached stays for a
    /// successor.
    Left,
}

/// Severity of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Needs a human.
    Error,
    /// May need one.
    Warning,
    /// State changes.
    Info,
    /// With `-D`.
    Detail,
}

/// What [`XVRRP_ROUTERS`](vrrp_common::maps) holds for an instance, in engine terms.
#[expect(clippy::struct_excessive_bools, reason = "each is a keyword")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterRecord {
    /// Its key.
    pub key: VrKey,
    /// Its group.
    pub gate: GateId,
    /// Source of our adverts.
    pub source: IpAddr,
    /// Multicast group of its adverts.
    pub group: IpAddr,
    /// Effective priority.
    pub priority: u8,
    /// Protocol version.
    pub version: Version,
    /// Our interval, in centiseconds as on the wire (v2: whole seconds times 100).
    pub interval_cs: u32,
    /// Version 2 authentication.
    pub authentication: Option<Authentication>,
    /// Addresses an advert carries.
    pub addresses: Vec<IpAddr>,
    /// Lowest and highest TTL accepted.
    pub ttl: (u8, u8),
    /// `strict_mode`.
    pub strict: bool,
    /// `skip_check_adv_addr`.
    pub skip_check_advert_addresses: bool,
    /// Unicast peers with their TTL bounds; `Some` also means unicast sources are checked
    /// when `check_unicast_source`.
    pub unicast_peers: Vec<crate::config::model::UnicastPeer>,
    /// `check_unicast_src`.
    pub check_unicast_source: bool,
    /// How our own adverts are summed, for a successor: resolved, never `Learn`.
    pub checksum: ChecksumPolicy,
    /// `advert_sources`; empty: adverts from everybody. Never with unicast peers.
    pub advert_sources: Vec<IpAddr>,
    /// `owner_ignore_adverts`: adverts from nobody.
    pub ignores_adverts: bool,
    /// Hardware address of its interface; no frame from outside may have it.
    pub mac: [u8; 6],
}

/// What `XVRRP_VIPS` holds for an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VipRecord {
    /// Interface that carries it.
    pub ifindex: u32,
    /// The address.
    pub address: IpAddr,
    /// Its group.
    pub gate: GateId,
    /// It is on the interface, so the stack answers.
    pub in_stack: bool,
    /// Hardware address to answer with.
    pub mac: [u8; 6],
    /// The interface's own; the same unless `mac` is virtual.
    pub own: [u8; 6],
    /// Off: nothing but ARP and ND is for it.
    pub accepts: bool,
}

/// An address on an interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlacedAddress {
    /// Interface.
    pub ifindex: u32,
    /// How it is to be configured.
    pub address: VirtualAddress,
}

/// What is installed beside virtual addresses, by name of interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Static addresses; each names its interface.
    pub addresses: Vec<VirtualAddress>,
    /// In the order in which they are added, after the addresses.
    pub routes: Vec<Route>,
    /// The same, after the routes.
    pub rules: Vec<Rule>,
    /// Interfaces on which secondary addresses are promoted, in order, once each.
    pub promoted: Vec<String>,
}

impl Network {
    /// Nothing of it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.addresses.is_empty()
            && self.routes.is_empty()
            && self.rules.is_empty()
            && self.promoted.is_empty()
    }

    /// Everything in `other` is in this one.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.addresses.iter().all(|it| self.addresses.contains(it))
            && other.routes.iter().all(|it| self.routes.contains(it))
            && other.rules.iter().all(|it| self.rules.contains(it))
    }
}

/// Everything needed to build an advert's frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advert {
    /// The instance.
    pub vr: VrId,
    /// Interface it leaves by.
    pub ifindex: u32,
    /// Ethernet source.
    pub mac: [u8; 6],
    /// The interface's own, which is another where `mac` is virtual.
    pub own: [u8; 6],
    /// Its address family.
    pub family: Family,
    /// Its version.
    pub version: Version,
    /// Virtual router ID.
    pub vrid: u8,
    /// Effective priority.
    pub priority: u8,
    /// As configured; v2 rounds to whole seconds on the wire.
    pub interval: Duration,
    /// Source address.
    pub source: IpAddr,
    /// Unicast destinations; empty: the group.
    pub unicast: Vec<IpAddr>,
    /// The multicast group.
    pub group: IpAddr,
    /// TTL or hop limit: of multicast 255.
    pub ttl: u8,
    /// Virtual addresses, in order.
    pub addresses: Vec<IpAddr>,
    /// Version 2 authentication.
    pub authentication: Option<Authentication>,
    /// Resolved: never `Learn`.
    pub checksum: ChecksumPolicy,
}

impl Advert {
    /// [`Member::interval`](crate::ownership::command::Member::interval) of this
    /// advert: the smaller of the real and the on-wire interval (V3).
    #[must_use]
    pub fn counted_interval(&self) -> Duration {
        crate::ownership::lease::counted_interval(self.version, self.interval)
    }
}

/// One gratuitous ARP or unsolicited neighbour advertisement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Interface it leaves by.
    pub ifindex: u32,
    /// Hardware address it announces.
    pub mac: [u8; 6],
    /// The address.
    pub address: IpAddr,
}
