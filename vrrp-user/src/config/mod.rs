//! keepalived.conf: text -> tree -> typed model, and what is wrong with it.

pub mod model;
