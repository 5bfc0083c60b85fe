//! D-Bus: what is on the bus and said there, beside keepalived's; and a bus that is down
//! or hangs.

use std::{thread, time::Duration};

use xvrrp_tests::{
    bus::{Bus, own_tags},
    capture::Stamp,
    conf::Conf,
    daemon::{
        Daemon::{self, Keepalived, Xvrrpd},
        Running,
    },
    net::{Lab, Node},
    process,
    trial::{HIGH, PATIENCE, Profile, Trial},
    wait::eventually,
};

use crate::handover::done;

const PROFILE: Profile = Profile::V3At100ms;
const SERVICE: &str = "org.keepalived.Vrrp1";
const ROUTER: &str = "/org/keepalived/Vrrp1/Vrrp";
const INSTANCE: &str = "/org/keepalived/Vrrp1/Instance/eth0/51/IPv4";

/// Two instances, one of them IPv6.
fn conf() -> Conf {
    let mut conf = PROFILE.conf(HIGH);
    let mut v6 = Profile::V6At100ms.instance(HIGH);
    (v6.name, v6.vrid) = ("VI_6".into(), 61);
    conf.instances.push(v6);
    conf.globals.push("enable_dbus".into());
    conf
}

/// The daemon of this make, on this bus.
fn start(daemon: Daemon, node: &Node, bus: &Bus, conf: &Conf) -> Running {
    let environment = [("DBUS_SYSTEM_BUS_ADDRESS", &*bus.address())];
    daemon.start_in(node, &conf.keepalived(), &environment)
}

#[track_caller]
fn await_signals(bus: &Bus, wanted: &[&str]) {
    eventually(PATIENCE, "signals", || match bus.signals() {
        it if it == wanted => Ok(()),
        other => Err(format!("{other:#?}")),
    });
}

/// What an interface of keepalived's has, one line a member; sorted, since the order is
/// no matter.
fn members(xml: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut ours, mut member) = (false, String::new());
    for tag in own_tags(xml) {
        let field = |name: &str| {
            let (_, rest) = tag.split_once(&format!("{name}=\""))?;
            rest.split('"').next()
        };
        let of = |name| field(name).unwrap_or_default().to_owned();
        let kind = tag.split([' ', '>']).next().unwrap_or_default();
        match kind {
            "interface" => ours = of("name").starts_with("org.keepalived."),
            "method" | "signal" if ours => {
                member = format!("{kind} {}", of("name"));
                found.push(member.clone());
            }
            "arg" if ours => found.push(format!("{member}: {} {}", of("name"), of("type"))),
            "property" if ours => {
                found.push(format!(
                    "property {} {} {}",
                    of("name"),
                    of("type"),
                    of("access")
                ));
            }
            _ => {}
        }
    }
    found.sort();
    found
}

