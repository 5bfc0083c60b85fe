//! Reload: who joins a sync group, who leaves one, and what that costs the others.

use super::fixture::{
    Bench, advert, config, grouped, host, instance, lead, link, ms, notify, script, tracked, vip,
};
use crate::{
    config::model::{Config, Instance},
    engine::{
        action::Action,
        input::{Heard, Input, Ticket},
    },
    ownership::command::{GateId, Report, VrId},
};

const NOTHING: [&str; 0] = [];
/// What ends or begins somebody's ownership.
const OWNING: [&str; 4] = ["claim", "cease", "part", "addresses"];

fn member(n: u8) -> Instance {
    instance(n, |it| it.notify = notify(&n.to_string()))
}

/// Instances, and those of them that the group `G` has.
fn mixed(all: &[u8], of_group: &[u8]) -> Config {
    let mut config = config(all.iter().map(|&n| member(n)).collect());
    if !of_group.is_empty() {
        let members = of_group.iter().map(|&n| member(n)).collect();
        config.groups = grouped(members).groups;
    }
    config
}

fn of(vr: u32, heard: Heard) -> Heard {
    Heard {
        vr: VrId(vr),
        ..heard
    }
}

fn states(bench: &Bench, all: &[u8]) -> Vec<&'static str> {
    all.iter().map(|&n| bench.state(n)).collect()
}

fn gates(bench: &Bench, all: &[u8]) -> Vec<u32> {
    all.iter().map(|&n| bench.status(n).gate.0).collect()
}

/// Of the VIP records that were set last: the last octet and the gate.
fn guarded(bench: &Bench) -> Vec<(String, u32)> {
    let set = bench.actions().filter_map(|action| match action {
        Action::SetVips(vips) => Some(vips),
        _ => None,
    });
    let last = set.last().expect("set");
    let one = |it: &crate::engine::action::VipRecord| (it.address.to_string(), it.gate.0);
    last.iter().map(one).collect()
}

/// The Active ones notice nothing; the new one waits for its own `Active_Down_Interval`.
#[test]
fn a_new_member_waits_beside_an_active_group() {
    let mut bench = Bench::active(mixed(&[1, 2], &[1, 2]));
    bench.configure(mixed(&[1, 2, 3], &[1, 2, 3]));
    assert_eq!(states(&bench, &[1, 2, 3]), ["MASTER", "MASTER", "BACKUP"]);
    assert_eq!(gates(&bench, &[1, 2, 3]), [0, 0, 1]);
    assert_eq!(bench.trace(&["claim", "cease", "part", "update"]), NOTHING);
    assert_eq!(
        bench.trace(&["notify"]),
        ["notify /3/backup", "notify /3/any INSTANCE VI_3 BACKUP 100"]
    );
    assert_eq!(
        bench.engine.status().groups[0].members,
        ["VI_1", "VI_2", "VI_3"]
    );
    bench.clear();
    bench.until(ms(70_000));
    assert_eq!(bench.times("claim"), [ms(60_000) + lead(3_609_375)]);
    assert_eq!(states(&bench, &[1, 2, 3]), ["MASTER"; 3]);
    assert_eq!(
        bench.trace(&["notify", "cease"]),
        ["notify /3/master", "notify /3/any INSTANCE VI_3 MASTER 100"]
    );
}

/// The new one's peer is stronger: that is no reason to give the others up.
#[test]
fn a_new_member_follows_whom_it_hears() {
    let mut bench = Bench::active(mixed(&[1], &[1]));
    bench.configure(mixed(&[1, 2], &[1, 2]));
    bench.hear_every(ms(1_000), ms(80_000), of(1, advert(host(1), 200)));
    assert_eq!(states(&bench, &[1, 2]), ["MASTER", "BACKUP"]);
    assert_eq!(bench.trace(&["cease"]), NOTHING);
}

/// Whatever ends one part's claim ends all; then one gate is for all again.
#[test]
fn parts_end_together_and_are_one_again() {
    for beaten in [0, 2] {
        let mut bench = Bench::active(mixed(&[1, 2], &[1, 2]));
        bench.configure(mixed(&[1, 2, 3], &[1, 2, 3]));
        bench.until(ms(70_000));
        bench.clear();
        bench.hear(of(beaten, advert(host(1), 200)));
        assert_eq!(states(&bench, &[1, 2, 3]), ["BACKUP"; 3], "{beaten}");
        let mut ceased = bench.trace(&["cease"]);
        ceased.sort();
        assert_eq!(ceased, ["cease 0", "cease 1"]);
        assert_eq!(gates(&bench, &[1, 2, 3]), [0; 3]);
        let all = [1, 2, 3].map(|n| (vip(n).address.to_string(), 0));
        bench.until(ms(70_001));
        assert_eq!(guarded(&bench), all);
        assert_eq!(bench.trace(&["addresses"]).last().unwrap(), "addresses");
        let told = bench.trace(&["notify"]);
        let backup = |it: &&String| it.ends_with("/backup");
        assert_eq!(told.iter().filter(backup).count(), 4, "{told:?}");
        bench.clear();
        bench.until(ms(80_000));
        // The beaten one counts from the advert, the others from then; all at once.
        assert_eq!(bench.times("claim"), [ms(70_000) + lead(3_609_375)]);
        let claimed = bench.actions().find_map(|action| match action {
            Action::Claim { adverts, .. } => Some(adverts.len()),
            _ => None,
        });
        assert_eq!(claimed, Some(3));
        assert_eq!(states(&bench, &[1, 2, 3]), ["MASTER"; 3]);
    }
}

