//! A VRRP packet: stamped and passed, or counted and dropped.
//!
//! The checks stand in the order of cost and of sense: whose packet it is, what
//! the kernel's IP layer would have refused, then the message itself. Where a hash is
//! left to verify, the packet is handed to the daemon and stamps nobody (`handing`).

mod envelope;
mod handing;
mod message;
mod record;

use crate::{
    address::Address,
    checksum::{self, Sum},
    diagnostic::Diagnostic,
    link::{self, Link},
    tables::Tables,
    view::{View, be16},
};
use envelope::Envelope;
use record::Aftermath;
use vrrp_common::{
    counter::Cause,
    event::{Event, KIND_CONFLICT, KIND_REJECTED},
    maps::{
        CAST_UNICAST, EVENT_SPACING_NS, PeerKey, Talker, TalkerKey, VR_CHECK_UNICAST_SOURCE,
        VR_LISTED_SOURCES, VirtualRouter, take_turn,
    },
    wire::{ADVERT_HEADER_LEN, AH_LEN, AUTH_AH},
};

pub use envelope::{Found, locate_v4, locate_v6};
pub use handing::copy_and_submit;

/// What becomes of a packet of protocol 112, or 51 with VRRP in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// None of our virtual routers: treat it like any other packet.
    NotOurs,
    /// Valid, and stamped; or valid but for its hash, and handed to the daemon.
    Accepted,
    /// Counted; it must not reach the stack.
    Rejected,
}

/// "More fragments" (RFC 791 §3.1).
const MORE_FRAGMENTS: u16 = 0x2000;

/// Judges an IPv4 packet of protocol 112 or 51.
#[inline(never)]
pub fn receive_v4<V: View, T: Tables>(frame: &V, tables: &T, link: &Link, ifindex: u32) -> Outcome {
    receive(
        frame,
        tables,
        false,
        link.payload,
        &locate_v4(frame, link, ifindex),
        |envelope| {
            let header = frame
                .window::<20>(link.payload)
                .ok_or(Cause::DropTruncated)?;
            if be16(header, 6) & MORE_FRAGMENTS != 0 {
                return Err(Cause::DropFragment);
            }
            let (total_len, header_len) =
                (be16(header, 2) as usize, envelope.message - link.payload);
            if total_len < header_len + ADVERT_HEADER_LEN {
                return Err(Cause::DropIpHeader);
            }
            if !frame.holds(link.payload, total_len) {
                return Err(Cause::DropTruncated);
            }
            // Hardly any has options, and without them it is in sight already.
            let ip_header_len = if envelope.ah {
                header_len - AH_LEN
            } else {
                header_len
            };
            let sum = if ip_header_len == 20 {
                Sum::of_five_words(header)
            } else {
                checksum::of(frame, link.payload, ip_header_len).ok_or(Cause::DropTruncated)?
            };
            if !sum.is_valid() {
                return Err(Cause::DropIpChecksum);
            }
            if envelope.source.is_martian_v4() {
                return Err(Cause::DropSource);
            }
            Ok(total_len - header_len)
        },
    )
}

/// Judges an IPv6 packet whose first next header is 112. One behind extension
/// headers is none of ours: RFC 9568 has none.
#[inline(never)]
pub fn receive_v6<V: View, T: Tables>(frame: &V, tables: &T, link: &Link, ifindex: u32) -> Outcome {
    receive(
        frame,
        tables,
        true,
        link.payload,
        &locate_v6(frame, link, ifindex),
        |envelope| {
            let header = frame
                .window::<40>(link.payload)
                .ok_or(Cause::DropTruncated)?;
            let len = be16(header, 4) as usize;
            if len < ADVERT_HEADER_LEN {
                return Err(Cause::DropIpHeader);
            }
            if !frame.holds(envelope.message, len) {
                return Err(Cause::DropTruncated);
            }
            if envelope.source.is_martian_v6() {
                return Err(Cause::DropSource);
            }
            Ok(len)
        },
    )
}

