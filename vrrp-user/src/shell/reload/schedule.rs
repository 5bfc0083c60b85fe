//! `reload_time_file` and `reload_repeat`: a file says when to read the configuration
//! again.
//!
//! The file is read every second by a thread of its own, which may hang in the file
//! system. So it may be made, changed and removed at any time, and its directory too.

use super::moment::{self, Moment, Wrong};
use crate::{config::model::Reading, shell::clock};
use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};
use tokio::sync::mpsc;

/// Between two looks at the file.
const LOOK: Duration = Duration::from_secs(1);
/// No moment is longer.
const MOST_OCTETS: u64 = 64;

/// Tells when it is time; by dropping it nobody is told any more.
#[derive(Debug)]
pub struct Schedule {
    due: mpsc::Sender<()>,
    running: Option<(String, bool, Sender<()>)>,
}

impl Schedule {
    /// Nothing is scheduled yet. When it is time comes out of the receiver.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<()>) {
        let (due, told) = mpsc::channel(1);
        (Self { due, running: None }, told)
    }

    /// Follows this file and no other; the same as before goes on as it is.
    pub fn configure(&mut self, reading: &Reading) {
        let wanted = reading.time_file.as_ref();
        let same = match (&self.running, wanted) {
            (Some((path, repeat, _)), Some(wanted)) => path == wanted && *repeat == reading.repeat,
            (None, None) => true,
            _ => false,
        };
        if same {
            return;
        }
        self.running = None;
        let Some(path) = wanted else {
            return;
        };
        let (stop, stopped) = channel();
        let follower = Follower {
            path: path.clone(),
            repeat: reading.repeat,
            due: self.due.clone(),
            text: None,
            scheduled: None,
        };
        let started = thread::Builder::new()
            .name("xvrrpd-reload".into())
            .spawn(move || follower.run(&stopped));
        match started {
            Ok(_) => self.running = Some((path.clone(), reading.repeat, stop)),
            Err(error) => tracing::error!("reload_time_file {path} is not followed: {error}"),
        }
    }
}

struct Follower {
    path: String,
    repeat: bool,
    due: mpsc::Sender<()>,
    /// The first line as it was last read.
    text: Option<String>,
    scheduled: Option<Moment>,
}

impl Follower {
    fn run(mut self, stopped: &Receiver<()>) {
        loop {
            self.look();
            let now = clock::since_1970();
            let wait = match self.scheduled {
                Some(moment) => {
                    let at = Duration::from_secs(u64::try_from(moment.at_s).unwrap_or(0));
                    let left = at.saturating_sub(now);
                    if left.is_zero() && !self.fire(moment) {
                        return;
                    }
                    left.min(LOOK)
                }
                None => LOOK,
            };
            match stopped.recv_timeout(wait) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// `false`: nobody is interested any more.
    fn fire(&mut self, moment: Moment) -> bool {
        tracing::info!("Reload scheduled for {} is due", moment::show(moment.at_s));
        self.scheduled = None;
        if self.repeat && !moment.dated {
            // Of tomorrow, then.
            self.text = None;
        } else if let Err(error) = fs::remove_file(&self.path) {
            // It stays as it is read: it would be due again tomorrow.
            tracing::error!("reload_time_file {}: {error}", self.path);
        }
        self.due.blocking_send(()).is_ok()
    }

    fn look(&mut self) {
        let text = match first_line(&self.path) {
            Ok(text) => text,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound && self.text.is_some() {
                    tracing::warn!("reload_time_file {}: {error}", self.path);
                }
                self.text = None;
                self.cancel();
                return;
            }
        };
        if self.text.as_ref() == Some(&text) {
            return;
        }
        let now = clock::since_1970();
        let read = moment::read(&text, i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        match read {
            Ok(moment) => {
                let new = moment::show(moment.at_s);
                match self.scheduled.replace(moment) {
                    None => tracing::info!("Scheduling reload for {new}"),
                    Some(old) if old.at_s == moment.at_s => {}
                    Some(old) => tracing::info!(
                        "Reload time updated from {} to {new}",
                        moment::show(old.at_s)
                    ),
                }
            }
            Err(wrong) => {
                let why = match wrong {
                    Wrong::Format => {
                        "it is not HH:MM:SS, YY-MM-DD HH:MM:SS or YYYY-MM-DD HH:MM:SS, with Z behind it for UTC"
                    }
                    Wrong::Invalid => "there is no such time",
                    Wrong::Past => "it is in the past",
                };
                tracing::warn!("Reload time '{text}' in {} is ignored: {why}", self.path);
                self.cancel();
            }
        }
        self.text = Some(text);
    }

    fn cancel(&mut self) {
        if let Some(moment) = self.scheduled.take() {
            let when = moment::show(moment.at_s);
            tracing::info!("Cancelling reload scheduled for {when}");
        }
    }
}

fn first_line(path: &str) -> io::Result<String> {
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    let mut octets = Vec::new();
    file.take(MOST_OCTETS).read_to_end(&mut octets)?;
    let text = String::from_utf8_lossy(&octets);
    Ok(text.split('\n').next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn place(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("xvn-schedule-{name}-{}", std::process::id()))
    }

    fn follower(path: &std::path::Path, repeat: bool) -> (Follower, mpsc::Receiver<()>) {
        let (due, told) = mpsc::channel(1);
        let follower = Follower {
            path: path.to_str().expect("a name").to_owned(),
            repeat,
            due,
            text: None,
            scheduled: None,
        };
        (follower, told)
    }

    fn in_s(seconds: i64) -> String {
        let now = i64::try_from(clock::since_1970().as_secs()).expect("a time");
        moment::show(now + seconds)
    }

    #[test]
    fn the_file_makes_changes_and_cancels() {
        let path = place("file");
        let (mut it, _told) = follower(&path, false);
        it.look();
        assert_eq!(it.scheduled, None);
        fs::write(&path, in_s(100)).expect("written");
        it.look();
        let first = it.scheduled.expect("scheduled");
        fs::write(&path, in_s(200) + "\n").expect("written");
        it.look();
        let second = it.scheduled.expect("scheduled");
        assert!((99..=101).contains(&(second.at_s - first.at_s)));
        fs::write(&path, "tomorrow\n").expect("written");
        it.look();
        assert_eq!(it.scheduled, None);
        fs::write(&path, in_s(200)).expect("written");
        it.look();
        assert!(it.scheduled.is_some());
        fs::remove_file(&path).expect("removed");
        it.look();
        assert_eq!(it.scheduled, None);
    }

    #[test]
    fn when_it_is_time_the_file_goes_unless_it_is_repeated() {
        for (repeat, dated, stays) in [
            (false, false, false),
            (false, true, false),
            (true, true, false),
            (true, false, true),
        ] {
            let path = place(&format!("{repeat}-{dated}"));
            let text = in_s(100);
            let text = if dated { &text } else { &text[11..] };
            fs::write(&path, text).expect("written");
            let (mut it, mut told) = follower(&path, repeat);
            it.look();
            let moment = it.scheduled.expect("scheduled");
            assert_eq!(moment.dated, dated);
            assert!(it.fire(moment));
            assert_eq!(told.try_recv(), Ok(()));
            assert_eq!(path.exists(), stays, "{repeat} {dated}");
            it.look();
            assert_eq!(it.scheduled.is_some(), stays);
            let _ = fs::remove_file(&path);
        }
    }
}
