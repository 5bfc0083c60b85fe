//! Loading, pinning and attaching on a real kernel. Needs root.
//!
//! Each test has a network namespace of its own, made by its thread and gone with
//! it; interfaces are called `xvl*`, instances `xvl*`.

mod attaching;
mod crash;
mod diagnostics;
mod foreign;
mod maps;
mod mounts;
mod world;
