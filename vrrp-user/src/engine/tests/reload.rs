//! Reload: what changed changes, what did not goes on (keepalived; identity is
//! VRID, family, interface and cast).

use super::fixture::{
    Bench, advert, config, grouped, host, instance, lead, ms, notify, script, tracked, vip,
};
use crate::{
    config::model::{CommandLine, Config, Instance, LeaseMode, Unicast, UnicastPeer},
    engine::action::Action,
    ownership::command::VrId,
};

const NOTHING: [&str; 0] = [];

fn one(change: impl FnOnce(&mut Instance)) -> Config {
    config(vec![instance(1, change)])
}

/// The same again: not one action.
#[test]
fn the_same_configuration_does_nothing() {
    let mut config = grouped(vec![
        instance(1, |it| it.notify = notify("n")),
        instance(2, |it| it.track_scripts = vec![tracked("chk", 5)]),
    ]);
    config.scripts = vec![script("chk")];
    let mut bench = Bench::active(config.clone());
    bench.configure(config.clone());
    assert_eq!(bench.actions().count(), 0);
    let mut moved = config;
    moved.instances[0].line = 99;
    bench.configure(moved);
    assert_eq!(bench.actions().count(), 0);
}

/// A Backup's timer is not started again.
#[test]
fn a_backup_goes_on_waiting() {
    let mut bench = Bench::new(one(|_| {}));
    bench.until(ms(500));
    bench.hear(advert(host(1), 200));
    bench.until(ms(2_000));
    bench.configure(one(|it| it.garp.repeat = 1));
    bench.until(ms(10_000));
    assert_eq!(bench.times("claim"), [ms(500) + lead(3_609_375)]);
}

/// keepalived: a master stays a master and advertises its new priority.
#[test]
fn a_changed_priority() {
    let mut bench = Bench::active(one(|_| {}));
    bench.configure(one(|it| it.priority = 50));
    let kinds = ["router", "update", "cease", "claim", "notify"];
    let lowered = [
        "router 0 priority 50 from 192.0.2.10",
        "update 0 priority 50",
    ];
    assert_eq!(bench.trace(&kinds), lowered);
    bench.until(ms(65_000));
    bench.clear();
    bench.configure(one(|it| it.priority = 150));
    assert_eq!(bench.trace(&kinds), ["update 0 priority 150"]);
    bench.until(ms(70_000));
    let recorded = [
        "update 0 priority 150",
        "router 0 priority 150 from 192.0.2.10",
    ];
    assert_eq!(bench.trace(&kinds), recorded);
    assert_eq!(bench.state(1), "MASTER");
}

/// Its addresses are put there before they are announced (RFC 9568 §6.4.1), and the
/// old ones are left alone.
#[test]
fn an_added_address() {
    let mut bench = Bench::active(one(|_| {}));
    bench.configure(one(|it| it.addresses.push(vip(50))));
    let again = "198.51.100.50 ".repeat(5);
    assert_eq!(
        bench.trace(&["vips", "addresses", "announce", "cease", "claim"]),
        [
            "vips 198.51.100.1 198.51.100.50",
            "addresses 198.51.100.1 198.51.100.50",
            &format!("announce {}", again.trim_end()),
        ]
    );
    assert_eq!(bench.state(1), "MASTER");
    let update = bench.actions().find_map(|action| match action {
        Action::UpdateAdvert { advert, .. } => Some(advert.addresses.len()),
        _ => None,
    });
    assert_eq!(update, Some(2));
}

#[test]
fn a_removed_address() {
    let two = |it: &mut Instance| it.addresses.push(vip(50));
    let mut bench = Bench::active(one(two));
    bench.configure(one(|_| {}));
    assert_eq!(
        bench.trace(&["vips", "addresses", "announce", "cease", "claim"]),
        ["vips 198.51.100.1", "addresses 198.51.100.1"]
    );
    assert_eq!(bench.state(1), "MASTER");
}

/// A Backup's added address is fenced, not placed.
#[test]
fn an_address_added_to_a_backup() {
    let mut bench = Bench::new(one(|_| {}));
    bench.clear();
    bench.configure(one(|it| it.addresses.push(vip(50))));
    assert_eq!(
        bench.trace(&["vips", "addresses", "announce"]),
        ["vips 198.51.100.1 198.51.100.50", "addresses"]
    );
}

#[test]
fn an_added_instance_starts_and_disturbs_nobody() {
    let mut bench = Bench::active(one(|_| {}));
    bench.configure(config(vec![instance(2, |_| {}), instance(1, |_| {})]));
    assert_eq!([bench.state(1), bench.state(2)], ["MASTER", "BACKUP"]);
    assert_eq!(bench.status(1).vr, VrId(0), "its number stays");
    bench.until(ms(70_000));
    assert_eq!(bench.trace(&["cease"]), NOTHING);
    assert_eq!(bench.times("claim"), [ms(60_000) + lead(3_609_375)]);
}

