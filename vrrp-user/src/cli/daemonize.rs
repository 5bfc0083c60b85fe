//! Becoming a daemon, with an honest exit status for whoever started it.

use nix::{
    fcntl::{OFlag, open},
    sys::stat::Mode,
    unistd::{ForkResult, dup2_stderr, dup2_stdin, dup2_stdout, fork, pipe2, setsid},
};
use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::OwnedFd,
};

/// Exit status if the daemon dies without a word.
const DIED: u8 = 1;

/// The promise to say how the start went. Dropping it unsaid says that it failed.
#[derive(Debug)]
pub struct Ready {
    starter: Option<File>,
}

impl Ready {
    /// For a process that stays in the foreground: nobody waits.
    #[must_use]
    pub fn nobody_waits() -> Self {
        Self { starter: None }
    }

    /// The daemon runs. Whoever started it goes on; the terminal is let go of.
    pub fn tell(self) -> io::Result<()> {
        let Some(mut starter) = self.starter else {
            return Ok(());
        };
        let null = open("/dev/null", OFlag::O_RDWR, Mode::empty())?;
        dup2_stdin(&null)?;
        dup2_stdout(&null)?;
        dup2_stderr(&null)?;
        // A starter that was killed meanwhile is no reason to stop.
        let _ = starter.write_all(&[0]);
        Ok(())
    }

    /// The daemon cannot run; whoever started it exits with `code`.
    pub fn fail(mut self, code: u8) {
        if let Some(starter) = &mut self.starter {
            let _ = starter.write_all(&[code.max(1)]);
        }
    }
}

/// Goes on as a daemon: in a session of its own that can have no terminal, below
/// init, in the root directory. The original process waits for [`Ready`] and exits.
/// Standard streams stay until then, for messages. To be called before anything
/// else, in particular before any thread exists.
pub(super) fn detach() -> io::Result<Ready> {
    let (heard, said) = pipe2(OFlag::O_CLOEXEC)?;
    if fork_now()? {
        drop(said);
        std::process::exit(i32::from(wait_for_word(heard)));
    }
    drop(heard);
    setsid()?;
    // Only a session's leader could get a terminal again.
    if fork_now()? {
        std::process::exit(0);
    }
    std::env::set_current_dir("/")?;
    Ok(Ready {
        starter: Some(File::from(said)),
    })
}

/// True in the parent.
fn fork_now() -> io::Result<bool> {
    // SAFETY: the program has started no thread yet, so the child has all of it.
    match unsafe { fork() }? {
        ForkResult::Parent { .. } => Ok(true),
        ForkResult::Child => Ok(false),
    }
}

fn wait_for_word(heard: OwnedFd) -> u8 {
    let mut word = [DIED];
    match File::from(heard).read_exact(&mut word) {
        Ok(()) => word[0],
        Err(_) => DIED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        path::{Path, PathBuf},
        process::Command,
        time::Duration,
    };

    const PLAY: &str = "XVRRP_TEST_PLAY_DAEMON";

    /// No test of its own: what the other starts, to become a daemon and report.
    #[test]
    fn plays_a_daemon() {
        let Some(play) = std::env::var_os(PLAY) else {
            return;
        };
        let (part, report) = play
            .to_str()
            .and_then(|play| play.split_once(':'))
            .expect("a part");
        let ready = detach().expect("a daemon");
        std::thread::sleep(Duration::from_millis(300));
        match part {
            "runs" => {
                ready.tell().expect("told");
                let session = nix::unistd::getsid(None).expect("a session");
                let cwd = std::env::current_dir().expect("a directory");
                let stdin = std::fs::read_link("/proc/self/fd/0").expect("standard input");
                let leader = session == nix::unistd::getpid();
                let text = format!("{} {} {leader}", cwd.display(), stdin.display());
                let draft = Path::new(report).with_extension("draft");
                std::fs::write(&draft, text).expect("write");
                std::fs::rename(draft, report).expect("rename");
            }
            "fails" => ready.fail(7),
            _ => std::process::abort(),
        }
        std::process::exit(0);
    }

    fn play(part: &str, report: &Path) -> (Option<i32>, Duration) {
        #[allow(clippy::disallowed_methods, reason = "a test measures")]
        let start = std::time::Instant::now();
        let status = Command::new("/proc/self/exe")
            .args([
                "--exact",
                "cli::daemonize::tests::plays_a_daemon",
                "--nocapture",
            ])
            .env(PLAY, format!("{part}:{}", report.display()))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .expect("ourselves");
        (status.code(), start.elapsed())
    }

    #[test]
    fn whoever_starts_a_daemon_learns_how_it_went() {
        let report = std::env::temp_dir().join(format!("xvn-daemon-{}", std::process::id()));
        for (part, code) in [("runs", 0), ("fails", 7), ("dies", 1)] {
            let (status, took) = play(part, &report);
            assert_eq!(status, Some(code), "{part}");
            assert!(
                took >= Duration::from_millis(300),
                "{part}: {took:?} was too soon to know"
            );
        }
        let said = read_within(&report, Duration::from_secs(5));
        assert_eq!(
            said, "/ /dev/null false",
            "directory, standard input, leads a session"
        );
        std::fs::remove_file(&report).expect("clean up");
    }

    fn read_within(path: &PathBuf, limit: Duration) -> String {
        for _ in 0..limit.as_millis() / 10 {
            if let Ok(text) = std::fs::read_to_string(path) {
                return text;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{} did not appear", path.display());
    }
}
