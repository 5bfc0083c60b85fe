//! Authentication that needs a hash: `auth_type AH` beside keepalived, `auth_hmac`
//! between two of ours (no keepalived that is packaged has it), and what forgers get.

use std::{fs, net::IpAddr, thread, time::Duration};

use vrrp_common::wire::GROUP_MAC_V4;
use vrrp_ebpf::testing::frames::{Advert, Summed, from_mac};
use vrrp_user::{
    proof::ah,
    shell::bpf::{Instance as Daemon, Reader, reader::Snapshot},
};
use xvrrp_tests::{
    capture::Stamp,
    conf::{Conf, Instance},
    daemon::Daemon::{Keepalived, Xvrrpd},
    for_pairs,
    net::Node,
    probe::send_frame,
    question::assert_one_answerer,
    speaker::raw_socket,
    trial::{HIGH, LOW, PATIENCE, Pair, Trial},
    wait::{eventually, throughout},
};

use crate::probes::Probes;

const VIP: &str = "10.77.0.50";
const VRID: u8 = 51;

fn ah_conf(priority: u8) -> Conf {
    let instance = Instance::new(priority, Duration::from_secs(1)).vip(format!("{VIP}/24"));
    let block = "authentication {\nauth_type AH\nauth_pass s3cret\n}";
    Conf::of(2, instance.line(block))
}

fn unicast(mut conf: Conf, router: usize) -> Conf {
    let (own, peer) = [("10.77.0.1", "10.77.0.2"), ("10.77.0.2", "10.77.0.1")][router];
    let lines = format!("unicast_src_ip {own}\nunicast_peer {{\n{peer}\n}}");
    conf.instances[0].extra.push(lines);
    conf
}

for_pairs!(ah_multicast, |pair| both_ways(
    pair,
    [ah_conf(HIGH), ah_conf(LOW)]
));
for_pairs!(ah_unicast, |pair| both_ways(
    pair,
    [unicast(ah_conf(HIGH), 0), unicast(ah_conf(LOW), 1)]
));

/// The second follows the first, takes over when it is killed, and gives way when it
/// is back: each verifies what the other one has signed.
fn both_ways(pair: Pair, confs: [Conf; 2]) {
    let mut trial = Trial::settled(pair, confs);
    trial.kill(0);
    eventually(PATIENCE, "the second takes over", || {
        match &trial.advertisers(VRID, Duration::from_secs(1))[..] {
            [1] => Ok(()),
            other => Err(format!("adverts come from {other:?}")),
        }
    });
    trial.start(0);
    trial.await_owner(0);
}

const KEY: &str = "hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn hmac(version: u8, priority: u8, lines: &str) -> Conf {
    let vip = format!("{VIP}/24");
    hmac_of(version, priority, lines, &[&vip])
}

fn hmac_of(version: u8, priority: u8, lines: &str, vips: &[&str]) -> Conf {
    let interval = Duration::from_millis(if version == 2 { 1000 } else { 100 });
    let block = format!("auth_hmac {{\nkey 1 {KEY}\nactive_key 1\n{lines}\n}}");
    let instance = Instance::new(priority, interval).line(block);
    let instance = vips.iter().fold(instance, |it, vip| it.vip(*vip));
    Conf::of(version, instance)
}

const OURS: Pair = [Xvrrpd, Xvrrpd];

#[test]
fn auth_hmac_version_2() {
    both_ways(OURS, [hmac(2, HIGH, ""), hmac(2, LOW, "")]);
}

#[test]
fn auth_hmac_version_3() {
    let monotonic = "anti_replay monotonic";
    both_ways(OURS, [hmac(3, HIGH, monotonic), hmac(3, LOW, monotonic)]);
}

#[test]
fn auth_hmac_unicast() {
    let confs = [hmac(3, HIGH, ""), hmac(3, LOW, "")];
    let [first, second] = confs;
    both_ways(OURS, [unicast(first, 0), unicast(second, 1)]);
}

