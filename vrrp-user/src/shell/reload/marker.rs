//! `reload_file`: it is there, and empty, as long as the configuration is being read, so
//! that whoever writes it can wait for that.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// The file, for as long as this lives.
#[derive(Debug)]
pub struct Marker(PathBuf);

impl Marker {
    /// Makes it, or empties the one that is there.
    pub fn make(path: &Path) -> io::Result<Self> {
        // The next of these may be the first thing that needs it after a boot.
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o644)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)?;
        Ok(Self::of(path))
    }

    /// One that is there already, or not.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        Self(path.to_path_buf())
    }
}

impl Drop for Marker {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::error!("reload_file {}: {error}", self.0.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_emptied_and_goes() {
        let place = std::env::temp_dir().join(format!("xvn-marker-{}", std::process::id()));
        let path = place.join("not/yet/reload");
        let marker = Marker::make(&path).expect("made");
        assert_eq!(fs::read(&path).expect("there"), b"");
        drop(marker);
        assert!(!path.exists());
        fs::write(&path, "somebody waits").expect("written");
        let marker = Marker::make(&path).expect("made");
        assert_eq!(fs::read(&path).expect("there"), b"");
        drop(marker);
        assert!(!path.exists());
        fs::remove_dir_all(&place).expect("clean up");
    }
}
