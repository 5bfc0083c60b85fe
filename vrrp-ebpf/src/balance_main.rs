//! The balancer's programs as the kernel loads them: entries, and nothing that decides.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

#[cfg(target_arch = "bpf")]
#[path = "kernel/balance/mod.rs"]
mod kernel;

#[cfg(target_arch = "bpf")]
mod entry {
    use crate::kernel::{maps, steps};
    use aya_ebpf::{macros::xdp, programs::XdpContext};
    use vrrp_common::maps::{FAMILY_V4, FAMILY_V6};

    /// IPv4, for kernels that know multi-buffer frames (5.18 and later).
    #[xdp(frags)]
    fn xvrrp_lb_v4(ctx: XdpContext) -> u32 {
        steps::known(ctx.ctx, FAMILY_V4, &maps::XVRRP_NEXT)
    }

    /// The same for older kernels.
    #[xdp]
    fn xvrrp_lb_v4_old(ctx: XdpContext) -> u32 {
        steps::known(ctx.ctx, FAMILY_V4, &maps::XVRRP_NEXT_OLD)
    }

    /// IPv6.
    #[xdp(frags)]
    fn xvrrp_lb_v6(ctx: XdpContext) -> u32 {
        steps::known(ctx.ctx, FAMILY_V6, &maps::XVRRP_NEXT)
    }

    /// The same for older kernels.
    #[xdp]
    fn xvrrp_lb_v6_old(ctx: XdpContext) -> u32 {
        steps::known(ctx.ctx, FAMILY_V6, &maps::XVRRP_NEXT_OLD)
    }

    /// A packet of nobody's connection.
    #[xdp(frags)]
    fn xvrrp_lb_begin(ctx: XdpContext) -> u32 {
        steps::begin(ctx.ctx, &maps::XVRRP_NEXT)
    }

    /// The same for older kernels.
    #[xdp]
    fn xvrrp_lb_begin_old(ctx: XdpContext) -> u32 {
        steps::begin(ctx.ctx, &maps::XVRRP_NEXT_OLD)
    }

    /// A packet that is answered.
    #[xdp(frags)]
    fn xvrrp_lb_answer(ctx: XdpContext) -> u32 {
        steps::answer(ctx.ctx)
    }

    /// The same for older kernels.
    #[xdp]
    fn xvrrp_lb_answer_old(ctx: XdpContext) -> u32 {
        steps::answer(ctx.ctx)
    }

    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo) -> ! {
        loop {}
    }

    #[unsafe(link_section = "license")]
    #[unsafe(no_mangle)]
    static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
}

#[cfg(not(target_arch = "bpf"))]
fn main() {}
