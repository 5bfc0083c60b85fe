//! The VRRP message: RFC 9568 §7.1 for version 3, RFC 3768 §7.1 for version 2.

use super::envelope::Envelope;
use crate::{
    address::Address,
    checksum::Sum,
    view::{Sums, View, be16, word},
};
use vrrp_common::{
    counter::Cause,
    maps::{
        CAST_UNICAST, CHECKSUM_GROUP, CHECKSUM_PLAIN, CHECKSUM_PSEUDO, VR_REFUSE_OTHER_ADDRESSES,
        VR_SKIP_ADDRESSES, VR_STRICT, VR_TRAILER, VR_TRAILER_ONLY, VirtualRouter,
    },
    wire::{
        ADVERT_HEADER_LEN, AUTH_SIMPLE, IPPROTO_VRRP, PRIORITY_OWNER, TRAILER_LEN,
        TYPE_ADVERTISEMENT, V2_AUTH_LEN,
    },
};

/// ucarp's "authentication length", where a VRRP advert counts its addresses.
const UCARP_COUNT: u8 = 7;
/// Octets of a ucarp message, whatever it says.
const UCARP_LEN: usize = 36;

/// A message that passed every check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) priority: u8,
    pub(super) version: u8,
    pub(super) interval_cs: u32,
    pub(super) checksum_form: u8,
    pub(super) address_count: u8,
    pub(super) addresses_differ: bool,
    /// The first IPv6 address is not link-local.
    pub(super) first_is_global: bool,
    /// There is a hash, which is the daemon's to verify.
    pub(super) unproven: bool,
}

/// Checks a message of `len` octets, which the frame is known to have.
#[inline(always)]
pub(super) fn check<V: View>(
    frame: &V,
    router: &VirtualRouter,
    v6: bool,
    envelope: &Envelope,
    len: usize,
) -> Result<Message, Cause> {
    let at = envelope.message;
    let header = frame
        .window::<ADVERT_HEADER_LEN>(at)
        .ok_or(Cause::DropTruncated)?;
    let (version, count) = (header[0] >> 4, header[3]);

    // Same protocol number, and its first octet reads "version 2, advertisement".
    if version == 2 && count == UCARP_COUNT && len == UCARP_LEN {
        return Err(Cause::DropUcarp);
    }
    if version != router.version || !matches!(version, 2 | 3) {
        return Err(Cause::DropVersion); // §7.1
    }
    if header[0] & 0x0f != TYPE_ADVERTISEMENT {
        return Err(Cause::DropType); // §5.2.2
    }
    // The length follows from the count, to the octet: what IP says is the
    // message, so that Ethernet padding does no harm and anything else does.
    let addresses_len = (count as usize) << if v6 { 4 } else { 2 };
    let auth_len = if version == 2 { V2_AUTH_LEN } else { 0 };
    let message_len = ADVERT_HEADER_LEN + addresses_len + auth_len;
    let has_trailer = len == message_len + TRAILER_LEN && router.flags & VR_TRAILER != 0;
    if !has_trailer {
        if len != message_len {
            return Err(Cause::DropLength);
        }
        if router.flags & VR_TRAILER_ONLY != 0 {
            return Err(Cause::DropAuthMissing);
        }
    }

    let addresses = at + ADVERT_HEADER_LEN;
    // Most have one address, and in IPv4 that is one word.
    let sums = if addresses_len == 4 {
        frame.window::<4>(addresses).map(Sums::of_word)
    } else {
        frame.sums(addresses, addresses_len)
    };
    let sums = sums.ok_or(Cause::DropTruncated)?;
    let mut sum = sums.sum.word(word(header, 0)).word(word(header, 4));
    let auth_at = at + ADVERT_HEADER_LEN + addresses_len;
    if version == 2 {
        let auth = frame
            .window::<V2_AUTH_LEN>(auth_at)
            .ok_or(Cause::DropTruncated)?;
        sum = sum.word(word(auth, 0)).word(word(auth, 4));
    }
    // Over IPv6 it covers the trailer: there the kernel computes it, over all it sends.
    let mut summed_len = message_len;
    if v6 && has_trailer {
        let trailer = frame
            .window::<TRAILER_LEN>(auth_at)
            .ok_or(Cause::DropTruncated)?;
        for at in [0, 4, 8, 12, 16, 20, 24] {
            sum = sum.word(word(trailer, at));
        }
        summed_len += TRAILER_LEN;
    }
    let checksum_form = checksum_form(sum, v6, router, envelope, version, summed_len)?;

    // §5.2.5. Version 2 has no such rule; and whoever has no address itself
    // (`no_virtual_ipaddress`) has peers that have none.
    if count == 0 && version == 3 && router.address_count != 0 {
        return Err(Cause::DropAddressCount);
    }
    let interval_cs = if version == 2 {
        check_v2(frame, router, header, auth_at)?
    } else {
        // §5.2.7: centiseconds in the low twelve bits; the others are ignored (§5.2.6).
        (be16(header, 4) & 0x0fff) as u32
    };
    // Obeyed, a zero would be a takeover within milliseconds.
    if interval_cs == 0 {
        return Err(Cause::DropIntervalZero);
    }

    let mut first_is_global = false;
    if v6 {
        let first = frame
            .window::<16>(at + ADVERT_HEADER_LEN)
            .ok_or(Cause::DropTruncated)?;
        first_is_global = !Address::v6(first, 0).is_link_local_v6();
        if first_is_global && router.flags & VR_STRICT != 0 {
            return Err(Cause::DropFirstAddress); // §5.2.9
        }
    }
    let addresses_differ = router.flags & VR_SKIP_ADDRESSES == 0
        && (count != router.address_count || sums.wrapping != router.address_sum);
    // RFC 3768 §7.1: dropped, unless the address owner sent it.
    if addresses_differ
        && version == 2
        && header[2] != PRIORITY_OWNER
        && router.flags & VR_REFUSE_OTHER_ADDRESSES != 0
    {
        return Err(Cause::DropAddresses);
    }
    Ok(Message {
        priority: header[2],
        version,
        interval_cs,
        checksum_form,
        address_count: count,
        addresses_differ,
        first_is_global,
        unproven: envelope.ah || has_trailer,
    })
}

