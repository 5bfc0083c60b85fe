//! `scripts/health`: each script beside the real server, alone and as a router runs it.
//!
//! What is tested is what `scripts/health/conf` has: the script's line and its block are
//! read from there.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon::{Keepalived, Xvrrpd},
    net::{Lab, Node},
    place,
    server::{Directory, Kind, Server},
    service::Service,
    trial::{LOW, PATIENCE, Pair, Profile, Trial},
    wait::eventually,
};

const PROFILE: Profile = Profile::V3At100ms;
/// As in the files; what their weight of -60 takes away puts it below [`LOW`].
const PRIORITY: u8 = 150;
/// Where the files say that the scripts are.
const INSTALLED: &str = "/etc/keepalived/health";
/// The time limit of a script, unless `-t` says otherwise, and what it may be late:
/// half a second until a KILL, and a busy machine.
const ANSWERS_WITHIN: Duration = Duration::from_millis(1000 + 500 + 1000);

/// `scripts/health` of this source tree.
pub(crate) fn source() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tree").join("scripts/health")
}

/// The scripts, installed where anybody may run them.
pub(crate) fn install() -> Directory {
    let directory = Directory::new();
    for entry in fs::read_dir(source()).expect("the scripts") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|it| it == "sh") {
            let name = path.file_name().expect("a name");
            fs::copy(&path, directory.path().join(name)).expect("ours");
        }
    }
    directory
}

/// A file of `conf`, with the paths of this test.
pub(crate) fn piece(name: &str, scripts: &Directory) -> String {
    let file = source().join("conf").join(format!("{name}.conf"));
    let text = fs::read_to_string(&file).unwrap_or_else(|it| panic!("{}: {it}", file.display()));
    text.replace(INSTALLED, &scripts.path().display().to_string())
}

/// Its `vrrp_script`.
pub(crate) fn block(piece: &str) -> String {
    let start = piece.find("vrrp_script ").expect("a vrrp_script");
    let rest = &piece[start..];
    let end = rest.find("\n}").expect("its end");
    rest[..end + 2].to_owned()
}

/// Two routers; the first one runs this script, as its file has it.
pub(crate) fn routers(pair: Pair, name: &str, block: String) -> Trial {
    let mut first = PROFILE.conf(PRIORITY);
    first.globals.push("enable_script_security".into());
    first.blocks.push(block);
    first.instances[0].track_scripts.push(name.into());
    Trial::new(pair, [first, PROFILE.conf(LOW)])
}

