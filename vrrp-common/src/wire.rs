//! Numbers on the wire. Sections are RFC 9568 unless noted.

/// IP protocol of VRRP (§5.1.1.4).
pub const IPPROTO_VRRP: u8 = 112;
/// IPv4 group (§5.1.1.2).
pub const GROUP_V4: [u8; 4] = [224, 0, 0, 18];
/// IPv6 group (§5.1.2.2).
pub const GROUP_V6: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12];
/// Ethernet form of the IPv4 group (RFC 1112 §6.4).
pub const GROUP_MAC_V4: [u8; 6] = [0x01, 0x00, 0x5e, 0x00, 0x00, 0x12];
/// Ethernet form of the IPv6 group (RFC 2464 §7).
pub const GROUP_MAC_V6: [u8; 6] = [0x33, 0x33, 0x00, 0x00, 0x00, 0x12];
/// IP protocol of ICMP.
pub const IPPROTO_ICMP: u8 = 1;
/// IP protocol of TCP.
pub const IPPROTO_TCP: u8 = 6;
/// IP protocol of UDP.
pub const IPPROTO_UDP: u8 = 17;
/// IP protocol of SCTP.
pub const IPPROTO_SCTP: u8 = 132;
/// IP protocol of ICMP for IPv6.
pub const IPPROTO_ICMPV6: u8 = 58;
/// The only TTL or hop limit a multicast advert may carry (§5.1.1.3).
pub const ADVERT_TTL: u8 = 255;
/// VRRP message type 1, the only one (§5.2.2).
pub const TYPE_ADVERTISEMENT: u8 = 1;
/// Octets ahead of the address list, both versions (§5.2).
pub const ADVERT_HEADER_LEN: usize = 8;
/// Octets of authentication data after a version 2 address list (RFC 2338 §5.3.10).
pub const V2_AUTH_LEN: usize = 8;
/// RFC 2338 §5.3.6.
pub const AUTH_NONE: u8 = 0;
/// RFC 2338 §5.3.6: eight zero-padded octets in clear text.
pub const AUTH_SIMPLE: u8 = 1;
/// RFC 2338 §5.3.6: IP Authentication Header.
pub const AUTH_AH: u8 = 2;
/// IP protocol of the Authentication Header (RFC 2402 §2).
pub const IPPROTO_AH: u8 = 51;
/// Octets of an Authentication Header with a hash of 96 bits (RFC 2402 §2, RFC 2403 §2).
pub const AH_LEN: usize = 24;
/// Its length field: 32-bit words, less 2 (RFC 2402 §2.2).
pub const AH_LENGTH_WORDS: u8 = 4;
/// Octets of keepalived's `auth_hmac` trailer, which follows the message.
pub const TRAILER_LEN: usize = 28;
/// An Active that leaves (§5.2.4).
pub const PRIORITY_RESIGN: u8 = 0;
/// The address owner (§5.2.4).
pub const PRIORITY_OWNER: u8 = 255;
/// Adverts a Backup waits for before it takes over (§6.1).
pub const DOWN_TIMER_ADVERTS: u32 = 3;
/// Largest Max Advertise Interval, in centiseconds (§5.2.7).
pub const MAX_INTERVAL_CS: u16 = 4095;

/// `00-00-5E-00-01-VRID` or `00-00-5E-00-02-VRID` (§7.3).
#[must_use]
pub const fn virtual_mac(family: u8, vrid: u8) -> [u8; 6] {
    [
        0,
        0,
        0x5e,
        0,
        if family == crate::maps::FAMILY_V6 {
            2
        } else {
            1
        },
        vrid,
    ]
}
