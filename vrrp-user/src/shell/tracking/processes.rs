//! Tracked processes: all of `/proc` is read once, then the kernel tells of changes;
//! where it does not, all of `/proc` is read every second.

use super::{
    Outlet, Stop,
    connector::{Connector, Event, News},
};
use crate::{
    config::model::ProcessPattern,
    engine::input::{Cause, Input},
    tracking::processes::matches,
};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::eventfd::EventFd,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Read as _},
    os::fd::AsFd as _,
    sync::{Arc, Once},
    thread,
    time::Duration,
};

/// Between two counts where the kernel tells nothing.
const AGAIN: Duration = Duration::from_secs(1);
/// Octets of a command line that are looked at.
const COMMAND_LINE_OCTETS: u64 = 64 * 1024;

/// Starts the thread.
pub(super) fn start(
    wanted: Vec<(String, ProcessPattern)>,
    out: Outlet,
    told: Arc<Once>,
) -> io::Result<Stop> {
    let (stop, stopped) = Stop::new()?;
    let mut watcher = Watcher::new(wanted, out);
    thread::Builder::new()
        .name("xvrrpd-procs".into())
        .spawn(move || {
            match Connector::open() {
                Ok(connector) => watcher.listen(&connector, &stopped),
                Err(error) => {
                    told.call_once(|| {
                        tracing::warn!(
                            "vrrp_track_process: the kernel does not tell of processes here, so they are counted every second ({error}; it tells in the first network namespace only, and with CONFIG_PROC_EVENTS)"
                        );
                    });
                    watcher.poll(&stopped);
                }
            }
        })?;
    Ok(stop)
}

/// The patterns a process matches, by number.
type Matched = BTreeSet<usize>;

pub(super) struct Watcher {
    wanted: Vec<(String, ProcessPattern)>,
    /// Processes that match something.
    known: BTreeMap<i32, Matched>,
    /// As last told.
    counts: Vec<Option<u32>>,
    out: Outlet,
}

impl Watcher {
    pub(super) fn new(wanted: Vec<(String, ProcessPattern)>, out: Outlet) -> Self {
        Self {
            known: BTreeMap::new(),
            counts: vec![None; wanted.len()],
            wanted,
            out,
        }
    }

    fn listen(&mut self, connector: &Connector, stopped: &Arc<EventFd>) {
        // It listens by now: what happens meanwhile is told afterwards.
        if !self.count_all() {
            return;
        }
        while wait(Some(connector), stopped, PollTimeout::NONE) != Woken::Stopped {
            loop {
                let interested = match connector.next() {
                    Ok(News::Event(event)) => self.happened(event),
                    Ok(News::Other) => true,
                    Ok(News::Lost) => self.count_all(),
                    Ok(News::Nothing) => break,
                    Err(error) => {
                        tracing::warn!(
                            "vrrp_track_process: processes are counted every second from now on: {error}"
                        );
                        return self.poll(stopped);
                    }
                };
                if !interested {
                    return;
                }
            }
        }
    }

    pub(super) fn poll(&mut self, stopped: &Arc<EventFd>) {
        let again = PollTimeout::try_from(AGAIN).unwrap_or(PollTimeout::NONE);
        while self.count_all() {
            if wait(None, stopped, again) == Woken::Stopped {
                return;
            }
        }
    }

    /// `false`: nobody is interested.
    fn count_all(&mut self) -> bool {
        self.known.clear();
        for pid in pids() {
            let matched = self.looked_at(pid);
            if !matched.is_empty() {
                self.known.insert(pid, matched);
            }
        }
        self.tell(Cause::Count)
    }

    fn happened(&mut self, event: Event) -> bool {
        let (pid, matched, cause) = match event {
            // Until it is something else, a child is what its parent is.
            Event::Fork { parent, child } => match self.known.get(&parent) {
                Some(matched) => (child, matched.clone(), Cause::Fork),
                None => return true,
            },
            Event::Exec { pid } | Event::Name { pid } => (pid, self.looked_at(pid), Cause::Exec),
            Event::Exit { pid } => (pid, Matched::new(), Cause::Exit),
        };
        let before = if matched.is_empty() {
            self.known.remove(&pid)
        } else {
            self.known.insert(pid, matched.clone())
        };
        before.unwrap_or_default() == matched || self.tell(cause)
    }

    fn looked_at(&self, pid: i32) -> Matched {
        let Some(name) = name(pid) else {
            return Matched::new();
        };
        // A command line is in the process's own memory, which may be paged out.
        let full = self.wanted.iter().any(|(_, it)| it.full_command);
        let line = full.then(|| command_line(pid)).flatten();
        let line = line.unwrap_or_default();
        let matched = self.wanted.iter().enumerate();
        matched
            .filter(|(_, (_, pattern))| matches(pattern, &name, &line))
            .map(|(n, _)| n)
            .collect()
    }

    fn tell(&mut self, cause: Cause) -> bool {
        for n in 0..self.wanted.len() {
            let count = self.known.values().filter(|it| it.contains(&n)).count();
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            if self.counts[n].replace(count) == Some(count) {
                continue;
            }
            let name = self.wanted[n].0.clone();
            let input = Input::ProcessesCounted { name, count, cause };
            if !self.out.tell(input) {
                return false;
            }
        }
        true
    }
}

#[derive(PartialEq, Eq)]
enum Woken {
    Stopped,
    Otherwise,
}

fn wait(connector: Option<&Connector>, stopped: &Arc<EventFd>, limit: PollTimeout) -> Woken {
    let mut fds = vec![PollFd::new(stopped.as_fd(), PollFlags::POLLIN)];
    fds.extend(connector.map(|it| PollFd::new(it.as_fd(), PollFlags::POLLIN)));
    match poll(&mut fds, limit) {
        Ok(_) | Err(Errno::EINTR) if !fds[0].any().unwrap_or(true) => Woken::Otherwise,
        _ => Woken::Stopped,
    }
}

fn pids() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.collect()
}

/// What `/proc/PID/comm` says; none of a process that is over, reaped or not.
fn name(pid: i32) -> Option<Vec<u8>> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    name_in(&stat)
}

/// A name may hold anything, parentheses included.
pub(super) fn name_in(stat: &[u8]) -> Option<Vec<u8>> {
    let open = stat.iter().position(|&octet| octet == b'(')?;
    let close = stat.iter().rposition(|&octet| octet == b')')?;
    let state = stat.get(close + 2)?;
    (!b"ZXx".contains(state)).then(|| stat.get(open + 1..close).map(<[u8]>::to_vec))?
}

fn command_line(pid: i32) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let file = File::open(format!("/proc/{pid}/cmdline")).ok()?;
    file.take(COMMAND_LINE_OCTETS).read_to_end(&mut line).ok()?;
    Some(line)
}
