//! The BPF object, as built by the build script.

use aya::include_bytes_aligned;

/// The object.
pub static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/vrrp-ebpf.bpf.o"));

/// The XDP program, which takes packets in fragments (kernel 5.18).
pub const XDP: &str = "xvrrp_xdp";
/// The same for older kernels.
pub const XDP_NO_FRAGS: &str = "xvrrp_xdp_nofrags";
/// The tc egress program.
pub const EGRESS: &str = "xvrrp_egress";
