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

/// Builds both in one go, so that cargo settles on one set of features.
pub(crate) fn binaries(release: bool) -> Result<Binaries> {
    let mut cargo = program::cargo();
    cargo.args(["build", "--package=vrrp-user", "--package=xvrrp-tests"]);
    cargo.args(["--bin=xvrrpd", "--bin=xvrrp-lab"]);
    if release {
        cargo.arg("--release");
    }
    program::run(&mut cargo)?;
    let directory = workspace::target()?.join(if release { "release" } else { "debug" });
    Ok(Binaries {
        daemon: directory.join("xvrrpd"),
        lab: directory.join("xvrrp-lab"),
    })
}
