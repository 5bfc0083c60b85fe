//! Real scripts, run as process groups.
#![allow(clippy::disallowed_methods, reason = "these tests live in real time")]

use super::{
    group::{End, Launch, Running},
    identity::{Identities, Identity},
    protocol::Outcome,
};
use crate::config::model::{CommandLine, User};
use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// A directory that goes with the test.
pub(super) struct Place(PathBuf);

impl Place {
    pub(super) fn new(name: &str) -> Self {
        // Not below /tmp: its directories are for everybody, which is what script
        // security objects to.
        let path = PathBuf::from(format!("/run/xvn-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("run this as root: it needs /run");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("chmod");
        Self(path)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn script(&self, name: &str, mode: u32, text: &str) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("mkdir");
        fs::write(&path, text).expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
        path.to_str().expect("UTF-8").to_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) fn argv(words: &[&str]) -> CommandLine {
    CommandLine::Argv(words.iter().map(|word| (*word).to_owned()).collect())
}

pub(super) fn shell(line: &str) -> CommandLine {
    CommandLine::Shell(line.to_owned())
}

pub(super) fn user(name: &str) -> User {
    User {
        name: name.to_owned(),
        group: None,
        all_groups: false,
    }
}

fn identity(name: &str) -> Identity {
    Identities::default().get(Some(&user(name))).expect(name)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

async fn run_as(
    command: &CommandLine,
    arguments: &[&str],
    who: &str,
    limit: Duration,
) -> (Outcome, Option<String>) {
    let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    let launch = match Launch::prepare(command, &arguments, identity(who), false) {
        Ok(launch) => launch,
        Err(why) => return (Outcome::CannotRun(why), None),
    };
    let running = match Running::start(&launch) {
        Ok(running) => running,
        Err(why) => return (Outcome::CannotRun(why), None),
    };
    let (_stop, mut stopped) = mpsc::channel(2);
    match running.watch(Some(limit), &mut stopped).await {
        End::Over(outcome, output) => (outcome, output),
        End::Lingers(outcome, output, rest) => {
            rest.finish(&mut stopped).await;
            (outcome, output)
        }
        End::Stopped(_) => panic!("nobody stopped it"),
    }
}

const LONG: Duration = Duration::from_secs(10);

/// Name, command, further arguments, outcome, last line.
type Case<'a> = (
    &'a str,
    CommandLine,
    &'a [&'a str],
    Outcome,
    Option<&'a str>,
);

#[test]
fn results_are_what_happened() {
    let place = Place::new("results");
    let ok = place.script("ok.sh", 0o755, "#!/bin/sh\necho fine\n");
    let texty = place.script("texty", 0o755, "echo hello\n");
    let args = place.script("args.sh", 0o755, "#!/bin/sh\necho \"$#:$1:$2:$3\"\n");
    let lost = place.script("lost.sh", 0o755, "#!/bin/sh\nno-such-command-at-all\n");
    let exited = |code| Outcome::Exited(code);
    let cases: Vec<Case<'_>> = vec![
        ("success", argv(&[&ok]), &[], exited(0), Some("fine")),
        (
            "arguments",
            argv(&[&args, "a b"]),
            &["c", ""],
            exited(0),
            Some("3:a b:c:"),
        ),
        (
            "no #!: sh runs it",
            argv(&[&texty]),
            &[],
            exited(0),
            Some("hello"),
        ),
        ("a name on PATH", argv(&["false"]), &[], exited(1), None),
        (
            "a signal",
            shell("kill -9 $$"),
            &[],
            Outcome::Signaled(9),
            None,
        ),
        (
            "a shell line",
            shell("echo a | tr a b; exit 3"),
            &[],
            exited(3),
            Some("b"),
        ),
        (
            "a line with arguments",
            shell("echo x"),
            &["y z"],
            exited(0),
            Some("x y z"),
        ),
        (
            "bash alone understands it",
            shell("[[ a == a ]]"),
            &[],
            exited(0),
            None,
        ),
        (
            "standard error",
            shell("echo no >&2; false"),
            &[],
            exited(1),
            Some("no"),
        ),
        ("nothing to read", shell("read x"), &[], exited(1), None),
    ];
    block_on(async {
        for (name, command, arguments, outcome, output) in cases {
            let found = run_as(&command, arguments, "root", LONG).await;
            assert_eq!(found, (outcome, output.map(str::to_owned)), "{name}");
        }
        let (outcome, output) = run_as(&argv(&[&lost]), &[], "root", LONG).await;
        assert_eq!(outcome, exited(127));
        assert!(output.expect("words").contains("not found"));
    });
}

#[test]
fn dev_tcp_works_although_sh_does_not_know_it() {
    block_on(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("listen");
        let port = listener.local_addr().expect("address").port();
        let line = shell(&format!("</dev/tcp/127.0.0.1/{port}"));
        assert_eq!(run_as(&line, &[], "root", LONG).await.0, Outcome::Exited(0));
        drop(listener);
        assert_eq!(run_as(&line, &[], "root", LONG).await.0, Outcome::Exited(1));
    });
}

