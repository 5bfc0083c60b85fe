//! Signs of another owner: what is told of them, how often, and what is done.

use super::fixture::{Bench, T0, advert, config, grouped, host, instance, ms, notify, us};
use crate::{
    config::model::Instance,
    engine::input::{ConflictKind, Heard, Input},
    ownership::command::{GateId, Report, VrId},
};
use core::time::Duration;

const INTERVAL: Duration = ms(100);

fn fast(change: impl FnOnce(&mut Instance)) -> Instance {
    instance(1, |it| {
        it.advert_interval = INTERVAL;
        it.notify = notify("n");
        change(it);
    })
}

fn from(n: u8, priority: u8) -> Heard {
    Heard {
        interval_cs: 10,
        mac: [2, 0, 0, 0, 0, n],
        ..advert(host(n), priority)
    }
}

fn survey(bench: &mut Bench) {
    bench.feed(Input::Surveyed { vr: VrId(0) });
}

/// Everybody in `heard` advertises every 100 ms, and all are looked at every second:
/// the log's lines of that.
fn watch(bench: &mut Bench, heard: &[Heard], end: Duration) {
    while bench.elapsed() < end {
        for _ in 0..10 {
            for one in heard {
                bench.hear(*one);
            }
            bench.until(bench.elapsed() + INTERVAL);
        }
        survey(bench);
    }
}

fn told(bench: &Bench, what: &str) -> Vec<String> {
    let mut lines = bench.trace(&["log"]);
    lines.retain(|line| line.contains(what));
    lines
}

/// Frames of others: the words say what to look for; scripts and counts get the kind.
#[test]
fn frames_that_should_be_ours_alone() {
    let cases = [
        (
            ConflictKind::ArpClaim,
            [198, 51, 100, 1],
            "arp_claim",
            "Address 198.51.100.1 is also claimed by 02:00:00:00:00:63 on eth0; announcing it again. Look for a host that has it configured, or a router that owns it too",
        ),
        (
            ConflictKind::OwnMac,
            [198, 51, 100, 1],
            "own_mac",
            "A frame from our own hardware address 02:00:00:00:00:63 came in on eth0 (it names 198.51.100.1): look for a loop in the network, or a clone of this machine",
        ),
        (
            ConflictKind::OwnSource,
            [192, 0, 2, 10],
            "own_source",
            "An advert from our own address 192.0.2.10 came in on eth0, sent by 02:00:00:00:00:63: look for a loop in the network, or a host that has our address",
        ),
    ];
    for (kind, address, name, line) in cases {
        let mut bench = Bench::active(config(vec![fast(|_| {})]));
        for _ in 0..25 {
            bench.feed(Input::Conflict {
                gate: GateId(0),
                ifindex: 2,
                address: address.into(),
                mac: [2, 0, 0, 0, 0, 99],
                kind,
            });
            bench.until(bench.elapsed() + ms(100));
        }
        let address = core::net::Ipv4Addr::from(address);
        let more = " (9 more since the last such line)";
        assert_eq!(
            bench.trace(&["log"]),
            [
                format!("log (VI_1) {line}"),
                format!("log (VI_1) {line}{more}"),
                format!("log (VI_1) {line}{more}")
            ]
        );
        let script = format!(
            "notify /n/conflict INSTANCE VI_1 CONFLICT {name} 02:00:00:00:00:63 {address} eth0"
        );
        assert_eq!(bench.trace(&["notify"]), vec![script; 3]);
        let status = bench.status(1);
        assert_eq!(status.conflicts[name], 25);
        assert_eq!(status.conflicts.values().sum::<u64>(), 25);
        let last = status.last_conflict.expect("one");
        assert_eq!(
            (last.kind.name(), &*last.mac, &*last.interface),
            (name, "02:00:00:00:00:63", "eth0")
        );
        let announced = !bench.trace(&["announce"]).is_empty();
        assert_eq!(announced, name == "arp_claim");
    }
}

/// Two routers advertise to a Backup for longer than an election takes: they do not
/// hear one another.
#[test]
fn two_that_go_on_are_a_split_brain() {
    let mut bench = Bench::new(config(vec![fast(|_| {})]));
    watch(&mut bench, &[from(1, 150), from(2, 120)], ms(25_000));
    let line = "log (VI_1) Split brain: 192.0.2.1 (02:00:00:00:00:01, priority 150) and 192.0.2.2 (02:00:00:00:00:02, priority 120) all advertise VRID 1 as MASTER on eth0. They do not hear one another: check the path between them (switch, IGMP snooping, firewall), their advert_int and passwords";
    let lines = told(&bench, "Split brain");
    assert_eq!(lines.len(), 3, "every 10 s: {lines:?}");
    assert_eq!(lines[0], line);
    assert_eq!(
        bench.trace(&["notify"])[2..][0],
        "notify /n/conflict INSTANCE VI_1 CONFLICT two_active 02:00:00:00:00:02 192.0.2.2 eth0"
    );
    assert_eq!(bench.status(1).conflicts["two_active"], 24);
    let following = told(&bench, "Following").len();
    assert!(following <= 21, "{following}: not for every turn");
    assert_eq!(bench.state(1), "BACKUP");
}

