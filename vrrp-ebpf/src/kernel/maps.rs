//! The maps, typed and named as `vrrp_common::maps` lays them down.

use aya_ebpf::{
    btf_maps::{Array, HashMap, PerCpuArray, RingBuf},
    macros::btf_map,
};
use vrrp_common::{
    counter::Counters,
    event::Event,
    gate::Gate,
    maps::{
        EVENT_RING_BYTES, Limits, MAX_GATES, MAX_PEERS, MAX_ROUTERS, MAX_VIPS, Peer, PeerKey,
        UnicastPeer, Vip, VipKey, VirtualRouter, VrKey,
    },
};

const BPF_F_NO_PREALLOC: usize = 1;
const BPF_F_MMAPABLE: usize = 0x400;

#[btf_map]
static XVRRP_ROUTERS: HashMap<VrKey, VirtualRouter, MAX_ROUTERS> = HashMap::new();
#[btf_map]
static XVRRP_PEERS: HashMap<PeerKey, Peer, MAX_PEERS> = HashMap::new();
#[btf_map]
static XVRRP_GATES: Array<Gate, MAX_GATES, BPF_F_MMAPABLE> = Array::new();
#[btf_map]
static XVRRP_VIPS: HashMap<VipKey, Vip, MAX_VIPS, BPF_F_NO_PREALLOC> = HashMap::new();
#[btf_map]
static XVRRP_UNICAST: HashMap<PeerKey, UnicastPeer, MAX_PEERS, BPF_F_NO_PREALLOC> = HashMap::new();
#[btf_map]
static XVRRP_COUNT: PerCpuArray<Counters, 1> = PerCpuArray::new();
#[btf_map]
static XVRRP_EVENTS: RingBuf<(), EVENT_RING_BYTES> = RingBuf::new();
#[btf_map]
static XVRRP_LIMITS: PerCpuArray<Limits, 1> = PerCpuArray::new();

pub(crate) fn keep() {
    // SAFETY: nothing is read through these pointers.
    unsafe {
        let _ = core::hint::black_box(XVRRP_ROUTERS.get_ptr(VrKey::default()));
        let _ = core::hint::black_box(XVRRP_PEERS.get_ptr(PeerKey::default()));
        let _ = core::hint::black_box(XVRRP_GATES.get_ptr(0));
        let _ = core::hint::black_box(XVRRP_VIPS.get_ptr(VipKey::default()));
        let _ = core::hint::black_box(XVRRP_UNICAST.get_ptr(PeerKey::default()));
        let _ = core::hint::black_box(XVRRP_COUNT.get_ptr(0));
        let _ = core::hint::black_box(XVRRP_LIMITS.get_ptr(0));
        if let Some(e) = XVRRP_EVENTS.reserve_untyped::<Event>(0) {
            e.discard(0)
        }
    }
}
