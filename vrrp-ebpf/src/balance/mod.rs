//! What the balancer does with a packet: `virtual_server`.
//!
//! Three steps, each a program of its own, so that the one that nearly every packet
//! takes stays small:
//!
//! | step | program | for |
//! |---|---|---|
//! | [`known::judge`] | `NEXT_V4`, `NEXT_V6` | every packet that is handed over |
//! | [`begin::judge`] | `NEXT_BEGIN` | one of nobody's connection |
//! | [`answer::judge`] | `NEXT_ANSWER` | one that is answered instead of forwarded |
//!
//! What the first has found out is in a [`Seen`](seen::Seen), which the others get.
//!
//! States, counts and choices are those of IPVS, so that operators find what they know.

pub mod answer;
pub mod begin;
pub mod forward;
pub mod hash;
pub mod known;
pub mod ledger;
pub mod parse;
pub mod schedule;
pub mod seen;
pub mod tcp;

use crate::{address::Address, view::ViewMut};
use ledger::Ledger;
use seen::Seen;
use vrrp_common::{
    balance::{Cause, NO_GATE},
    maps::{VIP_NO_ACCEPT, VipKey},
};

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// To the stack, untouched.
    Pass,
    /// Gone.
    Drop,
    /// Back out of the interface it came by.
    Send,
    /// Out of [`Seen::leaves_by`].
    Redirect,
    /// [`begin::judge`] is next.
    Begin,
    /// [`answer::judge`] is next, with [`Seen::answer`].
    Answer,
}

/// A frame whose beginning can be moved.
pub trait Frame: ViewMut {
    /// Puts octets (zeroed or not) ahead of the frame, or, if negative, takes some away;
    /// false if impossible.
    fn grow_front(&mut self, octets: i32) -> bool;
}

/// The time, if the service may forward at this moment.
///
/// A gate is judged by the exact clock: the coarse one stands still while nobody
/// ticks, and a machine that was held up would still own by it.
#[inline(always)]
fn open_at<L: Ledger>(ledger: &L, gate: u32) -> Option<u64> {
    if gate == NO_GATE {
        return Some(ledger.coarse_ns());
    }
    // The clock after the gate, as in `lease::ask`.
    let gate = ledger.gate(gate)?;
    let now_ns = ledger.now_ns();
    if gate.is_open(now_ns) {
        Some(now_ns)
    } else {
        None
    }
}

/// To the stack, and counted; unless the address is one that accepts nothing, and
/// what is said of it counts.
#[inline(always)]
fn leave<L: Ledger>(ledger: &L, seen: &Seen, ifindex: u32, cause: Option<Cause>) -> Verdict {
    if let Some(vip) = ledger.vip(&vip_key(ifindex, seen.flow.family, seen.flow.destination))
        && vip.vlan == seen.vlan
        && vip.flags & VIP_NO_ACCEPT != 0
    {
        ledger.count_not_accepted();
        return Verdict::Drop;
    }
    if let Some(cause) = cause {
        ledger.count(cause);
    }
    Verdict::Pass
}

/// In words: octets of padding would be a call to set them.
#[inline(always)]
const fn vip_key(ifindex: u32, family: u8, address: Address) -> VipKey {
    let [a, b, c, d] = address.0;
    let family = u32::from_ne_bytes([family, 0, 0, 0]);
    // SAFETY: as many octets in the same places, and any of them are a value.
    unsafe { core::mem::transmute([ifindex, family, a, b, c, d]) }
}

#[inline(always)]
fn drop_for<L: Ledger>(ledger: &L, cause: Cause) -> Verdict {
    ledger.count(cause);
    Verdict::Drop
}
