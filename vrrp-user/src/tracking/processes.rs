//! `vrrp_track_process`: whether there are enough processes, and not too many.

use super::effective::Standing;
use crate::{
    config::model::{Parameters, ProcessPattern, TrackProcess},
    time::Instant,
};
use core::time::Duration;
use std::collections::BTreeMap;

/// What brought a number of processes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// All were counted: since the last time they may have forked or exited.
    Count,
    /// One was forked.
    Fork,
    /// One became another program or took another name.
    Exec,
    /// One exited.
    Exit,
}

#[derive(Clone, Debug)]
struct Tracker {
    process: TrackProcess,
    count: Option<u32>,
    standing: Standing,
    /// The standing turns then, unless the number of processes goes back.
    turns_at: Option<Instant>,
}

impl Tracker {
    fn wanted(&self) -> Standing {
        let most = self.process.quorum_max.unwrap_or(u32::MAX);
        match self.count {
            None => Standing::Unknown,
            Some(count) if (self.process.quorum..=most).contains(&count) => Standing::Up,
            Some(_) => Standing::Down,
        }
    }

    /// A delay is only for what may be over at once: between a fork and what the
    /// child becomes, or between the end of a process and its successor.
    fn delay(&self, cause: Cause, wanted: Standing) -> Duration {
        match (cause, wanted) {
            (Cause::Fork, _) | (Cause::Count, Standing::Up) => self.process.fork_delay,
            (Cause::Exit | Cause::Count, _) => self.process.terminate_delay,
            (Cause::Exec, _) => Duration::ZERO,
        }
    }

    /// `true`: its standing turned.
    fn counted(&mut self, count: u32, cause: Cause, now: Instant) -> bool {
        let first = self.count.replace(count).is_none();
        let wanted = self.wanted();
        if wanted == self.standing {
            self.turns_at = None;
            return false;
        }
        let delay = if first {
            Duration::ZERO
        } else {
            self.delay(cause, wanted)
        };
        if delay.is_zero() {
            return self.turn();
        }
        self.turns_at.get_or_insert(now + delay);
        false
    }

    fn turn(&mut self) -> bool {
        let wanted = self.wanted();
        self.turns_at = None;
        core::mem::replace(&mut self.standing, wanted) != wanted
    }

    /// keepalived's words.
    fn line(&self) -> String {
        let what = match self.standing {
            Standing::Up => "gained",
            _ => "lost",
        };
        format!("Quorum {what} for tracked process {}", self.process.name)
    }
}

/// Whether a process counts: by the name in `/proc/PID/stat` and by the octets of
/// `/proc/PID/cmdline`, which need be known for `full_command` only.
#[must_use]
pub fn matches(pattern: &ProcessPattern, name: &[u8], command_line: &[u8]) -> bool {
    if !pattern.full_command {
        return name == pattern.command.as_bytes();
    }
    let line = command_line.strip_suffix(&[0]).unwrap_or(command_line);
    let mut words = line.split(|&octet| octet == 0);
    if words.next() != Some(pattern.command.as_bytes()) {
        return false;
    }
    let words: Vec<&[u8]> = words.collect();
    let is = |wanted: &[String]| {
        words.len() >= wanted.len() && wanted.iter().zip(&words).all(|(a, b)| a.as_bytes() == *b)
    };
    match &pattern.parameters {
        None => true,
        Some(Parameters::Exactly(wanted)) => words.len() == wanted.len() && is(wanted),
        Some(Parameters::StartWith(wanted)) => is(wanted),
        Some(Parameters::BeginWith(wanted)) => match wanted.split_last() {
            None => true,
            Some((last, before)) => {
                let word = words.get(before.len());
                is(before) && word.is_some_and(|word| word.starts_with(last.as_bytes()))
            }
        },
    }
}

/// Every process that something tracks.
#[derive(Clone, Debug, Default)]
pub struct Processes(BTreeMap<String, Tracker>);

impl Processes {
    /// Replaces what is configured; what counts the same processes keeps their number.
    /// `true`: others are to be counted than before.
    pub fn configure(&mut self, processes: Vec<TrackProcess>) -> bool {
        let mut old = core::mem::take(&mut self.0);
        let mut changed = false;
        for process in processes {
            let name = process.name.clone();
            let kept = old
                .remove(&name)
                .filter(|old| old.process.pattern == process.pattern);
            changed |= kept.is_none();
            let tracker = match kept {
                Some(kept) => {
                    let same = kept.process == process;
                    let mut tracker = Tracker { process, ..kept };
                    if !same {
                        // Another quorum says at once how it stands.
                        tracker.turn();
                    }
                    tracker
                }
                None => Tracker {
                    process,
                    count: None,
                    standing: Standing::Unknown,
                    turns_at: None,
                },
            };
            self.0.insert(name, tracker);
        }
        changed || !old.is_empty()
    }

