//! Processes and their descendants, by way of `/proc`.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{fs, time::Duration};

use crate::wait::finally;

/// `pid` and everything it started, parents first. Empty once it is gone.
#[must_use]
pub fn tree(pid: i32) -> Vec<i32> {
    let mut found = Vec::new();
    let mut todo = vec![pid];
    while let Some(next) = todo.pop() {
        let Ok(threads) = fs::read_dir(format!("/proc/{next}/task")) else {
            continue;
        };
        found.push(next);
        for thread in threads.flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            todo.extend(
                children
                    .split_whitespace()
                    .filter_map(|text| text.parse::<i32>().ok()),
            );
        }
    }
    found
}

/// Stops every process of the tree, those started meanwhile included.
pub fn stop_tree(pid: i32) -> Vec<i32> {
    let mut stopped: Vec<i32> = Vec::new();
    loop {
        let fresh: Vec<i32> = tree(pid)
            .into_iter()
            .filter(|p| !stopped.contains(p))
            .collect();
        if fresh.is_empty() {
            return stopped;
        }
        for process in fresh {
            signal(process, Signal::SIGSTOP);
            stopped.push(process);
        }
    }
}

/// Lets a stopped tree go on.
pub fn continue_tree(pid: i32) {
    for process in tree(pid) {
        signal(process, Signal::SIGCONT);
    }
}

/// Kills the tree as a power cut would: all stopped first, so that no child
/// sees its parent go and leaves politely.
pub fn kill_tree(pid: i32) {
    for process in stop_tree(pid) {
        signal(process, Signal::SIGKILL);
    }
}

/// Sends a signal; a process that is gone already is no mistake.
pub fn signal(pid: i32, signal: Signal) {
    let _ = kill(Pid::from_raw(pid), signal);
}

/// Kills every process in the network namespace with this inode.
pub fn kill_namespace(inode: u64) {
    for pid in in_namespace(inode) {
        kill_tree(pid);
    }
    finally(
        Duration::from_secs(5),
        "no process left in the namespace",
        || match in_namespace(inode) {
            left if left.is_empty() => Ok(()),
            left => Err(format!("{left:?}")),
        },
    );
}

fn in_namespace(inode: u64) -> Vec<i32> {
    use std::os::unix::fs::MetadataExt;
    let Ok(all) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    all.flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| {
            fs::metadata(format!("/proc/{pid}/ns/net")).is_ok_and(|meta| meta.ino() == inode)
        })
        .collect()
}

/// Times the threads of a tree have gone to sleep by themselves: one for every
/// time something woke them.
#[must_use]
pub fn voluntary_switches(pid: i32) -> u64 {
    tree(pid)
        .into_iter()
        .flat_map(|process| {
            fs::read_dir(format!("/proc/{process}/task"))
                .into_iter()
                .flatten()
        })
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok())
        .filter_map(|status| {
            let line = status
                .lines()
                .find(|l| l.starts_with("voluntary_ctxt_switches:"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .sum()
}

/// CPU time the processes of a tree have used, in user space and in the kernel on
/// their behalf; to a hundredth of a second.
#[must_use]
pub fn cpu_time(pid: i32) -> Duration {
    // SAFETY: a number for a number.
    let ticks_per_s = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    let ticks: u64 = tree(pid)
        .into_iter()
        .filter_map(|process| fs::read_to_string(format!("/proc/{process}/stat")).ok())
        .filter_map(|stat| {
            // Fields 14 and 15; the name, field 2, may hold anything but ")".
            let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
            Some(ticks(11)? + ticks(12)?)
        })
        .sum();
    Duration::from_millis(ticks * 1000 / u64::try_from(ticks_per_s).unwrap_or(100))
}

#[cfg(test)]
mod tests {
    use super::{cpu_time, kill_tree, tree, voluntary_switches};
    use crate::wait::eventually;
    use std::{process::Command, time::Duration};

    #[test]
    fn counts_the_time_of_a_busy_process() {
        let mut shell = Command::new("sh")
            .args(["-c", "while :; do :; done"])
            .spawn()
            .expect("sh");
        let pid = i32::try_from(shell.id()).expect("a pid");
        let used = eventually(Duration::from_secs(20), "a tenth of a second", || {
            let used = cpu_time(pid);
            if used >= Duration::from_millis(100) {
                Ok(used)
            } else {
                Err(format!("{used:?}"))
            }
        });
        assert!(used < Duration::from_secs(20), "{used:?}");
        kill_tree(pid);
        shell.wait().expect("reaped");
    }

    #[test]
    fn kills_children_with_their_parent() {
        let mut shell = Command::new("sh")
            .args(["-c", "sleep 60 & sleep 60"])
            .spawn()
            .expect("sh");
        let pid = i32::try_from(shell.id()).expect("a pid");
        let all = eventually(Duration::from_secs(5), "a shell and two children", || {
            let all = tree(pid);
            if all.len() == 3 {
                Ok(all)
            } else {
                Err(format!("{all:?}"))
            }
        });
        assert!(voluntary_switches(pid) > 0);
        kill_tree(pid);
        shell.wait().expect("reaped");
        eventually(Duration::from_secs(5), "all three gone", || {
            let left: Vec<_> = all.iter().filter(|p| !tree(**p).is_empty()).collect();
            // A zombie whose new parent is slow to reap it still has a directory.
            let left: Vec<_> = left
                .into_iter()
                .filter(|p| {
                    std::fs::read_to_string(format!("/proc/{p}/stat"))
                        .is_ok_and(|s| !s.contains(") Z "))
                })
                .collect();
            if left.is_empty() {
                Ok(())
            } else {
                Err(format!("{left:?}"))
            }
        });
    }
}
