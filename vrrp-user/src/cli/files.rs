//! Configuration files as they are on disk.

use crate::config::Source;
use std::{
    fs,
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

/// No configuration is larger than this; a device or a log is.
const MAX_BYTES: u64 = 16 << 20;

/// The file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileSystem;

impl Source for FileSystem {
    fn read(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        let why = |error: io::Error| error.to_string();
        // Looked at before it is opened: opening a FIFO would wait for a writer.
        let found = fs::metadata(path).map_err(why)?;
        if !found.is_file() {
            let what = if found.is_dir() {
                "a directory"
            } else {
                "no regular file"
            };
            return Err(format!("it is {what}"));
        }
        let mut bytes = Vec::new();
        let file = fs::File::open(path).map_err(why)?;
        file.take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(why)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(format!("it is larger than {} MiB", MAX_BYTES >> 20));
        }
        Ok(bytes)
    }

    fn list(&mut self, directory: &Path) -> Result<Vec<String>, String> {
        let entries = fs::read_dir(directory).map_err(|error| error.to_string())?;
        // A name that is not UTF-8 matches no pattern that could be written.
        Ok(entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect())
    }

    fn is_private(&mut self, path: &Path) -> bool {
        let others_may = |found: fs::Metadata| found.permissions().mode() & 0o077;
        fs::metadata(path).map(others_may).is_ok_and(|may| may == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read() {
        let place = std::env::temp_dir().join(format!("xvn-files-{}", std::process::id()));
        fs::create_dir_all(place.join("dir")).expect("mkdir");
        fs::write(place.join("a.conf"), "text").expect("write");
        nix::unistd::mkfifo(&place.join("fifo"), nix::sys::stat::Mode::S_IRWXU).expect("mkfifo");
        let mut files = FileSystem;
        assert_eq!(files.read(&place.join("a.conf")), Ok(b"text".to_vec()));
        for (name, expected) in [
            ("dir", "a directory"),
            ("fifo", "no regular file"),
            ("none", "No such file"),
        ] {
            let why = files.read(&place.join(name)).expect_err(name);
            assert!(why.contains(expected), "{name}: {why}");
        }
        assert!(files.read(Path::new("/dev/zero")).is_err());
        let mut names = files.list(&place).expect("a directory");
        names.sort();
        assert_eq!(names, ["a.conf", "dir", "fifo"]);
        assert!(files.list(&place.join("none")).is_err());
        fs::remove_dir_all(&place).expect("clean up");
    }
}