    /// So many there are now. The line for the log, if that turned anything.
    pub fn counted(
        &mut self,
        name: &str,
        count: u32,
        cause: Cause,
        now: Instant,
    ) -> Option<String> {
        let it = self.0.get_mut(name)?;
        it.counted(count, cause, now).then(|| it.line())
    }

    /// Those whose delay is over: names, and lines for the log.
    pub fn turn_due(&mut self, now: Instant) -> Vec<(String, String)> {
        let mut turned = Vec::new();
        for (name, it) in &mut self.0 {
            if it.turns_at.is_some_and(|at| at <= now) && it.turn() {
                turned.push((name.clone(), it.line()));
            }
        }
        turned
    }

    /// The end of the next delay, and whose.
    #[must_use]
    pub fn next_turn(&self) -> Option<(Instant, &str)> {
        let turns = self.0.iter();
        let turns = turns.filter_map(|(name, it)| Some((it.turns_at?, name.as_str())));
        turns.min()
    }

    /// Its standing; what is not configured is down.
    #[must_use]
    pub fn standing(&self, name: &str) -> Standing {
        self.0.get(name).map_or(Standing::Down, |it| it.standing)
    }

    /// All, by name, with standing, number, and whether a delay is running.
    pub fn iter(&self) -> impl Iterator<Item = (&TrackProcess, Standing, Option<u32>, bool)> {
        self.0
            .values()
            .map(|it| (&it.process, it.standing, it.count, it.turns_at.is_some()))
    }

