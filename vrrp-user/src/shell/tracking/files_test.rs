use super::{Found, Tracking};
use crate::{
    config::model::{InitFile, TrackFile},
    engine::input::{Content, Input},
};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{sync::mpsc, time::timeout};

/// A directory of its own, gone at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("xvrrp-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("a directory");
        Self(dir)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn file(path: &Path, init: Option<InitFile>) -> TrackFile {
    TrackFile {
        name: "f".into(),
        path: path.to_str().expect("text").into(),
        init,
    }
}

struct Watching {
    tracking: Tracking,
    found: mpsc::Receiver<Found>,
}

impl Watching {
    fn new(path: &Path, init: Option<InitFile>) -> Self {
        let (mut tracking, found) = Tracking::new();
        tracking
            .watch_files(vec![file(path, init)], true)
            .expect("a thread");
        Self { tracking, found }
    }

    /// Waits until the file is found to say this; what comes before is passed over.
    async fn until(&mut self, want: Content) {
        let wanted = async {
            loop {
                let found = self.found.recv().await.expect("the thread goes on");
                if let Some(Input::FileRead { content, .. }) = self.tracking.accept(found)
                    && content == want
                {
                    return;
                }
            }
        };
        let waited = timeout(Duration::from_secs(5), wanted).await;
        assert!(waited.is_ok(), "it never said {want:?}");
    }
}

fn says(text: &str) -> Content {
    Content::Octets(text.as_bytes().to_vec())
}

#[tokio::test]
async fn a_file_is_followed_through_all_that_becomes_of_it() {
    let scratch = Scratch::new("follow");
    let path = scratch.at("value");
    let mut watching = Watching::new(&path, None);
    watching.until(Content::Missing).await;
    fs::write(&path, "1\n").expect("made");
    watching.until(says("1\n")).await;
    fs::write(&path, "2\n").expect("written");
    watching.until(says("2\n")).await;
    fs::write(scratch.at("other"), "3\n").expect("made");
    fs::rename(scratch.at("other"), &path).expect("replaced");
    watching.until(says("3\n")).await;
    fs::remove_file(&path).expect("deleted");
    watching.until(Content::Missing).await;
    fs::write(scratch.at("other"), "4\n").expect("made");
    fs::hard_link(scratch.at("other"), &path).expect("linked");
    watching.until(says("4\n")).await;
    fs::rename(&path, scratch.at("gone")).expect("moved away");
    watching.until(Content::Missing).await;
}

#[tokio::test]
async fn a_link_is_followed_and_a_directory_that_comes_and_goes() {
    let scratch = Scratch::new("links");
    let (dir, path) = (scratch.at("later"), scratch.at("later/value"));
    let mut watching = Watching::new(&path, None);
    watching.until(Content::Missing).await;
    fs::create_dir(&dir).expect("made");
    fs::create_dir(scratch.at("real")).expect("made");
    fs::write(scratch.at("real/value"), "1\n").expect("made");
    symlink(scratch.at("real/value"), &path).expect("linked");
    watching.until(says("1\n")).await;
    fs::write(scratch.at("real/value"), "2\n").expect("written");
    watching.until(says("2\n")).await;
    fs::remove_dir_all(&dir).expect("deleted");
    watching.until(Content::Missing).await;
    fs::create_dir(&dir).expect("made again");
    fs::write(&path, "5\n").expect("made");
    watching.until(says("5\n")).await;
}

#[tokio::test]
async fn a_file_begins_with_its_value_once() {
    let scratch = Scratch::new("init");
    let path = scratch.at("value");
    let init = |value, overwrite| Some(InitFile { value, overwrite });
    Watching::new(&path, init(7, false))
        .until(says("7\n"))
        .await;
    Watching::new(&path, init(8, false))
        .until(says("7\n"))
        .await;
    Watching::new(&path, init(-9, true))
        .until(says("-9\n"))
        .await;
    let mut watching = Watching::new(&path, None);
    watching.until(says("-9\n")).await;
    let again = file(&path, init(10, true));
    watching
        .tracking
        .watch_files(vec![again], false)
        .expect("a thread");
    watching.until(says("-9\n")).await;
    // Nobody's file is overwritten through a link.
    fs::remove_file(&path).expect("deleted");
    fs::write(scratch.at("mine"), "mine").expect("made");
    symlink(scratch.at("mine"), &path).expect("linked");
    Watching::new(&path, init(11, true))
        .until(says("mine"))
        .await;
}

#[tokio::test]
async fn what_an_earlier_watcher_found_means_nothing() {
    let scratch = Scratch::new("earlier");
    let path = scratch.at("value");
    let (mut tracking, mut found) = Tracking::new();
    tracking
        .watch_files(vec![file(&path, None)], true)
        .expect("a thread");
    let stale = found.recv().await.expect("found");
    tracking
        .watch_files(vec![file(&path, None)], false)
        .expect("a thread");
    assert_eq!(tracking.accept(stale), None);
    let fresh = found.recv().await.expect("found");
    assert!(tracking.accept(fresh).is_some());
}
