//! `vrrp_script`: what runs when, and what its results make of it.

use super::effective::Standing;
use crate::{config::model::Script, time::Instant};
use std::collections::BTreeMap;

/// How a script run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScriptResult {
    /// It exited.
    Exited(i32),
    /// A signal ended it.
    Signaled(i32),
    /// It was terminated at its timeout.
    TimedOut,
    /// It never ran. A failure, with the reason an operator can act on.
    CannotRun(String),
}

/// What a result changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Its standing now.
    pub standing: Standing,
    /// keepalived's line for it.
    pub line: String,
    /// A change of standing, or the first that results brought about.
    pub turned: bool,
}

/// One script.
#[derive(Clone, Debug)]
pub struct Tracker {
    script: Script,
    standing: Standing,
    /// Results in a row against the standing.
    against: u32,
    /// The standing follows from results, not from how it began.
    settled: bool,
    running: bool,
    next: Instant,
    last: Option<ScriptResult>,
}

impl Tracker {
    fn new(script: Script, now: Instant) -> Self {
        let standing = if script.init_fail {
            Standing::Down
        } else {
            Standing::Unknown
        };
        Self {
            script,
            standing,
            against: 0,
            settled: false,
            running: false,
            next: now,
            last: None,
        }
    }

    /// Its configuration.
    #[must_use]
    pub const fn script(&self) -> &Script {
        &self.script
    }

    /// Up, down, or not known yet.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// How it last ended.
    #[must_use]
    pub const fn last(&self) -> Option<&ScriptResult> {
        self.last.as_ref()
    }

    /// One success is enough at start, and the first failure acts at once
    /// whatever `fall` says; with `init_fail` `rise` counts from the start.
    fn result(&mut self, result: ScriptResult) -> Option<Changed> {
        self.running = false;
        let succeeded = result == ScriptResult::Exited(0);
        let line = self.line(&result);
        let news = self.last.as_ref() != Some(&result);
        self.last = Some(result);
        let agrees = match self.standing {
            Standing::Unknown => false,
            Standing::Up => succeeded,
            Standing::Down => !succeeded,
        };
        if agrees {
            self.against = 0;
            let settles = !core::mem::replace(&mut self.settled, true);
            return news.then_some(Changed {
                standing: self.standing,
                line,
                turned: settles,
            });
        }
        self.against += 1;
        let needed = match self.standing {
            Standing::Unknown => 1,
            Standing::Up => self.script.fall,
            Standing::Down => self.script.rise,
        };
        let turned = self.against >= needed.max(1);
        if turned {
            self.settled = true;
            self.against = 0;
            self.standing = if succeeded {
                Standing::Up
            } else {
                Standing::Down
            };
        }
        (turned || news).then_some(Changed {
            standing: self.standing,
            line,
            turned,
        })
    }

    fn line(&self, result: &ScriptResult) -> String {
        let name = &self.script.name;
        match result {
            ScriptResult::Exited(0) => format!("VRRP_Script({name}) succeeded"),
            ScriptResult::Exited(status) => {
                format!("VRRP_Script({name}) failed (exited with status {status})")
            }
            ScriptResult::Signaled(signal) => {
                format!("VRRP_Script({name}) failed (due to signal {signal})")
            }
            ScriptResult::TimedOut => format!("VRRP_Script({name}) timed_out"),
            ScriptResult::CannotRun(why) => {
                format!("VRRP_Script({name}) failed (cannot run: {why})")
            }
        }
    }
}

/// Every script that something tracks.
#[derive(Clone, Debug, Default)]
pub struct Scripts {
    trackers: BTreeMap<String, Tracker>,
}

impl Scripts {
    /// Replaces the configured scripts. Unchanged ones keep their standing.
    /// Returns the names of those removed or changed whose run is to be stopped.
    pub fn configure(&mut self, scripts: Vec<Script>, now: Instant) -> Vec<String> {
        let mut old = core::mem::take(&mut self.trackers);
        let mut stop = Vec::new();
        for script in scripts {
            let name = script.name.clone();
            let tracker = match old.remove(&name) {
                Some(kept) if kept.script == script => kept,
                Some(changed) => {
                    if changed.running {
                        stop.push(name.clone());
                    }
                    // Another threshold is no other script: it keeps its standing.
                    let same_check = changed.script.command == script.command
                        && changed.script.user == script.user;
                    let mut tracker = Tracker::new(script, now);
                    if same_check {
                        tracker.standing = changed.standing;
                        tracker.last = changed.last;
                    }
                    tracker
                }
                None => Tracker::new(script, now),
            };
            self.trackers.insert(name, tracker);
        }
        stop.extend(
            old.into_values()
                .filter(|gone| gone.running)
                .map(|gone| gone.script.name),
        );
        stop
    }

    /// A run ended. Results of scripts no longer configured mean nothing.
    pub fn done(&mut self, name: &str, result: ScriptResult) -> Option<Changed> {
        self.trackers
            .get_mut(name)
            .filter(|tracker| tracker.running)?
            .result(result)
    }

