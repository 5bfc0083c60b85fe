//! Adverts with a hash: sealed on their way out, verified on their way in.
//!
//! Octets, keys and the time come in, a verdict goes out. Two kinds: keepalived's
//! `auth_type AH` ([`ah`]: RFC 2402 with HMAC-MD5-96, RFC 2403), and its `auth_hmac`
//! ([`trailer`]: HMAC-SHA-256 behind the message). Both carry a sequence number that
//! only grows ([`sequence`]), or a copy of an advert would be as good as the advert.

pub mod ah;
pub mod sequence;
pub mod trailer;

use crate::config::model::Authentication;
use vrrp_common::counter::Cause;

/// An advert that passed every other check.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// From the IP header on.
    pub packet: &'a [u8],
    /// Where in it the VRRP message begins.
    pub message_at: usize,
    /// Sent to one address, not to the group.
    pub unicast: bool,
}

/// Why an advert is not what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another type of trailer, or AH's SPI is not the source.
    Form,
    /// A key that is not configured here.
    Key,
    /// Another hash.
    Hash,
    /// Too far from our time.
    Stale,
    /// A sequence number that was used before.
    Replayed,
}

impl Refusal {
    /// What counts it.
    #[must_use]
    pub const fn cause(self) -> Cause {
        match self {
            Self::Form => Cause::DropAuthForm,
            Self::Key => Cause::DropAuthKey,
            Self::Hash => Cause::DropAuthHash,
            Self::Stale => Cause::DropAuthStale,
            Self::Replayed => Cause::DropAuthReplayed,
        }
    }
}

/// The sequence number of an advert that is genuine and newer than `mark`, that of the
/// last from its source. `wall`: our time, as [`sequence::wall`] has it.
pub fn verify(
    received: &Received<'_>,
    authentication: &Authentication,
    mark: Option<u64>,
    wall: u64,
) -> Result<u64, Refusal> {
    match authentication {
        // XDP compares passwords itself.
        Authentication::Pass(_) => Err(Refusal::Form),
        Authentication::Header(key) => {
            let sequence = ah::verify(received, *key)?;
            // A greater mark is that of a trailer, which was configured before.
            let mark = mark.and_then(|mark| u32::try_from(mark).ok());
            if mark.is_some_and(|mark| sequence <= mark) {
                return Err(Refusal::Replayed);
            }
            Ok(sequence.into())
        }
        Authentication::Trailer(settings) => trailer::verify(received, settings, mark, wall),
    }
}

fn octets<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Refusal> {
    let found = bytes.get(at..).and_then(|rest| rest.first_chunk());
    found.copied().ok_or(Refusal::Form)
}

#[cfg(test)]
mod tests;
