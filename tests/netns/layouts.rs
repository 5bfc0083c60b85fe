//! The three layouts people run, each with a check script that fails and recovers.

use std::time::Duration;

use xvrrp_tests::{
    capture::Stamp,
    conf::{Conf, Instance, Script},
    daemon::Daemon::Xvrrpd,
    for_pairs,
    service::Service,
    trial::{PATIENCE, Pair, Trial},
    wait::throughout,
};

/// Connects to the local web server and leaves; dash has no `/dev/tcp`.
const CONNECT: &str = "/bin/bash -c '</dev/tcp/127.0.0.1/80'";

for_pairs!(master_backup, |pair| preempting(pair, CONNECT, "MASTER"));
for_pairs!(backup_backup, |pair| preempting(pair, CONNECT, "BACKUP"));
for_pairs!(backup_backup_nopreempt, nopreempt);
for_pairs!(dual_master, dual_master_of);

/// As the blogs have it, without a shell: keepalived hands it to dash, which
/// cannot, so that it never succeeds there.
#[test]
fn script_that_is_only_a_redirection() {
    preempting([Xvrrpd, Xvrrpd], "</dev/tcp/127.0.0.1/80", "MASTER");
}

fn script(command: &str, weight: i32) -> Script {
    Script {
        name: "chk_app".into(),
        command: command.into(),
        interval_s: 1,
        weight,
        fall: 2,
        rise: 2,
    }
}

fn instance(priority: u8, interval: Duration) -> Instance {
    Instance {
        password: Some("pass123".into()),
        track_scripts: vec!["chk_app".into()],
        ..Instance::new(priority, interval)
    }
}

/// Priorities 100 and 99, two points lost by a failed check.
fn preempting(pair: Pair, command: &str, first_state: &str) {
    let conf = |priority, state_master| {
        let instance = Instance {
            state_master,
            ..instance(priority, Duration::from_secs(1))
        };
        Conf {
            scripts: vec![script(command, -2)],
            ..Conf::of(2, instance.vip("10.77.0.50/24"))
        }
    };
    let mut trial = Trial::new(pair, [conf(100, first_state == "MASTER"), conf(99, false)]);
    let (first, _second) = start_with_services(&mut trial);
    trial.await_owner(0);
    drop(first);
    trial.await_owner(1);
    let _first = Service::listen(trial.lab.router(0));
    trial.await_owner(0);
}

/// Equal states and a check without weight: a failed one is a fault, and who
/// recovers waits for its turn.
fn nopreempt(pair: Pair) {
    let interval = Duration::from_millis(100);
    let conf = |priority| {
        let instance = Instance {
            password: None,
            ..instance(priority, interval)
        };
        let instance = instance.vip("10.77.0.50/24").line("nopreempt");
        Conf {
            scripts: vec![script(CONNECT, 0)],
            ..Conf::of(3, instance)
        }
    };
    let mut trial = Trial::new(pair, [conf(100), conf(99)]);
    // One after the other: with nopreempt the first to be ready stays.
    let first = Service::listen(trial.lab.router(0));
    trial.start(0);
    trial.await_owner(0);
    let second = Service::listen(trial.lab.router(1));
    trial.start(1);
    drop(first);
    trial.await_owner(1);

    let back = Stamp::now();
    let _first = Service::listen(trial.lab.router(0));
    // Two checks to recover, then far longer than it would wait for a dead owner.
    throughout(Duration::from_secs(4), "the owner stays", || {
        match trial
            .tap
            .adverts(back)
            .iter()
            .find(|(_, node, a)| *node == 0 && a.priority > 0)
        {
            Some((_, _, advert)) => Err(format!("{advert:?}")),
            None => Ok(()),
        }
    });
    drop(second);
    trial.await_owner(0);
}

/// Two virtual routers, each router the owner of one, the other's backup.
fn dual_master_of(pair: Pair) {
    let conf = |own: u8, other: u8| {
        let second = Duration::from_secs(1);
        let one = |name: &str, vrid, priority, vip: &str| Instance {
            name: name.into(),
            vrid,
            state_master: priority == 100,
            ..instance(priority, second).vip(vip)
        };
        let vi_1 = one("VI_1", 51, own, "10.77.0.51");
        let vi_2 = one("VI_2", 52, other, "10.77.0.52");
        let mut conf = Conf::of(2, vi_1);
        conf.instances.push(vi_2);
        conf.scripts.push(script(CONNECT, -20));
        conf
    };
    let mut trial = Trial::new(pair, [conf(100, 90), conf(90, 100)]);
    let (first, _second) = start_with_services(&mut trial);
    let apart = |trial: &Trial| {
        trial.await_owner_of(0, 0);
        trial.await_owner_of(1, 1);
    };
    apart(&trial);
    drop(first);
    trial.await_owner(1);
    let _first = Service::listen(trial.lab.router(0));
    apart(&trial);
}

/// Both services first, so that no check of the start fails.
fn start_with_services(trial: &mut Trial) -> (Service, Service) {
    let services = [0, 1].map(|router| Service::listen(trial.lab.router(router)));
    trial.start(0);
    trial.start(1);
    let started = trial.running.iter().all(Option::is_some);
    assert!(started, "both within {PATIENCE:?}");
    services.into()
}
