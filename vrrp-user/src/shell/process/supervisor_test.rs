//! The daemon's side with a real runner: this test executable, started again.
#![allow(clippy::disallowed_methods, reason = "these tests live in real time")]

use super::{
    Finished, Runner, RunnerHandle, Settings,
    group_test::{Place, argv, shell, user},
};
use crate::{config::model::CommandLine, engine::input::ScriptResult};
use nix::sys::signal::{Signal, kill};
use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

const AS_RUNNER: &str = "XVRRP_TEST_AS_RUNNER";

/// No test of its own: what the others start as the runner.
#[test]
fn runner_process() {
    if std::env::var_os(AS_RUNNER).is_some() {
        super::runner_main();
        std::process::exit(0);
    }
}

fn spawn() -> (RunnerHandle, mpsc::Receiver<Finished>) {
    let mut command = Command::new("/proc/self/exe");
    command.args([
        "--exact",
        "shell::process::supervisor_test::runner_process",
        "--nocapture",
    ]);
    command.env(AS_RUNNER, "1");
    Runner::start_as(command).expect("the runner").serve()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

async fn next(results: &mut mpsc::Receiver<Finished>) -> Finished {
    tokio::time::timeout(Duration::from_secs(20), results.recv())
        .await
        .expect("a result in time")
        .expect("the supervisor lives")
}

fn check(handle: &RunnerHandle, name: &str, command: CommandLine, timeout_ms: u64) {
    handle.run_script(
        name.into(),
        command,
        None,
        Duration::from_millis(timeout_ms),
    );
}

async fn result_of(results: &mut mpsc::Receiver<Finished>, name: &str) -> ScriptResult {
    match next(results).await {
        Finished::Check { script, result, .. } if script == name => result,
        other => panic!("not {name}: {other:?}"),
    }
}

#[test]
fn checks_come_back_by_name() {
    block_on(async {
        let (handle, mut results) = spawn();
        check(&handle, "good", shell("exit 0"), 5000);
        assert_eq!(
            result_of(&mut results, "good").await,
            ScriptResult::Exited(0)
        );
        check(&handle, "bad", shell("exit 7"), 5000);
        assert_eq!(
            result_of(&mut results, "bad").await,
            ScriptResult::Exited(7)
        );
        check(&handle, "gone", argv(&["/no/such/thing"]), 5000);
        let ScriptResult::CannotRun(why) = result_of(&mut results, "gone").await else {
            panic!("it ran");
        };
        assert_eq!(why, "/no does not exist");
        let start = Instant::now();
        check(&handle, "slow", argv(&["sleep", "60"]), 200);
        assert_eq!(
            result_of(&mut results, "slow").await,
            ScriptResult::TimedOut
        );
        let took = start.elapsed();
        assert!(
            took >= Duration::from_millis(200) && took < Duration::from_secs(2),
            "{took:?}"
        );
        // A stopped run says nothing; the same name may run again at once.
        check(&handle, "again", argv(&["sleep", "60"]), 60_000);
        handle.stop_script("again");
        check(&handle, "again", shell("exit 5"), 5000);
        assert_eq!(
            result_of(&mut results, "again").await,
            ScriptResult::Exited(5)
        );
    });
}

#[test]
fn settings_apply_to_what_follows() {
    let place = Place::new("settings");
    let loose = place.script("loose.sh", 0o777, "#!/bin/sh\nid -un\n");
    block_on(async {
        let (handle, mut results) = spawn();
        handle.configure(Settings {
            script_user: Some(user("root")),
            script_security: true,
            supplementary_groups: false,
        });
        check(&handle, "loose", argv(&[&loose]), 5000);
        assert!(matches!(
            result_of(&mut results, "loose").await,
            ScriptResult::CannotRun(_)
        ));
        handle.configure(Settings {
            script_user: Some(user("nobody")),
            script_security: true,
            supplementary_groups: false,
        });
        check(&handle, "loose", argv(&[&loose]), 5000);
        match next(&mut results).await {
            Finished::Check {
                result: ScriptResult::Exited(0),
                output,
                ..
            } => {
                assert_eq!(output.as_deref(), Some("nobody"));
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn notify_scripts_keep_their_order_and_hold_up_no_check() {
    let place = Place::new("notify");
    let log = place.path("log");
    let write = |text: &str, after_s: &str| {
        shell(&format!(
            "sleep {after_s}; echo \"{text} $1\" >> {}; true",
            log.display()
        ))
    };
    block_on(async {
        let (handle, mut results) = spawn();
        // Earlier ones take longer: without the order they would overtake each other.
        for (n, after_s) in ["0.4", "0.2", "0.1", "0"].iter().enumerate() {
            handle.notify("VI_1", write(&n.to_string(), after_s), vec![], None);
        }
        handle.notify("VI_2", write("other", "0"), vec![], None);
        let start = Instant::now();
        check(&handle, "check", shell("exit 0"), 5000);
        assert_eq!(
            result_of(&mut results, "check").await,
            ScriptResult::Exited(0)
        );
        assert!(
            start.elapsed() < Duration::from_millis(400),
            "{:?}",
            start.elapsed()
        );
        assert!(
            !handle.drained(Duration::from_millis(10)).await,
            "they take longer than that"
        );
        assert!(handle.drained(Duration::from_secs(10)).await);
        let log = fs::read_to_string(&log).expect("they ran");
        let lines: Vec<&str> = log.lines().map(str::trim).collect();
        assert_eq!(lines[0], "other", "queues do not wait for each other");
        assert_eq!(lines[1..], ["0", "1", "2", "3"]);
        handle.notify("VI_1", argv(&["/no/such/notify"]), vec![], None);
        let failed = Finished::NotifyFailed {
            what: "notify script /no/such/notify".into(),
            why: "/no does not exist".into(),
        };
        assert_eq!(next(&mut results).await, failed);
    });
}

#[test]
fn notify_scripts_get_keepaliveds_arguments() {
    let place = Place::new("arguments");
    let log = place.path("log");
    let text = format!("#!/bin/sh\necho \"$@\" > {}\n", log.display());
    let script = place.script("notify.sh", 0o755, &text);
    block_on(async {
        let (handle, _results) = spawn();
        let arguments = ["INSTANCE", "VI_1", "MASTER", "100"]
            .map(str::to_owned)
            .to_vec();
        handle.notify("VI_1", argv(&[&script, "mine"]), arguments, None);
        assert!(handle.drained(Duration::from_secs(10)).await);
        assert_eq!(
            fs::read_to_string(&log).expect("it ran"),
            "mine INSTANCE VI_1 MASTER 100\n"
        );
    });
}

#[test]
fn a_runner_that_dies_is_replaced_and_nothing_is_forgotten() {
    let place = Place::new("dies");
    let (pid_file, log) = (place.path("pid"), place.path("log"));
    block_on(async {
        let (handle, mut results) = spawn();
        let line = format!("echo $$ $PPID > {}; exec sleep 61", pid_file.display());
        check(&handle, "long", shell(&line), 60_000);
        let write = |text: &str| shell(&format!("echo {text} >> {}", log.display()));
        handle.notify("VI_1", shell("sleep 62"), vec![], None);
        handle.notify("VI_1", write("second"), vec![], None);
        let pids = loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let text = fs::read_to_string(&pid_file).unwrap_or_default();
            if text.ends_with('\n') {
                break text;
            }
        };
        // Let the notify script's start be known as well.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (script, runner) = pids.trim().split_once(' ').expect("two pids");
        let runner = nix::unistd::Pid::from_raw(runner.parse().expect("a pid"));
        kill(runner, Signal::SIGKILL).expect("kill");
        let ScriptResult::CannotRun(why) = result_of(&mut results, "long").await else {
            panic!("it ended");
        };
        assert!(why.contains("script runner ended"), "{why}");
        match next(&mut results).await {
            Finished::NotifyFailed { what, why } => {
                assert!(
                    what.contains("sleep 62") && why.contains("while it ran"),
                    "{what}: {why}"
                );
            }
            other @ Finished::Check { .. } => panic!("{other:?}"),
        }
        assert!(handle.drained(Duration::from_secs(20)).await);
        assert_eq!(
            fs::read_to_string(&log).expect("the next one ran"),
            "second\n"
        );
        check(&handle, "check", shell("exit 4"), 5000);
        assert_eq!(
            result_of(&mut results, "check").await,
            ScriptResult::Exited(4)
        );
        let stat = fs::read_to_string(format!("/proc/{script}/stat")).unwrap_or_default();
        assert!(
            stat.is_empty() || stat.contains(") Z "),
            "its script lives on: {stat}"
        );
    });
}

#[test]
fn the_runner_goes_with_the_daemon_and_takes_its_groups_along() {
    let place = Place::new("goes");
    let pid_file = place.path("pid");
    block_on(async {
        let (handle, results) = spawn();
        let line = format!("echo $$ $PPID > {}; exec sleep 63", pid_file.display());
        check(&handle, "long", shell(&line), 60_000);
        while !fs::read_to_string(&pid_file)
            .unwrap_or_default()
            .ends_with('\n')
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        drop((handle, results));
        let pids = fs::read_to_string(&pid_file).expect("pids");
        for pid in pids.split_whitespace() {
            let mut tries = 0;
            while fs::read_to_string(format!("/proc/{pid}/stat"))
                .is_ok_and(|stat| !stat.contains(") Z "))
            {
                tries += 1;
                assert!(tries < 100, "process {pid} is still there");
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        }
    });
}

#[test]
fn the_runner_ignores_signals_meant_for_the_daemon() {
    let place = Place::new("signals");
    let pid_file = place.path("pid");
    block_on(async {
        let (handle, mut results) = spawn();
        check(
            &handle,
            "pid",
            shell(&format!("echo $PPID > {}", pid_file.display())),
            5000,
        );
        assert_eq!(
            result_of(&mut results, "pid").await,
            ScriptResult::Exited(0)
        );
        let runner = fs::read_to_string(&pid_file).expect("its pid");
        let runner = nix::unistd::Pid::from_raw(runner.trim().parse().expect("a pid"));
        for signal in [
            Signal::SIGTERM,
            Signal::SIGINT,
            Signal::SIGHUP,
            Signal::SIGUSR1,
        ] {
            kill(runner, signal).expect("kill");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let same = format!("test $PPID = {runner}");
        check(&handle, "same", shell(&same), 5000);
        assert_eq!(
            result_of(&mut results, "same").await,
            ScriptResult::Exited(0)
        );
    });
}

async fn lines_of(path: &std::path::Path, wanted: usize) -> Vec<String> {
    for _ in 0..1500 {
        let text = fs::read_to_string(path).unwrap_or_default();
        if text.lines().count() >= wanted {
            return text.lines().map(str::to_owned).collect();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{wanted} lines in {}", path.display());
}

/// One that ends is started again, after a pause; one that is replaced or no longer
/// wanted is terminated; at the end it is waited for, and not started again.
#[test]
fn services_run_as_long_as_they_are_wanted() {
    let place = Place::new("service");
    let log = place.path("log");
    let say = |text: &str| shell(&format!("echo {text} $1 $$ >> {}; true", log.display()));
    let stay = |text: &str| {
        shell(&format!(
            "echo {text} $1 $$ >> {}; set --; exec sleep 64",
            log.display()
        ))
    };
    let words = |line: &str| -> Vec<String> { line.split(' ').map(str::to_owned).collect() };
    block_on(async {
        let (handle, _results) = spawn();
        let start = Instant::now();
        handle.start_service("/f", say("short"), vec!["/f".into()], None);
        let lines = lines_of(&log, 2).await;
        assert!(
            start.elapsed() >= Duration::from_secs(5),
            "{:?}",
            start.elapsed()
        );
        assert!(
            lines.iter().all(|line| line.starts_with("short /f ")),
            "{lines:?}"
        );
        handle.start_service("/f", stay("one"), vec!["/f".into()], None);
        let one = words(&lines_of(&log, 3).await[2]);
        handle.start_service("/f", stay("two"), vec!["/f".into()], None);
        let two = words(&lines_of(&log, 4).await[3]);
        assert_eq!((&*one[0], &*two[0]), ("one", "two"));
        let gone = |pid: &str| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        for _ in 0..200 {
            if gone(&one[2]) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(gone(&one[2]) && !gone(&two[2]));
        assert!(!handle.services_ended(Duration::from_millis(50)).await);
        let pid = nix::unistd::Pid::from_raw(two[2].parse().expect("a pid"));
        kill(pid, Signal::SIGKILL).expect("kill");
        assert!(handle.services_ended(Duration::from_secs(5)).await);
        assert_eq!(lines_of(&log, 4).await.len(), 4);
    });
}

/// The runner's end is no reason for a service to stay away, nor for a single run to
/// be waited for for ever.
#[test]
fn services_come_back_with_the_runner() {
    let place = Place::new("service-dies");
    let log = place.path("log");
    let stay = shell(&format!(
        "echo $$ $PPID >> {}; exec sleep 65",
        log.display()
    ));
    block_on(async {
        let (handle, _results) = spawn();
        handle.start_service("/f", stay, vec![], None);
        let first = lines_of(&log, 1).await;
        let runner = first[0].split(' ').nth(1).expect("two pids");
        let runner = nix::unistd::Pid::from_raw(runner.parse().expect("a pid"));
        let once = handle.run_once(argv(&["sleep", "66"]), None, Duration::from_mins(1));
        let killed = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            kill(runner, Signal::SIGKILL).expect("kill");
        };
        let (once, ()) = tokio::join!(once, killed);
        assert!(once.expect_err("it ended").contains("runner ended"));
        let lines = lines_of(&log, 2).await;
        assert_ne!(lines[0], lines[1]);
        for (command, timeout_ms, want) in [
            (argv(&["true"]), 5000, Ok(())),
            (argv(&["sleep", "67"]), 200, Err("timed out")),
            (shell("exit 3"), 5000, Err("exited with status 3")),
            (argv(&["/no/such"]), 5000, Err("/no does not exist")),
        ] {
            let timeout = Duration::from_millis(timeout_ms);
            let found = handle.run_once(command, None, timeout).await;
            assert_eq!(found, want.map_err(str::to_owned));
        }
    });
}
