//! The balancer's side of the kernel: contexts, maps, steps.

#[path = "../atomic.rs"]
mod atomic;
mod frame;
pub(crate) mod maps;
pub(crate) mod steps;
