//! The configuration as the engine runs it: typed, checked, defaults filled in.
//!
//! keepalived's words, units in the names or types. A value of this type is
//! valid as a whole; what could not be understood is a diagnostic instead.

pub mod balance;
pub mod encap;
pub mod routing;
mod telling;
mod track;
mod upkeep;

pub use telling::{Dbus, Fifo, Hook, Mail, MailLogin, MailTls};
pub use track::{
    HttpRequest, InitFile, Parameters, Probe, ProcessPattern, TrackFile, TrackProcess, Tracked,
    TrackerKind,
};
pub use upkeep::{Dumps, JsonVersion, Marker, Reading};

use balance::Balance;
use core::{net::IpAddr, time::Duration};
use routing::{Origin, Route, Rule, Statics};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything one daemon runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// `global_defs`.
    pub global: Global,
    /// `vrrp_script`, in file order; names are unique.
    pub scripts: Vec<Script>,
    /// `track_file`, in file order; names are unique.
    pub files: Vec<TrackFile>,
    /// `vrrp_track_process`, in file order; names are unique.
    pub processes: Vec<TrackProcess>,
    /// `vrrp_track_tcp` and `vrrp_track_http`, in file order; of each kind names are unique.
    pub probes: Vec<Probe>,
    /// `vrrp_sync_group`, in file order; names are unique.
    pub groups: Vec<SyncGroup>,
    /// `vrrp_instance`, in file order; names are unique, and so is
    /// (interface, family, cast, VRID).
    pub instances: Vec<Instance>,
    /// `static_ipaddress`, `static_routes`, `static_rules`.
    pub statics: Statics,
    /// `virtual_server` and what belongs to it.
    pub balance: Balance,
    /// `interface_up_down_delays`, by interface.
    pub delays: BTreeMap<String, LinkDelays>,
}

/// A row of `interface_up_down_delays`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkDelays {
    /// How long it must be down before it counts as down.
    pub down: Duration,
    /// How long it must be up before it counts as up.
    pub up: Duration,
}

/// `global_defs`.
#[expect(clippy::struct_excessive_bools, reason = "each is a keyword")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Global {
    /// `router_id`; the host name when empty.
    pub router_id: String,
    /// `script_user`: user and optional group.
    pub script_user: Option<User>,
    /// `enable_script_security`.
    pub script_security: bool,
    /// `set_supplementary_groups`: scripts are in all groups of their user.
    pub supplementary_groups: bool,
    /// `vrrp_startup_delay`.
    pub startup_delay: Duration,
    /// `instance NAME`, or `-i`'s config-id where no name is given: separates
    /// two daemons in one network namespace.
    pub instance_name: Option<String>,
    /// `vrrp_delay_after_boot`: no instance starts before the host has run so long.
    pub delay_after_boot: Duration,
    /// `net_namespace NAME`: the daemon runs in this network namespace.
    pub net_namespace: Option<String>,
    /// How the transmit thread runs.
    pub transmit: Transmit,
    /// What a lease and a claim are made of.
    pub lease: Lease,
    /// `notify_fifo` and `vrrp_notify_fifo`; their paths differ.
    pub fifos: Vec<Fifo>,
    /// `fifo_write_vrrp_states_on_reload`.
    pub fifo_states_on_reload: bool,
    /// `startup_script`.
    pub startup: Option<Hook>,
    /// `shutdown_script`.
    pub shutdown: Option<Hook>,
    /// Mail, if there is a server and somebody to write to.
    pub mail: Option<Mail>,
    /// Where dump files go, and how they look.
    pub dumps: Dumps,
    /// When the configuration is read again, and what is kept of it.
    pub reading: Reading,
    /// `no_email_faults`.
    pub no_mail_on_fault: bool,
    /// D-Bus, if it is wanted.
    pub dbus: Option<Dbus>,
}

/// `vrrp_rt_priority`, `vrrp_cpu_affinity` and `vrrp_rlimit_rttime`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transmit {
    /// `vrrp_rt_priority`: its `SCHED_FIFO` priority, 1-99.
    pub realtime_priority: Option<u8>,
    /// `vrrp_cpu_affinity`: the CPUs it may run on; all if empty.
    pub cpus: Vec<u16>,
    /// `vrrp_rlimit_rttime`: how long it may compute without waiting, before the kernel
    /// ends the process.
    pub realtime_limit: Option<Duration>,
}

