//! keepalived's dump files, as exporters read them: `keepalived.data`,
//! `keepalived.stats` and `keepalived.json`.

mod file;
mod json;
mod json_process;
mod stats;
mod text;

pub use file::replace;
pub use json::json;
pub use stats::{Received, Stats};
pub use text::{command, data, stats as stats_text};

use crate::{
    config::model::{Authentication, Family, Instance, Version, VirtualAddress},
    engine::status::InstanceStatus,
};
use std::fmt::Write as _;
use vrrp_common::wire::{AUTH_AH, AUTH_NONE, AUTH_SIMPLE};

/// One instance at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot<'a> {
    /// As configured.
    pub config: &'a Instance,
    /// As it is.
    pub status: &'a InstanceStatus,
    /// What it has seen and done.
    pub stats: Stats,
    /// When it came into its state, in seconds since 1970.
    pub last_transition_s: f64,
}

impl Snapshot<'_> {
    fn is_master(&self) -> bool {
        self.status.state == "MASTER"
    }

    /// An address in keepalived's form; `set` where it is in place.
    fn address(&self, address: &VirtualAddress) -> String {
        let mut line = address.address.to_string();
        let host = if address.address.is_ipv4() { 32 } else { 128 };
        if address.prefix_len != host {
            let _ = write!(line, "/{}", address.prefix_len);
        }
        if let Some(brd) = broadcast(address) {
            let _ = write!(line, " brd {brd}");
        }
        let dev = address.dev.as_ref().unwrap_or(&self.config.interface);
        let scope = match address.scope {
            None | Some(0) => "global".to_owned(),
            Some(200) => "site".to_owned(),
            Some(253) => "link".to_owned(),
            Some(254) => "host".to_owned(),
            Some(255) => "nowhere".to_owned(),
            Some(number) => number.to_string(),
        };
        let _ = write!(line, " dev {dev} scope {scope}");
        if let Some(label) = &address.label {
            let _ = write!(line, " label {label}");
        }
        if let Some(peer) = address.peer {
            let _ = write!(line, " peer {peer}/{}", address.prefix_len);
        }
        let flags = [
            (address.home, " home"),
            (address.detect_duplicates, " -nodad"),
            (address.manage_temporary, " mngtmpaddr"),
            (address.no_prefix_route, " noprefixroute"),
            (address.auto_join, " autojoin"),
            (address.no_track, " no_track"),
        ];
        flags
            .iter()
            .filter(|(on, _)| *on)
            .for_each(|(_, word)| line.push_str(word));
        if address.address.is_ipv6() {
            match address.preferred_lifetime_s {
                None | Some(u32::MAX) => line.push_str(" preferred_lft forever"),
                Some(0) => line.push_str(" deprecated"),
                Some(seconds) => {
                    let _ = write!(line, " preferred_lft {seconds}");
                }
            }
        }
        if self.is_master() {
            line.push_str(" set");
        }
        line
    }

    const fn version(&self) -> u8 {
        match self.config.version {
            Version::V2 => 2,
            Version::V3 => 3,
        }
    }

    /// keepalived's number for it.
    const fn auth_type(&self) -> u8 {
        match self.config.authentication {
            Some(Authentication::Pass(_)) => AUTH_SIMPLE,
            Some(Authentication::Header(_)) => AUTH_AH,
            Some(Authentication::Trailer(_)) | None => AUTH_NONE,
        }
    }

    const fn is_ipv6(&self) -> bool {
        matches!(self.config.family, Family::V6)
    }
}

fn broadcast(address: &VirtualAddress) -> Option<std::net::Ipv4Addr> {
    use crate::config::model::Broadcast;
    let std::net::IpAddr::V4(own) = address.address else {
        return None;
    };
    let host_bits = u32::MAX
        .checked_shr(u32::from(address.prefix_len))
        .unwrap_or(0);
    Some(match address.broadcast? {
        Broadcast::Address(written) => written,
        Broadcast::HostBitsSet => (own.to_bits() | host_bits).into(),
        Broadcast::HostBitsCleared => (own.to_bits() & !host_bits).into(),
    })
}

/// keepalived's number of a state.
const fn state_number(state: &str) -> u8 {
    match state.as_bytes() {
        b"BACKUP" => 1,
        b"MASTER" => 2,
        b"FAULT" => 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
