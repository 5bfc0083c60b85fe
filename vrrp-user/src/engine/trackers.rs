//! What is tracked: told to the shells, heard of from them, and what it changes.

use super::{
    Engine, Reason,
    action::{Action, Level},
};
use crate::{
    config::model::{Config, Instance, TrackerKind},
    time::Instant,
    tracking::{files::Content, probes::Answer, processes::Cause, scripts::ScriptResult},
};
use std::collections::BTreeSet;

impl Engine {
    /// Only what something tracks is looked at. `first`: the daemon starts.
    pub(super) fn configure_trackers(&mut self, config: &Config, first: bool, now: Instant) {
        let used: BTreeSet<(TrackerKind, &str)> = config
            .instances
            .iter()
            .flat_map(Instance::tracked)
            .map(|(kind, tracked)| (kind, tracked.name.as_str()))
            .collect();
        let scripts = config.scripts.iter();
        let scripts = scripts.filter(|it| used.contains(&(TrackerKind::Script, &*it.name)));
        let scripts = scripts.cloned().collect();
        for script in self.trackers.scripts.configure(scripts, now) {
            self.actions.push_back(Action::StopScript { script });
        }
        let probes = config.probes.iter();
        let probes = probes.filter(|it| used.contains(&(it.kind(), &*it.name)));
        let probes = probes.cloned().collect();
        for (kind, name) in self.trackers.probes.configure(probes, now) {
            self.actions.push_back(Action::StopProbe { kind, name });
        }
        let files = config.files.iter();
        let files = files.filter(|it| used.contains(&(TrackerKind::File, &*it.name)));
        let files: Vec<_> = files.cloned().collect();
        if self.trackers.files.configure(files.clone()) {
            self.actions.push_back(Action::WatchFiles { files, first });
        }
        let processes = config.processes.iter();
        let processes = processes.filter(|it| used.contains(&(TrackerKind::Process, &*it.name)));
        if self
            .trackers
            .processes
            .configure(processes.cloned().collect())
        {
            let patterns = self.trackers.processes.patterns();
            let patterns = patterns.map(|(name, pattern)| (name.to_owned(), pattern.clone()));
            self.actions
                .push_back(Action::WatchProcesses(patterns.collect()));
        }
    }

    /// What is due of it.
    pub(super) fn trackers_timeout(&mut self, now: Instant) {
        for script in self.trackers.scripts.start_due(now) {
            self.actions.push_back(Action::RunScript {
                user: script
                    .user
                    .or_else(|| self.config.global.script_user.clone()),
                script: script.name,
                command: script.command,
                timeout: script.timeout,
            });
        }
        for probe in self.trackers.probes.start_due(now) {
            self.actions.push_back(Action::Probe(probe));
        }
        for (name, line) in self.trackers.processes.turn_due(now) {
            self.log(Level::Info, line);
            self.tracked_changed(TrackerKind::Process, &name, now);
        }
    }

    /// When the next of it is due.
    pub(super) fn next_of_trackers(&self) -> Option<(Instant, Reason)> {
        let script = self.trackers.scripts.next_start();
        let script = script.map(|(at, name)| (at, Reason::Script(name.clone())));
        let probe = self.trackers.probes.next_start();
        let probe = probe.map(|(at, (_, name))| (at, Reason::Probe(name.clone())));
        let process = self.trackers.processes.next_turn();
        let process = process.map(|(at, name)| (at, Reason::Process(name.to_owned())));
        [script, probe, process].into_iter().flatten().min()
    }

    pub(super) fn script_done(&mut self, script: &str, result: ScriptResult, now: Instant) {
        let name = script.to_owned();
        if let Some(changed) = self.trackers.scripts.done(&name, result) {
            self.checked(TrackerKind::Script, &name, changed, now);
        }
    }

    pub(super) fn probed(&mut self, kind: TrackerKind, name: &str, answer: Answer, now: Instant) {
        let key = (kind, name.to_owned());
        if let Some(changed) = self.trackers.probes.done(&key, answer) {
            self.checked(kind, name, changed, now);
        }
    }

    fn checked(
        &mut self,
        kind: TrackerKind,
        name: &str,
        changed: crate::tracking::checks::Changed,
        now: Instant,
    ) {
        let level = if changed.turned {
            Level::Info
        } else {
            Level::Detail
        };
        self.log(level, changed.line);
        if changed.turned {
            self.tracked_changed(kind, name, now);
        }
    }

    pub(super) fn file_read(&mut self, name: &str, content: Content, now: Instant) {
        let Some(turned) = self.trackers.files.read(name, content) else {
            return;
        };
        let level = match (turned.odd, turned.changed) {
            (true, _) => Level::Warning,
            (false, true) => Level::Info,
            (false, false) => Level::Detail,
        };
        self.log(level, turned.line);
        if turned.changed {
            self.tracked_changed(TrackerKind::File, name, now);
        }
    }

    pub(super) fn processes_counted(&mut self, name: &str, count: u32, cause: Cause, now: Instant) {
        if let Some(line) = self.trackers.processes.counted(name, count, cause, now) {
            self.log(Level::Info, line);
            self.tracked_changed(TrackerKind::Process, name, now);
        }
    }

    fn tracked_changed(&mut self, kind: TrackerKind, name: &str, now: Instant) {
        self.reassess_where(now, |instance| instance.config.tracks(kind, name));
    }
}