/// What only version 2 has: the interval in seconds, which must be ours
/// (RFC 3768 §7.1), and authentication (RFC 2338 §5.3.6). Gives centiseconds.
#[inline(always)]
fn check_v2<V: View>(
    frame: &V,
    router: &VirtualRouter,
    header: &[u8; ADVERT_HEADER_LEN],
    auth_at: usize,
) -> Result<u32, Cause> {
    let interval_cs = header[5] as u32 * 100;
    if interval_cs == 0 {
        return Err(Cause::DropIntervalZero);
    }
    if header[4] != router.auth_type {
        return Err(Cause::DropAuthType);
    }
    if router.auth_type == AUTH_SIMPLE {
        let data = frame
            .window::<V2_AUTH_LEN>(auth_at)
            .ok_or(Cause::DropTruncated)?;
        let same = |at| word(data, at) == word(&router.auth_data, at);
        if !same(0) || !same(4) {
            return Err(Cause::DropAuthData);
        }
    }
    if interval_cs != router.interval_cs {
        return Err(Cause::DropIntervalMismatch);
    }
    Ok(interval_cs)
}

/// §5.2.8. Version 2 sums the message alone, IPv6 with a pseudo-header; for
/// version 3 over IPv4 implementations disagree, so both are accepted, and in unicast
/// old keepalived's, which names the group.
#[inline(always)]
fn checksum_form(
    sum: Sum,
    v6: bool,
    router: &VirtualRouter,
    envelope: &Envelope,
    version: u8,
    len: usize,
) -> Result<u8, Cause> {
    if !v6 && sum.is_valid() {
        return Ok(CHECKSUM_PLAIN);
    }
    if version != 3 {
        return Err(Cause::DropChecksum);
    }
    let with_pseudo = sum.pseudo_header(
        envelope.source,
        envelope.destination,
        IPPROTO_VRRP,
        len as u16,
    );
    if with_pseudo.is_valid() {
        return Ok(CHECKSUM_PSEUDO);
    }
    if !v6 && envelope.vr.cast == CAST_UNICAST {
        let group = Address([word(&router.group, 0), 0, 0, 0]);
        let old = sum.pseudo_header(envelope.source, group, IPPROTO_VRRP, len as u16);
        if old.is_valid() {
            return Ok(CHECKSUM_GROUP);
        }
    }
    Err(Cause::DropChecksum)
}
