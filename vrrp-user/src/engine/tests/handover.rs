//! `xvrrpd handover`: a gap for nobody, an owner at every moment, an answer for who asked.

use super::fixture::{Bench, advert, config, grouped, host, instance, link, ms, us};
use crate::{
    config::model::Config,
    engine::input::{Heard, Input, Ticket},
    ownership::command::{GateId, Report, VrId},
};
use core::time::Duration;

/// Three adverts and the skew of priority 1, and what we allow for lateness.
const PATIENCE: Duration = us(4_246_093);

/// Something that ends a reign.
type Happens = fn(&mut Bench);

fn ask(bench: &mut Bench, name: &str, force: bool) {
    bench.feed(Input::Handover {
        ticket: Ticket(7),
        name: name.into(),
        force,
    });
}

fn release(bench: &mut Bench, name: &str) {
    bench.feed(Input::Release {
        ticket: Ticket(8),
        name: name.into(),
    });
}

/// Active since long, and asked to hand over one second ago.
fn offering(config: Config, force: bool) -> Bench {
    let mut bench = Bench::active(config);
    ask(&mut bench, "VI_1", force);
    bench.until(ms(61_000));
    bench
}

/// Handed over to host 1, which has priority 90.
fn handed_over(change: impl FnOnce(&mut crate::config::model::Instance)) -> Bench {
    let mut bench = offering(config(vec![instance(1, change)]), false);
    bench.hear(Heard {
        revoked: true,
        ..advert(host(1), 90)
    });
    assert_eq!(bench.state(1), "BACKUP");
    bench
}

/// A weaker form is recorded before it is advertised; the winner's advert shuts the
/// gate; nothing is resigned, because the winner is there.
#[test]
fn a_backup_that_preempts_takes_over_without_a_gap() {
    let kinds = ["router", "update", "cease", "answer"];
    for priority in [100, 255] {
        let mut bench = offering(config(vec![instance(1, |it| it.priority = priority)]), true);
        let from = "from 192.0.2.10";
        let offer = [
            format!("router 0 priority 1 {from}"),
            "update 0 priority 1".into(),
        ];
        assert_eq!(bench.trace(&kinds), offer, "{priority}");
        assert_eq!(bench.state(1), "MASTER");
        assert!(bench.status(1).handing_over);
        bench.until(ms(63_600));
        bench.clear();
        bench.hear(Heard {
            revoked: true,
            ..advert(host(1), 90)
        });
        let end = [
            "cease 0".into(),
            "answer done VI_1 to 192.0.2.1".into(),
            format!("router 0 priority {priority} {from}"),
        ];
        assert_eq!(bench.trace(&kinds), end, "{priority}");
        let status = bench.status(1);
        assert_eq!((status.state, status.held), ("BACKUP", true));
        assert_eq!(status.reason, "handed over to 192.0.2.1");
    }
}

/// The transmit thread may notice first that the gate is shut: by whom, the advert tells.
#[test]
fn who_took_over_is_learned_later() {
    let mut bench = offering(config(vec![instance(1, |_| {})]), false);
    let epoch = bench.epoch(VrId(0));
    let gate = GateId(0);
    bench.report(Report::Beaten { gate, epoch });
    assert_eq!(bench.state(1), "BACKUP");
    assert_eq!(bench.trace(&["answer"]), [""; 0]);
    bench.hear(advert(host(1), 90));
    assert_eq!(bench.trace(&["answer"]), ["answer done VI_1 to 192.0.2.1"]);
}

/// Nobody there, or nobody who preempts: we own all the time, and say so.
#[test]
fn nobody_takes_over() {
    let mut bench = offering(config(vec![instance(1, |_| {})]), false);
    bench.until(ms(59_999) + PATIENCE);
    assert_eq!(bench.trace(&["answer"]), [""; 0]);
    bench.clear();
    bench.until(ms(70_000));
    let trace = bench.trace(&["router", "update", "cease", "answer"]);
    let why = "answer refused VI_1: nobody took over within 4.25 s: no peer is there, or none may preempt (nopreempt, preempt_delay); `--force` resigns all the same";
    // The stronger form is advertised before it is recorded.
    assert_eq!(
        trace,
        [
            why,
            "update 0 priority 100",
            "router 0 priority 100 from 192.0.2.10"
        ]
    );
    let answered = bench.times("answer")[0];
    assert!(answered >= ms(60_000) + PATIENCE && answered < ms(60_000) + PATIENCE + us(2));
    let status = bench.status(1);
    assert_eq!((status.state, status.held), ("MASTER", false));
    assert!(!status.handing_over);
}

