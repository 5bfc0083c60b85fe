//! Who forwards: the owner of the address, and nobody else.

use crate::stage::{PATIENCE, Stage, VIP, conf, virtual_server};
use nix::sys::signal::Signal;
use std::time::Duration;
use vrrp_user::shell::bpf::{Instance, Reader};
use xvrrp_tests::wait::{eventually, throughout};

const WORDS: &str = "lb_algo wrr\nlb_kind DR";

/// Packets to the address that the backup dropped.
fn shut_out(stage: &Stage) -> u64 {
    let instance = Instance::parse(&stage.lab.router(1).ns.cookie().to_string());
    let reader = Reader::open(&instance.expect("a cookie")).expect("maps");
    let counters = reader.snapshot().expect("maps").counters;
    counters.drop_vip_gate_shut + stage.counter(1, "drop_gate_shut")
}

/// Frames for the address that reach the backup go nowhere.
#[test]
fn a_backup_forwards_nothing() {
    let stage = Stage::with_pair(&virtual_server(VIP, WORDS, &[1, 1, 1]));
    stage.spread(VIP, 3);
    assert_eq!(stage.counter(1, "scheduled"), 0);
    let backup = stage
        .lab
        .router(1)
        .mac
        .map(|it| format!("{it:02x}"))
        .join(":");
    let wrong = format!("neigh replace {VIP} lladdr {backup} dev eth0 nud permanent");
    stage.lab.client().ns.ip(&wrong);
    let before = shut_out(&stage);
    assert!(stage.get(VIP).is_err(), "somebody answered");
    assert!(shut_out(&stage) > before, "they never reached it");
    assert_eq!(stage.counter(1, "scheduled"), 0);
}

/// The owner dies, or loses its cable: the backup forwards what comes then.
#[test]
fn the_backup_takes_over() {
    let services = virtual_server(VIP, WORDS, &[1, 1, 1]);
    let mut stage = Stage::with_pair(&services);
    stage.spread(VIP, 3);
    stage.director(0).kill();
    stage.await_owner(1);
    eventually(PATIENCE, "the other director forwards", || {
        stage.get(VIP).map_err(|error| error.to_string())
    });
    assert_eq!(stage.spread(VIP, 6).len(), 3);
    assert!(stage.counter(1, "scheduled") >= 6);
    stage.start(0, &conf(200, &services));
    stage.await_owner(0);
    stage.await_ready();
    let before = stage.counter(0, "scheduled");
    eventually(PATIENCE, "the first forwards again", || {
        stage.get(VIP).map_err(|error| error.to_string())
    });
    eventually(PATIENCE, "through the first", || {
        let _ = stage.get(VIP);
        match stage.counter(0, "scheduled") {
            now if now > before => Ok(()),
            _ => Err("not yet".to_owned()),
        }
    });
    stage.lab.unplug(0);
    stage.await_owner(1);
    eventually(PATIENCE, "the other director again", || {
        stage.get(VIP).map_err(|error| error.to_string())
    });
}

/// Nobody is left to take over: what the dead one's programs forward ends with its lease.
#[test]
fn a_dead_director_stops_with_its_lease() {
    let mut stage = Stage::with_one(&virtual_server(VIP, WORDS, &[1, 1, 1]));
    stage.spread(VIP, 3);
    stage.director(0).kill();
    eventually(PATIENCE, "it forwards no more", || match stage.get(VIP) {
        Ok(_) => Err("it does".to_owned()),
        Err(_) => Ok(()),
    });
    throughout(Duration::from_secs(2), "and stays so", || {
        match stage.get(VIP) {
            Ok(_) => Err("it forwards".to_owned()),
            Err(_) => Ok(()),
        }
    });
}

/// A clean stop leaves nothing that forwards, and nothing pinned.
#[test]
fn a_stopped_director_leaves_nothing() {
    let mut stage = Stage::with_one(&virtual_server(VIP, WORDS, &[1, 1, 1]));
    stage.spread(VIP, 3);
    stage.director(0).end_by(Signal::SIGTERM);
    assert!(stage.get(VIP).is_err(), "somebody answered");
    let pins = xvrrp_tests::namespace::pins_of(stage.lab.router(0).ns.cookie());
    assert!(pins.is_empty(), "{pins:?}");
}
