//! From a step's verdict to the kernel's numbers, or to the next step.

use super::{
    frame::XdpFrame,
    maps::{self, Kernel},
};
use aya_ebpf::{
    bindings::{xdp_action, xdp_md},
    btf_maps::ProgramArray,
    helpers::bpf_redirect,
    programs::XdpContext,
};
use vrrp_common::balance::{MAX_NEXT, NEXT_ANSWER, NEXT_BEGIN};
use vrrp_ebpf::balance::{Verdict, answer, begin, known, seen::Seen};

type Next = &'static ProgramArray<MAX_NEXT>;

/// Every packet.
#[inline(always)]
pub(crate) fn known(ctx: *mut xdp_md, family: u8, next: Next) -> u32 {
    let Some(seen) = maps::work() else {
        return xdp_action::XDP_ABORTED;
    };
    // SAFETY: the kernel's own context.
    let ifindex = unsafe { (*ctx).ingress_ifindex };
    let verdict = known::judge(&mut XdpFrame::new(ctx), &Kernel, seen, ifindex, family);
    conclude(ctx, verdict, seen, next)
}

/// Those of nobody's connection.
#[inline(always)]
pub(crate) fn begin(ctx: *mut xdp_md, next: Next) -> u32 {
    let Some(seen) = maps::work() else {
        return xdp_action::XDP_ABORTED;
    };
    // SAFETY: the kernel's own context.
    let ifindex = unsafe { (*ctx).ingress_ifindex };
    let verdict = begin::judge(&mut XdpFrame::new(ctx), &Kernel, seen, ifindex);
    conclude(ctx, verdict, seen, next)
}

/// Those that are answered.
#[inline(always)]
pub(crate) fn answer(ctx: *mut xdp_md) -> u32 {
    let Some(seen) = maps::work() else {
        return xdp_action::XDP_ABORTED;
    };
    match answer::judge(&mut XdpFrame::new(ctx), &Kernel, seen) {
        Verdict::Send => xdp_action::XDP_TX,
        _ => xdp_action::XDP_DROP,
    }
}

#[inline(always)]
fn conclude(ctx: *mut xdp_md, verdict: Verdict, seen: &Seen, next: Next) -> u32 {
    let slot = match verdict {
        Verdict::Pass => return xdp_action::XDP_PASS,
        Verdict::Drop => return xdp_action::XDP_DROP,
        Verdict::Send => return xdp_action::XDP_TX,
        Verdict::Redirect => {
            // SAFETY: a helper with numbers only.
            return unsafe { bpf_redirect(seen.leaves_by, 0) } as u32;
        }
        Verdict::Begin => NEXT_BEGIN,
        Verdict::Answer => NEXT_ANSWER,
    };
    // SAFETY: nothing here has to be dropped.
    unsafe { next.tail_call(&XdpContext::new(ctx), slot) };
    // Whoever fills the first slots fills these before.
    xdp_action::XDP_ABORTED
}
