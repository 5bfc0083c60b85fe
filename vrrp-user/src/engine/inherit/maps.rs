//! What a predecessor of this process owned, out of the maps it left.

use super::{Inherited, InheritedRouter};
use crate::{
    ownership::command::{Epoch, GateId},
    packet::octets::address,
    time::Instant,
};
use std::collections::BTreeMap;
use vrrp_common::{
    gate::Gate,
    maps::{Peer, PeerKey, VirtualRouter, VrKey},
};

/// Every group whose gate was opened in a claim that nobody has beaten or given up
/// since. Its lease may be over.
pub fn groups(
    routers: &[(VrKey, VirtualRouter)],
    peers: &[(PeerKey, Peer)],
    gate: impl Fn(GateId) -> Gate,
) -> Vec<Inherited> {
    let mut by_gate: BTreeMap<GateId, Vec<&(VrKey, VirtualRouter)>> = BTreeMap::new();
    for entry in routers {
        by_gate.entry(GateId(entry.1.gate)).or_default().push(entry);
    }
    let opened = |record: &Gate| record.is_claimed() && record.lease_end_ns != 0;
    by_gate
        .into_iter()
        .map(|(id, members)| (id, gate(id), members))
        .filter(|(_, record, _)| opened(record))
        .map(|(id, record, members)| {
            let heard = peers
                .iter()
                .filter(|(peer, _)| members.iter().any(|(key, _)| *key == peer.vr))
                .map(|(_, peer)| Instant::from_ns(peer.last_seen_ns));
            Inherited {
                gate: id,
                epoch: Epoch(record.epoch),
                lease_end: Instant::from_ns(record.lease_end_ns),
                last_sent: Instant::from_ns(record.last_sent_ns),
                last_heard: heard.max(),
                members: members.into_iter().map(inherited_router).collect(),
            }
        })
        .collect()
}

fn inherited_router((key, record): &(VrKey, VirtualRouter)) -> InheritedRouter {
    InheritedRouter {
        key: *key,
        source: address(key.family, record.own_address),
        group: address(key.family, record.group),
        priority: record.priority,
        version: record.version,
        interval_cs: record.interval_cs,
        sent_form: record.sent_form,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;
    use vrrp_common::{
        maps::{CHECKSUM_PSEUDO, FAMILY_V4},
        wire::GROUP_V4,
    };

    fn key(vrid: u8) -> VrKey {
        VrKey {
            ifindex: 2,
            vrid,
            family: FAMILY_V4,
            ..VrKey::default()
        }
    }

    fn router(vrid: u8, gate: u32) -> (VrKey, VirtualRouter) {
        let mut own_address = [0; 16];
        own_address[..4].copy_from_slice(&[10, 0, 0, vrid]);
        let mut group = [0; 16];
        group[..4].copy_from_slice(&GROUP_V4);
        let record = VirtualRouter {
            own_address,
            group,
            gate,
            interval_cs: 10,
            priority: 150,
            version: 3,
            sent_form: CHECKSUM_PSEUDO,
            ..VirtualRouter::default()
        };
        (key(vrid), record)
    }

    #[test]
    fn what_is_claimed_and_was_open_is_inherited_whole() {
        let open = Gate {
            epoch: 7,
            lease_end_ns: 900,
            last_sent_ns: 600,
            ..Gate::default()
        };
        let gates = [
            open,
            Gate {
                revoked_epoch: 7,
                ..open
            },
            Gate {
                closed_epoch: 7,
                ..open
            },
            // Claimed, held, never opened.
            Gate {
                lease_end_ns: 0,
                ..open
            },
        ];
        let routers = [
            router(1, 0),
            router(2, 0),
            router(3, 1),
            router(4, 2),
            router(5, 3),
        ];
        let heard = |vrid, at| {
            let key = PeerKey {
                vr: key(vrid),
                source: [9; 16],
            };
            let peer = Peer {
                last_seen_ns: at,
                ..Peer::default()
            };
            (key, peer)
        };
        let peers = [heard(1, 5), heard(2, 8), heard(3, 100)];
        let found = groups(&routers, &peers, |gate| gates[gate.0 as usize]);
        let [group] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(
            (group.gate, group.epoch, group.lease_end, group.last_sent),
            (
                GateId(0),
                Epoch(7),
                Instant::from_ns(900),
                Instant::from_ns(600)
            )
        );
        assert_eq!(group.last_heard, Some(Instant::from_ns(8)));
        let want = InheritedRouter {
            key: key(1),
            source: IpAddr::from([10, 0, 0, 1]),
            group: IpAddr::from(GROUP_V4),
            priority: 150,
            version: 3,
            interval_cs: 10,
            sent_form: CHECKSUM_PSEUDO,
        };
        assert_eq!((group.members.len(), group.members[0]), (2, want));
    }
}