#[test]
fn auth_hmac_ipv6() {
    let vips = ["fe80::77:50/64", "fd77::50/64"];
    let conf = |priority| hmac_of(3, priority, "time_window 30", &vips);
    both_ways(OURS, [conf(HIGH), conf(LOW)]);
}

/// A key in a file, which only its owner may read.
#[test]
fn auth_hmac_with_a_key_file() {
    let path = std::env::temp_dir().join(format!("xvt-key-{}", std::process::id()));
    fs::write(&path, format!("{KEY}\n")).expect("write");
    let mut conf = hmac(3, LOW, "");
    let block = conf.instances[0].extra[0].replace(KEY, &format!("file:{}", path.display()));
    conf.instances[0].extra[0] = block;
    let _trial = Trial::settled(OURS, [hmac(3, HIGH, ""), conf]);
    fs::remove_file(&path).expect("there");
}

/// Three sweeps: who only verifies, who signs and is lenient, who insists; and three to
/// another key. At no moment do two of them own, though they differ by one sweep.
#[test]
fn auth_hmac_and_another_key_are_rolled_out_without_a_gap() {
    let unsigned = |priority| {
        let mut conf = hmac(3, priority, "");
        conf.instances[0].extra.clear();
        conf
    };
    let lines = ["mode receive-only", "mode permissive", "mode enforce"];
    let mut sweeps = vec![[unsigned(HIGH), unsigned(LOW)]];
    sweeps.extend(lines.map(|mode| [hmac(3, HIGH, mode), hmac(3, LOW, mode)]));
    let other = format!("key 2 {KEY}ff\nactive_key 2");
    let both = format!("key 2 {KEY}ff");
    sweeps.extend([&both, &other].map(|it| [hmac(3, HIGH, it), hmac(3, LOW, it)]));
    let only = [HIGH, LOW].map(|priority| {
        let mut conf = hmac(3, priority, &other);
        let first = format!("key 1 {KEY}\nactive_key 1\n");
        let block = conf.instances[0].extra[0].replace(&first, "");
        conf.instances[0].extra[0] = block;
        conf
    });
    sweeps.push(only);
    let mut trial = Trial::settled(OURS, sweeps[0].clone());
    let start = Stamp::now();
    let probes = Probes::start(&trial, VIP.parse().expect("an address"));
    for [first, second] in &sweeps[1..] {
        for (router, conf) in [(1, second), (0, first)] {
            trial.daemon(router).reload(conf);
            // Longer than either waits for the other.
            thread::sleep(Duration::from_millis(700));
        }
    }
    let foreign = trial.tap.adverts(start);
    let foreign = foreign.iter().find(|(_, node, _)| *node == 1);
    assert!(foreign.is_none(), "the backup spoke: {foreign:?}");
    assert_one_answerer(&probes.who(&trial, start));
}

fn snapshot(node: &Node) -> Snapshot {
    let instance = Daemon::parse(&node.ns.cookie().to_string()).expect("a cookie");
    let reader = Reader::open(&instance).expect("maps");
    reader.snapshot().expect("maps")
}

/// The owner's advert with another priority, from a station of the client's: signed with
/// this key, under this number.
fn in_its_name(trial: &Trial, priority: u8, key: [u8; 8], sequence: u32) -> Vec<u8> {
    let advert = Advert {
        to_mac: GROUP_MAC_V4,
        tags: vec![],
        from: trial.lab.router(0).v4.into(),
        to: IpAddr::from([224, 0, 0, 18]),
        ttl: 255,
        options: vec![],
        version_type: 0x21,
        vrid: VRID,
        priority,
        count: None,
        interval: [2, 1],
        addresses: vec![VIP.parse().expect("an address")],
        tail: vec![0; 8],
        trailer: vec![],
        ah: vec![112; 24],
        summed: Summed::Plain,
        spoil: None,
        padding: 0,
    };
    let mut frame = from_mac(advert.build(), trial.lab.client().mac);
    ah::seal(&mut frame[14..], false, key, sequence);
    frame
}

