//! Names below the pin directory, and what the fence can promise.
//!
//! `/sys/fs/bpf/xvrrp/v{layout}/{cookie}[-{instance}]/` holds the maps by their
//! kernel names, the links as `xdp-{ifindex}` and `tcx-egress-{ifindex}`, and the
//! programs as `program-xdp-{made of}` and `program-egress-{made of}`.

use super::{bpffs, instance::Instance, syscall};
use anyhow::{Context, Result};
use nix::{
    fcntl::{OFlag, open},
    sys::stat::Mode,
};
use std::{
    fs,
    io::ErrorKind,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};
use vrrp_common::maps::LAYOUT_VERSION;

const ROOT: &str = "xvrrp";

/// How long a dead daemon's addresses stay fenced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fence {
    /// Programs, links and maps outlive the daemon.
    Survives {
        /// Where they are pinned, as the host names it.
        dir: PathBuf,
    },
    /// They go when the daemon goes.
    DaemonLifetime {
        /// Why nothing is pinned, for `status`.
        why: String,
    },
}

/// This instance's pin directory, if there can be one.
#[derive(Debug)]
pub struct Pins {
    fence: Fence,
    root: Option<OwnedFd>,
    instance: Instance,
}

impl Pins {
    /// Makes the directory, mounting the bpffs where that helps. Never fails:
    /// without a place to pin, the fence is as short as the daemon's life.
    pub fn open(instance: &Instance) -> Self {
        let opened = bpffs::find_or_mount().and_then(|bpffs| {
            let root = bpffs.join(ROOT);
            make_directory(&root.join(relative(LAYOUT_VERSION, instance)))
                .map_err(|e| format!("{e:#}"))?;
            hold(&root).map_err(|e| format!("{e:#}"))
        });
        let (fence, root) = match opened {
            Ok(root) => {
                let dir = Path::new(bpffs::MOUNT_POINT)
                    .join(ROOT)
                    .join(relative(LAYOUT_VERSION, instance));
                (Fence::Survives { dir }, Some(root))
            }
            Err(why) => (Fence::DaemonLifetime { why }, None),
        };
        Self {
            fence,
            root,
            instance: instance.clone(),
        }
    }

    /// Pins nothing. `why` is what `status` will say.
    pub fn none(instance: &Instance, why: &str) -> Self {
        Self {
            fence: Fence::DaemonLifetime { why: why.into() },
            root: None,
            instance: instance.clone(),
        }
    }

