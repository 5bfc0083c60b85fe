//! Packets that are refused, as many as there may be: nothing moves, and the log
//! stays short.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use vrrp_common::wire::GROUP_MAC_V4;
use vrrp_ebpf::testing::frames::{Advert, Summed, from_mac};
use vrrp_user::shell::bpf::{Instance, Reader, reader::Snapshot};
use xvrrp_tests::{
    capture::{Stamp, Tap},
    daemon::Daemon::Xvrrpd,
    net::{Lab, Node},
    probe::send_frame,
    process::voluntary_switches,
    speaker::raw_socket,
    trial::{HIGH, LOW, PATIENCE, Profile},
    wait::{eventually, throughout},
};

const PROFILE: Profile = Profile::V3At100ms;
const SPAN: Duration = Duration::from_secs(3);

fn snapshot(node: &Node) -> Snapshot {
    let instance = Instance::parse(&node.ns.cookie().to_string()).expect("a cookie");
    let reader = Reader::open(&instance).expect("maps");
    reader.snapshot().expect("maps")
}

/// What a stronger router would say, but for what `change` does to it.
fn advert(from: &Node, change: impl FnOnce(&mut Advert)) -> Vec<u8> {
    let mut advert = Advert {
        to_mac: GROUP_MAC_V4,
        tags: vec![],
        from: from.v4.into(),
        to: IpAddr::from([224, 0, 0, 18]),
        ttl: 255,
        options: vec![],
        version_type: 0x31,
        vrid: 51,
        priority: 254,
        count: None,
        interval: [0, 10],
        addresses: vec![PROFILE.vip()],
        tail: vec![],
        trailer: vec![],
        ah: vec![],
        summed: Summed::Pseudo,
        spoil: None,
        padding: 0,
    };
    change(&mut advert);
    from_mac(advert.build(), from.mac)
}

/// While the client sends this as fast as it can: how many it sent.
fn flood<R>(lab: &Lab, frame: &[u8], meanwhile: impl FnOnce() -> R) -> (u64, R) {
    let (sender, ifindex) = raw_socket(lab.client());
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let mut sent = 0;
            while !stop.load(Ordering::Relaxed) {
                // A full queue is as good as a frame.
                sent += u64::from(send_frame(&sender, ifindex, frame).is_ok());
            }
            sent
        });
        let result = meanwhile();
        stop.store(true, Ordering::Relaxed);
        (flood.join().expect("sent"), result)
    })
}

/// keepalived falls silent, logs each, and its backup takes over.
#[test]
fn a_flood_with_a_wrong_checksum_changes_nothing() {
    let lab = Lab::new(2);
    let tap = Tap::new(&lab);
    let owner = Xvrrpd.start(lab.router(0), &PROFILE.conf(HIGH));
    owner
        .log()
        .wait(PATIENCE, Stamp::default(), "Entering MASTER STATE");
    let backup = Xvrrpd.start(lab.router(1), &PROFILE.conf(LOW));
    backup
        .log()
        .wait(PATIENCE, Stamp::default(), "Following 10.77.0.1");
    let since = Stamp::now();
    let frame = advert(lab.client(), |advert| advert.spoil = Some(8));
    let before = voluntary_switches(backup.pid());
    let (sent, ()) = flood(&lab, &frame, || {
        throughout(SPAN, "only the owner advertises", || {
            let all = tap.adverts(since);
            match all.iter().find(|(_, node, _)| *node == 1) {
                Some((_, _, advert)) => Err(format!("{advert:?}")),
                None => Ok(()),
            }
        });
    });
    let woken = voluntary_switches(backup.pid()) - before;
    assert!(sent > 10_000, "only {sent} sent");
    for (index, router) in [&owner, &backup].into_iter().enumerate() {
        let lines = router.log().since(since);
        let refused = lines.iter().filter(|line| line.contains("refused")).count();
        assert!((1..=2).contains(&refused) && lines.len() <= 5, "{lines:#?}");
        let seen = snapshot(lab.router(index));
        let dropped = seen.counters.drop_checksum;
        assert!(dropped > sent / 2, "{dropped} of {sent}");
        assert_eq!(seen.counters.event_lost, 0);
        let talker = seen.talkers.first().expect("the client");
        assert_eq!(talker.source, IpAddr::from(lab.client().v4));
        assert_eq!(talker.mac, lab.client().mac);
        assert!(
            talker.dropped > dropped * 9 / 10 && talker.dropped <= dropped,
            "{talker:?} of {dropped}"
        );
    }
    let most = u64::try_from(SPAN.as_millis()).expect("short") / 10;
    println!("{sent} sent in {SPAN:?}, the backup's threads woken {woken} times");
    assert!(woken < most, "woken {woken} times in {SPAN:?}");
}