/// A part that is beaten in the kernel, or whose lease ends, is a part that ended.
#[test]
fn a_part_the_transmit_thread_lost() {
    let mut bench = Bench::active(mixed(&[1, 2], &[]));
    bench.configure(mixed(&[1, 2], &[1, 2]));
    let epoch = bench.epoch(VrId(1));
    bench.report(Report::Beaten {
        gate: GateId(1),
        epoch,
    });
    assert_eq!(states(&bench, &[1, 2]), ["BACKUP"; 2]);
    assert_eq!(gates(&bench, &[1, 2]), [0; 2]);
}

/// One's FAULT is everybody's, in whatever part of the group.
#[test]
fn a_fault_of_a_part() {
    let on = |interface: &str| {
        let interface = interface.to_owned();
        move |it: &mut Instance| it.interface = interface
    };
    let config = |of_group: Vec<Instance>| grouped(of_group);
    let mut bench = Bench::without_links();
    bench.link(link(2, "eth0"));
    bench.link(link(3, "eth1"));
    bench.configure(config(vec![instance(1, |_| {})]));
    bench.until(ms(60_000));
    bench.configure(config(vec![instance(1, |_| {}), instance(2, on("eth1"))]));
    bench.until(ms(70_000));
    assert_eq!(states(&bench, &[1, 2]), ["MASTER"; 2]);
    bench.clear();
    let mut down = link(3, "eth1");
    down.up = false;
    bench.link(down);
    assert_eq!(states(&bench, &[1, 2]), ["FAULT"; 2]);
    let mut ceased = bench.trace(&["cease"]);
    ceased.sort();
    assert_eq!(ceased, ["cease 0 resign", "cease 1 resign"]);
    assert_eq!(
        bench.status(1).fault_text,
        ["group member VI_2 is in FAULT"]
    );
    bench.link(link(3, "eth1"));
    assert_eq!(states(&bench, &[1, 2]), ["BACKUP"; 2]);
    bench.clear();
    bench.until(ms(80_000));
    assert_eq!(bench.times("claim").len(), 1, "one again");
}

/// A script of the new member has not spoken: the others go on, and it waits.
#[test]
fn a_new_member_whose_script_is_silent() {
    let with = |all: Vec<Instance>| {
        let mut config = grouped(all);
        config.scripts = vec![script("chk")];
        config
    };
    let watched = || instance(2, |it| it.track_scripts = vec![tracked("chk", 0)]);
    let mut bench = Bench::active(with(vec![instance(1, |_| {})]));
    bench.configure(with(vec![instance(1, |_| {}), watched()]));
    bench.until(ms(70_000));
    assert_eq!(bench.state(1), "MASTER");
    assert_eq!(bench.trace(&["cease", "claim"]), NOTHING);
    bench.script_done("chk", 0);
    bench.until(ms(80_000));
    assert_eq!(states(&bench, &[1, 2]), ["MASTER"; 2]);
    assert_eq!(bench.trace(&["cease"]), NOTHING);
}

/// Active ones that become a group: nothing changes hands, and only the group is told.
#[test]
fn a_group_of_those_that_are_active() {
    let mut bench = Bench::active(mixed(&[1, 2], &[]));
    bench.configure(mixed(&[1, 2], &[1, 2]));
    let told = ["notify /G/master", "notify /G/any GROUP G MASTER 0"];
    assert_eq!(bench.trace(&["notify"]), told);
    assert_eq!(bench.actions().count(), 2);
    assert_eq!(gates(&bench, &[1, 2]), [0, 1]);
    bench.clear();
    bench.configure(mixed(&[1, 2], &[]));
    assert_eq!(bench.actions().count(), 0);
    // Each by itself again.
    bench.hear(advert(host(1), 200));
    assert_eq!(states(&bench, &[1, 2]), ["BACKUP", "MASTER"]);
}

