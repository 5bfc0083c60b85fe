//! The balancer on the host: its maps as plain collections, and its table of cases,
//! which hold in the kernel as well.

pub mod cases;
mod choices;
pub mod scene;
mod shop;

pub use shop::Shop;