    /// What is to be counted, by name.
    pub fn patterns(&self) -> impl Iterator<Item = (&str, &ProcessPattern)> {
        self.0
            .iter()
            .map(|(name, it)| (name.as_str(), &it.process.pattern))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(quorum: u32, quorum_max: Option<u32>, fork_ms: u64, exit_ms: u64) -> TrackProcess {
        TrackProcess {
            name: "p".into(),
            pattern: ProcessPattern {
                command: "nginx".into(),
                full_command: false,
                parameters: None,
            },
            quorum,
            quorum_max,
            fork_delay: Duration::from_millis(fork_ms),
            terminate_delay: Duration::from_millis(exit_ms),
            weight: 0,
        }
    }

    fn at(ms: u64) -> Instant {
        Instant::from_ns(ms * 1_000_000)
    }

    fn letter(standing: Standing) -> char {
        match standing {
            Standing::Up => 'U',
            Standing::Down => 'D',
            Standing::Unknown => '?',
        }
    }

    #[test]
    fn which_processes_count() {
        type Parts = Option<fn(Vec<String>) -> Parameters>;
        // (command, full_command, how, parameters, name, command line, counts)
        type Row<'a> = (&'a str, bool, Parts, &'a [&'a str], &'a str, &'a str, bool);
        let any: Parts = None;
        let exactly: Parts = Some(Parameters::Exactly);
        let start: Parts = Some(Parameters::StartWith);
        let begin: Parts = Some(Parameters::BeginWith);
        let cases: [Row<'_>; 18] = [
            ("sshd", false, any, &[], "sshd", "", true),
            ("ssh", false, any, &[], "sshd", "", false),
            ("/bin/a", true, any, &[], "a", "/bin/a\0-x\0", true),
            ("a", true, any, &[], "a", "/bin/a\0-x\0", false),
            ("/bin/a b", true, any, &[], "a b", "/bin/a b\0", true),
            ("a", true, exactly, &[], "a", "a\0", true),
            ("a", true, exactly, &[], "a", "a\0-x\0", false),
            (
                "a",
                true,
                exactly,
                &["-x", "y z"],
                "a",
                "a\0-x\0y z\0",
                true,
            ),
            ("a", true, exactly, &["-x"], "a", "a\0-x\0y\0", false),
            ("a", true, exactly, &["-x"], "a", "a\0-xy\0", false),
            ("a", true, start, &["-x"], "a", "a\0-x\0y\0", true),
            ("a", true, start, &["-x"], "a", "a\0-xy\0", false),
            ("a", true, start, &["-x"], "a", "a\0", false),
            ("a", true, begin, &["-x"], "a", "a\0-xy\0z\0", true),
            ("a", true, begin, &["-x", "y"], "a", "a\0-xx\0y\0", false),
            ("a", true, begin, &[], "a", "a\0z\0", true),
            ("a", true, begin, &["-x"], "a", "a\0", false),
            // A kernel thread has none.
            ("a", true, any, &[], "a", "", false),
        ];
        for (command, full_command, how, parameters, name, line, want) in cases {
            let parameters = parameters.iter().map(|&it| it.to_owned()).collect();
            let pattern = ProcessPattern {
                command: command.into(),
                full_command,
                parameters: how.map(|how| how(parameters)),
            };
            let counts = matches(&pattern, name.as_bytes(), line.as_bytes());
            assert_eq!(counts, want, "{pattern:?} {name} {line:?}");
        }
    }

    #[test]
    fn quorum_and_delays() {
        use Cause::{Count, Exec, Exit, Fork};
        // (quorum, quorum_max, fork_delay, terminate_delay, (when in ms, number, why),
        //  standing after each)
        type Row<'a> = (u32, Option<u32>, u64, u64, &'a [(u64, u32, Cause)], &'a str);
        let cases: [Row<'_>; 10] = [
            (
                1,
                None,
                0,
                0,
                &[(0, 0, Count), (1, 1, Exec), (2, 0, Exit)],
                "DUD",
            ),
            (
                2,
                None,
                0,
                0,
                &[(0, 1, Count), (1, 2, Fork), (2, 3, Fork), (3, 1, Exit)],
                "DUUD",
            ),
            (
                1,
                Some(1),
                0,
                0,
                &[(0, 1, Count), (1, 2, Fork), (2, 1, Exit)],
                "UDU",
            ),
            (
                0,
                Some(0),
                0,
                0,
                &[(0, 0, Count), (1, 1, Exec), (2, 0, Exit)],
                "UDU",
            ),
            // A restart shorter than the delay goes unnoticed.
            (
                1,
                None,
                0,
                100,
                &[(0, 1, Count), (10, 0, Exit), (50, 1, Exec), (200, 1, Count)],
                "UUUU",
            ),
            (
                1,
                None,
                0,
                100,
                &[(0, 1, Count), (10, 0, Exit), (120, 0, Count)],
                "UUD",
            ),
            // A child that becomes something else.
            (
                1,
                Some(1),
                100,
                0,
                &[(0, 1, Count), (10, 2, Fork), (20, 1, Exec), (200, 1, Count)],
                "UUUU",
            ),
            // The first count and a program that starts are told at once.
            (1, None, 100, 100, &[(0, 1, Count)], "U"),
            (1, None, 100, 100, &[(0, 0, Count), (10, 1, Exec)], "DU"),
            // Counted again: what was gained may be a fork, what was lost an exit.
            (
                1,
                None,
                100,
                50,
                &[
                    (0, 0, Count),
                    (10, 1, Count),
                    (109, 1, Count),
                    (110, 1, Count),
                    (120, 0, Count),
                    (170, 0, Count),
                ],
                "DDDUUD",
            ),
        ];
        for (quorum, most, fork, exit, events, want) in cases {
            let mut processes = Processes::default();
            processes.configure(vec![process(quorum, most, fork, exit)]);
            assert_eq!(processes.standing("p"), Standing::Unknown);
            let mut seen = String::new();
            for &(ms, count, cause) in events {
                processes.turn_due(at(ms));
                processes.counted("p", count, cause, at(ms));
                seen.push(letter(processes.standing("p")));
            }
            assert_eq!(seen, want, "{quorum} {most:?} {fork} {exit} {events:?}");
        }
    }

    #[test]
    fn a_delay_has_its_deadline() {
        let mut processes = Processes::default();
        processes.configure(vec![process(1, None, 0, 100)]);
        let line = processes.counted("p", 1, Cause::Count, at(0));
        assert_eq!(line.as_deref(), Some("Quorum gained for tracked process p"));
        assert_eq!(processes.counted("p", 0, Cause::Exit, at(10)), None);
        assert_eq!(processes.next_turn(), Some((at(110), "p")));
        assert!(processes.turn_due(at(109)).is_empty());
        let line = "Quorum lost for tracked process p".to_owned();
        assert_eq!(processes.turn_due(at(110)), [("p".to_owned(), line)]);
        assert_eq!(processes.next_turn(), None);
    }

    #[test]
    fn a_reload_keeps_the_number_and_asks_the_new_quorum() {
        let mut processes = Processes::default();
        processes.configure(vec![process(1, None, 0, 0)]);
        processes.counted("p", 1, Cause::Count, at(0));
        assert!(!processes.configure(vec![process(1, None, 0, 0)]));
        assert_eq!(processes.standing("p"), Standing::Up);
        assert!(
            !processes.configure(vec![process(2, None, 0, 0)]),
            "the same processes"
        );
        assert_eq!(processes.standing("p"), Standing::Down);
        let mut other = process(1, None, 0, 0);
        other.pattern.command = "haproxy".into();
        assert!(processes.configure(vec![other]));
        assert_eq!(processes.standing("p"), Standing::Unknown);
    }
}
