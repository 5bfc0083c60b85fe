//! RFC 9568 §6 as a pure machine.
//!
//! A virtual router ([`router`]) says what an advert means to it and from when
//! it would claim; the sync group ([`group`]) is what claims, because its
//! members share one gate. [`transition`] is the table of states, [`timers`]
//! the arithmetic.

pub mod group;
pub mod heard;
pub mod router;
pub mod timers;
pub mod transition;
