//! A daemon on a router: `xvrrpd`, keepalived or FRR behind the same handles.

use std::{
    fs, io,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use nix::sys::signal::Signal;

use crate::{
    capture::Stamp,
    conf::Conf,
    log::Log,
    net::{INTERFACE, Node},
    place, process,
    wait::eventually,
};

/// Longest a daemon may take to leave when asked to.
const LEAVES_WITHIN: Duration = Duration::from_secs(5);

/// Which make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Daemon {
    /// The one under test.
    Xvrrpd,
    /// keepalived as Debian has it.
    Keepalived,
    /// FRR's zebra and vrrpd.
    Frr,
}

/// A running daemon. Killed with all it started when dropped; if the test is
/// failing, its last words are printed.
pub struct Running {
    daemon: Daemon,
    title: String,
    conf: PathBuf,
    child: Child,
    log: Log,
}

impl Daemon {
    /// Starts it on a router with this configuration.
    #[track_caller]
    pub fn start(self, node: &Node, conf: &Conf) -> Running {
        match self {
            Self::Xvrrpd | Self::Keepalived => self.start_text(node, &conf.keepalived()),
            Self::Frr => frr(node, conf),
        }
    }

    /// Starts it with a configuration in keepalived's language.
    #[track_caller]
    pub fn start_text(self, node: &Node, text: &str) -> Running {
        self.start_in(node, text, &[])
    }

    /// The same, with these in its environment.
    #[track_caller]
    pub fn start_in(self, node: &Node, text: &str, environment: &[(&str, &str)]) -> Running {
        let conf = conf_file(node, text);
        let mut command = match self {
            // keepalived's own command line: xvrrpd is a drop-in. No pid files
            // and no instance name; it must stay apart by itself.
            Self::Xvrrpd => {
                let mut command = node.ns.command(place::xvrrpd());
                command.args(["-n", "-l", "-D", "-P", "-f"]).arg(&conf);
                command
            }
            // -G: without a syslog daemon each line would go to the console,
            // at 2 ms a line.
            Self::Keepalived => {
                let path = place::installed("/usr/sbin/keepalived", "keepalived");
                let mut command = node.ns.command(path);
                command
                    .args(["-n", "-l", "-D", "-G", "-P", "-f"])
                    .arg(&conf);
                for (option, extension) in [("-p", "pid"), ("-r", "vrrp.pid")] {
                    let file = conf.with_extension(extension);
                    // One that was killed in a test process of the same number, long
                    // ago, may have left it: with a number somebody has again.
                    let _ = fs::remove_file(&file);
                    command.arg(option).arg(file);
                }
                private(&mut command, c"/tmp");
                command
            }
            Self::Frr => panic!("FRR does not read keepalived's language"),
        };
        command.envs(environment.iter().copied());
        Running::spawn(self, node, conf, command.stdin(Stdio::null()))
    }
}

impl Running {
    /// Starts a daemon by a command of the test's own making.
    #[track_caller]
    pub fn spawn(daemon: Daemon, node: &Node, conf: PathBuf, command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let log = Log::default();
        log.follow(child.stdout.take().expect("piped"));
        log.follow(child.stderr.take().expect("piped"));
        let title = format!("{daemon:?} on {}", node.ns.name());
        Self {
            daemon,
            title,
            conf,
            child,
            log,
        }
    }

    /// Which make it is.
    #[must_use]
    pub const fn daemon(&self) -> Daemon {
        self.daemon
    }

    /// Process id of the daemon itself.
    #[must_use]
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a process id")
    }

    /// What it has said.
    #[must_use]
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// It has said that it listens for adverts. FRR says nothing, and is quick.
    #[must_use]
    pub fn listens(&self) -> bool {
        let last_words = match self.daemon {
            Daemon::Xvrrpd => "XDP on ",
            Daemon::Keepalived => "VRRP sockpool: ",
            Daemon::Frr => return true,
        };
        let said = self.log.since(Stamp::default());
        said.iter().any(|line| line.contains(last_words))
    }

    /// The file it reads.
    #[must_use]
    pub const fn conf(&self) -> &PathBuf {
        &self.conf
    }

    /// It is still there.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills all its processes as a power cut would; gives the moment.
    pub fn kill(&mut self) -> Stamp {
        let at = Stamp::now();
        // Once it is reaped its number may be somebody else's.
        if self.is_running() {
            process::kill_tree(self.pid());
        }
        let _ = self.child.wait();
        at
    }

    /// Stops all its processes (SIGSTOP); gives the moment.
    pub fn stop(&self) -> Stamp {
        let at = Stamp::now();
        process::stop_tree(self.pid());
        at
    }

    /// Lets them go on.
    pub fn resume(&self) {
        process::continue_tree(self.pid());
    }

    /// Sends its first process a signal that ends it, and gives the moment at which
    /// it was over.
    #[track_caller]
    pub fn end_by(&mut self, signal: Signal) -> Stamp {
        process::signal(self.pid(), signal);
        let start = Stamp::now();
        while self.is_running() {
            assert!(
                Stamp::now().since(start) < LEAVES_WITHIN,
                "it goes on after {signal}"
            );
            std::thread::sleep(Duration::from_micros(100));
        }
        Stamp::now()
    }

    /// Asks it to leave (SIGTERM) and gives the moment it was asked; it is still
    /// leaving. [`Running::left`] waits for the end.
    pub fn terminate(&self) -> Stamp {
        let at = Stamp::now();
        process::signal(self.pid(), Signal::SIGTERM);
        at
    }

    /// Waits until it has left.
    #[track_caller]
    pub fn left(&mut self) -> ExitStatus {
        let status = eventually(LEAVES_WITHIN, "the daemon leaves", || {
            match self.child.try_wait() {
                Ok(Some(status)) => Ok(status),
                other => Err(format!("{other:?}")),
            }
        });
        if self.daemon == Daemon::Frr {
            // zebra was told nothing; its process group is its parent's.
            process::signal(-self.pid(), Signal::SIGKILL);
        }
        status
    }

    /// Writes another configuration and asks for a reload (SIGHUP).
    pub fn reload(&self, conf: &Conf) -> Stamp {
        self.reload_text(&conf.keepalived())
    }

    /// Writes another configuration and asks for a reload (SIGHUP).
    pub fn reload_text(&self, text: &str) -> Stamp {
        fs::write(&self.conf, text).expect("the scratch directory");
        let at = Stamp::now();
        process::signal(self.pid(), Signal::SIGHUP);
        at
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            self.log.print_tail(&self.title);
        }
    }
}

