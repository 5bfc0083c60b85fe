//! The BPF object, as built by the build script.

use aya::{EbpfLoader, include_bytes_aligned};

/// The object.
pub static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/vrrp-ebpf.bpf.o"));

/// The XDP program, which takes packets in fragments (kernel 5.18).
pub const XDP: &str = "xvrrp_xdp";
/// The same for older kernels.
pub const XDP_NO_FRAGS: &str = "xvrrp_xdp_nofrags";
/// The tc egress program.
pub const EGRESS: &str = "xvrrp_egress";

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
