//! Pid files that somebody asked for by option.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A file with our process number; removed when dropped, unless it is another's by then.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes the file. One that names a process of this program that lives is an
    /// error of kind `AlreadyExists`; any other is replaced.
    pub fn write(path: &Path) -> io::Result<Self> {
        if let Some(pid) = read(path)
            && pid != std::process::id()
            && program_of(pid).is_some_and(|name| Some(name) == program_of(std::process::id()))
        {
            let why = format!("{}: process {pid} is running already", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        // Renamed into place: a reader finds a whole number or none.
        let draft = path.with_extension(format!("pid.{}", std::process::id()));
        fs::write(&draft, format!("{}\n", std::process::id())).map_err(named)?;
        fs::rename(&draft, path).map_err(named)?;
        Ok(Self {
            path: path.to_owned(),
        })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if read(&self.path) == Some(std::process::id()) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn read(path: &Path) -> Option<u32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn program_of(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/comm")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_file_is_replaced_and_ours_goes_with_us() {
        let path = std::env::temp_dir().join(format!("xvn-{}.pid", std::process::id()));
        for stale in ["", "no number", "4194305", "1\n"] {
            fs::write(&path, stale).expect("write");
            let file = PidFile::write(&path).expect(stale);
            assert_eq!(read(&path), Some(std::process::id()));
            drop(file);
            assert!(!path.exists());
        }
        let file = PidFile::write(&path).expect("write");
        fs::write(&path, "1\n").expect("somebody else took over");
        drop(file);
        assert!(path.exists(), "it is theirs");
        fs::remove_file(&path).expect("clean up");
    }

    #[test]
    fn a_live_daemon_of_the_same_name_is_respected() {
        let path = std::env::temp_dir().join(format!("xvn-live-{}.pid", std::process::id()));
        // Some other program under our name.
        let name = program_of(std::process::id()).expect("our name");
        let namesake = std::env::temp_dir().join(name.trim());
        fs::copy("/bin/sleep", &namesake).expect("copy");
        let mut other = std::process::Command::new(&namesake)
            .arg("30")
            .spawn()
            .expect("spawn");
        fs::write(&path, format!("{}\n", other.id())).expect("write");
        let result = PidFile::write(&path);
        other.kill().expect("kill");
        other.wait().expect("it ends");
        assert_eq!(
            result.expect_err("it lived").kind(),
            io::ErrorKind::AlreadyExists
        );
        drop(PidFile::write(&path).expect("it is dead now"));
        fs::remove_file(&namesake).expect("clean up");
    }
}
