//! Giving up: shutdown (§6.4.3) and its order (ownership V8).

use super::fixture::{
    Bench, advert, config, grouped, host, instance, link, ms, notify, script, tracked,
};
use crate::{
    engine::{
        action::Action,
        input::{Input, Ticket},
    },
    ownership::{
        command::{GateId, Report, VrId},
        standing::Closing,
    },
};

const GATE: GateId = GateId(0);

/// RFC 9568 §6.4.3: an Active that stops sends priority 0. V8: shut, quiet, resign,
/// remove; keepalived runs `notify_stop` when the addresses are gone. Only then is
/// there nothing to fence.
#[test]
fn an_active_that_stops() {
    let mut bench = Bench::active(config(vec![instance(1, |it| it.notify = notify("n"))]));
    bench.feed(Input::Shutdown);
    bench.until(ms(60_001));
    assert_eq!(
        bench.trace(&["cease", "addresses", "notify", "router", "vips", "finished"]),
        [
            "cease 0 resign",
            "addresses",
            "notify /n/stop",
            "notify /n/any INSTANCE VI_1 STOP 100",
            "vips 198.51.100.1", // no longer in the stack
            "router 0 gone",
            "vips",
            "finished",
        ]
    );
    assert_eq!(bench.engine.poll_timeout(), None);
}

/// RFC 9568 §6.4.2: a Backup has nothing to resign.
#[test]
fn a_backup_that_stops() {
    let mut bench = Bench::new(config(vec![instance(1, |it| it.notify = notify("n"))]));
    bench.clear();
    bench.feed(Input::Shutdown);
    assert_eq!(
        bench.trace(&["cease", "addresses", "notify", "router", "finished"]),
        [
            "notify /n/stop",
            "notify /n/any INSTANCE VI_1 STOP 100",
            "router 0 gone",
            "finished"
        ]
    );
}

/// A claimant may have been heard: it resigns too.
#[test]
fn a_claimant_that_stops() {
    let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
    bench.answering = false;
    bench.until(ms(5_000));
    assert!(bench.status(1).claiming);
    bench.feed(Input::Shutdown);
    assert_eq!(bench.trace(&["cease"]), ["cease 0 resign"]);
    bench.report(Report::Ceased { gate: GATE });
    assert_eq!(bench.trace(&["finished"]), ["finished"]);
}

/// Finished means that priority 0 is out and every address gone.
#[test]
fn the_end_is_waited_for() {
    let mut bench = Bench::active(config(vec![instance(1, |_| {})]));
    bench.answering = false;
    bench.feed(Input::Shutdown);
    bench.until(ms(60_500));
    assert_eq!(bench.trace(&["finished"]), [""; 0]);
    bench.report(Report::Ceased { gate: GATE });
    assert_eq!(bench.trace(&["finished"]), [""; 0], "the address is there");
    bench.feed(Input::AddressPlaced {
        ifindex: 2,
        address: [198, 51, 100, 1].into(),
        present: false,
    });
    assert_eq!(bench.trace(&["finished"]), ["finished"]);
}

/// But not for ever: neither for an address nor for a transmit thread that hangs.
#[test]
fn the_end_comes_all_the_same() {
    for ceases in [true, false] {
        let mut bench = Bench::active(config(vec![instance(1, |_| {})]));
        bench.answering = false;
        bench.feed(Input::Shutdown);
        if ceases {
            bench.report(Report::Ceased { gate: GATE });
        }
        bench.until(ms(70_000));
        assert_eq!(bench.times("finished"), [ms(62_000)], "ceases: {ceases}");
    }
}