/// Runs the line of a `vrrp_script` as its user would, and gives how long it took.
fn ask(node: &Node, block: &str, path: &str) -> (Output, Duration) {
    let line = block
        .lines()
        .find_map(|it| it.trim().strip_prefix("script "));
    let line = line.expect("a script line").trim_matches('"');
    assert!(block.contains("user nobody"), "{block}");
    let mut command = node.ns.command("/usr/bin/setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
    command.args(line.split(' ')).env("PATH", path);
    let start = Instant::now();
    let output = command.output().expect("setpriv, of util-linux");
    (output, start.elapsed())
}

const PATH: &str = "/usr/bin:/bin";

/// It gives this status in time, and says one line, or nothing if all is well.
#[track_caller]
fn gives(node: &Node, block: &str, status: i32, text: &str) {
    eventually(PATIENCE, &format!("status {status}"), || {
        let (output, took) = ask(node, block, PATH);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(took < ANSWERS_WITHIN, "{took:?}: {said}");
        assert!(output.stdout.is_empty(), "{output:?}");
        assert_eq!(
            said.lines().count(),
            usize::from(output.status.code() != Some(0)),
            "{said}"
        );
        if output.status.code() == Some(status) {
            assert!(said.contains(text), "{said}");
            Ok(())
        } else {
            Err(format!("{:?}: {said}", output.status))
        }
    });
}

/// A server that comes, goes, hangs and goes on; first the script is asked, then the
/// router.
fn life(pair: Pair, name: &str, kind: Kind) {
    let scripts = install();
    let mut server = Server::new(kind);
    let socket = format!("{}/mysqld.sock", server.directory().display());
    let piece = piece(name, &scripts).replace("/run/mysqld/mysqld.sock", &socket);
    let block = block(&piece);
    let mut trial = routers(pair, name, block.clone());
    // Who HAProxy sends to.
    let behind = (kind == Kind::Haproxy).then(|| Service::listen(trial.lab.router(0)));
    {
        let node = trial.lab.router(0);
        gives(node, &block, 1, &format!("{name}.sh: "));
        server.start(node);
        gives(node, &block, 0, "");
        server.hang();
        gives(node, &block, 2, "no answer within 1 s");
        server.resume();
        gives(node, &block, 0, "");
    }
    trial.settle();
    server.kill();
    trial.await_owner(1);
    server.start(trial.lab.router(0));
    trial.await_owner(0);
    server.hang();
    let hangs = Stamp::now();
    trial.await_owner(1);
    if pair[0] == Xvrrpd {
        let log = trial.daemon(0).log().clone();
        log.wait(PATIENCE, hangs, "no answer within 1 s");
    }
    server.resume();
    trial.await_owner(0);
    match kind {
        Kind::Haproxy => {
            drop(behind);
            gives(trial.lab.router(0), &block, 1, "status 503, not 200");
            trial.await_owner(1);
        }
        Kind::Nginx if name == "http" => {
            fs::write(server.directory().join("sick"), "").expect("ours");
            gives(trial.lab.router(0), &block, 1, "status 503, not 2??");
            trial.await_owner(1);
        }
        _ => {}
    }
    trial.terminate(0);
    eventually(PATIENCE, "no script is left", || {
        leftover(Command::new("pgrep").args(["-af", &scripts.path().display().to_string()]))
    });
}

fn leftover(command: &mut Command) -> Result<(), String> {
    let output = command.output().expect("pgrep, of procps");
    match String::from_utf8_lossy(&output.stdout).into_owned() {
        none if none.is_empty() => Ok(()),
        some => Err(some),
    }
}

const OURS: Pair = [Xvrrpd, Xvrrpd];

#[test]
fn tcp() {
    life(OURS, "tcp", Kind::Redis);
}

#[test]
fn http() {
    life(OURS, "http", Kind::Nginx);
}

#[test]
fn nginx() {
    life([Xvrrpd, Keepalived], "nginx", Kind::Nginx);
}

#[test]
fn haproxy() {
    life(OURS, "haproxy", Kind::Haproxy);
}

#[test]
fn redis() {
    life(OURS, "redis", Kind::Redis);
}

#[test]
fn mysql() {
    life(OURS, "mysql", Kind::Mariadb);
}

#[test]
fn nfs() {
    life(OURS, "nfs", Kind::NfsGanesha);
}

/// The same file, the same script and the same life under keepalived.
#[test]
fn redis_under_keepalived() {
    life([Keepalived, Keepalived], "redis", Kind::Redis);
}

/// Whatever keeps a script from asking is a failure with a status of its own, never 126
/// or 127, which keepalived takes for success.
#[test]
fn what_cannot_be_checked_is_told_apart() {
    let scripts = install();
    let lab = Lab::new(1);
    let node = lab.router(0);
    for (words, path, text) in [
        ("tcp.sh 127.0.0.1", PATH, "usage: "),
        (
            "tcp.sh -t never 127.0.0.1 80",
            PATH,
            "not a time limit: never",
        ),
        ("http.sh https://127.0.0.1/", PATH, "usage: "),
        ("http.sh -x", PATH, "usage: "),
        ("nginx.sh -x", PATH, "usage: "),
        ("haproxy.sh -x", PATH, "usage: "),
        ("redis.sh -x", PATH, "usage: "),
        ("redis.sh", "/nowhere", "no redis-cli here"),
        ("mysql.sh -x", PATH, "usage: "),
        ("mysql.sh", "/nowhere", "no mariadb and no mysql here"),
        ("nfs.sh -x", PATH, "usage: "),
        ("revive.sh one", PATH, "usage: "),
    ] {
        let block = format!(
            "script \"{}/{words}\"\nuser nobody",
            scripts.path().display()
        );
        let (output, _) = ask(node, &block, path);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{words}: {said}");
        assert!(
            said.contains(text) && said.lines().count() == 1,
            "{words}: {said}"
        );
    }
}

/// Beyond "it answers": the role, writability, and what is said.
#[test]
fn redis_has_a_role() {
    let scripts = install();
    let lab = Lab::new(1);
    let node = lab.router(0);
    let mut server = Server::new(Kind::Redis);
    server.start(node);
    let line = |words: &str| {
        let scripts = scripts.path().display();
        format!("script \"{scripts}/{words}\"\nuser nobody")
    };
    gives(node, &line("redis.sh -r master"), 0, "");
    gives(
        node,
        &line("redis.sh -r slave"),
        1,
        "its role is master, not slave",
    );
    gives(
        node,
        &line("tcp.sh -s PING -e PANG 127.0.0.1 6379"),
        1,
        "says \"+PONG\", not \"PANG\"",
    );
    gives(
        node,
        &line("http.sh http://127.0.0.1:6379/"),
        1,
        "the answer is no HTTP",
    );
    // The kernel's word alone: it is no sign of life.
    server.hang();
    gives(node, &line("tcp.sh 127.0.0.1 6379"), 0, "");
    gives(node, &line("redis.sh -t 0.2"), 2, "no answer within 0.2 s");
}

#[test]
fn mysql_is_writable_or_not() {
    let scripts = install();
    let lab = Lab::new(1);
    let node = lab.router(0);
    let mut server = Server::new(Kind::Mariadb);
    server.start(node);
    let socket = server.directory().join("mysqld.sock");
    let line = |words: &str| {
        let (scripts, socket) = (scripts.path().display(), socket.display());
        format!("script \"{scripts}/mysql.sh {words} --socket={socket}\"\nuser nobody")
    };
    gives(node, &line("-w -- --user=nobody"), 0, "");
    gives(node, &line("-- --user=root"), 1, "Access denied");
    let mut root = node.ns.command("/usr/bin/mariadb");
    root.arg("--no-defaults")
        .arg(format!("--socket={}", socket.display()));
    root.args(["-e", "SET GLOBAL read_only = 1"]);
    assert!(root.status().expect("the client").success());
    gives(node, &line("-w -- --user=nobody"), 1, "it is read-only");
    gives(node, &line("-- --user=nobody"), 0, "");
}

/// Every file is taken as it is, without a warning.
#[test]
fn every_piece_is_sound() {
    let scripts = install();
    let conf = source().join("conf");
    let mut names: Vec<String> = fs::read_dir(conf)
        .expect("the files")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    let expected = [
        "haproxy", "http", "mysql", "nfs", "nginx", "redis", "revive", "tcp",
    ];
    assert_eq!(names, expected);
    for name in names {
        let file = scripts.path().join(format!("{name}.conf"));
        fs::write(&file, piece(&name, &scripts)).expect("ours");
        let output = Command::new(place::xvrrpd())
            .arg("check")
            .arg(&file)
            .output();
        let output = output.expect("xvrrpd runs");
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(
            output.status.success() && !said.contains("warning:"),
            "{said}"
        );
    }
}
