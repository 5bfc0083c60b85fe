//! `notify_fifo`: a line for every change, to whoever reads it.

use super::backlog::Backlog;
use crate::{
    config::model::{self, User},
    shell::process::{self, RunnerHandle},
};
use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    sys::stat::{Mode, SFlag, fstat},
    unistd::{fchown, mkfifo, write},
};
use serde_json::{Value, json};
use std::{
    fs, io,
    os::fd::OwnedFd,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::Notify,
    task::JoinHandle,
};

/// Lines kept for a reader that is slow, beyond the 64 KiB the kernel keeps.
const LINES_MAX: usize = 1024;
/// Between attempts to make or open one.
const RETRY: Duration = Duration::from_secs(1);
/// How long a full one is waited for at the end.
const LAST_CHANCE: Duration = Duration::from_millis(300);
/// keepalived's mode, before its umask.
const MODE: u32 = 0o644;
/// keepalived's umask, unless `-u` gives one.
const UMASK: u32 = 0o177;

/// Every FIFO there is.
#[derive(Debug)]
pub struct Fifos {
    fifos: Vec<Fifo>,
    umask: u32,
}

impl Fifos {
    /// None yet. `umask` is `-u`'s.
    #[must_use]
    pub fn new(umask: Option<u32>) -> Self {
        Self {
            fifos: Vec::new(),
            umask: umask.unwrap_or(UMASK),
        }
    }

    /// Those a configuration wants. One that is wanted as it is stays: its reader
    /// misses nothing.
    pub fn configure(
        &mut self,
        wanted: &[model::Fifo],
        script_user: Option<&User>,
        runner: &RunnerHandle,
    ) {
        let same = |fifo: &Fifo, config: &model::Fifo| {
            fifo.config == *config && fifo.script_user.as_ref() == script_user
        };
        let (kept, gone): (Vec<_>, Vec<_>) = core::mem::take(&mut self.fifos)
            .into_iter()
            .partition(|fifo| wanted.iter().any(|config| same(fifo, config)));
        self.fifos = kept;
        // A path may come back with another owner or script.
        let gone = Arc::new(tokio::sync::Mutex::new(
            gone.into_iter()
                .map(|fifo| {
                    runner.stop_service(&fifo.config.path);
                    fifo.end(false)
                })
                .collect::<Vec<_>>(),
        ));
        for config in wanted {
            if !self.fifos.iter().any(|fifo| same(fifo, config)) {
                self.fifos.push(Fifo::start(
                    config.clone(),
                    script_user.cloned(),
                    Mode::from_bits_truncate(MODE & !self.umask),
                    runner.clone(),
                    Arc::clone(&gone),
                ));
            }
        }
    }

    /// A line, with its line feed, to all of them.
    pub fn write(&self, line: &str) {
        for fifo in &self.fifos {
            fifo.shared.push(line);
        }
    }

    /// Writes what still can be written and closes them; `keep`: for a successor, who
    /// finds them in their place.
    pub async fn close(&mut self, limit: Duration, keep: bool) {
        for fifo in self.fifos.drain(..) {
            let mut task = fifo.end(keep);
            if tokio::time::timeout(limit, &mut task).await.is_err() {
                task.abort();
            }
        }
    }

    /// For `status`.
    #[must_use]
    pub fn describe(&self) -> Value {
        let each = |fifo: &Fifo| {
            let state = fifo.shared.lock();
            json!({
                "path": fifo.config.path,
                "lines_written": state.written,
                "lines_waiting": state.backlog.len(),
                "lines_lost": state.backlog.lost(),
                "error": state.error,
            })
        };
        self.fifos.iter().map(each).collect()
    }
}

#[derive(Debug)]
struct Fifo {
    config: model::Fifo,
    script_user: Option<User>,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    path: String,
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug)]
struct State {
    backlog: Backlog<String>,
    written: u64,
    /// Why it cannot be written at all.
    error: Option<String>,
    /// A line was lost, and nobody has read since.
    losing: bool,
    ending: bool,
    keep: bool,
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &str) {
        let mut state = self.lock();
        if state.backlog.push(line.to_owned()) && !core::mem::replace(&mut state.losing, true) {
            tracing::warn!(
                "notify FIFO {}: nobody reads it; the oldest lines are lost, beyond {LINES_MAX} that wait",
                self.path
            );
        }
        drop(state);
        self.news.notify_one();
    }

    /// The next line, and whether none will come.
    fn next(&self) -> (Option<String>, bool) {
        let mut state = self.lock();
        (state.backlog.pop(), state.ending)
    }

    /// Said once; whether we are to end.
    fn failed(&self, why: String) -> bool {
        let mut state = self.lock();
        if state.error.as_ref() != Some(&why) && !state.ending {
            tracing::error!("notify FIFO {}: {why}", self.path);
            state.error = Some(why);
        }
        state.ending
    }

    fn wrote(&self) {
        let mut state = self.lock();
        state.written += 1;
        state.losing = false;
    }
}