/// A configuration file of its own for each daemon started.
pub fn conf_file(node: &Node, text: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = place::scratch("conf").join(format!("{}-{number}.conf", node.ns.name()));
    fs::write(&path, text).expect("the scratch directory");
    path
}

/// zebra and vrrpd in one private `/tmp`, where they meet; they give up root, so
/// that they could not read or write under the build's own directory.
const FRR: &str = "\
umask 0; cat >/tmp/frr.conf; exec </dev/null
run() { program=$1; shift
    \"$@\" /usr/lib/frr/$program --log stdout -P 0 -f /tmp/frr.conf -i /tmp/$program.pid \
        -z /tmp/zserv.api --vty_socket /tmp; }
run zebra &
run vrrpd exec";

fn frr(node: &Node, conf: &Conf) -> Running {
    for daemon in ["zebra", "vrrpd"] {
        place::installed(&format!("/usr/lib/frr/{daemon}"), "frr");
    }
    frr_interfaces(node, conf);
    let file = conf_file(node, &conf.frr());
    let mut command = node.ns.command("sh");
    command.args(["-c", FRR]).process_group(0);
    command.stdin(fs::File::open(&file).expect("the file just written"));
    private(&mut command, c"/tmp");
    Running::spawn(Daemon::Frr, node, file, &mut command)
}

/// The macvlans vrrpd wants: it recognises its own by the virtual MAC and the
/// addresses on them. They outlive it.
fn frr_interfaces(node: &Node, conf: &Conf) {
    for instance in &conf.instances {
        let vrid = instance.vrid;
        for (family, digit) in [(4, 1), (6, 2)] {
            let vips: Vec<&String> = instance
                .vips
                .iter()
                .zip(instance.addresses())
                .filter(|(_, address)| address.is_ipv4() == (family == 4))
                .map(|(vip, _)| vip)
                .collect();
            let name = format!("vrrp{family}-{vrid}");
            let there = node
                .ns
                .run(|| nix::net::if_::if_nametoindex(name.as_str()).is_ok());
            if vips.is_empty() || there {
                continue;
            }
            let mut lines = vec![
                format!("link add {name} link {INTERFACE} type macvlan mode bridge"),
                format!("link set {name} addrgenmode random"),
                format!("link set {name} address 00:00:5e:00:{digit:02x}:{vrid:02x}"),
            ];
            let nodad = if family == 6 { " nodad" } else { "" };
            lines.extend(
                vips.iter()
                    .map(|vip| format!("addr add {vip} dev {name}{nodad}")),
            );
            lines.push(format!("link set {name} up"));
            node.ns.ip_batch(&lines);
        }
    }
}

/// Gives the command an empty directory of its own in place of `dir`: daemons
/// of one make must not share dump files or sockets.
fn private(command: &mut Command, dir: &'static std::ffi::CStr) {
    let checked = |result: libc::c_int| {
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    };
    // SAFETY: three system calls on constant strings; nothing is allocated in
    // the child of a threaded process.
    unsafe {
        command.pre_exec(move || {
            let (none, rest) = (std::ptr::null(), libc::MS_REC | libc::MS_PRIVATE);
            checked(libc::unshare(libc::CLONE_NEWNS))?;
            checked(libc::mount(none, c"/".as_ptr(), none, rest, none.cast()))?;
            let tmpfs = c"tmpfs".as_ptr();
            checked(libc::mount(tmpfs, dir.as_ptr(), tmpfs, 0, none.cast()))
        });
    }
}
