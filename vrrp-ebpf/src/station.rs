//! Frames to a virtual MAC (RFC 9568 §7.3): whose they are, and how the stack gets them.
//!
//! No interface has the virtual MAC, so the stack would take such a frame for
//! somebody else's. Through an open gate it goes on with the interface's own MAC as
//! its destination; a shut one drops it, whatever it carries: what is routed by way of
//! a virtual address, too.
//!
//! Adverts are left alone: a bridge may turn multicast into unicast, and whoever was
//! beaten resigns in a frame to the winner's station, before the winner's gate opens.

use crate::{
    lease::{self, Passage},
    link::{self, Link, is_group},
    tables::Tables,
    view::{View, ViewMut, mac, mac_bits, put},
};
use vrrp_common::{counter::Cause, maps::StationKey, wire::IPPROTO_VRRP};

/// Takes a frame in, readdressed if it is to a virtual MAC. `false`: its gate is shut,
/// and it is counted.
#[inline(always)]
pub fn admit<V: ViewMut, T: Tables>(frame: &mut V, tables: &T, ifindex: u32) -> bool {
    let Some(stations) = frame.window::<12>(0) else {
        return true;
    };
    if is_group(mac_bits(stations, 0)) || !tables.hints_at(stations[5]) {
        return true;
    }
    let mac = mac(stations, 0);
    let Some(link) = Link::read(frame, None) else {
        return true;
    };
    let key = StationKey {
        ifindex,
        vlan: link.vlan,
        mac,
    };
    let Some(station) = tables.station(&key) else {
        return true;
    };
    if is_advert(frame, &link) {
        return true;
    }
    if lease::ask(tables, station.gate, Cause::DropMacGateShut) == Passage::Shut {
        return false;
    }
    if let Some(stations) = frame.window_mut::<12>(0) {
        put(stations, 0, station.own);
    }
    true
}

/// Protocol 112, to a group.
#[inline(always)]
fn is_advert<V: View>(frame: &V, link: &Link) -> bool {
    match link.ethertype {
        link::IPV4 => frame
            .window::<20>(link.payload)
            .is_some_and(|header| header[9] == IPPROTO_VRRP && header[16] >= 224),
        link::IPV6 => frame
            .window::<40>(link.payload)
            .is_some_and(|header| header[6] == IPPROTO_VRRP && header[24] == 0xff),
        _ => false,
    }
}
