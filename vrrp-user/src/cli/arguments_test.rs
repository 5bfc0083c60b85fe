use super::Reading;
use super::arguments::{Asked, Command, RunOptions, StopOptions, Target, parse};
use crate::shell::{bpf::Diagnostics, log};
use std::{ffi::OsString, path::PathBuf};

fn words(line: &str) -> Command {
    parse(
        std::iter::once("xvrrpd")
            .chain(line.split_whitespace())
            .map(OsString::from),
    )
}

fn options(line: &str) -> RunOptions {
    match words(line) {
        Command::Run(options) => options,
        other => panic!("{line}: {other:?}"),
    }
}

fn log(console: bool, syslog: Option<u8>, detail: bool) -> log::Options {
    log::Options {
        console,
        syslog,
        file: None,
        detail,
    }
}

#[test]
fn the_programs_log_only_where_asked() {
    for line in ["", "run", "-D -l"] {
        assert_eq!(options(line).diagnostics, Diagnostics::Off, "{line}");
    }
    for line in ["--bpf-log", "-n --bpf-log", "run --bpf-log", "--bpf"] {
        assert_eq!(options(line).diagnostics, Diagnostics::On, "{line}");
    }
}

#[test]
fn keepaliveds_command_lines_mean_the_same() {
    let daemon = options("");
    assert_eq!(
        daemon.config_file,
        PathBuf::from("/etc/keepalived/keepalived.conf")
    );
    assert!(!daemon.foreground && daemon.notes.is_empty());
    assert_eq!(daemon.log, log(false, Some(3), false));

    let found =
        options("-n -l -D -d -P -f /tmp/k.conf -p /run/k.pid -r /run/v.pid -i node1 -s blue");
    assert_eq!(found.config_file, PathBuf::from("/tmp/k.conf"));
    assert_eq!(
        found.pid_files,
        [PathBuf::from("/run/k.pid"), PathBuf::from("/run/v.pid")]
    );
    assert_eq!(found.reading.config_id.as_deref(), Some("node1"));
    assert_eq!(found.namespace.as_deref(), Some("blue"));
    assert!(found.foreground && found.dump_config);
    assert_eq!(found.log, log(true, None, true));
    assert!(found.notes.is_empty(), "{:?}", found.notes);

    let long = "--dont-fork --log-console --log-detail --dump-conf --vrrp --use-file=/tmp/k.conf \
                --pid=/run/k.pid --vrrp_pid=/run/v.pid --config-id node1 --namespace=blue";
    assert_eq!(options(long), found);
    assert_eq!(
        options("-nlDdP -f/tmp/k.conf -p/run/k.pid -r /run/v.pid -inode1 -sblue"),
        found
    );
    // getopt takes any beginning that is not ambiguous.
    assert!(options("--dont-f").foreground);
}

#[test]
fn every_included_file_may_be_insisted_on() {
    assert!(!options("-n").reading.strict_includes);
    assert!(options("-e").reading.strict_includes);
    assert!(options("run --all-config").reading.strict_includes);
    for line in ["-t -e", "check -e /tmp/k"] {
        let Command::Check { reading, .. } = words(line) else {
            panic!("{line}");
        };
        assert!(reading.strict_includes, "{line}");
    }
}

#[test]
fn logs_go_where_somebody_reads_them() {
    let cases = [
        ("", log(false, Some(3), false)),
        ("-l", log(true, Some(3), false)),
        ("-S 2", log(false, Some(18), false)),
        ("-S local2", log(false, Some(18), false)),
        ("-S user", log(false, Some(1), false)),
        ("-G", log(false, None, false)),
        ("-n", log(true, None, false)),
        ("-n -D", log(true, None, true)),
        ("-n -S daemon", log(false, Some(3), false)),
        ("-n -l -S daemon", log(true, Some(3), false)),
        ("run -D", log(true, None, true)),
    ];
    for (line, expected) in cases {
        assert_eq!(options(line).log, expected, "{line}");
    }
    for (line, file) in [
        ("-n", None),
        ("-g /tmp/log", Some("/tmp/log")),
        ("-g/tmp/log", Some("/tmp/log")),
        ("--log-file=/tmp/log --flush-log-file", Some("/tmp/log")),
        ("-g -n", Some("/tmp/keepalived.log")),
        ("-n --log-file", Some("/tmp/keepalived.log")),
    ] {
        assert_eq!(options(line).log.file, file.map(PathBuf::from), "{line}");
    }
}

#[test]
fn options_without_effect_say_so() {
    for (line, expected) in [
        ("-x", "SNMP"),
        ("-A /x", "SNMP"),
        ("-c /x", "-c"),
        ("-b /x", "-b"),
        ("-V", "-V"),
        ("-I", "IPVS"),
        ("-R", "-R"),
        ("-a", "-a"),
        ("-M=core", "-M"),
        ("--all", "--all"),
        ("--ignore-sigint", "INT"),
        ("--no-mem-check", "memory"),
        ("-L", "memory"),
    ] {
        let notes = options(line).notes;
        assert!(
            notes.len() == 1 && notes[0].contains(expected),
            "{line}: {notes:?}"
        );
    }
    for line in ["-B", "-X", "-P", "-P -C", "-m"] {
        assert_eq!(options(line).notes, Vec::<String>::new(), "{line}");
    }
    assert!(options("-m").core_dump);
}

