//! Which daemon is this: the network namespace it runs in, and its name there.
//!
//! Two daemons share nothing unless both agree. Cookies are never reused until
//! the next boot, so pins of a namespace that is gone mislead nobody; they stay
//! until then, because nothing can tell from a cookie whether its namespace
//! still lives. Their links are dead: an interface takes its links along.

use anyhow::{Context, Result, bail};
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
    getsockopt_impl, sockopt_impl,
    sys::socket::{AddressFamily, SockFlag, SockType, getsockopt, socket},
};
use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Where pid files live.
pub const RUN_DIRECTORY: &str = "/run/xvrrp";

sockopt_impl!(
    /// A number that names a network namespace until the next boot (kernel 5.14).
    NetnsCookie,
    GetOnly,
    libc::SOL_SOCKET,
    libc::SO_NETNS_COOKIE,
    u64
);

/// A daemon's identity on this host; displayed as `COOKIE[-NAME]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance {
    netns_cookie: u64,
    name: Option<String>,
}

impl Instance {
    /// The daemon called `name` in this thread's network namespace.
    pub fn here(name: Option<&str>) -> Result<Self> {
        let probe = socket(
            AddressFamily::Unix,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC,
            None,
        )
        .context("a socket")?;
        let netns_cookie = getsockopt(&probe, NetnsCookie)
            .context("the network namespace's cookie (SO_NETNS_COOKIE, kernel 5.14 or later)")?;
        if let Some(name) = name {
            // A dot is not allowed on bpffs; a slash would leave the directory.
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
                bail!("instance name {name:?}: use up to 64 letters, digits, `-` and `_`");
            }
        }
        Ok(Self {
            netns_cookie,
            name: name.map(str::to_owned),
        })
    }

    /// From a name below the pin directory.
    pub fn parse(text: &str) -> Option<Self> {
        let (cookie, name) = match text.split_once('-') {
            Some((cookie, name)) => (cookie, Some(name.to_owned())),
            None => (text, None),
        };
        Some(Self {
            netns_cookie: cookie.parse().ok()?,
            name,
        })
    }

    /// Cookie of its network namespace.
    pub fn netns_cookie(&self) -> u64 {
        self.netns_cookie
    }

    /// Its name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Its dump files, unless its configuration puts them elsewhere.
    pub fn dump_directory(&self) -> PathBuf {
        Path::new(RUN_DIRECTORY).join(self.to_string())
    }

    /// Its pid file.
    pub fn pid_file(&self) -> PathBuf {
        Path::new(RUN_DIRECTORY).join(format!("{self}.pid"))
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{}-{name}", self.netns_cookie),
            None => write!(f, "{}", self.netns_cookie),
        }
    }
}

/// The right to be this instance: a locked pid file. The kernel lets go of it
/// however the process ends.
#[derive(Debug)]
pub struct Lock {
    file: Flock<File>,
    path: PathBuf,
}

impl Lock {
    /// Becomes `instance`, or names the process that is it.
    pub fn take(instance: &Instance) -> Result<Self> {
        let path = instance.pid_file();
        let advice = |error: &io::Error| match error.kind() {
            io::ErrorKind::PermissionDenied => "; xvrrpd has to be started as root",
            _ => "",
        };
        fs::create_dir_all(RUN_DIRECTORY).map_err(|error| {
            let advice = advice(&error);
            anyhow::Error::new(error).context(format!("cannot make {RUN_DIRECTORY}{advice}"))
        })?;
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o644)
                .open(&path)
                .map_err(|error| {
                    let what = format!("cannot open {}{}", path.display(), advice(&error));
                    anyhow::Error::new(error).context(what)
                })?;
            let mut file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(file) => file,
                Err((mut file, Errno::EWOULDBLOCK)) => {
                    let mut pid = String::new();
                    file.read_to_string(&mut pid).ok();
                    bail!(
                        "xvrrpd already runs in this network namespace (pid {}, {}); stop it, or give this one another `instance` name",
                        pid.trim(),
                        path.display()
                    );
                }
                Err((_, errno)) => {
                    return Err(errno).with_context(|| format!("cannot lock {}", path.display()));
                }
            };
            // A daemon that stopped in between has removed the file we locked.
            let named = fs::metadata(&path).map(|found| found.ino()).ok();
            if named != Some(file.metadata()?.ino()) {
                continue;
            }
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())?;
            return Ok(Self { file, path });
        }
    }

    /// Somebody is `instance`, alive or hung: the lock of the dead is free.
    pub fn is_held(instance: &Instance) -> Result<bool> {
        let path = instance.pid_file();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot open {}", path.display()));
            }
        };
        match Flock::lock(file, FlockArg::LockSharedNonblock) {
            Ok(_) => Ok(false),
            Err((_, Errno::EWOULDBLOCK)) => Ok(true),
            Err((_, errno)) => {
                Err(errno).with_context(|| format!("cannot look at the lock of {}", path.display()))
            }
        }
    }

    /// Gives the instance up and removes the pid file.
    pub fn release(self) -> Result<()> {
        fs::remove_file(&self.path)
            .with_context(|| format!("cannot remove {}", self.path.display()))?;
        drop(self.file);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Instance;

    #[test]
    fn names_round_trip() {
        for (text, cookie, name) in [("1", 1, None), ("4711-edge-2", 4711, Some("edge-2"))] {
            let instance = Instance::parse(text).expect(text);
            assert_eq!((instance.netns_cookie(), instance.name()), (cookie, name));
            assert_eq!(instance.to_string(), text);
        }
        assert_eq!(Instance::parse("lost+found"), None);
    }

    #[test]
    fn names_that_would_leave_the_directory_are_refused() {
        for name in ["", "a/b", "..", "a.b", &"x".repeat(65)] {
            assert!(Instance::here(Some(name)).is_err(), "{name:?}");
        }
        let (plain, named) = (
            Instance::here(None).expect("cookie"),
            Instance::here(Some("b")).expect("cookie"),
        );
        assert_eq!(plain.netns_cookie(), named.netns_cookie());
        assert_ne!(plain.pid_file(), named.pid_file());
    }
}
