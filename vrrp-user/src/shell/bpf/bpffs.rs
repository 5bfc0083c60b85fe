//! The host's bpffs, found or mounted.
//!
//! What is pinned lives as long as the file system it is pinned in. `ip netns
//! exec` gives a command a mount namespace of its own, with a fresh `/sys` over
//! the old one: a bpffs mounted there dies with the command, and takes the fence
//! along. So in a mount namespace other than pid 1's, the one that counts is
//! reached through pid 1's root.

use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
    sched::{CloneFlags, setns, unshare},
    sys::statfs::{BPF_FS_MAGIC, statfs},
};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread,
};

/// Where a bpffs belongs.
pub const MOUNT_POINT: &str = "/sys/fs/bpf";
const HOST: &str = "/proc/1/root/sys/fs/bpf";

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
    if shares_mounts_with_pid1().unwrap_or(false) {
        if own_is_bpffs {
            return Ok(own.into());
        }
        if !may_mount {
            return Err(format!("no bpffs on {MOUNT_POINT}"));
        }
        return mount_bpffs().map(|()| own.into()).map_err(|errno| {
            format!(
                "no bpffs on {MOUNT_POINT}, and mounting it failed: {}",
                errno.desc()
            )
        });
    }
    let host = Path::new(HOST);
    match is_bpffs(host) {
        // The same file system under its usual name, as in a systemd unit whose
        // mounts follow the host's.
        Ok(true) if own_is_bpffs && same_device(own, host) => Ok(own.into()),
        Ok(true) => Ok(host.into()),
        Ok(false) if may_mount => mount_at_host().map(|()| host.into()).map_err(|errno| {
            format!(
                "the host has no bpffs, and mounting one there failed: {}",
                errno.desc()
            )
        }),
        Ok(false) => Err(format!("the host has no bpffs on {MOUNT_POINT}")),
        // pid 1 is out of sight. A mount that other namespaces share was not made here.
        Err(_) if own_is_bpffs && is_propagated(own) => Ok(own.into()),
        Err(e) => Err(format!(
            "this mount namespace is not the host's (`ip netns exec`?), and the host's bpffs is out of reach: {HOST}: {e}"
        )),
    }
}

fn is_bpffs(path: &Path) -> Result<bool, Errno> {
    statfs(path).map(|found| found.filesystem_type() == BPF_FS_MAGIC)
}

fn shares_mounts_with_pid1() -> io::Result<bool> {
    Ok(fs::read_link("/proc/1/ns/mnt")? == fs::read_link("/proc/thread-self/ns/mnt")?)
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

/// Mounts in pid 1's mount namespace. A thread of its own enters it, since a
/// mount made from outside is refused and the daemon must not move.
fn mount_at_host() -> Result<(), Errno> {
    let host = File::open("/proc/1/ns/mnt")
        .map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO)))?;
    let worker = thread::spawn(move || {
        // Root and working directory are shared by all threads until asked not to be.
        unshare(CloneFlags::CLONE_FS)?;
        setns(host, CloneFlags::CLONE_NEWNS)?;
        match is_bpffs(Path::new(MOUNT_POINT))? {
            true => Ok(()),
            false => mount_bpffs(),
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
