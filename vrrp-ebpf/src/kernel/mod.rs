//! What only exists inside the kernel: contexts, maps, atomics.

mod atomic;
pub(crate) mod context;
mod log;
mod maps;