/// What a peer waits for, whatever we wait for ourselves: version 2 counts its skew
/// in seconds, and the slowest member of a group is waited for.
#[test]
fn patience_is_a_peers_longest_timer() {
    use crate::config::model::Version;
    let of = |version, interval, adverts| {
        grouped(vec![
            instance(1, |_| {}),
            instance(2, |it| {
                it.version = version;
                it.advert_interval = ms(interval);
                it.down_timer_adverts = adverts;
            }),
        ])
    };
    let cases = [
        (of(Version::V3, 10, 3), PATIENCE),
        (of(Version::V3, 2_000, 3), us(8_242_187)),
        (of(Version::V3, 2_000, 1), us(8_242_187)),
        (of(Version::V3, 2_000, 5), us(12_242_187)),
        (of(Version::V2, 2_000, 3), us(7_246_093)),
    ];
    for (number, (config, patience)) in cases.into_iter().enumerate() {
        let mut bench = Bench::active(config);
        ask(&mut bench, "G", false);
        bench.until(ms(80_000));
        let answered = bench.times("answer")[0];
        let want = ms(60_000) + patience;
        assert!(
            answered >= want && answered < want + us(2),
            "{number}: {answered:?}"
        );
    }
}

/// `--force`: whoever does not preempt follows a priority 0.
#[test]
fn a_backup_that_does_not_preempt_is_left_no_choice() {
    let mut bench = offering(config(vec![instance(1, |_| {})]), true);
    bench.until(ms(64_300));
    let ceased = ["cease 0 resign", "router 0 priority 100 from 192.0.2.10"];
    let trace = bench.trace(&["cease", "router", "answer"]);
    assert_eq!(trace[1..], ceased);
    assert_eq!(bench.state(1), "BACKUP");
    bench.until(ms(64_900));
    bench.hear(advert(host(1), 50));
    assert_eq!(bench.trace(&["answer"]), ["answer done VI_1 to 192.0.2.1"]);
    assert!(bench.status(1).held);
}

/// `--force` and nobody there: taken back after our own timer.
#[test]
fn what_nobody_wants_is_taken_back() {
    let mut bench = offering(config(vec![instance(1, |_| {})]), true);
    bench.until(ms(70_000));
    let trace = bench.trace(&["cease", "claim", "answer"]);
    let why = "answer refused VI_1: nobody took over within 7.86 s, even though it had given up: no peer is there; it is MASTER here again";
    assert_eq!(trace, ["cease 0 resign", "claim 0", why]);
    let status = bench.status(1);
    assert_eq!((status.state, status.held), ("MASTER", false));
}

/// At once, with the reason.
#[test]
fn what_cannot_be_handed_over() {
    let mut bench = Bench::new(config(vec![instance(1, |_| {}), instance(2, |_| {})]));
    let cases = [
        (
            "VI_1",
            "VI_1 is BACKUP here, not MASTER: there is nothing to hand over",
        ),
        (
            "VI_3",
            "there is no instance or group VI_3 here: did you mean VI_1?",
        ),
        (
            "web-front",
            "there is no instance or group web-front here: there are VI_1, VI_2",
        ),
    ];
    for (name, why) in cases {
        bench.clear();
        ask(&mut bench, name, false);
        assert_eq!(bench.trace(&["answer"]), [format!("answer refused {why}")]);
    }
    let mut down = link(2, "eth0");
    down.up = false;
    bench.link(down);
    bench.clear();
    ask(&mut bench, "VI_1", true);
    let why = "answer refused VI_1 is in FAULT here and owns nothing: interface eth0 is down";
    assert_eq!(bench.trace(&["answer"]), [why]);

    let mut bench = offering(config(vec![instance(1, |_| {})]), false);
    ask(&mut bench, "VI_1", true);
    let why = "answer refused VI_1 is being handed over already";
    assert_eq!(bench.trace(&["answer"]), [why]);
}

