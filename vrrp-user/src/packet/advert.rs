//! VRRP advertisements, versions 2 (RFC 3768) and 3 (RFC 9568).

use super::{Error, array, checksum::Sum};
use core::net::IpAddr;
use vrrp_common::wire::{
    ADVERT_HEADER_LEN, IPPROTO_VRRP, MAX_INTERVAL_CS, TYPE_ADVERTISEMENT, V2_AUTH_LEN,
};

/// An advert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repr {
    /// Virtual router ID, 1-255.
    pub vrid: u8,
    /// Priority; 0 resigns.
    pub priority: u8,
    /// What the versions do not share.
    pub form: Form,
    /// Virtual addresses, at most 255, all of the packet's family.
    pub addresses: Vec<IpAddr>,
}

/// What the versions do not share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Version 2, IPv4 only.
    V2 {
        /// Interval in seconds.
        interval_s: u8,
        /// `AUTH_*` of [`wire`](vrrp_common::wire).
        auth_type: u8,
        /// Always on the wire, zero where there is no password. keepalived, FRR and
        /// RFC 3768 §5.3.10 send these eight octets also without authentication.
        auth_data: [u8; V2_AUTH_LEN],
    },
    /// Version 3.
    V3 {
        /// Interval in centiseconds, 1-4095 (§5.2.7).
        interval_cs: u16,
    },
}

/// What a checksum covers. Only for version 3 over IPv4 is there a choice:
/// version 2 is always plain, IPv6 always has the pseudo-header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Checksum {
    /// The message alone (RFC 9568 §5.2.8).
    Plain,
    /// The pseudo-header as well (keepalived, FRR).
    Pseudo,
}

impl Repr {
    /// The VRRP message of a packet from `source` to `destination`, and which
    /// checksum it carries. TTL, addresses and passwords are the caller's to judge.
    pub fn parse(
        bytes: &[u8],
        source: IpAddr,
        destination: IpAddr,
    ) -> Result<(Self, Checksum), Error> {
        let header: [u8; ADVERT_HEADER_LEN] = array(bytes, 0).ok_or(Error::Truncated)?;
        let (version, ipv6) = (header[0] >> 4, source.is_ipv6());
        if ipv6 != destination.is_ipv6() {
            return Err(Error::AddressKind);
        }
        // Version 2 knows no IPv6.
        if !(version == 3 || version == 2 && !ipv6) {
            return Err(Error::Version);
        }
        // §5.2.2
        if header[0] & 0x0f != TYPE_ADVERTISEMENT {
            return Err(Error::Type);
        }
        let count = usize::from(header[3]);
        let list_end = ADVERT_HEADER_LEN + count * if ipv6 { 16 } else { 4 };
        let end = list_end + if version == 2 { V2_AUTH_LEN } else { 0 };
        match bytes.len().cmp(&end) {
            core::cmp::Ordering::Less => return Err(Error::Truncated),
            core::cmp::Ordering::Greater => return Err(Error::TrailingBytes),
            core::cmp::Ordering::Equal => {}
        }
        let checksum = verify(bytes, version, source, destination)?;
        let form = if version == 2 {
            Form::V2 {
                interval_s: header[5],
                auth_type: header[4],
                auth_data: array(bytes, list_end).ok_or(Error::Truncated)?,
            }
        } else {
            // §5.2.6: the four bits ahead of it are reserved and ignored.
            Form::V3 {
                interval_cs: u16::from_be_bytes([header[4], header[5]]) & MAX_INTERVAL_CS,
            }
        };
        if matches!(
            form,
            Form::V2 { interval_s: 0, .. } | Form::V3 { interval_cs: 0 }
        ) {
            return Err(Error::IntervalZero);
        }
        let list = &bytes[ADVERT_HEADER_LEN..list_end];
        let addresses = if ipv6 {
            list.as_chunks::<16>()
                .0
                .iter()
                .map(|octets| IpAddr::from(*octets))
                .collect()
        } else {
            list.as_chunks::<4>()
                .0
                .iter()
                .map(|octets| IpAddr::from(*octets))
                .collect()
        };
        Ok((
            Self {
                vrid: header[1],
                priority: header[2],
                form,
                addresses,
            },
            checksum,
        ))
    }

