//! Against packets of keepalived 2.2.7 (AH), and the vectors of the draft that describes
//! the trailer (key 00..1f, VRID 51, priority 200, sequence 6800000080000000).

use super::{Received, Refusal, ah, sequence, trailer, verify};
use crate::config::model::{AntiReplay, Authentication, Trailer, TrailerMode};
use Refusal::{Form, Hash, Key, Replayed, Stale};
use std::collections::BTreeMap;

/// Sent by keepalived 2.2.7: VRID 77, priority 100, sequence 1, `auth_pass s3cret`.
const AH_MULTICAST: &str = "45c0004000010000ff33d0680a4d0002e0000012700400000a4d000200000001\
    759a273a5f92def491cf19ef214d640102016dff0a4d00640000000000000000";
/// Likewise, to one peer.
const AH_UNICAST: &str = "45c0004000010000ff33a62d0a4d00020a4d0001700400000a4d000200000001\
    494833255cb8bcfbcc22adac214d640102016dff0a4d00640000000000000000";
const AH_KEY: [u8; 8] = *b"s3cret\0\0";
const AH_MESSAGE: usize = 44;

/// From 198.51.100.10; the IP header is not part of the draft's vector.
const TRAILER_V4: &str = "45c0003c00004000ff700000c633640ae0000012\
    3133c80100644402c0000264010100006800000080000000\
    1b84bc4e8e43892dc6d98448f8ee2265";
/// From `fe80::10` to `fe80::20`.
const TRAILER_V6: &str = "6c000000003470ff\
    fe800000000000000000000000000010fe800000000000000000000000000020\
    3133c8010064a2e9fe800000000000000000000000000100\
    010100006800000080000000c8c56146ebfd66ee10ec4d8186461b78";
const SEQUENCE: u64 = 0x6800_0000_8000_0000;

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let nibble = |digit: u8| u8::try_from((digit as char).to_digit(16).unwrap()).unwrap();
    let pairs = digits.chunks(2);
    pairs.map(|it| nibble(it[0]) << 4 | nibble(it[1])).collect()
}

fn settings(anti_replay: AntiReplay) -> Trailer {
    Trailer {
        keys: BTreeMap::from([(1, (0..32).collect()), (2, vec![7; 64])]),
        active_key: 1,
        anti_replay,
        mode: TrailerMode::Enforce,
    }
}

fn judge_ah(packet: &[u8], unicast: bool, mark: Option<u64>) -> Result<u64, Refusal> {
    let received = Received {
        packet,
        message_at: AH_MESSAGE,
        unicast,
    };
    verify(&received, &Authentication::Header(AH_KEY), mark, 0)
}

#[test]
fn keepalived_s_header_is_genuine_and_nothing_else_is() {
    let (multicast, unicast) = (octets(AH_MULTICAST), octets(AH_UNICAST));
    assert_eq!(judge_ah(&multicast, false, None), Ok(1));
    assert_eq!(judge_ah(&unicast, true, None), Ok(1));
    // (what, octet, of a unicast packet, verdict)
    for (what, at, is_unicast, want) in [
        ("type of service", 1, false, Ok(1)),
        ("fragment bits", 6, false, Ok(1)),
        ("IP checksum", 10, false, Ok(1)),
        ("TTL of unicast", 8, true, Ok(1)),
        ("TTL of multicast", 8, false, Err(Hash)),
        ("identification", 5, false, Err(Hash)),
        ("source", 15, false, Err(Hash)),
        ("destination", 19, true, Err(Hash)),
        ("SPI", 27, false, Err(Hash)),
        ("sequence", 31, false, Err(Hash)),
        ("first octet of the hash", 32, false, Err(Hash)),
        ("last octet of the hash", 43, false, Err(Hash)),
        ("priority", 46, false, Err(Hash)),
        ("address", 55, true, Err(Hash)),
        ("last octet", 63, false, Err(Hash)),
    ] {
        let mut packet = if is_unicast { &unicast } else { &multicast }.clone();
        packet[at] ^= 1;
        assert_eq!(judge_ah(&packet, is_unicast, None), want, "{what}");
    }
    let other = Authentication::Header(*b"s3cres\0\0");
    let received = Received {
        packet: &multicast,
        message_at: AH_MESSAGE,
        unicast: false,
    };
    assert_eq!(verify(&received, &other, None, 0), Err(Hash));
    assert_eq!(
        verify(&received, &Authentication::Pass(AH_KEY), None, 0),
        Err(Form)
    );
    for message_at in [0, 24, 43, 85] {
        let received = Received {
            message_at,
            ..received
        };
        assert_eq!(ah::verify(&received, AH_KEY), Err(Form), "{message_at}");
    }
}

#[test]
fn a_header_counts_upwards() {
    let packet = octets(AH_MULTICAST);
    assert_eq!(judge_ah(&packet, false, Some(0)), Ok(1));
    assert_eq!(judge_ah(&packet, false, Some(1)), Err(Replayed));
    assert_eq!(judge_ah(&packet, false, Some(9)), Err(Replayed));
    let of_a_trailer = Some(SEQUENCE);
    assert_eq!(judge_ah(&packet, false, of_a_trailer), Ok(1));
}