/// `check_ip` makes the checks of one family and gives the message's length. `v6` is
/// that family: the compiler must know it here, and does not see through the key,
/// whose address the map was given.
#[inline(always)]
fn receive<V: View, T: Tables>(
    frame: &V,
    tables: &T,
    v6: bool,
    packet_at: usize,
    found: &Found,
    check_ip: impl FnOnce(&Envelope) -> Result<usize, Cause>,
) -> Outcome {
    let envelope = match found {
        Found::Nothing => return Outcome::NotOurs,
        Found::Broken(envelope, cause) => return reject(frame, tables, envelope, *cause),
        Found::Advert(envelope) => envelope,
    };
    let Some(router) = tables.router(&envelope.vr) else {
        tables.count(Cause::AdvertUnknownVrid);
        return Outcome::NotOurs;
    };
    // Somebody else's unicast on its way through, or a peer that was told
    // another address of ours: seen, but not for this virtual router.
    if envelope.vr.cast == CAST_UNICAST
        && envelope.destination != Address::from_octets(&router.own_address)
    {
        tables.count(Cause::AdvertNotForUs);
        return Outcome::NotOurs;
    }
    let judged = check_ip(envelope)
        .and_then(|len| {
            check_origin(frame, tables, &router, v6, envelope)?;
            Ok(len)
        })
        .and_then(|len| message::check(frame, &router, v6, envelope, len));
    match judged {
        Ok(message) => {
            // Accepted all the same: its sender has a MAC of ours, and is right otherwise.
            if link::is_from(frame, &router.mac) {
                tables.count(Cause::OwnMac);
                notice(frame, tables, envelope, Cause::OwnMac, 0);
            }
            if message.unproven {
                return match handing::hand_up(frame, tables, packet_at, envelope, &message) {
                    Ok(()) => Outcome::Accepted,
                    Err(cause) => reject(frame, tables, envelope, cause),
                };
            }
            let after = record::accept(frame, tables, &router, envelope, &message);
            explain(tables, &router, envelope, after);
        }
        Err(cause) => return reject(frame, tables, envelope, cause),
    }
    Outcome::Accepted
}

#[inline(always)]
fn explain<T: Tables>(tables: &T, router: &VirtualRouter, envelope: &Envelope, after: Aftermath) {
    if !tables.explains() {
        return;
    }
    let (vr, source) = (&envelope.vr, envelope.source);
    if after.revoked() {
        tables.explain(&Diagnostic::Revoked {
            vr,
            source,
            theirs: envelope.priority,
            ours: router.priority,
            epoch: tables
                .gate(router.gate)
                .map_or(0, |gate| gate.revoked_epoch),
            left_us: after.left_us(),
        });
    }
    if after.untold() {
        tables.explain(&Diagnostic::Untold { vr, source });
    }
}

/// Who sent it, how far away, and to which station.
#[inline(always)]
fn check_origin<V: View, T: Tables>(
    frame: &V,
    tables: &T,
    router: &VirtualRouter,
    v6: bool,
    envelope: &Envelope,
) -> Result<(), Cause> {
    if envelope.source == Address::from_octets(&router.own_address) {
        return Err(Cause::DropOwnSource);
    }
    if !v6 && envelope.ah != (router.auth_type == AUTH_AH) {
        return Err(Cause::DropAuthType);
    }
    let station = link::destination(frame).ok_or(Cause::DropTruncated)?;
    if !envelope.fits_station(v6, &router.group, station) {
        return Err(Cause::DropDestination);
    }
    let (mut min_ttl, mut max_ttl) = (router.min_ttl, router.max_ttl);
    let is_unicast = envelope.vr.cast == CAST_UNICAST;
    if is_unicast || router.flags & VR_LISTED_SOURCES != 0 {
        let key = PeerKey {
            vr: envelope.vr,
            source: envelope.source.octets(),
        };
        match tables.source(&key) {
            Some(listed) => (min_ttl, max_ttl) = (listed.min_ttl, listed.max_ttl),
            None if !is_unicast => return Err(Cause::DropNotAllowed),
            None if router.flags & VR_CHECK_UNICAST_SOURCE != 0 => {
                return Err(Cause::DropNotAPeer);
            }
            None => {}
        }
    }
    // RFC 9568 §5.1.1.3, and RFC 5082 §3 for unicast.
    if envelope.ttl < min_ttl || envelope.ttl > max_ttl {
        return Err(Cause::DropTtl);
    }
    Ok(())
}

