//! Interfaces that are late, and addresses that are already there.

use std::{fs, time::Duration};

use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon::Xvrrpd,
    for_pairs,
    frame::Mac,
    net::{Lab, Node},
    observe,
    probe::{Kind, Probe},
    question::{assert_one_answerer, longest_gap},
    trial::{HIGH, LOW, PATIENCE, Pair, Profile, SLACK, Trial},
    wait::{eventually, throughout},
};

const PROFILE: Profile = Profile::V3At100ms;

for_pairs!(leftover_address, |pair| leftover(pair, PROFILE));
for_pairs!(leftover_address_ipv6, |pair| leftover(
    pair,
    Profile::V6At100ms
));

/// Both routers have the address from a life before: whoever is no owner drops
/// it, without being asked.
fn leftover(pair: Pair, profile: Profile) {
    let mut trial = Trial::new(pair, [profile.conf(HIGH), profile.conf(LOW)]);
    let nodad = if profile.vip().is_ipv6() {
        " nodad"
    } else {
        ""
    };
    for router in 0..2 {
        for vip in &profile.instance(LOW).vips {
            trial
                .lab
                .router(router)
                .ns
                .ip(&format!("addr add {vip} dev eth0{nodad}"));
        }
        trial.start(router);
    }
    trial.await_owner(0);
}

/// The interface is made after the daemon was started.
#[test]
fn interface_appears_later() {
    let lab = Lab::new(1);
    let node = lab.router(0);
    let text = PROFILE
        .conf(HIGH)
        .keepalived()
        .replace("interface eth0", "interface late0");
    let mut daemon = Xvrrpd.start_text(node, &text);
    daemon.log().wait(PATIENCE, Stamp::default(), "late0");
    assert!(daemon.is_running(), "it waits");
    node.ns.ip("link add late0 type veth peer name late1");
    node.ns.ip("addr add 10.79.0.1/24 dev late0");
    node.ns.ip("link set late1 up");
    node.ns.ip("link set late0 up");
    eventually(PATIENCE, "it is the owner", || {
        if observe::has(node, PROFILE.vip()) {
            Ok(())
        } else {
            Err("not yet".into())
        }
    });
}

fn show(node: &Node, arguments: &str) -> String {
    let mut command = node.ns.command("ip");
    let done = command.args(arguments.split(' ')).output().expect("ip");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

const OTHER_MAC: Mac = [2, 0, 0, 0, 0x77, 1];

fn spelled(mac: Mac) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}

#[test]
fn another_hardware_address_is_announced() {
    readdressed(Profile::V3At100ms, &[], OTHER_MAC, OTHER_MAC);
}

#[test]
fn another_hardware_address_is_announced_ipv6() {
    readdressed(Profile::V6At100ms, &[], OTHER_MAC, OTHER_MAC);
}

/// What is known by a virtual address stays known by it; XDP and tc put the new one in
/// and take it out.
#[test]
fn another_hardware_address_below_a_virtual_one() {
    let mac = [0, 0, 0x5e, 0, 1, 51];
    readdressed(Profile::V3At100ms, &["use_vmac"], mac, mac);
}

#[test]
fn another_hardware_address_below_a_virtual_one_ipv6() {
    let mac = [0, 0, 0x5e, 0, 2, 51];
    readdressed(Profile::V6At100ms, &["use_vmac"], mac, mac);
}

#[test]
fn another_hardware_address_of_adverts_alone() {
    let lines = ["use_vmac", "vmac_xmit_base"];
    let mac = [0, 0, 0x5e, 0, 1, 51];
    readdressed(Profile::V3At100ms, &lines, mac, OTHER_MAC);
}

