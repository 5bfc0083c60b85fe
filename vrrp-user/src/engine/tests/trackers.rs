//! Files, processes and services that instances track: into FAULT and out of it, the
//! effective priority, and what a reload keeps (keepalived 2.2.7; services are ours).

use super::fixture::{Bench, config, grouped, instance, link, ms, tracked};
use crate::{
    config::model::{
        Config, Instance, Probe, ProcessPattern, TrackFile, TrackProcess, Tracked, TrackerKind,
    },
    engine::input::{Answer, Cause, Content, Input},
};
use core::time::Duration;

/// `f`, `p` and `t` (TCP), asked every second.
fn with(mut config: Config) -> Config {
    config.files = vec![TrackFile {
        name: "f".into(),
        path: "/run/f".into(),
        init: None,
    }];
    config.processes = vec![TrackProcess {
        name: "p".into(),
        pattern: ProcessPattern {
            command: "nginx".into(),
            full_command: false,
            parameters: None,
        },
        quorum: 1,
        quorum_max: None,
        fork_delay: Duration::ZERO,
        terminate_delay: ms(500),
        weight: 0,
    }];
    config.probes = vec![Probe {
        name: "t".into(),
        address: [192, 0, 2, 80].into(),
        port: 80,
        request: None,
        interval: ms(1_000),
        timeout: ms(1_000),
        rise: 1,
        fall: 2,
        init_fail: false,
    }];
    config
}

fn one(change: impl FnOnce(&mut Instance)) -> Config {
    with(config(vec![instance(1, change)]))
}

fn says(bench: &mut Bench, text: &str) {
    bench.feed(Input::FileRead {
        name: "f".into(),
        content: Content::Octets(text.into()),
    });
}

fn counted(bench: &mut Bench, count: u32, cause: Cause) {
    let name = "p".into();
    bench.feed(Input::ProcessesCounted { name, count, cause });
}

fn answers(bench: &mut Bench, answer: Answer) {
    let (kind, name) = (TrackerKind::Tcp, "t".into());
    bench.feed(Input::Probed { kind, name, answer });
}

fn refused() -> Answer {
    Answer::Failed("Connection refused".into())
}

fn effective(bench: &Bench) -> u8 {
    bench.status(1).effective_priority
}

/// Of what is tracked, the first: value, effect, change.
fn row(bench: &Bench) -> (String, &'static str, i32) {
    let it = bench.status(1).tracked.swap_remove(0);
    (it.value, it.effect, it.change)
}

#[test]
fn a_file_moves_the_priority_and_may_say_fault() {
    let mut bench = Bench::new(one(|it| it.track_files = vec![tracked("f", 2)]));
    assert_eq!(bench.trace(&["files"]), ["files f at start"]);
    bench.until(ms(30_000));
    assert_eq!(bench.state(1), "INIT", "not read yet");
    assert_eq!(row(&bench), ("unknown".into(), "pending", 0));
    says(&mut bench, "5\n");
    assert_eq!((bench.state(1), effective(&bench)), ("BACKUP", 110));
    bench.until(ms(60_000));
    assert_eq!(bench.state(1), "MASTER");
    assert_eq!(row(&bench), ("5".into(), "priority", 10));
    bench.clear();
    says(&mut bench, "-20\n");
    assert_eq!((bench.state(1), effective(&bench)), ("MASTER", 60));
    assert_eq!(
        bench.trace(&["update", "log"]),
        [
            "log track_file f: value 5 -> -20",
            "log (VI_1) Changing effective priority from 110 to 60",
            "update 0 priority 60",
        ]
    );
    says(&mut bench, "-127\n");
    assert_eq!((bench.state(1), effective(&bench)), ("FAULT", 100));
    assert_eq!(bench.status(1).fault_text, ["tracked file f says FAULT"]);
    says(&mut bench, "-126\n");
    assert_eq!((bench.state(1), effective(&bench)), ("BACKUP", 1));
    let name = "f".into();
    let content = Content::Missing;
    bench.feed(Input::FileRead { name, content });
    assert_eq!(effective(&bench), 100);
}

/// Weight 0: any value but 0 is FAULT, and with `reverse` 0 is.
#[test]
fn a_file_without_weight_says_fault_or_nothing() {
    for (reverse, good, bad) in [(false, "0", "1"), (true, "1", "0")] {
        let mut bench = Bench::new(one(|it| {
            it.track_files = vec![Tracked {
                reverse,
                ..tracked("f", 0)
            }];
        }));
        says(&mut bench, bad);
        assert_eq!((bench.state(1), row(&bench).1), ("FAULT", "fault"));
        says(&mut bench, good);
        assert_eq!((bench.state(1), row(&bench).1), ("BACKUP", "none"));
    }
}

