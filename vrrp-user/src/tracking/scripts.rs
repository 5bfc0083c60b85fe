//! `vrrp_script`: what its results are, and what is said of them.

use super::checks::{Check, Checks};
use crate::config::model::Script;
use core::time::Duration;

/// Every script that something tracks.
pub type Scripts = Checks<Script>;

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

impl Check for Script {
    type Name = String;
    type Result = ScriptResult;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    fn rise(&self) -> u32 {
        self.rise
    }

    fn fall(&self) -> u32 {
        self.fall
    }

    fn init_fail(&self) -> bool {
        self.init_fail
    }

    fn same_subject(&self, other: &Self) -> bool {
        self.command == other.command && self.user == other.user
    }

    fn succeeded(result: &ScriptResult) -> bool {
        *result == ScriptResult::Exited(0)
    }

    fn line(&self, result: &ScriptResult) -> String {
        let name = &self.name;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::model::CommandLine, time::Instant, tracking::effective::Standing};

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
            scripts.done(&"chk".into(), result);
            seen.push(match scripts.standing(&"chk".into()) {
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
        let changed = scripts.done(
            &"chk".into(),
            ScriptResult::CannotRun("/x is missing".into()),
        );
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
        assert_eq!(scripts.next_start(), Some((at(6), &"chk".to_owned())));
        scripts.done(&"chk".into(), ScriptResult::Exited(0));
        assert_eq!(scripts.start_due(at(6)).len(), 1);
    }

    #[test]
    fn reload_keeps_the_standing_by_name() {
        let mut scripts = Scripts::default();
        scripts.configure(vec![script(1, 1, false)], at(0));
        scripts.start_due(at(0));
        scripts.done(&"chk".into(), ScriptResult::Exited(0));
        assert!(
            scripts
                .configure(vec![script(1, 5, false)], at(1))
                .is_empty()
        );
        assert_eq!(scripts.standing(&"chk".into()), Standing::Up);
        // keepalived: "considered successful on reload", whatever is run from then on.
        let mut other = script(1, 2, false);
        other.command = CommandLine::Argv(vec!["/bin/false".into()]);
        scripts.configure(vec![other], at(1));
        assert_eq!(scripts.standing(&"chk".into()), Standing::Up);
        assert_eq!(scripts.start_due(at(1)).len(), 1, "at once");
        let first = scripts.done(&"chk".into(), ScriptResult::Exited(1));
        let first = first.expect("news");
        assert_eq!((first.standing, first.turned), (Standing::Up, false));
        scripts.start_due(at(3));
        assert_eq!(
            scripts.configure(Vec::new(), at(2)),
            ["chk"],
            "its run is stopped"
        );
        assert_eq!(scripts.done(&"chk".into(), ScriptResult::Exited(1)), None);
        assert_eq!(scripts.standing(&"chk".into()), Standing::Down);
    }
}
