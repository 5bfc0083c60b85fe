//! A frame that the balancer rewrites.

use aya_ebpf::{
    bindings::xdp_md,
    helpers::{bpf_xdp_adjust_head, bpf_xdp_adjust_tail},
};
use vrrp_ebpf::{
    balance::Frame,
    checksum::{self, Sum},
    view::{Packet, Sums, View, ViewMut},
};

/// As the kernel shows it.
pub(super) struct XdpFrame {
    ctx: *mut xdp_md,
    packet: Packet,
}

impl XdpFrame {
    #[inline(always)]
    pub(super) fn new(ctx: *mut xdp_md) -> Self {
        // SAFETY: the kernel's own context, valid while the program runs; read again
        // whenever the packet changes.
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
        let sum = xvrrp_lb_sum(self.ctx, at as u32, len as u32);
        if sum == NO_SUM {
            return None;
        }
        // The other sum is of no use here.
        Some(Sums {
            sum: Sum::from_folded(sum as u16),
            wrapping: 0,
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

impl Frame for XdpFrame {
    #[inline(always)]
    fn grow_front(&mut self, octets: i32) -> bool {
        // SAFETY: the kernel's own context.
        if unsafe { bpf_xdp_adjust_head(self.ctx, -octets) } != 0 {
            return false;
        }
        *self = Self::new(self.ctx);
        true
    }
}

const NO_SUM: u32 = u32::MAX;

/// A loop. A global function, because the verifier judges one by itself, once.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn xvrrp_lb_sum(ctx: *mut xdp_md, at: u32, len: u32) -> u32 {
    let frame = XdpFrame::new(ctx);
    match checksum::sums(|at| frame.window(at), at as usize, len as usize) {
        Some(sums) => sums.sum.folded() as u32,
        None => NO_SUM,
    }
}
