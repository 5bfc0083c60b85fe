//! One network namespace, named, and owned by the test that made it.

use std::{
    fs::{self, File},
    os::{
        fd::{AsFd, AsRawFd},
        unix::{fs::MetadataExt, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Once,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use nix::sched::{CloneFlags, setns};

use crate::process;

/// Where `ip netns` keeps its names.
const NAMED: &str = "/run/netns";
/// Every name starts so; the owner's process id follows.
const PREFIX: &str = "xvt-";

/// A network namespace; gone when dropped, with every process still in it, every
/// BPF pin and every file in `/run/xvrrp` made for it.
pub struct Namespace {
    name: String,
    file: File,
    cookie: u64,
}

impl Namespace {
    /// A fresh namespace whose name ends in `role`, loopback up.
    #[must_use]
    pub fn new(lab: u32, role: &str) -> Self {
        static SWEPT: Once = Once::new();
        SWEPT.call_once(sweep);
        let name = format!("{PREFIX}{}-{lab}-{role}", std::process::id());
        run(Command::new("ip").args(["netns", "add", &name]));
        let namespace = Self::open(name).expect("the namespace just made");
        namespace.ip("link set lo up");
        namespace
    }

    fn open(name: String) -> Option<Self> {
        let file = File::open(Path::new(NAMED).join(&name)).ok()?;
        let mut namespace = Self {
            name,
            file,
            cookie: 0,
        };
        namespace.cookie = namespace.run(cookie);
        Some(namespace)
    }

    /// As `ip netns` lists it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kernel's number for it, never used twice until the next boot.
    #[must_use]
    pub const fn cookie(&self) -> u64 {
        self.cookie
    }

    /// Runs `f` on a thread of its own inside the namespace. Sockets made there
    /// stay there.
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                setns(self.file.as_fd(), CloneFlags::CLONE_NEWNET).expect("setns; are you root?");
                f()
            });
            inside
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// A command that will run inside. Unlike `ip netns exec` this leaves the
    /// mount namespace, and with it `/sys/fs/bpf`, alone.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let file = self.file.try_clone().expect("one more descriptor");
        // SAFETY: setns on a descriptor we own is one system call and touches
        // no memory, as the child of a threaded process must not.
        unsafe {
            command.pre_exec(move || {
                if libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) == 0 {
                    Ok(())
                } else {
                    Err(std::io::Error::last_os_error())
                }
            });
        }
        command
    }

    /// Runs one `ip` command line inside.
    #[track_caller]
    pub fn ip(&self, line: &str) {
        run(self.command("ip").args(line.split_whitespace()));
    }

    /// Runs many `ip` command lines inside, one process for all.
    #[track_caller]
    pub fn ip_batch(&self, lines: &[String]) {
        use std::io::Write;
        let mut child = self
            .command("ip")
            .args(["-batch", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ip, from iproute2");
        child
            .stdin
            .take()
            .expect("piped")
            .write_all(lines.join("\n").as_bytes())
            .expect("ip reads its batch");
        let done = child.wait_with_output().expect("ip ends");
        let complaint = String::from_utf8_lossy(&done.stderr);
        assert!(
            done.status.success(),
            "ip -batch in {}: {complaint}",
            self.name
        );
    }

    /// Writes sysctls under `/proc/sys/net`.
    #[track_caller]
    pub fn sysctl(&self, settings: &[(String, &str)]) {
        self.run(|| {
            for (key, value) in settings {
                let path = format!("/proc/sys/net/{key}");
                fs::write(&path, value).unwrap_or_else(|error| panic!("{path}: {error}"));
            }
        });
    }

    fn remove(&self) {
        process::kill_namespace(self.file.metadata().map_or(0, |meta| meta.ino()));
        for pins in pins_of(self.cookie) {
            let _ = fs::remove_dir_all(pins);
        }
        for file in run_files_of(self.cookie) {
            let _ = fs::remove_file(&file);
            let _ = fs::remove_dir_all(file);
        }
        let _ = Command::new("ip")
            .args(["netns", "del", &self.name])
            .status();
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.remove();
    }
}

/// A number for the next lab of this process.
#[must_use]
pub fn next_lab() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Directories under the BPF file system that are named after this namespace's
/// cookie, alone or with an instance name: `.../COOKIE[-INSTANCE]`.
#[must_use]
pub fn pins_of(cookie: u64) -> Vec<PathBuf> {
    let cookie = cookie.to_string();
    let mut found = Vec::new();
    let mut todo = vec![PathBuf::from("/sys/fs/bpf/xvrrp")];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            if !entry.path().is_dir() {
                continue;
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.split('-').next() == Some(&cookie) {
                found.push(entry.path());
            } else {
                todo.push(entry.path());
            }
        }
    }
    found
}

/// Files under `/run/xvrrp` that are named after this namespace's cookie.
#[must_use]
pub fn run_files_of(cookie: u64) -> Vec<PathBuf> {
    let cookie = cookie.to_string();
    let files = fs::read_dir("/run/xvrrp").into_iter().flatten().flatten();
    files
        .filter(|file| {
            let name = file.file_name().to_string_lossy().into_owned();
            name.split(['-', '.']).next() == Some(&cookie)
        })
        .map(|file| file.path())
        .collect()
}

/// Removes what test processes that no longer exist have left.
pub fn sweep() {
    for entry in fs::read_dir(NAMED).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next());
        let Some(owner) = owner.filter(|pid| pid.bytes().all(|b| b.is_ascii_digit())) else {
            continue;
        };
        if Path::new("/proc").join(owner).exists() {
            continue;
        }
        // Dropping it removes it.
        drop(Namespace::open(name));
    }
}

/// `SO_NETNS_COOKIE` of the calling thread's namespace.
fn cookie() -> u64 {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").expect("any socket");
    let mut cookie = 0_u64;
    let mut len: libc::socklen_t = 8;
    // SAFETY: the option writes at most `len` bytes, which is the size of `cookie`.
    let done = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut len,
        )
    };
    assert_eq!(done, 0, "SO_NETNS_COOKIE (kernel 5.14)");
    cookie
}

#[track_caller]
fn run(command: &mut Command) {
    let done = command.output().expect("ip, from iproute2");
    let complaint = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {complaint}");
}
