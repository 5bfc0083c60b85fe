//! An advert as the election gets it.

use crate::{ownership::command::VrId, time::Instant};
use core::net::IpAddr;

/// An accepted advert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The instance it is for.
    pub vr: VrId,
    /// Its source.
    pub source: IpAddr,
    /// Its priority.
    pub priority: u8,
    /// Its interval, in centiseconds.
    pub interval_cs: u32,
    /// 2 or 3.
    pub version: u8,
    /// [`vrrp_common::maps::CHECKSUM_PLAIN`] or `CHECKSUM_PSEUDO`.
    pub checksum_form: u8,
    /// When the XDP program saw it; at most now.
    pub at: Instant,
    /// The kernel shut the gate on it.
    pub revoked: bool,
    /// Its address list differs from ours.
    pub addresses_differ: bool,
    /// Hardware address of the frame it came in.
    pub mac: [u8; 6],
}