    /// What a dead daemon leaves standing.
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// The directory, by a path that stays good when privileges are dropped or
    /// the mount namespace changes: it starts at a descriptor held open.
    pub(super) fn directory(&self) -> Option<PathBuf> {
        self.layout_directory(LAYOUT_VERSION)
    }

    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        self.directory().map(|dir| dir.join(name))
    }

    fn layout_directory(&self, layout: u32) -> Option<PathBuf> {
        let root = self.root.as_ref()?;
        Some(
            PathBuf::from(format!("/proc/self/fd/{}", root.as_raw_fd()))
                .join(relative(layout, &self.instance)),
        )
    }

    /// Directories of this instance left by daemons of other layouts. Their maps
    /// cannot be read, but their links hold the interfaces.
    fn other_layouts(&self) -> Vec<PathBuf> {
        let Some(root) = &self.root else {
            return Vec::new();
        };
        let names = list(Path::new(&format!("/proc/self/fd/{}", root.as_raw_fd())));
        names
            .iter()
            .filter_map(|name| name.strip_prefix('v')?.parse().ok())
            .filter(|layout| *layout != LAYOUT_VERSION)
            .filter_map(|layout| self.layout_directory(layout))
            .filter(|dir| dir.is_dir())
            .collect()
    }

    /// Every link pinned for this instance under `prefix`, by interface, of this
    /// layout or another.
    pub(super) fn links(&self, prefix: &str) -> Vec<(u32, PathBuf)> {
        let dirs = self.directory().into_iter().chain(self.other_layouts());
        dirs.flat_map(|dir| {
            list(&dir)
                .into_iter()
                .filter_map(|name| {
                    Some((name.strip_prefix(prefix)?.parse().ok()?, dir.join(&name)))
                })
                .collect::<Vec<_>>()
        })
        .collect()
    }

    /// Gives `object` a name here; without a directory, does nothing.
    pub(super) fn pin(&self, object: BorrowedFd<'_>, name: &str) -> Result<()> {
        let Some(path) = self.path(name) else {
            return Ok(());
        };
        syscall::pin(object, &path)
            .with_context(|| format!("cannot pin {name} in {}", self.shown()))
    }

    /// Takes every name away that begins with `prefix`.
    pub(super) fn unpin_all(&self, prefix: &str) -> Result<()> {
        let Some(dir) = self.directory() else {
            return Ok(());
        };
        for name in list(&dir).iter().filter(|name| name.starts_with(prefix)) {
            Self::unpin(&dir.join(name))?;
        }
        Ok(())
    }

    /// Takes a name away.
    pub(super) fn unpin(path: &Path) -> Result<()> {
        match fs::remove_file(path) {
            Err(e) if e.kind() != ErrorKind::NotFound => {
                Err(e).with_context(|| format!("cannot remove the pin {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Detaches a pinned link and takes its name away.
    pub(super) fn drop_link(path: &Path) -> Result<()> {
        match syscall::open_pin(path) {
            // A link whose interface is gone has nothing to detach from.
            Ok(link) => drop(syscall::link_detach(link.as_fd())),
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            Err(e) => {
                return Err(e).with_context(|| format!("cannot open the pin {}", path.display()));
            }
        }
        Self::unpin(path)
    }

    /// Removes every map and link of this instance, of any layout.
    pub(super) fn remove_all(&self) -> Result<()> {
        for dir in self.directory().into_iter().chain(self.other_layouts()) {
            for name in list(&dir) {
                Self::unpin(&dir.join(name))?;
            }
            if let Err(e) = fs::remove_dir(&dir)
                && e.kind() != ErrorKind::NotFound
            {
                return Err(e).with_context(|| format!("cannot remove {}", self.shown()));
            }
        }
        Ok(())
    }

    /// Removes what daemons of other layouts left, once their links are adopted.
    pub(super) fn remove_other_layouts(&self) {
        for dir in self.other_layouts() {
            for name in list(&dir) {
                Self::unpin(&dir.join(name)).ok();
            }
            fs::remove_dir(&dir).ok();
        }
    }

    /// The directory for messages.
    pub(super) fn shown(&self) -> String {
        match &self.fence {
            Fence::Survives { dir } => dir.display().to_string(),
            Fence::DaemonLifetime { .. } => "(nothing is pinned)".into(),
        }
    }
}

/// Instances that have pins of this layout, and their directories.
pub fn list_instances() -> Result<Vec<(Instance, PathBuf)>, String> {
    let dir = bpffs::find_mounted()?
        .join(ROOT)
        .join(format!("v{LAYOUT_VERSION}"));
    let mut found: Vec<_> = list(&dir)
        .into_iter()
        .filter_map(|name| Some((Instance::parse(&name)?, dir.join(name))))
        .collect();
    found.sort();
    Ok(found)
}

/// Pin directories of `instance`, with their layouts. Makes none.
pub(super) fn directories_of(instance: &Instance) -> Result<Vec<(u32, PathBuf)>, String> {
    let root = bpffs::find_mounted()?.join(ROOT);
    let mut found: Vec<(u32, PathBuf)> = list(&root)
        .iter()
        .filter_map(|name| name.strip_prefix('v')?.parse().ok())
        .map(|layout| (layout, root.join(relative(layout, instance))))
        .filter(|(_, dir)| dir.is_dir())
        .collect();
    found.sort();
    Ok(found)
}

fn relative(layout: u32, instance: &Instance) -> PathBuf {
    PathBuf::from(format!("v{layout}")).join(instance.to_string())
}

fn make_directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))
}

fn hold(path: &Path) -> Result<OwnedFd> {
    open(
        path,
        OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )
    .with_context(|| format!("cannot open {}", path.display()))
}

fn list(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}
