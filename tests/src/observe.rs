//! What a router's kernel says about itself.

use std::{collections::BTreeSet, fs, net::IpAddr, process::Command};

use serde_json::Value;

use crate::{
    net::{INTERFACE, Node},
    process,
};

/// An address on a router's `eth0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// Prefix length.
    pub prefix: u8,
    /// `global`, `link`, ...
    pub scope: String,
    /// Label (IPv4), empty if none.
    pub label: String,
}

/// All addresses on the router's `eth0` and on what is stacked upon it.
#[must_use]
pub fn addresses(node: &Node) -> Vec<Address> {
    let done = node
        .ns
        .command("ip")
        .args(["-j", "addr", "show"])
        .output()
        .expect("ip");
    assert!(done.status.success(), "ip addr in {node:?}");
    let links: Value = serde_json::from_slice(&done.stdout).expect("JSON from ip");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    for link in links.as_array().into_iter().flatten() {
        if link["ifname"] == "lo" {
            continue;
        }
        for info in link["addr_info"].as_array().into_iter().flatten() {
            let Ok(ip) = text(&info["local"]).parse() else {
                continue;
            };
            let prefix = info["prefixlen"]
                .as_u64()
                .and_then(|n| u8::try_from(n).ok());
            found.push(Address {
                ip,
                prefix: prefix.unwrap_or(0),
                scope: text(&info["scope"]),
                label: text(&info["label"]),
            });
        }
    }
    found
}

/// The router has this address.
#[must_use]
pub fn has(node: &Node, ip: IpAddr) -> bool {
    addresses(node).iter().any(|address| address.ip == ip)
}

/// How an XDP program is attached to an interface, if one is.
#[must_use]
pub fn xdp_mode(node: &Node, interface: &str) -> Option<&'static str> {
    let link = ["-j", "link", "show", "dev", interface];
    let done = node.ns.command("ip").args(link).output().expect("ip");
    let links: Value = serde_json::from_slice(&done.stdout).expect("JSON from ip");
    // XDP_ATTACHED_* of linux/if_link.h.
    match links[0]["xdp"]["mode"].as_u64()? {
        1 => Some("native"),
        2 => Some("generic"),
        3 => Some("offloaded"),
        _ => Some("several"),
    }
}

/// Deletes an address as a careless colleague would.
pub fn delete(node: &Node, ip: IpAddr) {
    let found = addresses(node).into_iter().find(|address| address.ip == ip);
    let prefix = found
        .unwrap_or_else(|| panic!("{ip} is not on {node:?}"))
        .prefix;
    node.ns
        .ip(&format!("addr del {ip}/{prefix} dev {INTERFACE}"));
}

/// BPF objects a process tree has open, as `map_id 12`, `prog_id 3`, `link_id 7`.
#[must_use]
pub fn bpf_objects(pid: i32) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for process in process::tree(pid) {
        let infos = fs::read_dir(format!("/proc/{process}/fdinfo"));
        for info in infos.into_iter().flatten().flatten() {
            let text = fs::read_to_string(info.path()).unwrap_or_default();
            for line in text.lines() {
                let Some((key, id)) = line.split_once(':') else {
                    continue;
                };
                if ["map_id", "prog_id", "link_id"].contains(&key) {
                    found.insert(format!("{key} {}", id.trim()));
                }
            }
        }
    }
    found
}

/// Paths of the Unix sockets a process tree has open; abstract ones start
/// with `@`.
#[must_use]
pub fn unix_sockets(pid: i32) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for process in process::tree(pid) {
        let table = fs::read_to_string(format!("/proc/{process}/net/unix")).unwrap_or_default();
        let fds = fs::read_dir(format!("/proc/{process}/fd"));
        for fd in fds.into_iter().flatten().flatten() {
            let Ok(target) = fs::read_link(fd.path()) else {
                continue;
            };
            let target = target.to_string_lossy().into_owned();
            let Some(inode) = target
                .strip_prefix("socket:[")
                .and_then(|t| t.strip_suffix(']'))
            else {
                continue;
            };
            // Num RefCount Protocol Flags Type St Inode Path
            let mut rows = table
                .lines()
                .map(|line| line.split_whitespace().collect::<Vec<_>>());
            if let Some(row) = rows.find(|row| row.get(6) == Some(&inode))
                && let Some(path) = row.get(7)
            {
                found.insert((*path).to_owned());
            }
        }
    }
    found
}

/// A BPF map the process tree has open, as `bpftool map dump` prints it in JSON.
#[must_use]
pub fn map_dump(pid: i32, name: &str) -> Option<Value> {
    for object in bpf_objects(pid) {
        let Some(id) = object.strip_prefix("map_id ") else {
            continue;
        };
        let shown = bpftool(&["map", "show", "id", id])?;
        if shown["name"] == name {
            return bpftool(&["map", "dump", "id", id]);
        }
    }
    None
}

/// How often a program of this type of the process tree ran, and for how long in
/// all. The kernel counts while statistics are enabled (`aya::sys::enable_stats`).
#[must_use]
pub fn program_runs(pid: i32, kind: &str) -> (u64, std::time::Duration) {
    let programs = bpf_objects(pid)
        .into_iter()
        .filter_map(|object| object.strip_prefix("prog_id ").map(str::to_owned))
        .filter_map(|id| bpftool(&["prog", "show", "id", &id]))
        .filter(|shown| shown["type"] == kind);
    let (mut count, mut time_ns) = (0, 0);
    for shown in programs {
        count += shown["run_cnt"].as_u64().unwrap_or(0);
        time_ns += shown["run_time_ns"].as_u64().unwrap_or(0);
    }
    (count, std::time::Duration::from_nanos(time_ns))
}

fn bpftool(args: &[&str]) -> Option<Value> {
    let done = Command::new("bpftool")
        .arg("-j")
        .args(args)
        .output()
        .expect("bpftool");
    serde_json::from_slice(&done.stdout).ok()
}