/// A takeover is none: for less than an election's time two are heard.
#[test]
fn a_takeover_is_no_split_brain() {
    let mut bench = Bench::new(config(vec![fast(|_| {})]));
    for turn in 0..10_u8 {
        // Each is beaten by the next, and silent from then on.
        let end = bench.elapsed() + ms(3_000);
        watch(&mut bench, &[from(1 + turn, 120 + turn)], end);
    }
    assert_eq!(bench.status(1).conflicts["two_active"], 0);
}

/// Nor is one by a router that advertises far more often than the beaten one did, which
/// counts as there for three of its own intervals.
#[test]
fn a_slow_router_beaten_by_a_fast_one_is_no_split_brain() {
    let mut bench = Bench::new(config(vec![fast(|_| {})]));
    bench.hear(Heard {
        interval_cs: 1_000,
        ..from(1, 120)
    });
    watch(&mut bench, &[from(2, 150)], ms(60_000));
    assert_eq!(bench.status(1).conflicts["two_active"], 0);
}

/// Slow surveys see a split brain all the same, and its end.
#[test]
fn the_split_brain_that_ends_is_forgotten() {
    let mut bench = Bench::new(config(vec![fast(|_| {})]));
    watch(&mut bench, &[from(1, 150), from(2, 120)], ms(5_000));
    let seen = bench.status(1).conflicts["two_active"];
    watch(&mut bench, &[from(1, 150)], ms(10_000));
    assert_eq!(bench.status(1).conflicts["two_active"], seen);
    // The next one has to last as long again.
    bench.hear(from(2, 120));
    survey(&mut bench);
    assert_eq!(bench.status(1).conflicts["two_active"], seen);
}

/// A loser hears our answer and gives up; one that goes on for two of its down
/// intervals does not hear us.
#[test]
fn a_loser_that_goes_on_is_oneway() {
    let mut bench = Bench::active(config(vec![fast(|_| {})]));
    // 300 ms and a skew of 64.8 ms, twice: the eighth advert is the last in time.
    bench.hear_every(INTERVAL, ms(60_700), from(9, 90));
    assert_eq!(bench.status(1).conflicts["oneway"], 0);
    bench.hear_every(INTERVAL, ms(85_000), from(9, 90));
    let lines = told(&bench, "goes on as MASTER");
    assert_eq!(lines.len(), 3, "every 10 s: {lines:?}");
    assert!(lines[0].starts_with("log (VI_1) 192.0.2.9 (02:00:00:00:00:09 on eth0) goes on as MASTER with priority 90 although ours is 100: it does not hear our adverts, or refuses them."), "{lines:?}");
    assert_eq!(bench.state(1), "MASTER", "told, not obeyed");
    let scripts = bench.trace(&["notify"]);
    let oneway =
        "notify /n/conflict INSTANCE VI_1 CONFLICT oneway 02:00:00:00:00:09 192.0.2.9 eth0";
    assert!(scripts.iter().any(|line| line == oneway), "{scripts:?}");
}

/// Losing adverts with silence in between are news each time, not persistence.
#[test]
fn a_loser_that_gives_up_is_not_oneway() {
    let mut bench = Bench::active(config(vec![fast(|_| {})]));
    for _ in 0..20 {
        let end = bench.elapsed() + ms(200);
        bench.hear_every(INTERVAL, end, from(9, 90));
        bench.until(bench.elapsed() + ms(400));
    }
    assert_eq!(bench.status(1).conflicts["oneway"], 0);
}

/// What came while we were stalled had no answer yet.
#[test]
fn a_loser_that_was_not_answered_is_not_oneway() {
    let mut bench = Bench::active(config(vec![fast(|_| {})]));
    let began = bench.elapsed();
    bench.stall(began + ms(3_000));
    for n in 0..30 {
        let at = T0 + began + ms(100) * n;
        bench.feed(Input::Advert(Heard {
            at,
            ..advert(host(9), 90)
        }));
    }
    assert_eq!(bench.status(1).conflicts["oneway"], 0);
}

