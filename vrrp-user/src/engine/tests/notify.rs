//! Notify scripts: argv, order, user. As keepalived 2.2.7 runs them.

use super::fixture::{Bench, advert, config, host, instance, link, ms, notify, script, tracked};
use crate::{
    config::model::{CommandLine, User},
    engine::{action::Action, input::Input},
};

/// The specific script with its own arguments only, then the generic one with
/// `INSTANCE NAME STATE PRIORITY` after its own.
#[test]
fn the_life_of_an_instance() {
    let mut bench = Bench::new(config(vec![instance(1, |it| {
        it.notify = notify("n");
        it.notify.any = Some(CommandLine::Argv(vec!["/n/any".into(), "mine".into()]));
        it.priority = 77;
    })]));
    let mut down = link(2, "eth0");
    down.up = false;
    bench.until(ms(20_000));
    bench.hear(advert(host(1), 200));
    bench.until(ms(40_000));
    bench.link(down);
    bench.link(link(2, "eth0"));
    bench.feed(Input::Shutdown);
    let states = [
        "BACKUP", "MASTER", "BACKUP", "MASTER", "FAULT", "BACKUP", "STOP",
    ];
    let want: Vec<String> = states
        .iter()
        .flat_map(|state| {
            [
                format!("notify /n/{}", state.to_lowercase()),
                format!("notify /n/any mine INSTANCE VI_1 {state} 77"),
            ]
        })
        .collect();
    assert_eq!(bench.trace(&["notify"]), want);
}

/// The priority a script is told is the effective one.
#[test]
fn the_effective_priority_is_told() {
    let mut config = config(vec![instance(1, |it| {
        it.notify.any = notify("n").any;
        it.track_scripts = vec![tracked("chk", 5)];
    })]);
    config.scripts = vec![script("chk")];
    let mut bench = Bench::new(config);
    bench.until(ms(0));
    bench.script_done("chk", 0);
    bench.clear();
    bench.until(ms(10_000));
    assert_eq!(
        bench.trace(&["notify"]),
        ["notify /n/any INSTANCE VI_1 MASTER 105"]
    );
}

/// MASTER is told when the gate is open, not when it is claimed; a claim that is
/// lost is told nobody.
#[test]
fn a_claim_is_nobodys_business() {
    let mut bench = Bench::new(config(vec![instance(1, |it| it.notify = notify("n"))]));
    bench.answering = false;
    bench.clear();
    bench.until(ms(5_000));
    assert!(bench.status(1).claiming);
    bench.hear(advert(host(1), 200));
    assert_eq!(bench.trace(&["notify"]), [""; 0]);
    assert_eq!(
        bench.trace(&["log"]).len(),
        2,
        "{:?}",
        bench.trace(&["log"])
    );
}

/// `user` of the script, else `script_user`.
#[test]
fn as_whom_it_runs() {
    let user = |name: &str| User {
        name: name.into(),
        group: None,
        all_groups: false,
    };
    for (own, global, want) in [
        (Some("a"), Some("b"), Some("a")),
        (None, Some("b"), Some("b")),
        (None, None, None),
    ] {
        let mut config = config(vec![instance(1, |it| {
            it.notify = notify("n");
            it.notify.user = own.map(user);
        })]);
        config.global.script_user = global.map(user);
        let mut bench = Bench::active(config);
        bench.hear(advert(host(1), 90));
        bench.feed(Input::Shutdown);
        let mut runs = 0;
        for action in bench.actions() {
            if let Action::Notify {
                user: of, queue, ..
            } = action
            {
                assert_eq!(of.as_ref().map(|it| it.name.as_str()), want);
                assert_eq!(queue, "INSTANCE VI_1");
                runs += 1;
            }
        }
        assert_eq!(runs, 3, "lower, stop, any");
    }
}

/// Without scripts nothing runs.
#[test]
fn no_scripts() {
    let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
    bench.until(ms(10_000));
    bench.feed(Input::Shutdown);
    assert_eq!(bench.trace(&["notify"]), [""; 0]);
}
