//! Where things are in this workspace.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::program;

/// The directory with the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a directory of the workspace")
}

/// Where cargo builds, whoever configured it.
pub(crate) fn target() -> Result<PathBuf> {
    let metadata = program::output(program::cargo().args([
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version=1",
    ]))
    .context("`cargo metadata` failed")?;
    target_directory(&metadata).context("`cargo metadata` names no target directory")
}

/// The one string needed of that JSON; not worth a parser in what builds first.
fn target_directory(metadata: &str) -> Option<PathBuf> {
    let (_, rest) = metadata.split_once(r#""target_directory":""#)?;
    let (path, _) = rest.split_once('"')?;
    Some(PathBuf::from(path.replace(r"\\", r"\")))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    #[test]
    fn target_directory_is_read_from_metadata() {
        let metadata = r#"{"packages":[],"target_directory":"/a/b c","version":1}"#;
        assert_eq!(
            super::target_directory(metadata),
            Some(PathBuf::from("/a/b c"))
        );
        assert_eq!(super::target_directory("{}"), None);
    }
}