/// Backups that become a group wait as they waited.
#[test]
fn a_group_of_backups() {
    let mut bench = Bench::new(mixed(&[1, 2], &[]));
    bench.until(ms(500));
    bench.hear(of(0, advert(host(1), 200)));
    bench.hear(of(1, advert(host(1), 200)));
    bench.until(ms(1_000));
    bench.clear();
    bench.configure(mixed(&[1, 2], &[1, 2]));
    assert_eq!(gates(&bench, &[1, 2]), [0, 0]);
    let told = ["notify /G/backup", "notify /G/any GROUP G BACKUP 0"];
    assert_eq!(bench.trace(&["notify", "cease", "claim"]), told);
    bench.until(ms(10_000));
    assert_eq!(bench.times("claim"), [ms(500) + lead(3_609_375)]);
    assert_eq!(states(&bench, &[1, 2]), ["MASTER"; 2]);
}

/// One that is Active by itself joins a group that another node owns: all of it is there.
#[test]
fn who_joins_a_group_that_is_backup_gives_way() {
    let mut bench = Bench::new(mixed(&[1, 2, 3], &[1, 2]));
    for _ in 0..60 {
        bench.hear(of(0, advert(host(1), 200)));
        bench.hear(of(1, advert(host(1), 200)));
        bench.until(bench.elapsed() + ms(1_000));
    }
    assert_eq!(states(&bench, &[1, 2, 3]), ["BACKUP", "BACKUP", "MASTER"]);
    bench.clear();
    bench.configure(mixed(&[1, 2, 3], &[1, 2, 3]));
    assert_eq!(states(&bench, &[1, 2, 3]), ["BACKUP"; 3]);
    assert_eq!(gates(&bench, &[1, 2, 3]), [0; 3]);
    assert_eq!(bench.trace(&["cease"]), ["cease 1 resign"]);
    assert_eq!(
        bench.trace(&["notify"]),
        ["notify /3/backup", "notify /3/any INSTANCE VI_3 BACKUP 100"]
    );
}

/// A member that is taken out of the file resigns, fenced first; the others notice nothing.
#[test]
fn a_removed_member() {
    let mut bench = Bench::active(mixed(&[1, 2, 3], &[1, 2, 3]));
    bench.configure(mixed(&[1, 3], &[1, 3]));
    assert_eq!(states(&bench, &[1, 3]), ["MASTER"; 2]);
    let seen = bench.trace(&["vips", "part", "addresses", "cease", "claim"]);
    assert_eq!(
        seen,
        [
            "vips 198.51.100.1 198.51.100.2 198.51.100.3",
            "part 0: 1 resign",
            "addresses 198.51.100.1 198.51.100.3",
            "vips 198.51.100.1 198.51.100.3",
            // Not managed any more.
            "addresses 198.51.100.1 198.51.100.3",
        ]
    );
    let fenced = bench.actions().find_map(|action| match action {
        Action::SetVips(vips) => Some(vips.iter().map(|it| it.gate.0).collect::<Vec<_>>()),
        _ => None,
    });
    assert_eq!(fenced, Some(vec![0, 1, 0]), "by a gate that never opened");
    assert_eq!(
        bench.trace(&["notify"]),
        ["notify /2/fault", "notify /2/any INSTANCE VI_2 FAULT 100"]
    );
}

/// A member that goes on by itself claims at once, in a gate of its own; it is not told
/// of, and neither are the others.
#[test]
fn a_member_that_leaves_and_stays_active() {
    let mut bench = Bench::active(mixed(&[1, 2, 3], &[1, 2, 3]));
    bench.configure(mixed(&[1, 2, 3], &[1, 3]));
    assert_eq!(
        bench.trace(&["vips", "router", "part", "claim", "cease", "addresses"]),
        [
            "vips 198.51.100.1 198.51.100.2 198.51.100.3",
            "part 0: 1",
            "router 1 priority 100 from 192.0.2.10",
            "claim 1",
        ]
    );
    assert_eq!(states(&bench, &[1, 3]), ["MASTER"; 2]);
    bench.until(ms(60_002));
    assert_eq!(bench.state(2), "MASTER");
    assert_eq!(bench.trace(&["notify", "addresses", "cease"]), NOTHING);
    // By itself: the others' end is not its own.
    bench.hear(of(0, advert(host(1), 200)));
    assert_eq!(states(&bench, &[1, 2, 3]), ["BACKUP", "MASTER", "BACKUP"]);
}

/// Its claim is one like any: who was heard before it is found when it is confirmed.
#[test]
fn a_member_that_leaves_does_not_open_against_a_winner() {
    let mut bench = Bench::active(mixed(&[1, 2], &[1, 2]));
    bench.stamp(ms(60_000), of(1, advert(host(1), 200)));
    bench.configure(mixed(&[1, 2], &[]));
    bench.until(ms(60_010));
    assert_eq!(states(&bench, &[1, 2]), ["MASTER", "BACKUP"]);
    assert_eq!(bench.trace(&["cease"]), ["cease 1"]);
}

