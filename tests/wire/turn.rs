//! Tests that measure run alone; the others run beside one another.
//!
//! Every test starts other programs, and a fork of this process makes each of its
//! pages one to be copied at the next write, by the transmit thread as well.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static TURN: RwLock<()> = RwLock::new(());

/// Beside others. Held for the whole test.
pub(crate) fn shared() -> RwLockReadGuard<'static, ()> {
    TURN.read().unwrap_or_else(PoisonError::into_inner)
}

/// With nothing beside it. Held for the whole test.
pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    TURN.write().unwrap_or_else(PoisonError::into_inner)
}