/// `lease`: what a shut gate does to packets that only an open one is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeaseMode {
    /// Drops and counts them.
    #[default]
    Enforce,
    /// Lets them through, and counts what it would have dropped.
    Observe,
    /// Lets them through.
    Off,
}

impl LeaseMode {
    /// As the gate records have it.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Enforce => vrrp_common::gate::LEASE_ENFORCE,
            Self::Observe => vrrp_common::gate::LEASE_OBSERVE,
            Self::Off => vrrp_common::gate::LEASE_OFF,
        }
    }
}

/// `lease`, `lease_*` and `claim_hold`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// `lease`: what a shut gate does to packets.
    pub mode: LeaseMode,
    /// `lease_loss_tolerance`, m: adverts in a row that may be lost on the way, 0-2.
    pub loss_tolerance: u8,
    /// `lease_adverts`: adverts a lease lasts at most, 1-3.
    pub adverts: u8,
    /// `claim_hold`, H: from a claim's burst to the opening of its gate. More than
    /// the burst takes plus the one-way delay between nodes.
    pub claim_hold: Duration,
}

impl Default for Lease {
    fn default() -> Self {
        Self {
            mode: LeaseMode::Enforce,
            loss_tolerance: 1,
            adverts: 3,
            claim_hold: Duration::from_millis(1),
        }
    }
}

/// `user NAME [GROUP]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct User {
    /// User name.
    pub name: String,
    /// Group name; the user's own when absent.
    pub group: Option<String>,
    /// `:` before the group, or in its place: in all groups of the user as well.
    pub all_groups: bool,
}

/// A command keepalived would run: an argv, or a line for a shell.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CommandLine {
    /// Executed as it is; the first word is the path.
    Argv(Vec<String>),
    /// Needs a shell (redirections, pipes, `/dev/tcp`).
    Shell(String),
}

/// `vrrp_script`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// Its name.
    pub name: String,
    /// What it runs.
    pub command: CommandLine,
    /// Time between starts.
    pub interval: Duration,
    /// When its process group is terminated; `interval` unless given.
    pub timeout: Duration,
    /// Default weight for those that track it, -253..=253.
    pub weight: i16,
    /// Successes in a row until it counts as up.
    pub rise: u32,
    /// Failures in a row until it counts as down.
    pub fall: u32,
    /// `init_fail`: down until it has succeeded.
    pub init_fail: bool,
    /// `user`; `script_user` when absent.
    pub user: Option<User>,
}

/// `state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum InitialState {
    /// The default.
    #[default]
    Backup,
    /// Only a hint below priority 255; clears `nopreempt` and `preempt_delay`.
    Master,
}

/// Protocol version of an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Version {
    /// RFC 3768, IPv4 only.
    #[default]
    V2,
    /// RFC 9568.
    V3,
}

/// Address family of an instance's adverts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Family {
    /// IPv4.
    #[default]
    V4,
    /// IPv6; always version 3.
    V6,
}

/// `authentication`, version 2 only, or `auth_hmac`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Authentication {
    /// `auth_type PASS`: eight octets, zero-padded.
    Pass([u8; 8]),
    /// `auth_type AH`: the key of its hash, likewise. IPv4 only.
    Header([u8; 8]),
    /// `auth_hmac`.
    Trailer(Trailer),
}

/// `auth_hmac`: a hash behind each message.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Trailer {
    /// 32 to 64 octets each, by number.
    pub keys: BTreeMap<u8, Vec<u8>>,
    /// What we sign with; one of them.
    pub active_key: u8,
    /// What keeps a recorded advert from being sent again.
    pub anti_replay: AntiReplay,
    /// Who signs, and who has to.
    pub mode: TrailerMode,
}

/// `anti_replay`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AntiReplay {
    /// Sequences grow, and their time is near ours.
    Time {
        /// How near.
        window_s: u32,
    },
    /// Sequences grow.
    Monotonic,
}

