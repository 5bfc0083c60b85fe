//! The programs in the kernel, frame by frame, through `BPF_PROG_TEST_RUN`.
//!
//! The table of cases is `vrrp_ebpf::testing::cases`, which the host runs as
//! well; what follows here needs the kernel's own maps or real captures. Needs
//! root. The object is the one `vrrp-user` carries, or `XVRRP_BPF_OBJECT`.

mod agreement;
mod balance;
mod balancer;
mod captures;
mod cost;
mod diagnostics;
mod empty;
mod kernel;
mod limits;
mod scattered;
mod table;
