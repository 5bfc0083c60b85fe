//! Asking a running daemon: which one, and what for.

use super::{Asked, Target, explain, handover, lvs, start::enter_namespace, status, stop};
use crate::shell::{
    bpf::{Instance, Reader},
    control::{self, Command},
};
use anyhow::{Context as _, Result, bail};
use std::{process::ExitCode, time::Duration};

/// A reload reads files; that may take a while on a busy machine.
const PATIENCE: Duration = Duration::from_secs(12);

pub(super) fn run(asked: &Asked, target: &Target) -> ExitCode {
    match try_run(asked, target) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xvrrpd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn try_run(asked: &Asked, target: &Target) -> Result<ExitCode> {
    if let Some(namespace) = &target.namespace {
        enter_namespace(namespace)?;
    }
    let instance = find(target.instance.as_deref())?;
    match asked {
        Asked::Status { json } => return Ok(status::run(&instance, *json)),
        Asked::Explain { name, json } => {
            return Ok(explain::run(&instance, name.as_deref(), *json));
        }
        Asked::Reload => {
            let socket = control::socket_path(&instance);
            control::ask(&socket, &Command::Reload, PATIENCE)?;
        }
        Asked::Stop(options) => stop::run(&instance, *options)?,
        Asked::Handover { name, force } => handover::hand_over(&instance, name, *force)?,
        Asked::Release { name } => handover::release(&instance, name)?,
        Asked::Lvs(options) => lvs::run(&instance, options)?,
        Asked::Maintenance { on, force } => handover::maintenance(&instance, *on, *force)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The daemon of that name in this network namespace; without a name the one that
/// has none, or the only one there is.
fn find(name: Option<&str>) -> Result<Instance> {
    let asked_for = Instance::here(name).context("which xvrrpd")?;
    if name.is_some() || control::socket_path(&asked_for).exists() {
        return Ok(asked_for);
    }
    let cookie = asked_for.netns_cookie();
    // Whatever cannot be read is said where it is needed.
    let mut others = Reader::list().unwrap_or_default();
    others.retain(|instance| instance.netns_cookie() == cookie);
    if others.is_empty() || others.contains(&asked_for) {
        return Ok(asked_for);
    }
    if let [only] = others.as_slice() {
        return Ok(only.clone());
    }
    let names: Vec<&str> = others.iter().filter_map(Instance::name).collect();
    bail!(
        "several run here: choose one by --instance ({})",
        names.join(", ")
    )
}