/// `mode` of `auth_hmac`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TrailerMode {
    /// We sign, and refuse what is not signed.
    #[default]
    Enforce,
    /// We sign, and accept what is not.
    Permissive,
    /// We do not sign, and accept what is not; what is signed has to be right.
    ReceiveOnly,
}

impl Trailer {
    /// The key of this number.
    #[must_use]
    pub fn key(&self, id: u8) -> Option<&[u8]> {
        self.keys.get(&id).map(Vec::as_slice)
    }
}

impl Authentication {
    /// The hash of an advert of ours makes part of it.
    #[must_use]
    pub const fn signs(&self) -> bool {
        match self {
            Self::Pass(_) => false,
            Self::Header(_) => true,
            Self::Trailer(trailer) => !matches!(trailer.mode, TrailerMode::ReceiveOnly),
        }
    }

    /// Userspace verifies what peers send.
    #[must_use]
    pub const fn verifies(&self) -> bool {
        !matches!(self, Self::Pass(_))
    }
}

impl core::fmt::Debug for Authentication {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Pass(_) => f.write_str("Pass(****)"),
            Self::Header(_) => f.write_str("Header(****)"),
            Self::Trailer(trailer) => trailer.fmt(f),
        }
    }
}

impl core::fmt::Debug for Trailer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Trailer")
            .field("keys", &self.keys.keys())
            .field("active_key", &self.active_key)
            .field("anti_replay", &self.anti_replay)
            .field("mode", &self.mode)
            .finish()
    }
}

/// Which v3/IPv4 checksum we send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChecksumPolicy {
    /// What the current Active sends, while Backup; with a pseudo-header until heard.
    #[default]
    Learn,
    /// `v3_checksum_as_v2`: the message alone.
    Plain,
    /// `v3_checksum_as_v2 off`: with a pseudo-header.
    Pseudo,
    /// `old_unicast_checksum`: with a pseudo-header that names the multicast group,
    /// although the advert is unicast.
    Group,
}

/// One entry of `virtual_ipaddress`.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of iproute2's"
)]
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VirtualAddress {
    /// The address.
    pub address: IpAddr,
    /// Prefix length in bits; 32 or 128 when the entry has none.
    pub prefix_len: u8,
    /// `brd`.
    pub broadcast: Option<Broadcast>,
    /// `dev`; the instance's interface when absent.
    pub dev: Option<String>,
    /// `scope`, as the kernel numbers it.
    pub scope: Option<u8>,
    /// `label`.
    pub label: Option<String>,
    /// `peer`.
    pub peer: Option<IpAddr>,
    /// `home`.
    pub home: bool,
    /// `-nodad`: keepalived adds IPv6 addresses without duplicate address
    /// detection; this asks for detection.
    pub detect_duplicates: bool,
    /// `mngtmpaddr`.
    pub manage_temporary: bool,
    /// `noprefixroute`.
    pub no_prefix_route: bool,
    /// `autojoin`: a group, which the kernel joins for it.
    pub auto_join: bool,
    /// `preferred_lft`, in seconds; forever when absent.
    pub preferred_lifetime_s: Option<u32>,
    /// `no_track`: not put back when something else deletes it.
    pub no_track: bool,
    /// It has the instance's virtual MAC: `use_vmac` where it is on the instance's
    /// interface and of its family, else `use_vmac_addr`, or `use_vmac` behind it.
    pub use_vmac: bool,
    /// Where it is written.
    pub origin: Origin,
}

/// `brd ADDR`, `brd +`, `brd -`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Broadcast {
    /// As written.
    Address(core::net::Ipv4Addr),
    /// `+`: host bits set.
    HostBitsSet,
    /// `-`: host bits cleared.
    HostBitsCleared,
}