/// The owner's hardware address is changed: it stays the owner, adverts go on, from
/// `adverts`, and the client's neighbour table has `known` without a question.
fn readdressed(profile: Profile, lines: &[&str], known: Mac, adverts: Mac) {
    let conf = |priority| {
        let mut conf = profile.conf(priority);
        let instance = &mut conf.instances[0];
        instance.extra.extend(lines.iter().map(|&it| it.to_owned()));
        conf
    };
    let mut trial = Trial::settled([Xvrrpd, Xvrrpd], [conf(HIGH), conf(LOW)]);
    let vip = profile.vip();
    let every = Duration::from_millis(2);
    let asked = Stamp::now();
    let echo = Probe::start(&trial.lab, Kind::Echo, vip, every);
    let answered = |trial: &Trial, since: Stamp| {
        eventually(PATIENCE, "the client has answers", || {
            let questions = echo.questions(&trial.tap, since);
            match questions.iter().filter(|q| q.answerers() == [0]).count() {
                0..50 => Err("too few".to_owned()),
                _ => Ok(()),
            }
        });
    };
    answered(&trial, asked);
    let changed = Stamp::now();
    let mac = spelled(OTHER_MAC);
    trial
        .lab
        .router(0)
        .ns
        .ip(&format!("link set eth0 address {mac}"));
    let known = spelled(known);
    eventually(Duration::from_secs(1), "the client knows it", || {
        let told = show(trial.lab.client(), &format!("neigh show {vip}"));
        if told.contains(&known) {
            Ok(())
        } else {
            Err(told)
        }
    });
    let settled = Stamp::now();
    answered(&trial, settled);
    std::thread::sleep(profile.down(LOW) * 2);
    let (gap, _) = longest_gap(&echo.questions(&trial.tap, asked)).expect("answers");
    assert!(gap < SLACK, "silent for {gap:?}");
    for router in 0..2 {
        let said = trial.daemon(router).log().since(changed);
        let moved: Vec<_> = said.iter().filter(|it| it.contains("STATE")).collect();
        assert!(moved.is_empty(), "{moved:?}");
    }
    let sent: Vec<Mac> = trial.tap.with(|all| {
        let since = all.iter().filter(|it| it.at >= settled && it.node == 0);
        let adverts = since.filter(|it| it.advert_sent().is_some());
        adverts.map(|it| it.frame.from).collect()
    });
    assert!(sent.len() >= 6, "{} adverts", sent.len());
    assert!(sent.iter().all(|from| *from == adverts), "{sent:02x?}");
    // It hears as well: who is stronger is followed.
    let stronger = {
        let mut conf = conf(LOW);
        conf.instances[0].priority = 250;
        conf
    };
    trial.daemon(1).reload(&stronger);
    trial.await_owner(1);
}

/// The link goes and comes back again and again: nothing is owned without it, and in the
/// end it is as it was.
#[test]
fn a_link_that_flaps() {
    let trial = Trial::of([Xvrrpd, Xvrrpd], PROFILE);
    for down_ms in [5, 30, 120, 500, 5, 60] {
        trial.lab.unplug(0);
        std::thread::sleep(Duration::from_millis(down_ms));
        trial.lab.plug(0);
        std::thread::sleep(Duration::from_millis(40));
    }
    trial.await_owner(0);
    for (_, node, advert) in trial.tap.adverts(Stamp::default()) {
        assert!(node < 2 && advert.vrid == 51, "{advert:?}");
    }
    let probe = Probe::start(
        &trial.lab,
        Kind::Resolve,
        PROFILE.vip(),
        Duration::from_millis(2),
    );
    let since = Stamp::now();
    std::thread::sleep(Duration::from_millis(500));
    let questions = probe.questions(&trial.tap, since);
    assert_one_answerer(&questions);
    let answered = questions.iter().filter(|it| it.answerers() == [0]).count();
    assert!(answered > 150, "{answered} of {}", questions.len());
}

/// The interface goes under another name: FAULT, and its address goes. Back under the
/// old one: as before.
#[test]
fn a_renamed_interface_is_a_fault_until_its_name_is_back() {
    let lab = Lab::new(1);
    let node = lab.router(0);
    let daemon = Xvrrpd.start_text(node, &PROFILE.conf(HIGH).keepalived());
    let has = |wanted: bool| {
        eventually(PATIENCE, "the address", || {
            if observe::has(node, PROFILE.vip()) == wanted {
                Ok(())
            } else {
                Err(format!("wanted: {wanted}"))
            }
        });
    };
    has(true);
    let renamed = Stamp::now();
    node.ns.ip("link set eth0 down");
    node.ns.ip("link set eth0 name other0");
    node.ns.ip("link set other0 up");
    daemon
        .log()
        .wait(PATIENCE, renamed, "(VI_1) Entering FAULT STATE");
    has(false);
    throughout(PROFILE.down(HIGH) * 2, "it stays in FAULT", || {
        if observe::has(node, PROFILE.vip()) {
            Err("it has its address".into())
        } else {
            Ok(())
        }
    });
    node.ns.ip("link set other0 down");
    node.ns.ip("link set other0 name eth0");
    node.ns.ip("link set eth0 up");
    has(true);
}

