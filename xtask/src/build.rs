//! `cargo xtask build`.

use std::path::PathBuf;

use anyhow::Result;

use crate::setup::{self, Group};
use crate::{program, workspace};

/// Build xvrrpd with its XDP object, and the lab.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Optimised.
    #[arg(long)]
    release: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    setup::ensure(&[Group::Build])?;
    let binaries = binaries(arguments.release)?;
    println!("{}", binaries.daemon.display());
    Ok(())
}

/// What a build leaves.
pub(crate) struct Binaries {
    pub(crate) daemon: PathBuf,
    pub(crate) lab: PathBuf,
}

pub(crate) fn binaries(release: bool) -> Result<Binaries> {
    let directory = programs(release, &["xvrrpd", "xvrrp-lab"])?;
    Ok(Binaries {
        daemon: directory.join("xvrrpd"),
        lab: directory.join("xvrrp-lab"),
    })
}

/// Builds programs by name in one go, so that cargo settles on one set of features;
/// gives the directory they are in.
pub(crate) fn programs(release: bool, names: &[&str]) -> Result<PathBuf> {
    let mut cargo = program::cargo();
    cargo.args(["build", "--package=vrrp-user", "--package=xvrrp-tests"]);
    cargo.args(names.iter().map(|name| format!("--bin={name}")));
    if release {
        cargo.arg("--release");
    }
    program::run(&mut cargo)?;
    Ok(workspace::target()?.join(if release { "release" } else { "debug" }))
}
