//! Routes, rules and static addresses: a record on disk of what is installed, by
//! which a successor finds what a dead daemon left.

use super::bpf::Instance;
use crate::engine::action::Network;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Of what this daemon installs, or may have installed. Gone with a reboot, as
/// everything below `/run` and everything in the kernel is.
#[derive(Debug)]
pub struct Record {
    path: PathBuf,
    written: Network,
    /// What was managed last: what a reload takes out may still be there when this
    /// daemon dies.
    before: Network,
    /// Of a predecessor: may be removed, until a first list of ours says what stays.
    left: Option<Network>,
}

impl Record {
    /// Reads what a predecessor left.
    #[must_use]
    pub fn of(instance: &Instance) -> Self {
        let path = instance.pid_file().with_extension("network");
        let left = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| {
                    let path = path.display();
                    tracing::warn!("{path}: {error}; routes and rules that an earlier run left are not removed, see `ip route show proto keepalived`");
                })
                .ok(),
            Err(_) => None,
        };
        Self {
            path,
            written: Network::default(),
            before: Network::default(),
            left,
        }
    }

    /// What a dead daemon left, by its record.
    #[must_use]
    pub fn left(self) -> Network {
        self.left.unwrap_or_default()
    }

    /// What may be in the kernel once `managed` is declared: all of it is to be managed.
    /// An error: it could not be written down.
    pub fn declare(&mut self, mut managed: Network) -> (Network, io::Result<()>) {
        if let Some(left) = self.left.take() {
            add(&mut managed, left);
        }
        let mut all = managed.clone();
        add(&mut all, core::mem::replace(&mut self.before, managed));
        let written = self.write(&all);
        (all, written)
    }

    /// A predecessor left something that no list of ours has dealt with.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.left.is_some()
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write(&mut self, all: &Network) -> io::Result<()> {
        if *all == self.written {
            return Ok(());
        }
        let bytes = serde_json::to_vec(all)?;
        let new = self.path.with_extension("network.new");
        fs::write(&new, bytes)?;
        fs::rename(&new, &self.path)?;
        self.written = all.clone();
        Ok(())
    }

    /// Nothing is installed any more.
    pub fn remove(&self) {
        // That there is none is as good.
        let _ = fs::remove_file(&self.path);
    }
}

fn add(to: &mut Network, more: Network) {
    fn append<T: PartialEq>(to: &mut Vec<T>, more: Vec<T>) {
        for one in more {
            if !to.contains(&one) {
                to.push(one);
            }
        }
    }
    append(&mut to.addresses, more.addresses);
    append(&mut to.routes, more.routes);
    append(&mut to.rules, more.rules);
    append(&mut to.promoted, more.promoted);
}