/// Whoever repeats an advert, or forges one in the owner's name, keeps nobody from
/// hearing the owner, and makes nobody believe in a dead one.
#[test]
fn forgers_and_repeaters_change_nothing() {
    let mut trial = Trial::settled(OURS, [ah_conf(HIGH), ah_conf(LOW)]);
    // As it was heard once, and as it never was: both say it resigns.
    let repeated = in_its_name(&trial, 0, *b"s3cret\0\0", 7);
    let forged = in_its_name(&trial, 0, *b"s3cres\0\0", u32::MAX);
    let (sender, ifindex) = raw_socket(trial.lab.client());
    let since = Stamp::now();
    throughout(Duration::from_secs(6), "the owner owns, alone", || {
        for frame in [&repeated, &forged] {
            for _ in 0..20 {
                let _ = send_frame(&sender, ifindex, frame);
            }
        }
        match trial
            .tap
            .adverts(since)
            .iter()
            .find(|(_, node, _)| *node == 1)
        {
            Some((_, _, advert)) => Err(format!("{advert:?}")),
            None => Ok(()),
        }
    });
    let seen = snapshot(trial.lab.router(1));
    let counters = seen.counters;
    assert!(counters.drop_auth_replayed > 0, "{counters:?}");
    assert!(counters.drop_auth_hash > 0, "{counters:?}");
    assert!(counters.drop_over_budget > 0, "{counters:?}");
    assert!(counters.advert_accepted >= 5, "{counters:?}");
    let owner: IpAddr = [10, 77, 0, 1].into();
    let peer = seen.routers[0].peers.iter().find(|it| it.source == owner);
    let age = peer.expect("the owner").age;
    assert!(age < Duration::from_millis(1500), "last heard {age:?} ago");
    // Its death is noticed, whatever goes on.
    trial.kill(0);
    eventually(PATIENCE, "the second takes over", || {
        let _ = send_frame(&sender, ifindex, &repeated);
        match &trial.advertisers(VRID, Duration::from_secs(1))[..] {
            [1] => Ok(()),
            other => Err(format!("adverts come from {other:?}")),
        }
    });
}

/// Another password: each refuses the other, says so, and both advertise.
#[test]
fn another_key_is_refused_and_told() {
    let mut other = ah_conf(LOW);
    other.instances[0].extra[0] = other.instances[0].extra[0].replace("s3cret", "s3cres");
    let mut trial = Trial::new([Xvrrpd, Keepalived], [ah_conf(HIGH), other]);
    trial.start(1);
    let since = Stamp::now();
    trial.start(0);
    let log = trial.daemon(0).log();
    log.wait(PATIENCE, since, "drop_auth_hash");
    let counters = snapshot(trial.lab.router(0)).counters;
    assert!(
        counters.drop_auth_hash > 0 && counters.advert_accepted == 0,
        "{counters:?}"
    );
}

/// A restart goes on counting where its predecessor stopped: nobody takes over.
#[test]
fn a_restart_goes_on_counting() {
    for pair in [OURS, [Xvrrpd, Keepalived]] {
        let mut trial = Trial::settled(pair, [ah_conf(HIGH), ah_conf(LOW)]);
        let since = Stamp::now();
        trial.quit(0);
        trial.start(0);
        thread::sleep(Duration::from_secs(5));
        let adverts = trial.tap.adverts(since);
        let other = adverts.iter().find(|(_, node, _)| *node == 1);
        assert!(other.is_none(), "{pair:?}: the backup spoke: {other:?}");
        let log = trial.daemon(1).log().since(since);
        let refused = log
            .iter()
            .find(|line| line.contains("already processed") || line.contains("drop_auth_replayed"));
        assert!(refused.is_none(), "{pair:?}: {refused:?}");
    }
}