/// Each priority 0 is waited for: two given up shortly after each other are two.
#[test]
fn every_cease_is_waited_for() {
    let mut bench = Bench::active(config(vec![instance(1, |it| it.priority = 255)]));
    bench.answering = false;
    let mut down = link(2, "eth0");
    down.up = false;
    bench.link(down);
    bench.link(link(2, "eth0"));
    bench.until(ms(60_001));
    assert!(bench.status(1).claiming);
    bench.feed(Input::AddressPlaced {
        ifindex: 2,
        address: [198, 51, 100, 1].into(),
        present: false,
    });
    bench.feed(Input::Shutdown);
    assert_eq!(bench.trace(&["cease"]), ["cease 0 resign"; 2]);
    bench.report(Report::Ceased { gate: GATE });
    assert_eq!(bench.trace(&["finished"]), [""; 0], "the first of them");
    bench.report(Report::Ceased { gate: GATE });
    assert_eq!(bench.trace(&["finished"]), ["finished"]);
}

/// Nothing starts after the end has begun.
#[test]
fn a_stopping_daemon_starts_nothing() {
    let mut config = grouped(vec![instance(1, |it| {
        it.track_scripts = vec![tracked("chk", 10)];
    })]);
    config.scripts = vec![script("chk")];
    let mut bench = Bench::active(config.clone());
    bench.answering = false;
    bench.feed(Input::Shutdown);
    assert_eq!(bench.trace(&["stop"]), ["stop chk"]);
    bench.clear();
    bench.configure(config);
    bench.link(link(2, "eth0"));
    bench.script_done("chk", 0);
    let epoch = bench.epoch(VrId(0));
    bench.report(Report::Opened {
        gate: GATE,
        epoch,
        at: bench.now,
    });
    bench.feed(Input::Shutdown);
    bench.until(ms(61_500));
    assert_eq!(
        bench.trace(&[
            "claim",
            "run",
            "attach",
            "cease",
            "notify",
            "announce",
            "addresses"
        ]),
        [""; 0]
    );
}

/// With nothing configured there is nothing to wait for.
#[test]
fn an_empty_daemon_stops_at_once() {
    let mut bench = Bench::new(config(Vec::new()));
    bench.feed(Input::Shutdown);
    assert_eq!(bench.trace(&["finished"]), ["finished"]);
}

/// Why a gate is shut is in its record: each way to give up says its own.
#[test]
fn each_way_to_give_up_has_its_reason() {
    type Ending = fn(&mut Bench);
    let endings: [(Closing, Ending); 7] = [
        (Closing::Stopped, |bench| bench.feed(Input::Shutdown)),
        (Closing::Fault, |bench| {
            bench.feed(Input::LinkGone { ifindex: 2 });
        }),
        (Closing::Unconfigured, |bench| {
            bench.configure(config(Vec::new()));
        }),
        (Closing::Beaten, |bench| {
            bench.hear(advert(host(9), 200));
        }),
        (Closing::Beaten, |bench| {
            let (gate, epoch) = (GATE, bench.epoch(VrId(0)));
            bench.report(Report::Beaten { gate, epoch });
        }),
        (Closing::Handover, |bench| {
            bench.feed(Input::Handover {
                ticket: Ticket(1),
                name: "VI_1".into(),
                force: true,
            });
            bench.until(bench.elapsed() + ms(6_000));
        }),
        (Closing::Maintenance, |bench| {
            bench.feed(Input::Maintenance {
                ticket: Some(Ticket(1)),
                on: true,
                force: true,
            });
            bench.until(bench.elapsed() + ms(6_000));
        }),
    ];
    for (why, end) in endings {
        let mut bench = Bench::active(config(vec![instance(1, |_| {})]));
        bench.clear();
        end(&mut bench);
        bench.until(bench.elapsed() + ms(100));
        let reasons: Vec<Closing> = bench
            .actions()
            .filter_map(|action| match action {
                Action::Cease { why, .. } => Some(*why),
                _ => None,
            })
            .collect();
        assert_eq!(reasons, [why]);
        let line = format!("log (VI_1) gate shut: {why}");
        assert!(bench.trace(&["log"]).contains(&line), "{why}");
    }
}