#[test]
fn what_cannot_be_done_is_refused() {
    for (line, expected) in [
        ("-C", "health checkers"),
        ("-T", "genhash"),
        ("-S 8", "local0-local7"),
        ("-u 99x", "mask"),
        ("-Z", "unexpected argument"),
        ("-f", "value"),
        ("nonsense", "unrecognized"),
        ("status -n", "unexpected argument"),
        ("--signum=HOP", "no signal for HOP"),
    ] {
        match words(line) {
            Command::Told(text, code) => {
                assert!(
                    code != 0 && text.contains(expected),
                    "{line}: {code} {text}"
                );
            }
            other => panic!("{line}: {other:?}"),
        }
    }
}

#[test]
fn masks_are_read_as_keepalived_reads_them() {
    for (text, expected) in [("022", 0o22), ("0x12", 0x12), ("18", 18), ("0", 0)] {
        assert_eq!(
            options(&format!("-u {text}")).umask,
            Some(expected),
            "{text}"
        );
    }
}

#[test]
fn commands() {
    let check = |file: &str, id: Option<&str>, log: Option<&str>| Command::Check {
        file: file.into(),
        reading: Reading {
            config_id: id.map(str::to_owned),
            strict_includes: false,
        },
        log: log.map(PathBuf::from),
    };
    let default = "/etc/keepalived/keepalived.conf";
    let target = |namespace: Option<&str>, instance: Option<&str>| Target {
        namespace: namespace.map(str::to_owned),
        instance: instance.map(str::to_owned),
    };
    for (line, expected) in [
        ("check /tmp/k", check("/tmp/k", None, None)),
        ("check", check(default, None, None)),
        ("check -i a /tmp/k", check("/tmp/k", Some("a"), None)),
        ("-t -f /tmp/k", check("/tmp/k", None, None)),
        ("-t", check(default, None, None)),
        (
            "-f /tmp/k --config-test=/tmp/log -i a",
            check("/tmp/k", Some("a"), Some("/tmp/log")),
        ),
        (
            "status",
            Command::Ask(Asked::Status { json: false }, target(None, None)),
        ),
        (
            "status --json -s blue --instance two",
            Command::Ask(
                Asked::Status { json: true },
                target(Some("blue"), Some("two")),
            ),
        ),
        ("reload", Command::Ask(Asked::Reload, target(None, None))),
        (
            "handover VI_1 --force -s blue",
            Command::Ask(
                Asked::Handover {
                    name: "VI_1".into(),
                    force: true,
                },
                target(Some("blue"), None),
            ),
        ),
        (
            "handover --release VI_1",
            Command::Ask(
                Asked::Release {
                    name: "VI_1".into(),
                },
                target(None, None),
            ),
        ),
        (
            "maintenance on --force",
            Command::Ask(
                Asked::Maintenance {
                    on: true,
                    force: true,
                },
                target(None, None),
            ),
        ),
        (
            "maintenance off --instance two",
            Command::Ask(
                Asked::Maintenance {
                    on: false,
                    force: false,
                },
                target(None, Some("two")),
            ),
        ),
        ("script-runner", Command::ScriptRunner),
        ("--signum=RELOAD", Command::SignalNumber(1)),
        ("--signum STOP", Command::SignalNumber(15)),
        ("--signum=JSON", Command::SignalNumber(36)),
        ("--signum=STATS_CLEAR", Command::SignalNumber(63)),
    ] {
        assert_eq!(words(line), expected, "{line}");
    }
    let run = options("run -f /tmp/k");
    assert!(run.foreground && run.config_file.as_os_str() == "/tmp/k");
    for line in ["--help", "-h", "-v", "--version"] {
        assert!(
            matches!(words(line), Command::Told(text, 0) if text.contains("xvrrpd")),
            "{line}"
        );
    }
}

#[test]
fn ways_to_stop() {
    for (line, release, keep) in [
        ("stop", false, false),
        ("stop --release", true, false),
        ("stop --keep", false, true),
    ] {
        let options = StopOptions { release, keep };
        let expected = Command::Ask(Asked::Stop(options), Target::default());
        assert_eq!(words(line), expected, "{line}");
    }
    let both = words("stop --keep --release");
    assert!(matches!(both, Command::Told(_, 1..)), "{both:?}");
}

#[test]
fn the_help_fits_a_terminal() {
    for line in ["--help", "explain --help", "simulate --help"] {
        let Command::Told(help, 0) = words(line) else {
            panic!("no help")
        };
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(!help.contains("script-runner"), "{help}");
    }
}

#[test]
fn what_is_explained_and_what_is_simulated() {
    let explain = |name: Option<&str>, json| Asked::Explain {
        name: name.map(str::to_owned),
        json,
    };
    for (line, asked) in [
        ("explain", explain(None, false)),
        ("explain VI_1", explain(Some("VI_1"), false)),
        ("explain --json VI_1", explain(Some("VI_1"), true)),
    ] {
        let expected = Command::Ask(asked, Target::default());
        assert_eq!(words(line), expected, "{line}");
    }
    let line = "simulate a.conf lb2=b.conf --fail node:a --fail a:eth0 --segment eth0,ens3";
    let Command::Simulate(options) = words(line) else {
        panic!("{line}")
    };
    assert_eq!(options.files, ["a.conf", "lb2=b.conf"]);
    assert_eq!(options.fail, ["node:a", "a:eth0"]);
    assert_eq!(options.segment, ["eth0,ens3"]);
    assert!(!options.json);
    assert!(matches!(words("simulate"), Command::Told(_, 1..)));
}
