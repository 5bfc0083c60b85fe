//! Files, processes and services that a router tracks, without a script.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use serde_json::Value;
use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon::Xvrrpd,
    for_pairs,
    net::Node,
    place,
    service::Service,
    trial::{HIGH, LOW, PATIENCE, Pair, Profile, Trial},
    wait::eventually,
};

use crate::handover::done;

const PROFILE: Profile = Profile::V3At100ms;

for_pairs!(file_moves_the_owner, file);

/// The first router tracks this; the second is a plain backup.
fn tracking(pair: Pair, block: &str, track: &str) -> Trial {
    let mut first = PROFILE.conf(HIGH);
    first.blocks.push(block.into());
    first.instances[0].extra.push(track.into());
    Trial::new(pair, [first, PROFILE.conf(LOW)])
}

fn scratch(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let unique = format!("{name}-{}-{next}", std::process::id());
    place::scratch("tracking").join(unique)
}

/// A value in a file moves the priority: written, replaced by `rename`, deleted.
fn file(pair: Pair) {
    let path = scratch("file");
    let block = format!("vrrp_track_file f {{\nfile \"{}\"\n}}", path.display());
    let mut trial = tracking(pair, &block, "track_file {\nf\n}");
    trial.settle();
    fs::write(&path, "-150\n").expect("the scratch directory");
    trial.await_owner(1);
    let other = scratch("other");
    fs::write(&other, "0\n").expect("the scratch directory");
    fs::rename(&other, &path).expect("the same directory");
    trial.await_owner(0);
    fs::write(&path, "-300\n").expect("the scratch directory");
    trial.await_owner(1);
    fs::remove_file(&path).expect("it was written");
    trial.await_owner(0);
}

/// A process dies: FAULT, and the other router takes over. It is found without the
/// kernel's help, which a network namespace of its own does not have.
#[test]
fn process_dies_and_comes_back() {
    let app = || Sleeper::start(400_000 + std::process::id());
    let mut running = app();
    let block = format!(
        "vrrp_track_process app {{\nprocess sleep {}\n}}",
        running.seconds
    );
    let mut trial = tracking([Xvrrpd, Xvrrpd], &block, "track_process {\napp\n}");
    trial.settle();
    running.end();
    trial.await_owner(1);
    let page = done(trial.lab.router(0), "status");
    assert!(
        page.contains("tracks process app: down, weight 0: FAULT"),
        "{page}"
    );
    assert!(
        page.contains("Process app: down, 0 running, quorum 1"),
        "{page}"
    );
    let _again = app();
    trial.await_owner(0);
}

/// A `sleep` that nobody else runs.
struct Sleeper {
    seconds: u32,
    child: Child,
}

impl Sleeper {
    fn start(seconds: u32) -> Self {
        let child = Command::new("sleep").arg(seconds.to_string()).spawn();
        let child = child.expect("sleep");
        Self { seconds, child }
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.end();
    }
}

/// A TCP service stops: its weight is gone, and so is the address. What `status` says
/// of it, for people and for programs. A reload keeps what is known.
#[test]
fn tcp_service_stops() {
    let block = "vrrp_track_tcp web {\nhost 127.0.0.1\nport 80\ninterval 0.1\nfall 2\n}";
    let track = "track_tcp {\nweb weight -150\n}";
    let mut trial = tracking([Xvrrpd, Xvrrpd], block, track);
    let service = Service::listen(trial.lab.router(0));
    trial.settle();
    drop(service);
    trial.await_owner(1);
    let node = trial.lab.router(0);
    let page = done(node, "status");
    assert!(page.contains("priority 50 (configured 200)"), "{page}");
    assert!(
        page.contains("tracks TCP web: down, weight -150: -150"),
        "{page}"
    );
    assert!(page.contains("TCP web: down, Connection refused"), "{page}");
    let json: Value = serde_json::from_str(&done(node, "status --json")).expect("JSON");
    let tracked = json.pointer("/daemon/engine/instances/0/tracked/0");
    let tracked = tracked.unwrap_or_else(|| panic!("{json}"));
    assert_eq!(tracked["kind"], "tcp", "{tracked}");
    assert_eq!(tracked["effect"], "priority", "{tracked}");
    assert_eq!(tracked["change"], -150, "{tracked}");

    let conf = trial.confs[0].clone();
    let reloaded = trial.daemon(0).reload(&conf);
    trial.daemon(0).log().wait(PATIENCE, reloaded, "Reloading");
    let priority = |trial: &Trial| effective_priority(trial.lab.router(0));
    assert_eq!(priority(&trial), 50, "as before the reload");
    let _service = Service::listen(trial.lab.router(0));
    trial.await_owner(0);
}

