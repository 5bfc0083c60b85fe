//! `auth_hmac`: 28 octets behind the message.
//!
//! | octets | what |
//! |---|---|
//! | 1 | type: 1, HMAC-SHA-256 cut to 128 bits |
//! | 1 | number of the key |
//! | 2 | zero |
//! | 8 | sequence: seconds since 1970, a fraction of 2^-16 s, a counter |
//! | 16 | hash |
//!
//! The hash covers a header of 20 octets that is not sent (family, version, VRID, zero,
//! source address in 16 octets), then the message with its checksum zero and the trailer
//! with its hash zero. The IP header is not covered: a copy to each unicast peer is the
//! same. Over IPv4 the message's checksum does not cover the trailer, over IPv6 it does.

use super::{Received, Refusal, octets, sequence};
use crate::{
    config::model::{AntiReplay, Trailer},
    packet::checksum::Sum,
};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use vrrp_common::wire::{ADVERT_HEADER_LEN, IPPROTO_VRRP, TRAILER_LEN};

/// The only type there is.
const TYPE: u8 = 1;
const HASH_LEN: usize = 16;
/// Octets of the trailer ahead of the hash.
const HEAD_LEN: usize = TRAILER_LEN - HASH_LEN;
const SEQUENCE: usize = 4;
/// Where the checksum is, in the message.
const CHECKSUM: usize = 6;

/// Fills in the trailer of a packet that has room for it behind its message.
pub fn seal(packet: &mut [u8], message_at: usize, settings: &Trailer, sequence: u64) {
    let trailer_at = packet.len() - TRAILER_LEN;
    let head = &mut packet[trailer_at..trailer_at + HEAD_LEN];
    head[0] = TYPE;
    head[1] = settings.active_key;
    head[2..SEQUENCE].fill(0);
    head[SEQUENCE..].copy_from_slice(&sequence.to_be_bytes());
    let key = settings.key(settings.active_key).unwrap_or_default();
    let hash = mac(packet, message_at, key).finalize().into_bytes();
    packet[trailer_at + HEAD_LEN..].copy_from_slice(&hash[..HASH_LEN]);
    if is_v6(packet) {
        sum_v6(packet, message_at);
    }
}

/// Over IPv6 the checksum covers the trailer, which the hash does not mind.
fn sum_v6(packet: &mut [u8], message_at: usize) {
    let address = |at| octets::<16>(packet, at).unwrap_or_default().into();
    let len = u32::try_from(packet.len() - message_at).unwrap_or(u32::MAX);
    let ahead = Sum::pseudo_v6(address(8), address(24), IPPROTO_VRRP, len);
    let message = &mut packet[message_at..];
    message[CHECKSUM..ADVERT_HEADER_LEN].fill(0);
    let sum = ahead.add_bytes(message).checksum();
    message[CHECKSUM..ADVERT_HEADER_LEN].copy_from_slice(&sum.to_be_bytes());
}

fn is_v6(packet: &[u8]) -> bool {
    packet.first().is_some_and(|first| first >> 4 == 6)
}

/// The sequence, if the hash is right, the time near ours where that is asked for, and
/// the sequence later than `mark`.
pub fn verify(
    received: &Received<'_>,
    settings: &Trailer,
    mark: Option<u64>,
    wall: u64,
) -> Result<u64, Refusal> {
    let packet = received.packet;
    let trailer_at = packet.len().checked_sub(TRAILER_LEN).ok_or(Refusal::Form)?;
    if trailer_at < received.message_at + ADVERT_HEADER_LEN {
        return Err(Refusal::Form);
    }
    let [kind, key, zero @ ..]: [u8; 4] = octets(packet, trailer_at)?;
    if kind != TYPE || zero != [0, 0] {
        return Err(Refusal::Form);
    }
    let found = u64::from_be_bytes(octets(packet, trailer_at + SEQUENCE)?);
    // Before the hash: what was recorded long ago costs none.
    let window = match settings.anti_replay {
        AntiReplay::Time { window_s } => Some(window_s),
        AntiReplay::Monotonic => None,
    };
    if window.is_some_and(|window_s| !sequence::is_near(found, wall, window_s)) {
        return Err(Refusal::Stale);
    }
    let key = settings.key(key).ok_or(Refusal::Key)?;
    let hash: [u8; HASH_LEN] = octets(packet, trailer_at + HEAD_LEN)?;
    mac(packet, received.message_at, key)
        .verify_truncated_left(&hash)
        .map_err(|_| Refusal::Hash)?;
    // A mark out of the window orders only what the window refuses already. Without it a
    // sender whose clock was set back is heard again.
    let mark = mark.filter(|mark| window.is_none_or(|s| sequence::is_near(*mark, wall, s)));
    if mark.is_some_and(|mark| !sequence::is_after(found, mark)) {
        return Err(Refusal::Replayed);
    }
    Ok(found)
}

fn mac(packet: &[u8], message_at: usize, key: &[u8]) -> Hmac<Sha256> {
    let (ip, rest) = packet.split_at(message_at);
    let covered = &rest[..rest.len() - HASH_LEN];
    let (family, source) = if is_v6(ip) {
        (6, &ip[8..24])
    } else {
        (4, &ip[12..16])
    };
    let mut unsent = [0; 20];
    unsent[..3].copy_from_slice(&[family, rest[0] >> 4, rest[1]]);
    unsent[4..4 + source.len()].copy_from_slice(source);
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    mac.update(&unsent);
    mac.update(&covered[..CHECKSUM]);
    mac.update(&[0; 2]);
    mac.update(&covered[ADVERT_HEADER_LEN..]);
    mac.update(&[0; HASH_LEN]);
    mac
}
