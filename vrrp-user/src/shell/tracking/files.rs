//! Tracked files: read at the start and whenever their directory tells of a change.
//!
//! The directory is watched, not the file, so that one that is made, replaced by
//! `rename` or deleted is followed. A file is read when who wrote it closes it: while it
//! is written it may be empty. Where the kernel tells of no changes, as on NFS, it is
//! read every second.

use super::{Outlet, Stop};
use crate::{
    config::model::{InitFile, TrackFile},
    engine::input::{Content, Input},
    tracking::files::READ_OCTETS,
};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        eventfd::EventFd,
        inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor},
        statfs::statfs,
    },
};
use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::{
        fd::AsFd as _,
        unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

/// Between two looks at what inotify does not tell of.
const AGAIN: Duration = Duration::from_secs(1);

/// File systems others write to, or whose files have no writers, by their magic number.
const SILENT: [i64; 12] = [
    0x6969,      // NFS
    0x517b,      // SMB
    0xff53_4d42, // CIFS
    0xfe53_4d42, // SMB2
    0x6573_5546, // FUSE
    0x0102_1997, // 9P
    0x00c3_6400, // CEPH
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x6462_6720, // debugfs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup 2
];

/// Starts the thread.
pub(super) fn start(files: Vec<TrackFile>, first: bool, out: Outlet) -> io::Result<Stop> {
    let (stop, stopped) = Stop::new()?;
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
    let files = files.into_iter().map(Watched::new).collect();
    let mut watcher = Watcher {
        inotify,
        files,
        out,
    };
    thread::Builder::new()
        .name("xvrrpd-files".into())
        .spawn(move || {
            if first {
                watcher.files.iter().for_each(|it| begin(&it.file));
            }
            watcher.run(&stopped);
        })?;
    Ok(stop)
}

/// `init_file`.
fn begin(file: &TrackFile) {
    let Some(init) = file.init else {
        return;
    };
    if let Err(error) = write(Path::new(&file.path), init) {
        tracing::error!(
            "track_file {}: cannot write {}: {error}",
            file.name,
            file.path
        );
    }
}

fn write(path: &Path, init: InitFile) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(_) if !init.overwrite => return Ok(()),
        Ok(found) if !found.is_file() => {
            return Err(io::Error::other("it is not a regular file"));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o644)
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(path)?;
    writeln!(file, "{}", init.value)
}

/// One file, and where changes of it are told.
struct Watched {
    file: TrackFile,
    path: PathBuf,
    /// Directories, and the name in them that matters; none: any.
    places: Vec<(WatchDescriptor, Option<OsString>)>,
    /// To be looked at again without being told.
    again: bool,
}

impl Watched {
    fn new(file: TrackFile) -> Self {
        Self {
            path: PathBuf::from(&file.path),
            file,
            places: Vec::new(),
            again: false,
        }
    }

    fn concerns(&self, event: &InotifyEvent) -> bool {
        let here = |(wd, name): &(WatchDescriptor, Option<OsString>)| {
            *wd == event.wd && (name.is_none() || event.name.is_none() || *name == event.name)
        };
        if !self.places.iter().any(here) {
            return false;
        }
        // Who makes a file closes it as well, but not who makes a link.
        !event.mask.contains(AddWatchFlags::IN_CREATE)
            || fs::symlink_metadata(&self.path)
                .is_ok_and(|found| !found.is_file() || found.nlink() > 1)
    }
}

struct Watcher {
    inotify: Inotify,
    files: Vec<Watched>,
    out: Outlet,
}

impl Watcher {
    fn run(&mut self, stopped: &Arc<EventFd>) {
        for n in 0..self.files.len() {
            if !self.look(n) {
                return;
            }
        }
        loop {
            let again = self.files.iter().any(|it| it.again);
            let wait = if again {
                PollTimeout::try_from(AGAIN).unwrap_or(PollTimeout::NONE)
            } else {
                PollTimeout::NONE
            };
            let mut fds = [
                PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN),
                PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
            ];
            let ready = match poll(&mut fds, wait) {
                Ok(ready) => ready,
                Err(Errno::EINTR) => continue,
                Err(error) => {
                    tracing::error!("tracked files are not watched any more: {error}");
                    return;
                }
            };
            if fds[1].any().unwrap_or(true) {
                return;
            }
            let concerned = if ready == 0 {
                let again = (0..self.files.len()).filter(|n| self.files[*n].again);
                again.collect()
            } else {
                self.told()
            };
            for n in concerned {
                if !self.look(n) {
                    return;
                }
            }
        }
    }

    /// The files that events are about.
    fn told(&self) -> Vec<usize> {
        let events = self.inotify.read_events().unwrap_or_default();
        let overflow = |event: &InotifyEvent| event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
        if events.iter().any(overflow) {
            return (0..self.files.len()).collect();
        }
        let concerned = |it: &Watched| events.iter().any(|event| it.concerns(event));
        (0..self.files.len())
            .filter(|n| concerned(&self.files[*n]))
            .collect()
    }

    /// Watches where changes are told, then reads. `false`: nobody is interested.
    fn look(&mut self, n: usize) -> bool {
        let it = &self.files[n];
        let (places, again) = watch(&self.inotify, &it.path);
        let input = Input::FileRead {
            name: it.file.name.clone(),
            content: read(&it.path),
        };
        let it = &mut self.files[n];
        (it.places, it.again) = (places, again);
        self.out.tell(input)
    }
}

/// `true`: nobody will tell of all changes.
fn watch(inotify: &Inotify, path: &Path) -> (Vec<(WatchDescriptor, Option<OsString>)>, bool) {
    let mut places = Vec::new();
    let mut again = false;
    let mut add = |path: &Path, any: bool| {
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return;
        };
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        match inotify.add_watch(directory, flags) {
            Ok(watch) => places.push((watch, (!any).then(|| name.to_owned()))),
            Err(_) => again = true,
        }
        again |= statfs(directory).is_ok_and(|found| SILENT.contains(&found.filesystem_type().0));
    };
    let link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    add(path, link);
    if link {
        match fs::canonicalize(path) {
            Ok(target) => add(&target, false),
            Err(_) => again = true,
        }
    }
    (places, again)
}

fn read(path: &Path) -> Content {
    let open = || {
        let flags = nix::libc::O_NONBLOCK;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(path)?;
        let mut octets = Vec::new();
        File::take(file, READ_OCTETS as u64).read_to_end(&mut octets)?;
        Ok(octets)
    };
    match open() {
        Ok(octets) => Content::Octets(octets),
        Err(error) => missing_or(&error),
    }
}

fn missing_or(error: &io::Error) -> Content {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Content::Missing,
        _ => Content::Unreadable(error.to_string()),
    }
}
