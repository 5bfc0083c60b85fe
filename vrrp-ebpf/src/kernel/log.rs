//! Diagnostics as lines, for `aya-log` to fetch from `AYA_LOGS`.
//!
//! Global functions, because the verifier judges one by itself, once, and not
//! for every path that leads to it. They take numbers only, and five of them:
//! older kernels let nothing else into a global function. The older ones judge
//! it whether it is called or not, so each asks for itself whether it is on.

use aya_ebpf::Global;
use aya_log_ebpf::warn;
use vrrp_common::maps::{FAMILY_V4, VrKey};
use vrrp_ebpf::{address::Address, diagnostic::Diagnostic};

/// Not zero: diagnostics are made. Set by the loader, and read-only afterwards:
/// where it is zero the verifier knows, and removes everything behind it.
#[unsafe(no_mangle)]
static XVRRP_DIAGNOSTICS: Global<u8> = Global::new(0);

#[inline(always)]
pub(super) fn is_on() -> bool {
    XVRRP_DIAGNOSTICS.load() != 0
}

#[inline(always)]
pub(super) fn line(diagnostic: &Diagnostic<'_>) {
    match *diagnostic {
        Diagnostic::Revoked {
            vr,
            source,
            theirs,
            ours,
            epoch,
            left_us,
        } => {
            let (high, low) = halves(vr.family, source);
            let rest = left_us.min(MAX_LEFT_US) << 16 | (theirs as u64) << 8 | ours as u64;
            xvrrp_log_revoked(packed(vr), high, low, epoch, rest);
        }
        Diagnostic::Untold { vr, source } => {
            let (high, low) = halves(vr.family, source);
            xvrrp_log_untold(packed(vr), high, low);
        }
        Diagnostic::Unanswered {
            ifindex,
            address,
            growth,
        } => {
            let (high, low) = halves(0, address);
            xvrrp_log_unanswered(ifindex, high, low, growth);
        }
    }
}

/// Nine years: what 48 bits hold.
const MAX_LEFT_US: u64 = (1 << 48) - 1;

#[inline(always)]
fn packed(vr: &VrKey) -> u64 {
    (vr.ifindex as u64) << 32 | (vr.vlan as u64) << 16 | vr.vrid as u64
}

/// One form for both families: an IPv4 address goes as `::ffff:a.b.c.d`, whose
/// prefix userspace takes away again.
#[inline(always)]
fn halves(family: u8, address: Address) -> (u64, u64) {
    let [a, b, c, d] = address.0;
    if family == FAMILY_V4 {
        (0, half(0xffff_u32.to_be(), a))
    } else {
        (half(a, b), half(c, d))
    }
}

/// Two words as they lie in memory.
#[inline(always)]
fn half(first: u32, second: u32) -> u64 {
    ((u32::from_be(first) as u64) << 32 | u32::from_be(second) as u64).to_be()
}

#[inline(always)]
fn joined(high: u64, low: u64) -> [u8; 16] {
    ((u64::from_be(high) as u128) << 64 | u64::from_be(low) as u128).to_be_bytes()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn xvrrp_log_revoked(vr: u64, high: u64, low: u64, epoch: u64, rest: u64) -> u32 {
    if is_on() {
        warn!(
            (),
            target: "xdp",
            "gate shut: interface {} VLAN {} VRID {}: claim {} is beaten by {:i} with priority {}, ours is {}; its lease had {} us left",
            vr >> 32,
            vr >> 16 & 0xffff,
            vr & 0xff,
            epoch,
            joined(high, low),
            rest >> 8 & 0xff,
            rest & 0xff,
            rest >> 16
        );
    }
    0
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn xvrrp_log_untold(vr: u64, high: u64, low: u64) -> u32 {
    if is_on() {
        warn!(
            (),
            target: "xdp",
            "event ring full: interface {} VLAN {} VRID {}: an advert from {:i} is not told of",
            vr >> 32,
            vr >> 16 & 0xffff,
            vr & 0xff,
            joined(high, low)
        );
    }
    0
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn xvrrp_log_unanswered(ifindex: u32, high: u64, low: u64, growth: i32) -> u32 {
    if is_on() {
        warn!(
            (),
            target: "xdp",
            "no answer for {:i} on interface {}: the frame cannot be resized by {} octets, so it is left to the stack",
            joined(high, low),
            ifindex,
            growth
        );
    }
    0
}
