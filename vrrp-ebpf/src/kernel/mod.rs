//! What only exists inside the kernel: maps and packet pointers.
pub mod maps;
