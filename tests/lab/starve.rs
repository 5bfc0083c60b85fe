//! Taking the CPU away from a daemon, as a runaway real-time program would.
//!
//! All threads of the daemon are bound to one CPU, and that CPU is taken by a
//! busy loop of the highest real-time priority, above the daemon's own. The lab
//! itself moves to the other CPUs meanwhile.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};
use xvrrp_tests::process;

use crate::timeline::{between, now_ns};

/// For how long; the loop ends by itself then, whatever happens.
pub(crate) const LENGTH: Duration = Duration::from_secs(5);

/// A starvation under way. Its end gives every thread its CPUs back.
pub(crate) struct Starvation {
    allowed: CpuSet,
    victim: i32,
    stop: Arc<AtomicBool>,
    loop_thread: Option<JoinHandle<Result<(), String>>>,
}

impl Starvation {
    /// Of a process and its children.
    pub(crate) fn of(victim: i32) -> Result<Self, String> {
        let own = Pid::from_raw(0);
        let allowed = sched_getaffinity(own).map_err(|error| error.to_string())?;
        let cpus: Vec<usize> = (0..CpuSet::count())
            .filter(|cpu| allowed.is_set(*cpu).unwrap_or(false))
            .collect();
        let (&last, rest) = cpus.split_last().ok_or("no CPU")?;
        if rest.is_empty() {
            return Err("there is only one CPU, and the lab needs it".to_owned());
        }
        let one = set(&[last])?;
        bind(std::process::id().cast_signed(), &set(rest)?);
        for process in process::tree(victim) {
            bind(process, &one);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let loop_thread = thread::spawn({
            let stop = Arc::clone(&stop);
            move || burn(&one, &stop)
        });
        Ok(Self {
            allowed,
            victim,
            stop,
            loop_thread: Some(loop_thread),
        })
    }

    /// It has come to its end.
    pub(crate) fn is_over(&self) -> bool {
        self.loop_thread
            .as_ref()
            .is_none_or(JoinHandle::is_finished)
    }

    /// Ends it now; says why it did not work, if it did not.
    pub(crate) fn end(mut self) -> Result<(), String> {
        self.finish()
    }

    fn finish(&mut self) -> Result<(), String> {
        self.stop.store(true, Ordering::Relaxed);
        let Some(loop_thread) = self.loop_thread.take() else {
            return Ok(());
        };
        let outcome = loop_thread
            .join()
            .unwrap_or_else(|_| Err("the busy loop failed".to_owned()));
        bind(std::process::id().cast_signed(), &self.allowed);
        for process in process::tree(self.victim) {
            bind(process, &self.allowed);
        }
        outcome
    }
}

impl Drop for Starvation {
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

fn set(cpus: &[usize]) -> Result<CpuSet, String> {
    let mut set = CpuSet::new();
    for cpu in cpus {
        set.set(*cpu).map_err(|error| error.to_string())?;
    }
    Ok(set)
}

/// All threads of a process. One that ends meanwhile needs no CPU.
fn bind(process: i32, cpus: &CpuSet) {
    let threads = fs::read_dir(format!("/proc/{process}/task"));
    for thread in threads.into_iter().flatten().flatten() {
        if let Some(thread) = thread
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        {
            let _ = sched_setaffinity(Pid::from_raw(thread), cpus);
        }
    }
}

fn burn(cpus: &CpuSet, stop: &AtomicBool) -> Result<(), String> {
    sched_setaffinity(Pid::from_raw(0), cpus).map_err(|error| error.to_string())?;
    // SAFETY: no arguments; gives the highest priority there is.
    let highest = unsafe { libc::sched_get_priority_max(libc::SCHED_FIFO) };
    let parameter = libc::sched_param {
        sched_priority: highest,
    };
    // SAFETY: 0 is the calling thread, and the parameter lives through the call.
    if unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameter) } != 0 {
        return Err(format!(
            "no real-time priority: {}",
            std::io::Error::last_os_error()
        ));
    }
    let start_ns = now_ns();
    while between(start_ns, now_ns()) < LENGTH && !stop.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
    Ok(())
}
