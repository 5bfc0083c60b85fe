//! Neighbour advertisements (RFC 4861 §4.4).

use super::{Error, Mac, array, checksum::Sum};
use core::net::Ipv6Addr;

/// `IPv6` next header of `ICMPv6`.
pub const NEXT_HEADER: u8 = 58;
/// The only hop limit neighbour discovery may carry (§7.1.2).
pub const HOP_LIMIT: u8 = 255;

const TYPE_ADVERTISEMENT: u8 = 136;
const FIXED_LEN: usize = 24;
const OPTION_TARGET: u8 = 2;
/// An option's length field counts units of this many octets.
const OPTION_UNIT: usize = 8;

const ROUTER: u8 = 0x80;
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;

/// A neighbour advertisement. Options other than the target's hardware address
/// are skipped when read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// R: the sender forwards. A host that hears it cleared takes the sender off
    /// its default routers (§7.2.5).
    pub router: bool,
    /// S: an answer to a solicitation.
    pub solicited: bool,
    /// O: replaces what neighbours have cached.
    pub override_cached: bool,
    /// Whose hardware address this is.
    pub target: Ipv6Addr,
    /// The hardware address.
    pub mac: Option<Mac>,
}

impl Repr {
    /// An unsolicited one that moves `target` to `mac` (RFC 9568 §6.4.2: S=0, O=1,
    /// R=1 on a router).
    #[must_use]
    pub const fn unsolicited(target: Ipv6Addr, mac: Mac, router: bool) -> Self {
        Self {
            router,
            solicited: false,
            override_cached: true,
            target,
            mac: Some(mac),
        }
    }

    /// The `ICMPv6` message of a packet from `source` to `destination`. The hop
    /// limit is the caller's to check.
    pub fn parse(bytes: &[u8], source: Ipv6Addr, destination: Ipv6Addr) -> Result<Self, Error> {
        let fixed: [u8; FIXED_LEN] = array(bytes, 0).ok_or(Error::Truncated)?;
        // §7.1.2: type 136, code 0.
        if fixed[..2] != [TYPE_ADVERTISEMENT, 0] {
            return Err(Error::Type);
        }
        let len = u32::try_from(bytes.len()).map_err(|_| Error::TrailingBytes)?;
        if !Sum::pseudo_v6(source, destination, NEXT_HEADER, len)
            .add_bytes(bytes)
            .is_intact()
        {
            return Err(Error::Checksum);
        }
        let target = Ipv6Addr::from(array::<16>(&fixed, 8).ok_or(Error::Truncated)?);
        let solicited = fixed[4] & SOLICITED != 0;
        // §7.1.2: no multicast target; to a multicast destination S is zero.
        if target.is_multicast() || (solicited && destination.is_multicast()) {
            return Err(Error::Forbidden);
        }
        Ok(Self {
            router: fixed[4] & ROUTER != 0,
            solicited,
            override_cached: fixed[4] & OVERRIDE != 0,
            target,
            mac: target_mac(&bytes[FIXED_LEN..])?,
        })
    }

    /// Octets that [`emit`](Self::emit) writes.
    #[must_use]
    pub const fn buffer_len(&self) -> usize {
        FIXED_LEN + if self.mac.is_some() { OPTION_UNIT } else { 0 }
    }

    /// Writes the message for a packet from `source` to `destination`.
    pub fn emit(&self, source: Ipv6Addr, destination: Ipv6Addr, buffer: &mut [u8]) {
        let message = &mut buffer[..self.buffer_len()];
        message[..8].copy_from_slice(&[TYPE_ADVERTISEMENT, 0, 0, 0, 0, 0, 0, 0]);
        for (flag, set) in [
            (ROUTER, self.router),
            (SOLICITED, self.solicited),
            (OVERRIDE, self.override_cached),
        ] {
            message[4] |= if set { flag } else { 0 };
        }
        message[8..24].copy_from_slice(&self.target.octets());
        let mut len = 24;
        if let Some(mac) = self.mac {
            message[24..26].copy_from_slice(&[OPTION_TARGET, 1]);
            message[26..32].copy_from_slice(&mac);
            len = 32;
        }
        let checksum = Sum::pseudo_v6(source, destination, NEXT_HEADER, len)
            .add_bytes(message)
            .checksum();
        message[2..4].copy_from_slice(&checksum.to_be_bytes());
    }
}

/// The first target link-layer address among the options.
fn target_mac(mut options: &[u8]) -> Result<Option<Mac>, Error> {
    let mut found = None;
    while let [kind, units, ..] = *options {
        // §4.6: an option of length zero makes the whole packet void.
        let len = usize::from(units) * OPTION_UNIT;
        if len == 0 {
            return Err(Error::OptionLength);
        }
        let (option, rest) = options.split_at_checked(len).ok_or(Error::OptionLength)?;
        if kind == OPTION_TARGET && units == 1 && found.is_none() {
            found = array(option, 2);
        }
        options = rest;
    }
    // A single octet cannot hold an option's type and length.
    if options.is_empty() {
        Ok(found)
    } else {
        Err(Error::OptionLength)
    }
}

