//! What every pair must do, whatever it speaks.

use xvrrp_tests::{
    capture::Stamp,
    conf::Conf,
    trial::{Pair, Trial},
    wait::throughout,
};

/// The better one is the owner and the other one silent; it leaves and the other
/// takes over; it comes back and is the owner again; it is killed and the other
/// takes over again.
pub(crate) fn whole_life(pair: Pair, confs: [Conf; 2]) -> Trial {
    let (vrid, interval) = (confs[0].instances[0].vrid, confs[0].instances[0].interval);
    let mut trial = Trial::settled(pair, confs);
    let settled = Stamp::now();
    throughout(interval * 8, "only the owner advertises", || {
        match trial
            .tap
            .adverts(settled)
            .iter()
            .find(|(_, node, _)| *node != 0)
        {
            Some((_, node, advert)) => Err(format!("router {node}: {advert:?}")),
            None => Ok(()),
        }
    });
    let left = trial.terminate(0);
    let takeover = trial.takeover(vrid, 1, left);
    assert!(takeover.resigned.is_some(), "priority 0 was sent");
    trial.await_owner(1);
    trial.start(0);
    trial.await_owner(0);
    let killed = trial.kill(0);
    trial.takeover(vrid, 1, killed);
    trial.await_owner(1);
    trial
}
