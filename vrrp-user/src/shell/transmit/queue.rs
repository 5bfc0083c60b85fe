//! Commands on their way to the transmit thread.

use super::Frame;
use crate::ownership::command::Command;
use nix::{
    errno::Errno,
    sys::eventfd::{EfdFlags, EventFd},
};
use std::{
    os::fd::{AsFd, BorrowedFd},
    sync::{
        Mutex, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

/// A queue whose reader never waits for a writer: the reader is real-time, and
/// the writer may be preempted while it holds the lock. It then simply comes
/// again, because every writer rings after it has let go.
pub(super) struct Queue {
    commands: Mutex<Vec<Command<Frame>>>,
    bell: EventFd,
    stop: AtomicBool,
}

impl Queue {
    pub(super) fn new() -> nix::Result<Self> {
        let bell = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        Ok(Self {
            commands: Mutex::default(),
            bell,
            stop: AtomicBool::new(false),
        })
    }

    /// Adds one and wakes the reader.
    pub(super) fn push(&self, command: Command<Frame>) {
        self.commands
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(command);
        self.ring();
    }

    /// Tells the reader to stop once it has read everything.
    pub(super) fn stop(&self) {
        self.stop.store(true, SeqCst);
        self.ring();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(SeqCst)
    }

    /// Takes everything there is into `into`, which is empty.
    pub(super) fn take(&self, into: &mut Vec<Command<Frame>>) {
        // First the bell, then the queue: whoever rings later is heard later.
        match self.bell.read() {
            Ok(_) | Err(Errno::EAGAIN) => {}
            Err(error) => unreachable!("an eventfd cannot fail to be read: {error}"),
        }
        match self.commands.try_lock() {
            Ok(mut commands) => std::mem::swap(&mut *commands, into),
            Err(TryLockError::Poisoned(poisoned)) => {
                std::mem::swap(&mut *poisoned.into_inner(), into);
            }
            Err(TryLockError::WouldBlock) => {}
        }
    }

    fn ring(&self) {
        // Fails only when the counter is full, and then the bell rings already.
        let _ = self.bell.write(1);
    }
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;
    use crate::ownership::command::{Command, GateId};
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd;

    fn rings(queue: &Queue) -> bool {
        let mut fds = [PollFd::new(queue.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO).unwrap() == 1
    }

    fn cease(gate: u32) -> Command<super::Frame> {
        Command::Cease {
            gate: GateId(gate),
            resign: false,
        }
    }

    #[test]
    fn hands_over_in_order_and_rings_once() {
        let queue = Queue::new().unwrap();
        let mut taken = Vec::new();
        assert!(!rings(&queue));
        queue.push(cease(1));
        queue.push(cease(2));
        assert!(rings(&queue));
        queue.take(&mut taken);
        assert_eq!(taken, [cease(1), cease(2)]);
        assert!(!rings(&queue));
        taken.clear();
        queue.take(&mut taken);
        assert!(taken.is_empty());
    }

    #[test]
    fn does_not_wait_for_a_writer_but_hears_it_later() {
        let queue = Queue::new().unwrap();
        let mut taken = Vec::new();
        {
            let mut held = queue.commands.lock().unwrap();
            held.push(cease(1));
            queue.take(&mut taken);
            assert!(taken.is_empty());
        }
        queue.ring();
        assert!(rings(&queue));
        queue.take(&mut taken);
        assert_eq!(taken, [cease(1)]);
    }

    #[test]
    fn stopping_rings() {
        let queue = Queue::new().unwrap();
        queue.stop();
        assert!(rings(&queue) && queue.is_stopped());
    }
}
