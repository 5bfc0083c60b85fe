//! What lets the transmit thread run in time: its scheduling class, and memory
//! that is never paged out.
//!
//! Absent on purpose: a guard against `fork`. After one, every page of the process
//! is copied at its next write, and while it lasts the thread cannot even wait for
//! that to be its turn: on a busy machine it loses tens of milliseconds. So this
//! process starts others by `posix_spawn`, which copies nothing, or has them
//! started by one that holds no timing.

use super::thread::Settings;
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    sys::resource::{Resource, getrlimit, rlim_t, setrlimit},
    unistd::Pid,
};
use std::{ffi::c_void, fmt, io, ptr, sync::OnceLock, time::Duration};

/// As the system calls name it.
const CALLING_THREAD: libc::pid_t = 0;

/// Stack of the thread, in bytes: all of it may be locked.
pub(super) const STACK_BYTES: usize = 256 * 1024;

/// How much of the stack is touched ahead of need.
const TOUCHED_BYTES: usize = 64 * 1024;

/// Something the thread has to do without.
#[derive(Debug)]
pub struct Shortfall {
    /// What was refused.
    what: &'static str,
    /// Why.
    why: io::Error,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// Makes the calling thread real-time and locks what it runs on: its stack,
/// `buffers`, and the code it executes. Not the heap, which it shares.
pub(super) fn prepare(settings: &Settings, buffers: (*const c_void, usize)) -> Vec<Shortfall> {
    let steps = [
        (
            "the transmit thread's stack is not locked in memory (CAP_IPC_LOCK or RLIMIT_MEMLOCK)",
            lock_stack(),
        ),
        (
            "the transmit thread's buffers are not locked in memory",
            lock(buffers.0, buffers.1),
        ),
        (
            "the transmit thread's code is not locked in memory",
            lock_code(),
        ),
    ];
    touch_stack();
    let mut missing = schedule_as(CALLING_THREAD, settings);
    missing.extend(refused(steps));
    missing
}

/// Gives a thread its class, its CPUs and its limit; what is refused is left as it was.
pub(super) fn schedule_as(thread: libc::pid_t, settings: &Settings) -> Vec<Shortfall> {
    let steps = [
        (
            "no real-time scheduling for the transmit thread (CAP_SYS_NICE or RLIMIT_RTPRIO)",
            schedule(thread, settings.realtime_priority),
        ),
        (
            "the transmit thread runs on any CPU: `vrrp_cpu_affinity` names none that it may have",
            run_on(thread, &settings.cpus),
        ),
        (
            "`vrrp_rlimit_rttime` is not in force",
            limit(settings.realtime_limit),
        ),
    ];
    refused(steps).collect()
}

fn refused<const N: usize>(
    steps: [(&'static str, io::Result<()>); N],
) -> impl Iterator<Item = Shortfall> {
    let refused = |(what, result): (_, io::Result<()>)| {
        let why = result.err()?;
        Some(Shortfall { what, why })
    };
    steps.into_iter().filter_map(refused)
}

/// `SCHED_FIFO`; children are not to inherit it.
fn schedule(thread: libc::pid_t, priority: u8) -> io::Result<()> {
    let parameters = libc::sched_param {
        sched_priority: priority.into(),
    };
    // SAFETY: the parameters outlive the call.
    let result = unsafe {
        libc::sched_setscheduler(
            thread,
            libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK,
            &raw const parameters,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// On these CPUs, or on those the process was started on.
fn run_on(thread: libc::pid_t, cpus: &[u16]) -> io::Result<()> {
    let mut set = CpuSet::new();
    if cpus.is_empty() {
        // Its first thread keeps them.
        set = sched_getaffinity(Pid::this())?;
    }
    for &cpu in cpus {
        set.set(usize::from(cpu))?;
    }
    sched_setaffinity(Pid::from_raw(thread), &set)?;
    Ok(())
}

/// How long a real-time thread of this process may compute without waiting; as it was
/// started, where nothing is said. The hard limit stays.
fn limit(most: Option<Duration>) -> io::Result<()> {
    static AT_START: OnceLock<rlim_t> = OnceLock::new();
    let (soft, hard) = getrlimit(Resource::RLIMIT_RTTIME)?;
    let at_start = *AT_START.get_or_init(|| soft);
    let wanted = most.map_or(at_start, |most| {
        rlim_t::try_from(most.as_micros()).unwrap_or(rlim_t::MAX)
    });
    if wanted != soft {
        setrlimit(Resource::RLIMIT_RTTIME, wanted, hard)?;
    }
    Ok(())
}

fn lock_stack() -> io::Result<()> {
    let (mut base, mut len) = (ptr::null_mut(), 0);
    // SAFETY: `attributes` is initialised by the first call, read by the second
    // and destroyed by the third, each only if the one before succeeded.
    let error = unsafe {
        let mut attributes = std::mem::zeroed();
        let mut error = libc::pthread_getattr_np(libc::pthread_self(), &raw mut attributes);
        if error == 0 {
            error = libc::pthread_attr_getstack(&raw const attributes, &raw mut base, &raw mut len);
            libc::pthread_attr_destroy(&raw mut attributes);
        }
        error
    };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    lock(base, len)
}

/// Locks pages as they come in, so that neither a guard page nor code that never
/// runs matters.
fn lock(base: *const c_void, len: usize) -> io::Result<()> {
    // SAFETY: locking changes no memory; an address that is not mapped is an error.
    let result = unsafe { libc::mlock2(base, len, libc::MLOCK_ONFAULT as _) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The program's text, and the C library's where that is another file.
fn lock_code() -> io::Result<()> {
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let here = [
        prepare as *const () as usize,
        libc::sendmmsg as *const () as usize,
    ];
    for (start, end) in executable(&maps) {
        if here.iter().any(|address| (start..end).contains(address)) {
            lock(ptr::without_provenance(start), end - start)?;
        }
    }
    Ok(())
}

/// The executable mappings of `/proc/PID/maps`: first address, and the one past the last.
fn executable(maps: &str) -> impl Iterator<Item = (usize, usize)> {
    maps.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let address = |text| usize::from_str_radix(text, 16).ok();
        words
            .next()?
            .contains('x')
            .then_some((address(start)?, address(end)?))
    })
}

/// Pages of the stack come in now, not within a deadline.
#[inline(never)]
#[allow(clippy::large_stack_arrays)] // That is its purpose.
fn touch_stack() {
    let mut pages = [0_u8; TOUCHED_BYTES];
    std::hint::black_box(&mut pages);
}

#[cfg(test)]
mod tests {
    use super::{Settings, executable, prepare, schedule_as};
    use nix::{
        sched::sched_getaffinity,
        sys::resource::{Resource, getrlimit},
        unistd::{Pid, gettid},
    };
    use std::time::Duration;

    #[test]
    fn finds_executable_mappings() {
        let maps = "\
55d0c0000000-55d0c0010000 r--p 00000000 fe:00 1 /usr/sbin/xvrrpd
55d0c0010000-55d0c0200000 r-xp 00010000 fe:00 1 /usr/sbin/xvrrpd
7ffc0000000-7ffc0001000 rw-p 00000000 00:00 0 [stack]
not a mapping
";
        let found: Vec<_> = executable(maps).collect();
        assert_eq!(found, [(0x55d0_c001_0000, 0x55d0_c020_0000)]);
    }

    #[test]
    fn says_what_was_refused() {
        // No scheduling class has such a priority.
        let settings = Settings {
            realtime_priority: 200,
            ..Settings::default()
        };
        let refused = std::thread::spawn(move || prepare(&settings, (std::ptr::null(), 0)))
            .join()
            .unwrap();
        let [shortfall] = &refused[..] else {
            panic!("{refused:?}")
        };
        let text = shortfall.to_string();
        assert!(
            text.starts_with("no real-time scheduling") && text.contains("Invalid"),
            "{text}"
        );
    }

    #[test]
    fn a_thread_runs_where_and_as_long_as_it_is_told() {
        let one = std::thread::spawn(|| {
            let settings = Settings {
                realtime_priority: 1,
                cpus: vec![0],
                realtime_limit: Some(Duration::from_secs(7)),
            };
            // Scheduling may be refused where tests run.
            let (at_start, _) = getrlimit(Resource::RLIMIT_RTTIME).unwrap();
            let refused = schedule_as(0, &settings);
            assert!(
                refused.iter().all(|it| it.what.contains("real-time")),
                "{refused:?}"
            );
            let cpus = sched_getaffinity(Pid::from_raw(0)).unwrap();
            assert!(cpus.is_set(0).unwrap() && !cpus.is_set(1).unwrap());
            let (soft, _) = getrlimit(Resource::RLIMIT_RTTIME).unwrap();
            assert_eq!(soft, 7_000_000);
            // From another thread, as a reload does it: everything as it was.
            let this = gettid().as_raw();
            let back = Settings {
                realtime_priority: 1,
                ..Settings::default()
            };
            std::thread::spawn(move || schedule_as(this, &back))
                .join()
                .unwrap();
            let cpus = sched_getaffinity(Pid::from_raw(0)).unwrap();
            let (soft, _) = getrlimit(Resource::RLIMIT_RTTIME).unwrap();
            assert_eq!(soft, at_start);
            std::thread::available_parallelism().is_ok_and(|n| n.get() == 1)
                || cpus.is_set(1).unwrap()
        });
        assert!(one.join().unwrap());
        let nowhere = Settings {
            cpus: vec![1000],
            ..Settings::default()
        };
        let refused = std::thread::spawn(move || schedule_as(0, &nowhere));
        let refused = refused.join().unwrap();
        let refused = refused.iter().map(ToString::to_string);
        assert!(
            refused
                .into_iter()
                .any(|it| it.contains("vrrp_cpu_affinity")),
            "a CPU that is not there"
        );
    }

    #[test]
    fn locks_its_own_stack_buffers_and_code() {
        let locked = std::thread::spawn(|| {
            let buffer = Box::new([0_u8; 4096]);
            let shortfalls = prepare(
                &Settings {
                    realtime_priority: 1,
                    ..Settings::default()
                },
                (std::ptr::from_ref(&*buffer).cast(), 4096),
            );
            // Scheduling may be refused where tests run; locked memory is counted.
            let locking: Vec<_> = shortfalls
                .iter()
                .filter(|s| s.what.contains("locked"))
                .collect();
            assert!(locking.is_empty(), "{locking:?}");
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status
                .lines()
                .find(|line| line.starts_with("VmLck:"))
                .unwrap()
                .to_owned();
            line.split_ascii_whitespace()
                .nth(1)
                .unwrap()
                .parse::<u64>()
                .unwrap()
        });
        let locked_kib = locked.join().unwrap();
        assert!(locked_kib >= 64, "only {locked_kib} KiB locked");
    }
}