#[cfg(test)]
mod tests {
    use super::Repr;
    use crate::packet::{Error, checksum::Sum, fixtures, ipv6::ALL_NODES};
    use core::net::Ipv6Addr;
    use proptest::prelude::*;

    const VIP: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x61);

    #[test]
    fn announces_as_keepalived_does() {
        let repr = Repr::unsolicited(VIP, fixtures::MAC, false);
        let capture = &fixtures::KEEPALIVED_NA[54..];
        assert_eq!(Repr::parse(capture, VIP, ALL_NODES), Ok(repr));
        let mut buffer = vec![0xa5; repr.buffer_len()];
        repr.emit(VIP, ALL_NODES, &mut buffer);
        assert_eq!(buffer, capture);
    }

    #[test]
    fn announces_a_router_as_frr_does() {
        let vip = "2001:db8:9::200".parse().unwrap();
        let repr = Repr::unsolicited(vip, [0, 0, 0x5e, 0, 2, 5], true);
        let capture = &fixtures::FRR_NA[54..];
        assert_eq!(Repr::parse(capture, vip, ALL_NODES), Ok(repr));
        let mut buffer = vec![0xa5; repr.buffer_len()];
        repr.emit(vip, ALL_NODES, &mut buffer);
        assert_eq!(buffer, capture);
    }

    /// The capture, changed, with a checksum that fits again.
    fn mangled(mangle: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
        let mut bytes = fixtures::KEEPALIVED_NA[54..].to_vec();
        mangle(&mut bytes);
        if bytes.len() >= 4 {
            bytes[2..4].fill(0);
            let len = u32::try_from(bytes.len()).unwrap();
            let checksum = Sum::pseudo_v6(VIP, ALL_NODES, 58, len)
                .add_bytes(&bytes)
                .checksum();
            bytes[2..4].copy_from_slice(&checksum.to_be_bytes());
        }
        bytes
    }

    #[test]
    fn names_what_is_wrong() {
        type Mangle = fn(&mut Vec<u8>);
        let cases: &[(&str, Mangle, Error)] = &[
            ("a stump", |b| b.truncate(23), Error::Truncated),
            ("a solicitation", |b| b[0] = 135, Error::Type),
            ("code 1", |b| b[1] = 1, Error::Type),
            ("solicited to a group", |b| b[4] |= 0x40, Error::Forbidden),
            ("multicast target", |b| b[8] = 0xff, Error::Forbidden),
            ("option of length zero", |b| b[25] = 0, Error::OptionLength),
            ("option beyond the end", |b| b[25] = 2, Error::OptionLength),
            (
                "half an option header",
                |b| b.truncate(25),
                Error::OptionLength,
            ),
        ];
        for (name, mangle, want) in cases {
            assert_eq!(
                Repr::parse(&mangled(mangle), VIP, ALL_NODES),
                Err(*want),
                "{name}"
            );
        }
        let mut bytes = fixtures::KEEPALIVED_NA[54..].to_vec();
        bytes[31] ^= 1;
        assert_eq!(Repr::parse(&bytes, VIP, ALL_NODES), Err(Error::Checksum));
    }

    #[test]
    fn skips_other_options() {
        let nonce = mangled(|b| {
            b.splice(24..24, [14, 1, 1, 2, 3, 4, 5, 6]);
        });
        assert_eq!(
            Repr::parse(&nonce, VIP, ALL_NODES),
            Ok(Repr::unsolicited(VIP, fixtures::MAC, false))
        );
    }

    proptest! {
        #[test]
        fn comes_back(source: [u8; 16], router: bool, solicited: bool, override_cached: bool, mut target: [u8; 16], mac: Option<[u8; 6]>) {
            target[0] &= 0x7f;
            let destination = if solicited { VIP } else { ALL_NODES };
            let repr = Repr { router, solicited, override_cached, target: target.into(), mac };
            let mut buffer = vec![0xa5; repr.buffer_len()];
            repr.emit(source.into(), destination, &mut buffer);
            prop_assert_eq!(Repr::parse(&buffer, source.into(), destination), Ok(repr));
        }

        #[test]
        fn never_panics(tail in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Repr::parse(&tail, VIP, ALL_NODES);
            // Past the checksum, so that the options are read too.
            let _ = Repr::parse(&mangled(|b| { b.truncate(24); b.extend(&tail); }), VIP, ALL_NODES);
        }
    }
}