#[test]
fn a_process_has_its_delay_and_is_over_after_it() {
    let mut bench = Bench::new(one(|it| it.track_processes = vec![tracked("p", 0)]));
    assert_eq!(bench.trace(&["processes"]), ["processes p"]);
    assert_eq!(bench.state(1), "INIT", "not counted yet");
    counted(&mut bench, 1, Cause::Count);
    bench.until(ms(30_000));
    assert_eq!(bench.state(1), "MASTER");
    bench.clear();
    // Restarted within the delay: nothing happens.
    counted(&mut bench, 0, Cause::Exit);
    bench.until(ms(30_400));
    counted(&mut bench, 1, Cause::Exec);
    bench.until(ms(40_000));
    assert_eq!(bench.state(1), "MASTER");
    assert_eq!(bench.trace(&["cease", "log"]), [""; 0]);
    counted(&mut bench, 0, Cause::Exit);
    bench.until(ms(40_499));
    assert_eq!(bench.state(1), "MASTER");
    bench.until(ms(40_500));
    assert_eq!(bench.state(1), "FAULT");
    assert_eq!(bench.trace(&["cease"]), ["cease 0 resign"]);
    let log = bench.trace(&["log"]);
    assert_eq!(log[0], "log Quorum lost for tracked process p");
    counted(&mut bench, 1, Cause::Exec);
    assert_eq!(bench.state(1), "BACKUP");
}

#[test]
fn a_service_is_asked_again_and_again_like_a_script() {
    let mut bench = Bench::new(one(|it| it.track_tcp = vec![tracked("t", 0)]));
    bench.until(ms(0));
    assert_eq!(bench.trace(&["probe"]), ["probe t"]);
    bench.until(ms(5_000));
    assert_eq!(bench.trace(&["probe"]), ["probe t"], "one at a time");
    assert_eq!(bench.state(1), "INIT", "no answer yet");
    answers(&mut bench, Answer::Good);
    assert_eq!(bench.state(1), "BACKUP");
    for (second, state) in [(6, "BACKUP"), (7, "FAULT")] {
        bench.until(ms(second * 1_000));
        answers(&mut bench, refused());
        assert_eq!(bench.state(1), state, "fall 2");
    }
    assert_eq!(bench.status(1).fault_text, ["tracked TCP service t fails"]);
    bench.until(ms(8_000));
    answers(&mut bench, Answer::Good);
    assert_eq!(bench.state(1), "BACKUP");
    // What is not tracked is not asked, and its answer is of no interest.
    bench.clear();
    bench.configure(one(|_| {}));
    bench.until(ms(20_000));
    assert_eq!(bench.trace(&["probe"]), [""; 0]);
    answers(&mut bench, refused());
    assert_eq!(bench.state(1), "MASTER");
}

/// Weights of all kinds, at once.
#[test]
fn all_weights_add_up_and_reverse_turns_them() {
    let weigh = |reverse| {
        one(move |it| {
            let weight = |name: &str, weight| {
                vec![Tracked {
                    reverse,
                    ..tracked(name, weight)
                }]
            };
            it.track_interfaces = weight("eth9", -7);
            it.track_files = weight("f", 3);
            it.track_processes = weight("p", 20);
            it.track_tcp = weight("t", -30);
        })
    };
    // -7 (eth9 is missing), -15 (the file), +20 (enough processes), -30 (no answer).
    for (reverse, want) in [(false, 68), (true, 132)] {
        let mut bench = Bench::new(weigh(reverse));
        says(&mut bench, "-5");
        counted(&mut bench, 2, Cause::Count);
        bench.until(ms(0));
        answers(&mut bench, Answer::Good);
        for second in 1..=2 {
            bench.until(ms(second * 1_000));
            answers(&mut bench, refused());
        }
        assert_eq!(effective(&bench), want, "reverse {reverse}");
        bench.link(link(9, "eth9"));
        let with_eth9 = if reverse { want - 7 } else { want + 7 };
        assert_eq!(effective(&bench), with_eth9);
    }
}

#[test]
fn a_reload_keeps_what_is_known() {
    let conf = |weight| {
        one(|it| {
            it.track_files = vec![tracked("f", weight)];
            it.track_processes = vec![tracked("p", 0)];
            it.track_tcp = vec![tracked("t", 0)];
        })
    };
    let mut bench = Bench::new(conf(1));
    says(&mut bench, "5");
    counted(&mut bench, 1, Cause::Count);
    bench.until(ms(0));
    answers(&mut bench, Answer::Good);
    bench.until(ms(30_000));
    assert_eq!((bench.state(1), effective(&bench)), ("MASTER", 105));
    bench.clear();
    bench.configure(conf(2));
    assert_eq!((bench.state(1), effective(&bench)), ("MASTER", 110));
    let looks = ["files", "processes", "probe", "stop", "cease"];
    assert_eq!(bench.trace(&looks), [""; 0], "nothing is looked at anew");
    // One that is not tracked any more is no longer watched.
    bench.configure(one(|_| {}));
    assert_eq!(bench.trace(&["files", "processes"]), ["files", "processes"]);
    assert_eq!((bench.state(1), effective(&bench)), ("MASTER", 100));
}

/// What a sync group tracks is its members', so that they fail together.
#[test]
fn a_group_fails_as_a_whole() {
    let track = |it: &mut Instance| it.track_files = vec![tracked("f", 0)];
    let mut bench = Bench::new(with(grouped(vec![instance(1, track), instance(2, |_| {})])));
    says(&mut bench, "0");
    bench.until(ms(30_000));
    assert_eq!([bench.state(1), bench.state(2)], ["MASTER"; 2]);
    says(&mut bench, "1");
    assert_eq!([bench.state(1), bench.state(2)], ["FAULT"; 2]);
}
