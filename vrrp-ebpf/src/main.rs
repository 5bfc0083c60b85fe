//! The programs as the kernel loads them: entries, and nothing that decides.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

#[cfg(target_arch = "bpf")]
mod kernel;

#[cfg(target_arch = "bpf")]
mod entry {
    use crate::kernel::context;
    use aya_ebpf::{
        macros::{classifier, xdp},
        programs::{TcContext, XdpContext},
    };

    /// Ingress, for kernels that know multi-buffer frames (5.18 and later).
    #[xdp(frags)]
    fn xvrrp_xdp(ctx: XdpContext) -> u32 {
        context::ingress_frags(ctx.ctx)
    }

    /// The same for older kernels.
    #[xdp]
    fn xvrrp_xdp_nofrags(ctx: XdpContext) -> u32 {
        context::ingress_old(ctx.ctx)
    }

    /// Egress, by TCX (6.6 and later) or as a clsact filter.
    #[classifier]
    fn xvrrp_egress(ctx: TcContext) -> i32 {
        context::egress(ctx.skb.skb)
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
