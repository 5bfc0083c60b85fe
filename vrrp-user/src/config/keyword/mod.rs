//! Every word keepalived knows, with the block it stands in and what becomes of
//! it here. Tables only; a keyword is served when `lower` reads it.

mod bfd;
mod checker;
mod garp;
mod global;
mod instance;
mod listing;
mod lvs;
mod root;
pub(crate) mod suggest;
mod tracker;

pub use listing::{Entry, keywords};

/// What does not happen without the checkers. Told once for all of a file's keywords
/// that wait for it.
pub(crate) const UNCHECKED: &str = "no real server is checked, each counts as up";

/// A block, by what may stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Root,
    Global,
    Instance,
    Authentication,
    Hmac,
    SyncGroup,
    Script,
    TrackFile,
    TrackProcess,
    TrackTcp,
    TrackHttp,
    GarpGroup,
    TrackGroup,
    VirtualServer,
    RealServer,
    Http,
    Url,
    TcpCheck,
    SmtpCheck,
    SmtpHost,
    DnsCheck,
    MiscCheck,
    PingCheck,
    UdpCheck,
    FileCheck,
    BfdCheck,
    Bfd,
    Tls,
    /// Rows that begin with a name somebody chose.
    Names,
    /// Rows that begin with an address.
    Addresses,
    /// Rows of iproute2's grammar, mail addresses and the like.
    Free,
    /// What follows a word nobody knows.
    Unknown,
}

/// What becomes of a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does what it says.
    Served,
    /// Not yet; the text says what therefore does not happen.
    NotYet(&'static str),
    /// There is nothing here for it to rule; the text says why.
    Meaningless(&'static str),
    /// An old spelling of a keyword of the same block.
    Alias(&'static str),
}

/// A word and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keyword {
    pub(crate) name: &'static str,
    /// Words that must follow, a block's brace not counted.
    pub(crate) least: usize,
    /// What follows, as a manual would write it.
    pub(crate) usage: &'static str,
    /// The block it opens.
    pub(crate) block: Option<Kind>,
    pub(crate) status: Status,
}

impl Keyword {
    /// How to write it.
    pub(crate) fn example(&self) -> String {
        let block = if self.block.is_some() { " {" } else { "" };
        let space = if self.usage.is_empty() { "" } else { " " };
        format!("{}{space}{}{block}", self.name, self.usage)
    }
}

const fn served(name: &'static str, least: usize, usage: &'static str) -> Keyword {
    Keyword {
        name,
        least,
        usage,
        block: None,
        status: Status::Served,
    }
}

const fn later(
    name: &'static str,
    least: usize,
    usage: &'static str,
    what: &'static str,
) -> Keyword {
    Keyword {
        name,
        least,
        usage,
        block: None,
        status: Status::NotYet(what),
    }
}

const fn idle(name: &'static str, least: usize, usage: &'static str, why: &'static str) -> Keyword {
    Keyword {
        name,
        least,
        usage,
        block: None,
        status: Status::Meaningless(why),
    }
}

const fn old(name: &'static str, least: usize, usage: &'static str, now: &'static str) -> Keyword {
    Keyword {
        name,
        least,
        usage,
        block: None,
        status: Status::Alias(now),
    }
}

const fn block(keyword: Keyword, kind: Kind) -> Keyword {
    Keyword {
        block: Some(kind),
        ..keyword
    }
}

/// The tables of a block, together its keywords.
pub(crate) fn tables(kind: Kind) -> &'static [&'static [Keyword]] {
    match kind {
        Kind::Root => &[root::ROOT],
        Kind::Global => &[
            global::VRRP,
            global::GENERAL,
            global::PROCESS,
            global::MANAGEMENT,
            global::LVS,
        ],
        Kind::Instance => &[instance::INSTANCE, instance::NOTIFY, instance::TRACK],
        Kind::Authentication => &[instance::AUTHENTICATION],
        Kind::Hmac => &[instance::HMAC],
        Kind::SyncGroup => &[instance::SYNC_GROUP],
        Kind::Script => &[tracker::SCRIPT],
        Kind::TrackFile => &[tracker::FILE],
        Kind::TrackProcess => &[tracker::PROCESS],
        Kind::TrackTcp => &[tracker::PROBE, tracker::TCP],
        Kind::TrackHttp => &[tracker::PROBE, tracker::HTTP],
        Kind::GarpGroup => &[garp::GARP_GROUP],
        Kind::TrackGroup => &[tracker::GROUP],
        Kind::VirtualServer => &[lvs::VIRTUAL_SERVER],
        Kind::RealServer => &[lvs::REAL_SERVER, checker::CHECKERS],
        Kind::Http => &[checker::CONNECTION, checker::HTTP],
        Kind::Url => &[checker::URL],
        Kind::TcpCheck | Kind::PingCheck | Kind::SmtpHost => &[checker::CONNECTION],
        Kind::SmtpCheck => &[checker::CONNECTION, checker::SMTP],
        Kind::DnsCheck => &[checker::CONNECTION, checker::DNS],
        Kind::MiscCheck => &[checker::COMMON, checker::MISC],
        Kind::UdpCheck => &[checker::CONNECTION, checker::UDP],
        Kind::FileCheck => &[checker::FILE],
        Kind::BfdCheck => &[checker::BFD],
        Kind::Bfd => &[bfd::BFD],
        Kind::Tls => &[lvs::TLS],
        Kind::Names | Kind::Addresses | Kind::Free | Kind::Unknown => &[],
    }
}

