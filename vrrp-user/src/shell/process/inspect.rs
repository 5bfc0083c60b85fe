//! Whether a program can run, and if not, which part of its path stands in the way.

use super::identity::Identity;
use std::{
    env, fs, io,
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// Where programs named without a path are looked for if `PATH` is not set.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Finds `word` as `execvp` would, and makes sure that `identity` may execute it.
/// With `secure`, what runs as root must be writable by root alone, down to every
/// directory it stands in.
pub(super) fn program(word: &str, identity: &Identity, secure: bool) -> Result<PathBuf, String> {
    let path = find(word)?;
    may_execute(&path, identity)?;
    if secure && identity.is_root() {
        is_secure(&path)?;
    }
    Ok(path)
}

fn find(word: &str) -> Result<PathBuf, String> {
    if word.is_empty() {
        return Err("the command is empty".into());
    }
    if word.contains('/') {
        return std::path::absolute(word).map_err(|error| format!("{word}: {error}"));
    }
    let search = env::var("PATH").unwrap_or_else(|_| DEFAULT_PATH.into());
    let found = search
        .split(':')
        .map(|dir| Path::new(dir).join(word))
        .find(|path| path.is_file());
    found.ok_or_else(|| format!("{word} is in none of {search}: write its whole path"))
}

/// Each directory above `path`, the root first, then `path` itself.
fn components(path: &Path) -> Vec<&Path> {
    let mut components: Vec<&Path> = path.ancestors().collect();
    components.reverse();
    components
}

fn may_execute(path: &Path, identity: &Identity) -> Result<(), String> {
    let user = &identity.name;
    for component in components(path) {
        let shown = component.display();
        let found = fs::metadata(component).map_err(|error| missing(component, &error))?;
        let is_program = component == path;
        if is_program && found.is_dir() {
            return Err(format!("{shown} is a directory"));
        }
        if !is_program && !found.is_dir() {
            return Err(format!("{shown} is not a directory"));
        }
        if is_program && !found.is_file() {
            return Err(format!("{shown} is not a regular file"));
        }
        let mode = found.mode() & 0o7777;
        if !has_execute_bit(&found, identity) {
            return Err(if is_program {
                format!(
                    "{shown} is not executable by user {user} (mode {mode:04o}): chmod +x {shown}"
                )
            } else {
                format!("user {user} may not enter the directory {shown} (mode {mode:04o})")
            });
        }
    }
    Ok(())
}

fn missing(component: &Path, error: &io::Error) -> String {
    let shown = component.display();
    match error.kind() {
        io::ErrorKind::NotFound => match fs::symlink_metadata(component) {
            Ok(_) => format!("{shown} is a symbolic link to something that does not exist"),
            Err(_) => format!("{shown} does not exist"),
        },
        _ => format!("{shown}: {error}"),
    }
}

/// Root needs any of the three bits on a file, and none on a directory.
fn has_execute_bit(found: &fs::Metadata, identity: &Identity) -> bool {
    let mode = found.mode();
    if identity.is_root() {
        found.is_dir() || mode & 0o111 != 0
    } else if found.uid() == identity.uid.as_raw() {
        mode & 0o100 != 0
    } else if identity.has_group(found.gid()) {
        mode & 0o010 != 0
    } else {
        mode & 0o001 != 0
    }
}

/// Both the path as written and the one it leads to through symbolic links.
fn is_secure(path: &Path) -> Result<(), String> {
    let real = path.canonicalize().map_err(|error| missing(path, &error))?;
    for component in components(path).into_iter().chain(components(&real)) {
        let found = fs::metadata(component).map_err(|error| missing(component, &error))?;
        let (mode, shown) = (found.mode(), component.display());
        // In a sticky directory nobody can replace what root put there.
        let writable_matters = !(found.is_dir() && mode & 0o1000 != 0);
        let problem = if found.uid() != 0 {
            format!("belongs to uid {}, not to root", found.uid())
        } else if writable_matters && mode & 0o002 != 0 {
            "is writable by everybody".to_owned()
        } else if writable_matters && mode & 0o020 != 0 && found.gid() != 0 {
            format!("is writable by group {}", found.gid())
        } else {
            continue;
        };
        return Err(format!(
            "enable_script_security: {} would run as root, but {shown} {problem} (mode {:04o})",
            path.display(),
            mode & 0o7777
        ));
    }
    Ok(())
}

/// Why the kernel refused to execute a program that is there and executable.
pub(super) fn explain_refusal(path: &Path, error: &io::Error) -> String {
    let shown = path.display();
    let interpreter = interpreter(path);
    match (error.raw_os_error(), interpreter) {
        (Some(libc::ENOENT), Some(interpreter)) => {
            format!("{shown} asks for {interpreter}, which does not exist")
        }
        (Some(libc::EACCES), Some(interpreter)) => {
            format!("{shown}: {error} (is {interpreter} executable, the file system not noexec?)")
        }
        (Some(libc::EACCES), None) => format!("{shown}: {error} (is its file system noexec?)"),
        _ => format!("{shown}: {error}"),
    }
}

fn interpreter(path: &Path) -> Option<String> {
    let mut start = [0; 256];
    let length = fs::File::open(path).ok()?.read(&mut start).ok()?;
    let line = start[..length].split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line.strip_prefix(b"#!")?).into_owned();
    line.split_whitespace().next().map(str::to_owned)
}
