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
    let dir = profile_dir().join("xvrrp-tests").join(name);
    fs::create_dir_all(&dir).expect("a scratch directory under target");
    dir
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

/// A program of another make, which must be installed.
#[must_use]
pub fn installed(path: &str, package: &str) -> PathBuf {
    assert!(
        Path::new(path).is_file(),
        "no {path}: apt-get install {package}"
    );
    path.into()
}