impl Fifo {
    fn start(
        config: model::Fifo,
        script_user: Option<User>,
        mode: Mode,
        runner: RunnerHandle,
        gone: Arc<tokio::sync::Mutex<Vec<JoinHandle<()>>>>,
    ) -> Self {
        let shared = Arc::new(Shared {
            path: config.path.clone(),
            state: Mutex::new(State {
                backlog: Backlog::new(LINES_MAX),
                written: 0,
                error: None,
                losing: false,
                ending: false,
                keep: false,
            }),
            news: Notify::new(),
        });
        let (task_config, task_shared) = (config.clone(), Arc::clone(&shared));
        let owner = config.owner.clone().or_else(|| script_user.clone());
        let task = tokio::spawn(async move {
            for before in gone.lock().await.drain(..) {
                let _ = before.await;
            }
            serve(&task_config, owner, mode, &runner, &task_shared).await;
        });
        Self {
            config,
            script_user,
            shared,
            task,
        }
    }

    /// Writes what can be written at once, and ends.
    fn end(self, keep: bool) -> JoinHandle<()> {
        let mut state = self.shared.lock();
        state.ending = true;
        state.keep = keep;
        drop(state);
        self.shared.news.notify_one();
        self.task
    }
}

async fn serve(
    config: &model::Fifo,
    owner: Option<User>,
    mode: Mode,
    runner: &RunnerHandle,
    shared: &Shared,
) {
    let Some(Made { fd, ours }) = make(config, owner, mode, shared).await else {
        return;
    };
    // keepalived starts it before it opens the FIFO; a reader has nothing to miss.
    if let Some(script) = &config.script {
        let user = config.script_user.clone();
        runner.start_service(
            &config.path,
            script.clone(),
            vec![config.path.clone()],
            user,
        );
    }
    if let Err(error) = write_all_lines(fd, shared, || {
        // A reader that opens it again and again is not to find it again.
        if ours && !shared.lock().keep {
            let _ = fs::remove_file(&config.path);
        }
    })
    .await
    {
        tracing::error!("notify FIFO {}: {error}", config.path);
        shared.lock().error = Some(error.to_string());
    }
}

struct Made {
    fd: AsyncFd<OwnedFd>,
    ours: bool,
}

/// Makes and opens it, as often as it takes.
async fn make(
    config: &model::Fifo,
    owner: Option<User>,
    mode: Mode,
    shared: &Shared,
) -> Option<Made> {
    loop {
        let (path, owner) = (config.path.clone(), owner.clone());
        // Looking a user up may ask a directory server.
        let made = tokio::task::spawn_blocking(move || open_fifo(&path, owner.as_ref(), mode));
        let made = match made.await {
            Ok(made) => made,
            Err(error) => Err(error.to_string()),
        };
        let why = match made {
            Ok((fd, ours)) => match watched(fd) {
                Ok(fd) => {
                    if shared.lock().error.take().is_some() {
                        tracing::info!("notify FIFO {}: open now", config.path);
                    }
                    return Some(Made { fd, ours });
                }
                Err(error) => error.to_string(),
            },
            Err(why) => why,
        };
        if shared.failed(why) {
            return None;
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// The FIFO open for reading, too, so that it always is and keeps what nobody reads
/// yet; and whether we made it.
fn open_fifo(path: &str, owner: Option<&User>, mode: Mode) -> Result<(OwnedFd, bool), String> {
    let ours = match mkfifo(path, mode) {
        Ok(()) => true,
        Err(Errno::EEXIST) => false,
        Err(Errno::ENOENT) => {
            let parent = Path::new(path).parent().unwrap_or(Path::new("/"));
            return Err(format!("its directory {} does not exist", parent.display()));
        }
        Err(errno) => return Err(format!("it cannot be made: {errno}")),
    };
    let done = open_made(path, owner, mode, ours);
    if done.is_err() && ours {
        let _ = fs::remove_file(path);
    }
    done.map(|fd| (fd, ours))
}

fn open_made(path: &str, owner: Option<&User>, mode: Mode, ours: bool) -> Result<OwnedFd, String> {
    let flags = OFlag::O_RDWR | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW;
    let fd = open(path, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::ELOOP => "it is a symbolic link, which is not followed".to_owned(),
        errno => format!("it cannot be opened: {errno}"),
    })?;
    let found = fstat(&fd).map_err(|errno| errno.to_string())?;
    if SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT != SFlag::S_IFIFO {
        return Err("it is no FIFO: remove it, or name another path".to_owned());
    }
    if ours {
        let identity = process::identify(owner)?;
        // The process's umask may have taken what ours leaves.
        nix::sys::stat::fchmod(&fd, mode).map_err(|errno| errno.to_string())?;
        fchown(&fd, Some(identity.0), Some(identity.1))
            .map_err(|errno| format!("its owner cannot be set: {errno}"))?;
    }
    Ok(fd)
}

fn watched(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the descriptor stays open, and its own, as long as what owns it.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::WRITABLE) }?)
}

