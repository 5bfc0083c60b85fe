//! `promote_secondaries`: the one sysctl an operator may ask for. With it the kernel
//! keeps the other addresses of a subnet when the first one goes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
};

/// Interfaces on which secondary addresses are promoted, and how it was before.
#[derive(Debug, Default)]
pub(super) struct Promoted {
    wanted: BTreeSet<String>,
    before: BTreeMap<String, String>,
}

impl Promoted {
    /// Replaces the list. Those no longer in it become what they were.
    pub(super) fn set(&mut self, wanted: BTreeSet<String>) -> Vec<(String, io::Error)> {
        self.wanted = wanted;
        let unwanted: Vec<String> = self
            .before
            .keys()
            .filter(|name| !self.wanted.contains(*name))
            .cloned()
            .collect();
        let mut failures = Vec::new();
        for name in unwanted {
            let before = self.before.remove(&name).unwrap_or_default();
            match fs::write(path(&name), before) {
                // Gone with its interface.
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    failures.push((name, error));
                }
                _ => {}
            }
        }
        failures.extend(self.apply());
        failures
    }

    /// An interface has gone: another of its name starts afresh.
    pub(super) fn forget(&mut self, name: &str) {
        self.before.remove(name);
    }

    /// Sets it where it is not set yet, and where the interface is there.
    pub(super) fn apply(&mut self) -> Vec<(String, io::Error)> {
        let mut failures = Vec::new();
        for name in &self.wanted {
            if self.before.contains_key(name) {
                continue;
            }
            let set = fs::read_to_string(path(name))
                .and_then(|before| fs::write(path(name), "1").map(|()| before));
            match set {
                Ok(before) => {
                    self.before.insert(name.clone(), before);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => failures.push((name.clone(), error)),
            }
        }
        failures
    }
}

fn path(interface: &str) -> String {
    format!("/proc/sys/net/ipv4/conf/{interface}/promote_secondaries")
}
