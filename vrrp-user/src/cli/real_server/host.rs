//! This host, read and changed by iproute2 and `/proc/sys`.

use super::plan::{Host, Step};
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::{fs, net::IpAddr, process::Command};

/// Addresses and default routes.
pub(super) fn read() -> Result<Host> {
    let mut host = Host::default();
    for link in list(&["-j", "addr", "show"])? {
        let name = link["ifname"].as_str().unwrap_or_default().to_owned();
        for it in link["addr_info"].as_array().into_iter().flatten() {
            let address: Option<IpAddr> = it["local"].as_str().and_then(|it| it.parse().ok());
            let length = it["prefixlen"]
                .as_u64()
                .and_then(|it| u8::try_from(it).ok());
            if let (Some(address), Some(length)) = (address, length) {
                host.addresses.push((name.clone(), address, length));
            }
        }
    }
    for route in list(&["-j", "-4", "route", "show", "default"])? {
        host.default_routes
            .extend(route["dev"].as_str().map(str::to_owned));
    }
    Ok(host)
}

/// It is so.
pub(super) fn has(step: &Step, host: &Host) -> bool {
    match step {
        Step::Sysctl { key, value } | Step::TunnelSysctl { key, value } => {
            // The kernel takes the greater of an interface's and that of all.
            let all = key
                .rsplit('/')
                .next()
                .map(|name| format!("ipv4/conf/all/{name}"));
            let found = sysctl(key).max(all.and_then(|it| sysctl(&it)));
            found.is_some_and(|found| found >= *value)
        }
        Step::Gue { port, v6 } => {
            let family = if *v6 { "-6" } else { "-4" };
            // A kernel without the module has none.
            let ports = list(&["-j", family, "fou", "show"]).unwrap_or_default();
            ports
                .iter()
                .any(|it| it["port"].as_u64() == Some((*port).into()))
        }
        Step::Tunnel { name, kind, local } => {
            let links = list(&["-j", "-d", "link", "show", "dev", name]).unwrap_or_default();
            links.iter().any(|it| {
                let info = &it["linkinfo"];
                let up = it["flags"].as_array();
                let up = up.is_some_and(|flags| flags.iter().any(|flag| flag == "UP"));
                info["info_kind"] == kind.as_str()
                    && info["info_data"]["local"] == local.to_string()
                    && up
            })
        }
        Step::Address { address, device } => host
            .addresses
            .iter()
            .any(|(on, it, _)| on == device && it == address),
    }
}

/// What a sysctl below `net` is.
pub(super) fn sysctl(key: &str) -> Option<u8> {
    let text = fs::read_to_string(format!("/proc/sys/net/{key}")).ok()?;
    text.trim().parse().ok()
}

/// Runs a line that [`Step::commands`] gave.
pub(super) fn run(line: &str) -> Result<()> {
    // Not by sysctl(8), which a small host may not have.
    if let Some(setting) = line.strip_prefix("sysctl -w net.") {
        let (key, value) = setting.split_once('=').context("a sysctl's value")?;
        let path = key
            .replace('/', "\u{0}")
            .replace('.', "/")
            .replace('\u{0}', ".");
        return fs::write(format!("/proc/sys/net/{path}"), value)
            .with_context(|| format!("`{line}` (as root?)"));
    }
    let mut words = line.split(' ');
    let program = words.next().unwrap_or_default();
    let output = Command::new(program).args(words).output();
    let output = output.with_context(|| format!("`{line}`: is iproute2 installed?"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        bail!("`{line}`: {said}");
    }
    Ok(())
}

fn list(words: &[&str]) -> Result<Vec<Value>> {
    let line = words.join(" ");
    let output = Command::new("ip").args(words).output();
    let output = output.with_context(|| format!("`ip {line}`: is iproute2 installed?"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        bail!("`ip {line}`: {said}");
    }
    if output.stdout.iter().all(u8::is_ascii_whitespace) {
        return Ok(Vec::new());
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("what `ip {line}` says"))
}
