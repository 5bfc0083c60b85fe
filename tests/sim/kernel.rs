//! Maps and programs of one node: plain collections, and the product's own XDP
//! and tc decisions on top of them, frame by frame.

mod maps;

use crate::{
    fixture::IFINDEX,
    mutation::Mutation,
    wire::{self, Wire},
};
use core::net::IpAddr;
use std::collections::BTreeMap;
use vrrp_common::{
    event::{Event, KIND_ADVERT, NEWS_REVOKED},
    gate::Gate,
    maps::{FAMILY_V4, Peer, PeerKey, VIP_IN_STACK, Vip, VipKey, VrKey},
    wire::PRIORITY_RESIGN,
};
use vrrp_ebpf::{egress, ingress, testing::octets};
use vrrp_user::{
    election::timers,
    engine::{
        action::{RouterRecord, VipRecord},
        inherit::{Inherited, maps::groups},
        input::Heard,
    },
    ownership::{
        command::{GateId, VrId},
        sender::GateView,
    },
    time::Instant,
};

use maps::Maps;

/// It outlives the daemon, as what is pinned does.
#[derive(Debug)]
pub(crate) struct Kernel {
    maps: Maps,
    mutation: Mutation,
}

impl GateView for Kernel {
    fn gate(&self, gate: GateId) -> Gate {
        self.maps
            .gates
            .borrow()
            .get(&gate.0)
            .copied()
            .unwrap_or_default()
    }
}

impl Kernel {
    pub(crate) fn new(ring_room: usize, mutation: Mutation) -> Self {
        Self {
            maps: Maps::new(ring_room, mutation == Mutation::NoRevocation),
            mutation,
        }
    }

    /// What shared memory is: any writer, one field at a time.
    pub(crate) fn write_gate(&self, gate: GateId, write: impl FnOnce(&mut Gate)) {
        write(self.maps.gates.borrow_mut().entry(gate.0).or_default());
    }

    /// Every gate record, as a successor finds them.
    pub(crate) fn gates(&self) -> BTreeMap<GateId, Gate> {
        let gates = self.maps.gates.borrow();
        gates
            .iter()
            .map(|(&id, &gate)| (GateId(id), gate))
            .collect()
    }

    /// What a successor may go on with.
    pub(crate) fn inherited(&self) -> Vec<Inherited> {
        let routers: Vec<_> = self.maps.routers.borrow().clone().into_iter().collect();
        let peers: Vec<_> = self.maps.peers.borrow().clone().into_iter().collect();
        let mut found = groups(&routers, &peers, |gate| self.gate(gate));
        if self.mutation == Mutation::ResumedLate {
            for group in &mut found {
                let span = timers::centiseconds(group.members[0].interval_cs);
                group.lease_end = group.lease_end + span * 3;
            }
        }
        found
    }

    pub(crate) fn set_router(&self, old: Option<VrKey>, record: Option<&RouterRecord>) {
        self.maps.set_router(old, record);
    }

    pub(crate) fn set_priority(&self, key: &VrKey, priority: u8) {
        if let Some(record) = self.maps.routers.borrow_mut().get_mut(key) {
            record.priority = priority;
        }
    }

    pub(crate) fn set_vips(&self, vips: &[VipRecord]) {
        let records = vips.iter().map(|record| {
            let vip = Vip {
                gate: record.gate.0,
                flags: if record.in_stack { VIP_IN_STACK } else { 0 },
                mac: record.mac,
                vlan: 0,
                own: record.own,
                pad: [0; 2],
            };
            (vip_key(record.address), vip)
        });
        *self.maps.vips.borrow_mut() = records.collect();
    }

    /// Every address this node answers for at `now`, and until when on its clock.
    pub(crate) fn open(&self, now: Instant) -> Vec<(IpAddr, Instant)> {
        let vips = self.maps.vips.borrow();
        let until = |gate: &Gate| gate.is_open(now.as_ns()).then_some(gate.lease_end_ns);
        let any = |vip: &Vip| {
            let gates = self.maps.gates.borrow();
            if self.mutation == Mutation::AnyMember {
                return gates.values().filter_map(until).max();
            }
            gates.get(&vip.gate).and_then(until)
        };
        vips.iter()
            .filter_map(|(key, vip)| Some((address(key.address), Instant::from_ns(any(vip)?))))
            .collect()
    }

    /// This gate is open.
    pub(crate) fn open_in(&self, gate: GateId, now: Instant) -> bool {
        self.gate(gate).is_open(now.as_ns())
    }