    /// Those to be started now; a run that is still going is not doubled.
    pub fn start_due(&mut self, now: Instant) -> Vec<Script> {
        let mut due = Vec::new();
        for tracker in self
            .trackers
            .values_mut()
            .filter(|tracker| tracker.next <= now)
        {
            let interval = tracker
                .script
                .interval
                .max(core::time::Duration::from_millis(1));
            let missed = now.since(tracker.next).as_nanos() / interval.as_nanos();
            tracker.next = tracker.next + interval * u32::try_from(missed + 1).unwrap_or(u32::MAX);
            if !tracker.running {
                tracker.running = true;
                due.push(tracker.script.clone());
            }
        }
        due
    }

    /// When the next one is to start, and which.
    #[must_use]
    pub fn next_start(&self) -> Option<(Instant, &str)> {
        self.trackers
            .values()
            .map(|tracker| (tracker.next, &*tracker.script.name))
            .min()
    }

    /// Standing of a script; one that is not configured is down.
    #[must_use]
    pub fn standing(&self, name: &str) -> Standing {
        self.trackers
            .get(name)
            .map_or(Standing::Down, Tracker::standing)
    }

    /// Results have said how it stands; of one that is not configured there are none.
    #[must_use]
    pub fn is_settled(&self, name: &str) -> bool {
        self.trackers
            .get(name)
            .is_none_or(|tracker| tracker.settled)
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Tracker> {
        self.trackers.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::CommandLine;
    use core::time::Duration;

    fn script(rise: u32, fall: u32, init_fail: bool) -> Script {
        Script {
            name: "chk".into(),
            command: CommandLine::Argv(vec!["/bin/true".into()]),
            interval: Duration::from_secs(2),
            timeout: Duration::from_secs(2),
            weight: 0,
            rise,
            fall,
            init_fail,
            user: None,
        }
    }

    fn at(s: u64) -> Instant {
        Instant::from_ns(s * 1_000_000_000)
    }

    /// Runs results through a fresh script; `+` success, `-` failure; gives standings as U ? D.
    fn standings(script: Script, results: &str) -> String {
        let mut scripts = Scripts::default();
        scripts.configure(vec![script], at(0));
        let mut now = at(0);
        let mut seen = String::new();
        for result in results.chars() {
            assert_eq!(scripts.start_due(now).len(), 1);
            now = now + Duration::from_secs(2);
            let result = ScriptResult::Exited(i32::from(result == '-'));
            scripts.done("chk", result);
            seen.push(match scripts.standing("chk") {
                Standing::Up => 'U',
                Standing::Down => 'D',
                Standing::Unknown => '?',
            });
        }
        seen
    }

    #[test]
    fn rise_fall_and_the_first_result() {
        // (rise, fall, init_fail, results, standings)
        let cases = [
            (1, 1, false, "+-+", "UDU"),
            (3, 3, false, "+--+---", "UUUUUUD"),
            (3, 3, false, "-++-+++", "DDDDDDU"),
            (2, 2, true, "+-++", "DDDU"),
            (1, 3, true, "+", "U"),
        ];
        for (rise, fall, init_fail, results, want) in cases {
            assert_eq!(
                standings(script(rise, fall, init_fail), results),
                want,
                "{results}"
            );
        }
    }

    #[test]
    fn a_script_that_cannot_run_is_a_failure_with_its_reason() {
        let mut scripts = Scripts::default();
        scripts.configure(vec![script(1, 3, false)], at(0));
        scripts.start_due(at(0));
        let changed = scripts.done("chk", ScriptResult::CannotRun("/x is missing".into()));
        let changed = changed.expect("news");
        assert_eq!(changed.standing, Standing::Down);
        assert_eq!(
            changed.line,
            "VRRP_Script(chk) failed (cannot run: /x is missing)"
        );
    }

    #[test]
    fn a_run_is_never_doubled_and_the_schedule_never_drifts() {
        let mut scripts = Scripts::default();
        scripts.configure(vec![script(1, 1, false)], at(0));
        assert_eq!(scripts.start_due(at(0)).len(), 1);
        assert_eq!(scripts.start_due(at(5)).len(), 0, "still running");
        assert_eq!(scripts.next_start(), Some((at(6), "chk")));
        scripts.done("chk", ScriptResult::Exited(0));
        assert_eq!(scripts.start_due(at(6)).len(), 1);
    }

    #[test]
    fn reload_keeps_the_standing_of_what_did_not_change() {
        let mut scripts = Scripts::default();
        scripts.configure(vec![script(1, 1, false)], at(0));
        scripts.start_due(at(0));
        scripts.done("chk", ScriptResult::Exited(0));
        assert!(
            scripts
                .configure(vec![script(1, 5, false)], at(1))
                .is_empty()
        );
        assert_eq!(scripts.standing("chk"), Standing::Up);
        scripts.start_due(at(1));
        assert_eq!(
            scripts.configure(Vec::new(), at(2)),
            ["chk"],
            "its run is stopped"
        );
        assert_eq!(scripts.done("chk", ScriptResult::Exited(1)), None);
        assert_eq!(scripts.standing("chk"), Standing::Down);
    }
}
