//! `xvrrpd maintenance`: hands over, then takes no part until told.

use super::fixture::{Bench, advert, config, host, instance, ms, us};
use crate::{
    config::model::Config,
    engine::input::{Heard, Input, Ticket},
    ownership::command::VrId,
};

fn ask(bench: &mut Bench, on: bool, force: bool) {
    let ticket = Some(Ticket(9));
    bench.feed(Input::Maintenance { ticket, on, force });
}

fn two() -> Config {
    config(vec![instance(1, |_| {}), instance(2, |_| {})])
}

fn beat(bench: &mut Bench, vr: u32) {
    bench.hear(Heard {
        vr: VrId(vr),
        ..advert(host(1), 90)
    });
}

const KINDS: [&str; 4] = ["cease", "answer", "remember", "claim"];

/// All that is owned is offered together; what is handed over is not given up
/// again, and whatever happens to the survivor, nothing is claimed.
#[test]
fn everything_is_handed_over_and_nothing_taken() {
    let mut bench = Bench::active(two());
    ask(&mut bench, true, false);
    let offered = ["update 0 priority 1", "update 1 priority 1"];
    assert_eq!(bench.trace(&["update"]), offered);
    assert_eq!(bench.engine.status().maintenance, "handing over");
    beat(&mut bench, 0);
    assert_eq!(bench.trace(&["answer"]), [""; 0]);
    beat(&mut bench, 1);
    assert_eq!(
        bench.trace(&KINDS),
        [
            "cease 0",
            "cease 1",
            "remember true",
            "answer done VI_1 to 192.0.2.1 VI_2 to 192.0.2.1"
        ]
    );
    bench.clear();
    bench.until(ms(200_000));
    assert_eq!(bench.trace(&KINDS), [""; 0]);
    let status = bench.status(1);
    assert_eq!((status.state, status.held), ("FAULT", false));
    let why = ["maintenance (`xvrrpd maintenance off` ends it)"];
    assert_eq!(status.fault_text, why);
    assert_eq!(bench.engine.status().maintenance, "on");
    ask(&mut bench, false, false);
    assert_eq!(bench.trace(&KINDS), ["remember false", "answer done"]);
    bench.until(ms(210_000));
    assert_eq!(bench.state(1), "MASTER", "back to what is configured");
}

/// A survivor with less priority is preempted after the end, as configured.
#[test]
fn its_end_ends_holds_too() {
    let mut bench = Bench::active(config(vec![instance(1, |_| {})]));
    ask(&mut bench, true, false);
    beat(&mut bench, 0);
    ask(&mut bench, false, false);
    bench.hear_every(ms(1_000), ms(80_000), advert(host(1), 90));
    assert_eq!(bench.state(1), "MASTER");
}

/// What nobody takes over is not abandoned, unless it is forced.
#[test]
fn what_nobody_takes_over_is_named() {
    let mut bench = Bench::active(two());
    ask(&mut bench, true, false);
    bench.until(ms(62_000));
    beat(&mut bench, 1);
    bench.until(ms(70_000));
    let why = "answer refused not in maintenance, something would be left without an owner. VI_1: nobody took over within 4.25 s: no peer is there, or none may preempt (nopreempt, preempt_delay); `--force` resigns all the same. Handed over already and held back: VI_2 (`xvrrpd handover --release NAME` takes it back)";
    assert_eq!(bench.trace(&["answer", "remember"]), [why]);
    assert_eq!(bench.state(1), "MASTER");
    assert_eq!(bench.engine.status().maintenance, "off");

    let mut bench = Bench::active(two());
    ask(&mut bench, true, true);
    bench.until(ms(62_000));
    beat(&mut bench, 1);
    bench.until(ms(64_240));
    assert_eq!(bench.trace(&["answer"]), [""; 0]);
    bench.until(ms(64_250));
    assert_eq!(
        bench.trace(&KINDS),
        [
            "cease 1",
            "cease 0 resign",
            "remember true",
            "answer done VI_2 to 192.0.2.1 VI_1"
        ]
    );
    assert_eq!(bench.state(1), "FAULT");
}

/// With nothing owned it begins at once.
#[test]
fn a_backup_has_nothing_to_hand_over() {
    let mut bench = Bench::new(two());
    bench.until(ms(1_000));
    bench.clear();
    ask(&mut bench, true, false);
    assert_eq!(bench.trace(&KINDS), ["remember true", "answer done"]);
    assert_eq!(bench.state(1), "FAULT");
    // Asked again, it is so already.
    ask(&mut bench, true, false);
    assert_eq!(bench.trace(&["answer"]), ["answer done"; 2]);
}

/// What is being claimed when it is asked for is owned first, and then handed over.
#[test]
fn a_claim_under_way_is_waited_for() {
    let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
    bench.until(us(3_609_000));
    assert!(bench.status(1).claiming);
    ask(&mut bench, true, false);
    assert_eq!(bench.trace(&["answer"]), [""; 0]);
    bench.until(ms(4_000));
    assert_eq!(bench.trace(&["update"]), ["update 0 priority 1"]);
    beat(&mut bench, 0);
    assert_eq!(bench.trace(&["answer"]), ["answer done VI_1 to 192.0.2.1"]);
}

/// A daemon that starts in it: nothing is claimed, not even by an address owner.
#[test]
fn it_is_remembered() {
    let mut bench = Bench::without_links();
    bench.feed(Input::Maintenance {
        ticket: None,
        on: true,
        force: false,
    });
    bench.link(super::fixture::link(2, "eth0"));
    bench.configure(config(vec![instance(1, |it| it.priority = 255)]));
    bench.until(ms(60_000));
    assert_eq!(bench.trace(&KINDS), [""; 0]);
    assert_eq!(bench.state(1), "FAULT");
    // And through a reload.
    bench.configure(two());
    bench.until(ms(120_000));
    assert_eq!(bench.trace(&["claim"]), [""; 0]);
}

/// `off` in the midst of it: what is offered goes on, and nothing follows.
#[test]
fn it_can_be_called_off() {
    let mut bench = Bench::active(config(vec![instance(1, |_| {})]));
    ask(&mut bench, true, false);
    ask(&mut bench, false, false);
    assert_eq!(
        bench.trace(&["answer"]),
        [
            "answer refused `maintenance off` came meanwhile",
            "answer done"
        ]
    );
    bench.until(ms(70_000));
    assert_eq!(bench.state(1), "MASTER");
    assert_eq!(bench.status(1).effective_priority, 100);
    assert_eq!(bench.engine.status().maintenance, "off");
}
