//! Bytes to values and back: adverts, ARP, neighbour discovery.
//!
//! One skeleton for every protocol: `parse` checks the length first, then the
//! meaning, and gives a `Repr`; `buffer_len` says how much `emit` will write;
//! `emit` writes every octet of that, so that nothing of a reused buffer leaks.
//! `emit` panics where the buffer is shorter than `buffer_len`.

pub mod advert;
pub mod arp;
pub mod checksum;
pub mod ethernet;
pub mod ipv4;
pub mod ipv6;
pub mod ndisc;
pub mod octets;

#[cfg(test)]
pub(crate) mod fixtures;

use core::fmt;

/// Hardware address of an Ethernet station.
pub type Mac = [u8; 6];

/// Why bytes are not the packet they claim to be. One cause, one variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Error {
    /// Shorter than its header, or than its header says.
    Truncated,
    /// Octets after the end that the header gives.
    TrailingBytes,
    /// A version number that is not the protocol's.
    Version,
    /// A header length below the minimum.
    HeaderLength,
    /// A checksum that does not fit.
    Checksum,
    /// A piece of a fragmented packet.
    Fragment,
    /// A message type, operation or code other than the one read here.
    Type,
    /// Hardware or protocol address of a kind not read here, or of two kinds.
    AddressKind,
    /// An interval of zero.
    IntervalZero,
    /// A flag or an address that its protocol forbids in this place.
    Forbidden,
    /// An option of length zero or beyond the end.
    OptionLength,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "truncated",
            Self::TrailingBytes => "trailing bytes",
            Self::Version => "wrong protocol version",
            Self::HeaderLength => "header too short",
            Self::Checksum => "bad checksum",
            Self::Fragment => "fragmented",
            Self::Type => "unexpected type",
            Self::AddressKind => "unexpected kind of address",
            Self::IntervalZero => "interval of zero",
            Self::Forbidden => "forbidden flag or address",
            Self::OptionLength => "bad option length",
        })
    }
}

impl core::error::Error for Error {}

/// The first `N` octets from `at`; `None` beyond the end.
fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// The network-order word at `at`; `None` beyond the end.
fn word(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}
