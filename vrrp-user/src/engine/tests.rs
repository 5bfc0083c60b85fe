//! Conformance: what RFC 9568, RFC 3768 and keepalived ask of a router, as
//! scenarios in virtual time. [`bench`] is the world around the engine.

mod bench;
mod fixture;
mod words;

mod active;
mod announcements;
mod backup;
mod claim;
mod conflict;
mod faults;
mod groups;
mod handover;
mod inherit;
mod intervals;
mod lateness;
mod maintenance;
mod network;
mod notify;
mod preemption;
mod properties;
mod regroup;
mod reload;
mod resign;
mod start;
mod telling;
mod trackers;
