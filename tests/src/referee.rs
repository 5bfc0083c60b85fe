//! When the machine itself stood still: on each CPU a thread of the highest
//! real-time priority that only looks at the clock. If that one is late, a virtual
//! CPU was taken away or the kernel was busy with itself, and no daemon could have
//! been in time.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::capture::Stamp;
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    sys::time::TimeSpec,
    time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep},
    unistd::Pid,
};

const LOOK_EVERY: Duration = Duration::from_millis(1);
/// Less is not worth a word.
const WORTH_NOTING: Duration = Duration::from_millis(1);

/// From when it should have woken to when it did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stall {
    /// When it should have woken.
    pub from: Stamp,
    /// When it did.
    pub to: Stamp,
}

impl Stall {
    /// How late it was.
    #[must_use]
    pub fn length(self) -> Duration {
        self.to.since(self.from)
    }

    /// It lay, in part, between the two.
    #[must_use]
    pub fn touches(self, from: Stamp, to: Stamp) -> bool {
        self.from < to && from < self.to
    }
}

/// The threads; they end when it is dropped.
pub struct Referee {
    stalls: Arc<Mutex<Vec<Stall>>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<(), String>>>,
}

impl Referee {
    /// One on each CPU we may run on.
    #[must_use]
    pub fn start() -> Self {
        let stalls = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let threads = cpus()
            .into_iter()
            .map(|cpu| {
                let (stalls, stop) = (Arc::clone(&stalls), Arc::clone(&stop));
                thread::spawn(move || watch(cpu, &stalls, &stop))
            })
            .collect();
        Self {
            stalls,
            stop,
            threads,
        }
    }

    /// Those so far, of all CPUs.
    #[must_use]
    pub fn stalls(&self) -> Vec<Stall> {
        self.stalls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// It watches; if a thread has ended, it does not.
    #[must_use]
    pub fn is_watching(&self) -> bool {
        !self.threads.iter().any(JoinHandle::is_finished)
    }
}

impl Drop for Referee {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Runs a test whose deadlines a machine may miss that stands still for `limit`: where it
/// failed and the machine has done so, it is run again, three times at most.
pub fn on_a_steady_machine(limit: Duration, test: impl Fn()) {
    for again in (0..4).rev() {
        let referee = Referee::start();
        let Err(failure) = catch_unwind(AssertUnwindSafe(&test)) else {
            return;
        };
        let longest = referee.stalls().into_iter().map(Stall::length).max();
        if again == 0 || longest.is_none_or(|longest| longest < limit) {
            resume_unwind(failure);
        }
        eprintln!("the machine stood still for {longest:?}: once more");
    }
}

/// Those we may run on.
fn cpus() -> Vec<usize> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
    (0..CpuSet::count())
        .filter(|cpu| allowed.is_set(*cpu).unwrap_or(false))
        .collect()
}

fn watch(cpu: usize, stalls: &Mutex<Vec<Stall>>, stop: &AtomicBool) -> Result<(), String> {
    let mut one = CpuSet::new();
    one.set(cpu).map_err(|error| error.to_string())?;
    sched_setaffinity(Pid::from_raw(0), &one).map_err(|error| error.to_string())?;
    // SAFETY: no arguments but a constant; gives the highest priority there is.
    let highest = unsafe { libc::sched_get_priority_max(libc::SCHED_FIFO) };
    let parameter = libc::sched_param {
        sched_priority: highest,
    };
    // SAFETY: 0 is the calling thread, and the parameter lives through the call.
    if unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameter) } != 0 {
        return Err(std::io::Error::last_os_error().to_string());
    }
    let clock = ClockId::CLOCK_MONOTONIC;
    let now = || clock_gettime(clock).map_or(Duration::ZERO, Duration::from);
    let mut due = now();
    while !stop.load(Ordering::Relaxed) {
        due += LOOK_EVERY;
        let flags = ClockNanosleepFlags::TIMER_ABSTIME;
        let _ = clock_nanosleep(clock, flags, &TimeSpec::from(due));
        let late = now().saturating_sub(due);
        if late >= WORTH_NOTING {
            let to = Stamp::now();
            let late_ns = u64::try_from(late.as_nanos()).unwrap_or(u64::MAX);
            let from = Stamp(to.0.saturating_sub(late_ns));
            stalls
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(Stall { from, to });
            // What was missed is one stall, not many.
            due = now();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Stall;
    use crate::capture::Stamp;

    #[test]
    fn a_stall_touches_what_it_lies_in_and_what_lies_in_it() {
        let stall = Stall {
            from: Stamp(100),
            to: Stamp(200),
        };
        let touches = |from, to| stall.touches(Stamp(from), Stamp(to));
        assert!(touches(120, 130) && touches(50, 300));
        assert!(touches(50, 101) && touches(199, 300));
        assert!(!touches(50, 100) && !touches(200, 300));
    }
}