#[test]
fn what_we_seal_is_what_keepalived_seals() {
    for (text, unicast) in [(AH_MULTICAST, false), (AH_UNICAST, true)] {
        let wanted = octets(text);
        let mut packet = wanted.clone();
        packet[20..44].fill(0xee);
        ah::seal(&mut packet, unicast, AH_KEY, 1);
        assert_eq!(packet, wanted);
    }
    // An SPI that is not the source, in a packet that is genuine otherwise.
    let mut packet = octets(AH_MULTICAST);
    let source = core::mem::replace(&mut packet[15], 9);
    ah::seal(&mut packet, false, AH_KEY, 1);
    packet[15] = source;
    assert_eq!(
        judge_ah(&packet, false, None),
        Err(Hash),
        "the source is covered"
    );
}

fn judge(
    packet: &[u8],
    message_at: usize,
    anti_replay: AntiReplay,
    mark: Option<u64>,
    wall: u64,
) -> Result<u64, Refusal> {
    let received = Received {
        packet,
        message_at,
        unicast: false,
    };
    let authentication = Authentication::Trailer(settings(anti_replay));
    verify(&received, &authentication, mark, wall)
}

#[test]
fn the_draft_s_vectors_are_genuine_and_nothing_else_is() {
    let (v4, v6) = (octets(TRAILER_V4), octets(TRAILER_V6));
    let monotonic = |packet: &[u8], at| judge(packet, at, AntiReplay::Monotonic, None, 0);
    assert_eq!(monotonic(&v4, 20), Ok(SEQUENCE));
    assert_eq!(monotonic(&v6, 40), Ok(SEQUENCE));
    // (what, octet of the IPv6 packet, verdict)
    for (what, at, want) in [
        ("hop limit", 7, Ok(SEQUENCE)),
        ("destination", 39, Ok(SEQUENCE)),
        ("source", 23, Err(Hash)),
        ("version", 40, Err(Hash)),
        ("VRID", 41, Err(Hash)),
        ("priority", 42, Err(Hash)),
        ("interval", 45, Err(Hash)),
        ("checksum", 46, Ok(SEQUENCE)),
        ("address", 63, Err(Hash)),
        ("type", 64, Err(Form)),
        ("number of the key", 65, Err(Key)),
        ("what is zero", 66, Err(Form)),
        ("what is zero, too", 67, Err(Form)),
        ("seconds", 71, Err(Hash)),
        ("counter", 75, Err(Hash)),
        ("first octet of the hash", 76, Err(Hash)),
        ("last octet of the hash", 91, Err(Hash)),
    ] {
        let mut packet = v6.clone();
        packet[at] ^= 1;
        assert_eq!(monotonic(&packet, 40), want, "{what}");
    }
    // The other key, which is there.
    let mut packet = v6.clone();
    packet[65] = 2;
    assert_eq!(monotonic(&packet, 40), Err(Hash));
    assert_eq!(
        monotonic(&v6[..60], 40),
        Err(Form),
        "too short for a trailer"
    );
}

#[test]
fn what_we_sign_is_what_the_draft_signs() {
    for (text, at) in [(TRAILER_V4, 20), (TRAILER_V6, 40)] {
        let wanted = octets(text);
        let mut packet = wanted.clone();
        let trailer_at = packet.len() - 28;
        packet[trailer_at..].fill(0xee);
        if at == 40 {
            // Of IPv6 the checksum follows from the trailer.
            packet[46..48].fill(0xee);
        }
        trailer::seal(&mut packet, at, &settings(AntiReplay::Monotonic), SEQUENCE);
        assert_eq!(packet, wanted);
    }
}

#[test]
fn a_trailer_is_new_and_of_our_time() {
    let packet = octets(TRAILER_V4);
    let time = AntiReplay::Time { window_s: 5 };
    let at = |seconds: u64| sequence::wall(0x6800_0000 + seconds, 0);
    let early = sequence::wall(0x6800_0000 - 5, 0);
    let case = |anti_replay, mark, wall| judge(&packet, 20, anti_replay, mark, wall);
    for (what, anti_replay, mark, wall, want) in [
        ("the same second", time, None, at(0), Ok(SEQUENCE)),
        ("five later", time, None, at(5), Ok(SEQUENCE)),
        ("five earlier", time, None, early, Ok(SEQUENCE)),
        ("six later", time, None, at(6), Err(Stale)),
        (
            "before that second",
            time,
            None,
            sequence::wall(0x6800_0000 - 6, 0),
            Err(Stale),
        ),
        (
            "no window",
            AntiReplay::Monotonic,
            None,
            at(9999),
            Ok(SEQUENCE),
        ),
        (
            "newer than the mark",
            time,
            Some(SEQUENCE - 1),
            at(0),
            Ok(SEQUENCE),
        ),
        (
            "the mark itself",
            time,
            Some(SEQUENCE),
            at(0),
            Err(Replayed),
        ),
        (
            "older than the mark",
            time,
            Some(SEQUENCE + 1),
            at(0),
            Err(Replayed),
        ),
        (
            "a mark from before a clock was set back",
            time,
            Some(at(60)),
            at(0),
            Ok(SEQUENCE),
        ),
        (
            "which only time forgives",
            AntiReplay::Monotonic,
            Some(at(60)),
            at(0),
            Err(Replayed),
        ),
        (
            "a mark before the wrap",
            AntiReplay::Monotonic,
            Some(u64::MAX - 5),
            at(0),
            Ok(SEQUENCE),
        ),
    ] {
        assert_eq!(case(anti_replay, mark, wall), want, "{what}");
    }
}
