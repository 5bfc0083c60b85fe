//! The host's bpffs, found or mounted.
//!
//! What is pinned lives as long as the file system it is pinned in. `ip netns
//! exec` gives a command a mount namespace of its own, with a fresh `/sys` over
//! the old one: a bpffs mounted there dies with the command, and takes the fence
//! along. So in a mount namespace other than the host's, the host's is reached
//! through the root of pid 1, or, where that is out of sight, of an ancestor
//! that shares its mounts with the kernel's own threads.

use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
    sched::{CloneFlags, setns, unshare},
    sys::statfs::{BPF_FS_MAGIC, statfs},
};
use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread,
};

/// Where a bpffs belongs.
pub const MOUNT_POINT: &str = "/sys/fs/bpf";

/// Finds a bpffs that outlives this process, mounting one where there is none.
/// The error says, for `status`, why there is none.
pub fn find_or_mount() -> Result<PathBuf, String> {
    find(true)
}

/// Finds a bpffs that outlives this process. The error says why there is none.
pub fn find_mounted() -> Result<PathBuf, String> {
    find(false)
}

fn find(may_mount: bool) -> Result<PathBuf, String> {
    let own = Path::new(MOUNT_POINT);
    let own_is_bpffs = is_bpffs(own).unwrap_or(false);
    let host = match host_mounts() {
        HostMounts::Ours => {
            return match (own_is_bpffs, may_mount) {
                (true, _) => Ok(own.into()),
                (false, true) => mount_bpffs().map(|()| own.into()).map_err(|errno| {
                    format!(
                        "no bpffs on {MOUNT_POINT}, and mounting it failed: {}",
                        errno.desc()
                    )
                }),
                (false, false) => Err(format!("no bpffs on {MOUNT_POINT}")),
            };
        }
        // A mount that other namespaces share was not made for this one alone.
        HostMounts::Unknown if own_is_bpffs && is_propagated(own) => return Ok(own.into()),
        HostMounts::Unknown => {
            return Err("this mount namespace is not the host's (`ip netns exec`?), and the host's is out of reach".into());
        }
        HostMounts::Of(pid) => pid,
    };
    let path = PathBuf::from(format!("/proc/{host}/root{MOUNT_POINT}"));
    match is_bpffs(&path) {
        // The same file system under its usual name, as in a systemd unit whose
        // mounts follow the host's.
        Ok(true) if own_is_bpffs && same_device(own, &path) => Ok(own.into()),
        Ok(true) => Ok(path),
        Ok(false) if may_mount => mount_at(host).map(|()| path).map_err(|errno| {
            format!(
                "the host has no bpffs, and mounting one there failed: {}",
                errno.desc()
            )
        }),
        Ok(false) => Err(format!("the host has no bpffs on {MOUNT_POINT}")),
        Err(e) => Err(format!(
            "this mount namespace is not the host's (`ip netns exec`?), and the host's bpffs is out of reach: {}: {}",
            path.display(),
            e.desc()
        )),
    }
}

/// Who is in the host's mount namespace?
enum HostMounts {
    /// This thread.
    Ours,
    /// This process, whose mounts are not ours.
    Of(u32),
    /// Nobody we may look at.
    Unknown,
}

fn host_mounts() -> HostMounts {
    let Some(ours) = mount_namespace("thread-self") else {
        return HostMounts::Unknown;
    };
    // Kernel threads never leave the namespace the host began in. In a container
    // with pids of its own there are none, and its pid 1 is the host to us.
    let initial = mount_namespace("2")
        .filter(|_| fs::read_to_string("/proc/2/comm").is_ok_and(|name| name.trim() == "kthreadd"));
    if initial.as_ref() == Some(&ours) {
        return HostMounts::Ours;
    }
    if let Some(first) = mount_namespace("1") {
        return if first == ours {
            HostMounts::Ours
        } else {
            HostMounts::Of(1)
        };
    }
    let ancestor =
        ancestors().find(|pid| initial.is_some() && mount_namespace(&pid.to_string()) == initial);
    ancestor.map_or(HostMounts::Unknown, HostMounts::Of)
}

/// Parent, grandparent, ... up to but without pid 1.
fn ancestors() -> impl Iterator<Item = u32> {
    let parent = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything; state and parent follow it.
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    std::iter::successors(Some(std::os::unix::process::parent_id()), parent)
        .take_while(|pid| *pid > 1)
}

fn mount_namespace(process: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{process}/ns/mnt")).ok()
}

fn is_bpffs(path: &Path) -> Result<bool, Errno> {
    statfs(path).map(|found| found.filesystem_type() == BPF_FS_MAGIC)
}

fn same_device(a: &Path, b: &Path) -> bool {
    matches!((fs::metadata(a), fs::metadata(b)), (Ok(a), Ok(b)) if a.dev() == b.dev())
}

/// Is the mount on `path` part of a peer group with other mount namespaces?
fn is_propagated(path: &Path) -> bool {
    fs::read_to_string("/proc/thread-self/mountinfo")
        .is_ok_and(|mounts| mount_is_propagated(&mounts, path))
}

fn mount_is_propagated(mountinfo: &str, path: &Path) -> bool {
    // The last mount on a point hides the others. Optional fields stand between
    // the sixth and a lone hyphen.
    let fields = mountinfo
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .rfind(|fields| fields.get(4).is_some_and(|point| Path::new(point) == path));
    fields.is_some_and(|fields| {
        fields
            .iter()
            .skip(6)
            .take_while(|field| **field != "-")
            .any(|field| field.starts_with("shared:") || field.starts_with("master:"))
    })
}

fn mount_bpffs() -> Result<(), Errno> {
    mount(
        Some("bpf"),
        MOUNT_POINT,
        Some("bpf"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC,
        Some("mode=0700"),
    )
}

/// Mounts in the mount namespace of `pid`. A thread of its own enters it, since a
/// mount made from outside is refused and the daemon must not move.
fn mount_at(pid: u32) -> Result<(), Errno> {
    let host = File::open(format!("/proc/{pid}/ns/mnt"))
        .map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO)))?;
    let worker = thread::spawn(move || {
        // Root and working directory are shared by all threads until asked not to be.
        unshare(CloneFlags::CLONE_FS)?;
        setns(host, CloneFlags::CLONE_NEWNS)?;
        // Another daemon may have been faster.
        if is_bpffs(Path::new(MOUNT_POINT))? {
            Ok(())
        } else {
            mount_bpffs()
        }
    });
    worker.join().unwrap_or(Err(Errno::EIO))
}

#[cfg(test)]
mod tests {
    use super::mount_is_propagated;
    use std::path::Path;

    #[test]
    fn mounts_of_the_host_are_told_from_private_ones() {
        let shared = "36 28 0:31 / /sys/fs/bpf rw,nosuid shared:11 - bpf bpf rw,mode=700\n";
        let slave = "36 28 0:31 / /sys/fs/bpf rw,nosuid master:11 - bpf bpf rw,mode=700\n";
        let private = "36 28 0:31 / /sys/fs/bpf rw,nosuid - bpf bpf rw,mode=700\n";
        let elsewhere = "36 28 0:31 / /mnt rw,nosuid shared:11 - bpf bpf rw,mode=700\n";
        let cases = [
            (shared.to_owned(), true),
            (slave.to_owned(), true),
            (private.to_owned(), false),
            (elsewhere.to_owned(), false),
            (format!("{shared}{private}"), false),
        ];
        for (mountinfo, want) in cases {
            assert_eq!(
                mount_is_propagated(&mountinfo, Path::new("/sys/fs/bpf")),
                want,
                "{mountinfo}"
            );
        }
    }
}
