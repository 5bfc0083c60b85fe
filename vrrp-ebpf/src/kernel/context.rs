//! From the kernel's contexts to a verdict, and back to its numbers.

use super::maps::{self, Kernel};
use aya_ebpf::{
    bindings::{__sk_buff, TC_ACT_SHOT, TC_ACT_UNSPEC, xdp_action, xdp_md},
    btf_maps::ProgramArray,
    helpers::{bpf_l4_csum_replace, bpf_skb_pull_data, bpf_skb_store_bytes, bpf_xdp_adjust_tail},
    programs::XdpContext,
};
use vrrp_common::{balance::MAX_NEXT, counter::Cause};
use vrrp_ebpf::{
    advert,
    checksum::{self, Sum},
    egress, ingress, station,
    tables::Tables,
    view::{Packet, Sums, View, ViewMut},
};

/// A frame on its way in.
struct XdpFrame {
    ctx: *mut xdp_md,
    packet: Packet,
}

impl XdpFrame {
    #[inline(always)]
    fn new(ctx: *mut xdp_md) -> Self {
        // SAFETY: the kernel's own context, valid while the program runs; read
        // again whenever the packet changes (`resize_by`).
        let packet = unsafe { Packet::new((*ctx).data as usize, (*ctx).data_end as usize) };
        Self { ctx, packet }
    }
}

impl View for XdpFrame {
    #[inline(always)]
    fn window<const N: usize>(&self, at: usize) -> Option<&[u8; N]> {
        self.packet.window(at)
    }

    #[inline(always)]
    fn holds(&self, at: usize, len: usize) -> bool {
        self.packet.holds(at, len)
    }

    #[inline(always)]
    fn sums(&self, at: usize, len: usize) -> Option<Sums> {
        let sums = xvrrp_sums(self.ctx, at as u32, len as u32);
        if sums == NO_SUMS {
            return None;
        }
        Some(Sums {
            sum: Sum::from_folded((sums >> 32) as u16),
            wrapping: sums as u32,
        })
    }

    #[inline(always)]
    fn hand_up<T: Tables>(&self, _: &T, at: usize, len: usize) -> bool {
        xvrrp_hand_up(self.ctx, at as u32, len as u32) != 0
    }
}

impl ViewMut for XdpFrame {
    #[inline(always)]
    fn window_mut<const N: usize>(&mut self, at: usize) -> Option<&mut [u8; N]> {
        self.packet.window_mut(at)
    }

    #[inline(always)]
    fn resize_by(&mut self, octets: i32) -> bool {
        // SAFETY: the kernel's own context.
        if unsafe { bpf_xdp_adjust_tail(self.ctx, octets) } != 0 {
            return false;
        }
        *self = Self::new(self.ctx);
        true
    }

    #[inline(always)]
    fn admit<T: Tables>(&mut self, _: &T, _: u32) -> bool {
        xvrrp_admit(self.ctx) != 0
    }
}

/// A global function as well: the stack of what follows is spent.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn xvrrp_admit(ctx: *mut xdp_md) -> u32 {
    // SAFETY: the kernel's own context.
    let ifindex = unsafe { (*ctx).ingress_ifindex };
    station::admit(&mut XdpFrame::new(ctx), &Kernel, ifindex) as u32
}

const NO_SUMS: u64 = u64::MAX;

/// The only long loop. A global function, because the verifier judges one by
/// itself: once, instead of once for every path that leads to it.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn xvrrp_sums(ctx: *mut xdp_md, at: u32, len: u32) -> u64 {
    let frame = XdpFrame::new(ctx);
    match checksum::sums(|at| frame.window(at), at as usize, len as usize) {
        Some(sums) => (sums.sum.folded() as u64) << 32 | sums.wrapping as u64,
        None => NO_SUMS,
    }
}

/// A loop as well.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn xvrrp_hand_up(ctx: *mut xdp_md, at: u32, len: u32) -> u32 {
    advert::copy_and_submit(&XdpFrame::new(ctx), &Kernel, at as usize, len as usize) as u32
}

/// What both XDP entries are. `next`: where the balancer's programs of the same kind are.
#[inline(always)]
fn ingress(ctx: *mut xdp_md, next: &'static ProgramArray<MAX_NEXT>) -> u32 {
    // SAFETY: the kernel's own context.
    let ifindex = unsafe { (*ctx).ingress_ifindex };
    let verdict = ingress::judge(&mut XdpFrame::new(ctx), &Kernel, ifindex);
    if matches!(
        verdict,
        ingress::Verdict::Balance | ingress::Verdict::BalanceOnly
    ) {
        let slot = xvrrp_slot(ctx);
        if slot != NO_SLOT {
            // SAFETY: nothing here has to be dropped.
            unsafe { next.tail_call(&XdpContext::new(ctx), slot) };
        }
    }
    match verdict {
        ingress::Verdict::Pass | ingress::Verdict::Balance => xdp_action::XDP_PASS,
        ingress::Verdict::Drop => xdp_action::XDP_DROP,
        ingress::Verdict::Reply => xdp_action::XDP_TX,
        ingress::Verdict::BalanceOnly => {
            ingress::not_accepted(&Kernel);
            xdp_action::XDP_DROP
        }
    }
}

