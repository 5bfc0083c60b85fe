//! Going on with what a predecessor of the process owned (V13).

use super::fixture::{
    Bench, T0, advert, config, grouped, host, instance, lead, link, ms, notify, script, tracked,
};
use crate::{
    config::model::{Config, Version},
    engine::{
        action::Action,
        inherit::{Inherited, InheritedRouter},
        input::Input,
    },
    ownership::command::{Epoch, GateId, Report, VrId},
    time::Instant,
};
use vrrp_common::{
    maps::{CAST_MULTICAST, CHECKSUM_PLAIN, FAMILY_V4, VrKey},
    wire::GROUP_V4,
};

/// `VI_n` as the fixture has it, with this priority.
pub(super) fn router(n: u8, priority: u8) -> InheritedRouter {
    InheritedRouter {
        key: VrKey {
            ifindex: 2,
            vlan: 0,
            vrid: n,
            family: FAMILY_V4,
            cast: CAST_MULTICAST,
            pad: [0; 3],
        },
        source: host(10),
        group: GROUP_V4.into(),
        priority,
        version: 3,
        interval_cs: 100,
        sent_form: CHECKSUM_PLAIN,
    }
}

fn at(ms: i64) -> Instant {
    Instant::from_ns(T0.as_ns().saturating_add_signed(ms * 1_000_000))
}

/// Gate 5, claim 40: last advertised half a second ago, open for another second and a half.
pub(super) fn left(members: Vec<InheritedRouter>) -> Inherited {
    Inherited {
        gate: GateId(5),
        epoch: Epoch(40),
        lease_end: at(1_500),
        last_sent: at(-500),
        last_heard: None,
        members,
    }
}

fn start(config: Config, inherited: Vec<Inherited>) -> Bench {
    let mut bench = Bench::without_links();
    bench.engine.inherit(inherited);
    bench.link(link(2, "eth0"));
    bench.configure(config);
    bench
}

#[test]
fn what_is_leased_is_owned_at_once_in_the_same_claim() {
    let config = config(vec![instance(1, |it| it.notify = notify("a"))]);
    let bench = start(config, vec![left(vec![router(1, 100)])]);
    assert_eq!(bench.state(1), "MASTER");
    assert_eq!(
        (bench.status(1).gate, bench.status(1).epoch),
        (GateId(5), Epoch(40))
    );
    assert_eq!(
        bench.trace(&["close", "resume", "router", "claim", "cease", "addresses"]),
        [
            "close all but 5",
            "resume 5 priority 100",
            "router 0 priority 100 from 192.0.2.10",
            "addresses 198.51.100.1"
        ]
    );
    let Some(Action::Resume {
        epoch,
        lease_end,
        last_sent,
        adverts,
        ..
    }) = bench
        .actions()
        .find(|it| matches!(it, Action::Resume { .. }))
    else {
        panic!("resumed")
    };
    assert_eq!(
        (*epoch, *lease_end, *last_sent),
        (Epoch(40), at(1_500), at(-500))
    );
    // Peers know its checksum form; it never changes while Active.
    assert_eq!(
        adverts[0].checksum,
        crate::config::model::ChecksumPolicy::Plain
    );
    // keepalived's scripts hear of it as of any start: whether the predecessor's
    // had run, nobody knows.
    assert!(
        bench
            .trace(&["notify"])
            .iter()
            .any(|it| it.contains("/a/master"))
    );
}

#[test]
fn what_it_cannot_go_on_with_is_shut_and_waited_for() {
    type Change = fn(&mut Inherited);
    let cases: [(&str, Change); 8] = [
        ("another VRID", |it| it.members[0].key.vrid = 9),
        ("another interface", |it| it.members[0].key.ifindex = 3),
        ("another source", |it| it.members[0].source = host(11)),
        ("another interval", |it| it.members[0].interval_cs = 50),
        ("another version", |it| it.members[0].version = 2),
        ("one member more", |it| it.members.push(router(2, 100))),
        ("the lease over long ago", |it| {
            (it.lease_end, it.last_sent) = (at(-1_000), at(-3_000));
        }),
        ("somebody heard since", |it| {
            (it.lease_end, it.last_heard) = (at(-1), Some(at(-400)));
        }),
    ];
    for (what, change) in cases {
        let mut inherited = left(vec![router(1, 100)]);
        change(&mut inherited);
        let mut bench = start(config(vec![instance(1, |_| {})]), vec![inherited]);
        assert_eq!(bench.state(1), "BACKUP", "{what}");
        assert_eq!(
            bench.trace(&["close", "resume"]),
            ["close all but"],
            "{what}"
        );
        bench.until(ms(10_000));
        assert_eq!(bench.times("claim"), [lead(3_609_375)], "{what}");
    }
}

/// The stall rule: nobody can have claimed within N intervals of the last advert.
#[test]
fn a_lease_that_lapsed_lately_is_claimed_again() {
    let mut inherited = left(vec![router(1, 100)]);
    inherited.lease_end = at(-1);
    inherited.last_sent = at(-2_900);
    let mut bench = start(config(vec![instance(1, |_| {})]), vec![inherited]);
    assert_eq!(
        bench.trace(&["close", "resume", "claim"]),
        ["close all but", "claim 5"]
    );
    bench.until(ms(1));
    assert_eq!(bench.state(1), "MASTER");
    assert_eq!(bench.status(1).epoch, Epoch(41));
}