/// The interface vanishes under an owner and is made again, with another index: FAULT while
/// it is gone, and then as before, with a program on it.
#[test]
fn an_interface_that_vanishes_is_served_again() {
    let lab = Lab::new(1);
    let node = lab.router(0);
    let link = |line: &str| node.ns.ip(line);
    let make = || {
        link("link add dum9 type veth peer name peer9");
        link("addr add 10.79.0.1/24 dev dum9");
        link("link set dum9 up");
        link("link set peer9 up");
    };
    make();
    let conf = PROFILE.conf(HIGH).keepalived();
    let conf = conf.replace("interface eth0", "interface dum9");
    let daemon = Xvrrpd.start_text(node, &conf);
    let log = daemon.log();
    log.wait(PATIENCE, Stamp::default(), "Entering MASTER STATE");
    for _ in 0..2 {
        let gone = Stamp::now();
        link("link del dum9");
        log.wait(PATIENCE, gone, "(VI_1) Entering FAULT STATE");
        let back = Stamp::now();
        make();
        log.wait(PATIENCE, back, "(VI_1) Entering MASTER STATE");
        eventually(PATIENCE, "the address is there", || {
            if observe::has(node, PROFILE.vip()) {
                Ok(())
            } else {
                Err("not yet".into())
            }
        });
        assert!(observe::xdp_mode(node, "dum9").is_some());
    }
}

/// The only link-local address is replaced by one that duplicate address detection has
/// yet to pass: FAULT until it has, and no longer.
#[test]
fn a_tentative_address_is_waited_for() {
    let profile = Profile::V6At100ms;
    let lab = Lab::new(1);
    let node = lab.router(0);
    node.ns.sysctl(&[
        ("ipv6/conf/eth0/accept_dad".into(), "1"),
        ("ipv6/conf/eth0/dad_transmits".into(), "2"),
    ]);
    node.ns
        .ip(&format!("addr del {}/64 dev eth0", node.link_local));
    node.ns.ip("addr add fe80::99/64 dev eth0");
    let started = Stamp::now();
    let daemon = Xvrrpd.start_text(node, &profile.conf(HIGH).keepalived());
    daemon
        .log()
        .wait(PATIENCE, started, "no address to advertise from on eth0");
    let shown = show(node, "-6 addr show dev eth0 tentative");
    assert!(shown.contains("fe80::99"), "it was tentative: {shown}");
    daemon.log().wait(
        Duration::from_secs(8),
        started,
        "(VI_1) Entering MASTER STATE",
    );
    let shown = show(node, "-6 addr show dev eth0 tentative");
    assert!(!shown.contains("fe80::99"), "{shown}");
}

/// Addresses that no advert carries, of both families, are announced, answered by one
/// router alone, and move with the others.
#[test]
fn excluded_addresses_are_fenced_and_move() {
    let conf = |priority| {
        let mut conf = PROFILE.conf(priority);
        conf.instances[0]
            .extra
            .push("virtual_ipaddress_excluded {\n10.77.0.60/24\nfd77::60/64\n}".to_owned());
        conf
    };
    let mut trial = Trial::settled([Xvrrpd, Xvrrpd], [conf(HIGH), conf(LOW)]);
    let start = Stamp::now();
    let probes: Vec<(&str, Probe)> = ["10.77.0.60", "fd77::60"]
        .into_iter()
        .map(|text| {
            let vip = text.parse().expect("an address");
            let every = Duration::from_millis(2);
            (text, Probe::start(&trial.lab, Kind::Echo, vip, every))
        })
        .collect();
    let answered_by = |trial: &Trial, router: usize, since: Stamp| {
        for (vip, probe) in &probes {
            eventually(PATIENCE, vip, || {
                let questions = probe.questions(&trial.tap, since);
                let found = questions.iter().any(|q| q.answerers() == [router]);
                if found {
                    Ok(())
                } else {
                    Err(format!("router {router}: not yet"))
                }
            });
        }
    };
    answered_by(&trial, 0, start);
    let advertised = trial.tap.adverts(Stamp::default());
    assert!(!advertised.is_empty());
    for (_, _, advert) in advertised {
        assert_eq!(advert.addresses.len(), 1, "{advert:?}");
    }
    let killed = trial.kill(0);
    answered_by(&trial, 1, killed);
    for (_, probe) in &probes {
        assert_one_answerer(&probe.questions(&trial.tap, start));
    }
    for vip in ["10.77.0.60", "fd77::60"] {
        let known = show(trial.lab.client(), &format!("neigh show {vip}"));
        assert!(known.contains("02:00:00:00:00:02"), "{known}");
    }
}