/// `oneway_fault`: gives way to whoever does not heed it, its group with it, and takes
/// part again when that has been silent for three of its down intervals.
#[test]
fn a_router_may_yield_to_a_oneway_one() {
    let both = vec![
        fast(|it| it.oneway_fault = true),
        instance(2, |it| it.advert_interval = INTERVAL),
    ];
    let mut bench = Bench::active(grouped(both));
    bench.hear_every(INTERVAL, ms(61_000), from(9, 90));
    assert_eq!(bench.state(1), "FAULT");
    assert_eq!(bench.state(2), "FAULT");
    assert_eq!(bench.trace(&["cease"]), ["cease 0 resign"]);
    let why = "oneway: 192.0.2.9 goes on as MASTER and does not heed us";
    assert_eq!(bench.status(1).fault_text, [why]);
    assert_eq!(bench.engine.to_survey().collect::<Vec<_>>(), [VrId(0)]);
    // Nothing but its stamps tells of it now.
    watch(&mut bench, &[from(9, 90)], ms(70_000));
    assert_eq!(bench.state(1), "FAULT");
    // The last advert came one interval ago.
    let back = bench.elapsed() + us(364_843 * 3 - 100_000);
    let before = bench.elapsed() + us(364_843 * 3 - 101_000);
    bench.until(before);
    survey(&mut bench);
    assert_eq!(bench.state(1), "FAULT");
    bench.until(back + ms(1));
    survey(&mut bench);
    assert_eq!(bench.state(1), "BACKUP");
    bench.until(back + ms(1_000));
    assert_eq!(bench.state(1), "MASTER");
    assert_eq!(bench.engine.to_survey().count(), 0);
}

/// A reload that takes `oneway_fault` away ends the FAULT.
#[test]
fn yielding_is_a_setting() {
    let mut bench = Bench::active(config(vec![fast(|it| it.oneway_fault = true)]));
    bench.hear_every(INTERVAL, ms(61_000), from(9, 90));
    assert_eq!(bench.state(1), "FAULT");
    bench.configure(config(vec![fast(|_| {})]));
    assert_eq!(bench.state(1), "BACKUP");
}

/// A partition that heals: the first losing advert is answered with announcements at
/// once, also when the last partition healed just before.
#[test]
fn hosts_are_told_at_once_each_time_a_partition_heals() {
    let mut bench = Bench::active(config(vec![fast(|_| {})]));
    bench.hear(from(9, 90));
    bench.until(ms(60_900));
    bench.hear(from(9, 90));
    bench.until(ms(61_000));
    bench.hear(from(9, 90));
    bench.until(ms(62_000));
    let want = [ms(60_000), ms(60_050), ms(60_900), ms(60_950)];
    assert_eq!(bench.times("announce"), want);
}

/// The winner's advert may silence the loser before it has said anything: it says so to
/// the winner, and that one announces.
#[test]
fn a_loser_that_is_silenced_first_concedes() {
    let kinds = ["cease", "concede", "announce", "advertise"];
    let mut bench = Bench::active(config(vec![fast(|_| {})]));
    bench.hear(from(1, 200));
    // Silence first; and only to the winner.
    assert_eq!(bench.trace(&kinds), ["cease 0", "concede 0 to 192.0.2.1"]);
    bench.hear_every(INTERVAL, ms(62_000), from(1, 200));
    assert_eq!(bench.trace(&["concede"]).len(), 1, "once");

    // The transmit thread may have noticed first.
    let mut bench = Bench::active(config(vec![fast(|_| {})]));
    let (gate, epoch) = (GateId(0), bench.epoch(VrId(0)));
    bench.report(Report::Beaten { gate, epoch });
    bench.hear(from(1, 200));
    assert_eq!(bench.trace(&kinds), ["cease 0", "concede 0 to 192.0.2.1"]);

    // A claimant has not been believed by anybody.
    let mut bench = Bench::new(config(vec![fast(|_| {})]));
    bench.until(us(359_950));
    assert!(bench.status(1).claiming);
    bench.hear(from(1, 200));
    assert_eq!(bench.trace(&["concede"]), [""; 0]);

    // The winner answers as to any priority 0, and announces; a flood does not change that.
    let mut bench = Bench::active(config(vec![fast(|_| {})]));
    for _ in 0..50 {
        bench.hear(from(9, 0));
        bench.until(bench.elapsed() + ms(10));
    }
    let told = [ms(60_000), ms(60_050)];
    assert_eq!(bench.times("announce"), told);
    assert_eq!(bench.times("advertise").len(), 5);
}
