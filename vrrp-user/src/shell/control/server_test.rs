//! Clients of all kinds against the control socket.
#![allow(clippy::disallowed_methods, reason = "these tests live in real time")]

use super::{ClientError, Command, Request, Requests, Server, ask, serve};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

struct World {
    path: PathBuf,
    _server: Server,
    answered: Arc<AtomicUsize>,
}

/// A daemon with an event loop that refuses to reload.
fn daemon(name: &str) -> World {
    let path = std::env::temp_dir().join(format!("xvn-{name}-{}.sock", std::process::id()));
    let (server, mut requests) = serve(&path).expect("a socket");
    let answered = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&answered);
    thread::spawn(move || {
        while let Some(request) = requests.blocking_recv() {
            count.fetch_add(1, Ordering::Relaxed);
            match request {
                Request::Status(reply) => reply.send(json!({ "pid": 7 })),
                Request::Reload(reply) => reply.send(Err("line 3: no".into())),
                Request::Stop(reply) | Request::Leave(reply) | Request::Signal(_, reply) => {
                    reply.send(());
                }
                Request::Engine(asked, reply) => reply.send(Ok(json!(format!("{asked:?}")))),
                Request::Balance(asked, reply) => reply.send(Ok(json!(format!("{asked:?}")))),
            }
        }
    });
    World {
        path,
        _server: server,
        answered,
    }
}

const LIMIT: Duration = Duration::from_secs(3);

