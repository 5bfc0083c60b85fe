//! A running virtual machine: what its script says, and its clocks stopped and
//! started.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use xvrrp_tests::wait::eventually;

/// What the script's own lines start with, to tell them from the kernel's.
const MARK: &str = "guest: ";
/// For the emulator itself to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// What the script said.
#[derive(Default)]
pub(crate) struct Transcript {
    marked: Vec<String>,
    console: Vec<String>,
}

/// A running qemu, killed when dropped.
pub(crate) struct Machine {
    qemu: Child,
    lines: Receiver<String>,
    said: Transcript,
    initrd: PathBuf,
}

impl Machine {
    /// Starts it by this command; the file is removed with it.
    #[track_caller]
    pub(crate) fn start(command: &mut Command, initrd: PathBuf) -> Self {
        let mut qemu = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("qemu");
        let stdout = qemu.stdout.take().expect("piped");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            qemu,
            lines,
            said: Transcript::default(),
            initrd,
        }
    }

    /// Waits until the script says just this.
    #[track_caller]
    pub(crate) fn says(&mut self, line: &str, within: Duration) {
        let end = Instant::now() + within;
        while self.hear(end) {
            if self.said.marked.last().is_some_and(|said| said == line) {
                return;
            }
        }
        self.said
            .fail(&format!("the guest is through without {line:?}"));
    }

    /// Waits for the end of the script, which powers it off.
    #[track_caller]
    pub(crate) fn finish(mut self, within: Duration) -> Transcript {
        let end = Instant::now() + within;
        while self.hear(end) {}
        let said = std::mem::take(&mut self.said);
        said.has("the script is over");
        said
    }

    /// Takes in one more line; false if there will be none.
    #[track_caller]
    fn hear(&mut self, end: Instant) -> bool {
        match self
            .lines
            .recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            Ok(line) => {
                if let Some((_, marked)) = line.split_once(MARK) {
                    self.said.marked.push(marked.to_owned());
                }
                self.said.console.push(line);
                true
            }
            Err(RecvTimeoutError::Timeout) => self.said.fail("the guest is not there in time"),
            Err(RecvTimeoutError::Disconnected) => false,
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
        let _ = fs::remove_file(&self.initrd);
    }
}

impl Transcript {
    /// Fails unless the script said just this.
    #[track_caller]
    pub(crate) fn has(&self, line: &str) {
        if !self.marked.iter().any(|said| said == line) {
            self.fail(&format!(
                "the guest never said {line:?}, but {:#?}",
                self.marked
            ));
        }
    }

    /// What follows in every line the script said that begins so.
    pub(crate) fn after<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.marked
            .iter()
            .filter_map(move |line| line.strip_prefix(prefix))
    }

    #[track_caller]
    fn fail(&self, why: &str) -> ! {
        eprintln!("--- the guest's console");
        for line in &self.console {
            eprintln!("{line}");
        }
        panic!("{why}");
    }
}

/// qemu's monitor (QMP).
pub(crate) struct Monitor {
    stream: UnixStream,
    answers: BufReader<UnixStream>,
    path: PathBuf,
}

impl Monitor {
    /// The arguments that make qemu listen on `path`.
    pub(crate) fn arguments(path: &Path) -> [String; 2] {
        let path = path.display();
        ["-qmp".into(), format!("unix:{path},server=on,wait=off")]
    }

    #[track_caller]
    pub(crate) fn connect(path: PathBuf) -> Self {
        let stream = eventually(ANSWERS_WITHIN, "qemu's monitor", || {
            UnixStream::connect(&path).map_err(|error| error.to_string())
        });
        let _ = stream.set_read_timeout(Some(ANSWERS_WITHIN));
        let answers = BufReader::new(stream.try_clone().expect("one more descriptor"));
        let mut monitor = Self {
            stream,
            answers,
            path,
        };
        monitor.execute("qmp_capabilities");
        monitor
    }

    /// Carries out a command without arguments; it is done when this returns.
    #[track_caller]
    pub(crate) fn execute(&mut self, command: &str) {
        writeln!(self.stream, "{{\"execute\": \"{command}\"}}").expect("the monitor");
        let mut answer = String::new();
        // Its greeting and its events come in between.
        while !answer.starts_with("{\"return\"") {
            assert!(!answer.starts_with("{\"error\""), "{command}: {answer}");
            answer.clear();
            let length = self.answers.read_line(&mut answer).expect("an answer");
            assert_ne!(length, 0, "the monitor is gone");
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
