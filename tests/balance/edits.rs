//! Servers that come and go by hand and by reload, while there is traffic.

use crate::stage::{PATIENCE, Stage, VIP, conf, virtual_server};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
};
use xvrrp_tests::wait::eventually;

const WORDS: &str = "lb_algo wrr\nlb_kind DR";
const SERVICE: &str = "10.77.0.200:80";

fn text(output: &std::process::Output) -> String {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&all).into_owned()
}

/// Ends the load, also when a test fails: it would go on for ever.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[track_caller]
fn edit(stage: &Stage, words: &[&str]) {
    let output = stage.lvs(0, words);
    assert!(output.status.success(), "{}", text(&output));
}

/// A server is drained, taken out, and put in again, under load: no request fails.
#[test]
fn a_server_goes_and_comes_without_an_error() {
    let stage = Stage::with_one(&virtual_server(VIP, WORDS, &[1, 1, 1]));
    let (stop, done) = (AtomicBool::new(false), AtomicU32::new(0));
    thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut failed = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                if let Err(error) = stage.get(VIP) {
                    failed.push(error.to_string());
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
            failed
        });
        let loaded = Stop(&stop);
        let some_more = || {
            let before = done.load(Ordering::Relaxed);
            eventually(PATIENCE, "more requests", || {
                match done.load(Ordering::Relaxed) - before {
                    0..30 => Err("few".to_owned()),
                    _ => Ok(()),
                }
            });
        };
        some_more();
        edit(&stage, &["drain", SERVICE, "10.77.0.4"]);
        some_more();
        edit(&stage, &["remove", SERVICE, "10.77.0.4:80"]);
        some_more();
        edit(&stage, &["restore", SERVICE]);
        some_more();
        drop(loaded);
        let failed = load.join().expect("no panic");
        assert!(failed.is_empty(), "{failed:?}");
    });
}

/// What an edit does, how it is shown, and that a reload ends it.
#[test]
fn edits_are_shown_and_end_with_a_reload() {
    let services = virtual_server(VIP, WORDS, &[1, 1, 1]);
    let mut stage = Stage::with_one(&services);
    edit(&stage, &["drain", SERVICE, "10.77.0.4"]);
    edit(&stage, &["weight", SERVICE, "10.77.0.5", "3"]);
    assert_eq!(stage.spread(VIP, 8), BTreeMap::from([(0, 2), (2, 6)]));
    let shown = text(&stage.lvs(0, &["-ln"]));
    for line in [
        "TCP  10.77.0.200:80 wrr\n",
        "  -> 10.77.0.4:80                 Route   0 ",
        "  -> 10.77.0.5:80                 Route   3 ",
        "10.77.0.4:80 drained by hand, until the next reload",
        "10.77.0.5:80 weight 3 by hand",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    for (words, why) in [
        (
            &["drain", "10.77.0.200:81", "10.77.0.4"][..],
            "write one of these: TCP ",
        ),
        (&["drain", SERVICE, "10.77.0.99"][..], "10.77.0.99"),
        (
            &["add", SERVICE, "10.77.0.4"][..],
            "change it with `weight`",
        ),
        (&["weight", SERVICE, "10.77.0.4", "65536"][..], "65535"),
    ] {
        let output = stage.lvs(0, words);
        assert!(!output.status.success(), "{words:?}");
        assert!(text(&output).contains(why), "{words:?}: {}", text(&output));
    }
    stage.reload(0, &conf(200, &services));
    eventually(PATIENCE, "as in the file", || {
        let shown = text(&stage.lvs(0, &[]));
        if shown.contains("by hand") || !shown.contains("10.77.0.4:80                 Route   1 ") {
            return Err(shown);
        }
        Ok(())
    });
    assert_eq!(
        stage.spread(VIP, 6),
        BTreeMap::from([(0, 2), (1, 2), (2, 2)])
    );
}

/// A reload that adds a server leaves connections where they are.
#[test]
fn connections_survive_a_reload() {
    let mut stage = Stage::new(&virtual_server(VIP, WORDS, &[1, 1, 1]));
    stage.start(0, &conf(200, &virtual_server(VIP, WORDS, &[1, 1])));
    stage.await_owner(0);
    stage.await_ready();
    let mut held: Vec<_> = (0..4)
        .map(|_| stage.connect(VIP).expect("it connects"))
        .collect();
    let before: Vec<usize> = held
        .iter_mut()
        .map(|it| stage.ask(it).expect("an answer").0)
        .collect();
    stage.reload(0, &conf(200, &virtual_server(VIP, WORDS, &[1, 5, 9])));
    eventually(PATIENCE, "three servers", || {
        let picture = stage.lvs_json(0)?;
        match picture["services"][0]["servers"].as_array().map(Vec::len) {
            Some(3) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let after: Vec<usize> = held
        .iter_mut()
        .map(|it| stage.ask(it).expect("an answer").0)
        .collect();
    assert_eq!(before, after);
}