#[test]
fn a_script_that_cannot_run_names_what_stands_in_the_way() {
    let place = Place::new("cannot");
    let plain = place.script("plain.sh", 0o644, "#!/bin/sh\n");
    let odd = place.script("odd", 0o755, "#!/opt/no/such/interpreter -x\n");
    let private = place.script("private/in.sh", 0o755, "#!/bin/sh\n");
    fs::set_permissions(place.path("private"), fs::Permissions::from_mode(0o700)).expect("chmod");
    let mine = place.script("mine.sh", 0o700, "#!/bin/sh\n");
    symlink("/nowhere/at/all", place.path("link")).expect("symlink");
    let in_place = |name: &str| place.path(name).to_str().expect("UTF-8").to_owned();
    let cases: Vec<(&str, CommandLine, &str, String)> = vec![
        (
            "missing",
            argv(&[&in_place("gone.sh")]),
            "root",
            in_place("gone.sh does not exist"),
        ),
        (
            "missing directory",
            argv(&[&in_place("no/such/dir/x.sh")]),
            "root",
            in_place("no does not exist"),
        ),
        (
            "dangling",
            argv(&[&in_place("link")]),
            "root",
            "symbolic link to something".into(),
        ),
        (
            "not executable",
            argv(&[&plain]),
            "root",
            format!("{plain} is not executable"),
        ),
        (
            "a directory",
            argv(&[&in_place("private")]),
            "root",
            "is a directory".into(),
        ),
        (
            "through a file",
            argv(&[&format!("{plain}/x")]),
            "root",
            "is not a directory".into(),
        ),
        (
            "no interpreter",
            argv(&[&odd]),
            "root",
            "asks for /opt/no/such/interpreter".into(),
        ),
        (
            "closed directory",
            argv(&[&private]),
            "nobody",
            format!(
                "user nobody may not enter the directory {}",
                in_place("private")
            ),
        ),
        (
            "another's",
            argv(&[&mine]),
            "nobody",
            "not executable by user nobody".into(),
        ),
        (
            "not on PATH",
            argv(&["no-such-xvn"]),
            "root",
            "write its whole path".into(),
        ),
        ("empty", argv(&[]), "root", "the command is empty".into()),
        (
            "first word of a shell line",
            shell(&format!("{plain} | cat")),
            "root",
            format!("{plain} is not executable"),
        ),
    ];
    block_on(async {
        for (name, command, who, expected) in cases {
            match run_as(&command, &[], who, LONG).await.0 {
                Outcome::CannotRun(why) => assert!(why.contains(&expected), "{name}: {why}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    });
}

#[test]
fn script_security_names_the_component() {
    let place = Place::new("secure");
    let good = place.script("good.sh", 0o755, "#!/bin/sh\n");
    let loose = place.script("loose.sh", 0o777, "#!/bin/sh\n");
    let grouped = place.script("grouped.sh", 0o775, "#!/bin/sh\n");
    let owned = place.script("owned.sh", 0o755, "#!/bin/sh\n");
    let within = place.script("open/in.sh", 0o755, "#!/bin/sh\n");
    let sticky = place.script("sticky/in.sh", 0o755, "#!/bin/sh\n");
    let nobody = identity("nobody");
    chown(&owned, Some(nobody.uid.as_raw()), None).expect("chown");
    chown(&grouped, None, Some(nobody.gid.as_raw())).expect("chown");
    let mode = |name: &str, mode| {
        fs::set_permissions(place.path(name), fs::Permissions::from_mode(mode)).expect("chmod");
    };
    mode("open", 0o777);
    mode("sticky", 0o1777);
    symlink(&loose, place.path("link")).expect("symlink");
    let link = place.path("link").to_str().expect("UTF-8").to_owned();
    let cases: [(&str, &str, Option<&str>); 7] = [
        (&good, "root", None),
        (&sticky, "root", None),
        (
            &loose,
            "root",
            Some("loose.sh is writable by everybody (mode 0777)"),
        ),
        (&grouped, "root", Some("grouped.sh is writable by group")),
        (&owned, "root", Some("owned.sh belongs to uid")),
        (&within, "root", Some("/open is writable by everybody")),
        (&link, "root", Some("is writable by everybody")),
    ];
    for (path, who, expected) in cases {
        let result = Launch::prepare(&argv(&[path]), &[], identity(who), true);
        match (result, expected) {
            (Ok(_), None) => {}
            (Err(why), Some(expected)) => {
                assert!(
                    why.contains("enable_script_security") && why.contains(expected),
                    "{why}"
                );
            }
            (other, _) => panic!("{path}: {other:?}"),
        }
    }
    assert!(
        Launch::prepare(&argv(&[&loose]), &[], nobody, true).is_ok(),
        "it is not root's"
    );
    assert!(Launch::prepare(&argv(&[&loose]), &[], identity("root"), false).is_ok());
}

#[test]
fn scripts_run_as_whom_they_should() {
    block_on(async {
        let who = |name: &'static str| async move {
            run_as(&shell("echo $(id -u):$(id -g):$(id -G)"), &[], name, LONG)
                .await
                .1
        };
        let nobody = identity("nobody");
        let expected = format!("{}:{}:{}", nobody.uid, nobody.gid, nobody.gid);
        assert_eq!(
            who("nobody").await,
            Some(expected),
            "no group of root's is left"
        );
        assert!(who("root").await.expect("words").starts_with("0:0:"));
    });
}

#[test]
fn a_timeout_ends_the_whole_group() {
    let place = Place::new("timeout");
    let pid_file = place.path("child.pid");
    let stubborn = place.script(
        "stubborn.sh",
        0o755,
        &format!(
            "#!/bin/sh\ntrap '' TERM\n(trap '' TERM; echo started; exec sleep 60) &\necho $! > {}\nwait\nwait\n",
            pid_file.display()
        ),
    );
    block_on(async {
        let polite = Instant::now();
        let (outcome, _) = run_as(
            &argv(&["sleep", "60"]),
            &[],
            "root",
            Duration::from_millis(100),
        )
        .await;
        assert_eq!(outcome, Outcome::TimedOut);
        assert!(polite.elapsed() < Duration::from_secs(4));

        let start = Instant::now();
        let limit = Duration::from_millis(300);
        let (outcome, output) = run_as(&argv(&[&stubborn]), &[], "root", limit).await;
        assert_eq!(
            (outcome, output.as_deref()),
            (Outcome::TimedOut, Some("started"))
        );
        // TERM at 0.3 s was ignored, KILL came 2 s later.
        assert!(
            start.elapsed() >= Duration::from_millis(2300),
            "{:?}",
            start.elapsed()
        );
        let child = fs::read_to_string(&pid_file).expect("it wrote its child's pid");
        let stat = Path::new("/proc").join(child.trim());
        for _ in 0..100 {
            if !is_alive(&stat) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the child of the script survived");
    });
}

fn is_alive(process: &Path) -> bool {
    let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[test]
fn what_a_script_leaves_running_delays_nothing_and_lives_on() {
    let place = Place::new("survivor");
    let flag = place.path("flag");
    let line = format!("(sleep 0.5; echo late; touch {}) & exit 0", flag.display());
    block_on(async {
        let start = Instant::now();
        assert_eq!(
            run_as(&shell(&line), &[], "root", LONG).await.0,
            Outcome::Exited(0)
        );
        assert!(
            start.elapsed() < Duration::from_millis(400),
            "{:?}",
            start.elapsed()
        );
        for _ in 0..50 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if flag.exists() {
                return;
            }
        }
        panic!("it died, perhaps of writing to a closed pipe");
    });
}

#[test]
fn a_flood_of_output_is_neither_kept_nor_a_hindrance() {
    block_on(async {
        let flood = shell("head -c 50000000 /dev/zero | tr '\\0' x; echo; echo end");
        let (outcome, output) = run_as(&flood, &[], "root", Duration::from_secs(30)).await;
        assert_eq!(
            (outcome, output.as_deref()),
            (Outcome::Exited(0), Some("end"))
        );
    });
}