/// Valid, and of the lowest priority: the owner answers once an interval, and is
/// told of it a hundred times a second.
#[test]
fn a_flood_of_a_loser_costs_an_advert_an_interval() {
    let lab = Lab::new(1);
    let owner = Xvrrpd.start(lab.router(0), &PROFILE.conf(HIGH));
    let log = owner.log();
    log.wait(PATIENCE, Stamp::default(), "Entering MASTER STATE");
    let before = voluntary_switches(owner.pid());
    // By the kernel's count: the tap loses frames of a flood.
    let adverts = || snapshot(lab.router(0)).counters.egress_advert;
    let advertised = adverts();
    let since = Stamp::now();
    let frame = advert(lab.client(), |advert| advert.priority = 1);
    let (sent, ()) = flood(&lab, &frame, || thread::sleep(SPAN));
    let (took, woken) = (
        Stamp::now().since(since),
        voluntary_switches(owner.pid()) - before,
    );
    let adverts = adverts() - advertised;
    println!("{sent} sent in {took:?}, {adverts} adverts of the owner, woken {woken} times");
    assert!(sent > 10_000, "only {sent} sent");
    let seen = snapshot(lab.router(0));
    assert!(seen.routers[0].open, "it goes on owning");
    let spared = seen.counters.event_spared;
    assert!(spared > sent / 2, "{spared} of {sent}");
    let intervals = u64::try_from(took.as_millis()).expect("short") / 100;
    assert!(
        (intervals..=intervals * 2 + 6).contains(&adverts),
        "{adverts} adverts in {intervals} intervals"
    );
    // Three of its threads may wake for each event, and for each advert.
    let most = u64::try_from(took.as_millis()).expect("short") / 10 * 4;
    assert!(woken < most, "woken {woken} times in {took:?}");
    let lines = log.since(since);
    assert!(lines.len() <= 10, "{lines:#?}");
}

/// An allowlist: a stranger's perfect advert of the highest priority is nothing,
/// a listed router's is obeyed.
#[test]
fn only_listed_sources_are_heeded() {
    let lab = Lab::new(2);
    let mut conf = PROFILE.conf(LOW);
    let line = format!("advert_sources {}", lab.router(0).v4);
    conf.instances[0].extra.push(line);
    let router = Xvrrpd.start(lab.router(1), &conf);
    let log = router.log();
    log.wait(PATIENCE, Stamp::default(), "Entering MASTER STATE");
    let since = Stamp::now();
    let stranger = advert(lab.client(), |_| {});
    let (sender, ifindex) = raw_socket(lab.client());
    for _ in 0..10 {
        send_frame(&sender, ifindex, &stranger).expect("sent");
        thread::sleep(PROFILE.interval());
    }
    log.wait(PATIENCE, since, "drop_not_allowed");
    let seen = snapshot(lab.router(1));
    assert!(seen.routers[0].open, "it goes on owning");
    assert_eq!(seen.counters.drop_not_allowed, 10);
    let stronger = Xvrrpd.start(lab.router(0), &PROFILE.conf(HIGH));
    log.wait(PATIENCE, since, "Entering BACKUP STATE");
    drop(stronger);
    eventually(PATIENCE, "the status page names the stranger", || {
        let mut status = lab.router(1).ns.command(xvrrp_tests::place::xvrrpd());
        let page = status.arg("status").output().expect("runs");
        let page = String::from_utf8_lossy(&page.stdout).into_owned();
        let line = format!("Refused 10 of {}", lab.client().v4);
        if page.contains(&line) && page.contains("drop_not_allowed") {
            Ok(())
        } else {
            Err(page)
        }
    });
}