/// Until the end; `last` runs before it is closed.
async fn write_all_lines(
    fd: AsyncFd<OwnedFd>,
    shared: &Shared,
    last: impl FnOnce(),
) -> io::Result<()> {
    let done = loop {
        let (line, ending) = shared.next();
        match line {
            Some(line) => match write_line(&fd, &line, shared).await {
                Ok(true) => shared.wrote(),
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            },
            None if ending => break Ok(()),
            None => shared.news.notified().await,
        }
    };
    last();
    done
}

/// `false`: it is full, and we are to end.
async fn write_line(fd: &AsyncFd<OwnedFd>, line: &str, shared: &Shared) -> io::Result<bool> {
    let mut rest = line.as_bytes();
    while !rest.is_empty() {
        let mut ready = if shared.lock().ending {
            match tokio::time::timeout(LAST_CHANCE, fd.writable()).await {
                Ok(ready) => ready?,
                Err(_) => return Ok(false),
            }
        } else {
            tokio::select! {
                ready = fd.writable() => ready?,
                // It may be the end.
                () = shared.news.notified() => continue,
            }
        };
        if let Ok(written) = ready.try_io(|fd| Ok(write(fd.get_ref(), rest)?)) {
            rest = &rest[written?..];
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::Read as _,
        os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
        path::PathBuf,
    };

    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("xvn-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).expect("mkdir");
            Self(path)
        }

        fn config(&self, name: &str) -> model::Fifo {
            model::Fifo {
                path: self.0.join(name).to_string_lossy().into_owned(),
                owner: Some(User {
                    name: "root".into(),
                    group: None,
                    all_groups: false,
                }),
                script: None,
                script_user: None,
            }
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(future)
    }

    async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
        for _ in 0..1000 {
            if is_so() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{what}");
    }

    fn count(fifos: &Fifos, of: &str) -> u64 {
        fifos.describe()[0][of].as_u64().expect("a number")
    }

    /// Whoever comes late finds what the kernel kept and the newest that we did; what
    /// is missing between is counted.
    #[test]
    fn without_a_reader_the_oldest_that_wait_are_lost_and_counted() {
        let place = Place::new("fifo-absent");
        let config = place.config("f");
        let (path, all) = (config.path.clone(), 8000_u64);
        block_on(async {
            let mut fifos = Fifos::new(None);
            fifos.configure(&[config], None, &RunnerHandle::deaf());
            fifos.write("line 0\n");
            until("the first line", || count(&fifos, "lines_written") == 1).await;
            for number in 1..all {
                fifos.write(&format!("line {number} and some more words to fill it\n"));
                if number % 64 == 0 {
                    tokio::task::yield_now().await;
                }
            }
            until("nothing moves", || {
                let sum = ["lines_written", "lines_waiting", "lines_lost"]
                    .map(|of| count(&fifos, of))
                    .iter()
                    .sum::<u64>();
                // One is in hand.
                sum + 1 == all && count(&fifos, "lines_waiting") == LINES_MAX as u64
            })
            .await;
            assert!(count(&fifos, "lines_lost") > 0);
            let reader = tokio::task::spawn_blocking(move || {
                let mut text = String::new();
                let mut fifo = fs::File::open(path).expect("the FIFO");
                fifo.read_to_string(&mut text).expect("read");
                text
            });
            until("all is read", || count(&fifos, "lines_waiting") == 0).await;
            let lost = count(&fifos, "lines_lost");
            fifos.close(Duration::from_secs(5), false).await;
            let text = reader.await.expect("no panic");
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len() as u64 + lost, all);
            assert_eq!(lines[0], "line 0");
            assert!(lines[lines.len() - 1].starts_with(&format!("line {} ", all - 1)));
            let numbers: Vec<u64> = lines
                .iter()
                .map(|line| line.split(' ').nth(1).expect("two words"))
                .map(|word| word.parse().expect("a number"))
                .collect();
            assert!(numbers.is_sorted());
        });
        assert!(!place.0.join("f").exists());
    }

    /// A full FIFO without a reader does not hold up the end.
    #[test]
    fn the_end_waits_for_nobody_for_long() {
        let place = Place::new("fifo-end");
        let config = place.config("f");
        block_on(async {
            let mut fifos = Fifos::new(None);
            fifos.configure(&[config], None, &RunnerHandle::deaf());
            for _ in 0..500 {
                fifos.write(&format!("{}\n", "x".repeat(200)));
            }
            until("it is full", || {
                count(&fifos, "lines_written") > 100 && count(&fifos, "lines_waiting") > 100
            })
            .await;
            let start = tokio::time::Instant::now();
            fifos.close(Duration::from_secs(5), false).await;
            assert!(start.elapsed() < Duration::from_secs(1));
        });
        assert!(!place.0.join("f").exists());
    }

    #[test]
    fn what_is_no_fifo_is_not_written_to() {
        let place = Place::new("fifo-file");
        let file = place.config("file");
        fs::write(&file.path, "precious").expect("write");
        let link = place.config("link");
        nix::unistd::mkfifo(&place.0.join("real"), Mode::S_IRWXU).expect("mkfifo");
        std::os::unix::fs::symlink(place.0.join("real"), &link.path).expect("a link");
        let nowhere = place.config("none/f");
        for (config, want) in [
            (&file, "it is no FIFO"),
            (&link, "symbolic link"),
            (&nowhere, "does not exist"),
        ] {
            block_on(async {
                let mut fifos = Fifos::new(None);
                fifos.configure(core::slice::from_ref(config), None, &RunnerHandle::deaf());
                fifos.write("line\n");
                until(want, || {
                    let error = fifos.describe()[0]["error"].clone();
                    error.as_str().is_some_and(|error| error.contains(want))
                })
                .await;
                fifos.close(Duration::from_millis(10), false).await;
            });
        }
        assert_eq!(fs::read(&file.path).expect("read"), b"precious");
        block_on(async {
            let mut fifos = Fifos::new(None);
            let wanted = core::slice::from_ref(&nowhere);
            fifos.configure(wanted, None, &RunnerHandle::deaf());
            fifos.write("line\n");
            until("it failed", || !fifos.describe()[0]["error"].is_null()).await;
            fs::create_dir(place.0.join("none")).expect("mkdir");
            until("it is there now", || count(&fifos, "lines_written") == 1).await;
            assert!(fifos.describe()[0]["error"].is_null());
            fifos.close(Duration::from_secs(1), false).await;
        });
    }

    /// A reload that leaves it as it is leaves its reader alone; another mode comes with
    /// `-u`; what was there before us stays.
    #[test]
    fn it_is_made_once_and_removed_by_who_made_it() {
        let place = Place::new("fifo-made");
        let (ours, theirs) = (place.config("ours"), place.config("theirs"));
        nix::unistd::mkfifo(theirs.path.as_str(), Mode::S_IRWXU).expect("mkfifo");
        block_on(async {
            for (umask, mode) in [(None, 0o600), (Some(0o022), 0o644)] {
                let mut fifos = Fifos::new(umask);
                let wanted = [ours.clone(), theirs.clone()];
                fifos.configure(&wanted, None, &RunnerHandle::deaf());
                fifos.write("line\n");
                until("both are open", || {
                    let all = fifos.describe();
                    (0..2).all(|at| all[at]["lines_written"] == 1)
                })
                .await;
                let found = fs::metadata(&ours.path).expect("made");
                assert!(found.file_type().is_fifo());
                assert_eq!(found.permissions().mode() & 0o7777, mode);
                fifos.configure(&wanted, None, &RunnerHandle::deaf());
                assert_eq!(count(&fifos, "lines_written"), 1, "it is the same one");
                fifos.close(Duration::from_secs(1), false).await;
                assert!(!Path::new(&ours.path).exists() && Path::new(&theirs.path).exists());
            }
            let mut fifos = Fifos::new(None);
            fifos.configure(core::slice::from_ref(&ours), None, &RunnerHandle::deaf());
            fifos.write("line\n");
            until("it is open", || count(&fifos, "lines_written") == 1).await;
            fifos.close(Duration::from_secs(1), true).await;
            assert!(Path::new(&ours.path).exists(), "a successor finds it");
        });
    }
}
