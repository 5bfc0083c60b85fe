use super::probes::ask;
use crate::{
    config::model::{HttpRequest, Probe},
    engine::input::Answer,
};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

fn probe(at: SocketAddr, path: Option<&str>) -> Probe {
    Probe {
        name: "p".into(),
        address: at.ip(),
        port: at.port(),
        request: path.map(|path| HttpRequest {
            host: "www.example".into(),
            path: path.into(),
            good: vec![(200, 299), (401, 401)],
        }),
        interval: Duration::from_secs(1),
        timeout: Duration::from_millis(300),
        rise: 1,
        fall: 1,
        init_fail: false,
    }
}

/// Answers one client with these octets, and gives what it asked.
async fn served(
    octets: &'static [u8],
    hold: bool,
) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("bound");
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut asked = vec![0; 4096];
        let read = stream.read(&mut asked).await.unwrap_or(0);
        asked.truncate(read);
        let _ = stream.write_all(octets).await;
        if hold {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        String::from_utf8_lossy(&asked).into_owned()
    });
    (at, task)
}

#[tokio::test]
async fn a_connection_is_an_answer_and_a_refusal_is_none() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("bound");
    assert_eq!(ask(&probe(at, None)).await, Answer::Good);
    drop(listener);
    let Answer::Failed(why) = ask(&probe(at, None)).await else {
        panic!("nobody listens");
    };
    assert!(why.contains("refused"), "{why}");
}

#[tokio::test]
async fn answers_of_a_web_server() {
    let cases: [(&[u8], Answer); 6] = [
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            Answer::Good,
        ),
        (b"HTTP/1.0 204 No Content\r\n\r\n", Answer::Good),
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", Answer::Good),
        (
            b"HTTP/1.1 503 Service Unavailable\r\n\r\n",
            Answer::Status(503),
        ),
        (b"", Answer::Failed("closed without an answer".into())),
        (
            b"SSH-2.0-OpenSSH\r\n",
            Answer::Failed("its answer is not HTTP: invalid HTTP version".into()),
        ),
    ];
    for (octets, want) in cases {
        let (at, task) = served(octets, false).await;
        assert_eq!(ask(&probe(at, Some("/up?x=1"))).await, want);
        let asked = task.await.expect("served");
        assert!(
            asked.starts_with("GET /up?x=1 HTTP/1.1\r\nHost: www.example\r\n"),
            "{asked}"
        );
    }
}

#[tokio::test]
async fn who_takes_too_long_does_not_answer() {
    let (at, _task) = served(b"", true).await;
    assert_eq!(ask(&probe(at, Some("/"))).await, Answer::TimedOut);
    // Who has answered may keep the connection.
    let (at, _task) = served(b"HTTP/1.1 200 OK\r\n\r\n", true).await;
    assert_eq!(ask(&probe(at, Some("/"))).await, Answer::Good);
}