/// More addresses than an advert carries: all are placed, 255 advertised.
#[test]
fn three_hundred_addresses() {
    let conf = |priority| {
        let mut conf = PROFILE.conf(priority);
        conf.instances[0].vips = (0..300)
            .map(|n| format!("10.78.{}.{}/16", n / 200, n % 200 + 1))
            .collect();
        conf
    };
    let mut trial = Trial::new([Xvrrpd, Xvrrpd], [conf(HIGH), conf(LOW)]);
    trial.start(0);
    trial.start(1);
    let placed = |trial: &Trial, router: usize| {
        eventually(PATIENCE, "all are placed", || {
            let all = observe::addresses(trial.lab.router(router));
            let ours = all
                .iter()
                .filter(|it| it.ip.to_string().starts_with("10.78."));
            match ours.count() {
                300 => Ok(()),
                n => Err(n.to_string()),
            }
        });
    };
    placed(&trial, 0);
    let since = Stamp::now();
    eventually(PATIENCE, "an advert", || {
        match trial.tap.adverts(since).first() {
            Some((_, 0, advert)) if advert.addresses.len() == 255 => Ok(()),
            other => Err(format!("{:?}", other.map(|it| it.2.addresses.len()))),
        }
    });
    trial.kill(0);
    placed(&trial, 1);
}

/// `promote_secondaries` is on while the daemon runs, and as it was afterwards.
#[test]
fn secondaries_are_promoted_while_it_runs() {
    let lab = Lab::new(1);
    let node = lab.router(0);
    let look = || {
        node.ns.run(|| {
            fs::read_to_string("/proc/sys/net/ipv4/conf/eth0/promote_secondaries")
                .expect("the sysctl")
        })
    };
    node.ns
        .sysctl(&[("ipv4/conf/eth0/promote_secondaries".into(), "0")]);
    let mut conf = PROFILE.conf(HIGH);
    conf.instances[0].extra.push("promote_secondaries".into());
    let mut daemon = Xvrrpd.start_text(node, &conf.keepalived());
    eventually(PATIENCE, "it is on", || match look().trim() {
        "1" => Ok(()),
        other => Err(other.to_owned()),
    });
    daemon.terminate();
    daemon.left();
    assert_eq!(look().trim(), "0");
}

/// A cable that is pulled for less than the delay is no FAULT; for longer it is one.
#[test]
fn a_bouncing_link_is_no_fault() {
    let lab = Lab::new(1);
    let node = lab.router(0);
    let conf = Profile::V3At1s.conf(HIGH).keepalived();
    let delays = "interface_up_down_delays {\n    eth0 1.2 0.5\n}\n";
    let daemon = Xvrrpd.start_text(node, &format!("{delays}{conf}"));
    daemon
        .log()
        .wait(PATIENCE, Stamp::default(), "(VI_1) Entering MASTER STATE");
    let pulled = Stamp::now();
    lab.unplug(0);
    std::thread::sleep(Duration::from_millis(700));
    lab.plug(0);
    std::thread::sleep(Duration::from_millis(1500));
    let said = daemon.log().since(pulled);
    assert!(!said.iter().any(|line| line.contains("STATE")), "{said:?}");
    let pulled = Stamp::now();
    lab.unplug(0);
    daemon
        .log()
        .wait(PATIENCE, pulled, "(VI_1) Entering FAULT STATE");
    let at = Stamp::now();
    let took = at.since(pulled);
    assert!(took >= Duration::from_millis(1150), "{took:?}");
    lab.plug(0);
    daemon
        .log()
        .wait(PATIENCE, at, "(VI_1) Entering BACKUP STATE");
}