/// Counts what is refused. In a flood that is all: the rest is in [`notice`], behind
/// a call that most of it does not pay for.
#[inline(always)]
fn reject<V: View, T: Tables>(frame: &V, tables: &T, envelope: &Envelope, cause: Cause) -> Outcome {
    tables.count(cause);
    let refusal = tables
        .limits(|limits| limits.refuse(cause as u32, tables.tick(), || tables.now_ns()))
        .unwrap_or_default();
    let rest = refusal.weight << 1 | refusal.tell as u32;
    if rest != 0 || matches!(cause, Cause::DropOwnSource) {
        notice(frame, tables, envelope, cause, rest);
    }
    Outcome::Rejected
}

/// Adds what is refused to its sender's record, and tells of it or of what is strange.
/// `rest`: for how many it stands, and in the last bit whether to tell of it; a
/// conflict has a limit of its own.
#[inline(never)]
fn notice<V: View, T: Tables>(frame: &V, tables: &T, envelope: &Envelope, cause: Cause, rest: u32) {
    let now_ns = tables.now_ns();
    let (weight, mut tell) = (rest >> 1, rest & 1 != 0);
    let is_conflict = matches!(cause, Cause::OwnMac | Cause::DropOwnSource);
    if is_conflict {
        let turn = tables.limits(|limits| {
            let last_ns = if matches!(cause, Cause::OwnMac) {
                &mut limits.own_mac_ns
            } else {
                &mut limits.own_source_ns
            };
            take_turn(last_ns, EVENT_SPACING_NS, now_ns)
        });
        tell = turn == Some(true);
    }
    let mac = link::source(frame).unwrap_or([0; 6]);
    if weight != 0 {
        let key = TalkerKey {
            ifindex: envelope.vr.ifindex,
            family: envelope.vr.family,
            pad: 0,
            mac,
            source: envelope.source.octets(),
        };
        tables.talked(
            &key,
            &Talker {
                dropped: weight as u64,
                last_seen_ns: now_ns,
                cause: cause as u32,
                vrid: envelope.vr.vrid as u32,
            },
        );
    }
    if tell {
        tables.tell(|| Event {
            at_ns: now_ns,
            kind: if is_conflict {
                KIND_CONFLICT
            } else {
                KIND_REJECTED
            },
            vr: envelope.vr,
            cause: cause as u32,
            source: envelope.source.octets(),
            address: envelope.source.octets(),
            priority: envelope.priority,
            version: envelope.version,
            ttl: envelope.ttl,
            mac,
            ..Event::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        egress, ingress,
        testing::{
            World,
            cases::{self, IFINDEX, Scene},
            frames::{Advert, PEER_MAC},
        },
    };
    use proptest::prelude::*;
    use std::sync::LazyLock;
    use vrrp_common::{
        counter::Cause,
        event::{KIND_ADVERT, KIND_REJECTED, NEWS_UNRECORDED},
        maps::{
            LOSER_WINDOW_NS, LOSERS_IN_WINDOW, PEER_SPACING_NS, REJECTED_WINDOW_NS, TALKER_EXACT,
            TALKER_SAMPLE,
        },
    };

    fn frame_of(name: &str) -> (Scene, Vec<u8>) {
        let case = cases::all()
            .into_iter()
            .find(|case| case.name == name)
            .expect("such a case");
        (case.scene, case.frame)
    }

    fn receive(world: &World, frame: &[u8]) -> ingress::Verdict {
        ingress::judge(&mut frame.to_vec(), world, IFINDEX)
    }

    #[test]
    fn a_source_without_a_record_is_told_every_time() {
        let (scene, frame) = frame_of("v3, checksum with pseudo-header");
        let world = scene.world();
        world.peer_room.set(0);
        for _ in 0..2 {
            assert_eq!(receive(&world, &frame), ingress::Verdict::Pass);
            assert!(world.take_counts().contains(&Cause::PeerTableFull));
            let events = world.take_events();
            assert_eq!(
                (events[0].kind, events[0].news),
                (KIND_ADVERT, NEWS_UNRECORDED)
            );
        }
    }

    #[test]
    fn an_event_without_room_is_counted() {
        let (scene, frame) = frame_of("v3, checksum with pseudo-header");
        let world = scene.world();
        world.event_room.set(0);
        // Without a record it is news each time.
        world.peer_room.set(0);
        for _ in 0..3 {
            receive(&world, &frame);
        }
        assert!(world.take_counts().contains(&Cause::EventLost));
        let explained = world.take_diagnostics();
        assert_eq!(explained.len(), 1, "once in a while: {explained:?}");
        assert!(explained[0].starts_with("Untold"), "{explained:?}");
    }

    #[test]
    fn a_revocation_is_explained_once() {
        let (scene, frame) = frame_of("higher priority");
        let world = scene.world();
        for _ in 0..2 {
            receive(&world, &frame);
        }
        let explained = world.take_diagnostics();
        assert_eq!(explained.len(), 1, "{explained:?}");
        assert!(
            explained[0].starts_with("Revoked") && explained[0].contains("theirs: 101, ours: 100"),
            "{explained:?}"
        );
    }

    #[test]
    fn rejections_are_told_once_a_second_each_and_counted_always() {
        let (scene, frame) = frame_of("one bit of an address");
        let (_, other) = frame_of("TTL 254");
        let world = scene.world();
        let step_ns = REJECTED_WINDOW_NS / 4;
        for _ in 0..9 {
            receive(&world, &frame);
            receive(&world, &other);
            world.pass_time(step_ns);
        }
        assert_eq!(world.take_counts().len(), 18);
        let causes: Vec<u32> = world
            .take_events()
            .iter()
            .inspect(|event| assert_eq!(event.kind, KIND_REJECTED))
            .map(|event| event.cause)
            .collect();
        let both = [Cause::DropChecksum as u32, Cause::DropTtl as u32];
        assert_eq!(causes, both.repeat(3));
        // A rejection does not use up an accepted advert's turn.
        let (_, good) = frame_of("v3, checksum with pseudo-header");
        receive(&world, &good);
        assert_eq!(world.take_events().len(), 1);
    }

    #[test]
    fn whoever_sends_what_is_refused_is_remembered() {
        let (scene, frame) = frame_of("one bit of an address");
        let (_, other) = frame_of("TTL 254");
        let world = scene.world();
        let (exact, sampled) = (u64::from(TALKER_EXACT), u64::from(TALKER_SAMPLE) * 3);
        for _ in 0..exact + sampled + 5 {
            receive(&world, &frame);
        }
        let one = |world: &World| match world.talkers().as_slice() {
            [(key, talker)] => (*key, *talker),
            other => panic!("{other:?}"),
        };
        let (key, talker) = one(&world);
        assert_eq!((key.ifindex, key.mac), (IFINDEX, PEER_MAC));
        assert_eq!(key.source[..4], [10, 9, 0, 2]);
        assert_eq!(talker.dropped, exact + sampled, "under a flood by samples");
        assert_eq!(
            (talker.cause, talker.vrid),
            (Cause::DropChecksum as u32, 52)
        );
        // What was left out goes with the next tick's first.
        world.pass_time(5_000_000);
        receive(&world, &other);
        let (_, talker) = one(&world);
        assert_eq!(talker.dropped, exact + sampled + 6);
        assert_eq!(talker.cause, Cause::DropTtl as u32);
        // Whoever is accepted is nobody's trouble.
        let (_, good) = frame_of("v3, checksum with pseudo-header");
        receive(&world, &good);
        assert_eq!(one(&world).1, talker);
    }

    #[test]
    fn a_loser_that_repeats_itself_is_told_of_every_ten_milliseconds() {
        let (scene, frame) = frame_of("steady loser while we own");
        let world = scene.world();
        world.pass_time(PEER_SPACING_NS);
        for _ in 0..100 {
            receive(&world, &frame);
            world.pass_time(1_000_000);
        }
        assert_eq!(world.take_events().len(), 10);
        let spared = |cause: &&Cause| **cause == Cause::EventSpared;
        assert_eq!(world.take_counts().iter().filter(spared).count(), 90);
    }

    /// Each from another address, with the claim standing, and more than a second's.
    #[test]
    fn new_losers_are_deferred_and_new_winners_never() {
        let (scene, _) = frame_of("steady loser while we own");
        let from = |host: u32, priority| Advert {
            from: core::net::Ipv4Addr::from_bits(0x0a09_4000 + host).into(),
            priority,
            ..cases::v3()
        };
        let budget = LOSERS_IN_WINDOW;
        let world = scene.world();
        for host in 0..budget + 50 {
            receive(&world, &from(host, 90).build());
        }
        let budget = usize::try_from(budget).expect("few");
        assert_eq!(world.take_events().len(), budget);
        let deferred = |cause: &&Cause| **cause == Cause::EventDeferred;
        assert_eq!(world.take_counts().iter().filter(deferred).count(), 50);
        // Whether our claim stands, as for the first, or not.
        for host in 5000..5050 {
            receive(&world, &from(host, 101).build());
        }
        assert_eq!(world.take_events().len(), 50);
        assert!(!world.take_counts().contains(&Cause::EventDeferred));
        world.pass_time(LOSER_WINDOW_NS);
        receive(&world, &from(9000, 90).build());
        assert_eq!(world.take_events().len(), 1);
    }

    #[test]
    fn a_steady_peer_is_stamped_and_not_told() {
        let (scene, frame) = frame_of("v3, checksum with pseudo-header");
        let world = scene.world();
        receive(&world, &frame);
        let key = world
            .take_events()
            .first()
            .map(|event| vrrp_common::maps::PeerKey {
                vr: event.vr,
                source: event.source,
            });
        let first = world.peer(&key.expect("news")).expect("a record");
        world.pass_time(77);
        receive(&world, &frame);
        assert_eq!(world.take_events(), []);
        let second = world.peer(&key.expect("news")).expect("a record");
        assert_eq!(second.last_seen_ns, first.last_seen_ns + 77);
        assert_eq!(
            (second.first_seen_ns, second.adverts),
            (first.first_seen_ns, 2)
        );
    }

    /// Every frame of the table, to be mangled.
    static SEEDS: LazyLock<Vec<Vec<u8>>> =
        LazyLock::new(|| cases::all().into_iter().map(|case| case.frame).collect());

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn no_frame_is_read_beyond_its_end(
            which in 0..1000usize,
            cut in 0..80usize,
            noise in prop::collection::vec((0..120usize, any::<u8>()), 0..6),
            accelerated: Option<u16>,
        ) {
            let mut frame = SEEDS[which % SEEDS.len()].clone();
            for (at, octet) in noise {
                if let Some(place) = frame.get_mut(at) {
                    *place = octet;
                }
            }
            frame.truncate(frame.len().saturating_sub(cut));
            let mut scene = Scene::default();
            scene.open(cases::GATE_V6);
            let world = scene.world();
            egress::judge(&frame, &world, IFINDEX, accelerated);
            ingress::judge(&mut frame, &world, IFINDEX);
        }

        #[test]
        fn noise_is_survived(mut frame in prop::collection::vec(any::<u8>(), 0..200)) {
            let world = Scene::default().world();
            egress::judge(&frame, &world, IFINDEX, None);
            ingress::judge(&mut frame, &world, IFINDEX);
        }
    }

    #[test]
    fn no_advert_survives_one_wrong_bit() {
        for name in [
            "v3, checksum with pseudo-header",
            "v2 with a password",
            "IPv6, link-local first",
        ] {
            let (scene, frame) = frame_of(name);
            // The IPv6 header has no checksum; what of it matters is in the sum.
            let first = if name.starts_with("IPv6") { 14 + 8 } else { 14 };
            for bit in first * 8..frame.len() * 8 {
                let mut frame = frame.clone();
                frame[bit / 8] ^= 1 << (bit % 8);
                let world = scene.world();
                receive(&world, &frame);
                let counts = world.take_counts();
                assert!(
                    !counts.contains(&Cause::AdvertAccepted),
                    "{name}, bit {bit}"
                );
            }
        }
    }
}
