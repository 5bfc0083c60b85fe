//! USR1, USR2 and the JSON signal: what keepalived's exporters read.

use super::Driver;
use crate::{
    config::model::Global,
    ownership::command::VrId,
    shell::{
        bpf::Instance,
        clock,
        dump::{self, Received, Snapshot, Stats},
    },
};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};
use vrrp_common::maps::VrKey;

/// What the dumps know that neither the engine nor the maps keep.
#[derive(Default)]
pub(super) struct Counts {
    received: BTreeMap<VrId, Received<[u8; 16]>>,
    /// As they stood when they were cleared.
    cleared: BTreeMap<VrId, Stats>,
}

/// Which file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dump {
    Data,
    Stats,
    StatsClear,
    Json,
}

impl Driver {
    /// Writes a dump file; the writing itself is not this thread's.
    pub(super) fn dump(&mut self, which: Dump) {
        let (name, text) = self.dump_text(which);
        let path = path(&self.engine.config().global, &self.instance, name);
        tokio::task::spawn_blocking(move || match write(&path, &text) {
            Ok(()) => tracing::info!("Printing VRRP {name} to {}", path.display()),
            Err(error) => tracing::error!("{}: {error}", path.display()),
        });
    }

    /// What a dump file holds, and what it is called.
    pub(super) fn dump_text(&mut self, which: Dump) -> (&'static str, String) {
        let status = self.engine.status();
        let counts: Vec<Stats> = status
            .instances
            .iter()
            .enumerate()
            .map(|(at, it)| {
                let mut stats = self.count(it.vr, it.key);
                stats.become_master = it.times_active;
                stats.release_master = it.times_released;
                stats.pri_zero_rcvd = it.resignations_heard;
                // XDP counts what it refuses for all of them.
                if at == 0
                    && let Ok(counters) = self.tables.counters()
                {
                    stats.add_refused(&counters);
                }
                stats
            })
            .collect();
        let config = self.engine.config();
        let cleared = &self.counts.cleared;
        let snapshots: Vec<Snapshot<'_>> = status
            .instances
            .iter()
            .zip(&counts)
            .filter_map(|(status, stats)| {
                let config = config.instances.iter().find(|it| it.name == status.name)?;
                let then = cleared.get(&status.vr).copied().unwrap_or_default();
                Some(Snapshot {
                    config,
                    status,
                    stats: stats.since(&then),
                    last_transition_s: clock::as_wall_time_s(status.since),
                })
            })
            .collect();
        let (name, text) = match which {
            Dump::Data => ("data", dump::data(config, &status, &snapshots)),
            Dump::Stats | Dump::StatsClear => ("stats", dump::stats_text(&snapshots)),
            Dump::Json => ("json", dump::json(config, &status, &snapshots)),
        };
        if which == Dump::StatsClear {
            let now = status.instances.iter().map(|it| it.vr).zip(counts);
            self.counts.cleared = now.collect();
        }
        (name, text)
    }

    fn count(&mut self, vr: VrId, key: Option<(u32, u16, u8, u8, u8)>) -> Stats {
        let (sent, resigned) = self.transmit.adverts(vr);
        let mut stats = Stats {
            advert_sent: sent,
            pri_zero_sent: resigned,
            ..Stats::default()
        };
        if let Some((ifindex, vlan, vrid, family, cast)) = key {
            let key = VrKey {
                ifindex,
                vlan,
                vrid,
                family,
                cast,
                pad: [0; 3],
            };
            let peers = self.tables.peers_of(&key).unwrap_or_default();
            let received = self.counts.received.entry(vr).or_default();
            let peers = peers.into_iter();
            stats.advert_rcvd =
                received.update(peers.map(|(key, peer)| (key.source, peer.adverts)));
        }
        stats
    }
}

/// keepalived's own keyword, else our directory: one for each daemon, unless the
/// configuration names another.
fn path(global: &Global, instance: &Instance, name: &str) -> PathBuf {
    let dumps = &global.dumps;
    let chosen = match name {
        "data" => &dumps.data,
        "stats" => &dumps.stats,
        _ => &dumps.json,
    };
    let directory = dumps
        .directory
        .as_ref()
        .map_or_else(|| instance.dump_directory(), PathBuf::from);
    // Relative ones lie in the directory, as keepalived's lie in /tmp.
    let usual = format!("keepalived.{name}");
    let path = directory.join(chosen.as_ref().unwrap_or(&usual));
    if name == "data" && dumps.named {
        named(&path, global.net_namespace.as_deref(), instance.name())
    } else {
        path
    }
}

/// `data_use_instance`: `keepalived.NAMESPACE_INSTANCE.data`.
fn named(path: &Path, namespace: Option<&str>, instance: Option<&str>) -> PathBuf {
    let words: Vec<&str> = namespace.into_iter().chain(instance).collect();
    if words.is_empty() {
        return path.to_path_buf();
    }
    let part = |part: Option<&OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let mut name = format!("{}.{}", part(path.file_stem()), words.join("_"));
    if path.extension().is_some() {
        name = format!("{name}.{}", part(path.extension()));
    }
    path.with_file_name(name)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    dump::replace(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As keepalived 2.2.7 calls them.
    #[test]
    fn data_use_instance_is_in_the_name() {
        for (path, namespace, instance, want) in [
            ("/tmp/keepalived.data", None, None, "/tmp/keepalived.data"),
            (
                "/tmp/keepalived.data",
                None,
                Some("a"),
                "/tmp/keepalived.a.data",
            ),
            (
                "/tmp/keepalived.data",
                Some("n"),
                None,
                "/tmp/keepalived.n.data",
            ),
            ("/x/state", Some("n"), Some("a"), "/x/state.n_a"),
            ("/x/s.t.u", Some("n"), Some("a"), "/x/s.t.n_a.u"),
        ] {
            assert_eq!(named(Path::new(path), namespace, instance), Path::new(want));
        }
    }
}