/// The `garp_*` settings (for IPv6 they rule unsolicited neighbour advertisements).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Garp {
    /// `garp_master_delay`: from becoming Active to the second burst; zero: no second burst.
    pub delay: Duration,
    /// `garp_master_repeat`: announcements per address in a burst.
    pub repeat: u32,
    /// `garp_master_refresh`: between periodic refreshes; zero: none.
    pub refresh: Duration,
    /// `garp_master_refresh_repeat`.
    pub refresh_repeat: u32,
    /// `garp_lower_prio_delay`.
    pub lower_prio_delay: Duration,
    /// `garp_lower_prio_repeat`.
    pub lower_prio_repeat: u32,
    /// `vrrp_garp_interval` / `garp_interval`: between two ARPs on an interface.
    pub arp_interval: Duration,
    /// `vrrp_gna_interval` / `gna_interval`: between two NAs on an interface.
    pub na_interval: Duration,
    /// `garp_extra_if`: between two announcements where no advert keeps the switches'
    /// memory of a virtual MAC fresh; zero: none.
    pub extra: Duration,
    /// `garp_extra_if all`: on other interfaces without a virtual MAC too.
    pub extra_all: bool,
}

impl Default for Garp {
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(5),
            repeat: 5,
            refresh: Duration::ZERO,
            refresh_repeat: 1,
            lower_prio_delay: Duration::from_secs(5),
            lower_prio_repeat: 5,
            arp_interval: Duration::ZERO,
            na_interval: Duration::ZERO,
            extra: Duration::ZERO,
            extra_all: false,
        }
    }
}

/// `unicast_peer` and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unicast {
    /// Each peer, never empty.
    pub peers: Vec<UnicastPeer>,
    /// `check_unicast_src`: discard adverts from anybody else.
    pub check_source: bool,
}

/// One line of `unicast_peer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UnicastPeer {
    /// Its address.
    pub address: IpAddr,
    /// `min_ttl`.
    pub min_ttl: u8,
    /// `max_ttl`.
    pub max_ttl: u8,
}

/// `notify*`; each is run with keepalived's arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notify {
    /// `notify_master`.
    pub master: Option<CommandLine>,
    /// `notify_backup`.
    pub backup: Option<CommandLine>,
    /// `notify_fault`.
    pub fault: Option<CommandLine>,
    /// `notify_stop`.
    pub stop: Option<CommandLine>,
    /// `notify_master_rx_lower_pri`.
    pub master_rx_lower_priority: Option<CommandLine>,
    /// `notify_conflict`: gets `INSTANCE`, name, `CONFLICT`, kind, hardware address or
    /// `-`, address and interface as arguments.
    pub conflict: Option<CommandLine>,
    /// `notify_deleted`: a reload that drops it is told as DELETED, not as FAULT.
    pub tells_deleted: bool,
    /// Its command, if it has one.
    pub deleted: Option<CommandLine>,
    /// `notify`: gets type, name, state and priority as arguments.
    pub any: Option<CommandLine>,
    /// `notify_priority_changes`: lines for the FIFOs.
    pub priority_changes: bool,
    /// `smtp_alert`.
    pub mail: bool,
    /// User for all of them; `script_user` when absent.
    pub user: Option<User>,
}

/// `vrrp_sync_group`: its members claim and cease together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncGroup {
    /// Its name.
    pub name: String,
    /// Names of its instances, each of which exists; an instance is in at most one group.
    pub members: Vec<String>,
    /// `notify*` of the group.
    pub notify: Notify,
}

/// `use_vmac [NAME] [MAC]` and what belongs to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vmac {
    /// Adverts leave with it: `use_vmac` without `vmac_xmit_base`.
    pub adverts: bool,
    /// Where it is not the one of RFC 9568 section 7.3.
    pub given: Option<[u8; 6]>,
}

