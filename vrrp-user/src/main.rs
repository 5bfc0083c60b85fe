//! `xvrrpd`.

fn main() {}
