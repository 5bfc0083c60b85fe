//! The BPF objects, as built by the build script.

use aya::{EbpfLoader, include_bytes_aligned};
use vrrp_common::balance::{NEXT_ANSWER, NEXT_BEGIN, NEXT_V4, NEXT_V6, name};

/// The object.
pub static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/vrrp-ebpf.bpf.o"));

/// The balancer's object, for whoever has a `virtual_server`. What it shares with the
/// other is `vrrp_common::balance::SHARED`.
pub static BALANCE_OBJECT: &[u8] =
    include_bytes_aligned!(concat!(env!("OUT_DIR"), "/vrrp-balance.bpf.o"));

/// The XDP program, which takes packets in fragments (kernel 5.18).
pub const XDP: &str = "xvrrp_xdp";
/// The same for older kernels.
pub const XDP_NO_FRAGS: &str = "xvrrp_xdp_nofrags";
/// The tc egress program.
pub const EGRESS: &str = "xvrrp_egress";

/// The balancer's programs, with the slot of `XVRRP_NEXT` each goes to. The last are to
/// be there before the first.
pub const BALANCE: [(u32, &str); 4] = [
    (NEXT_V4, "xvrrp_lb_v4"),
    (NEXT_V6, "xvrrp_lb_v6"),
    (NEXT_BEGIN, "xvrrp_lb_begin"),
    (NEXT_ANSWER, "xvrrp_lb_answer"),
];
/// The same for older kernels, with the slots of `XVRRP_NEXT_OLD`.
pub const BALANCE_NO_FRAGS: [(u32, &str); 4] = [
    (NEXT_V4, "xvrrp_lb_v4_old"),
    (NEXT_V6, "xvrrp_lb_v6_old"),
    (NEXT_BEGIN, "xvrrp_lb_begin_old"),
    (NEXT_ANSWER, "xvrrp_lb_answer_old"),
];

/// The programs' switch for diagnostics: read-only to them, so that the verifier
/// removes what it switches off.
const DIAGNOSTICS_SWITCH: &str = "XVRRP_DIAGNOSTICS";
/// Where `aya-log-ebpf` leaves its records.
const LOG_MAP: &str = "AYA_LOGS";

/// Whether the programs log what is rare (`--bpf-log`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Diagnostics {
    /// The programs have no code for it.
    #[default]
    Off,
    /// They log.
    On,
}

/// A loader with this set up, and nothing else.
#[must_use]
pub fn loader(diagnostics: Diagnostics) -> EbpfLoader<'static> {
    let mut loader = EbpfLoader::new();
    match diagnostics {
        // A map without a writer: one page, which is the least there can be.
        Diagnostics::Off => loader
            .override_global(DIAGNOSTICS_SWITCH, &0u8, true)
            .map_max_entries(LOG_MAP, 1),
        Diagnostics::On => loader.override_global(DIAGNOSTICS_SWITCH, &1u8, true),
    };
    loader
}

/// A loader of the balancer's object, with room for so many connections. What it shares
/// with the other object has to be given to it.
#[must_use]
pub fn balance_loader(connections: u32) -> EbpfLoader<'static> {
    let mut loader = EbpfLoader::new();
    loader.map_max_entries(name::CONNECTIONS, connections);
    loader
}