/// `vrrp_instance`.
#[expect(clippy::struct_excessive_bools, reason = "each is a keyword")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// 1-based line of its block, for messages.
    pub line: u32,
    /// `state`.
    pub state: InitialState,
    /// `interface`.
    pub interface: String,
    /// `virtual_router_id`.
    pub vrid: u8,
    /// `priority`, 1-255.
    pub priority: u8,
    /// `version`.
    pub version: Version,
    /// Taken from the first virtual address, or `native_ipv6`.
    pub family: Family,
    /// `advert_int`. Version 3: whole centiseconds, 10 ms to 40.95 s. Version 2
    /// carries whole seconds on the wire, rounded as keepalived does.
    pub advert_interval: Duration,
    /// `authentication`.
    pub authentication: Option<Authentication>,
    /// `virtual_ipaddress`, in file order: what an advert carries.
    pub addresses: Vec<VirtualAddress>,
    /// `virtual_ipaddress_excluded`: moved with the others, not advertised.
    pub excluded_addresses: Vec<VirtualAddress>,
    /// `virtual_routes`.
    pub routes: Vec<Route>,
    /// `virtual_rules`.
    pub rules: Vec<Rule>,
    /// Interfaces that its addresses, routes and rules need, or static ones of its
    /// track groups: losing one is a FAULT. Its own is not among them.
    pub devices: Vec<String>,
    /// `promote_secondaries`.
    pub promote_secondaries: bool,
    /// `nopreempt`, where it is in force.
    pub nopreempt: bool,
    /// `preempt_delay`.
    pub preempt_delay: Duration,
    /// `garp_*`.
    pub garp: Garp,
    /// Its interface's `garp_group`, by its place in the file.
    pub garp_group: Option<u32>,
    /// `mcast_src_ip` or `unicast_src_ip`; the interface's primary address when absent.
    pub source: Option<IpAddr>,
    /// `mcast_dst_ip`, or `vrrp_mcast_group4` and `vrrp_mcast_group6`: where multicast
    /// adverts go, and what an `old_unicast_checksum` names.
    pub group: IpAddr,
    /// Unicast when present.
    pub unicast: Option<Unicast>,
    /// `unicast_fault_no_peer`, and unicast without any peer: it stays in FAULT.
    pub lacks_peers: bool,
    /// `unicast_ttl`: TTL or hop limit of unicast adverts.
    pub unicast_ttl: u8,
    /// `track_src_ip`: without its source address on the interface it is in FAULT.
    pub tracks_source: bool,
    /// `advert_sources`: multicast adverts only from these; from everybody when empty.
    pub advert_sources: Vec<IpAddr>,
    /// `track_interface`; this and those below include what its sync group tracks.
    pub track_interfaces: Vec<Tracked>,
    /// `track_script`.
    pub track_scripts: Vec<Tracked>,
    /// `track_file`.
    pub track_files: Vec<Tracked>,
    /// `track_process`.
    pub track_processes: Vec<Tracked>,
    /// `track_tcp`.
    pub track_tcp: Vec<Tracked>,
    /// `track_http`.
    pub track_http: Vec<Tracked>,
    /// `notify*`.
    pub notify: Notify,
    /// `dont_track_primary`: its own interface going down is no FAULT.
    pub dont_track_primary: bool,
    /// `strict_mode` / `vrrp_strict`.
    pub strict: bool,
    /// `accept`; off (`no_accept`): nothing but ARP and ND is taken in or sent for the
    /// addresses. An address owner (priority 255) always accepts.
    pub accept: bool,
    /// `skip_check_adv_addr`: the address list of adverts is not compared.
    pub skip_check_advert_addresses: bool,
    /// `v3_checksum_as_v2`.
    pub checksum: ChecksumPolicy,
    /// `down_timer_adverts`: adverts a Backup waits for.
    pub down_timer_adverts: u8,
    /// `lower_prio_no_advert`.
    pub lower_prio_no_advert: bool,
    /// `higher_prio_send_advert`.
    pub higher_prio_send_advert: bool,
    /// `owner_ignore_adverts`, of an address owner (priority 255): nobody is heard.
    pub ignores_adverts: bool,
    /// `use_vmac`: the virtual MAC of its adverts (with `vmac_xmit_base` the
    /// interface's own), and of its addresses.
    pub vmac: Vmac,
    /// `oneway_fault`: FAULT while a router that should lose does not heed us.
    pub oneway_fault: bool,
}

impl Instance {
    /// Where its adverts go, if it is not unicast.
    #[must_use]
    pub fn multicast_group(&self) -> Option<IpAddr> {
        self.unicast.is_none().then_some(self.group)
    }

    /// The virtual MAC of its addresses of a family, whether they use it or not.
    #[must_use]
    pub fn virtual_mac(&self, ipv6: bool) -> [u8; 6] {
        let family = if ipv6 {
            vrrp_common::maps::FAMILY_V6
        } else {
            vrrp_common::maps::FAMILY_V4
        };
        let usual = vrrp_common::wire::virtual_mac(family, self.vrid);
        self.vmac.given.unwrap_or(usual)
    }
}
