//! What lets the transmit thread run in time: its scheduling class, and memory
//! that is never paged out.
//!
//! Absent on purpose: a guard against `fork`. After one, every page of the process
//! is copied at its next write, and while it lasts the thread cannot even wait for
//! that to be its turn: on a busy machine it loses tens of milliseconds. So this
//! process starts others by `posix_spawn`, which copies nothing, or has them
//! started by one that holds no timing.

use std::{ffi::c_void, fmt, io, ptr};

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
pub(super) fn prepare(priority: u8, buffers: (*const c_void, usize)) -> Vec<Shortfall> {
    let steps = [
        (
            "no real-time scheduling for the transmit thread (CAP_SYS_NICE or RLIMIT_RTPRIO)",
            schedule(priority),
        ),
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
    steps
        .into_iter()
        .filter_map(|(what, result)| {
            Some(Shortfall {
                what,
                why: result.err()?,
            })
        })
        .collect()
}

/// `SCHED_FIFO`; children are not to inherit it.
fn schedule(priority: u8) -> io::Result<()> {
    let parameters = libc::sched_param {
        sched_priority: priority.into(),
    };
    // SAFETY: 0 is the calling thread; the parameters outlive the call.
    let result = unsafe {
        libc::sched_setscheduler(
            0,
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
    use super::{executable, prepare};

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
        let refused = std::thread::spawn(|| prepare(200, (std::ptr::null(), 0)))
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
    fn locks_its_own_stack_buffers_and_code() {
        let locked = std::thread::spawn(|| {
            let buffer = Box::new([0_u8; 4096]);
            let shortfalls = prepare(1, (std::ptr::from_ref(&*buffer).cast(), 4096));
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