/// Every keyword of a block.
pub(crate) fn all(kind: Kind) -> impl Iterator<Item = &'static Keyword> {
    tables(kind).iter().flat_map(|table| table.iter())
}

/// The keyword of this name in this block.
pub(crate) fn lookup(kind: Kind, name: &str) -> Option<&'static Keyword> {
    all(kind).find(|keyword| keyword.name == name)
}

/// The name a keyword goes by today.
pub(crate) fn current_name(keyword: &Keyword) -> &'static str {
    match keyword.status {
        Status::Alias(now) => now,
        _ => keyword.name,
    }
}

/// Whether rows of this block are words of the operator's own.
pub(crate) fn has_rows(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Names | Kind::Addresses | Kind::Free | Kind::Unknown
    )
}

/// Blocks that hold keywords, for those who look a word up everywhere.
pub(crate) const KINDS: [Kind; 28] = [
    Kind::Root,
    Kind::Instance,
    Kind::Global,
    Kind::Script,
    Kind::SyncGroup,
    Kind::Authentication,
    Kind::Hmac,
    Kind::TrackFile,
    Kind::TrackProcess,
    Kind::GarpGroup,
    Kind::TrackGroup,
    Kind::VirtualServer,
    Kind::RealServer,
    Kind::Http,
    Kind::Url,
    Kind::TcpCheck,
    Kind::SmtpCheck,
    Kind::SmtpHost,
    Kind::DnsCheck,
    Kind::MiscCheck,
    Kind::PingCheck,
    Kind::UdpCheck,
    Kind::FileCheck,
    Kind::BfdCheck,
    Kind::Bfd,
    Kind::Tls,
    Kind::TrackTcp,
    Kind::TrackHttp,
];

/// What a block is called, for messages.
pub(crate) fn block_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Root => "the top level",
        Kind::Global => "`global_defs`",
        Kind::Instance => "`vrrp_instance`",
        Kind::Authentication => "`authentication`",
        Kind::Hmac => "`auth_hmac`",
        Kind::SyncGroup => "`vrrp_sync_group`",
        Kind::Script => "`vrrp_script`",
        Kind::TrackFile => "`track_file`",
        Kind::TrackProcess => "`vrrp_track_process`",
        Kind::TrackTcp => "`vrrp_track_tcp`",
        Kind::TrackHttp => "`vrrp_track_http`",
        Kind::GarpGroup => "`garp_group`",
        Kind::TrackGroup => "`track_group`",
        Kind::VirtualServer => "`virtual_server`",
        Kind::RealServer => "`real_server`",
        Kind::Http => "`HTTP_GET`",
        Kind::Url => "`url`",
        Kind::TcpCheck => "`TCP_CHECK`",
        Kind::SmtpCheck => "`SMTP_CHECK`",
        Kind::SmtpHost => "`host`",
        Kind::DnsCheck => "`DNS_CHECK`",
        Kind::MiscCheck => "`MISC_CHECK`",
        Kind::PingCheck => "`PING_CHECK`",
        Kind::UdpCheck => "`UDP_CHECK`",
        Kind::FileCheck => "`FILE_CHECK`",
        Kind::BfdCheck => "`BFD_CHECK`",
        Kind::Bfd => "`bfd_instance`",
        Kind::Tls => "`SSL`",
        Kind::Names | Kind::Addresses | Kind::Free | Kind::Unknown => "this block",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_name_stands_once_in_its_block_and_every_alias_leads_somewhere() {
        for kind in KINDS {
            let mut seen = BTreeSet::new();
            for keyword in all(kind) {
                assert!(seen.insert(keyword.name), "{kind:?} {}", keyword.name);
                if let Status::Alias(now) = keyword.status {
                    let target = lookup(kind, now);
                    assert!(
                        target.is_some_and(|t| !matches!(t.status, Status::Alias(_))),
                        "{}",
                        keyword.name
                    );
                }
                assert!(
                    keyword.least == 0 || !keyword.usage.is_empty(),
                    "{}",
                    keyword.name
                );
            }
            assert!(!seen.is_empty(), "{kind:?}");
        }
    }

    #[test]
    fn words_of_every_era_are_known() {
        for (kind, name) in [
            (Kind::Http, "nb_get_retry"),
            (Kind::TcpCheck, "nb_get_retry"),
            (Kind::Instance, "lvs_sync_daemon_interface"),
            (Kind::Instance, "vmac_garp_intvl"),
            (Kind::Instance, "auth_hmac"),
            (Kind::VirtualServer, "lvs_sched"),
            (Kind::Global, "lvs_flush_onstop"),
            (Kind::Root, "vrrp_track_file"),
            (Kind::Bfd, "neighbour_ip"),
        ] {
            assert!(lookup(kind, name).is_some(), "{name}");
        }
    }
}