/// One life of a router with two instances: what is on the bus, and what is said.
fn one_life(daemon: Daemon) -> (Vec<(String, Vec<String>)>, Vec<String>) {
    let lab = Lab::new(1);
    let node = lab.router(0);
    let mut bus = Bus::new();
    bus.start(node);
    let mut running = start(daemon, node, &bus, &conf());
    let started = [
        "Vrrp VrrpStarted",
        "Instance/eth0/51/IPv4 VrrpStatusChange 1",
        "Instance/eth0/61/IPv6 VrrpStatusChange 1",
        "Instance/eth0/51/IPv4 VrrpStatusChange 2",
        "Instance/eth0/61/IPv6 VrrpStatusChange 2",
    ];
    eventually(PATIENCE, "both are MASTER", || {
        let mut heard = bus.signals();
        let mut wanted = started.map(str::to_owned);
        // Which of the two is first is chance.
        heard.sort();
        wanted.sort();
        if heard == wanted {
            Ok(())
        } else {
            Err(format!("{heard:?}"))
        }
    });
    let all = bus.introspect(node, SERVICE);
    let all = all
        .into_iter()
        .map(|(path, xml)| (path, members(&xml)))
        .collect();
    let properties = |path: &str| {
        let words = [
            SERVICE,
            path,
            "org.freedesktop.DBus.Properties",
            "GetAll",
            "s",
        ];
        bus.call(
            node,
            &[&words[..], &["org.keepalived.Vrrp1.Instance"]].concat(),
        )
        .expect("properties")
    };
    let it = properties(INSTANCE);
    assert!(
        it.contains(r#""Name":{"type":"(s)","data":["VI_1"]}"#),
        "{it}"
    );
    assert!(
        it.contains(r#""State":{"type":"(us)","data":[2,"Master"]}"#),
        "{it}"
    );

    let call = |path: &str, interface: &str, method: &str| {
        let interface = format!("{SERVICE}.{interface}");
        bus.call(node, &[SERVICE, path, &interface, method])
    };
    call(INSTANCE, "Instance", "SendGarp").expect("it is MASTER");
    for method in ["PrintData", "PrintStats", "PrintStatsClear"] {
        call(ROUTER, "Vrrp", method).unwrap_or_else(|it| panic!("{method}: {it}"));
    }
    only_root_changes_anything(&bus, node);
    call(ROUTER, "Vrrp", "CreateInstance").expect_err("there is no such method");
    // One instance less.
    let mut fewer = conf();
    fewer.instances.pop();
    std::fs::write(running.conf(), fewer.keepalived()).expect("ours");
    call(ROUTER, "Vrrp", "ReloadConfig").expect("a good file");
    eventually(PATIENCE, "reloaded", || {
        match bus.signals().last().map(String::as_str) {
            Some("Vrrp VrrpReloaded") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let paths = bus.introspect(node, SERVICE);
    assert!(
        paths.iter().all(|(path, _)| !path.contains("61")),
        "{paths:?}"
    );
    node.ns.ip("link set eth0 down");
    eventually(PATIENCE, "FAULT", || match bus.signals().last() {
        Some(last) if last.ends_with(" 3") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert!(properties(INSTANCE).contains(r#"[3,"Fault"]"#));
    process::signal(running.pid(), nix::sys::signal::Signal::SIGTERM);
    running.left();
    eventually(PATIENCE, "stopped", || match bus.signals().last() {
        Some(last) if last == "Vrrp VrrpStopped" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let mut heard = bus.signals();
    heard[1..5].sort();
    (all, heard)
}

/// By the policy that comes with us.
fn only_root_changes_anything(bus: &Bus, node: &Node) {
    let get = [
        SERVICE,
        INSTANCE,
        "org.freedesktop.DBus.Properties",
        "Get",
        "ss",
    ];
    let get = [&get[..], &["org.keepalived.Vrrp1.Instance", "State"]].concat();
    bus.call_as_nobody(node, &get).expect("anybody may look");
    let reload = [SERVICE, ROUTER, "org.keepalived.Vrrp1.Vrrp", "ReloadConfig"];
    let refused = bus.call_as_nobody(node, &reload);
    let refused = refused.expect_err("root alone may do that");
    assert!(refused.contains("Access denied"), "{refused}");
}

/// Objects, methods, signatures, properties and signals are keepalived's.
#[test]
fn it_is_keepaliveds() {
    let (their_objects, their_signals) = one_life(Keepalived);
    let (mut our_objects, our_signals) = one_life(Xvrrpd);
    // Theirs is declared otherwise than it is; `one_life` sees what it is.
    for line in our_objects.iter_mut().flat_map(|(_, it)| it) {
        *line = line.replace("property Name (s) read", "property Name s read");
    }
    assert_eq!(our_objects, their_objects);
    assert!(
        their_objects
            .iter()
            .any(|(path, it)| path == INSTANCE && it.len() == 5)
    );
    assert_eq!(our_signals, their_signals);
}

/// Announced on the wire, and only what is ours.
#[test]
fn garps_are_sent_by_the_master_alone() {
    let mut bus = Bus::new();
    let mut trial = Trial::new([Xvrrpd, Xvrrpd], [conf(), PROFILE.conf(HIGH - 50)]);
    bus.start(trial.lab.router(0));
    let node = trial.lab.router(0);
    trial.running[0] = Some(start(Xvrrpd, node, &bus, &trial.confs[0]));
    trial.await_owner(0);
    // Those of the start, and of five seconds later.
    thread::sleep(Duration::from_secs(6));
    let since = Stamp::now();
    let garp = || {
        let words = [
            SERVICE,
            INSTANCE,
            "org.keepalived.Vrrp1.Instance",
            "SendGarp",
        ];
        bus.call(trial.lab.router(0), &words)
    };
    garp().expect("it is MASTER");
    trial.tap.wait(PATIENCE, "an announcement", since, |seen| {
        (seen.node == 0 && seen.speaks_for(PROFILE.vip()) && seen.advert_sent().is_none())
            .then_some(())
    });
    let refused = {
        trial.lab.unplug(0);
        eventually(PATIENCE, "FAULT", || match bus.signals().last() {
            Some(last) if last.ends_with(" 3") => Ok(()),
            other => Err(format!("{other:?}")),
        });
        garp().expect_err("it is in FAULT")
    };
    assert!(refused.contains("VI_1 is not MASTER here"), "{refused}");
}

/// A bad file changes nothing, and the caller is told why.
#[test]
fn a_bad_reload_is_refused() {
    let lab = Lab::new(1);
    let node = lab.router(0);
    let mut bus = Bus::new();
    bus.start(node);
    let mut named = conf();
    named
        .globals
        .push("dbus_service_name org.example.Two".into());
    let running = start(Xvrrpd, node, &bus, &named);
    eventually(PATIENCE, "started", || {
        if bus.signals().is_empty() {
            Err("not yet".into())
        } else {
            Ok(())
        }
    });
    std::fs::write(running.conf(), "vrrp_instance VI_1 {\ninterface eth0\n}\n").expect("ours");
    let words = [
        "org.example.Two",
        ROUTER,
        "org.keepalived.Vrrp1.Vrrp",
        "ReloadConfig",
    ];
    let refused = bus.call(node, &words).expect_err("a bad file");
    assert!(refused.contains("no `virtual_router_id`"), "{refused}");
    assert!(!bus.signals().iter().any(|it| it.contains("VrrpReloaded")));
}

/// No bus, one that comes later, one that goes, one that hangs: adverts leave as ever, and
/// `status` says what is the matter.
#[test]
fn a_bus_that_is_down_or_hangs_delays_nothing() {
    let mut trial = Trial::new([Xvrrpd, Xvrrpd], [conf(), PROFILE.conf(HIGH - 50)]);
    let mut bus = Bus::new();
    let node = trial.lab.router(0);
    trial.running[0] = Some(start(Xvrrpd, node, &bus, &trial.confs[0]));
    trial.await_owner(0);
    let since = Stamp::now();
    let told = |trial: &Trial, text: &str| {
        eventually(PATIENCE, text, || {
            let json = done(trial.lab.router(0), "status --json");
            if json.contains(text) {
                Ok(())
            } else {
                Err(json)
            }
        });
    };
    told(&trial, "connect as org.keepalived.Vrrp1");
    bus.start(trial.lab.router(0));
    await_signals(&bus, &["Vrrp VrrpStarted"]);
    bus.hang();
    for _ in 0..3 {
        trial.lab.unplug(0);
        thread::sleep(Duration::from_millis(300));
        trial.lab.plug(0);
        trial.await_owner(0);
    }
    bus.kill();
    told(&trial, "\"connected\": false");
    bus.start(trial.lab.router(0));
    eventually(PATIENCE, "back on the bus", || {
        match bus
            .signals()
            .iter()
            .filter(|it| it.contains("VrrpStarted"))
            .count()
        {
            2 => Ok(()),
            n => Err(format!("{n}")),
        }
    });
    let adverts = trial.tap.adverts(since);
    let mine: Vec<_> = adverts.iter().filter(|(_, _, it)| it.vrid == 51).collect();
    let gaps = mine.windows(2).map(|pair| pair[1].0.since(pair[0].0));
    // But for the three times without a cable, each of which costs a down interval.
    let long = gaps.filter(|gap| *gap > PROFILE.interval() * 3).count();
    assert!(long <= 3, "{long}");
    bus.hang();
    let asked = trial.daemon(0).terminate();
    trial.daemon(0).left();
    assert!(Stamp::now().since(asked) < Duration::from_secs(3));
}
