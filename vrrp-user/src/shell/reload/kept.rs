//! `config_save_dir`: what was read at each load, and the state before and after each
//! reload. Names are keepalived's: `keepalived.conf.PID.N`, `keepalived_vrrp.PID.N.pre`
//! and `.post`.

use crate::shell::dump;
use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

/// Which loads and reloads there have been in this process.
#[derive(Debug, Default)]
pub struct Kept {
    reloads: u32,
}

/// The next `keepalived.conf.PID.N`.
static LOADS: AtomicU32 = AtomicU32::new(0);

impl Kept {
    /// Keeps what was read, which may hold passwords, for root alone. The directory is
    /// made, those above it are not.
    pub fn configuration(directory: &str, text: &str) {
        let number = LOADS.fetch_add(1, Ordering::Relaxed);
        let name = format!("keepalived.conf.{}.{number}", std::process::id());
        say(directory, &name, write(directory, &name, text));
    }

    /// Keeps the state before a reload.
    pub fn before(&mut self, directory: &str, text: &str) {
        self.reloads += 1;
        self.state(directory, "pre", text);
    }

    /// Keeps the state after it.
    pub fn after(&self, directory: &str, text: &str) {
        self.state(directory, "post", text);
    }

    fn state(&self, directory: &str, when: &str, text: &str) {
        let pid = std::process::id();
        let name = format!("keepalived_vrrp.{pid}.{}.{when}", self.reloads);
        say(directory, &name, write(directory, &name, text));
    }
}

fn write(directory: &str, name: &str, text: &str) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    if !fs::metadata(directory)?.is_dir() {
        return Err(io::Error::other("config_save_dir is not a directory"));
    }
    dump::replace(&Path::new(directory).join(name), text)
}

fn say(directory: &str, name: &str, written: io::Result<()>) {
    if let Err(error) = written {
        tracing::error!("config_save_dir: {directory}/{name}: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn numbered_and_for_their_owner_alone() {
        let place = std::env::temp_dir().join(format!("xvn-kept-{}", std::process::id()));
        let directory = place.to_str().expect("a name");
        let mut kept = Kept::default();
        Kept::configuration(directory, "one");
        kept.before(directory, "a");
        kept.after(directory, "b");
        kept.before(directory, "c");
        let pid = std::process::id();
        let mut names: Vec<String> = fs::read_dir(&place)
            .expect("made")
            .map(|it| {
                let it = it.expect("an entry");
                let mode = it.metadata().expect("there").permissions().mode();
                assert_eq!(mode & 0o777, 0o600);
                it.file_name().into_string().expect("a name")
            })
            .collect();
        names.sort();
        let want = [
            format!("keepalived.conf.{pid}.0"),
            format!("keepalived_vrrp.{pid}.1.post"),
            format!("keepalived_vrrp.{pid}.1.pre"),
            format!("keepalived_vrrp.{pid}.2.pre"),
        ];
        assert_eq!(names, want);
        assert!(write(&format!("{directory}/no/parent"), "x", "").is_err());
        fs::remove_dir_all(&place).expect("clean up");
    }
}
