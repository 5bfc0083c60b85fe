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
    link::{self, Link},
    tables::Tables,
    view::View,
};
use vrrp_common::{
    counter::Cause,
    event::{Event, KIND_CONFLICT},
    maps::{EVENT_SPACING_NS, VIP_VIRTUAL_MAC, Vip, VipKey, VrKey, take_turn},
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
    let key = key(ifindex, family, address);
    let vip = tables.vip(&key)?;
    if vip.vlan == link.vlan {
        Some((key, vip))
    } else {
        None
    }
}

/// In words: three octets of padding would be a call to set them, for every packet.
#[inline(always)]
const fn key(ifindex: u32, family: u8, address: Address) -> VipKey {
    let [a, b, c, d] = address.0;
    let family = u32::from_ne_bytes([family, 0, 0, 0]);
    // SAFETY: as many octets in the same places, and any of them are a value.
    unsafe { core::mem::transmute([ifindex, family, a, b, c, d]) }
}

/// Somebody says that the virtual address is at `mac`. While we hold it, that is a
/// conflict; while we do not, its owner announces it, which the stack may hear. A
/// virtual MAC is every owner's: from outside, and while we hold it, it is another's.
#[inline(always)]
fn heard_claim<V: View, T: Tables>(
    frame: &V,
    tables: &T,
    key: &VipKey,
    vip: &Vip,
    mac: [u8; 6],
    cause: Cause,
) {
    if is_from_us(frame, vip) {
        strange(tables, key, vip, vip.own, Cause::OwnMac);
    } else if (mac != vip.mac || vip.flags & VIP_VIRTUAL_MAC != 0)
        && lease::is_open(tables, vip.gate)
    {
        strange(tables, key, vip, mac, cause);
    }
}

/// Somebody asks for the virtual address: never we ourselves from outside.
#[inline(always)]
fn heard_question<V: View, T: Tables>(frame: &V, tables: &T, key: &VipKey, vip: &Vip) {
    if is_from_us(frame, vip) {
        strange(tables, key, vip, vip.own, Cause::OwnMac);
    }
}

/// Our own MAC as the Ethernet source of what arrives: a loop, or a duplicate. Not the
/// virtual one: a peer that owns speaks from that.
#[inline(always)]
fn is_from_us<V: View>(frame: &V, vip: &Vip) -> bool {
    link::is_from(frame, &vip.own)
}

#[inline(never)]
fn strange<T: Tables>(tables: &T, key: &VipKey, vip: &Vip, mac: [u8; 6], cause: Cause) {
    tables.count(cause);
    let now_ns = tables.now_ns();
    let may_tell = tables.limits(|limits| {
        let last_ns = match cause {
            Cause::NdConflict => &mut limits.nd_conflict_ns,
            Cause::OwnMac => &mut limits.own_mac_ns,
            _ => &mut limits.arp_conflict_ns,
        };
        take_turn(last_ns, EVENT_SPACING_NS, now_ns)
    });
    if may_tell != Some(true) {
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
        source: key.address,
        address: key.address,
        mac,
        ..Event::default()
    });
}

#[cfg(test)]
mod tests {
    use super::{VipKey, key};
    use crate::testing::{address, ip, octets};

    #[test]
    fn a_key_in_words_is_the_key() {
        for (text, family) in [("10.9.0.52", 4), ("2001:db8::55", 6)] {
            let want = VipKey {
                ifindex: 0x0102_0304,
                family,
                pad: [0; 3],
                address: octets(ip(text)),
            };
            assert_eq!(key(0x0102_0304, family, address(ip(text))), want);
        }
    }
}
