use super::{
    By, Found, Outlet, Tracking,
    connector::{Connector, Event, News},
    processes::name_in,
};
use crate::{
    config::model::{Parameters, ProcessPattern},
    engine::input::{Cause, Input},
};
use std::{
    process::{Child, Command},
    time::Duration,
};
use tokio::{sync::mpsc, time::timeout};

/// A process nobody else has: `sleep` for a number of seconds of this test's own.
fn sleeper(seconds: u32) -> Child {
    let mut sleep = Command::new("sleep");
    sleep.arg(seconds.to_string()).spawn().expect("sleep")
}

fn pattern(seconds: u32) -> ProcessPattern {
    ProcessPattern {
        command: "sleep".into(),
        full_command: true,
        parameters: Some(Parameters::Exactly(vec![seconds.to_string()])),
    }
}

async fn next(found: &mut mpsc::Receiver<Found>) -> (u32, Cause) {
    let waited = timeout(Duration::from_secs(5), found.recv()).await;
    let found = waited.expect("in time").expect("the thread goes on");
    match found.input {
        Input::ProcessesCounted { count, cause, .. } => (count, cause),
        other => panic!("{other:?}"),
    }
}

fn end(mut child: Child) {
    child.kill().expect("running");
    child.wait().expect("reaped");
}

#[tokio::test]
async fn processes_are_counted_as_they_come_and_go() {
    let seconds = 100_000 + std::process::id();
    let first = sleeper(seconds);
    let (mut tracking, mut found) = Tracking::new();
    let wanted = vec![("p".to_owned(), pattern(seconds))];
    // The child is `sleep` as soon as `spawn` returns.
    tracking.watch_processes(wanted).expect("a thread");
    assert_eq!(next(&mut found).await, (1, Cause::Count));
    let second = sleeper(seconds);
    assert_eq!(next(&mut found).await.0, 2);
    end(first);
    assert_eq!(next(&mut found).await.0, 1);
    end(second);
    assert_eq!(next(&mut found).await.0, 0);
}

/// What a kernel that tells nothing leaves: every count is of all.
#[tokio::test]
async fn without_the_kernel_they_are_counted_every_second() {
    let seconds = 200_000 + std::process::id();
    let (send, mut found) = mpsc::channel(16);
    let out = Outlet {
        send,
        by: By::Processes(1),
    };
    let (stop, stopped) = super::Stop::new().expect("an eventfd");
    let mut watcher = super::processes::Watcher::new(vec![("p".into(), pattern(seconds))], out);
    let thread = std::thread::spawn(move || watcher.poll(&stopped));
    assert_eq!(next(&mut found).await, (0, Cause::Count));
    let child = sleeper(seconds);
    assert_eq!(next(&mut found).await, (1, Cause::Count));
    end(child);
    assert_eq!(next(&mut found).await, (0, Cause::Count));
    drop(stop);
    thread.join().expect("it ends when told");
}

/// In the first network namespace, that is: elsewhere the kernel refuses.
#[test]
fn the_kernel_tells_of_exec_and_exit() {
    let Ok(connector) = Connector::open() else {
        eprintln!("this kernel or namespace has no process connector: not tested");
        return;
    };
    let child = sleeper(300_000);
    let pid = child.id().cast_signed();
    end(child);
    let mut seen = Vec::new();
    for _ in 0..100 {
        loop {
            match connector.next().expect("news") {
                News::Event(event) => seen.push(event),
                News::Nothing => break,
                News::Other | News::Lost => {}
            }
        }
        if seen.contains(&Event::Exit { pid }) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let of_child =
        |event: &&Event| **event == Event::Exec { pid } || **event == Event::Exit { pid };
    let seen: Vec<_> = seen.iter().filter(of_child).collect();
    assert_eq!(seen, [&Event::Exec { pid }, &Event::Exit { pid }]);
}

#[test]
fn names_with_anything_in_them_and_zombies() {
    let cases: [(&[u8], Option<&[u8]>); 5] = [
        (b"7 (sleep) S 1 7", Some(b"sleep")),
        (b"7 (a) b (c) R 1 7", Some(b"a) b (c")),
        (b"7 (sleep) Z 1 7", None),
        (b"7 (sleep", None),
        (b"", None),
    ];
    for (stat, want) in cases {
        assert_eq!(name_in(stat).as_deref(), want);
    }
}
