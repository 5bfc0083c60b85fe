//! `auth_type AH`: an Authentication Header between the IPv4 header and the message.
//!
//! As keepalived has it: the SPI is the source address, the key the password padded
//! with zeros to eight octets, and the hash covers the whole packet with what routers
//! change set to zero: type of service, fragment, checksum, its own place, and of unicast
//! the TTL. RFC 2402 §3.3.3.1 zeroes the TTL of multicast as well; keepalived does not.

use super::{Received, Refusal, octets};
use hmac::{Hmac, Mac};
use md5::Md5;
use vrrp_common::wire::{AH_LEN, AH_LENGTH_WORDS, IPPROTO_VRRP};

/// Octets of the hash that are sent (RFC 2403 §2).
const HASH_LEN: usize = 12;
/// Where in the header the SPI, the sequence number and the hash are (RFC 2402 §2).
const SPI: usize = 4;
const SEQUENCE: usize = 8;
const HASH: usize = 12;
const IP_HEADER_LEN: usize = 20;
const IP_SOURCE: usize = 12;

/// Fills in the header of a packet that has room for it: an IPv4 header without
/// options, [`AH_LEN`] octets, and the message.
pub fn seal(packet: &mut [u8], unicast: bool, key: [u8; 8], sequence: u32) {
    let (ip, rest) = packet.split_at_mut(IP_HEADER_LEN);
    let header = &mut rest[..AH_LEN];
    header.fill(0);
    header[0] = IPPROTO_VRRP;
    header[1] = AH_LENGTH_WORDS;
    header[SPI..SEQUENCE].copy_from_slice(&ip[IP_SOURCE..IP_SOURCE + 4]);
    header[SEQUENCE..HASH].copy_from_slice(&sequence.to_be_bytes());
    let hash = mac(packet, IP_HEADER_LEN, unicast, key)
        .finalize()
        .into_bytes();
    packet[IP_HEADER_LEN + HASH..IP_HEADER_LEN + AH_LEN].copy_from_slice(&hash[..HASH_LEN]);
}

/// The sequence number, if the hash is right.
pub fn verify(received: &Received<'_>, key: [u8; 8]) -> Result<u32, Refusal> {
    let packet = received.packet;
    let ip_len = received.message_at.checked_sub(AH_LEN);
    let ip_len = ip_len
        .filter(|len| (IP_HEADER_LEN..=60).contains(len))
        .ok_or(Refusal::Form)?;
    let source: [u8; 4] = octets(packet, IP_SOURCE)?;
    let hash: [u8; HASH_LEN] = octets(packet, ip_len + HASH)?;
    mac(packet, ip_len, received.unicast, key)
        .verify_truncated_left(&hash)
        .map_err(|_| Refusal::Hash)?;
    // Only now: of a forged packet nothing else matters.
    if octets::<4>(packet, ip_len + SPI)? != source {
        return Err(Refusal::Form);
    }
    octets(packet, ip_len + SEQUENCE).map(u32::from_be_bytes)
}

/// Over a packet whose IPv4 header is `ip_len` octets long.
fn mac(packet: &[u8], ip_len: usize, unicast: bool, key: [u8; 8]) -> Hmac<Md5> {
    let (ip, rest) = packet.split_at(ip_len);
    // The longest header there is; no allocation on the way out.
    let mut copy = [0; 60];
    let ip_copy = &mut copy[..ip_len];
    ip_copy.copy_from_slice(ip);
    let ip = ip_copy;
    ip[1] = 0;
    ip[6..8].fill(0);
    if unicast {
        ip[8] = 0;
    }
    ip[10..12].fill(0);
    let mut mac = Hmac::<Md5>::new_from_slice(&key).expect("a key of any length will do");
    mac.update(ip);
    mac.update(&rest[..HASH]);
    mac.update(&[0; HASH_LEN]);
    mac.update(&rest[AH_LEN..]);
    mac
}