#[test]
fn requests_are_answered() {
    let world = daemon("answers");
    assert_eq!(
        ask(&world.path, &Command::Ping, LIMIT).expect("an answer"),
        json!("pong")
    );
    let status = ask(&world.path, &Command::Status, LIMIT).expect("an answer");
    assert_eq!(status, json!({ "pid": 7 }));
    assert_eq!(
        ask(&world.path, &Command::Stop, LIMIT).expect("an answer"),
        Value::Null
    );
    match ask(&world.path, &Command::Reload, LIMIT) {
        Err(ClientError::Refused(why)) => assert_eq!(why, "line 3: no"),
        other => panic!("{other:?}"),
    }
    let mode = std::fs::metadata(&world.path)
        .expect("a socket")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn several_requests_share_a_connection_and_nonsense_is_explained() {
    let world = daemon("nonsense");
    let mut stream = UnixStream::connect(&world.path).expect("connect");
    let cases = [
        (r#"{"v":1,"cmd":"ping"}"#, None),
        (
            r#"{"v":2,"cmd":"ping"}"#,
            Some("version 2 is not spoken here"),
        ),
        (r#"{"cmd":"ping"}"#, Some("lacks its version")),
        (r#"{"v":1}"#, Some("lacks its command")),
        (
            r#"{"v":1,"cmd":"halt"}"#,
            Some("there is no command \"halt\""),
        ),
        ("GET / HTTP/1.1", Some("this is not JSON")),
        ("", Some("this is not JSON")),
        ("[1]", Some("lacks its version")),
        (r#"{"v":1,"cmd":"ping","more":"ignored"}"#, None),
        (r#"{"v":1,"cmd":"handover"}"#, Some("missing field `name`")),
        (
            r#"{"v":1,"cmd":"maintenance","on":7}"#,
            Some("invalid type"),
        ),
    ];
    let mut lines = BufReader::new(stream.try_clone().expect("clone")).lines();
    for (request, expected) in cases {
        writeln!(stream, "{request}").expect("write");
        let answer = lines.next().expect("an answer").expect("text");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(answer["v"], 1, "{request}");
        match expected {
            None => assert_eq!(answer["ok"], "pong", "{request}"),
            Some(expected) => {
                let why = answer["error"].as_str().expect("an error");
                assert!(why.contains(expected), "{request}: {why}");
                assert_eq!(answer["supported"]["v"], json!([1]));
                assert_eq!(
                    answer["supported"]["cmd"],
                    json!([
                        "ping",
                        "status",
                        "reload",
                        "stop",
                        "leave",
                        "handover",
                        "release",
                        "maintenance",
                        "lvs",
                        "lvs_edit"
                    ])
                );
            }
        }
    }
    assert_eq!(
        world.answered.load(Ordering::Relaxed),
        2,
        "nonsense never reaches the event loop"
    );
}

#[test]
fn endless_lines_are_cut_off() {
    let world = daemon("endless");
    let mut stream = UnixStream::connect(&world.path).expect("connect");
    stream.set_write_timeout(Some(LIMIT)).expect("timeout");
    stream.set_read_timeout(Some(LIMIT)).expect("timeout");
    let chunk = vec![b'x'; 1 << 16];
    // It may be cut off while we still write.
    while stream.write_all(&chunk).is_ok() {}
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert_eq!(
        ask(&world.path, &Command::Ping, LIMIT).expect("an answer"),
        json!("pong")
    );
}

#[test]
fn a_client_that_never_reads_or_writes_is_let_go() {
    let world = daemon("stalled");
    let stalled: Vec<UnixStream> = (0..16)
        .map(|_| UnixStream::connect(&world.path).expect("connect"))
        .collect();
    thread::sleep(Duration::from_millis(200));
    // All places are taken: turned away at once, and told so.
    let start = Instant::now();
    match ask(&world.path, &Command::Ping, LIMIT) {
        Err(ClientError::Refused(why)) => assert!(why.contains("too many clients"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert!(start.elapsed() < Duration::from_secs(1));
    // After five seconds of silence the places are free again.
    thread::sleep(Duration::from_secs(6));
    assert_eq!(
        ask(&world.path, &Command::Ping, LIMIT).expect("an answer"),
        json!("pong")
    );
    drop(stalled);
}

#[test]
fn a_flood_reaches_the_event_loop_as_a_trickle() {
    let world = daemon("flood");
    let flooders: Vec<_> = (0..8)
        .map(|_| {
            let path = world.path.clone();
            thread::spawn(move || {
                let mut stream = UnixStream::connect(&path).expect("connect");
                let mut drain = stream.try_clone().expect("clone");
                thread::spawn(move || std::io::copy(&mut drain, &mut std::io::sink()));
                let requests = "{\"v\":1,\"cmd\":\"status\"}\n".repeat(1000);
                let start = Instant::now();
                while start.elapsed() < Duration::from_secs(2) {
                    let _ = stream.set_write_timeout(Some(Duration::from_millis(100)));
                    let _ = stream.write_all(requests.as_bytes());
                }
                let _ = stream.shutdown(std::net::Shutdown::Both);
            })
        })
        .collect();
    thread::sleep(Duration::from_millis(500));
    let start = Instant::now();
    let answer = ask(&world.path, &Command::Ping, LIMIT);
    assert_eq!(
        answer.expect("an answer in the middle of it"),
        json!("pong")
    );
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    for flooder in flooders {
        flooder.join().expect("it ends");
    }
    let answered = world.answered.load(Ordering::Relaxed);
    assert!(
        (50..=300).contains(&answered),
        "{answered} requests in about 2 s"
    );
}

#[test]
fn a_silent_event_loop_is_told_from_a_missing_one() {
    let path = std::env::temp_dir().join(format!("xvn-silent-{}.sock", std::process::id()));
    assert!(matches!(
        ask(&path, &Command::Ping, LIMIT),
        Err(ClientError::NotRunning(_))
    ));
    let (server, requests): (Server, Requests) = serve(&path).expect("a socket");
    let start = Instant::now();
    let limit = Duration::from_millis(300);
    assert!(matches!(
        ask(&path, &Command::Ping, limit),
        Err(ClientError::Silent)
    ));
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    drop(requests);
    match ask(&path, &Command::Ping, LIMIT) {
        Err(ClientError::Refused(why)) => assert!(why.contains("ending"), "{why}"),
        other => panic!("{other:?}"),
    }
    drop(server);
    assert!(!path.exists());
}

#[test]
fn two_daemons_do_not_share_a_socket_but_a_dead_ones_is_replaced() {
    let world = daemon("twice");
    let error = serve(&world.path).expect_err("somebody listens");
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    let path = std::env::temp_dir().join(format!("xvn-dead-{}.sock", std::process::id()));
    drop(std::os::unix::net::UnixListener::bind(&path).expect("bind"));
    assert!(path.exists(), "left over");
    let (server, _requests) = serve(&path).expect("it is replaced");
    drop(server);
}
