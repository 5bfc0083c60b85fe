//! Composes the pure rooms: inputs in, actions out, one deadline.

pub mod action;
pub mod input;