const NO_SLOT: u32 = u32::MAX;

/// A global function as well: what it needs is read again, instead of kept.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn xvrrp_slot(ctx: *mut xdp_md) -> u32 {
    ingress::slot(&XdpFrame::new(ctx), &Kernel).unwrap_or(NO_SLOT)
}

/// Ingress, with multi-buffer frames.
#[inline(always)]
pub(crate) fn ingress_frags(ctx: *mut xdp_md) -> u32 {
    ingress(ctx, &maps::XVRRP_NEXT)
}

/// Ingress, without.
#[inline(always)]
pub(crate) fn ingress_old(ctx: *mut xdp_md) -> u32 {
    ingress(ctx, &maps::XVRRP_NEXT_OLD)
}

/// A frame on its way out.
struct SkbFrame(Packet);

impl View for SkbFrame {
    #[inline(always)]
    fn window<const N: usize>(&self, at: usize) -> Option<&[u8; N]> {
        self.0.window(at)
    }

    #[inline(always)]
    fn holds(&self, at: usize, len: usize) -> bool {
        self.0.holds(at, len)
    }

    #[inline(always)]
    fn sums(&self, at: usize, len: usize) -> Option<Sums> {
        checksum::sums(|at| self.window(at), at, len)
    }
}

const PASS: u32 = 0;
const DROP: u32 = 1;
const SHOW_MORE: u32 = 2;

/// Looks at what is visible of a frame, and once more if that was too little.
#[inline(always)]
pub(crate) fn egress(skb: *mut __sk_buff) -> i32 {
    let mut verdict = egress_visible(skb);
    if verdict == SHOW_MORE {
        // SAFETY: the kernel's own context, valid while the program runs.
        let len = unsafe { (*skb).len };
        // SAFETY: as above; no packet pointer is held across the call.
        unsafe { bpf_skb_pull_data(skb, len.min(egress::ENOUGH)) };
        verdict = egress_visible(skb);
    }
    // Not "ok": other filters, and the next program on TCX, have their say.
    if verdict == DROP {
        TC_ACT_SHOT
    } else {
        TC_ACT_UNSPEC
    }
}

#[inline(never)]
fn egress_visible(skb: *mut __sk_buff) -> u32 {
    // SAFETY: the kernel's own context, valid while the program runs.
    let (data, end, ifindex, tagged, tag) = unsafe {
        (
            (*skb).data as usize,
            (*skb).data_end as usize,
            (*skb).ifindex,
            (*skb).vlan_present,
            (*skb).vlan_tci,
        )
    };
    // SAFETY: read from the context just now, and nothing here resizes.
    let frame = SkbFrame(unsafe { Packet::new(data, end) });
    let accelerated = if tagged != 0 { Some(tag as u16) } else { None };
    let mut rewrite = egress::Rewrite::default();
    match egress::rule(&frame, &Kernel, ifindex, accelerated, &mut rewrite) {
        egress::Ruling::Pass => PASS,
        egress::Ruling::Rewrite => {
            if set_mac(skb, &frame, &rewrite) {
                PASS
            } else {
                Kernel.count(Cause::DropEgressMac);
                DROP
            }
        }
        egress::Ruling::Drop => DROP,
        egress::Ruling::ShowMore => SHOW_MORE,
    }
}

/// Ethernet source.
const SOURCE_MAC: u32 = 6;

/// Puts the virtual MAC in. By the kernel's own hands: a program that writes to packets
/// itself has every cloned one copied, rewritten or not.
#[inline(always)]
fn set_mac(skb: *mut __sk_buff, frame: &SkbFrame, rewrite: &egress::Rewrite) -> bool {
    let &egress::Rewrite { mac, at, sum } = rewrite;
    let store = |at: u32| {
        // SAFETY: the kernel's own context, and six octets; packet pointers are not used
        // any more.
        unsafe { bpf_skb_store_bytes(skb, at, mac.as_ptr().cast(), 6, 0) == 0 }
    };
    if sum != 0 {
        let Some(before) = frame.window::<6>(at) else {
            return false;
        };
        let ((old_head, old_tail), (new_head, new_tail)) = (halves(before), halves(&mac));
        // SAFETY: as above.
        let summed = unsafe {
            bpf_l4_csum_replace(skb, sum as u32, old_head, new_head, 2) == 0
                && bpf_l4_csum_replace(skb, sum as u32, old_tail, new_tail, 4) == 0
        };
        if !summed {
            return false;
        }
    }
    store(SOURCE_MAC) && (at == 0 || store(at as u32))
}

/// Two octets and four, as they lie in memory: options begin at multiples of eight.
#[inline(always)]
fn halves(mac: &[u8; 6]) -> (u64, u64) {
    let [a, b, c, d, e, f] = *mac;
    (
        u16::from_ne_bytes([a, b]) as u64,
        u32::from_ne_bytes([c, d, e, f]) as u64,
    )
}