/// Members that go from one group to another stay Active where both are.
#[test]
fn from_one_group_to_another() {
    let two = |first: &[u8], second: &[u8]| {
        let mut config = mixed(&[1, 2, 3, 4], first);
        let mut other = mixed(second, second).groups;
        other[0].name = "H".into();
        config.groups.extend(other);
        config
    };
    let mut bench = Bench::active(two(&[1, 2, 3], &[4]));
    bench.configure(two(&[1, 2], &[3, 4]));
    bench.until(ms(60_002));
    assert_eq!(states(&bench, &[1, 2, 3, 4]), ["MASTER"; 4]);
    assert_eq!(bench.trace(&["part", "cease"]), ["part 0: 2"]);
    bench.hear(of(3, advert(host(1), 200)));
    assert_eq!(
        states(&bench, &[1, 2, 3, 4]),
        ["MASTER", "MASTER", "BACKUP", "BACKUP"]
    );
}

/// A changed interval comes after the claim, by the rules for one (V2).
#[test]
fn who_leaves_claims_as_its_peers_know_it() {
    let mut bench = Bench::active(mixed(&[1, 2], &[1, 2]));
    let mut after = mixed(&[1, 2], &[]);
    after.instances[1].advert_interval = ms(3_000);
    bench.configure(after);
    let claimed = bench.actions().find_map(|action| match action {
        Action::Claim { adverts, .. } => Some(adverts[0].interval),
        _ => None,
    });
    assert_eq!(claimed, Some(ms(1_000)));
    bench.until(ms(60_100));
    assert_eq!(bench.trace(&["update"]), ["update 1 priority 100"]);
}

/// Both parts offer themselves, and both go.
#[test]
fn a_handover_is_of_all_parts() {
    let mut bench = Bench::active(mixed(&[1, 2], &[]));
    bench.configure(mixed(&[1, 2], &[1, 2]));
    bench.feed(Input::Handover {
        ticket: Ticket(1),
        name: "VI_2".into(),
        force: false,
    });
    bench.until(ms(60_500));
    let offered = ["update 0 priority 1", "update 1 priority 1"];
    assert_eq!(bench.trace(&["update"]), offered);
    bench.hear(of(0, advert(host(1), 50)));
    assert_eq!(states(&bench, &[1, 2]), ["BACKUP"; 2]);
    assert_eq!(bench.trace(&["answer"]), ["answer done G to 192.0.2.1"]);
    assert!(bench.status(1).held && bench.status(2).held);
    assert_eq!(bench.status(2).effective_priority, 100);
    assert!(!bench.status(2).handing_over);
}

/// A predecessor's parts go on as they were; without one of them none does.
#[test]
fn parts_of_a_predecessor() {
    use super::inherit::{left, router};
    let two = || {
        let mut second = left(vec![router(2, 100)]);
        second.gate = GateId(7);
        vec![left(vec![router(1, 100)]), second]
    };
    let start = |inherited| {
        let mut bench = Bench::without_links();
        bench.engine.inherit(inherited);
        bench.link(link(2, "eth0"));
        bench.configure(mixed(&[1, 2], &[1, 2]));
        bench
    };
    let bench = start(two());
    assert_eq!(states(&bench, &[1, 2]), ["MASTER"; 2]);
    assert_eq!(gates(&bench, &[1, 2]), [5, 7]);
    assert_eq!(bench.trace(&["close"]), ["close all but 5 7"]);
    let mut other = two();
    other[1].members[0].interval_cs = 50;
    let bench = start(other);
    assert_eq!(states(&bench, &[1, 2]), ["BACKUP"; 2]);
    assert_eq!(gates(&bench, &[1, 2])[0], gates(&bench, &[1, 2])[1]);
}

/// Nothing is left of a group that is stopped in parts.
#[test]
fn a_shutdown_of_parts() {
    let mut bench = Bench::active(mixed(&[1, 2], &[]));
    bench.configure(mixed(&[1, 2], &[1, 2]));
    bench.feed(Input::Shutdown);
    bench.until(ms(60_100));
    let ceased = ["cease 0 resign", "cease 1 resign"];
    assert_eq!(bench.trace(&["cease"]), ceased);
    assert_eq!(bench.trace(&OWNING).last().unwrap(), "addresses");
    let stops = bench.trace(&["notify"]);
    let stops = stops.iter().filter(|it| it.ends_with("/stop")).count();
    assert_eq!(stops, 3);
    assert!(bench.actions().any(|it| matches!(it, Action::Finished)));
}
