//! `stop`: a daemon ends. With `--keep` everything stays for a successor, with
//! `--release` what a dead one left is removed.

use super::StopOptions;
use crate::shell::{
    bpf::{Instance, Lock, release},
    clock,
    control::{self, ClientError, Command},
    installed::Record,
    netlink,
};
use anyhow::{Result, bail};
use std::{fs, io, thread, time::Duration};

/// For the daemon to say that it will.
const PATIENCE: Duration = Duration::from_secs(12);
/// For it to be gone: it waits for addresses and for notify scripts, 5 s each, for
/// readers of FIFOs, 2 s, and for the `shutdown_script`, 10 s unless it has another
/// timeout.
const ENDS_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub(super) fn run(instance: &Instance, options: StopOptions) -> Result<()> {
    let socket = control::socket_path(instance);
    let command = if options.keep {
        Command::Leave
    } else {
        Command::Stop
    };
    match control::ask(&socket, &command, PATIENCE) {
        Ok(_) => wait_for_its_end(instance)?,
        Err(ClientError::NotRunning(error)) if !options.release => {
            if release::has_pins(instance) {
                bail!(
                    "no xvrrpd answers here ({error}), but a dead one left its addresses fenced: `xvrrpd stop --release` removes what it left"
                );
            }
            return Err(ClientError::NotRunning(error).into());
        }
        Err(ClientError::NotRunning(_)) => {}
        Err(error) => {
            let pid = holder(instance).unwrap_or_else(|| "?".into());
            bail!(
                "{error} (pid {pid}); end it with `kill -KILL {pid}`, then `xvrrpd stop --release`"
            );
        }
    }
    if options.release {
        release_all(instance)?;
    }
    Ok(())
}

fn wait_for_its_end(instance: &Instance) -> Result<()> {
    let end = clock::now() + ENDS_WITHIN;
    while Lock::is_held(instance)? {
        if clock::now() >= end {
            bail!("xvrrpd is still ending after {ENDS_WITHIN:?}; its log says what it waits for");
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// Addresses first: without its programs nothing fences them.
fn release_all(instance: &Instance) -> Result<()> {
    if Lock::is_held(instance)? {
        let pid = holder(instance).unwrap_or_else(|| "?".into());
        bail!(
            "xvrrpd (pid {pid}) lives, but does not answer: nothing is removed under it; end it with `kill -KILL {pid}`, then try again"
        );
    }
    let lock = Lock::take(instance)?;
    let left = release::Leftovers::find(instance)?;
    let record = Record::of(instance);
    let path = record.path().to_owned();
    let network = record.left();
    let installed = network.addresses.len() + network.routes.len() + network.rules.len();
    netlink::remove_network(network)?;
    if installed > 0 {
        println!("routes, rules and static addresses: removed");
    }
    let _ = fs::remove_file(path);
    let done = netlink::remove_addresses(&left.addresses, netlink::marks_addresses())?;
    for address in &done.removed {
        println!("{}: removed", address.key.local);
    }
    for address in &done.kept {
        println!(
            "{}: kept, as it was not placed by xvrrpd",
            address.key.local
        );
    }
    for line in left.remove()? {
        println!("{line}");
    }
    let _ = fs::remove_dir_all(instance.dump_directory());
    let socket = control::socket_path(instance);
    match fs::remove_file(&socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            bail!("cannot remove {}: {error}", socket.display());
        }
        _ => {}
    }
    lock.release()
}

fn holder(instance: &Instance) -> Option<String> {
    let text = fs::read_to_string(instance.pid_file()).ok()?;
    Some(text.trim().to_owned()).filter(|pid| !pid.is_empty())
}
