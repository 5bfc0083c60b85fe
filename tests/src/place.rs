//! Where things are: the build's own directory, and the binaries in it.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The profile directory this test was built into (`target/debug`).
///
/// Test binaries are in its `deps`, other binaries in it.
#[must_use]
pub fn profile_dir() -> PathBuf {
    let exe = env::current_exe().expect("/proc/self/exe");
    let dir = exe.parent().expect("a directory");
    if dir.ends_with("deps") {
        dir.parent().expect("a directory").into()
    } else {
        dir.into()
    }
}

/// A directory for files of this test run, under `target`.
#[must_use]
pub fn scratch(name: &str) -> PathBuf {
    let parent = profile_dir().join("xvrrp-tests");
    let dir = parent.join(name);
    fs::create_dir_all(&dir).expect("a scratch directory under target");
    for dir in [&parent, &dir] {
        give_back(dir);
    }
    dir
}

/// Under sudo: a directory in somebody's `target` that root owns could not be
/// cleaned by them.
fn give_back(dir: &Path) {
    let id = |name: &str| env::var(name).ok()?.parse::<u32>().ok();
    if let (Some(user), Some(group)) = (id("SUDO_UID"), id("SUDO_GID")) {
        let _ = std::os::unix::fs::chown(dir, Some(user), Some(group));
    }
}

/// The `xvrrpd` under test: `$XVRRPD`, or the one built beside this test.
///
/// A missing one fails the test: there is nothing to skip to.
#[must_use]
pub fn xvrrpd() -> PathBuf {
    let path = env::var_os("XVRRPD").map_or_else(|| profile_dir().join("xvrrpd"), PathBuf::from);
    assert!(
        path.is_file(),
        "no {}: build it first (cargo build -p vrrp-user)",
        path.display()
    );
    path
}

/// A program of another make, which must be installed; a missing one fails.
pub fn installed(path: &str, package: &str) -> PathBuf {
    assert!(
        Path::new(path).is_file(),
        "no {path}: apt-get install {package}"
    );
    path.into()
}

#[cfg(test)]
mod tests {
    use super::installed;

    /// A test that wants a peer which is not there fails; it is not skipped.
    #[test]
    #[should_panic(expected = "no /nowhere/vrrpd: apt-get install frr")]
    fn a_missing_peer_fails() {
        let _ = installed("/nowhere/vrrpd", "frr");
    }
}