fn effective_priority(node: &Node) -> u64 {
    let json: Value = serde_json::from_str(&done(node, "status --json")).expect("JSON");
    let it = &json["daemon"]["engine"]["instances"][0]["effective_priority"];
    it.as_u64().unwrap_or_else(|| panic!("{json}"))
}

/// A web server says that it is not well, and then that it is.
#[test]
fn http_service_is_unwell() {
    let block = "vrrp_track_http web {\nurl http://127.0.0.1/health\ninterval 0.1\n}";
    let mut trial = tracking([Xvrrpd, Xvrrpd], block, "track_http {\nweb\n}");
    let status = Arc::new(AtomicU32::new(200));
    serve(trial.lab.router(0), Arc::clone(&status));
    trial.settle();
    status.store(503, Ordering::Relaxed);
    trial.await_owner(1);
    let page = done(trial.lab.router(0), "status");
    assert!(
        page.contains("fault: tracked HTTP service web fails"),
        "{page}"
    );
    assert!(page.contains("HTTP web: down, status 503"), "{page}");
    status.store(200, Ordering::Relaxed);
    trial.await_owner(0);
}

/// Answers with this status to who asks for `/health`, as long as the test runs.
fn serve(node: &Node, status: Arc<AtomicU32>) {
    let listener = node
        .ns
        .run(|| TcpListener::bind("127.0.0.1:80"))
        .expect("port 80, alone");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut asked = [0; 1024];
            let read = stream.read(&mut asked).unwrap_or(0);
            let known = asked[..read].starts_with(b"GET /health HTTP/1.1\r\n");
            let status = match status.load(Ordering::Relaxed) {
                _ if !known => 404,
                status => status,
            };
            let answer = format!("HTTP/1.1 {status} -\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
}

/// Whatever a service does, the interval between two adverts is kept: one that takes
/// connections and never answers is waited for by nobody but its own question.
#[test]
fn a_hanging_service_delays_no_advert() {
    let block = "vrrp_track_http slow {\nurl http://127.0.0.1/\ninterval 0.05\ntimeout 2\n}";
    let mut trial = tracking([Xvrrpd, Xvrrpd], block, "track_http {\nslow weight -5\n}");
    // The kernel takes the connections; nobody else ever looks at them.
    let _silent = trial
        .lab
        .router(0)
        .ns
        .run(|| TcpListener::bind("127.0.0.1:80"))
        .expect("port 80, alone");
    trial.settle();
    let since = Stamp::now();
    let enough = |trial: &Trial| {
        let adverts = trial.tap.adverts(since);
        let mine: Vec<_> = adverts.iter().filter(|(_, node, _)| *node == 0).collect();
        let gaps = mine.windows(2).map(|pair| pair[1].0.since(pair[0].0));
        (mine.len(), gaps.max())
    };
    eventually(PATIENCE, "30 adverts", || match enough(&trial).0 {
        30.. => Ok(()),
        n => Err(format!("{n}")),
    });
    let longest = enough(&trial).1.expect("adverts");
    assert!(longest < PROFILE.interval() * 3, "{longest:?}");
}