/// Held back: whoever took over stays, whatever its priority, until it is silent.
#[test]
fn held_back_until_the_survivor_is_silent() {
    for priority in [100, 255] {
        let mut bench = handed_over(|it| it.priority = priority);
        bench.clear();
        bench.hear_every(ms(1_000), ms(90_000), advert(host(1), 90));
        assert_eq!(bench.trace(&["claim"]), [""; 0], "{priority}");
        let heard = bench.elapsed();
        bench.until(ms(100_000));
        let claimed = bench.times("claim")[0];
        assert!(claimed >= heard + ms(2_000), "{priority}: {claimed:?}");
        let status = bench.status(1);
        assert_eq!((status.state, status.held), ("MASTER", false), "{priority}");
    }
}

#[test]
fn held_back_until_released() {
    let mut bench = handed_over(|_| {});
    bench.hear_every(ms(1_000), ms(70_000), advert(host(1), 90));
    bench.clear();
    release(&mut bench, "VI_1");
    assert_eq!(bench.trace(&["answer"]), ["answer done"]);
    bench.hear_every(ms(1_000), ms(80_000), advert(host(1), 90));
    assert_eq!(bench.state(1), "MASTER", "it preempts again");
    release(&mut bench, "VI_1");
    let why = "answer refused VI_1 is not held back: nothing to release";
    assert_eq!(bench.trace(&["answer"])[1], why);
}

/// A fault in between does not make an owner forget that it is held back.
#[test]
fn held_back_through_a_fault_and_a_reload() {
    let owner = |it: &mut crate::config::model::Instance| it.priority = 255;
    let mut bench = handed_over(owner);
    let mut down = link(2, "eth0");
    down.up = false;
    bench.link(down);
    assert_eq!(bench.state(1), "FAULT");
    bench.link(link(2, "eth0"));
    bench.configure(grouped(vec![instance(1, owner), instance(2, |_| {})]));
    bench.clear();
    bench.hear_every(ms(1_000), ms(80_000), advert(host(1), 90));
    assert_eq!(bench.trace(&["claim"]), [""; 0]);
    assert!(bench.status(1).held);
}

/// A sync group goes as a whole, by any member's name or its own.
#[test]
fn a_group_is_handed_over_as_one() {
    for name in ["G", "VI_1", "VI_2"] {
        let mut bench = Bench::active(grouped(vec![instance(1, |_| {}), instance(2, |_| {})]));
        ask(&mut bench, name, false);
        assert_eq!(
            bench.trace(&["update"]),
            ["update 0 priority 1", "update 1 priority 1"],
            "{name}"
        );
        bench.hear(Heard {
            vr: VrId(1),
            ..advert(host(1), 90)
        });
        assert_eq!(bench.trace(&["answer"]), ["answer done G to 192.0.2.1"]);
        for n in [1, 2] {
            let status = bench.status(n);
            assert_eq!((status.state, status.held), ("BACKUP", true), "{name}");
            assert_eq!(status.effective_priority, 100);
        }
    }
}

/// What ends a reign ends its handover: whoever asked hears of it.
#[test]
fn a_handover_that_something_else_ends() {
    let faults = |bench: &mut Bench| {
        let mut down = link(2, "eth0");
        down.up = false;
        bench.link(down);
    };
    let cases: [(&str, Happens, &str); 3] = [
        (
            "fault",
            faults,
            "VI_1: it went to FAULT meanwhile: interface eth0 is down",
        ),
        (
            "shutdown",
            |bench| bench.feed(Input::Shutdown),
            "VI_1: it went to INIT meanwhile: shutdown",
        ),
        (
            "reload",
            |bench| bench.configure(config(vec![instance(2, |_| {})])),
            "VI_1: it went to INIT meanwhile: no longer configured",
        ),
    ];
    for (what, happens, why) in cases {
        let mut bench = offering(config(vec![instance(1, |_| {})]), true);
        happens(&mut bench);
        assert_eq!(
            bench.trace(&["cease", "answer"]),
            ["cease 0 resign".to_owned(), format!("answer refused {why}")],
            "{what}"
        );
    }
}