#[test]
fn a_group_goes_on_whole_or_not_at_all() {
    let two = || grouped(vec![instance(1, |_| {}), instance(2, |_| {})]);
    let bench = start(two(), vec![left(vec![router(1, 100), router(2, 100)])]);
    assert_eq!((bench.state(1), bench.state(2)), ("MASTER", "MASTER"));
    let bench = start(two(), vec![left(vec![router(1, 100)])]);
    assert_eq!((bench.state(1), bench.state(2)), ("BACKUP", "BACKUP"));
}

#[test]
fn nobody_else_gets_the_number_of_a_gate_that_goes_on() {
    let mut inherited = left(vec![router(2, 100)]);
    inherited.gate = GateId(0);
    let both = config(vec![instance(1, |_| {}), instance(2, |_| {})]);
    let bench = start(both, vec![inherited]);
    assert_eq!(
        (bench.status(1).gate, bench.status(2).gate),
        (GateId(1), GateId(0))
    );
    assert_eq!((bench.state(1), bench.state(2)), ("BACKUP", "MASTER"));
}

/// A weight that counted before the restart counts until the script has run:
/// else the restart itself would hand over.
#[test]
fn the_priority_stays_until_every_script_has_run() {
    let weighted = |init_fail| {
        let mut config = config(vec![instance(1, |it| {
            it.track_scripts = vec![tracked("a", 20), tracked("b", 0)];
        })]);
        config.scripts = vec![script("a"), script("b")];
        for script in &mut config.scripts {
            script.init_fail = init_fail;
        }
        config
    };
    for init_fail in [false, true] {
        let mut bench = start(weighted(init_fail), vec![left(vec![router(1, 120)])]);
        assert_eq!(
            (bench.state(1), bench.status(1).effective_priority),
            ("MASTER", 120),
            "init_fail {init_fail}"
        );
        bench.until(ms(1));
        bench.script_done("b", 0);
        assert_eq!(bench.status(1).effective_priority, 120);
        bench.clear();
        bench.script_done("a", 1);
        assert_eq!(bench.status(1).effective_priority, 100);
        assert_eq!(
            bench.trace(&["router", "update"]),
            [
                "router 0 priority 100 from 192.0.2.10",
                "update 0 priority 100"
            ]
        );
    }
    let mut bench = start(weighted(false), vec![left(vec![router(1, 120)])]);
    bench.until(ms(1));
    bench.script_done("b", 1);
    assert_eq!(bench.state(1), "FAULT");
    assert_eq!(bench.trace(&["cease"]), ["cease 5 resign"]);
}

/// A stronger priority is advertised before the kernel judges by it, as after a reload.
#[test]
fn a_new_priority_in_the_file_follows_after_the_old_one_was_resumed() {
    let bench = start(
        config(vec![instance(1, |it| it.priority = 150)]),
        vec![left(vec![router(1, 100)])],
    );
    assert_eq!(
        bench.trace(&["resume", "router", "update"]),
        [
            "resume 5 priority 100",
            "router 0 priority 100 from 192.0.2.10",
            "update 0 priority 150"
        ]
    );
}

/// Stamps outlive a process. One of a stronger router from before the claim is no
/// rival: it would have shut the gate in the kernel.
#[test]
fn stamps_a_predecessor_dealt_with_beat_nobody() {
    let mut bench = start(
        config(vec![instance(1, |_| {})]),
        vec![left(vec![router(1, 100)])],
    );
    let stale = crate::engine::input::Heard {
        at: at(-600),
        ..advert(host(1), 200)
    };
    bench.feed(Input::Advert(stale));
    assert_eq!(bench.state(1), "MASTER");
    bench.hear(advert(host(1), 200));
    assert_eq!(bench.state(1), "BACKUP");
}

#[test]
fn a_resumed_lease_that_ends_unasked_is_claimed_again_as_any_other() {
    let mut bench = start(
        config(vec![instance(1, |_| {})]),
        vec![left(vec![router(1, 100)])],
    );
    bench.stall(ms(1_600));
    bench.report(Report::LeaseOver {
        gate: GateId(5),
        epoch: Epoch(40),
        last_sent: at(-500),
    });
    bench.until(ms(1_700));
    assert_eq!(bench.times("claim"), [ms(1_600)]);
    assert_eq!(bench.state(1), "MASTER");
}

#[test]
fn who_leaves_makes_the_lease_long_and_takes_nothing_away() {
    let mut bench = Bench::active(config(vec![
        instance(1, |it| it.notify = notify("a")),
        instance(2, |_| {}),
    ]));
    bench.hear(crate::engine::input::Heard {
        vr: VrId(1),
        ..advert(host(1), 200)
    });
    assert_eq!(bench.state(2), "BACKUP");
    bench.clear();
    bench.feed(Input::Leave);
    assert_eq!(
        bench.trace(&[
            "prolong",
            "cease",
            "addresses",
            "vips",
            "router",
            "notify",
            "left"
        ]),
        ["prolong 0", "left"]
    );
}

#[test]
fn only_the_first_configuration_inherits() {
    let mut bench = start(config(Vec::new()), vec![left(vec![router(1, 100)])]);
    assert_eq!(bench.trace(&["close"]), ["close all but"]);
    bench.configure(config(vec![instance(1, |it| it.version = Version::V3)]));
    assert_eq!(bench.state(1), "BACKUP");
    assert_eq!(bench.trace(&["close"]).len(), 1);
}

/// In another multicast group nobody knows of the claim, and somebody else may own.
#[test]
fn another_group_inherits_nothing() {
    let config = config(vec![instance(1, |it| it.group = [239, 1, 2, 3].into())]);
    let bench = start(config, vec![left(vec![router(1, 100)])]);
    assert_eq!(bench.state(1), "BACKUP");
    assert_eq!(bench.trace(&["close", "resume"]), ["close all but"]);
}
