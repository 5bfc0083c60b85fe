//! From the kernel's contexts to a verdict, and back to its numbers.

use super::maps::Kernel;
use aya_ebpf::{
    bindings::{__sk_buff, TC_ACT_SHOT, TC_ACT_UNSPEC, xdp_action, xdp_md},
    helpers::{bpf_skb_pull_data, bpf_xdp_adjust_tail},
};
use vrrp_ebpf::{
    checksum::{self, Sum},
    egress, ingress,
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

/// What both XDP entries are.
#[inline(always)]
pub(crate) fn ingress(ctx: *mut xdp_md) -> u32 {
    // SAFETY: the kernel's own context.
    let ifindex = unsafe { (*ctx).ingress_ifindex };
    match ingress::judge(&mut XdpFrame::new(ctx), &Kernel, ifindex) {
        ingress::Verdict::Pass => xdp_action::XDP_PASS,
        ingress::Verdict::Drop => xdp_action::XDP_DROP,
        ingress::Verdict::Reply => xdp_action::XDP_TX,
    }
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
    match egress::judge(&frame, &Kernel, ifindex, accelerated) {
        egress::Verdict::Pass => PASS,
        egress::Verdict::Drop => DROP,
        egress::Verdict::ShowMore => SHOW_MORE,
    }
}
