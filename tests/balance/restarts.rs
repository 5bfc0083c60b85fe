//! Daemons that end and are followed by another.

use crate::stage::{Stage, VIP, conf, virtual_server};

const WORDS: &str = "lb_algo wrr\nlb_kind DR";

/// The daemon is killed, and another started at once: connections go on, to the servers
/// they had, although the file has another weight by now.
#[test]
fn connections_survive_a_restart() {
    let mut stage = Stage::with_one(&virtual_server(VIP, WORDS, &[1, 1, 1]));
    let mut held: Vec<_> = (0..6)
        .map(|_| stage.connect(VIP).expect("it connects"))
        .collect();
    let before: Vec<usize> = held
        .iter_mut()
        .map(|it| stage.ask(it).expect("an answer").0)
        .collect();
    let scheduled = stage.counter(0, "scheduled");
    stage.director(0).kill();
    stage.start(0, &conf(200, &virtual_server(VIP, WORDS, &[7, 1, 1])));
    stage.await_owner(0);
    stage.await_ready();
    let after: Vec<usize> = held
        .iter_mut()
        .map(|it| stage.ask(it).expect("an answer").0)
        .collect();
    assert_eq!(before, after);
    assert_eq!(stage.counter(0, "scheduled"), scheduled);
    assert_eq!(stage.counter(0, "reset_gone"), 0);
    let found = stage.spread(VIP, 9);
    assert_eq!(found[&0], 7, "{found:?}");
}

/// A successor without a `virtual_server` takes out what a dead one left.
#[test]
fn a_successor_without_services_forwards_nothing() {
    let mut stage = Stage::with_one(&virtual_server(VIP, WORDS, &[1, 1, 1]));
    stage.spread(VIP, 3);
    stage.director(0).kill();
    stage.start(0, &conf(200, ""));
    stage.await_owner(0);
    xvrrp_tests::wait::eventually(
        crate::stage::PATIENCE,
        "it forwards no more",
        || match stage.get(VIP) {
            Ok(_) => Err("it does".to_owned()),
            Err(_) => Ok(()),
        },
    );
}
