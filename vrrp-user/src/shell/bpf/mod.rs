//! Loading, pinning, attaching, and the maps from this side.
//!
//! | file | what is in it |
//! |---|---|
//! | `dataplane` | everything together: load once, reconcile interfaces, tear down |
//! | `programs` | the programs and their maps: found as a predecessor left them, or loaded |
//! | `attach` | the programs on one interface |
//! | `egress` | the egress program on one interface, by TCX or clsact |
//! | `foreign` | whose XDP program is that |
//! | `vlan_offload` | tags that native XDP would never see |
//! | `kernel` | what this kernel can do, and the two load variants |
//! | `object` | the BPF object, with and without frags |
//! | `pins` | names below the pin directory, and what the fence can promise |
//! | `bpffs` | the host's bpffs, found or mounted |
//! | `instance` | which daemon is this: network namespace, name, pid file |
//! | `shapes` | does a pinned map have the layout this daemon expects |
//! | `gates` | the shared-memory view of `XVRRP_GATES` |
//! | `tables` | typed writers and readers of the other maps |
//! | `diagnostics` | what the programs log, to the daemon's log |
//! | `events` | the ring buffer as an async source |
//! | `reader` | another daemon's maps, read-only |
//! | `balance` | the balancer's object and its maps |
//! | `release` | what a dead daemon left, removed without one |
//! | `syscall`, `rtnl` | the few kernel calls aya does not offer |

pub mod attach;
pub mod balance;
pub mod bpffs;
pub mod dataplane;
pub mod egress;
pub mod events;
pub mod foreign;
pub mod gates;
pub mod instance;
pub mod kernel;
pub mod object;
pub mod pins;
pub mod reader;
pub mod release;
pub mod shapes;
pub mod tables;
pub mod vlan_offload;

mod diagnostics;
mod programs;
mod proofs;
mod rtnl;
mod syscall;

pub use attach::{Attachment, Mode};
pub use dataplane::{AttachFailure, Dataplane, Loaded};
pub use egress::Egress;
pub use events::{Events, Unprovens};
pub use gates::{LoopGates, SenderGates};
pub use instance::{Instance, Lock};
pub use kernel::Variant;
pub use object::Diagnostics;
pub use pins::{Fence, Pins};
pub use reader::Reader;
pub use tables::Tables;
