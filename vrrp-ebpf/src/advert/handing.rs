//! An advert whose hash is left to verify: handed to the daemon, if its source may.
//!
//! It stamps nobody and shuts no gate here. Whoever forges such adverts must not
//! decide how much the daemon computes, nor crowd out those it waits for. So there are
//! three purses: that of a source that was verified before, as long as it sends from
//! the station it was heard from; that of a listed source; and one for all strangers.

use super::{envelope::Envelope, message::Message};
use crate::{
    link,
    tables::Tables,
    view::{self, View, be16},
};
use vrrp_common::{
    counter::Cause,
    maps::{FAMILY_V6, Peer, PeerKey},
    unproven::{MAX_PACKET_LEN, PACKET_ROOM, Unproven},
};

/// Fills the draft with what was found out, and sends it off with the packet.
#[inline(never)]
pub(super) fn hand_up<V: View, T: Tables>(
    frame: &V,
    tables: &T,
    packet_at: usize,
    envelope: &Envelope,
    message: &Message,
) -> Result<(), Cause> {
    let now_ns = tables.now_ns();
    let mac = link::source(frame).unwrap_or([0; 6]);
    let key = PeerKey {
        vr: envelope.vr,
        source: envelope.source.octets(),
    };
    if !tables.afford(&key, &mac, now_ns) {
        return Err(Cause::DropOverBudget);
    }
    let header = frame.window::<8>(packet_at).ok_or(Cause::DropTruncated)?;
    let len = if envelope.vr.family == FAMILY_V6 {
        be16(header, 4) as usize + 40
    } else {
        be16(header, 2) as usize
    };
    if len > MAX_PACKET_LEN {
        return Err(Cause::DropLength);
    }
    tables.draft(|draft| {
        draft.heard = Peer {
            last_seen_ns: now_ns,
            first_seen_ns: now_ns,
            adverts: 0,
            turn_ns: now_ns,
            interval_cs: message.interval_cs,
            priority: message.priority,
            version: message.version,
            ttl: envelope.ttl,
            checksum_form: message.checksum_form,
            mac,
            address_count: message.address_count,
            addresses_differ: message.addresses_differ as u8,
        };
        draft.key = key;
        draft.len = len as u16;
        draft.message_at = (envelope.message - packet_at) as u16;
    });
    if !frame.hand_up(tables, packet_at, len) {
        return Err(Cause::DropUnverified);
    }
    tables.count(Cause::AdvertToVerify);
    Ok(())
}

/// [`View::hand_up`], one word at a time: every part of such a packet is a multiple of
/// four octets.
#[inline(always)]
pub fn copy_and_submit<V: View, T: Tables>(frame: &V, tables: &T, at: usize, len: usize) -> bool {
    let mut whole = true;
    tables.draft(|draft: &mut Unproven| {
        // A constant bound, because kernels before 5.17 have no other loops.
        for i in 0..PACKET_ROOM / 4 {
            if i * 4 >= len {
                break;
            }
            let Some(window) = frame.window::<4>(at + i * 4) else {
                whole = false;
                break;
            };
            view::put_word(&mut draft.packet, i, view::word(window, 0));
        }
    });
    whole && tables.submit(len)
}

#[cfg(test)]
mod tests {
    use crate::{
        ingress,
        testing::{
            World,
            cases::{GATE_V2, IFINDEX, Scene, ah},
            frames::{Advert, PEER_MAC},
            ip, octets,
        },
    };
    use vrrp_common::{
        counter::Cause,
        maps::{BUDGET_IN_WINDOW, BUDGET_WINDOW_NS, Proven},
        unproven::Unproven,
        wire::AUTH_AH,
    };

    fn world() -> World {
        let mut scene = Scene::default();
        scene.router(GATE_V2).auth_type = AUTH_AH;
        scene.world()
    }

    fn handed(world: &World, advert: &Advert, times: u64) -> Vec<Unproven> {
        for _ in 0..times {
            let _ = ingress::judge(&mut advert.build(), world, IFINDEX);
        }
        world.take_unproven()
    }

    fn count(handed: &[Unproven]) -> u64 {
        handed.len() as u64
    }

    #[test]
    fn the_packet_goes_up_as_it_came() {
        let world = world();
        world.pass_time(5);
        let frame = ah().build();
        let handed = handed(&world, &ah(), 1);
        let [record] = handed.as_slice() else {
            panic!("{handed:?}");
        };
        let len = usize::from(record.len);
        assert_eq!(record.packet[..len], frame[14..14 + len]);
        assert_eq!(14 + len, frame.len());
        assert_eq!(record.message_at, 44);
        assert_eq!(record.key.source, octets(ip("10.9.0.2")));
        let heard = record.heard;
        assert_eq!(heard.last_seen_ns, 1_000_000_005);
        assert_eq!(
            (heard.priority, heard.version, heard.interval_cs),
            (90, 2, 100)
        );
        assert_eq!(heard.mac, PEER_MAC);
        assert_eq!(world.peer(&record.key), None, "nobody is stamped");
    }

    #[test]
    fn nobody_spends_what_another_has() {
        let world = world();
        let known = ah();
        let key = handed(&world, &known, 1)[0].key;
        let proven = Proven {
            mac: PEER_MAC,
            ..Proven::default()
        };
        world.set_proven(key, proven);
        // Strangers, and one who says he is the peer and sends from elsewhere.
        let stranger = Advert {
            from: ip("10.9.0.77"),
            ..ah()
        };
        let flood = handed(&world, &stranger, 3 * BUDGET_IN_WINDOW);
        // The one of before was a stranger, too.
        assert_eq!(count(&flood), BUDGET_IN_WINDOW - 1);
        let refused = world.take_counts();
        let over = refused.iter().filter(|it| **it == Cause::DropOverBudget);
        assert_eq!(over.count() as u64, 2 * BUDGET_IN_WINDOW + 1);
        let mut forged = known.build();
        forged[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 0x77]);
        let _ = ingress::judge(&mut forged, &world, IFINDEX);
        assert_eq!(count(&world.take_unproven()), 0);
        // The peer itself has all of its own.
        let own = handed(&world, &known, 3 * BUDGET_IN_WINDOW);
        assert_eq!(count(&own), BUDGET_IN_WINDOW);
        world.pass_time(BUDGET_WINDOW_NS);
        assert_eq!(count(&handed(&world, &stranger, 1)), 1);
        assert_eq!(count(&handed(&world, &known, 1)), 1);
    }

    #[test]
    fn a_listed_source_has_its_own() {
        let mut scene = Scene::default();
        scene.router(GATE_V2).auth_type = AUTH_AH;
        scene.only_from(GATE_V2, "10.9.0.2");
        let world = scene.world();
        let handed = handed(&world, &ah(), 2 * BUDGET_IN_WINDOW);
        assert_eq!(count(&handed), BUDGET_IN_WINDOW);
        let strangers = {
            use crate::tables::Tables as _;
            world.limits(|limits| limits.strangers.spent)
        };
        assert_eq!(strangers, Some(0), "not the strangers'");
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let world = world();
        world.unproven_room.set(0);
        assert_eq!(count(&handed(&world, &ah(), 1)), 0);
        assert_eq!(world.take_counts(), [Cause::DropUnverified]);
    }
}