/// A removed master resigns; nothing of it is left.
#[test]
fn a_removed_instance_resigns() {
    let mut bench = Bench::active(config(vec![instance(1, |_| {}), instance(2, |_| {})]));
    bench.configure(one(|_| {}));
    assert_eq!(
        bench.trace(&["cease", "router", "vips"]),
        ["cease 1 resign", "router 1 gone", "vips 198.51.100.1"]
    );
    assert_eq!(
        bench.trace(&["addresses"]).last().map(String::as_str),
        Some("addresses 198.51.100.1")
    );
    assert_eq!(bench.state(1), "MASTER");
}

/// Its gate is not given away before its last word is out.
#[test]
fn a_gate_is_free_when_it_is_quiet() {
    let mut bench = Bench::active(one(|_| {}));
    bench.answering = false;
    bench.configure(config(vec![instance(2, |_| {})]));
    assert_eq!(bench.status(2).gate.0, 1);
    bench.answering = true;
    bench.report(crate::ownership::command::Report::Ceased {
        gate: crate::ownership::command::GateId(0),
    });
    bench.configure(config(vec![instance(2, |_| {}), instance(3, |_| {})]));
    assert_eq!(bench.status(3).gate.0, 0);
}

/// keepalived: the name is not the identity.
#[test]
fn a_renamed_instance_keeps_its_state() {
    let named = |name: &str| {
        one(|it| {
            it.name = name.into();
            it.notify = notify("n");
        })
    };
    let mut bench = Bench::active(named("old"));
    bench.configure(named("new"));
    assert_eq!(bench.actions().count(), 0);
    assert_eq!(bench.status(1).name, "new");
    assert_eq!(bench.state(1), "MASTER");
    bench.hear(advert(host(1), 200));
    assert_eq!(
        bench.trace(&["notify"]),
        ["notify /n/backup", "notify /n/any INSTANCE new BACKUP 100"]
    );
}

/// Two that exchange their names keep their own state each.
#[test]
fn exchanged_names() {
    let named = |a: &str, b: &str| {
        config(vec![
            instance(1, |it| it.name = a.into()),
            instance(2, |it| it.name = b.into()),
        ])
    };
    let mut bench = Bench::new(named("a", "b"));
    bench.hear_every(ms(1_000), ms(10_000), advert(host(1), 200));
    assert_eq!([bench.state(1), bench.state(2)], ["BACKUP", "MASTER"]);
    bench.clear();
    bench.configure(named("b", "a"));
    assert_eq!([bench.state(1), bench.state(2)], ["BACKUP", "MASTER"]);
    assert_eq!(bench.status(2).name, "a");
    assert_eq!(bench.trace(&["claim", "cease"]), NOTHING);
}

/// What makes another virtual router of it: the old one resigns, the new one starts.
#[test]
fn another_identity_is_another_router() {
    let unicast = |it: &mut Instance| {
        it.unicast = Some(Unicast {
            peers: vec![UnicastPeer {
                address: host(1),
                min_ttl: 255,
                max_ttl: 255,
            }],
            check_source: false,
        });
    };
    for change in [
        (|it: &mut Instance| it.vrid = 9) as fn(&mut Instance),
        unicast,
    ] {
        let mut bench = Bench::active(one(|_| {}));
        bench.configure(one(change));
        assert_eq!(bench.trace(&["cease"]), ["cease 0 resign"]);
        assert_eq!(bench.engine.status().instances[0].state, "BACKUP");
    }
}

/// A group's name is only a name.
#[test]
fn a_renamed_group() {
    let mut bench = Bench::active(grouped(vec![instance(1, |_| {})]));
    let mut renamed = grouped(vec![instance(1, |_| {})]);
    renamed.groups[0].name = "H".into();
    bench.configure(renamed);
    assert_eq!(bench.actions().count(), 0);
    assert_eq!(bench.engine.status().groups[0].name, "H");
}

fn scripted(command: &str, fall: u32) -> Config {
    let mut config = one(|it| {
        it.track_scripts = vec![tracked("chk", 0)];
        it.notify = notify("n");
    });
    config.scripts = vec![script("chk")];
    config.scripts[0].command = CommandLine::Argv(vec![command.into()]);
    config.scripts[0].fall = fall;
    config
}

