//! One absolute timer on `CLOCK_MONOTONIC`.

use crate::time::Instant;
use nix::sys::{
    time::TimeSpec,
    timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
};
use std::{
    io,
    os::fd::{AsFd, AsRawFd, RawFd},
    time::Duration,
};
use tokio::io::{Interest, unix::AsyncFd};

/// A timer descriptor: tokio's own wheel ticks in milliseconds, and a
/// down interval at 10 ms is decided in less.
pub(super) struct Deadline {
    timer: AsyncFd<Timer>,
    armed: Option<Instant>,
}

struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Deadline {
    /// Must be called inside a tokio runtime.
    pub(super) fn new() -> io::Result<Self> {
        let timer = TimerFd::new(
            ClockId::CLOCK_MONOTONIC,
            TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC,
        )?;
        // SAFETY: the timer owns its descriptor and never changes or closes it
        // before it is dropped with this.
        let timer = unsafe { AsyncFd::register_with_interest(Timer(timer), Interest::READABLE) }?;
        Ok(Self { timer, armed: None })
    }

    /// Wakes at `at`, at once if that is past; never for `None`.
    pub(super) fn arm(&mut self, at: Option<Instant>) -> io::Result<()> {
        if self.armed == at {
            return Ok(());
        }
        let timer = &self.timer.get_ref().0;
        match at {
            // An all-zero time would disarm it.
            Some(at) => timer.set(
                Expiration::OneShot(TimeSpec::from_duration(Duration::from_nanos(
                    at.as_ns().max(1),
                ))),
                TimerSetTimeFlags::TFD_TIMER_ABSTIME,
            )?,
            None => timer.unset()?,
        }
        self.armed = at;
        Ok(())
    }

    /// Resolves once the deadline has passed, and disarms it.
    pub(super) async fn passed(&mut self) -> io::Result<()> {
        loop {
            let mut guard = self.timer.readable().await?;
            let read = nix::unistd::read(guard.get_inner().0.as_fd(), &mut [0; 8]);
            guard.clear_ready();
            match read {
                Ok(_) => {
                    self.armed = None;
                    return Ok(());
                }
                // Readiness of a deadline that was moved meanwhile.
                Err(nix::errno::Errno::EAGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::clock;

    #[tokio::test(flavor = "current_thread")]
    async fn wakes_after_the_deadline_and_never_before() {
        let mut deadline = Deadline::new().unwrap();
        for ms in [0, 1, 5] {
            let at = clock::now() + Duration::from_millis(ms);
            deadline.arm(Some(at)).unwrap();
            deadline.passed().await.unwrap();
            assert!(clock::now() >= at);
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_deadline_moved_out_does_not_wake() {
        let mut deadline = Deadline::new().unwrap();
        deadline.arm(Some(clock::now())).unwrap();
        deadline
            .arm(Some(clock::now() + Duration::from_mins(1)))
            .unwrap();
        let woke = tokio::time::timeout(Duration::from_millis(30), deadline.passed()).await;
        assert!(woke.is_err());
        deadline.arm(None).unwrap();
        let woke = tokio::time::timeout(Duration::from_millis(30), deadline.passed()).await;
        assert!(woke.is_err());
    }
}
