//! What the programs decide, apart from the kernel they run in.
#![cfg_attr(target_arch = "bpf", no_std)]