    /// XDP: an advert. `true`: there is news in the ring buffer.
    pub(crate) fn receive(&self, wire: &Wire, now: Instant) -> bool {
        let mut wire = *wire;
        if self.mutation == Mutation::AnybodyResigns && wire.priority == PRIORITY_RESIGN {
            self.lay_it_on_the_owner(&mut wire);
        }
        let before = self.maps.ring.borrow().len();
        self.maps.now_ns.set(now.as_ns());
        ingress::judge(&mut wire.frame(), &self.maps, IFINDEX);
        self.maps.ring.borrow().len() > before
    }

    /// V9 broken: whoever resigns, it is taken for the router heard last.
    fn lay_it_on_the_owner(&self, wire: &mut Wire) {
        let peers = self.maps.peers.borrow();
        let of_vr = peers
            .iter()
            .filter(|(key, peer)| key.vr.vrid == wire.vrid && peer.priority != PRIORITY_RESIGN);
        if let Some((key, _)) = of_vr.max_by_key(|(_, peer)| peer.last_seen_ns) {
            wire.source = address(key.source);
        }
    }

    /// tc: may this advert leave?
    pub(crate) fn lets_out(&self, wire: &Wire, now: Instant) -> bool {
        self.maps
            .leases_unseen
            .set(self.mutation == Mutation::StaleAdvert);
        let passes = self.passes(&wire.frame(), now);
        self.maps.leases_unseen.set(false);
        passes
    }

    /// tc: may this announcement leave?
    pub(crate) fn announces(&self, address: IpAddr, now: Instant) -> bool {
        self.passes(&wire::announcement(address), now)
    }

    fn passes(&self, frame: &Vec<u8>, now: Instant) -> bool {
        self.maps.now_ns.set(now.as_ns());
        egress::judge(frame, &self.maps, IFINDEX, None) == egress::Verdict::Pass
    }

    /// The next record of the ring buffer.
    pub(crate) fn next_event(&self) -> Option<Event> {
        self.maps.ring.borrow_mut().pop_front()
    }

    pub(crate) fn has_events(&self) -> bool {
        !self.maps.ring.borrow().is_empty()
    }

    /// Events the ring buffer had no room for, ever.
    pub(crate) fn events_lost(&self) -> u64 {
        self.maps.lost.get()
    }

    /// Claims that winning adverts have beaten, ever.
    pub(crate) fn revocations(&self) -> u64 {
        self.maps.revocations.get()
    }

    /// The stamps of one virtual router, oldest first.
    pub(crate) fn stamps(&self, vr: VrId, key: &VrKey) -> Vec<(PeerKey, Heard)> {
        let peers = self.maps.peers.borrow();
        let mut found: Vec<_> = peers
            .iter()
            .filter(|(peer, _)| peer.vr == *key)
            .map(|(peer, stamp)| (*peer, stamped(vr, peer, stamp)))
            .collect();
        found.sort_by_key(|(_, heard)| heard.at);
        found
    }
}

/// A ring-buffer record, if it tells of an advert.
pub(crate) fn told(vr: VrId, event: &Event) -> Option<Heard> {
    (event.kind == KIND_ADVERT).then(|| Heard {
        vr,
        source: address(event.source),
        priority: event.priority,
        interval_cs: event.interval_cs,
        version: event.version,
        checksum_form: event.checksum_form,
        at: Instant::from_ns(event.at_ns),
        revoked: event.news & NEWS_REVOKED != 0,
        addresses_differ: false,
        mac: event.mac,
    })
}

fn stamped(vr: VrId, key: &PeerKey, peer: &Peer) -> Heard {
    Heard {
        vr,
        source: address(key.source),
        priority: peer.priority,
        interval_cs: peer.interval_cs,
        version: peer.version,
        checksum_form: peer.checksum_form,
        at: Instant::from_ns(peer.last_seen_ns),
        revoked: false,
        addresses_differ: peer.addresses_differ != 0,
        mac: peer.mac,
    }
}

fn vip_key(address: IpAddr) -> VipKey {
    VipKey {
        ifindex: IFINDEX,
        family: FAMILY_V4,
        pad: [0; 3],
        address: octets(address),
    }
}

/// The inverse of [`octets`], for IPv4.
fn address(octets: [u8; 16]) -> IpAddr {
    let [a, b, c, d, ..] = octets;
    IpAddr::from([a, b, c, d])
}
