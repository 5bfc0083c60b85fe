//! RFC 9568 §6 as a pure machine.
