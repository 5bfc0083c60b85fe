//! What a virtual machine boots: a kernel, and one script that says on the serial
//! console how it went.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use xvrrp_tests::place;

use crate::{
    cpio::{Archive, Kind},
    machine::{Machine, Transcript},
};

/// What every script starts with.
const PRELUDE: &str = r#"#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/usr/sbin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t bpf bpf /sys/fs/bpf
mount -t tmpfs tmpfs /run
# Its shell takes its own applets first.
ip() { /usr/sbin/ip "$@"; }
say() { echo "guest: $*"; }
quit() { say "the script is over"; poweroff -f; }
# A line in the log of $daemon.
wait_for() {
    for look in $(seq 300); do
        grep -q "$1" "$2" && return 0
        kill -0 $daemon || break
        sleep 0.2
    done
    say "never seen: $1"
    return 1
}
say "kernel $(uname -r)"
"#;

/// A guest being put together.
pub(crate) struct Guest {
    kernel: PathBuf,
    modules: PathBuf,
    directories: BTreeSet<PathBuf>,
    files: Vec<(String, Kind, Vec<u8>)>,
    script: String,
}

impl Guest {
    /// Debian's 6.1 kernel and busybox.
    pub(crate) fn new() -> Self {
        let (kernel, modules) = kernel();
        let guest = Self {
            kernel,
            modules,
            directories: BTreeSet::new(),
            files: Vec::new(),
            script: PRELUDE.into(),
        };
        let busybox = place::installed("/usr/bin/busybox", "busybox-static");
        guest
            .mkdir("/proc")
            .mkdir("/sys")
            .mkdir("/dev")
            .mkdir("/run")
            .mkdir("/tmp")
            .mkdir("/root")
            .add("/bin/busybox", Kind::Program, read(&busybox))
    }

    /// Adds a program of this machine with its libraries, in the same place.
    pub(crate) fn program(self, path: &str) -> Self {
        self.program_as(Path::new(path), path)
    }

    /// Adds a program with its libraries, in another place.
    pub(crate) fn program_as(mut self, path: &Path, inside: &str) -> Self {
        for library in libraries(path) {
            let name = library.to_str().expect("an ASCII path").to_owned();
            if !self.files.iter().any(|(there, ..)| *there == name) {
                self = self.add(&name, Kind::Program, read(&library));
            }
        }
        self.add(inside, Kind::Program, read(path))
    }

    /// Adds kernel modules as `/modules/NAME.ko`; one that is built in is left out.
    pub(crate) fn modules(mut self, names: &[&str]) -> Self {
        for name in names {
            if let Some(path) = find(&self.modules, &format!("{name}.ko")) {
                self = self.file(&format!("/modules/{name}.ko"), read(&path));
            }
        }
        self
    }

    /// Adds a file.
    pub(crate) fn file(self, inside: &str, content: Vec<u8>) -> Self {
        self.add(inside, Kind::Data, content)
    }

    /// Adds to the script; `say` in it is what [`Transcript::has`] looks for.
    pub(crate) fn script(mut self, text: &str) -> Self {
        self.script.push_str(text);
        self
    }

    fn add(mut self, inside: &str, kind: Kind, content: Vec<u8>) -> Self {
        let parent = Path::new(inside).parent().expect("an absolute path");
        self = self.mkdir(parent);
        self.files.push((inside.into(), kind, content));
        self
    }

    fn mkdir(mut self, path: impl AsRef<Path>) -> Self {
        self.directories
            .extend(path.as_ref().ancestors().map(Path::to_path_buf));
        self
    }

    /// Boots and runs the script to its end, or fails when `within` is over.
    #[track_caller]
    pub(crate) fn run(self, within: Duration) -> Transcript {
        let machine = self.boot(&mut Command::new(qemu()), &[]);
        machine.finish(within)
    }

    /// Boots by a command for [`qemu`] of the test's own making, with more arguments
    /// for it.
    #[track_caller]
    pub(crate) fn boot(mut self, command: &mut Command, more: &[String]) -> Machine {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        self.script.push_str("\nquit\n");
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", std::process::id());
        let initrd = place::scratch("smoke").join(&name).with_extension("cpio");
        fs::write(&initrd, self.archive()).expect("the scratch directory");
        command
            .args(["-accel", "tcg", "-cpu", "max", "-m", "512", "-smp", "2"])
            .args(["-no-reboot", "-nodefaults", "-display", "none"])
            .args(["-serial", "stdio"])
            .args(["-append", "console=ttyS0 panic=-1 loglevel=4"])
            .arg("-kernel")
            .arg(&self.kernel)
            .arg("-initrd")
            .arg(&initrd)
            .args(more);
        Machine::start(command, initrd)
    }

    fn archive(&self) -> Vec<u8> {
        let mut archive = Archive::default();
        // A sorted set lists parents before their children.
        for path in self
            .directories
            .iter()
            .filter(|path| path.parent().is_some())
        {
            archive.directory(path.to_str().expect("an ASCII path"));
        }
        for (path, kind, content) in &self.files {
            archive.file(path, *kind, content);
        }
        archive.file("/init", Kind::Program, self.script.as_bytes());
        archive.finish()
    }
}

/// The emulator.
pub(crate) fn qemu() -> PathBuf {
    place::installed("/usr/bin/qemu-system-x86_64", "qemu-system-x86")
}

/// The 6.1 kernel installed here, and its modules.
fn kernel() -> (PathBuf, PathBuf) {
    let found = fs::read_dir("/boot")
        .expect("/boot")
        .flatten()
        .find_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix("vmlinuz-")?;
            let modules = Path::new("/lib/modules").join(version);
            (version.starts_with("6.1.") && modules.is_dir()).then(|| (entry.path(), modules))
        });
    found.expect("no /boot/vmlinuz-6.1.* with its modules: apt-get install linux-image-amd64")
}

/// The shared objects a program needs, loader included.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let done = Command::new("ldd").arg(program).output().expect("ldd");
    String::from_utf8_lossy(&done.stdout)
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from)
        .collect()
}

fn find(dir: &Path, name: &str) -> Option<PathBuf> {
    fs::read_dir(dir).ok()?.flatten().find_map(|entry| {
        let path = entry.path();
        if path.is_dir() {
            find(&path, name)
        } else {
            (entry.file_name() == name).then_some(path)
        }
    })
}

#[track_caller]
fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
