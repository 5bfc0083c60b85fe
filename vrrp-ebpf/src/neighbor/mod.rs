//! ARP and ND for virtual addresses: who asks, who answers, who announces.
//!
//! Through a shut gate nobody gets an answer. Through an open one the stack
//! answers for the addresses it has, because it learns its clients from their
//! requests; XDP answers for those it does not have yet.

pub mod arp;
pub mod nd;

use crate::{
    address::Address,
    lease,
    link::Link,
    tables::{Limit, Tables},
};
use vrrp_common::{
    counter::Cause,
    event::{Event, KIND_CONFLICT},
    maps::{Vip, VipKey, VrKey},
};

/// The virtual address, if it is one on this interface and VLAN.
#[inline(always)]
pub fn find<T: Tables>(
    tables: &T,
    link: &Link,
    ifindex: u32,
    family: u8,
    address: Address,
) -> Option<(VipKey, Vip)> {
    let key = VipKey {
        ifindex,
        family,
        pad: [0; 3],
        address: address.octets(),
    };
    let vip = tables.vip(&key)?;
    if vip.vlan == link.vlan {
        Some((key, vip))
    } else {
        None
    }
}

/// Somebody says that `address` is at `mac`. While we hold it, that is a
/// conflict; while we do not, its owner announces it, which the stack may hear.
#[inline(always)]
fn heard_claim<T: Tables>(tables: &T, key: &VipKey, vip: &Vip, mac: [u8; 6], cause: Cause) {
    if mac == vip.mac || !lease::is_open(tables, vip.gate) {
        return;
    }
    tables.count(cause);
    let now_ns = tables.now_ns();
    if !tables.take_turn(Limit::Conflict, now_ns) {
        return;
    }
    tables.tell(|| Event {
        at_ns: now_ns,
        epoch: tables.gate(vip.gate).map_or(0, |gate| gate.epoch),
        kind: KIND_CONFLICT,
        cause: cause as u32,
        vr: VrKey {
            ifindex: key.ifindex,
            vlan: vip.vlan,
            family: key.family,
            ..VrKey::default()
        },
        address: key.address,
        mac,
        ..Event::default()
    });
}