/// keepalived holds a *starting* instance until its scripts have spoken. One that
/// runs is not thrown out of office because a reload gave it another script.
#[test]
fn a_new_script_is_no_fault_before_it_fails() {
    let cases = [
        ("another command", one(|_| {}), scripted("/usr/bin/b", 1)),
        ("a new script", one(|_| {}), scripted("/usr/bin/a", 1)),
        ("another fall", one(|_| {}), scripted("/usr/bin/a", 3)),
    ];
    for (what, mut before, after) in cases {
        if what != "a new script" {
            before = scripted("/usr/bin/a", 1);
        }
        let mut bench = Bench::new(before);
        bench.until(ms(100));
        bench.script_done("chk", 0);
        bench.until(ms(10_000));
        assert_eq!(bench.state(1), "MASTER", "{what}");
        bench.clear();
        bench.configure(after);
        assert_eq!(bench.state(1), "MASTER", "{what}");
        assert_eq!(bench.trace(&["cease", "notify"]), NOTHING, "{what}");
        bench.until(ms(11_500));
        bench.script_done("chk", 0);
        assert_eq!(bench.state(1), "MASTER", "{what}");
        for _ in 0..3 {
            bench.until(bench.elapsed() + ms(1_000));
            bench.script_done("chk", 1);
        }
        assert_eq!(bench.state(1), "FAULT", "{what}");
    }
}

/// Scripts that nothing tracks any more stop.
#[test]
fn an_untracked_script_stops() {
    let mut bench = Bench::new(scripted("/usr/bin/a", 1));
    bench.until(ms(0));
    assert_eq!(bench.trace(&["run"]), ["run chk"]);
    let mut untracked = scripted("/usr/bin/a", 1);
    untracked.instances[0].track_scripts.clear();
    bench.clear();
    bench.configure(untracked);
    assert_eq!(bench.trace(&["stop"]), ["stop chk"]);
    assert_eq!(bench.state(1), "BACKUP");
    bench.until(ms(3_000));
    assert_eq!(bench.trace(&["run"]), NOTHING);
}

/// The records may hold another mode, so it is written at the start; a reload's is
/// in force at once, before anything else, and is written only where it differs.
#[test]
fn the_lease_mode_is_told_before_anything_and_at_once() {
    let with = |mode| {
        let mut config = config(vec![instance(1, |_| {})]);
        config.global.lease.mode = mode;
        config
    };
    let mut bench = Bench::active(with(LeaseMode::Enforce));
    bench.clear();
    bench.configure(with(LeaseMode::Enforce));
    assert_eq!(bench.trace(&["lease"]), NOTHING);
    bench.configure(with(LeaseMode::Observe));
    assert_eq!(bench.trace(&["lease", "cease", "claim"]), ["lease Observe"]);
    for mode in [LeaseMode::Enforce, LeaseMode::Off] {
        let mut bench = Bench::new(with(mode));
        bench.until(ms(5_000));
        let kinds = ["lease", "router", "vips", "claim"];
        assert_eq!(bench.trace(&kinds)[0], format!("lease {mode:?}"));
    }
}

/// In another multicast group somebody else may own: it resigns here, and waits there.
#[test]
fn another_multicast_group_is_another_router() {
    let mut bench = Bench::active(one(|_| {}));
    bench.configure(one(|it| it.group = [239, 1, 2, 3].into()));
    assert_eq!(bench.state(1), "BACKUP");
    assert_eq!(bench.trace(&["cease"]).len(), 1);
    let records = bench.actions().filter_map(|action| match action {
        Action::SetRouter { record, .. } => Some(record.as_ref().map(|it| it.group.to_string())),
        _ => None,
    });
    assert_eq!(records.last(), Some(Some("239.1.2.3".to_owned())));
    bench.until(ms(70_000));
    assert_eq!(bench.times("claim"), [ms(60_000) + lead(3_609_375)]);
    // Of unicast it says nothing but what an old checksum names.
    let unicast = |it: &mut Instance| {
        let peer = UnicastPeer {
            address: host(1),
            min_ttl: 255,
            max_ttl: 255,
        };
        it.unicast = Some(Unicast {
            peers: vec![peer],
            check_source: false,
        });
    };
    let mut bench = Bench::active(one(unicast));
    bench.configure(one(|it| {
        unicast(it);
        it.group = [239, 1, 2, 3].into();
    }));
    assert_eq!(bench.state(1), "MASTER");
}

/// `no_accept`, `owner_ignore_adverts`: the kernel is told, and nothing else changes.
#[test]
fn what_is_accepted_is_for_the_kernel_to_know() {
    let mut bench = Bench::active(one(|it| it.priority = 255));
    bench.configure(one(|it| {
        it.priority = 255;
        it.accept = false;
        it.ignores_adverts = true;
    }));
    assert_eq!(bench.state(1), "MASTER");
    let accepts = bench.actions().filter_map(|action| match action {
        Action::SetVips(vips) => Some(vips.iter().any(|vip| vip.accepts)),
        _ => None,
    });
    assert_eq!(accepts.collect::<Vec<_>>(), [false]);
    let ignores = bench.actions().filter_map(|action| match action {
        Action::SetRouter { record, .. } => record.as_ref().map(|it| it.ignores_adverts),
        _ => None,
    });
    assert_eq!(ignores.collect::<Vec<_>>(), [true]);
    assert_eq!(bench.trace(&["cease", "claim", "addresses"]), NOTHING);
}
