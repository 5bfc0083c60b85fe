//! Sync groups: all members or none (keepalived; ownership V10).

use super::fixture::{Bench, advert, grouped, host, instance, lead, link, ms, notify};
use crate::{
    config::model::Config,
    engine::{action::Action, input::Heard},
    ownership::command::VrId,
};

/// Two members on two interfaces.
fn pair() -> Config {
    grouped(vec![
        instance(1, |it| it.notify = notify("one")),
        instance(2, |it| {
            it.interface = "eth1".into();
            it.notify = notify("two");
        }),
    ])
}

fn bench() -> Bench {
    let mut bench = Bench::without_links();
    bench.link(link(2, "eth0"));
    bench.link(link(3, "eth1"));
    bench.configure(pair());
    bench
}

fn active() -> Bench {
    let mut bench = bench();
    bench.until(ms(60_000));
    assert_eq!([bench.state(1), bench.state(2)], ["MASTER"; 2]);
    bench.clear();
    bench
}

fn for_second(heard: Heard) -> Heard {
    Heard {
        vr: VrId(1),
        ..heard
    }
}

/// V10: the group claims when its last member may, and all at once.
#[test]
fn a_group_claims_when_every_member_may() {
    let mut bench = bench();
    bench.hear_every(ms(1_000), ms(10_000), for_second(advert(host(1), 200)));
    assert_eq!(bench.times("claim"), [], "one of them has an Active");
    bench.until(ms(30_000));
    assert_eq!(bench.times("claim"), [ms(10_000) + lead(3_609_375)]);
    let members = bench.actions().find_map(|action| match action {
        Action::Claim { adverts, .. } => Some(adverts.len()),
        _ => None,
    });
    assert_eq!(members, Some(2));
    assert_eq!([bench.state(1), bench.state(2)], ["MASTER"; 2]);
}

/// An owner in a group waits for the others.
#[test]
fn an_owner_waits_for_its_group() {
    let mut bench = Bench::new(grouped(vec![
        instance(1, |it| it.priority = 255),
        instance(2, |_| {}),
    ]));
    bench.until(ms(10_000));
    assert_eq!(bench.times("claim"), [lead(3_609_375)]);
}

/// keepalived: when one becomes BACKUP, all do. The others wait a full interval
/// from then, the beaten one from the advert.
#[test]
fn one_is_beaten_all_are_backup() {
    let mut bench = active();
    bench.hear(for_second(advert(host(1), 200)));
    assert_eq!([bench.state(1), bench.state(2)], ["BACKUP"; 2]);
    assert_eq!(
        bench.trace(&["cease", "addresses"]),
        ["cease 0", "addresses"]
    );
    bench.clear();
    bench.until(ms(70_000));
    assert_eq!(bench.times("claim"), [ms(60_000) + lead(3_609_375)]);
}

/// The winner's resignation shortens the wait of the member it was heard for only.
#[test]
fn the_others_wait_in_full() {
    let mut bench = active();
    bench.hear(for_second(advert(host(1), 200)));
    bench.until(ms(60_500));
    bench.hear(for_second(advert(host(1), 0)));
    bench.until(ms(70_000));
    assert_eq!(bench.times("claim"), [ms(60_000) + lead(3_609_375)]);
}

/// keepalived: a FAULT of one is a FAULT of all, until the last of them is over.
#[test]
fn one_fault_is_everybodys() {
    let mut bench = active();
    let mut down = link(3, "eth1");
    down.up = false;
    bench.link(down);
    assert_eq!([bench.state(1), bench.state(2)], ["FAULT"; 2]);
    assert_eq!(bench.trace(&["cease"]), ["cease 0 resign"]);
    assert_eq!(
        bench.status(1).fault_text,
        ["group member VI_2 is in FAULT"]
    );
    assert_eq!(bench.status(2).fault_text, ["interface eth1 is down"]);
    let mut also = link(2, "eth0");
    also.up = false;
    bench.link(also);
    bench.link(link(3, "eth1"));
    assert_eq!([bench.state(1), bench.state(2)], ["FAULT"; 2]);
    bench.link(link(2, "eth0"));
    assert_eq!([bench.state(1), bench.state(2)], ["BACKUP"; 2]);
    bench.clear();
    bench.until(ms(70_000));
    assert_eq!(bench.times("claim"), [ms(60_000) + lead(3_609_375)]);
}

/// keepalived 2.2.7: every instance, specific script first, then the group; at the
/// start the group comes first.
#[test]
fn notify_order_in_a_group() {
    let mut bench = bench();
    bench.until(ms(60_000));
    bench.feed(crate::engine::input::Input::Shutdown);
    bench.until(ms(60_001));
    let told: Vec<String> = bench.trace(&["notify"]);
    let mut want = Vec::new();
    for (script, state) in [("backup", "BACKUP"), ("master", "MASTER"), ("stop", "STOP")] {
        let group = [
            format!("notify /G/{script}"),
            format!("notify /G/any GROUP G {state} 0"),
        ];
        if script == "backup" {
            want.extend(group.clone());
        }
        for (prefix, name) in [("one", "VI_1"), ("two", "VI_2")] {
            want.push(format!("notify /{prefix}/{script}"));
            want.push(format!("notify /{prefix}/any INSTANCE {name} {state} 100"));
        }
        if script != "backup" {
            want.extend(group);
        }
    }
    assert_eq!(told, want);
}

/// keepalived's line for it.
#[test]
fn the_log_names_the_group() {
    let mut bench = bench();
    bench.until(ms(60_000));
    let line = "log VRRP_Group(G) Syncing instances to MASTER state";
    assert_eq!(
        bench
            .trace(&["log"])
            .iter()
            .filter(|it| *it == line)
            .count(),
        1
    );
}

/// One group's trouble is not another's.
#[test]
fn instances_outside_the_group_go_on() {
    let mut config = pair();
    config.instances.push(instance(3, |_| {}));
    let mut bench = Bench::without_links();
    bench.link(link(2, "eth0"));
    bench.link(link(3, "eth1"));
    bench.configure(config);
    bench.until(ms(60_000));
    bench.hear(advert(host(1), 200));
    assert_eq!([bench.state(1), bench.state(2)], ["BACKUP"; 2]);
    assert_eq!(bench.state(3), "MASTER");
}