    /// Octets that [`emit`](Self::emit) writes.
    #[must_use]
    pub fn buffer_len(&self) -> usize {
        let auth = if matches!(self.form, Form::V2 { .. }) {
            V2_AUTH_LEN
        } else {
            0
        };
        let list: usize = self
            .addresses
            .iter()
            .map(|address| octets_of(*address))
            .sum();
        ADVERT_HEADER_LEN + list + auth
    }

    /// Writes the message for a packet from `source` to `destination`, which must be
    /// of one family. `checksum` counts only where there is a choice.
    pub fn emit(&self, source: IpAddr, destination: IpAddr, checksum: Checksum, buffer: &mut [u8]) {
        let message = &mut buffer[..self.buffer_len()];
        let version: u8 = if matches!(self.form, Form::V2 { .. }) {
            2
        } else {
            3
        };
        message[0] = version << 4 | TYPE_ADVERTISEMENT;
        message[1] = self.vrid;
        message[2] = self.priority;
        message[3] = u8::try_from(self.addresses.len()).expect("at most 255 addresses");
        let mut end = ADVERT_HEADER_LEN;
        for address in &self.addresses {
            let slot = &mut message[end..end + octets_of(*address)];
            match address {
                IpAddr::V4(address) => slot.copy_from_slice(&address.octets()),
                IpAddr::V6(address) => slot.copy_from_slice(&address.octets()),
            }
            end += slot.len();
        }
        match self.form {
            Form::V2 {
                interval_s,
                auth_type,
                auth_data,
            } => {
                message[4..6].copy_from_slice(&[auth_type, interval_s]);
                message[end..].copy_from_slice(&auth_data);
            }
            // §5.2.6: reserved bits are sent as zero.
            Form::V3 { interval_cs } => {
                message[4..6].copy_from_slice(&(interval_cs & MAX_INTERVAL_CS).to_be_bytes());
            }
        }
        message[6..8].copy_from_slice(&[0, 0]);
        // RFC 3768 §5.3.8: the entire message, authentication data included.
        let plain = version == 2 || source.is_ipv4() && checksum == Checksum::Plain;
        let ahead = if plain {
            Sum::new()
        } else {
            pseudo(source, destination, message.len())
        };
        let covered = ahead.add_bytes(message);
        message[6..8].copy_from_slice(&covered.checksum().to_be_bytes());
    }
}

/// Which checksum the message carries.
fn verify(
    message: &[u8],
    version: u8,
    source: IpAddr,
    destination: IpAddr,
) -> Result<Checksum, Error> {
    if version == 3
        && pseudo(source, destination, message.len())
            .add_bytes(message)
            .is_intact()
    {
        return Ok(Checksum::Pseudo);
    }
    // Over IPv6 the pseudo-header is not optional (RFC 8200 §8.1).
    if source.is_ipv4() && Sum::new().add_bytes(message).is_intact() {
        return Ok(Checksum::Plain);
    }
    Err(Error::Checksum)
}

fn pseudo(source: IpAddr, destination: IpAddr, len: usize) -> Sum {
    // Neither 255 IPv6 addresses nor 255 IPv4 ones reach 64 KiB.
    let len = u16::try_from(len).unwrap_or(u16::MAX);
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            Sum::pseudo_v4(source, destination, IPPROTO_VRRP, len)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            Sum::pseudo_v6(source, destination, IPPROTO_VRRP, len.into())
        }
        _ => unreachable!("a packet's addresses are of one family"),
    }
}

const fn octets_of(address: IpAddr) -> usize {
    match address {
        IpAddr::V4(_) => 4,
        IpAddr::V6(_) => 16,
    }
}

#[cfg(test)]
mod tests;
