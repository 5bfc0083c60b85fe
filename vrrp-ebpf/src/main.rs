//! The programs as the kernel loads them.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(target_arch = "bpf")]
mod kernel;

#[cfg(target_arch = "bpf")]
mod entry {
    use crate::kernel::maps;
    use aya_ebpf::{
        bindings::{TC_ACT_UNSPEC, xdp_action},
        macros::{classifier, xdp},
        programs::{TcContext, XdpContext},
    };

    /// Ingress, for kernels that know multi-buffer XDP (5.18 and later).
    #[xdp(frags)]
    fn xvrrp_xdp(_ctx: XdpContext) -> u32 {
        maps::keep();
        xdp_action::XDP_PASS
    }

    /// The same for older kernels.
    #[xdp]
    fn xvrrp_xdp_nofrags(_ctx: XdpContext) -> u32 {
        maps::keep();
        xdp_action::XDP_PASS
    }

    /// Egress, as TCX (6.6 and later) or as a clsact filter.
    #[classifier]
    fn xvrrp_egress(_ctx: TcContext) -> i32 {
        TC_ACT_UNSPEC
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
