//! Taking the CPU away from a daemon, as a runaway real-time program would.
//!
//! All threads of the daemon are bound to one CPU, and that CPU is taken by a
//! busy loop of the highest real-time priority, above the daemon's own. Whoever
//! watches, and the bystanders, move to the other CPUs meanwhile: two routers on
//! one machine would be starved together otherwise.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

use crate::process;

/// A starvation under way. Its end gives every thread its CPUs back.
pub struct Starvation {
    allowed: CpuSet,
    /// The victim, the bystanders and ourselves.
    bound: Vec<i32>,
    stop: Arc<AtomicBool>,
    loop_thread: Option<JoinHandle<Result<(), String>>>,
}

impl Starvation {
    /// Of a process and its children, for `length` at most: the loop ends by
    /// itself then, whatever happens. `bystanders` and theirs keep a CPU.
    pub fn of(victim: i32, bystanders: &[i32], length: Duration) -> Result<Self, String> {
        let own = Pid::from_raw(0);
        let allowed = sched_getaffinity(own).map_err(|error| error.to_string())?;
        let cpus: Vec<usize> = (0..CpuSet::count())
            .filter(|cpu| allowed.is_set(*cpu).unwrap_or(false))
            .collect();
        let (&last, rest) = cpus.split_last().ok_or("no CPU")?;
        if rest.is_empty() {
            return Err("there is only one CPU, and the lab needs it".to_owned());
        }
        let (one, others) = (set(&[last])?, set(rest)?);
        let this = std::process::id().cast_signed();
        bind(this, &others);
        for bystander in bystanders {
            bind_tree(*bystander, &others);
        }
        bind_tree(victim, &one);
        let bound = bystanders.iter().copied().chain([victim]).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let loop_thread = thread::spawn({
            let stop = Arc::clone(&stop);
            move || burn(&one, length, &stop)
        });
        Ok(Self {
            allowed,
            bound,
            stop,
            loop_thread: Some(loop_thread),
        })
    }

    /// It has come to its end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.loop_thread
            .as_ref()
            .is_none_or(JoinHandle::is_finished)
    }

    /// Ends it now; says why it did not work, if it did not.
    pub fn end(mut self) -> Result<(), String> {
        self.stop.store(true, Ordering::Relaxed);
        self.finish()
    }

    /// Waits until it ends by itself; says why it did not work, if it did not.
    pub fn wait(mut self) -> Result<(), String> {
        self.finish()
    }

    fn finish(&mut self) -> Result<(), String> {
        let Some(loop_thread) = self.loop_thread.take() else {
            return Ok(());
        };
        let outcome = loop_thread
            .join()
            .unwrap_or_else(|_| Err("the busy loop failed".to_owned()));
        bind(std::process::id().cast_signed(), &self.allowed);
        for pid in &self.bound {
            bind_tree(*pid, &self.allowed);
        }
        outcome
    }
}

impl Drop for Starvation {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
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

fn bind_tree(pid: i32, cpus: &CpuSet) {
    for process in process::tree(pid) {
        bind(process, cpus);
    }
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

fn burn(cpus: &CpuSet, length: Duration, stop: &AtomicBool) -> Result<(), String> {
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
    let start = Instant::now();
    while start.elapsed() < length && !stop.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
    Ok(())
}
